//! The named rules by which answers are compared. Exact is the default; a rule applies to named fields of named kinds
//! of packets only, and takes a field out of the comparison only when both sides kept to the rule.
//!
//! A rule works on a [`FramePair`]: copies of the two frames, in which a masked field is zero and every checksum that
//! covers it is adjusted as if it had always been zero. What is left is compared octet by octet.

pub mod checksum;
pub mod conntrack_collection;
pub mod conntrack_timeout;
pub mod frame_order;
pub mod icmp_global_limit;
pub mod identification;
pub mod nat_port;
pub mod nat_search;
pub mod tcp_sequence;
#[cfg(test)]
pub(crate) mod tests_support;
pub mod timestamp;

use std::net::Ipv4Addr;
use std::ops::Range;
use std::time::Duration;

use serde::Serialize;

use super::layout::Layout;
use super::stimulus::is_own;
use crate::model::{Action, ConntrackEvent, EmittedFrame, LinkKind, Scenario, Step};

/// What `netassay list rules` says of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RuleInfo {
    /// Its name.
    pub name: &'static str,
    /// The packets and fields that it applies to.
    pub applies_to: &'static str,
    /// What still has to hold.
    pub demands: &'static str,
    /// The clause that leaves the field free.
    pub clause: &'static str,
}

/// All rules, in the order in which they are applied.
pub const RULES: &[RuleInfo] = &[
    frame_order::INFO,
    nat_port::INFO,
    nat_search::INFO,
    tcp_sequence::INFO,
    identification::INFO,
    timestamp::INFO,
    icmp_global_limit::INFO,
    checksum::INFO,
    conntrack_timeout::INFO,
    conntrack_collection::INFO,
];

/// What rules may know of the step that caused the frames.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The world.
    pub scenario: &'a Scenario,
    /// The step.
    pub step: &'a Step,
    /// The datagram that was injected, if there is one.
    pub stimulus: Option<(&'a [u8], Layout)>,
    /// How long the step took on the two DUTs: clocks read inside it may differ by that much.
    pub elapsed: Duration,
}

impl<'a> Context<'a> {
    /// The context of `step` in `scenario`.
    pub fn new(scenario: &'a Scenario, step: &'a Step, elapsed: Duration) -> Self {
        let stimulus = match &step.action {
            Action::Inject { interface, frame } => scenario
                .interfaces
                .get(*interface)
                .and_then(|interface| Layout::of(frame, interface.link))
                .map(|layout| (&frame[..], layout)),
            _ => None,
        };
        Self { scenario, step, stimulus, elapsed }
    }

    /// Whether `address` is one of the DUT's own.
    pub fn is_local(&self, address: Ipv4Addr) -> bool {
        is_own(address, self.scenario)
    }
}

/// Copies of two frames that both are IPv4 with the same division into header and payload.
#[derive(Debug)]
pub struct FramePair<'s> {
    /// Copy of the frame of DUT A.
    pub a: &'s mut [u8],
    /// Copy of the frame of DUT B.
    pub b: &'s mut [u8],
    /// Where things are in both.
    pub layout: Layout,
}

impl FramePair<'_> {
    /// The 16-bit field at `at` in both frames.
    pub fn u16(&self, at: usize) -> (u16, u16) {
        (u16::from_be_bytes([self.a[at], self.a[at + 1]]), u16::from_be_bytes([self.b[at], self.b[at + 1]]))
    }

    /// The 32-bit field at `at` in both frames.
    pub fn u32(&self, at: usize) -> (u32, u32) {
        let read =
            |octets: &[u8]| u32::from_be_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]]);
        (read(self.a), read(self.b))
    }

    /// Whether both frames are the same in `range`.
    pub fn same(&self, range: Range<usize>) -> bool {
        self.a[range.clone()] == self.b[range]
    }

    /// Takes `field` out of the comparison, with its consequence for `sum`.
    pub fn mask(&mut self, field: Range<usize>, sum: checksum::Covered) {
        checksum::mask(self.a, field.clone(), sum);
        checksum::mask(self.b, field, sum);
    }
}

/// Sets to zero in one frame whatever rules leave free, so that a report does not depend on what was drawn. Checksums
/// are adjusted.
pub fn blank(context: &Context<'_>, frame: &EmittedFrame) -> Vec<u8> {
    let mut octets = frame.octets.clone();
    let link =
        context.scenario.interfaces.get(frame.interface).map_or(LinkKind::Ip, |interface| interface.link);
    if let Some(layout) = Layout::of(&octets, link) {
        nat_port::blank(context, &mut octets, &layout);
        tcp_sequence::blank(context, &mut octets, &layout);
        identification::blank(context, &mut octets, &layout);
        timestamp::blank(&mut octets, &layout);
    }
    octets
}

/// Sets to zero in one frame what differs from run to run: times, and the numbers that stacks take from generators of
/// their own. Ports that NAT drew are left, since answers to them have to name them.
pub fn steady(context: &Context<'_>, frame: &EmittedFrame) -> Vec<u8> {
    let mut octets = frame.octets.clone();
    let link =
        context.scenario.interfaces.get(frame.interface).map_or(LinkKind::Ip, |interface| interface.link);
    if let Some(layout) = Layout::of(&octets, link) {
        identification::blank(context, &mut octets, &layout);
        timestamp::blank(&mut octets, &layout);
    }
    octets
}

/// The rules with what they remember over a trace.
#[derive(Debug, Default)]
pub struct Rules {
    pub(super) collection: conntrack_collection::Collection,
    pub(super) global_limit: icmp_global_limit::GlobalLimit,
    identification: identification::Identification,
    nat_port: nat_port::NatPort,
    tcp_sequence: tcp_sequence::TcpSequence,
    /// The longest that a step of the trace took on the two DUTs.
    longest: Duration,
}

impl Rules {
    /// Forgets everything: a new trace begins in `scenario`.
    pub fn reset(&mut self, scenario: &Scenario) {
        *self = Self {
            nat_port: nat_port::NatPort::new(scenario),
            global_limit: icmp_global_limit::GlobalLimit::new(scenario),
            ..Self::default()
        };
    }

    /// A new step begins, at which connection tracking told the two DUTs `a` and `b`.
    pub fn next_step(&mut self, context: &Context<'_>, a: &[ConntrackEvent], b: &[ConntrackEvent]) {
        self.longest = self.longest.max(context.elapsed);
        self.identification.next_step();
        self.nat_port.learn(a, b);
        self.nat_port.searched_in_vain(context);
    }

    /// Masks in `pair` what rules leave free.
    pub fn apply(&mut self, context: &Context<'_>, pair: &mut FramePair<'_>) {
        self.nat_port.apply(context, pair);
        self.tcp_sequence.apply(context, pair);
        self.identification.apply(context, pair);
        timestamp::apply(context, self.longest, pair);
    }

    /// The NAT renaming, for the tuples of connection tracking and what sockets receive.
    pub fn nat_port(&self) -> &nat_port::NatPort {
        &self.nat_port
    }

    /// How far apart searches for free ports may have brought a counter since this was asked last.
    pub fn take_rejections(&mut self) -> u64 {
        self.nat_port.take_rejections()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_clauses_given() {
        let names: BTreeSet<_> = RULES.iter().map(|rule| rule.name).collect();
        assert_eq!(names.len(), RULES.len());
        assert!(RULES.iter().all(|rule| !rule.clause.is_empty() && !rule.demands.is_empty()));
    }
}
