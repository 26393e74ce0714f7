//! Ports and ICMP identifiers that NAT draws at random after a clash or on request.
//!
//! A flow is known by the tuple with which it came; the tuple with which it goes on is its name on one side. The two
//! sides may draw different names for one flow, and from then on each name stands for the other wherever it shows:
//! in frames of both directions, in datagrams quoted by ICMP errors, in tracked tuples, in what sockets receive.

mod choice;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::net::{Ipv4Addr, SocketAddrV4};

use self::choice::{Choices, Excuse};
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
              is kept one side draws alone only if it cannot keep it, or has a mapping of the same source; a flow keeps its \
              port as long as it is tracked, and says so in its status; two flows of a zone never have the same tuple on \
              one side",
    clause: "RFC 4787 §4.1; spec/linux-conntrack-nat.md §7.4",
};

/// Status bit of a connection whose source was translated (`IPS_SRC_NAT`).
const SRC_NAT: u32 = 0x10;
/// After so many tries the kernel gives up (spec/linux-conntrack-nat.md §7.4e).
const MOST_TRIES: u64 = 248;

/// How a flow is known: protocol, zone, and the tuple with which it came. How a tuple is known: likewise.
type Flow = (u8, u16, TrackedTuple);

/// The tuples with which one flow goes on, on A and on B.
#[derive(Clone, Copy, Debug)]
struct Names {
    translated: [TrackedTuple; 2],
    /// Whether the side no longer tracks the flow, so that its tuple is free again.
    is_gone: [bool; 2],
}

impl Names {
    /// Whether frames with the tuples `translated`, which come from what the source of the flow wears or go to it, are the
    /// same otherwise; `None` if they have to do with another source. What goes to it may take a source route, and then
    /// has the address of a hop.
    fn dress(&self, protocol: u8, translated: [TrackedTuple; 2]) -> Option<bool> {
        let worn = self.translated.map(source);
        let answered = translated.map(|tuple| inverse(protocol, tuple));
        let comes_from_it = translated.map(source) == worn;
        let goes_to_it = || answered.map(|tuple| tuple.source_id) == worn.map(|(_, id)| id);
        let [one, other] = if comes_from_it {
            translated
        } else if goes_to_it() {
            answered
        } else {
            return None;
        };
        Some(same_addresses(one, other) && one.destination_id == other.destination_id)
    }
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
    owners: [HashMap<Flow, Flow>; 2],
    /// Zones of flows: a frame does not tell its zone.
    zones: BTreeSet<u16>,
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

    /// Counts the search for a number of a flow that no event tells of: a query for which a destination rule draws an
    /// identifier may be dropped before Postrouting.
    pub fn searched_in_vain(&mut self, context: &Context<'_>) {
        if self.choices.is_empty() {
            return;
        }
        let came = context.stimulus.and_then(|(stimulus, layout)| Located::of(stimulus, &layout));
        let draws = |came: &Located| self.choices.draws_at_entrance(came.protocol, came.tuple);
        let Some(came) = came.filter(draws) else { return };
        if !self.zones.iter().any(|zone| self.flows.contains_key(&(came.protocol, *zone, came.tuple))) {
            self.rejections += (self.flows.len() as u64).min(MOST_TRIES) + 2;
        }
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

    /// Whether the status bits of a tracked connection are the same but for that which says that its source was translated,
    /// where one side could keep the source and so left that bit out.
    pub fn statuses(a: &ConntrackEntry, b: &ConntrackEntry) -> bool {
        let kept = [a, b].map(|entry| {
            let worn = inverse(entry.protocol, entry.reply);
            source(worn) == source(entry.original)
        });
        let differing = a.status ^ b.status;
        differing == 0
            || (differing == SRC_NAT
                && kept[0] != kept[1]
                && [a, b].into_iter().zip(kept).all(|(entry, kept)| (entry.status & SRC_NAT == 0) == kept))
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
        let translated = inverse(entry.protocol, entry.reply);
        match event.kind {
            ConntrackEventKind::New => {
                self.born[side].insert(flow, Birth { translated, is_gone: false });
            }
            ConntrackEventKind::Destroy => {
                // What ends may be an earlier flow that came with the same tuple.
                let born = self.born[side].get_mut(&flow).filter(|birth| birth.translated == translated);
                let known = self.flows.get_mut(&flow).filter(|names| names.translated[side] == translated);
                if let Some(birth) = born {
                    birth.is_gone = true;
                } else if let Some(names) = known {
                    names.is_gone[side] = true;
                    if names.is_gone == [true; 2] {
                        self.forget(&flow);
                    }
                }
            }
            ConntrackEventKind::Update => {}
        }
    }

    /// Whether the frames belong to the flow of what came: they come from or go to what its source wears, with another
    /// destination by a source route or another code than tracking expects, or they are the first of a flow that no event
    /// told of, or the first after both sides drew anew.
    fn begins(&mut self, context: &Context<'_>, a: &Located, b: &Located) -> bool {
        let Some((stimulus, layout)) = context.stimulus else { return false };
        let translated = [a.tuple, b.tuple];
        if layout.fragment_offset(stimulus) != 0 && layout.protocol(stimulus) == a.protocol {
            // What completes a datagram does not tell of whom it is.
            let is_of_protocol = |(flow, _): &(&Flow, &Names)| flow.0 == a.protocol;
            let mut flows = self.flows.iter().filter(is_of_protocol);
            return flows.any(|(_, names)| names.dress(a.protocol, translated) == Some(true));
        }
        let Some(came) = Located::of(stimulus, &layout).filter(|came| came.protocol == a.protocol) else {
            return false;
        };
        let in_zone = |zone: &u16| (a.protocol, *zone, came.tuple);
        let flow = self.zones.iter().map(in_zone).find(|flow| self.flows.contains_key(flow));
        let flow = flow.unwrap_or(in_zone(&0));
        if let Some(names) = self.flows.get(&flow) {
            if let Some(is_same) = names.dress(a.protocol, translated) {
                return is_same;
            }
            if names.translated.iter().zip(&translated).any(|(known, now)| known == now) {
                return false;
            }
        }
        // Translation leaves the kind of a query.
        if a.protocol == protocol::ICMP && a.tuple.destination_id != came.tuple.destination_id {
            return false;
        }
        let before = self.flows.get(&flow).copied();
        self.forget(&flow);
        let begins = self.establish(flow, translated).is_some();
        if let Some(names) = before.filter(|_| !begins) {
            self.remember(flow, names);
        }
        begins
    }

    /// Gives a flow its names, if chance may have chosen them and nobody has them.
    fn establish(&mut self, flow: Flow, translated: [TrackedTuple; 2]) -> Option<&mut Names> {
        let (protocol, zone, original) = flow;
        let [a, b] = translated;
        if a != b {
            let excuse = self.excuse(flow, translated);
            let is_admitted = self.choices.admit(protocol, original, translated, excuse);
            if !(same_addresses(a, b) && is_admitted) {
                return None;
            }
        }
        for (side, tuple) in translated.into_iter().enumerate() {
            let owner = self.owners[side].get(&(protocol, zone, tuple)).copied();
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
        } else if self.is_mapped_apart(flow) {
            // What its source wears elsewhere may be taken here on one side only.
            self.rejections += 1;
        }
        Some(self.remember(flow, Names { translated, is_gone: [false; 2] }))
    }

    fn remember(&mut self, flow: Flow, names: Names) -> &mut Names {
        let (protocol, zone, _) = flow;
        self.zones.insert(zone);
        for (owners, tuple) in self.owners.iter_mut().zip(names.translated) {
            owners.insert((protocol, zone, tuple), flow);
        }
        self.flows.entry(flow).insert_entry(names).into_mut()
    }

    /// What speaks for two different numbers where a free number is kept (spec/linux-conntrack-nat.md §7.4).
    fn excuse(&self, flow: Flow, translated: [TrackedTuple; 2]) -> Excuse {
        let (protocol, zone, original) = flow;
        let is_given = [0, 1].map(|side| {
            let tuple = translated[side];
            tuple.source_id == original.source_id || self.is_mapped(side, flow, tuple)
        });
        let is_clear = [0, 1].map(|side| {
            let kept = TrackedTuple { source_id: original.source_id, ..translated[side] };
            let is_alive = |other: &Flow| {
                *other != flow && self.flows.get(other).is_some_and(|names| !names.is_gone[side])
            };
            is_given[side]
                || self.owners[side].get(&(protocol, zone, kept)).is_some_and(is_alive)
                || is_alive(&(protocol, zone, inverse(protocol, kept)))
        });
        Excuse { is_clear: is_clear == [true; 2], is_given }
    }

    /// Whether `side` translates another flow of the same source to the source of `tuple`.
    fn is_mapped(&self, side: usize, flow: Flow, tuple: TrackedTuple) -> bool {
        self.of_source(flow)
            .any(|names| source(names.translated[side]) == source(tuple) && !names.is_gone[side])
    }

    /// Whether another flow of the same source wears one thing on A and another on B.
    fn is_mapped_apart(&self, flow: Flow) -> bool {
        self.of_source(flow).any(|names| names.translated[0] != names.translated[1])
    }

    /// The names of other flows of the same source.
    fn of_source(&self, flow: Flow) -> impl Iterator<Item = &Names> {
        let (protocol, zone, original) = flow;
        self.flows.iter().filter_map(move |(other, names)| {
            let is_sibling =
                *other != flow && (other.0, other.1, source(other.2)) == (protocol, zone, source(original));
            is_sibling.then_some(names)
        })
    }

    fn forget(&mut self, flow: &Flow) {
        let Some(names) = self.flows.remove(flow) else { return };
        self.past.push((flow.0, names.translated));
        for (owners, tuple) in self.owners.iter_mut().zip(names.translated) {
            let key = (flow.0, flow.1, tuple);
            if owners.get(&key) == Some(flow) {
                owners.remove(&key);
            }
        }
    }

    /// Whether tuple `a` of side A is what side B calls `b`, in either direction.
    fn stand(&self, protocol: u8, a: TrackedTuple, b: TrackedTuple) -> bool {
        let forth = |a: TrackedTuple, b: TrackedTuple| {
            let names = |zone: &u16| self.flows.get(self.owners[0].get(&(protocol, *zone, a))?);
            self.zones.iter().filter_map(names).any(|names| names.translated == [a, b])
                || self.past.contains(&(protocol, [a, b]))
        };
        forth(a, b) || forth(inverse(protocol, a), inverse(protocol, b))
    }
}

/// Address and port or identifier that a tuple comes from.
const fn source(tuple: TrackedTuple) -> (Ipv4Addr, u16) {
    (tuple.source, tuple.source_id)
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
