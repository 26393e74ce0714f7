//! Connection tracking: events of a step, and tables.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Comparison, Difference};
use crate::differential::rule::nat_port::NatPort;
use crate::differential::rule::{Context, conntrack_timeout};
use crate::model::observation::TrackedTuple;
use crate::model::{ConntrackEntry, ConntrackEvent, Dimension};

impl Comparison {
    pub(super) fn conntrack_events(
        &mut self,
        context: &Context<'_>,
        a: &[ConntrackEvent],
        b: &[ConntrackEvent],
        out: &mut Vec<Difference>,
    ) {
        let seconds = whole_seconds(context.elapsed);
        if self.rules.collection.is_idle(a, b) {
            return self.events(seconds, a, b, out);
        }
        let [a, b] = self.rules.collection.align(a, b);
        self.events(seconds, &a, &b, out);
    }

    fn events(&self, seconds: u32, a: &[ConntrackEvent], b: &[ConntrackEvent], out: &mut Vec<Difference>) {
        for index in 0..a.len().max(b.len()) {
            let (a, b) = (a.get(index), b.get(index));
            let equal = match (a, b) {
                (Some(a), Some(b)) => a.kind == b.kind && self.entries_agree(&a.entry, &b.entry, seconds),
                _ => false,
            };
            if !equal {
                let text = |event: Option<&ConntrackEvent>| {
                    event.map_or(String::new(), |event| {
                        format!("{:?} {}", event.kind, self.entry_text(&event.entry))
                    })
                };
                let class = match (a, b) {
                    (Some(a), Some(b)) => format!("{:?} {:?}", a.kind, b.kind),
                    (Some(a), None) => format!("only A {:?}", a.kind),
                    (None, b) => format!("only B {}", b.map_or(String::new(), |b| format!("{:?}", b.kind))),
                };
                let place = format!("conntrack.events[{index}]");
                out.push(Difference::new(Dimension::Conntrack, place, text(a), text(b), class));
            }
        }
    }

    /// Adds to `out` where two connection tracking tables differ, read within `elapsed` of each other.
    pub fn conntrack_tables(
        &self,
        elapsed: Duration,
        a: &[ConntrackEntry],
        b: &[ConntrackEntry],
        out: &mut Vec<Difference>,
    ) {
        let seconds = whole_seconds(elapsed);
        let mut left: BTreeMap<_, _> = b.iter().map(|entry| (connection(entry), entry)).collect();
        for entry in a {
            let other = left.remove(&connection(entry));
            if !other.is_some_and(|other| self.entries_agree(entry, other, seconds)) {
                out.push(self.table_difference(Some(entry), other));
            }
        }
        out.extend(left.into_values().map(|entry| self.table_difference(None, Some(entry))));
    }

    fn entries_agree(&self, a: &ConntrackEntry, b: &ConntrackEntry, seconds: u32) -> bool {
        connection(a) == connection(b)
            && self.rules.nat_port().tracked(a.protocol, a.reply, b.reply)
            && conntrack_timeout::agree(a.timeout_s, b.timeout_s, seconds)
            && NatPort::statuses(a, b)
            && (&a.tcp_state, a.accounting) == (&b.tcp_state, b.accounting)
    }

    fn table_difference(&self, a: Option<&ConntrackEntry>, b: Option<&ConntrackEntry>) -> Difference {
        // What is known to differ is no news when time has passed.
        let tells_time = a.zip(b).is_some_and(|(a, b)| a.timeout_s != b.timeout_s);
        let text = |entry: Option<&ConntrackEntry>| {
            let timeless = |entry: &ConntrackEntry| ConntrackEntry {
                timeout_s: entry.timeout_s.filter(|_| tells_time),
                ..entry.clone()
            };
            entry.map_or(String::new(), |entry| self.entry_text(&timeless(entry)))
        };
        let state = |entry: Option<&ConntrackEntry>| {
            entry.map_or("none".to_owned(), |entry| {
                format!("{} {:#x} {}", entry.protocol, entry.status, entry.tcp_state.as_deref().unwrap_or(""))
            })
        };
        let class = format!("{}; {}", state(a), state(b));
        Difference::new(Dimension::Conntrack, "conntrack.table".to_owned(), text(a), text(b), class)
    }

    /// A tracked connection on one line. What was drawn at random stays out of it.
    fn entry_text(&self, entry: &ConntrackEntry) -> String {
        let tuple = |tuple: &TrackedTuple, drawn: [bool; 2]| {
            let id = |id: u16, is_drawn| if is_drawn { "drawn".to_owned() } else { id.to_string() };
            format!(
                "{}:{} > {}:{}",
                tuple.source,
                id(tuple.source_id, drawn[0]),
                tuple.destination,
                id(tuple.destination_id, drawn[1])
            )
        };
        let mut text = format!(
            "protocol {} {} reply {} status {:#x}",
            entry.protocol,
            tuple(&entry.original, [false; 2]),
            tuple(&entry.reply, self.rules.nat_port().drawn_in_reply(entry)),
            entry.status
        );
        if let Some(state) = &entry.tcp_state {
            text.push_str(&format!(" {state}"));
        }
        if let Some(timeout) = entry.timeout_s {
            text.push_str(&format!(" {timeout}s"));
        }
        if let Some([original, reply]) = entry.accounting {
            text.push_str(&format!(
                " {}/{} and {}/{} packets/octets",
                original.0, original.1, reply.0, reply.1
            ));
        }
        text
    }
}

/// How many seconds something may have taken, rounded up from the half.
fn whole_seconds(elapsed: Duration) -> u32 {
    u32::try_from(elapsed.as_millis().saturating_add(500) / 1000).unwrap_or(u32::MAX - 1)
}

/// What tells a connection from all others in a table.
const fn connection(entry: &ConntrackEntry) -> (u8, u16, TrackedTuple) {
    (entry.protocol, entry.zone, entry.original)
}
