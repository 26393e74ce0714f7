//! The collector: walks over the table now and then and removes what is over, so that expired entries that nobody
//! asks for do not stay.

use super::entry::{HZ, Jiffies, Status};
use super::tracker::Conntrack;
use super::tuple::protocol;
use crate::time::Instant;

/// Shortest and longest time between two walks.
const PERIOD: (Jiffies, Jiffies) = (HZ, 60 * HZ);
/// A single entry counts with at most this much life left.
const MAX_LIFE: Jiffies = 300 * HZ;
/// How many entries with endless life the average begins with: a few short-lived entries do not make it hurry.
const PRIOR: u64 = 100;
/// What such an entry counts as.
const PRIOR_LIFE: u64 = i32::MAX as u64;

/// Slots that [`Conntrack::collect`] should be given to look at in one go.
pub const COLLECT_STEP: u32 = 4096;

/// Where the collector is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Collector {
    /// When the next walk is due; `None` before the first entry.
    due: Option<Jiffies>,
    /// Next slot to look at, while a walk is under way.
    slot: u32,
    /// When the walk began.
    began: Jiffies,
    /// Average life left of the entries seen in this walk.
    average: u64,
    /// How many that were.
    seen: u64,
    /// A packet was dropped for lack of room: evict entries that are not worth much.
    hurry: bool,
}

impl Collector {
    /// A packet was dropped for lack of room.
    pub(super) const fn hurry(&mut self) {
        self.hurry = true;
    }

    /// There is something to collect.
    pub(super) fn start(&mut self, now: Jiffies) {
        self.due.get_or_insert(now.saturating_add(PERIOD.1));
    }

    const fn begin(&mut self, now: Jiffies) {
        self.began = now;
        self.average = PRIOR_LIFE;
        self.seen = PRIOR;
    }

    fn note(&mut self, life: Jiffies) {
        self.seen += 1;
        let life = life.clamp(PERIOD.0, MAX_LIFE);
        // The average moves toward the new value by its share.
        if life >= self.average {
            self.average += (life - self.average) / self.seen;
        } else {
            self.average -= (self.average - life) / self.seen;
        }
    }

    fn finish(&mut self, now: Jiffies) {
        let spent = now.saturating_sub(self.began);
        let period = self.average.clamp(PERIOD.0, PERIOD.1).saturating_sub(spent).max(PERIOD.0);
        self.due = Some(now.saturating_add(period));
        self.slot = 0;
        self.hurry = false;
    }
}

impl Conntrack {
    /// When [`Conntrack::collect`] is due; `None` while there is nothing to collect.
    pub fn next_collection(&self) -> Option<Instant> {
        if self.is_empty() {
            return None;
        }
        let due = self.collector.due?;
        Some(Instant::from_micros(due.saturating_mul(crate::time::MICROS_PER_JIFFY)))
    }

    /// Looks at up to `slots` slots if a walk is due, and removes what is over. Tells whether the walk is finished.
    pub fn collect(&mut self, now: Instant, slots: u32) -> bool {
        let now = now.jiffies();
        if self.collector.due.is_none_or(|due| now < due) {
            return true;
        }
        if self.collector.slot == 0 {
            self.collector.begin(now);
        }
        let end = self.collector.slot.saturating_add(slots).min(self.table.slots());
        for slot in self.collector.slot..end {
            self.collect_slot(now, slot);
        }
        self.collector.slot = end;
        if end < self.table.slots() {
            return false;
        }
        self.collector.finish(now);
        true
    }

    fn collect_slot(&mut self, now: Jiffies, slot: u32) {
        let Some(id) = self.table.id_of(slot) else { return };
        let Some(entry) = self.table.get(id) else { return };
        if entry.is_expired(now) {
            self.expire(now, id);
            return;
        }
        self.collector.note(entry.expires - now);
        let is_crowded = self.table.len() as u64 > u64::from(self.config.max) * 95 / 100;
        if self.collector.hurry && is_crowded && self.is_cheap(slot) {
            self.remove(now, id);
            self.statistics.early_drop += 1;
        }
    }

    /// Whether the entry may go when room is scarce: it is not assured, or a TCP connection that is about to end.
    fn is_cheap(&self, slot: u32) -> bool {
        let Some(entry) = self.table.id_of(slot).and_then(|id| self.table.get(id)) else { return false };
        if !entry.status.contains(Status::ASSURED) {
            return true;
        }
        entry.protocol() == protocol::TCP
            && self.table.tcp_of(entry).is_some_and(|record| record.state().is_closing())
    }
}
