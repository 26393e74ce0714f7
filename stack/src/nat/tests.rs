//! Translating there and back: whatever leaves is restored octet by octet in what answers it or complains about it.

use core::net::Ipv4Addr;
use core::time::Duration;
use std::vec::Vec;

use quickcheck::{Arbitrary, Gen, TestResult};
use rstest::rstest;

use super::{Addresses, Binding, Range};
use crate::conntrack::testing::{
    A, A2, B, M, Tcp, icmp, internet_checksum, ip, query, transport_checksum, udp_with,
};
use crate::conntrack::{HashKey, protocol};
use crate::filter::{Action, Conditions, Rule};
use crate::hook::{Hook, HookVerdict};
use crate::interface::InterfaceId;
use crate::netfilter::{Netfilter, NetfilterConfig, Surroundings};
use crate::packet::Packet;
use crate::random::Random;
use crate::time::Instant;

const T: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
const LAN: InterfaceId = InterfaceId(1);
const WAN: InterfaceId = InterfaceId(2);

struct Own;

impl Addresses for Own {
    fn towards(&self, _: InterfaceId, _: Ipv4Addr) -> Option<Ipv4Addr> {
        Some(T)
    }

    fn first_of(&self, _: InterfaceId) -> Option<Ipv4Addr> {
        Some(T)
    }
}

/// A box that masquerades what leaves by WAN.
struct Gateway {
    netfilter: Netfilter,
    random: Random,
    now: Instant,
}

impl Gateway {
    fn new(range: Range, seed: u64) -> Self {
        let rule = Rule {
            hook: Hook::Postrouting,
            conditions: Conditions { outgoing: Some(WAN), ..Conditions::default() },
            action: Action::Translate(Binding::Masquerade(range)),
        };
        let config = NetfilterConfig { rules: std::vec![rule], ..NetfilterConfig::default() };
        let netfilter = Netfilter::new(&config, HashKey::from_seed(seed));
        Self { netfilter, random: Random::new(seed), now: Instant::from_micros(1) }
    }

    /// Forwards a packet without touching its TTL; `None` if it is dropped.
    fn forward(&mut self, octets: Vec<u8>, incoming: InterfaceId) -> Option<Vec<u8>> {
        self.forward_by(octets, incoming, if incoming == LAN { WAN } else { LAN })
    }

    fn forward_by(
        &mut self,
        octets: Vec<u8>,
        incoming: InterfaceId,
        outgoing: InterfaceId,
    ) -> Option<Vec<u8>> {
        let mut packet = Packet { octets, incoming: Some(incoming), ..Packet::default() };
        for hook in [Hook::Prerouting, Hook::Forward, Hook::Postrouting] {
            let outgoing = (hook != Hook::Prerouting).then_some((outgoing, packet.destination()));
            let mut around = Surroundings {
                now: self.now,
                random: &mut self.random,
                addresses: &Own,
                outgoing,
                log: None,
            };
            if self.netfilter.pass(hook, &mut packet, &mut around) != HookVerdict::Accept {
                return None;
            }
        }
        Some(packet.octets)
    }
}

/// A first packet from inside: few hosts and ports, so that mappings clash.
#[derive(Clone, Debug)]
struct First {
    source: Ipv4Addr,
    kind: u8,
    ports: (u16, u16),
    data: Vec<u8>,
    has_checksum: bool,
    wait: u64,
}

impl Arbitrary for First {
    fn arbitrary(g: &mut Gen) -> Self {
        let mut data = Vec::arbitrary(g);
        data.truncate(64);
        Self {
            source: *g.choose(&[A, A2, Ipv4Addr::new(10, 0, 1, 7)]).unwrap(),
            kind: u8::arbitrary(g) % 7,
            ports: (*g.choose(&[0, 1, 600, 5000, 65535]).unwrap(), *g.choose(&[53, 80]).unwrap()),
            data,
            has_checksum: u8::arbitrary(g) % 4 != 0,
            wait: u64::from(u16::arbitrary(g)),
        }
    }
}

impl First {
    fn protocol(&self) -> u8 {
        let udplite = protocol::UDPLITE;
        [protocol::UDP, protocol::TCP, protocol::ICMP, protocol::ICMP, protocol::GRE, 99, udplite]
            [usize::from(self.kind)]
    }

    /// The transport part from `source` to `destination`, as first packet or as its answer; `id` is the port or
    /// identifier of the inner end.
    fn segment(&self, source: Ipv4Addr, destination: Ipv4Addr, id: u16, answers: bool) -> Vec<u8> {
        let ports = if answers { (self.ports.1, id) } else { (id, self.ports.1) };
        match self.kind {
            0 => {
                let mut segment = udp_with(source, destination, ports, &self.data);
                if !self.has_checksum {
                    segment[6..8].fill(0);
                }
                segment
            }
            1 => {
                let (flags, acknowledgment) = if answers { ("SA", 101) } else { ("S", 0) };
                Tcp::new(ports, flags, 100, acknowledgment).octets(source, destination)
            }
            2 => query(if answers { 0 } else { 8 }, 0, id),
            3 => query(if answers { 14 } else { 13 }, 0, id),
            4 => [&[0, 0, 8, 0][..], &[b'x'; 8]].concat(),
            6 => {
                let mut segment = udp_with(source, destination, ports, &self.data);
                // Covers its header alone.
                segment[4..8].copy_from_slice(&[0, 8, 0, 0]);
                let sum = lite_checksum(source, destination, &segment);
                segment[6..8].copy_from_slice(&sum.to_be_bytes());
                segment
            }
            _ => self.data.clone(),
        }
    }
}

/// The sum of a UDP-Lite header and the pseudo header that Linux gives it, of which the length is that of up to 255 octets.
fn lite_checksum(source: Ipv4Addr, destination: Ipv4Addr, segment: &[u8]) -> u16 {
    let mut octets = [source.octets(), destination.octets()].concat();
    octets.extend([0, protocol::UDP, 0, segment.len() as u8]);
    octets.extend_from_slice(&segment[..8]);
    internet_checksum(&octets)
}

/// The port or identifier that the inner end wears in `datagram`, which goes out.
fn worn_id(first: &First, datagram: &[u8]) -> u16 {
    let at = match first.kind {
        0 | 1 | 6 => 20,
        2 | 3 => 24,
        _ => return 0,
    };
    u16::from_be_bytes([datagram[at], datagram[at + 1]])
}

/// Whether all checksums of `datagram` are right, as far as its protocol has any.
fn is_intact(first: &First, datagram: &[u8]) -> bool {
    let segment = &datagram[20..];
    let address =
        |at: usize| Ipv4Addr::new(datagram[at], datagram[at + 1], datagram[at + 2], datagram[at + 3]);
    let is_sum_right = match first.kind {
        0 if !first.has_checksum => segment[6..8] == [0, 0],
        0 | 1 => transport_checksum(address(12), address(16), first.protocol(), segment) == 0,
        2 | 3 => internet_checksum(segment) == 0,
        6 => lite_checksum(address(12), address(16), segment) == 0,
        _ => true,
    };
    is_sum_right && internet_checksum(&datagram[..20]) == 0
}

fn check_flow(gateway: &mut Gateway, first: &First) {
    gateway.now = gateway.now + Duration::from_millis(first.wait);
    let sent = ip(first.source, B, first.protocol(), &first.segment(first.source, B, first.ports.0, false));
    let Some(left) = gateway.forward(sent.clone(), LAN) else { return };
    assert_eq!(left[12..16], T.octets(), "leaves with the address of the gateway");
    assert!(is_intact(first, &left), "{first:?}: {left:?}");

    let id = worn_id(first, &left);
    let answer = ip(B, T, first.protocol(), &first.segment(B, T, id, true));
    let restored =
        ip(B, first.source, first.protocol(), &first.segment(B, first.source, first.ports.0, true));
    assert_eq!(gateway.forward(answer, WAN), Some(restored), "{first:?}: the answer");

    let complaint = ip(M, T, protocol::ICMP, &icmp(3, 1, [0; 4], &left));
    let restored = ip(M, first.source, protocol::ICMP, &icmp(3, 1, [0; 4], &sent));
    assert_eq!(gateway.forward(complaint, WAN), Some(restored), "{first:?}: the error");
}

fn is_reversible(seed: u64, random: bool, flows: Vec<First>) -> TestResult {
    let mut gateway = Gateway::new(Range { random, ..Range::default() }, seed);
    for first in &flows {
        check_flow(&mut gateway, first);
    }
    TestResult::passed()
}

#[test]
fn translation_is_reversible() {
    let test = is_reversible as fn(u64, bool, Vec<First>) -> TestResult;
    quickcheck::QuickCheck::new().tests(500).quickcheck(test);
}

/// Linux: what a masqueraded connection sends by another interface than the one whose address it wears is lost, and so is
/// the connection; what comes then begins a new one (`stack/spec/linux-conntrack-nat.md` §7.5).
#[test]
fn a_masqueraded_connection_does_not_move() {
    let mut gateway = Gateway::new(Range::default(), 1);
    let sent = ip(A, B, 17, &udp_with(A, B, (5000, 53), b"hello"));
    let left = ip(T, B, 17, &udp_with(T, B, (5000, 53), b"hello"));
    let count = |gateway: &Gateway| gateway.netfilter.conntrack().len();
    for _ in 0..2 {
        assert_eq!(gateway.forward(sent.clone(), LAN), Some(left.clone()));
    }
    assert_eq!((gateway.forward_by(sent.clone(), LAN, InterfaceId(3)), count(&gateway)), (None, 0));
    assert_eq!((gateway.forward_by(sent.clone(), LAN, InterfaceId(3)), count(&gateway)), (Some(sent), 1));
}

/// Two inner ends that want the same outer one never get it.
#[test]
fn mappings_are_unique() {
    let mut gateway = Gateway::new(Range::default(), 1);
    let mut worn = std::collections::BTreeSet::new();
    for host in 0..=255 {
        let source = Ipv4Addr::new(10, 0, 2, host);
        let first =
            First { source, kind: 0, ports: (5000, 53), data: Vec::new(), has_checksum: true, wait: 0 };
        let sent = ip(source, B, 17, &first.segment(source, B, 5000, false));
        let left = gateway.forward(sent, LAN).unwrap();
        assert!(worn.insert(worn_id(&first, &left)), "{source}");
    }
    assert!(worn.iter().all(|port| *port >= 1024));
}

/// Linux: an inner end wears the port that its newest connection has, as long as nobody else has that towards the same
/// destination; then its own is tried again, which later ones inherit (`stack/spec/linux-conntrack-nat.md` §7.4).
#[test]
fn mappings_are_inherited() {
    let mut gateway = Gateway::new(Range::default(), 1);
    let mut worn = |source: Ipv4Addr, port: u16, host: u8| {
        let destination = Ipv4Addr::new(203, 0, 113, host);
        let sent = ip(source, destination, 17, &udp_with(source, destination, (port, 53), &[]));
        let left = gateway.forward(sent, LAN).unwrap();
        u16::from_be_bytes([left[20], left[21]])
    };
    assert_eq!(worn(A, 5000, 9), 5000);
    let mapped = worn(A2, 5000, 9);
    assert_ne!(mapped, 5000);
    assert_eq!(worn(A2, 5000, 10), mapped);
    assert_eq!(worn(A, mapped, 11), mapped);
    assert_eq!(worn(A2, 5000, 11), 5000);
    assert_eq!(worn(A2, 5000, 12), 5000);
}

/// Forty ports and as many TCP connections to one server, translated or from the gateway's own address, of which the last
/// segment of the client had `flags`; then whether another client, whose SYN has this sequence number, gets through to the
/// same server (`stack/spec/linux-conntrack-nat.md` §7.4).
#[rstest]
#[case::all_are_reset(true, "RA", 5000, true)]
#[case::sequence_number_that_was_used(true, "RA", 50, false)]
#[case::all_are_alive(true, "A", 5000, false)]
#[case::none_was_translated(false, "RA", 5000, false)]
fn a_connection_that_is_over_gives_its_port_away(
    #[case] was_translated: bool,
    #[case] flags: &str,
    #[case] sequence: u32,
    #[case] is_translated: bool,
) {
    let mut gateway = Gateway::new(Range { ids: Some((3000, 3039)), ..Range::default() }, 1);
    let send = |gateway: &mut Gateway, from: (Ipv4Addr, u16), flags: &str, sequence, acknowledgment| {
        let segment = Tcp::new((from.1, 80), flags, sequence, acknowledgment).octets(from.0, B);
        gateway.forward(ip(from.0, B, protocol::TCP, &segment), LAN)
    };
    for number in 0..40 {
        let from = if was_translated {
            (Ipv4Addr::new(10, 0, 2, number), 5000)
        } else {
            (T, 3000 + u16::from(number))
        };
        let left = send(&mut gateway, from, "S", 100, 0).unwrap();
        let port = u16::from_be_bytes([left[20], left[21]]);
        assert!(was_translated || port == from.1);
        let answer = Tcp::new((80, port), "SA", 500, 101).octets(B, T);
        gateway.forward(ip(B, T, protocol::TCP, &answer), WAN).unwrap();
        send(&mut gateway, from, flags, 101, 501).unwrap();
    }
    let found = |gateway: &Gateway| gateway.netfilter.conntrack().statistics.found;
    let before = found(&gateway);
    assert_eq!(send(&mut gateway, (A, 5000), "S", sequence, 0).is_some(), is_translated);
    // Whether those of the last 32 tries are over was asked, not counted.
    assert_eq!(found(&gateway) - before, 8);
}

/// Linux: what is redirected goes to the interface that it came in by, or stays here where it was made here.
#[rstest]
#[case::from_a_link(Hook::Prerouting, Some(LAN), T)]
#[case::from_here(Hook::LocalOut, None, Ipv4Addr::LOCALHOST)]
fn redirected(#[case] hook: Hook, #[case] incoming: Option<InterfaceId>, #[case] expected: Ipv4Addr) {
    let action = Action::Translate(Binding::Redirect(Range { ids: Some((8080, 8080)), ..Range::default() }));
    let config = NetfilterConfig {
        rules: std::vec![Rule { hook, conditions: Conditions::default(), action }],
        ..NetfilterConfig::default()
    };
    let mut netfilter = Netfilter::new(&config, HashKey::from_seed(1));
    let octets = ip(A, B, 17, &udp_with(A, B, (5000, 53), b"hello"));
    let mut packet = Packet { octets, incoming, ..Packet::default() };
    let mut around = Surroundings {
        now: Instant::from_micros(1),
        random: &mut Random::new(1),
        addresses: &Own,
        outgoing: None,
        log: None,
    };
    assert_eq!(netfilter.pass(hook, &mut packet, &mut around), HookVerdict::Accept);
    assert_eq!(packet.octets, ip(A, expected, 17, &udp_with(A, expected, (5000, 8080), b"hello")));
}

/// Linux: a port inside of the range stays if nobody has it, and if there is no other.
#[rstest]
#[case::one_of_two((5000, 5001), [Some(5000), Some(5001), None])]
#[case::outside((6000, 6000), [Some(6000), None, None])]
#[case::the_only_one((5000, 5000), [Some(5000), None, None])]
fn ports_of_a_range(#[case] ids: (u16, u16), #[case] expected: [Option<u16>; 3]) {
    let mut gateway = Gateway::new(Range { ids: Some(ids), ..Range::default() }, 1);
    let worn = [A, A2, Ipv4Addr::new(10, 0, 1, 7)].map(|source| {
        let left = gateway.forward(ip(source, B, 17, &udp_with(source, B, (5000, 53), &[])), LAN)?;
        Some(u16::from_be_bytes([left[20], left[21]]))
    });
    assert_eq!(worn, expected);
}

/// Linux: what cannot keep its port gets one of the same class.
#[rstest]
#[case::least(1, 1..=511)]
#[case::low(511, 1..=511)]
#[case::reserved(512, 600..=1023)]
#[case::reserved_as_well(1023, 600..=1023)]
#[case::high(1024, 1024..=65_535)]
fn class_of_a_port(#[case] port: u16, #[case] class: std::ops::RangeInclusive<u16>) {
    let mut gateway = Gateway::new(Range::default(), 1);
    for (number, source) in [A, A2].into_iter().enumerate() {
        let left = gateway.forward(ip(source, B, 17, &udp_with(source, B, (port, 53), &[])), LAN).unwrap();
        let worn = u16::from_be_bytes([left[20], left[21]]);
        assert!(if number == 0 { worn == port } else { worn != port && class.contains(&worn) }, "{worn}");
    }
}

/// An error that quotes too little, or whose checksum is wrong, goes nowhere; nor does a redirect about what is
/// translated.
#[rstest]
#[case::whole(3, 28, 0, true)]
#[case::quotes_too_little_for_ports(3, 27, 0, false)]
#[case::wrong_checksum(3, 28, 1, false)]
#[case::redirect(5, 28, 0, false)]
fn errors_about_what_is_translated(
    #[case] icmp_type: u8,
    #[case] quoted: usize,
    #[case] spoiled: u8,
    #[case] is_forwarded: bool,
) {
    let mut gateway = Gateway::new(Range::default(), 1);
    let left = gateway.forward(ip(A, B, 17, &udp_with(A, B, (5000, 53), b"hello")), LAN).unwrap();
    let mut error = icmp(icmp_type, 1, [0; 4], &left[..quoted]);
    error[7] ^= spoiled;
    let forwarded = gateway.forward(ip(M, T, protocol::ICMP, &error), WAN);
    assert_eq!(forwarded.is_some_and(|datagram| datagram[16..20] == A.octets()), is_forwarded);
}
