//! Two observations of one step become a list of differences; an empty one means that they agree.
//!
//! Agreeing costs no allocation once the buffers have grown.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::field::{Field, fields, hex_shortened, kind};
use super::layout::Layout;
use super::rule::{self, Context, FramePair, Rules, conntrack_timeout, frame_order};
use crate::model::observation::TrackedTuple;
use crate::model::{
    ConntrackEntry, ConntrackEvent, CounterId, Counters, Delivery, Dimension, Dimensions, EmittedFrame,
    FieldDifference, LinkKind, Observation, Scenario, SocketError,
};

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where it shows.
    pub dimension: Dimension,
    /// Path and both values.
    pub field: FieldDifference,
    /// What of the values makes this another cause: the kind of a missing frame, a drop reason, the direction in which
    /// a counter is off. Never something that varies.
    pub class: String,
}

impl Difference {
    fn new(dimension: Dimension, field: String, a: String, b: String, class: String) -> Self {
        Self { dimension, field: FieldDifference { field, a, b }, class }
    }
}

/// Compares by the rules, with what they remember over a trace.
#[derive(Debug, Default)]
pub struct Comparison {
    rules: Rules,
    dimensions: Dimensions,
    scratch: [Vec<u8>; 2],
    order: [Vec<usize>; 2],
}

impl Comparison {
    /// Compares `dimensions`; a new trace begins.
    pub fn reset(&mut self, dimensions: Dimensions) {
        self.rules.reset();
        self.dimensions = dimensions;
    }

    /// The dimensions that are compared.
    pub const fn dimensions(&self) -> Dimensions {
        self.dimensions
    }

    /// Adds to `out` where the two observations of a step differ.
    pub fn observations(
        &mut self,
        context: &Context<'_>,
        a: &Observation,
        b: &Observation,
        out: &mut Vec<Difference>,
    ) {
        self.rules.next_step();
        let dimensions = self.dimensions;
        if dimensions.contains(Dimension::Frames) {
            if a.refused.is_some() != b.refused.is_some() {
                let text = |side: &Observation| side.refused.clone().unwrap_or_default();
                let class = if a.refused.is_some() { "by A" } else { "by B" };
                out.push(Difference::new(
                    Dimension::Frames,
                    "refused".into(),
                    text(a),
                    text(b),
                    class.into(),
                ));
            }
            self.frames(context, &a.frames, &b.frames, out);
        }
        if dimensions.contains(Dimension::Deliveries) && a.deliveries != b.deliveries {
            deliveries(a, b, out);
        }
        if dimensions.contains(Dimension::SocketErrors) && a.socket_errors != b.socket_errors {
            socket_errors(a, b, out);
        }
        if dimensions.contains(Dimension::Drops) {
            drops(a, b, out);
        }
        if dimensions.contains(Dimension::Conntrack) {
            self.conntrack_events(context, a, b, out);
        }
    }

    fn frames(
        &mut self,
        context: &Context<'_>,
        a: &[EmittedFrame],
        b: &[EmittedFrame],
        out: &mut Vec<Difference>,
    ) {
        let [mut order_a, mut order_b] = std::mem::take(&mut self.order);
        frame_order::by_interface(a, &mut order_a);
        frame_order::by_interface(b, &mut order_b);
        let same_shape = a.len() == b.len()
            && order_a.iter().zip(&order_b).all(|(i, j)| a[*i].interface == b[*j].interface);
        if same_shape {
            for (index, (i, j)) in order_a.iter().zip(&order_b).enumerate() {
                self.frame(context, index, &a[*i], &b[*j], out);
            }
        } else {
            self.align(context, (a, &order_a), (b, &order_b), out);
        }
        self.order = [order_a, order_b];
    }

    /// Pairs frames of the same interface and kind in order; what is left over is missing on the other side.
    fn align(
        &mut self,
        context: &Context<'_>,
        (a, order_a): (&[EmittedFrame], &[usize]),
        (b, order_b): (&[EmittedFrame], &[usize]),
        out: &mut Vec<Difference>,
    ) {
        let scenario = context.scenario;
        let kind_of = |frame: &EmittedFrame| (frame.interface, kind(&frame.octets, link(scenario, frame)));
        let mut left: Vec<_> =
            order_b.iter().enumerate().map(|(at, j)| (at, &b[*j], kind_of(&b[*j]))).collect();
        for (index, i) in order_a.iter().enumerate() {
            let wanted = kind_of(&a[*i]);
            match left.iter().position(|(_, _, found)| *found == wanted) {
                Some(at) => {
                    let (_, frame, _) = left.remove(at);
                    self.frame(context, index, &a[*i], frame, out);
                }
                None => out.push(missing(context, index, Some(&a[*i]), None)),
            }
        }
        out.extend(left.into_iter().map(|(index, frame, _)| missing(context, index, None, Some(frame))));
    }

    fn frame(
        &mut self,
        context: &Context<'_>,
        index: usize,
        a: &EmittedFrame,
        b: &EmittedFrame,
        out: &mut Vec<Difference>,
    ) {
        if a.octets == b.octets {
            return;
        }
        let link = link(context.scenario, a);
        let [masked_a, masked_b] = &mut self.scratch;
        masked_a.clone_from(&a.octets);
        masked_b.clone_from(&b.octets);
        let layout = Layout::of(masked_a, link).filter(|layout| {
            masked_a.len() == masked_b.len()
                && Layout::of(masked_b, link) == Some(*layout)
                && layout.protocol(masked_a) == layout.protocol(masked_b)
        });
        if let Some(layout) = layout {
            self.rules.apply(context, &mut FramePair { a: masked_a, b: masked_b, layout });
        }
        if masked_a == masked_b {
            return;
        }
        // Values are those of the masked frames: what was drawn at random stays out of reports.
        let found = [fields(masked_a, link), fields(masked_b, link)];
        let paths = differing(&found[0], &found[1]);
        let values = found.map(BTreeMap::from_iter);
        for path in paths {
            let value = |side: usize| values[side].get(&path).cloned().unwrap_or_default();
            let class = match path.rsplit('.').next() {
                // Types and codes are names, not amounts.
                Some("type" | "code") => format!("{} {}", value(0), value(1)),
                _ => String::new(),
            };
            let place = format!("frames[{index}].{path}");
            out.push(Difference::new(Dimension::Frames, place, value(0), value(1), class));
        }
    }

    fn conntrack_events(
        &mut self,
        context: &Context<'_>,
        a: &Observation,
        b: &Observation,
        out: &mut Vec<Difference>,
    ) {
        let seconds = whole_seconds(context.elapsed);
        for index in 0..a.conntrack_events.len().max(b.conntrack_events.len()) {
            let (a, b) = (a.conntrack_events.get(index), b.conntrack_events.get(index));
            let equal = match (a, b) {
                (Some(a), Some(b)) => a.kind == b.kind && self.entries_agree(&a.entry, &b.entry, seconds),
                _ => false,
            };
            if !equal {
                let text = |event: Option<&ConntrackEvent>| {
                    event.map_or(String::new(), |event| {
                        format!("{:?} {}", event.kind, entry_text(&event.entry))
                    })
                };
                let class = format!("{:?} {:?}", a.map(|event| event.kind), b.map(|event| event.kind));
                let place = format!("conntrack.events[{index}]");
                out.push(Difference::new(Dimension::Conntrack, place, text(a), text(b), class));
            }
        }
    }

    /// Adds to `out` where two connection tracking tables differ, read within `elapsed` of each other.
    pub fn conntrack_tables(
        &mut self,
        elapsed: Duration,
        a: &[ConntrackEntry],
        b: &[ConntrackEntry],
        out: &mut Vec<Difference>,
    ) {
        let seconds = whole_seconds(elapsed);
        let mut left: Vec<_> = b.iter().collect();
        for entry in a {
            match left.iter().position(|other| self.entries_agree(entry, other, seconds)) {
                Some(at) => drop(left.remove(at)),
                None => {
                    let near =
                        left.iter().position(|other| same_connection(entry, other)).map(|at| left.remove(at));
                    out.push(table_difference(Some(entry), near));
                }
            }
        }
        out.extend(left.into_iter().map(|entry| table_difference(None, Some(entry))));
    }

    fn entries_agree(&self, a: &ConntrackEntry, b: &ConntrackEntry, seconds: u32) -> bool {
        let renamed = |tuple: TrackedTuple| {
            let nat = self.rules.nat_port();
            (
                nat.renamed(a.protocol, tuple.destination, tuple.source_id),
                nat.renamed(a.protocol, tuple.source, tuple.destination_id),
            )
        };
        let tuples_agree = |a: TrackedTuple, b: TrackedTuple| {
            a == b || {
                let (source_id, destination_id) = renamed(a);
                (a.source, a.destination, source_id, destination_id)
                    == (b.source, b.destination, b.source_id, b.destination_id)
            }
        };
        a.protocol == b.protocol
            && a.original == b.original
            && tuples_agree(a.reply, b.reply)
            && conntrack_timeout::agree(a.timeout_s, b.timeout_s, seconds)
            && (a.status, &a.tcp_state, a.zone, a.accounting)
                == (b.status, &b.tcp_state, b.zone, b.accounting)
    }
}

/// Adds to `out` where counters differ.
pub fn counters(a: &Counters, b: &Counters, out: &mut Vec<Difference>) {
    if a == b {
        return;
    }
    for slot in 0..a.slots().len() {
        let (of_a, of_b) = (a.slots()[slot], b.slots()[slot]);
        if of_a != of_b {
            let place = format!("counters.{}", CounterId::from_slot(slot).name());
            let class = if of_a > of_b { "A more" } else { "B more" };
            out.push(Difference::new(
                Dimension::Counters,
                place,
                of_a.to_string(),
                of_b.to_string(),
                class.to_owned(),
            ));
        }
    }
}

fn link(scenario: &Scenario, frame: &EmittedFrame) -> LinkKind {
    scenario.interfaces.get(frame.interface).map_or(LinkKind::Ip, |interface| interface.link)
}

/// How many seconds something may have taken, rounded up from the half.
fn whole_seconds(elapsed: Duration) -> u32 {
    u32::try_from(elapsed.as_millis().saturating_add(500) / 1000).unwrap_or(u32::MAX - 1)
}

fn missing(
    context: &Context<'_>,
    index: usize,
    a: Option<&EmittedFrame>,
    b: Option<&EmittedFrame>,
) -> Difference {
    let scenario = context.scenario;
    let text = |frame: Option<&EmittedFrame>| {
        frame.map_or(String::new(), |frame| {
            let interface = scenario.interfaces.get(frame.interface).map_or("?", |interface| &interface.name);
            let octets = rule::blank(context, frame);
            format!("{} on {interface}: {}", kind(&octets, link(scenario, frame)), hex_shortened(&octets))
        })
    };
    let side = if a.is_some() { "only A" } else { "only B" };
    let class = a
        .or(b)
        .map_or(String::new(), |frame| format!("{side} {}", kind(&frame.octets, link(scenario, frame))));
    Difference::new(Dimension::Frames, format!("frames[{index}]"), text(a), text(b), class)
}

/// Paths of the fields whose values are not the same, or that only one side has, in the order of `a`, then of `b`.
fn differing(a: &[Field], b: &[Field]) -> Vec<String> {
    let values_b: BTreeMap<&str, &str> = b.iter().map(|(path, value)| (&path[..], &value[..])).collect();
    let paths_a: BTreeSet<&str> = a.iter().map(|(path, _)| &path[..]).collect();
    let of_a = a.iter().filter(|(path, value)| values_b.get(&path[..]) != Some(&&value[..]));
    let of_b = b.iter().filter(|(path, _)| !paths_a.contains(&path[..]));
    of_a.chain(of_b).map(|(path, _)| path.clone()).collect()
}

fn deliveries(a: &Observation, b: &Observation, out: &mut Vec<Difference>) {
    for index in 0..a.deliveries.len().max(b.deliveries.len()) {
        let (a, b) = (a.deliveries.get(index), b.deliveries.get(index));
        if a == b {
            continue;
        }
        let mut push = |field: &str, a: String, b: String, class: &str| {
            if a != b {
                let place = format!("deliveries[{index}]{field}");
                out.push(Difference::new(Dimension::Deliveries, place, a, b, class.to_owned()));
            }
        };
        match (a, b) {
            (Some(a), Some(b)) => {
                push(".socket", a.socket.to_string(), b.socket.to_string(), "");
                push(".source", a.source.to_string(), b.source.to_string(), "");
                push(".data", hex_shortened(&a.data), hex_shortened(&b.data), "");
            }
            _ => {
                let text = |side: Option<&Delivery>| {
                    side.map_or(String::new(), |delivery| {
                        format!("socket {}: {}", delivery.socket, hex_shortened(&delivery.data))
                    })
                };
                push("", text(a), text(b), if a.is_some() { "only A" } else { "only B" });
            }
        }
    }
}

fn socket_errors(a: &Observation, b: &Observation, out: &mut Vec<Difference>) {
    for index in 0..a.socket_errors.len().max(b.socket_errors.len()) {
        let (a, b) = (a.socket_errors.get(index), b.socket_errors.get(index));
        if a != b {
            let text = |side: Option<&SocketError>| {
                side.map_or(String::new(), |error| match &error.queued {
                    Some(queued) => format!("socket {}: {} {queued:?}", error.socket, error.errno),
                    None => format!("socket {}: {}", error.socket, error.errno),
                })
            };
            let name = |side: Option<&SocketError>| side.map_or("none", |error| &error.errno).to_owned();
            let class = format!("{} {}", name(a), name(b));
            let place = format!("socket-errors[{index}]");
            out.push(Difference::new(Dimension::SocketErrors, place, text(a), text(b), class));
        }
    }
}

fn drops(a: &Observation, b: &Observation, out: &mut Vec<Difference>) {
    for index in 0..a.drops.len().max(b.drops.len()) {
        let reason = |side: &Observation| side.drops.get(index).map_or("", |drop| &drop.reason).to_owned();
        let equal = match (a.drops.get(index), b.drops.get(index)) {
            (Some(a), Some(b)) => a.reason == b.reason,
            _ => false,
        };
        if !equal {
            let (a, b) = (reason(a), reason(b));
            let class = format!("{a} {b}");
            out.push(Difference::new(Dimension::Drops, format!("drops[{index}].reason"), a, b, class));
        }
    }
}

fn same_connection(a: &ConntrackEntry, b: &ConntrackEntry) -> bool {
    (a.protocol, a.original, a.zone) == (b.protocol, b.original, b.zone)
}

fn table_difference(a: Option<&ConntrackEntry>, b: Option<&ConntrackEntry>) -> Difference {
    let text = |entry: Option<&ConntrackEntry>| entry.map_or(String::new(), entry_text);
    let state = |entry: Option<&ConntrackEntry>| {
        entry.map_or("none".to_owned(), |entry| {
            format!("{} {:#x} {}", entry.protocol, entry.status, entry.tcp_state.as_deref().unwrap_or(""))
        })
    };
    let class = format!("{}; {}", state(a), state(b));
    Difference::new(Dimension::Conntrack, "conntrack.table".to_owned(), text(a), text(b), class)
}

/// A tracked connection on one line.
fn entry_text(entry: &ConntrackEntry) -> String {
    let tuple = |tuple: &TrackedTuple| {
        format!("{}:{} > {}:{}", tuple.source, tuple.source_id, tuple.destination, tuple.destination_id)
    };
    let mut text = format!(
        "protocol {} {} reply {} status {:#x}",
        entry.protocol,
        tuple(&entry.original),
        tuple(&entry.reply),
        entry.status
    );
    if let Some(state) = &entry.tcp_state {
        text.push_str(&format!(" {state}"));
    }
    if let Some(timeout) = entry.timeout_s {
        text.push_str(&format!(" {timeout}s"));
    }
    if let Some([original, reply]) = entry.accounting {
        text.push_str(&format!(" {}/{} and {}/{} packets/octets", original.0, original.1, reply.0, reply.1));
    }
    text
}
