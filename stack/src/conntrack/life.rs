//! How entries leave the table, and how others hear of it.

use super::attachment::{EntryId, Place, Tracked};
use super::entry::{Detached, Jiffies, Snapshot, Status};
use super::event::EventKind;
use super::pending::Pending;
use super::tracker::{Conntrack, MAX_ENTRIES};
use super::tuple::Tuple;
use crate::time::Instant;

/// Buckets of the modeled kernel that are searched for entries to evict.
const SEARCHED_BUCKETS: u64 = 8;

impl Conntrack {
    /// Removes an entry whose life is over.
    pub(super) fn expire(&mut self, now: Jiffies, id: EntryId) {
        self.remove(now, id);
    }

    /// Removes an entry and tells about it.
    pub(super) fn remove(&mut self, now: Jiffies, id: EntryId) -> Option<Detached> {
        let mut detached = self.table.remove(id)?;
        detached.entry.status |= Status::DYING;
        if detached.entry.reports {
            let Detached { entry, tcp, accounts } = &detached;
            self.events.push(EventKind::Destroy, Snapshot::of(entry, tcp.as_ref(), *accounts, now));
        }
        Some(detached)
    }

    /// Removes an entry while its packet goes on: it stays with the packet.
    pub(super) fn detach(&mut self, now: Jiffies, id: EntryId) -> Place {
        match self.remove(now, id) {
            Some(detached) => Place::Pending(self.pending.keep(detached)),
            None => Place::Table(id),
        }
    }

    /// Removes the entry of a packet, wherever it is.
    pub fn kill(&mut self, now: Instant, tracked: Tracked) {
        let id = match tracked.place {
            Place::Table(id) => id,
            Place::Pending(pending) => match self.pending.get_mut(pending) {
                Some(Pending::Confirmed(id)) => *id,
                Some(Pending::Here(detached)) => {
                    detached.entry.status |= Status::DYING;
                    return;
                }
                None => return,
            },
        };
        self.remove(now.jiffies(), id);
    }

    /// Removes all entries, in the order of their slots.
    pub fn flush(&mut self, now: Instant) {
        for slot in 0..self.table.slots() {
            if let Some(id) = self.table.id_of(slot) {
                self.remove(now.jiffies(), id);
            }
        }
    }

    /// Removes the entries that `condition` holds for, in the order of their slots.
    pub fn remove_if(&mut self, now: Instant, condition: impl Fn(&super::Entry) -> bool) {
        for slot in 0..self.table.slots() {
            let Some(id) = self.table.id_of(slot) else { continue };
            if self.table.get(id).is_some_and(&condition) {
                self.remove(now.jiffies(), id);
            }
        }
    }

    /// Tells that the entry came or changed. As in Linux this says nothing of what it counts, and of a TCP state only
    /// if it is new.
    pub(super) fn report(&mut self, now: Jiffies, id: EntryId, kind: EventKind) {
        let Some(entry) = self.table.get_mut(id) else { return };
        let has_new_state = core::mem::take(&mut entry.new_state);
        entry.changed = false;
        if !entry.reports {
            return;
        }
        if let Some(snapshot) = self.table.snapshot(id.slot, now) {
            let tcp_state = snapshot.tcp_state.filter(|_| has_new_state);
            self.events.push(kind, Snapshot { accounts: None, tcp_state, ..snapshot });
        }
    }

    /// Tells what packets have changed, once the packet has come through.
    pub(super) fn report_changes(&mut self, now: Jiffies, id: EntryId) {
        if self.table.get(id).is_some_and(|entry| entry.changed) {
            self.report(now, id, EventKind::Update);
        }
    }

    /// Whether one more entry may be made, evicting others if need be.
    pub(super) fn make_room(&mut self, now: Jiffies, tuple: Tuple, zone: u16) -> bool {
        let max = if self.config.max == 0 { MAX_ENTRIES } else { self.config.max.min(MAX_ENTRIES) };
        if self.table.len() < max as usize {
            return true;
        }
        // Without a limit of its own the table never evicts.
        if self.config.max != 0 && self.evict(now, tuple, zone) {
            return true;
        }
        self.collector.hurry();
        false
    }

    /// Evicts entries that are not assured.
    ///
    /// Linux looks at eight hash buckets beginning with that of the new tuple, and evicts from the first that has
    /// victims. Here as many neighboring slots take the place of a bucket as a bucket has entries on average, so the
    /// number searched and evicted is the same, but what is evicted does not depend on the layout of an index.
    fn evict(&mut self, now: Jiffies, tuple: Tuple, zone: u16) -> bool {
        let slots = u64::from(self.table.slots());
        let searched = 2 * SEARCHED_BUCKETS * self.table.len() as u64 / u64::from(self.config.buckets.max(1));
        let searched = searched.min(slots);
        let bucket = searched.div_ceil(SEARCHED_BUCKETS).max(1);
        let first = u64::from(self.table.slot_near(tuple, zone));
        let mut evicted = 0;
        for step in 0..searched {
            if step % bucket == 0 && evicted > 0 {
                break;
            }
            let slot = ((first + step) % slots) as u32;
            let Some(id) = self.table.id_of(slot) else { continue };
            let Some(entry) = self.table.get(id) else { continue };
            if entry.is_expired(now) {
                self.expire(now, id);
            } else if !entry.status.contains(Status::ASSURED) {
                self.remove(now, id);
                evicted += 1;
            }
        }
        self.statistics.early_drop += evicted;
        evicted > 0
    }
}
