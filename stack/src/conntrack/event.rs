//! Events as ctnetlink reports them: an entry came, changed or went.

use alloc::collections::VecDeque;

use super::entry::Snapshot;

/// Most events that wait to be fetched; later ones are lost, and counted.
pub const MAX_EVENTS: usize = 65_536;

/// What happened to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// It entered the table.
    New,
    /// It changed.
    Update,
    /// It left the table.
    Destroy,
}

/// Something that happened to an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The entry as it was then.
    pub entry: Snapshot,
}

/// Events that wait to be fetched.
#[derive(Clone, Debug, Default)]
pub(crate) struct Events {
    waiting: VecDeque<Event>,
    lost: u64,
}

impl Events {
    /// Keeps an event, or counts it as lost when too many wait.
    pub(crate) fn push(&mut self, kind: EventKind, entry: Snapshot) {
        if self.waiting.len() < MAX_EVENTS {
            self.waiting.push_back(Event { kind, entry });
        } else {
            self.lost += 1;
        }
    }

    /// The event that waits longest.
    pub(crate) fn pop(&mut self) -> Option<Event> {
        self.waiting.pop_front()
    }

    /// How many were lost.
    pub(crate) const fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{A, B};
    use super::super::{Entry, Tuple, protocol};
    use super::*;

    #[test]
    fn events_that_nobody_fetches_are_lost_and_counted() {
        let original =
            Tuple { source: A, destination: B, source_id: 1, destination_id: 2, protocol: protocol::UDP };
        let entry = Entry::new(original, original.invert().unwrap(), 0);
        let snapshot = Snapshot::of(&entry, None, Default::default(), 0);
        let mut events = Events::default();
        (0..MAX_EVENTS + 2).for_each(|_| events.push(EventKind::New, snapshot.clone()));
        assert_eq!(events.lost(), 2);
        assert_eq!(core::iter::from_fn(|| events.pop()).count(), MAX_EVENTS);
    }
}
