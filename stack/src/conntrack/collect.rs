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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::testing::{A, B, Tcp, ip, udp};
    use super::super::{ConntrackConfig, Entrance, HashKey};
    use super::*;
    use crate::packet::Attachment;

    const START: Instant = Instant::from_micros(4_000_000_000);

    /// Linux: a walk begins as if it had seen a hundred entries that live for ever.
    #[test]
    fn lives_are_averaged_with_those_of_a_hundred_that_never_end() {
        let mut collector = Collector::default();
        collector.begin(7);
        assert_eq!((collector.began, collector.average, collector.seen), (7, 2_147_483_647, 100));
        collector.note(10 * HZ);
        assert_eq!((collector.average, collector.seen), (2_147_483_647 - 2_147_481_147 / 101, 101));
    }

    /// Average and number so far, life of the next entry, average then. A life counts as one second to five minutes.
    #[rstest]
    #[case::longer(1000, 1, 3000, 2000)]
    #[case::shorter(3000, 3, 1000, 2500)]
    #[case::over(1000, 1, 0, 625)]
    #[case::endless(15_000, 1, u64::MAX, 45_000)]
    fn average_moves_by_its_share(
        #[case] average: u64,
        #[case] seen: u64,
        #[case] life: Jiffies,
        #[case] expected: u64,
    ) {
        let mut collector = Collector { average, seen, ..Collector::default() };
        collector.note(life);
        assert_eq!((collector.average, collector.seen), (expected, seen + 1));
    }

    /// Average life, jiffies that the walk took, and those from its end to the next: one second to one minute.
    #[rstest]
    #[case::average(10 * HZ, 0, 10 * HZ)]
    #[case::time_spent_counts(10 * HZ, HZ, 9 * HZ)]
    #[case::short_lives(1, 0, HZ)]
    #[case::long_walk(10 * HZ, 20 * HZ, HZ)]
    #[case::long_lives(100 * HZ, 0, 60 * HZ)]
    fn next_walk(#[case] average: u64, #[case] spent: Jiffies, #[case] expected: Jiffies) {
        let mut collector = Collector { average, began: 5, slot: 3, hurry: true, ..Collector::default() };
        collector.finish(5 + spent);
        assert_eq!(collector.due, Some(5 + spent + expected));
        assert_eq!((collector.slot, collector.hurry), (0, false));
    }

    fn pass(conntrack: &mut Conntrack, now: Instant, datagram: &[u8]) {
        let mut attachment = Attachment::NONE;
        conntrack.classify(now, Entrance::Prerouting, datagram, 0, &mut attachment);
        conntrack.confirm(now, &mut attachment);
    }

    /// A table of 20 that is full, of entries that live long enough to meet the collector.
    fn full(open: impl Fn(&mut Conntrack, u16)) -> Conntrack {
        let mut config =
            ConntrackConfig { max: 20, udp_timeout: 300, udp_timeout_stream: 300, ..Default::default() };
        config.tcp.close = 300;
        let mut conntrack = Conntrack::new(config, HashKey::from_seed(1));
        (0..20).for_each(|port| open(&mut conntrack, port));
        assert_eq!(conntrack.len(), 20);
        conntrack
    }

    fn unanswered(conntrack: &mut Conntrack, port: u16) {
        pass(conntrack, START, &ip(A, B, 17, &udp(A, B, (port, 53))));
    }

    fn stream(conntrack: &mut Conntrack, port: u16) {
        unanswered(conntrack, port);
        pass(conntrack, START, &ip(B, A, 17, &udp(B, A, (53, port))));
        let later = START + core::time::Duration::from_secs(3);
        pass(conntrack, later, &ip(A, B, 17, &udp(A, B, (port, 53))));
    }

    fn connection(conntrack: &mut Conntrack, port: u16) {
        for (is_answer, tcp) in [
            (false, Tcp::new((port, 80), "S", 100, 0)),
            (true, Tcp::new((80, port), "SA", 500, 101)),
            (false, Tcp::new((port, 80), "A", 101, 501)),
        ] {
            let (source, destination) = if is_answer { (B, A) } else { (A, B) };
            pass(conntrack, START, &ip(source, destination, 6, &tcp.octets(source, destination)));
        }
    }

    fn reset(conntrack: &mut Conntrack, port: u16) {
        connection(conntrack, port);
        let tcp = Tcp::new((port, 80), "RA", 101, 501);
        pass(conntrack, START, &ip(A, B, 6, &tcp.octets(A, B)));
    }

    /// Linux: after a packet was dropped for lack of room the walk makes some, until the table is 95 % full, of entries
    /// that are not assured and of TCP connections that are about to end.
    #[rstest]
    #[case::unanswered(unanswered, 1)]
    #[case::stream(stream, 0)]
    #[case::connection(connection, 0)]
    #[case::reset(reset, 1)]
    fn a_walk_in_a_hurry(#[case] open: fn(&mut Conntrack, u16), #[case] evicted: u64) {
        let mut conntrack = full(open);
        let due = conntrack.next_collection().unwrap();
        let mut calm = conntrack.clone();
        assert!(calm.collect(due, 100));
        assert_eq!((calm.len(), calm.statistics.early_drop), (20, 0));
        conntrack.collector.hurry();
        assert!(conntrack.collect(due, 100));
        assert_eq!((conntrack.len() as u64, conntrack.statistics.early_drop), (20 - evicted, evicted));
    }

    /// What is met alive moves the average, and so the next walk.
    #[test]
    fn a_walk_takes_note_of_what_it_meets() {
        let mut conntrack = full(unanswered);
        let due = conntrack.next_collection().unwrap();
        let notes = |slots: u32| {
            let mut conntrack = conntrack.clone();
            conntrack.collect(due, slots);
            (conntrack.collector.seen, conntrack.collector.slot)
        };
        assert_eq!([notes(1), notes(19)], [(101, 1), (119, 19)]);
        conntrack.collector = Collector { slot: 1, average: 0, ..conntrack.collector };
        conntrack.collect(due, 1);
        // The life that is left: of 300 seconds 60 are over.
        assert_eq!(conntrack.collector.average, 240 * HZ);
    }
}
