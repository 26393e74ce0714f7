//! Two observations of one step become a list of differences; an empty one means that they agree.
//!
//! Agreeing costs no allocation once the buffers have grown.

mod conntrack;
mod socket;

use std::collections::{BTreeMap, BTreeSet};

use super::field::{Field, fields, hex_shortened, kind};
use super::layout::Layout;
use super::rule::{self, Context, FramePair, Rules, frame_order, nat_search};
use crate::model::{
    CounterId, Counters, Dimension, Dimensions, EmittedFrame, FieldDifference, LinkKind, Observation,
    Scenario,
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
    /// Compares `dimensions`; a new trace begins in `scenario`.
    pub fn reset(&mut self, scenario: &Scenario, dimensions: Dimensions) {
        self.rules.reset(scenario);
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
        let dimensions = self.dimensions;
        self.rules.next_step(context, &a.conntrack_events, &b.conntrack_events);
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
            self.deliveries(context, a, b, out);
        }
        if dimensions.contains(Dimension::SocketErrors) && a.socket_errors != b.socket_errors {
            socket::socket_errors(a, b, out);
        }
        if dimensions.contains(Dimension::Drops) {
            drops(a, b, out);
        }
        if dimensions.contains(Dimension::Conntrack) {
            self.conntrack_events(context, &a.conntrack_events, &b.conntrack_events, out);
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
                None if self.rules.global_limit.admits(context, 0, &a[*i]) => {}
                None => out.push(missing(context, index, Some(&a[*i]), None)),
            }
        }
        for (index, frame, _) in left {
            if !self.rules.global_limit.admits(context, 1, frame) {
                out.push(missing(context, index, None, Some(frame)));
            }
        }
    }

    fn frame(
        &mut self,
        context: &Context<'_>,
        index: usize,
        a: &EmittedFrame,
        b: &EmittedFrame,
        out: &mut Vec<Difference>,
    ) {
        let link = link(context.scenario, a);
        self.rules.global_limit.both_sent(context, a);
        self.datagrams(context, (&a.octets, &b.octets), link, |path, a, b, class| {
            let place = format!("frames[{index}].{path}");
            out.push(Difference::new(Dimension::Frames, place, a, b, class));
        });
    }

    /// Tells `differs` the fields in which two datagrams, as they stand on a link, differ: path, both values, class.
    fn datagrams(
        &mut self,
        context: &Context<'_>,
        (a, b): (&Vec<u8>, &Vec<u8>),
        link: LinkKind,
        mut differs: impl FnMut(String, String, String, String),
    ) {
        if a == b {
            return;
        }
        let [masked_a, masked_b] = &mut self.scratch;
        masked_a.clone_from(a);
        masked_b.clone_from(b);
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
            let values = (value(0), value(1));
            differs(path, values.0, values.1, class);
        }
    }

    /// Says that the counters did the same since [`Comparison::counters`] was called last.
    pub fn counters_are_equal(&mut self) {
        self.rules.take_rejections();
        self.rules.global_limit.take_accounts();
    }

    /// Adds to `out` where counters differ, `a` and `b` being what they did since this was called last.
    pub fn counters(&mut self, a: &Counters, b: &Counters, out: &mut Vec<Difference>) {
        let rejections = self.rules.take_rejections();
        let accounts = self.rules.global_limit.take_accounts();
        let without = |counters: &Counters, account: &Option<Counters>| {
            account.as_ref().map(|account| counters.since(account))
        };
        let unaccounted = [without(a, &accounts[0]), without(b, &accounts[1])];
        let a = unaccounted[0].as_ref().unwrap_or(a);
        let b = unaccounted[1].as_ref().unwrap_or(b);
        for slot in 0..a.slots().len() {
            let (of_a, of_b) = (a.slots()[slot], b.slots()[slot]);
            let id = CounterId::from_slot(slot);
            if !nat_search::agree(id, of_a, of_b, rejections) {
                let place = format!("counters.{}", id.name());
                let class = if of_a > of_b { "A more" } else { "B more" }.to_owned();
                out.push(Difference::new(
                    Dimension::Counters,
                    place,
                    of_a.to_string(),
                    of_b.to_string(),
                    class,
                ));
            }
        }
    }
}

fn link(scenario: &Scenario, frame: &EmittedFrame) -> LinkKind {
    scenario.interfaces.get(frame.interface).map_or(LinkKind::Ip, |interface| interface.link)
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
