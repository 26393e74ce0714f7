//! A router between two devices, reduced to what the hooks see: routing by prefix, TTL, MTU.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use netassay_stack::address::Prefix;
use netassay_stack::conntrack::{Direction, HashKey, Relation, Statistics, Tracking};
use netassay_stack::hook::{Hook, HookVerdict};
use netassay_stack::interface::InterfaceId;
use netassay_stack::nat::Addresses;
use netassay_stack::netfilter::{Netfilter, Surroundings};
use netassay_stack::packet::Packet;
use netassay_stack::random::Random;
use netassay_stack::time::Instant;

use crate::probe::{Router, Seen};
use crate::rules::{L, LAN, LAN_NETWORK, T, T2, WAN, config_of};

struct Own;

impl Addresses for Own {
    fn towards(&self, outgoing: InterfaceId, _: Ipv4Addr) -> Option<Ipv4Addr> {
        self.first_of(outgoing)
    }

    fn first_of(&self, interface: InterfaceId) -> Option<Ipv4Addr> {
        Some(if interface == LAN { L } else { T })
    }
}

/// The router.
pub(crate) struct Rig {
    netfilter: Netfilter,
    random: Random,
    counted: Statistics,
    mtus: [usize; 2],
    now: Instant,
}

fn name(interface: InterfaceId) -> &'static str {
    if interface == LAN { "lan" } else { "wan" }
}

impl Router for Rig {
    fn of(scenario: &str) -> Self {
        Self {
            netfilter: Netfilter::new(&config_of(scenario), HashKey::from_seed(1)),
            random: Random::new(1),
            counted: Statistics::default(),
            mtus: [1500; 2],
            now: Instant::ZERO,
        }
    }

    fn flush(&mut self) {
        self.netfilter.conntrack_mut().flush(self.now);
    }

    fn set_mtu(&mut self, words: &str) {
        let (device, mtu) = words.split_once(' ').unwrap();
        self.mtus[usize::from(device == "wan")] = mtu.parse().unwrap();
    }

    fn pass(&mut self, now: Instant, device: &str, datagram: &[u8], expected: &mut Seen) -> Seen {
        self.now = now;
        let incoming = if device == "lan" { LAN } else { WAN };
        let mut packet = Packet { octets: datagram.to_vec(), incoming: Some(incoming), ..Packet::default() };
        let mut seen = Seen::default();
        if let Some(outgoing) = self.travel(&mut packet, &mut seen) {
            seen.emitted.push((name(outgoing).to_owned(), packet.octets));
        }
        let counted = self.netfilter.conntrack().statistics;
        seen.counters = changes(&self.counted, &counted);
        self.counted = counted;
        // What the router says of its own is not made here.
        if let Some(end) = expected.states.find(" out=") {
            expected.states.truncate(end);
            expected.emitted.clear();
            expected.counters.clone_from(&seen.counters);
        }
        seen
    }
}

impl Rig {
    /// Takes the packet as far as it gets; tells by which device it leaves.
    fn travel(&mut self, packet: &mut Packet, seen: &mut Seen) -> Option<InterfaceId> {
        self.show(Hook::Prerouting, packet, None, seen)?;
        let destination = packet.destination();
        if is_never_forwarded(packet) {
            return None;
        }
        if [L, T, T2].contains(&destination) || !destination.is_private() && destination.is_broadcast() {
            self.show(Hook::LocalIn, packet, None, seen)?;
            return None;
        }
        let outgoing = if Prefix::new(LAN_NETWORK, 16).contains(destination) { LAN } else { WAN };
        let has_no_route = destination == Ipv4Addr::new(192, 0, 2, 1);
        let mtu = self.mtus[usize::from(outgoing == WAN)];
        if has_no_route || packet.ttl() <= 1 || (packet.dont_fragment() && packet.octets.len() > mtu) {
            return None;
        }
        decrement_ttl(&mut packet.octets);
        self.show(Hook::Forward, packet, Some(outgoing), seen)?;
        self.show(Hook::Postrouting, packet, Some(outgoing), seen)?;
        Some(outgoing)
    }

    /// Shows the packet to a hook and notes what connection tracking then says; `None` if it goes no further.
    fn show(
        &mut self,
        hook: Hook,
        packet: &mut Packet,
        outgoing: Option<InterfaceId>,
        seen: &mut Seen,
    ) -> Option<()> {
        let next_hop = packet.destination();
        let mut around = Surroundings {
            now: self.now,
            random: &mut self.random,
            addresses: &Own,
            outgoing: outgoing.map(|interface| (interface, next_hop)),
            log: None,
        };
        let verdict = self.netfilter.pass(hook, packet, &mut around);
        let is_dropped = verdict != HookVerdict::Accept;
        // The recorder sat behind tracking where packets enter, and before what drops them where they leave.
        let reached = !is_dropped || hook != Hook::Prerouting || is_tracked(packet);
        if reached {
            let separator = if seen.states.is_empty() { "" } else { " " };
            let _ = write!(seen.states, "{separator}{}={}", hook_name(hook), state(packet));
        }
        (!is_dropped).then_some(())
    }
}

fn is_tracked(packet: &Packet) -> bool {
    matches!(Tracking::of(packet.conntrack), Tracking::Tracked(_))
}

fn is_never_forwarded(packet: &Packet) -> bool {
    packet.source().is_unspecified() || packet.source().is_loopback()
}

fn decrement_ttl(octets: &mut [u8]) {
    octets[8] -= 1;
    let sum = u32::from(octets[10]) << 8 | u32::from(octets[11]);
    let sum = sum + 0x100;
    let sum = (sum & 0xffff) + (sum >> 16);
    octets[10..12].copy_from_slice(&(sum as u16).to_be_bytes());
}

fn hook_name(hook: Hook) -> &'static str {
    match hook {
        Hook::Prerouting => "pre",
        Hook::LocalIn => "in",
        Hook::Forward => "fwd",
        Hook::LocalOut => "out",
        Hook::Postrouting => "post",
    }
}

fn state(packet: &Packet) -> String {
    let tracked = match Tracking::of(packet.conntrack) {
        Tracking::Invalid => return "INVALID".to_owned(),
        Tracking::Untracked => return "UNTRACKED".to_owned(),
        Tracking::Tracked(tracked) => tracked,
    };
    let relation = match tracked.relation {
        Relation::New => "NEW",
        Relation::Established => "ESTABLISHED",
        Relation::Related => "RELATED",
    };
    format!("{relation}/{}", if tracked.direction == Direction::Original { "o" } else { "r" })
}

/// What was counted between two moments, sorted by name.
fn changes(before: &Statistics, after: &Statistics) -> String {
    let mut changes: Vec<_> = after
        .named()
        .iter()
        .zip(before.named())
        .filter(|(after, before)| after.1 != before.1)
        .map(|(after, before)| format!("{}={}", after.0, after.1 - before.1))
        .collect();
    changes.sort();
    changes.join(" ")
}
