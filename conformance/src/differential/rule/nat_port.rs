//! Ports and ICMP identifiers that NAT draws at random after a clash or on request.
//!
//! A flow is known by the tuple with which it came; the tuple with which it goes on is its name on one side. The two
//! sides may draw different names for one flow, and from then on each name stands for the other wherever it shows:
//! in frames of both directions, in datagrams quoted by ICMP errors, in tracked tuples, in what sockets receive.

mod choice;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::SocketAddrV4;

use self::choice::Choices;
use super::checksum::{self, Covered};
use super::{Context, FramePair, RuleInfo};
use crate::differential::layout::{Layout, protocol};
use crate::differential::tuple::{Located, inverse, same_addresses};
use crate::model::observation::TrackedTuple;
use crate::model::{ConntrackEntry, ConntrackEvent, ConntrackEventKind, Scenario};

/// What `netassay list rules` says.
pub const INFO: RuleInfo = RuleInfo {
    name: "nat-port-renaming",
    applies_to: "ports and query identifiers that source NAT draws after a clash, or any NAT on request: in frames, in \
                 quoted datagrams, in tracked tuples and events, in what sockets receive",
    demands: "one rule of the scenario admits both, by its range or by the class of the original port; where a free port \
              is kept one side draws alone only if another of its flows has that port; a flow keeps its port as long as it is tracked; two flows never have \
              the same tuple on one side",
    clause: "RFC 4787 §4.1; spec/linux-conntrack-nat.md §7.4",
};

/// After so many tries the kernel gives up (spec/linux-conntrack-nat.md §7.4e).
const MOST_TRIES: u64 = 248;

/// How a tuple is known: with its protocol.
type Key = (u8, TrackedTuple);

/// How a flow is known: protocol, zone, and the tuple with which it came.
type Flow = (u8, u16, TrackedTuple);

/// The tuples with which one flow goes on, on A and on B.
#[derive(Clone, Copy, Debug)]
struct Names {
    translated: [TrackedTuple; 2],
    /// Whether the side no longer tracks the flow, so that its tuple is free again.
    is_gone: [bool; 2],
}

/// A flow that began at this step on one side.
#[derive(Clone, Copy, Debug)]
struct Birth {
    translated: TrackedTuple,
    is_gone: bool,
}

/// Flows of a trace with their names on the two sides.
#[derive(Debug, Default)]
pub struct NatPort {
    choices: Choices,
    flows: HashMap<Flow, Names>,
    /// Who has a tuple on A, and who on B.
    owners: [HashMap<Key, Flow>; 2],
    born: [HashMap<Flow, Birth>; 2],
    /// Names that were given up at this step, which still stand in what tells of it.
    past: Vec<(u8, [TrackedTuple; 2])>,
    /// How many taken numbers the searches since the last reading may have met.
    rejections: u64,
}

impl NatPort {
    /// Nothing drawn yet in a trace in `scenario`.
    pub fn new(scenario: &Scenario) -> Self {
        Self { choices: Choices::of(scenario), ..Self::default() }
    }

    /// Learns from the events of a step which flows began and which ended.
    pub fn learn(&mut self, a: &[ConntrackEvent], b: &[ConntrackEvent]) {
        if self.choices.is_empty() {
            return;
        }
        self.past.clear();
        for (side, events) in [a, b].into_iter().enumerate() {
            events.iter().for_each(|event| self.event(side, event));
        }
        let [mut born_a, mut born_b] = std::mem::take(&mut self.born);
        for (flow, a) in born_a.drain() {
            let Some(b) = born_b.remove(&flow) else { continue };
            self.forget(&flow);
            if let Some(names) = self.establish(flow, [a.translated, b.translated]) {
                names.is_gone = [a.is_gone, b.is_gone];
            }
        }
        born_b.clear();
        self.born = [born_a, born_b];
    }

    /// How far apart the two sides may have counted rejected candidates since this was asked last.
    pub fn take_rejections(&mut self) -> u64 {
        std::mem::take(&mut self.rejections)
    }

    /// Masks ports and identifiers, of the datagram and of one that it quotes, that stand for each other.
    pub fn apply(&mut self, context: &Context<'_>, pair: &mut FramePair<'_>) {
        if self.choices.is_empty() {
            return;
        }
        let outer = pair.layout;
        if let (Some(a), Some(b)) = (Located::of(pair.a, &outer), Located::of(pair.b, &outer))
            && a.tuple != b.tuple
            && (self.stand(a.protocol, a.tuple, b.tuple) || self.begins(context, &a, &b))
        {
            mask(pair, &a, &b, None);
        }
        // Translation believes nothing of a quoted header but its length, not even its version.
        let (Some(quote), Some(other)) = (outer.quote_start(pair.a), outer.quote_start(pair.b)) else {
            return;
        };
        if quote == other
            && quote.protocol(pair.a) == quote.protocol(pair.b)
            && let (Some(a), Some(b)) = (Located::of(pair.a, &quote), Located::of(pair.b, &quote))
            && a.tuple != b.tuple
            && self.stand(a.protocol, a.tuple, b.tuple)
        {
            let message = outer.payload();
            mask(pair, &a, &b, Some(Covered::new(message, message + 2)));
        }
    }

    /// Whether the answers to a tracked connection have tuples that stand for each other.
    pub fn tracked(&self, protocol: u8, a: TrackedTuple, b: TrackedTuple) -> bool {
        a == b || self.stand(protocol, a, b)
    }

    /// Whether chance decides on source and destination number of the answers to a tracked connection.
    pub fn drawn_in_reply(&self, entry: &ConntrackEntry) -> [bool; 2] {
        let translated = inverse(entry.protocol, entry.reply);
        let [source, destination] = self.choices.drawn(entry.protocol, entry.original, translated);
        if entry.protocol == protocol::ICMP { [source, false] } else { [destination, source] }
    }

    /// Whether what a socket received from `a` on one side and from `b` on the other came from one peer.
    pub fn sources(&self, a: SocketAddrV4, b: SocketAddrV4) -> bool {
        let end = |tuple: TrackedTuple| SocketAddrV4::new(tuple.source, tuple.source_id);
        a == b
            || self.flows.iter().any(|((protocol, ..), names)| {
                let [of_a, of_b] = names.translated;
                (end(of_a), end(of_b)) == (a, b)
                    || (end(inverse(*protocol, of_a)), end(inverse(*protocol, of_b))) == (a, b)
            })
    }

    fn event(&mut self, side: usize, event: &ConntrackEvent) {
        let entry = &event.entry;
        let flow = (entry.protocol, entry.zone, entry.original);
        match event.kind {
            ConntrackEventKind::New => {
                let translated = inverse(entry.protocol, entry.reply);
                self.born[side].insert(flow, Birth { translated, is_gone: false });
            }
            ConntrackEventKind::Destroy => {
                if let Some(birth) = self.born[side].get_mut(&flow) {
                    birth.is_gone = true;
                } else if let Some(names) = self.flows.get_mut(&flow) {
                    names.is_gone[side] = true;
                    if names.is_gone == [true; 2] {
                        self.forget(&flow);
                    }
                }
            }
            ConntrackEventKind::Update => {}
        }
    }

    /// Whether the frames are the first of a flow that no event told of, or the first after both sides drew anew.
    fn begins(&mut self, context: &Context<'_>, a: &Located, b: &Located) -> bool {
        let Some((stimulus, layout)) = context.stimulus else { return false };
        let Some(came) = Located::of(stimulus, &layout).filter(|came| came.protocol == a.protocol) else {
            return false;
        };
        let flow = (a.protocol, 0, came.tuple);
        let translated = [a.tuple, b.tuple];
        let is_redrawn =
            |names: &Names| names.translated.iter().zip(&translated).all(|(before, now)| before != now);
        match self.flows.get(&flow) {
            Some(names) if !is_redrawn(names) => return false,
            Some(_) => self.forget(&flow),
            None => {}
        }
        self.establish(flow, translated).is_some()
    }

    /// Gives a flow its names, if chance may have chosen them and nobody has them.
    fn establish(&mut self, flow: Flow, translated: [TrackedTuple; 2]) -> Option<&mut Names> {
        let (protocol, _, original) = flow;
        let [a, b] = translated;
        if a != b {
            let is_excused = self.is_excused(flow, translated);
            let is_admitted = self.choices.admit(protocol, original, translated, is_excused);
            if !(same_addresses(a, b) && is_admitted) {
                return None;
            }
        }
        for (side, tuple) in translated.into_iter().enumerate() {
            let owner = self.owners[side].get(&(protocol, tuple)).copied();
            match owner.map(|owner| (owner, self.flows.get(&owner))) {
                Some((owner, Some(names))) if names.is_gone[side] => self.forget(&owner),
                Some((_, Some(_))) => return None,
                _ => {}
            }
        }
        if translated.iter().any(|tuple| self.choices.drawn(protocol, original, *tuple).contains(&true)) {
            // Each number that a search rejects belongs to another flow; what the flow came with and what it had before
            // were looked at already.
            self.rejections += (self.flows.len() as u64).min(MOST_TRIES) + 2;
        }
        for (owners, tuple) in self.owners.iter_mut().zip(translated) {
            owners.insert((protocol, tuple), flow);
        }
        Some(self.flows.entry(flow).insert_entry(Names { translated, is_gone: [false; 2] }).into_mut())
    }

    /// Whether each side that does not keep the number with which a flow came has given it to another, or has a mapping of
    /// the same source already (spec/linux-conntrack-nat.md §7.4b).
    fn is_excused(&self, flow: Flow, translated: [TrackedTuple; 2]) -> bool {
        let (protocol, _, original) = flow;
        translated.iter().enumerate().all(|(side, tuple)| {
            let kept = (protocol, TrackedTuple { source_id: original.source_id, ..*tuple });
            tuple.source_id == original.source_id
                || self.is_mapped(side, flow, *tuple)
                || self.owners[side]
                    .get(&kept)
                    .filter(|owner| **owner != flow)
                    .and_then(|owner| self.flows.get(owner))
                    .is_some_and(|names| !names.is_gone[side])
        })
    }

    /// Whether `side` translates another flow of the same source to the source of `tuple`.
    fn is_mapped(&self, side: usize, flow: Flow, tuple: TrackedTuple) -> bool {
        let source = |tuple: TrackedTuple| (tuple.source, tuple.source_id);
        let (protocol, zone, original) = flow;
        self.flows.iter().any(|(other, names)| {
            *other != flow
                && (other.0, other.1, source(other.2)) == (protocol, zone, source(original))
                && source(names.translated[side]) == source(tuple)
                && !names.is_gone[side]
        })
    }

    fn forget(&mut self, flow: &Flow) {
        let Some(names) = self.flows.remove(flow) else { return };
        self.past.push((flow.0, names.translated));
        for (owners, tuple) in self.owners.iter_mut().zip(names.translated) {
            owners.remove(&(flow.0, tuple));
        }
    }

    /// Whether tuple `a` of side A is what side B calls `b`, in either direction.
    fn stand(&self, protocol: u8, a: TrackedTuple, b: TrackedTuple) -> bool {
        let forth = |a: TrackedTuple, b: TrackedTuple| {
            let flow = self.owners[0].get(&(protocol, a));
            flow.and_then(|flow| self.flows.get(flow)).is_some_and(|names| names.translated == [a, b])
                || self.past.contains(&(protocol, [a, b]))
        };
        forth(a, b) || forth(inverse(protocol, a), inverse(protocol, b))
    }
}

/// Takes the ports or identifiers that differ out of the comparison. A checksum over them absorbs what they account
/// for, so that `outer`, that of a message around it, only follows where there is none.
fn mask(pair: &mut FramePair<'_>, a: &Located, b: &Located, outer: Option<Covered>) {
    let source = Some(a.source_id).filter(|_| a.tuple.source_id != b.tuple.source_id);
    let destination = a.destination_id.filter(|_| a.tuple.destination_id != b.tuple.destination_id);
    for at in [source, destination].into_iter().flatten() {
        zero(pair.a, at, a.sum, outer);
        zero(pair.b, at, b.sum, outer);
    }
}

fn zero(frame: &mut [u8], at: usize, inner: Option<Covered>, outer: Option<Covered>) {
    let is_none = |sum: &Covered| sum.zero_is_none && frame.get(sum.at..sum.at + 2) == Some(&[0, 0]);
    match inner.filter(|sum| !is_none(sum)).or(outer) {
        Some(sum) => checksum::mask(frame, at..at + 2, sum),
        None => frame[at..at + 2].fill(0),
    }
}

/// Masks the ports or the identifier of one frame if NAT drew them.
pub(super) fn blank(context: &Context<'_>, frame: &mut [u8], layout: &Layout) {
    let Some((stimulus, arrived)) = context.stimulus else { return };
    let Some(came) = Located::of(stimulus, &arrived) else { return };
    let Some(goes) = Located::of(frame, layout).filter(|goes| goes.protocol == came.protocol) else { return };
    let choices = Choices::of(context.scenario);
    let [source, destination] = choices.drawn(came.protocol, came.tuple, goes.tuple);
    if source {
        zero(frame, goes.source_id, goes.sum, None);
    }
    if let Some(at) = goes.destination_id.filter(|_| destination) {
        zero(frame, at, goes.sum, None);
    }
}
