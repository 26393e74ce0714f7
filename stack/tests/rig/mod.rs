//! A router between two devices, reduced to what the hooks see: routing by prefix, TTL, MTU.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use netassay_stack::address::Prefix;
use netassay_stack::conntrack::{Direction, HashKey, Relation, Statistics, Tracking};
use netassay_stack::filter::{Action, Conditions, Rule};
use netassay_stack::hook::{Hook, HookVerdict};
use netassay_stack::interface::InterfaceId;
use netassay_stack::nat::{Addresses, Binding, Range};
use netassay_stack::netfilter::{Netfilter, NetfilterConfig, Surroundings};
use netassay_stack::packet::Packet;
use netassay_stack::random::Random;
use netassay_stack::time::Instant;

const LAN: InterfaceId = InterfaceId(1);
const WAN: InterfaceId = InterfaceId(2);
const A: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 2);
const B2: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
const L: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 1);
const T: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
const T2: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 2);

/// What was seen of a packet.
#[derive(Debug, Default, PartialEq)]
pub struct Seen {
    pub states: String,
    pub emitted: Vec<(String, Vec<u8>)>,
    pub counters: String,
}

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
pub struct Rig {
    netfilter: Netfilter,
    random: Random,
    counted: Statistics,
    mtus: [usize; 2],
}

impl Default for Rig {
    fn default() -> Self {
        Self::of("plain")
    }
}

fn name(interface: InterfaceId) -> &'static str {
    if interface == LAN { "lan" } else { "wan" }
}

impl Rig {
    /// The router of a scenario of the probe files.
    pub fn of(scenario: &str) -> Self {
        let mut config = NetfilterConfig { tracks: true, ..NetfilterConfig::default() };
        let (rules, knob) = scenario.split_once(' ').unwrap_or((scenario, ""));
        config.translates = rules == "nothing";
        config.rules = rules_of(rules);
        config.conntrack.checksum = knob != "unverified";
        Self {
            netfilter: Netfilter::new(&config, HashKey::from_seed(1)),
            random: Random::new(1),
            counted: Statistics::default(),
            mtus: [1500; 2],
        }
    }

    /// Forgets all connections.
    pub fn flush(&mut self) {
        self.netfilter.conntrack_mut().flush(Instant::from_micros(1));
    }

    /// Sets the MTU of a device: its name and the octets.
    pub fn set_mtu(&mut self, words: &str) {
        let (device, mtu) = words.split_once(' ').unwrap();
        self.mtus[usize::from(device == "wan")] = mtu.parse().unwrap();
    }

    /// Lets a packet pass that came in by `device`.
    pub fn pass(&mut self, device: &str, datagram: Vec<u8>) -> Seen {
        let incoming = if device == "lan" { LAN } else { WAN };
        let mut packet = Packet { octets: datagram, incoming: Some(incoming), ..Packet::default() };
        let mut seen = Seen::default();
        let way = self.travel(&mut packet, &mut seen);
        if let Some(outgoing) = way {
            seen.emitted.push((name(outgoing).to_owned(), packet.octets));
        }
        let counted = self.netfilter.conntrack().statistics;
        seen.counters = changes(&self.counted, &counted);
        self.counted = counted;
        seen
    }

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
            now: Instant::from_micros(1 << 40),
            random: &mut self.random,
            addresses: &Own,
            outgoing: outgoing.map(|interface| (interface, next_hop)),
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

const LAN_NETWORK: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 0);

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

/// Rules that the recordings were made with.
fn rules_of(scenario: &str) -> Vec<Rule> {
    let rule = |hook, conditions, action| Rule { hook, conditions, action };
    let any = Conditions::default();
    let to_wan = Conditions { outgoing: Some(WAN), ..any };
    let inside = Prefix::new(LAN_NETWORK, 16);
    let masked = Conditions { from: Some(inside), ..to_wan };
    let to = |address| Action::Translate(Binding::To(Range::address(address)));
    let to_port = |address, first, last, random| {
        Action::Translate(Binding::To(Range { ids: Some((first, last)), random, ..Range::address(address) }))
    };
    let udp_to = |port| Conditions { protocol: Some(17), destination_port: Some(port), ..any };
    let echo_to = |address| Conditions {
        to: Some(Prefix::host(address)),
        protocol: Some(1),
        icmp_type: Some(8),
        ..any
    };
    let snat = |conditions, action| rule(Hook::Postrouting, conditions, action);
    let dnat = |conditions, action| rule(Hook::Prerouting, conditions, action);
    let port_8080 =
        |protocol| Conditions { to: Some(Prefix::host(T2)), protocol: Some(protocol), ..udp_to(8080) };
    let publish = [
        dnat(port_8080(17), to_port(A, 80, 80, false)),
        dnat(port_8080(6), to_port(A, 80, 80, false)),
        dnat(echo_to(T2), to(A)),
    ];
    match scenario {
        "plain" | "nothing" => vec![],
        "snat" => vec![snat(masked, to(T))],
        "snat-all" => vec![snat(to_wan, to(T))],
        "nat" => [&publish[..], &[snat(masked, to(T))]].concat(),
        "hairpin" => {
            let inner = Conditions { from: Some(inside), to: Some(inside), ..any };
            [&publish[..], &[snat(inner, to(T2)), snat(masked, to(T2))]].concat()
        }
        "dnat-both" => vec![dnat(echo_to(T), to(A)), dnat(echo_to(T2), to(A))],
        "masquerade" => vec![snat(masked, Action::Translate(Binding::Masquerade(Range::default())))],
        "identifiers" => {
            vec![snat(Conditions { protocol: Some(1), ..to_wan }, to_port(T, 10, 11, false))]
        }
        "single-port" => {
            vec![snat(Conditions { protocol: Some(6), ..to_wan }, to_port(T, 3000, 3000, false))]
        }
        "ranges" => ranges(),
        "notrack" => {
            let from = |address| Conditions { from: Some(Prefix::host(address)), ..any };
            let notracked = Ipv4Addr::new(198, 51, 100, 8);
            vec![
                snat(masked, to(T)),
                rule(Hook::Prerouting, udp_to(54), Action::Notrack),
                rule(Hook::Prerouting, from(notracked), Action::Notrack),
                rule(Hook::LocalOut, Conditions { to: Some(Prefix::host(B2)), ..any }, Action::Notrack),
            ]
        }
        "reject" => vec![
            snat(masked, to(T)),
            rule(Hook::Forward, udp_to(55), Action::Reject { code: 3 }),
            rule(Hook::Forward, Conditions { protocol: Some(6), ..udp_to(55) }, Action::Drop),
        ],
        "zones" => {
            let from = Conditions { from: Some(Prefix::host(Ipv4Addr::new(198, 51, 100, 9))), ..any };
            let answers = Conditions { protocol: Some(17), source_port: Some(53), ..any };
            [udp_to(53), answers, from]
                .map(|conditions| rule(Hook::Prerouting, conditions, Action::Zone(5)))
                .to_vec()
        }
        other => panic!("no rules are called {other}"),
    }
}

fn ranges() -> Vec<Rule> {
    let udp = |incoming, port| Conditions {
        incoming: Some(incoming),
        protocol: Some(17),
        destination_port: Some(port),
        ..Conditions::default()
    };
    let rule =
        |conditions, binding| Rule { hook: Hook::Prerouting, conditions, action: Action::Translate(binding) };
    let ports =
        |first, last, random| Binding::To(Range { ids: Some((first, last)), random, ..Range::address(A) });
    let pool = (A, Ipv4Addr::new(10, 0, 1, 9));
    vec![
        rule(udp(LAN, 53), Binding::Redirect(Range { ids: Some((5353, 5353)), ..Range::default() })),
        rule(udp(LAN, 54), Binding::Redirect(Range::default())),
        rule(udp(WAN, 7000), ports(100, 103, false)),
        rule(udp(WAN, 7001), Binding::To(Range { addresses: Some(pool), ..Range::default() })),
        rule(udp(WAN, 7002), ports(200, 203, true)),
        rule(udp(WAN, 7020), ports(300, 300, false)),
    ]
}
