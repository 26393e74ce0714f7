//! The table: entries by both tuples, in 151 octets or less per flow.
//!
//! Entries stand in a [`Slab`] in the order of their arrival, which is the order of every dump. The index over their
//! tuples is keyed, so nobody outside can choose tuples that fall together.

use alloc::vec::Vec;
use core::net::Ipv4Addr;
use core::num::NonZeroU16;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Place;

use super::attachment::EntryId;
use super::entry::{Account, Detached, Detail, Entry, Jiffies, Snapshot, Status};
use super::hash::HashKey;
use super::slab::Slab;
use super::tcp::TcpRecord;
use super::tuple::{Direction, Tuple, protocol};

/// The entries and what finds them.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    entries: Slab<Entry>,
    tcp: Slab<TcpRecord>,
    /// By slot; only as long as entries count.
    accounts: Vec<[Account; 2]>,
    /// Slot × 2 + direction, by tuple and zone.
    index: HashTable<u32>,
    /// Newest entry of an original source whose source translation was decided, by that source.
    sources: HashTable<u32>,
    key: HashKey,
    /// Counts inserted entries, to name them apart.
    inserted: u16,
}

/// Where an original source comes from: what entries have in common that may share a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    address: Ipv4Addr,
    id: u16,
    protocol: u8,
    zone: u16,
}

impl Source {
    /// The source of a tuple.
    pub(crate) const fn of(tuple: Tuple, zone: u16) -> Self {
        Self { address: tuple.source, id: tuple.source_id, protocol: tuple.protocol, zone }
    }

    fn hash(self, key: HashKey) -> u64 {
        let rest = u64::from(self.id) << 32 | u64::from(self.protocol) << 16 | u64::from(self.zone);
        key.hash(u64::from(self.address.to_bits()), rest)
    }
}

fn tuple_hash(key: HashKey, tuple: Tuple, zone: u16) -> u64 {
    let (addresses, ids) = tuple.words(zone);
    key.hash(addresses, ids)
}

/// The direction that an index entry stands for.
const fn direction_of(reference: u32) -> Direction {
    if reference & 1 == 0 { Direction::Original } else { Direction::Reply }
}

/// The tuple and zone that an index entry stands for.
fn indexed(entries: &Slab<Entry>, reference: u32) -> Option<(Tuple, u16)> {
    entries.get(reference >> 1).map(|entry| (entry.tuple(direction_of(reference)), entry.zone))
}

impl Table {
    /// An empty table.
    pub(crate) fn new(key: HashKey) -> Self {
        Self {
            entries: Slab::default(),
            tcp: Slab::default(),
            accounts: Vec::new(),
            index: HashTable::new(),
            sources: HashTable::new(),
            key,
            inserted: 0,
        }
    }

    /// Number of entries, expired ones included until somebody notices.
    pub(crate) const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Number of slots; every slot number is below it.
    pub(crate) const fn slots(&self) -> u32 {
        self.entries.slots()
    }

    /// A slot to start from that nobody outside can predict.
    pub(crate) fn slot_near(&self, tuple: Tuple, zone: u16) -> u32 {
        let spread = tuple_hash(self.key, tuple, zone) >> 32;
        ((spread * u64::from(self.slots())) >> 32) as u32
    }

    /// The entry that has this tuple, expired or not, and the direction it stands for.
    pub(crate) fn find(&self, tuple: Tuple, zone: u16) -> Option<(EntryId, Direction)> {
        let reference = *self.index.find(tuple_hash(self.key, tuple, zone), |&reference| {
            indexed(&self.entries, reference) == Some((tuple, zone))
        })?;
        let id = self.id_of(reference >> 1)?;
        Some((id, direction_of(reference)))
    }

    /// The name of the entry in a slot.
    pub(crate) fn id_of(&self, slot: u32) -> Option<EntryId> {
        self.entries.get(slot).map(|entry| EntryId { slot, generation: entry.generation })
    }

    /// The entry of that name, if it is still there.
    pub(crate) fn get(&self, id: EntryId) -> Option<&Entry> {
        self.entries.get(id.slot).filter(|entry| entry.generation == id.generation)
    }

    /// As [`Self::get`], to change. The tuples and the zone must stay.
    pub(crate) fn get_mut(&mut self, id: EntryId) -> Option<&mut Entry> {
        self.entries.get_mut(id.slot).filter(|entry| entry.generation == id.generation)
    }

    /// An entry and its TCP record, to change.
    pub(crate) fn parts_mut(&mut self, id: EntryId) -> Option<(&mut Entry, Option<&mut TcpRecord>)> {
        let entry = self.entries.get_mut(id.slot).filter(|entry| entry.generation == id.generation)?;
        let record =
            if entry.protocol() == protocol::TCP { self.tcp.get_mut(entry.detail.as_record()) } else { None };
        Some((entry, record))
    }

    /// The TCP record of an entry.
    pub(crate) fn tcp_of(&self, entry: &Entry) -> Option<&TcpRecord> {
        if entry.protocol() == protocol::TCP { self.tcp.get(entry.detail.as_record()) } else { None }
    }

    /// Counts a packet of `octets` octets.
    pub(crate) fn count(&mut self, id: EntryId, direction: Direction, octets: usize) {
        if let Some(account) =
            self.accounts.get_mut(id.slot as usize).and_then(|sides| sides.get_mut(direction.index()))
        {
            account.packets += 1;
            account.octets += octets as u64;
        }
    }

    /// What the entry in a slot counted.
    pub(crate) fn accounts_of(&self, slot: u32) -> [Account; 2] {
        self.accounts.get(slot as usize).copied().unwrap_or_default()
    }

    /// What the entry in a slot looks like.
    pub(crate) fn snapshot(&self, slot: u32, now: Jiffies) -> Option<Snapshot> {
        let entry = self.entries.get(slot)?;
        Some(Snapshot::of(entry, self.tcp_of(entry), self.accounts_of(slot), now))
    }

    /// Takes an entry in. Neither of its tuples may be there, other than the original one of an entry that lost a clash.
    pub(crate) fn insert(&mut self, detached: Detached) -> EntryId {
        let Detached { mut entry, tcp, accounts } = detached;
        if let Some(record) = tcp {
            entry.detail = Detail::record(self.tcp.insert(record));
        }
        self.inserted = self.inserted.wrapping_add(1);
        entry.generation = NonZeroU16::new(self.inserted).unwrap_or(NonZeroU16::MAX);
        (entry.newer, entry.older) = (0, 0);
        let (tuples, zone) = ([entry.original, entry.reply], entry.zone);
        let lost_clash = entry.status.contains(Status::NAT_CLASH);
        let is_mapped = entry.status.contains(Status::SRC_NAT_DONE);
        let (accounted, generation) = (entry.accounted, entry.generation);
        let slot = self.entries.insert(entry);
        // A conversation with itself has one tuple; it is found as the answer.
        if !lost_clash && tuples[0] != tuples[1] {
            self.index_tuple(tuples[0], zone, slot << 1);
        }
        self.index_tuple(tuples[1], zone, slot << 1 | 1);
        if is_mapped && !lost_clash {
            self.link_source(slot, Source::of(tuples[0], zone));
        }
        if accounted {
            self.keep_accounts(slot, accounts);
        }
        EntryId { slot, generation }
    }

    /// Takes an entry out.
    pub(crate) fn remove(&mut self, id: EntryId) -> Option<Detached> {
        self.get(id)?;
        self.unlink_source(id.slot);
        for direction in [Direction::Original, Direction::Reply] {
            self.unindex_tuple(id.slot << 1 | direction.index() as u32);
        }
        let entry = self.entries.remove(id.slot)?;
        let tcp =
            if entry.protocol() == protocol::TCP { self.tcp.remove(entry.detail.as_record()) } else { None };
        let accounts = self.accounts.get_mut(id.slot as usize).map(core::mem::take).unwrap_or_default();
        Some(Detached { entry, tcp, accounts })
    }

    /// The entries of `source` whose source translation was decided, newest first.
    pub(crate) fn of_source(&self, source: Source) -> impl Iterator<Item = &Entry> {
        let newest = self.newest_of(source);
        core::iter::successors(newest.and_then(|slot| self.entries.get(slot)), |entry| {
            self.entries.get(entry.older.checked_sub(1)?)
        })
    }

    fn newest_of(&self, source: Source) -> Option<u32> {
        let entries = &self.entries;
        self.sources.find(source.hash(self.key), |&slot| is_of(entries, slot, source)).copied()
    }

    fn index_tuple(&mut self, tuple: Tuple, zone: u16, reference: u32) {
        let Self { entries, index, key, .. } = self;
        let hash = tuple_hash(*key, tuple, zone);
        index.insert_unique(hash, reference, |&other| match indexed(entries, other) {
            Some((tuple, zone)) => tuple_hash(*key, tuple, zone),
            None => 0,
        });
    }

    fn unindex_tuple(&mut self, reference: u32) {
        let Some((tuple, zone)) = indexed(&self.entries, reference) else { return };
        let hash = tuple_hash(self.key, tuple, zone);
        if let Ok(place) = self.index.find_entry(hash, |&other| other == reference) {
            place.remove();
        }
    }

    fn keep_accounts(&mut self, slot: u32, accounts: [Account; 2]) {
        let slot = slot as usize;
        if self.accounts.len() <= slot {
            self.accounts.resize(slot + 1, [Account::default(); 2]);
        }
        self.accounts[slot] = accounts;
    }

    /// Makes the entry in `slot` the newest of its source.
    fn link_source(&mut self, slot: u32, source: Source) {
        let Self { entries, sources, key, .. } = self;
        let rehash = |&other: &u32| match entries.get(other) {
            Some(entry) => Source::of(entry.original, entry.zone).hash(*key),
            None => 0,
        };
        let place = sources.entry(source.hash(*key), |&other| is_of(entries, other, source), rehash);
        let previous = match place {
            Place::Occupied(mut place) => Some(core::mem::replace(place.get_mut(), slot)),
            Place::Vacant(place) => {
                place.insert(slot);
                None
            }
        };
        let Some(previous) = previous else { return };
        if let Some(entry) = self.entries.get_mut(slot) {
            entry.older = previous + 1;
        }
        if let Some(entry) = self.entries.get_mut(previous) {
            entry.newer = slot + 1;
        }
    }

    /// Takes the entry in `slot` out of the chain of its source.
    fn unlink_source(&mut self, slot: u32) {
        let Some(entry) = self.entries.get(slot) else { return };
        let (newer, older) = (entry.newer, entry.older);
        let source = Source::of(entry.original, entry.zone);
        if let Some(older) = older.checked_sub(1).and_then(|older| self.entries.get_mut(older)) {
            older.newer = newer;
        }
        if let Some(newer) = newer.checked_sub(1).and_then(|newer| self.entries.get_mut(newer)) {
            newer.older = older;
            return;
        }
        let found = self.sources.find_entry(source.hash(self.key), |&other| other == slot);
        let Ok(mut head) = found else { return };
        match older.checked_sub(1) {
            Some(older) => *head.get_mut() = older,
            None => {
                head.remove();
            }
        }
    }

    /// Octets reserved on the heap.
    #[cfg(test)]
    pub(crate) fn footprint(&self) -> usize {
        // A bucket is a number and a control octet; hashbrown fills at most 7 of 8 of a power of two.
        let buckets = |capacity: usize| (capacity * 8).div_ceil(7).next_power_of_two() * 5;
        self.entries.footprint()
            + self.tcp.footprint()
            + self.accounts.capacity() * size_of::<[Account; 2]>()
            + buckets(self.index.capacity())
            + buckets(self.sources.capacity())
    }

    /// Fails unless both tuples of each entry are found, and nothing else is.
    #[cfg(test)]
    pub(crate) fn check_invariants(&self) {
        let mut references = 0;
        let mut records = 0;
        for slot in 0..self.slots() {
            let Some(entry) = self.entries.get(slot) else { continue };
            let lost_clash = entry.status.contains(Status::NAT_CLASH);
            let is_half = lost_clash || entry.original == entry.reply;
            for direction in [Direction::Original, Direction::Reply] {
                if is_half && direction == Direction::Original {
                    continue;
                }
                references += 1;
                let found = self.find(entry.tuple(direction), entry.zone);
                assert_eq!(found, Some((self.id_of(slot).unwrap(), direction)), "{entry:?}");
            }
            records += usize::from(entry.protocol() == protocol::TCP);
            if entry.status.contains(Status::SRC_NAT_DONE) && !lost_clash {
                let source = Source::of(entry.original, entry.zone);
                assert!(self.of_source(source).any(|other| other == entry), "{entry:?} is not of its source");
            }
        }
        assert_eq!(self.index.len(), references);
        assert_eq!(self.tcp.len(), records);
    }
}

/// Whether the entry in `slot` is of `source`.
fn is_of(entries: &Slab<Entry>, slot: u32, source: Source) -> bool {
    entries.get(slot).is_some_and(|entry| Source::of(entry.original, entry.zone) == source)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(n: u32, protocol: u8) -> Detached {
        let original = Tuple {
            source: Ipv4Addr::from_bits(0x0a00_0000 | n),
            destination: Ipv4Addr::new(203, 0, 113, 9),
            source_id: n as u16,
            destination_id: 53,
            protocol,
        };
        let mut entry = Entry::new(original, original.invert().unwrap(), 0);
        entry.status = Status::CONFIRMED | Status::NAT_DONE;
        let tcp = (protocol == protocol::TCP).then(TcpRecord::new);
        Detached { entry, tcp, accounts: Default::default() }
    }

    #[rstest::rstest]
    #[case::udp(protocol::UDP, 97)]
    #[case::tcp(protocol::TCP, 153)]
    fn a_million_flows_fit_the_promised_memory(#[case] protocol: u8, #[case] octets_per_flow: usize) {
        const FLOWS: u32 = 1_000_000;
        let mut table = Table::new(HashKey::from_seed(1));
        for n in 0..FLOWS {
            table.insert(flow(n, protocol));
        }
        // Each flow has a source of its own here: the index of sources is as large as it can be.
        let footprint = table.footprint();
        assert!(footprint <= octets_per_flow * FLOWS as usize, "{footprint} octets");
        for n in (0..FLOWS).step_by(997) {
            let tuple = flow(n, protocol).entry.reply;
            assert_eq!(
                table.find(tuple, 0).map(|(id, direction)| (id.slot, direction)),
                Some((n, Direction::Reply))
            );
        }
    }

    #[test]
    fn every_slot_is_near_some_tuple() {
        let mut table = Table::new(HashKey::from_seed(1));
        for n in 0..8 {
            table.insert(flow(n, protocol::UDP));
        }
        let mut near = [0; 8];
        (0..1000).for_each(|n| near[table.slot_near(flow(n, protocol::UDP).entry.original, 0) as usize] += 1);
        assert!(near.iter().all(|times| (60..=190).contains(times)), "{near:?}");
    }

    /// What hashed alike would be one long chain, and slow.
    #[test]
    fn sources_that_differ_hash_differently() {
        let source = Source { address: Ipv4Addr::new(10, 0, 1, 2), id: 7, protocol: protocol::UDP, zone: 0 };
        let others = [
            Source { address: Ipv4Addr::new(10, 0, 1, 3), ..source },
            Source { id: 8, ..source },
            Source { protocol: protocol::TCP, ..source },
            Source { zone: 1, ..source },
        ];
        let key = HashKey::from_seed(1);
        for other in others {
            assert_ne!(source.hash(key), other.hash(key), "{other:?}");
        }
    }

    /// What lost a clash is found by its answers alone, and lends its mapping to nobody.
    #[rstest::rstest]
    #[case::winner(Status::NAT_DONE, true, 1)]
    #[case::not_mapped(Status::DST_NAT_DONE, true, 0)]
    #[case::loser(Status::NAT_DONE | Status::NAT_CLASH, false, 0)]
    fn tuples_by_which_an_entry_is_found(
        #[case] status: Status,
        #[case] by_original: bool,
        #[case] of_source: usize,
    ) {
        let mut table = Table::new(HashKey::from_seed(1));
        let mut detached = flow(7, protocol::UDP);
        detached.entry.status = status;
        let (original, reply) = (detached.entry.original, detached.entry.reply);
        let id = table.insert(detached);
        assert_eq!(table.find(original, 0), by_original.then_some((id, Direction::Original)));
        assert_eq!(table.find(reply, 0), Some((id, Direction::Reply)));
        assert_eq!(table.of_source(Source::of(original, 0)).count(), of_source);
        table.check_invariants();
        table.remove(id);
        assert_eq!((table.find(original, 0), table.find(reply, 0)), (None, None));
        table.check_invariants();
    }

    #[test]
    fn a_conversation_with_itself_is_found_as_the_answer() {
        let mut table = Table::new(HashKey::from_seed(1));
        let mut detached = flow(7, protocol::UDP);
        detached.entry.original = detached.entry.reply;
        let id = table.insert(detached.clone());
        assert_eq!(table.find(detached.entry.reply, 0), Some((id, Direction::Reply)));
        table.check_invariants();
    }

    #[test]
    fn entries_of_one_source_are_chained_newest_first() {
        let mut table = Table::new(HashKey::from_seed(1));
        let ids: Vec<EntryId> = (0..5_u8)
            .map(|n| {
                let mut flow = flow(7, protocol::UDP);
                flow.entry.original.destination = Ipv4Addr::new(192, 0, 2, n);
                flow.entry.reply.source = Ipv4Addr::new(192, 0, 2, n);
                table.insert(flow)
            })
            .collect();
        let chain = |table: &Table| -> Vec<u8> {
            let source = Source::of(flow(7, protocol::UDP).entry.original, 0);
            table.of_source(source).map(|entry| entry.original.destination.octets()[3]).collect()
        };
        assert_eq!(chain(&table), [4, 3, 2, 1, 0]);
        for (gone, rest) in [(2, &[4, 3, 1, 0][..]), (4, &[3, 1, 0]), (0, &[3, 1]), (1, &[3]), (3, &[])] {
            table.remove(ids[gone]);
            assert_eq!(chain(&table), rest);
            table.check_invariants();
        }
    }
}
