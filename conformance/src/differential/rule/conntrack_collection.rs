//! When tracked connections whose time is over leave the table.
//!
//! An expired connection is dead for every lookup, but stays until a lookup or the collector meets it, and the collector
//! passes when it likes. Only its event tells.

use std::collections::{BTreeMap, BTreeSet};

use super::RuleInfo;
use crate::model::observation::TrackedTuple;
use crate::model::{ConntrackEvent, ConntrackEventKind};

/// What `netassay list rules` says.
pub const INFO: RuleInfo = RuleInfo {
    name: "conntrack-destroy-when-collected",
    applies_to: "the step and the order in which connection tracking tells that connections left the table",
    demands: "what one side tells first the other tells before anything else of that connection; the tables, which hold \
              no connection whose time is over, are equal",
    clause: "spec/linux-conntrack-nat.md §10b: the time of DESTROY for expired entries",
};

/// What tells a connection from others: protocol, zone, and the tuple with which it came.
type Flow = (u8, u16, TrackedTuple);

/// Events that one side told and the other still has to tell.
#[derive(Debug, Default)]
pub struct Collection {
    early: [BTreeMap<Flow, ConntrackEvent>; 2],
}

impl Collection {
    /// Whether the events of a step are to be compared just as they came.
    pub fn is_idle(&self, a: &[ConntrackEvent], b: &[ConntrackEvent]) -> bool {
        self.early.iter().all(BTreeMap::is_empty) && !a.iter().chain(b).any(is_destroy)
    }

    /// The events of a step without those that only differ in when they were told, and with those that were not told in
    /// time. Neighbors among the events that end a connection are in one order on both sides.
    pub fn align(&mut self, a: &[ConntrackEvent], b: &[ConntrackEvent]) -> [Vec<ConntrackEvent>; 2] {
        let ended = [a, b].map(|events| -> BTreeSet<Flow> {
            events.iter().filter(|event| is_destroy(event)).map(flow).collect()
        });
        let mut aligned = [Vec::new(), Vec::new()];
        for (side, events) in [a, b].into_iter().enumerate() {
            let other = 1 - side;
            for event in events {
                let flow = flow(event);
                if !is_destroy(event) {
                    aligned[other].extend(self.early[other].remove(&flow));
                    aligned[side].push(event.clone());
                } else if let Some(told) = self.early[other].remove(&flow) {
                    if told.entry != event.entry {
                        aligned[other].push(told);
                        aligned[side].push(event.clone());
                    }
                } else if ended[other].contains(&flow) {
                    aligned[side].push(event.clone());
                } else {
                    self.early[side].insert(flow, event.clone());
                }
            }
        }
        aligned.iter_mut().for_each(|events| {
            events.chunk_by_mut(|a, b| is_destroy(a) && is_destroy(b)).for_each(|run| run.sort_by_key(flow));
        });
        aligned
    }
}

const fn is_destroy(event: &ConntrackEvent) -> bool {
    matches!(event.kind, ConntrackEventKind::Destroy)
}

const fn flow(event: &ConntrackEvent) -> Flow {
    (event.entry.protocol, event.entry.zone, event.entry.original)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::model::ConntrackEntry;

    const NEW: ConntrackEventKind = ConntrackEventKind::New;
    const DESTROY: ConntrackEventKind = ConntrackEventKind::Destroy;

    fn event(kind: ConntrackEventKind, id: u16) -> ConntrackEvent {
        let ends = [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)];
        let tuple = |source, destination, destination_id| TrackedTuple {
            source,
            destination,
            source_id: id,
            destination_id,
        };
        let entry = ConntrackEntry {
            protocol: 1,
            original: tuple(ends[0], ends[1], 0x800),
            reply: tuple(ends[1], ends[0], 0),
            timeout_s: None,
            status: 0x208,
            tcp_state: None,
            zone: 0,
            accounting: None,
        };
        ConntrackEvent { kind, entry }
    }

    /// Whether both sides tell the same over these steps.
    fn agree(steps: &[(&[ConntrackEvent], &[ConntrackEvent])]) -> bool {
        let mut collection = Collection::default();
        steps.iter().all(|(a, b)| {
            let [a, b] = collection.align(a, b);
            a == b
        })
    }

    #[test]
    fn the_collector_may_come_before_the_lookup() {
        assert!(agree(&[(&[], &[event(DESTROY, 7)]), (&[event(DESTROY, 7)], &[])]));
        assert!(agree(&[
            (&[event(DESTROY, 7)], &[]),
            (&[event(NEW, 7)], &[event(DESTROY, 7), event(NEW, 7)])
        ]));
    }

    #[test]
    fn the_collector_has_no_order() {
        let (one, two) = ([event(DESTROY, 7), event(DESTROY, 8)], [event(DESTROY, 8), event(DESTROY, 7)]);
        assert!(agree(&[(&one, &two)]));
    }

    #[test]
    fn an_end_that_is_never_told_shows_when_the_connection_begins_anew() {
        assert!(!agree(&[(&[event(DESTROY, 7)], &[]), (&[event(NEW, 7)], &[event(NEW, 7)])]));
    }

    #[test]
    fn another_end_is_not_the_same() {
        let mut other = event(DESTROY, 7);
        other.entry.status = 0x20a;
        assert!(!agree(&[(&[event(DESTROY, 7)], &[]), (&[], &[other])]));
    }

    #[test]
    fn other_events_keep_their_step() {
        assert!(!agree(&[(&[event(NEW, 7)], &[]), (&[], &[event(NEW, 7)])]));
    }
}
