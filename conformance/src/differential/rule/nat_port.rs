//! Ports and ICMP identifiers that NAT draws at random after a clash or on request.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use super::checksum::{self, Covered};
use super::{Context, FramePair, RuleInfo};
use crate::differential::layout::{Layout, protocol};
use crate::model::{Role, RuleAction};

/// What `netassay list rules` says.
pub const INFO: RuleInfo = RuleInfo {
    name: "nat-port-renaming",
    applies_to: "source port or query identifier of UDP, TCP and ICMP query datagrams that a NAT router forwards with \
                 another one than they came with, on both sides; the same port in tracked tuples",
    demands: "both lie in the range of the rules, or in the class of the original port; one flow keeps its port; two \
              flows to one destination share a port on one side only if they do on the other",
    clause: "RFC 4787 §4.1; spec/linux-conntrack-nat.md §7.4",
};

/// A port in front of a peer: what makes a mapping unique.
type Mapped = (u8, Ipv4Addr, u16);

/// Ports of the two sides that stand for each other.
#[derive(Debug, Default)]
pub struct NatPort {
    forth: HashMap<Mapped, u16>,
    back: HashMap<Mapped, u16>,
}

impl NatPort {
    /// Masks the port if both sides drew it.
    pub fn apply(&mut self, context: &Context<'_>, pair: &mut FramePair<'_>) {
        let layout = pair.layout;
        let Some((field, sum, original)) = drawn(context, pair.a, &layout) else { return };
        let protocol = layout.protocol(pair.a);
        let (a, b) = pair.u16(field);
        if a == b || a == original || b == original {
            return;
        }
        let remote = layout.destination(pair.a);
        let allowed = allowed(context, protocol, original);
        if allowed.contains(&a) && allowed.contains(&b) && self.renames(protocol, remote, a, b) {
            pair.mask(field..field + 2, sum);
        }
    }

    /// What `port` of DUT A towards `remote` is called by DUT B; the same if nothing renamed it.
    pub fn renamed(&self, protocol: u8, remote: Ipv4Addr, port: u16) -> u16 {
        self.forth.get(&(protocol, remote, port)).copied().unwrap_or(port)
    }

    fn renames(&mut self, protocol: u8, remote: Ipv4Addr, a: u16, b: u16) -> bool {
        *self.forth.entry((protocol, remote, a)).or_insert(b) == b
            && *self.back.entry((protocol, remote, b)).or_insert(a) == a
    }
}

/// Masks the port of one frame if NAT drew it.
pub(super) fn blank(context: &Context<'_>, frame: &mut [u8], layout: &Layout) {
    if let Some((field, sum, original)) = drawn(context, frame, layout)
        && frame[field..field + 2] != original.to_be_bytes()
    {
        checksum::mask(frame, field..field + 2, sum);
    }
}

/// Where in a forwarded frame the port is that NAT may have drawn, the checksum over it, and the port it came with.
fn drawn(context: &Context<'_>, frame: &[u8], layout: &Layout) -> Option<(usize, Covered, u16)> {
    let (stimulus, arrived) = context.stimulus.filter(|_| context.scenario.role == Role::Nat)?;
    let (field, sum) = port_field(frame, layout)?;
    let (original, _) = port_field(stimulus, &arrived)?;
    let original = u16::from_be_bytes([stimulus[original], stimulus[original + 1]]);
    (arrived.protocol(stimulus) == layout.protocol(frame)).then_some((field, sum, original))
}

/// Where source port or query identifier and the checksum over it are; `None` where there is none.
fn port_field(frame: &[u8], layout: &Layout) -> Option<(usize, Covered)> {
    let at = layout.payload();
    if layout.fragment_offset(frame) != 0 || layout.end < at + 8 {
        return None;
    }
    match layout.protocol(frame) {
        protocol::UDP => Some((at, Covered { zero_is_none: true, ..Covered::new(at, at + 6) })),
        protocol::TCP => Some((at, Covered::new(at, at + 16))),
        protocol::ICMP if matches!(frame[at], 8 | 13 | 15 | 17) => Some((at + 4, Covered::new(at, at + 2))),
        _ => None,
    }
}

/// The ports that NAT may draw instead of `original`.
fn allowed(context: &Context<'_>, protocol: u8, original: u16) -> RangeInclusive<u16> {
    let given = context.scenario.rules.iter().find_map(|rule| match &rule.action {
        RuleAction::Snat(translation) => translation.ports.ports,
        RuleAction::Masquerade(ports) => ports.ports,
        _ => None,
    });
    match (given, protocol, original) {
        (Some((first, last)), _, _) => first.min(last)..=first.max(last),
        (None, protocol::ICMP, _) => 0..=u16::MAX,
        (None, _, 0..=511) => 1..=511,
        (None, _, 512..=1023) => 600..=1023,
        (None, _, _) => 1024..=u16::MAX,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::tests_support::{World, identified};
    use crate::model::Role;

    fn datagram(port: u16) -> Vec<u8> {
        let mut payload = port.to_be_bytes().to_vec();
        payload.extend([0, 53, 0, 8, 0, 0]);
        identified(17, 5, 0, &payload)
    }

    #[rstest]
    #[case::same_class(2000, 5000, 6000, true)]
    #[case::privileged(600, 700, 800, true)]
    #[case::other_class(600, 700, 5000, false)]
    #[case::one_side_keeps_it(2000, 2000, 6000, false)]
    fn within_the_class(#[case] original: u16, #[case] a: u16, #[case] b: u16, #[case] equal: bool) {
        let mut world = World::default().with_role(Role::Nat).with_stimulus(datagram(original));
        assert_eq!(world.equal(&datagram(a), &datagram(b)), equal);
    }

    #[test]
    fn renaming_is_one_to_one() {
        let mut world = World::default().with_role(Role::Nat).with_stimulus(datagram(2000));
        assert!(world.equal(&datagram(5000), &datagram(6000)));
        assert!(!world.equal(&datagram(5000), &datagram(6001)), "the flow changes its port on B");
        assert!(!world.equal(&datagram(5001), &datagram(6000)), "two ports of A are one on B");
    }

    #[test]
    fn a_router_without_nat_keeps_ports() {
        let mut world = World::default().with_role(Role::Router).with_stimulus(datagram(2000));
        assert!(!world.equal(&datagram(5000), &datagram(6000)));
    }
}
