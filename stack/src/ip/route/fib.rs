//! The routing table: the longest prefix wins, then the local table, then the lowest metric, then the oldest route.
//!
//! Linux keeps the tables `local` and `main` apart only once there are rules; until then a longer prefix of `main` wins
//! over a shorter one of `local`, and what `main` holds counts wherever an address is classified.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::Route;
use crate::address::Prefix;
use crate::config::{RouteKind, RouteTable, Scope};
use crate::interface::InterfaceId;

/// A route as it stands in a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// Destinations it covers; the address is the network's.
    pub(crate) to: Prefix,
    /// What it does.
    pub(crate) kind: RouteKind,
    /// Table it was put into.
    pub(crate) table: RouteTable,
    /// How far its destinations are.
    pub(crate) scope: Scope,
    /// Interface; the loopback interface for routes that refuse.
    pub(crate) outgoing: InterfaceId,
    /// Gateway.
    pub(crate) gateway: Option<Ipv4Addr>,
    /// Preferred source as given.
    pub(crate) given_source: Option<Ipv4Addr>,
    /// Preferred source as it comes out of the addresses; 0.0.0.0 if there is none.
    pub(crate) source: Ipv4Addr,
    /// The lowest wins among routes of the same prefix.
    pub(crate) metric: u32,
    /// MTU metric; 0 if none.
    pub(crate) mtu: u32,
    /// Whether path MTU discovery leaves it alone.
    pub(crate) mtu_locked: bool,
    /// TTL.
    pub(crate) hoplimit: Option<u8>,
    /// What all this comes to.
    pub(crate) ways: Ways,
}

impl Entry {
    /// Where it stands in a table: the lowest first, then the oldest. Numbers, which are compared at once.
    fn rank(&self) -> (u64, RouteTable, u32) {
        let prefix = u64::from(u8::MAX - self.to.length) << 32 | u64::from(self.to.network().to_bits());
        (prefix, self.table, self.metric)
    }
}

/// What an entry says of datagrams, learned things apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ways {
    /// Of one that came in.
    pub(crate) inward: Route,
    /// Of one that was made here.
    pub(crate) outward: Route,
}

impl Default for Ways {
    fn default() -> Self {
        Self { inward: Route::DELIVERY, outward: Route::DELIVERY }
    }
}

/// The entries of one prefix length: a range of [`Table::entries`], sorted by network.
#[derive(Clone, Copy, Debug)]
struct Group {
    mask: u32,
    start: usize,
    end: usize,
}

/// A routing table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// Longest prefix first, then by network, table, metric and age.
    entries: Vec<Entry>,
    groups: Vec<Group>,
    /// First addresses of the ranges in which the same entry wins, [`ordered`] and ascending from 0.0.0.0.
    ranges: Vec<i32>,
    /// The winner of each range; [`NO_ENTRY`] where there is none.
    winners: Vec<u32>,
}

/// No position in [`Table::entries`].
const NO_ENTRY: u32 = u32::MAX;
/// Up to so many ranges are not searched but counted.
const FEW: usize = 48;

/// An address as a signed number in the same order: vector instructions compare no others.
#[inline]
const fn ordered(address: u32) -> i32 {
    (address ^ 1 << 31) as i32
}

impl Table {
    /// The table that holds `entries`, given in order of age.
    pub(crate) fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_by_key(Entry::rank);
        let mut table = Self { entries, ..Self::default() };
        table.group();
        table
    }

    /// Adds the youngest entry; [`Table::settle`] is due again.
    pub(crate) fn add(&mut self, entry: Entry) {
        let place = self.entries.partition_point(|known| known.rank() <= entry.rank());
        self.entries.insert(place, entry);
        self.group();
        self.ranges.clear();
        self.winners.clear();
    }

    fn group(&mut self) {
        self.groups.clear();
        for (position, entry) in self.entries.iter().enumerate() {
            match self.groups.last_mut() {
                Some(group) if group.mask == entry.to.mask() => group.end = position + 1,
                _ => self.groups.push(Group { mask: entry.to.mask(), start: position, end: position + 1 }),
            }
        }
    }

    /// Finds out once and for all which entry wins where, so that [`Table::lookup`] is one search among few numbers.
    pub(crate) fn settle(&mut self) {
        let bounds = |entry: &Entry| {
            let first = entry.to.network().to_bits();
            [Some(first), (first | !entry.to.mask()).checked_add(1)]
        };
        let mut ranges: Vec<u32> = self.entries.iter().flat_map(bounds).flatten().collect();
        ranges.push(0);
        ranges.sort_unstable();
        ranges.dedup();
        let winner = |first: &u32| {
            let position = self.position_where(Ipv4Addr::from_bits(*first), |_| true);
            position.and_then(|position| u32::try_from(position).ok()).unwrap_or(NO_ENTRY)
        };
        self.winners = ranges.iter().map(winner).collect();
        self.ranges = ranges.into_iter().map(ordered).collect();
    }

    /// All entries.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// All entries, to complete them; prefixes and metrics must stay.
    pub(crate) fn entries_mut(&mut self) -> &mut [Entry] {
        &mut self.entries
    }

    /// The best route to `destination`.
    #[inline]
    pub(crate) fn lookup(&self, destination: Ipv4Addr) -> Option<&Entry> {
        let sought = ordered(destination.to_bits());
        let following = if self.ranges.len() <= FEW {
            // Counting them all has no step that waits for the one before.
            self.ranges.iter().map(|first| u32::from(*first <= sought)).sum::<u32>() as usize
        } else {
            self.ranges.partition_point(|first| *first <= sought)
        };
        match following.checked_sub(1).and_then(|range| self.winners.get(range)) {
            Some(winner) => self.entries.get(*winner as usize),
            None => self.lookup_unsettled(destination),
        }
    }

    #[cold]
    #[inline(never)]
    fn lookup_unsettled(&self, destination: Ipv4Addr) -> Option<&Entry> {
        self.lookup_where(destination, |_| true)
    }

    /// The best route to `destination` among those that `admits` lets pass.
    pub(crate) fn lookup_where(
        &self,
        destination: Ipv4Addr,
        admits: impl FnMut(&Entry) -> bool,
    ) -> Option<&Entry> {
        self.entries.get(self.position_where(destination, admits)?)
    }

    fn position_where(&self, destination: Ipv4Addr, mut admits: impl FnMut(&Entry) -> bool) -> Option<usize> {
        self.groups.iter().find_map(|group| {
            let network = destination.to_bits() & group.mask;
            let entries = self.entries.get(group.start..group.end)?;
            let first = entries.partition_point(|entry| entry.to.address.to_bits() < network);
            let same = entries.iter().skip(first).take_while(|entry| entry.to.address.to_bits() == network);
            let found = same.into_iter().position(&mut admits)?;
            Some(group.start + first + found)
        })
    }
}

#[cfg(test)]
mod tests {
    use quickcheck::quickcheck;
    use rstest::rstest;
    use std::vec;

    use super::*;

    fn entry(network: [u8; 4], length: u8, metric: u32, outgoing: u16) -> Entry {
        Entry {
            to: Prefix::new(network.into(), length),
            kind: RouteKind::Unicast,
            table: RouteTable::Main,
            scope: Scope::Global,
            outgoing: InterfaceId(outgoing),
            gateway: None,
            given_source: None,
            source: Ipv4Addr::UNSPECIFIED,
            metric,
            mtu: 0,
            mtu_locked: false,
            hoplimit: None,
            ways: Ways::default(),
        }
    }

    #[rstest]
    #[case::host_route([10, 0, 0, 7], Some(1))]
    #[case::lowest_metric_of_the_subnet([10, 0, 0, 8], Some(3))]
    #[case::oldest_of_equals([10, 1, 0, 1], Some(4))]
    #[case::default([8, 8, 8, 8], Some(6))]
    fn longest_prefix_then_metric_then_age(#[case] destination: [u8; 4], #[case] expected: Option<u16>) {
        let mut table = Table::new(vec![
            entry([10, 0, 0, 0], 24, 9, 2),
            entry([10, 0, 0, 0], 24, 1, 3),
            entry([10, 0, 0, 7], 32, 0, 1),
            entry([10, 1, 0, 0], 16, 0, 4),
            entry([10, 1, 0, 0], 16, 0, 5),
            entry([0, 0, 0, 0], 0, 0, 6),
        ]);
        assert_eq!(table.lookup(destination.into()).map(|entry| entry.outgoing.0), expected);
        table.settle();
        assert_eq!(table.lookup(destination.into()).map(|entry| entry.outgoing.0), expected);
    }

    quickcheck! {
        fn a_settled_table_finds_what_the_search_by_prefix_finds(routes: Vec<(u32, u8, u8)>, at: Vec<u32>) -> bool {
            let entries = routes.iter().enumerate().map(|(position, (network, length, metric))| {
                // Few networks, so that prefixes lie inside each other and the ends of the space are reached.
                let network = network & 0x8000_0003 | (network & 4) << 26;
                let prefix = Prefix::new(network.into(), length % 33);
                entry(prefix.network().octets(), length % 33, u32::from(metric % 2), position as u16)
            });
            let mut table = Table::new(entries.collect());
            table.settle();
            let edges = [0, 1, 3, 4, 1 << 31, (1 << 31) - 1, u32::MAX];
            at.into_iter().chain(edges).map(Ipv4Addr::from_bits).all(|destination| {
                let wanted = table.lookup_where(destination, |_| true).map(|entry| entry.outgoing);
                table.lookup(destination).map(|entry| entry.outgoing) == wanted
            })
        }
    }

    #[test]
    fn the_next_of_equal_routes_is_taken_where_the_first_is_not_admitted() {
        let table = Table::new(vec![
            entry([10, 1, 0, 0], 16, 0, 1),
            entry([10, 1, 0, 0], 16, 1, 2),
            entry([10, 1, 0, 0], 16, 2, 3),
        ]);
        let found = table.lookup_where([10, 1, 0, 1].into(), |entry| entry.outgoing != InterfaceId(1));
        assert_eq!(found.map(|entry| entry.outgoing.0), Some(2));
    }

    quickcheck! {
        fn entries_that_are_added_stand_as_if_they_had_been_there(routes: Vec<(u32, u8, u8)>) -> bool {
            let entries: Vec<Entry> = routes
                .iter()
                .enumerate()
                .map(|(position, (network, length, metric))| {
                    let prefix = Prefix::new((network & 0x8000_0003).into(), length % 33);
                    entry(prefix.network().octets(), length % 33, u32::from(metric % 2), position as u16)
                })
                .collect();
            let mut table = Table::default();
            entries.iter().for_each(|entry| table.add(*entry));
            let places = |table: &Table| -> Vec<u16> {
                table.entries().iter().map(|entry| entry.outgoing.0).collect()
            };
            places(&table) == places(&Table::new(entries))
        }
    }

    #[test]
    fn an_empty_table_has_no_route() {
        assert!(Table::default().lookup(Ipv4Addr::LOCALHOST).is_none());
    }
}
