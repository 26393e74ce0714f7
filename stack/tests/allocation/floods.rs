//! Floods: however much comes in, what is held has a bound, and a packet costs no more allocations late than early.

use std::net::Ipv4Addr;

use netassay_stack::config::Config;
use netassay_stack::interface::InterfaceId;
use netassay_stack::wire::build::{echo_reply, echo_request, fragmentation_needed, ipv4, redirect, udp};
use netassay_stack::wire::icmp::RedirectCode;
use rstest::rstest;

use crate::counting::counted;
use crate::world::{Between, FAR, NEAR_LINK, OWN, PEER, World, config, datagram};

/// Packets until all bounds are reached, and as many again by which nothing may grow.
const FLOOD: u32 = 70_000;

/// Where the nth datagram of a flood comes from or goes to.
fn station(n: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0xac10_0000 + n)
}

/// What was sent to a station that an error tells of: replies are taken for ours without a socket.
fn quoted(n: u32) -> Vec<u8> {
    ipv4().source(OWN).destination(station(n)).carry(echo_reply().identifier(1)).build()
}

/// First fragments of datagrams that are never whole.
fn first_fragments(n: u32) -> Vec<u8> {
    let header = ipv4().source(PEER).destination(OWN).protocol(17).identification(n as u16);
    header.more_fragments().payload(vec![0x5a; 1400]).build()
}

/// Small pieces with holes between them, from many sources.
fn scattered_fragments(n: u32) -> Vec<u8> {
    let header = ipv4().source(station(n / 4000)).destination(OWN).protocol(17).identification(9);
    header.fragment_offset((n as usize % 4000) * 16 + 8).more_fragments().payload(vec![0x5a; 8]).build()
}

/// Pieces that overlap what came before.
fn overlapping_fragments(n: u32) -> Vec<u8> {
    let header = ipv4().source(PEER).destination(OWN).protocol(17).identification((n / 3) as u16);
    header.fragment_offset((n as usize % 3) * 8).more_fragments().payload(vec![0x5a; 64]).build()
}

/// Datagrams from ever new sources to which errors are due.
fn sources_of_errors(n: u32) -> Vec<u8> {
    datagram((station(n), 5), (OWN, 9))
}

/// Options of every kind, filled up with what they are not.
fn odd_options(n: u32) -> Vec<u8> {
    let kinds = [7, 68, 131, 137, 148, 130, 134, 1, 0, 77];
    let octets = vec![kinds[n as usize % 10], (n / 10 % 41) as u8, (n / 410 % 64) as u8, n as u8];
    let filled = octets.into_iter().chain(std::iter::repeat_n(n as u8, 36)).collect::<Vec<u8>>();
    ipv4().source(PEER).destination(OWN).options(filled).carry(echo_request()).build()
}

/// Smaller path MTUs to ever new destinations.
fn path_mtus(n: u32) -> Vec<u8> {
    let error = fragmentation_needed(600 + n as u16 % 800).quote(quoted(n));
    ipv4().source(PEER).destination(OWN).carry(error).build()
}

/// Better gateways to ever new destinations.
fn redirects(n: u32) -> Vec<u8> {
    let error = redirect(RedirectCode::Host, [10, 0, 0, 3]).quote(quoted(n));
    ipv4().source(PEER).destination(OWN).carry(error).build()
}

/// Ever new connections.
fn connections(n: u32) -> Vec<u8> {
    datagram((station(n), n as u16 | 1), (FAR, 6))
}

/// Answers that nobody asked for.
fn stray_answers(n: u32) -> Vec<u8> {
    ipv4().source(station(n)).destination(OWN).carry(echo_reply().identifier(n as u16)).build()
}

/// Datagrams to every port of a system that tells of none.
fn ports(n: u32) -> Vec<u8> {
    let segment = udp().source_port(n as u16 | 1).destination_port((n >> 3) as u16 | 1);
    ipv4().source(PEER).destination(OWN).carry(segment).build()
}

/// A host whose gateway is [`PEER`]. Errors are limited for each destination, but not all together.
fn host() -> Config {
    let mut config = config(Between::Nothing);
    for (name, value) in [
        ("net.ipv4.icmp_ratemask", "6168"),
        ("net.ipv4.icmp_msgs_per_sec", "1000000000"),
        ("net.ipv4.icmp_msgs_burst", "1000000000"),
        ("net.ipv4.ip_forward", "0"),
        ("net.ipv4.conf.all.accept_redirects", "1"),
        ("net.ipv4.conf.all.accept_source_route", "1"),
    ] {
        config.set_sysctl(name, value).unwrap();
    }
    config.routes.push(netassay_stack::config::Route { via: Some(PEER), ..Default::default() });
    config
}

/// A router that tracks at most a thousand connections.
fn tracker(between: Between) -> Config {
    let mut config = config(between);
    config.netfilter.conntrack.max = 1000;
    config
}

#[rstest]
#[case::first_fragments(host(), first_fragments, 6 << 20)]
#[case::scattered_fragments(host(), scattered_fragments, 6 << 20)]
#[case::overlapping_fragments(host(), overlapping_fragments, 6 << 20)]
#[case::sources_of_errors(host(), sources_of_errors, 16 << 20)]
#[case::odd_options(host(), odd_options, 1 << 20)]
#[case::path_mtus(host(), path_mtus, 2 << 20)]
#[case::redirects(host(), redirects, 2 << 20)]
#[case::stray_answers(host(), stray_answers, 1 << 20)]
#[case::ports(host(), ports, 1 << 20)]
#[case::connections(tracker(Between::Tracking), connections, 1 << 20)]
#[case::translations(tracker(Between::Masquerade), connections, 1 << 20)]
#[case::fragments_of_connections(tracker(Between::Tracking), first_fragments, 6 << 20)]
fn a_flood_reaches_a_bound(#[case] config: Config, #[case] flood: fn(u32) -> Vec<u8>, #[case] most: i64) {
    let mut world = World::new(config);
    let mut pour = |from: u32| {
        let mut calls = 0;
        let mut held = 0;
        for n in from..from + FLOOD {
            let octets = flood(n);
            let (asked, kept, _) = counted(|| world.take(20, NEAR_LINK, &octets));
            (calls, held) = (calls + asked, held + kept);
        }
        (calls, held)
    };
    let (early_calls, early) = pour(0);
    let (late_calls, late) = pour(FLOOD);
    println!("{early} and {late} octets held, {early_calls} and {late_calls} allocations");
    assert!(early + late <= most, "{early} and {late} octets are held");
    // Tables may still round up their size once.
    assert!(
        late <= early / 2 + (1 << 16),
        "{late} octets more are held after as many packets as before: {early}"
    );
    let most_calls = early_calls + early_calls / 4 + u64::from(FLOOD) / 100;
    assert!(late_calls <= most_calls, "{late_calls} allocations after {early_calls}");
    assert!(late_calls <= 8 * u64::from(FLOOD), "{late_calls} allocations for {FLOOD} packets");
}

/// A datagram in as many pieces as there can be costs as many steps in any order: it ends, whole, in time that shows
/// up here as a number of allocations.
#[rstest]
#[case::in_order(1)]
#[case::backwards(8191)]
#[case::scattered(4093)]
fn the_smallest_pieces_in_any_order(#[case] stride: usize) {
    const PIECES: usize = 8000;
    let mut world = World::new(host());
    let pieces: Vec<Vec<u8>> = (0..PIECES)
        .map(|n| {
            let at = n * stride % PIECES;
            let header = ipv4().source(PEER).destination(OWN).protocol(253).fragment_offset(at * 8);
            let header = if at + 1 < PIECES { header.more_fragments() } else { header };
            header.payload(vec![0x5a; 8]).build()
        })
        .collect();
    let (calls, held, ()) = counted(|| {
        for piece in &pieces {
            world.take(1, NEAR_LINK, piece);
        }
    });
    assert!(calls <= 8 * PIECES as u64, "{calls} allocations for {PIECES} pieces");
    println!("{held} octets held, {calls} allocations");
    assert!(held <= 6 << 20, "{held} octets are held");
}

/// The same interface for all: what comes in by a link that is none is refused and holds nothing.
#[test]
fn a_link_that_is_none_holds_nothing() {
    let mut world = World::new(host());
    world.take(1, InterfaceId(77), &connections(1));
    let (_, held, ()) = counted(|| (0..1000).for_each(|n| world.pour(1, InterfaceId(77), &connections(n))));
    assert_eq!(held, 0);
}
