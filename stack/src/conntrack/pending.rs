//! Entries outside of the table: those of first packets that are still on their way, and those that ended while the
//! packet that ended them goes on.
//!
//! A packet may vanish anywhere without telling, so nothing is ever released here: the oldest gives way. One packet is
//! on its way at a time, with the few that it gives rise to, so that [`PLACES`] are plenty; a packet whose entry gave
//! way counts as invalid.

use alloc::vec::Vec;

use super::attachment::{EntryId, PendingId};
use super::entry::Detached;

/// How many there are.
pub(crate) const PLACES: usize = 64;

/// What became of an entry outside of the table.
#[derive(Clone, Debug)]
pub(crate) enum Pending {
    /// It is here.
    Here(Detached),
    /// It entered the table.
    Confirmed(EntryId),
}

/// The entries outside of the table.
#[derive(Clone, Debug, Default)]
pub(crate) struct PendingEntries {
    ring: Vec<Pending>,
    /// Name of the next one.
    next: u64,
}

impl PendingEntries {
    /// Keeps an entry; the oldest gives way.
    pub(crate) fn keep(&mut self, detached: Detached) -> PendingId {
        let id = PendingId(self.next);
        let pending = Pending::Here(detached);
        match self.ring.get_mut(self.next as usize % PLACES) {
            Some(place) => *place = pending,
            None => self.ring.push(pending),
        }
        self.next += 1;
        id
    }

    /// The entry of that name, if it has not given way.
    pub(crate) fn get(&self, id: PendingId) -> Option<&Pending> {
        self.is_held(id).then(|| self.ring.get(id.0 as usize % PLACES))?
    }

    /// As [`Self::get`], to change.
    pub(crate) fn get_mut(&mut self, id: PendingId) -> Option<&mut Pending> {
        if self.is_held(id) { self.ring.get_mut(id.0 as usize % PLACES) } else { None }
    }

    const fn is_held(&self, id: PendingId) -> bool {
        id.0 < self.next && self.next - id.0 <= PLACES as u64
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{A, B};
    use super::super::tuple::Tuple;
    use super::super::{Entry, protocol};
    use super::*;

    /// An entry that its zone names.
    fn detached(zone: u16) -> Detached {
        let original =
            Tuple { source: A, destination: B, source_id: 1, destination_id: 2, protocol: protocol::UDP };
        let entry = Entry::new(original, original.invert().unwrap(), zone);
        Detached { entry, tcp: None, accounts: Default::default() }
    }

    #[test]
    fn the_oldest_gives_way() {
        let mut pending = PendingEntries::default();
        let kept = PLACES as u64 + 3;
        for name in 0..kept {
            assert_eq!(pending.keep(detached(name as u16)), PendingId(name));
        }
        for name in 0..kept + 3 {
            let expected = (3..kept).contains(&name).then_some(name as u16);
            let zone = |found: Option<&Pending>| match found {
                Some(Pending::Here(detached)) => Some(detached.entry.zone),
                _ => None,
            };
            assert_eq!(zone(pending.get(PendingId(name))), expected, "{name}");
            assert_eq!(zone(pending.get_mut(PendingId(name)).map(|found| &*found)), expected, "{name}");
        }
    }
}
