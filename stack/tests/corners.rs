//! Rules that the recordings of the kernel do not reach: one stimulus each, and what shows of it.

#[path = "corners/messages.rs"]
mod messages;
#[path = "corners/output.rs"]
mod output;
#[path = "corners/routes.rs"]
mod routes;

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use netassay_stack::address::Prefix;
use netassay_stack::config::{Config, Profile, Route, RouteKind};
use netassay_stack::counters::Counter;
use netassay_stack::decision::{Decision, Detail};
use netassay_stack::filter::{Action, Conditions, Rule, States};
use netassay_stack::hook::Hook;
use netassay_stack::interface::{InterfaceId, LinkClass};
use netassay_stack::sink::{LinkDestination, Sink};
use netassay_stack::socket::{SocketConfig, SocketKind, SocketOption};
use netassay_stack::stack::Stack;
use netassay_stack::time::Instant;
use netassay_stack::wire::build::{
    Ipv4Builder, echo_reply, echo_request, extended_echo_request, extension, icmp, ipv4, redirect, tcp, udp,
    unreachable,
};
use netassay_stack::wire::icmp::{RedirectCode, UnreachableCode};
use rstest::rstest;

const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 254);
const OTHER_GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 77);
const FAR: Ipv4Addr = Ipv4Addr::new(20, 0, 0, 9);
const LINK: InterfaceId = InterfaceId::configured(0);

/// What left: where to, and the datagram.
#[derive(Default)]
struct Sent(Vec<(LinkDestination, Vec<u8>)>);

impl Sink for Sent {
    fn transmit(&mut self, _: InterfaceId, to: LinkDestination, datagram: &[u8]) {
        self.0.push((to, datagram.to_vec()));
    }
}

/// A host with one link and a way to everywhere.
fn config(sysctls: &[(&str, &str)]) -> Config {
    let mut config = Config::new(Profile::Linux);
    config.add_interface("t0", [Prefix::new(OWN, 24)]).unwrap();
    config.routes.push(Route { via: Some(GATEWAY), ..Route::default() });
    for (name, value) in sysctls {
        config.set_sysctl(name, value).unwrap();
    }
    config
}

fn host(sysctls: &[(&str, &str)]) -> Stack {
    Stack::new(config(sysctls), 1).unwrap()
}

/// What leaves for `datagram`.
fn answers(stack: &mut Stack, datagram: &[u8]) -> Vec<(LinkDestination, Vec<u8>)> {
    let mut sent = Sent::default();
    stack.receive(Instant::ZERO, 0, LINK, LinkClass::Host, datagram, &mut sent);
    sent.0
}

fn from(source: Ipv4Addr) -> Ipv4Builder<Vec<u8>> {
    ipv4().source(source).destination(OWN)
}

/// Linux: without `shared_media`, `secure_redirects` lets a host follow redirects to gateways of default routes only.
#[rstest]
#[case::secure_and_unknown("1", OTHER_GATEWAY, GATEWAY)]
#[case::not_secure("0", OTHER_GATEWAY, OTHER_GATEWAY)]
fn redirect_to(#[case] secure: &str, #[case] told: Ipv4Addr, #[case] used: Ipv4Addr) {
    let mut stack = host(&[
        ("net.ipv4.conf.all.shared_media", "0"),
        ("net.ipv4.conf.t0.shared_media", "0"),
        ("net.ipv4.conf.all.secure_redirects", "0"),
        ("net.ipv4.conf.t0.secure_redirects", secure),
    ]);
    let echo = from(FAR).carry(echo_request()).build();
    let reply = ipv4().source(OWN).destination(FAR).carry(echo_reply()).build();
    assert_eq!(answers(&mut stack, &echo)[0].0, LinkDestination::Station(GATEWAY));
    answers(&mut stack, &from(GATEWAY).carry(redirect(RedirectCode::Host, told).quote(reply)).build());
    assert_eq!(answers(&mut stack, &echo)[0].0, LinkDestination::Station(used));
}

/// RFC 8335 §2: the extension structure holds an interface identification object, class 3. Linux does not look.
#[rstest]
#[case::identification(3, true, 0)]
#[case::other_class(1, true, 1)]
#[case::other_class_under_linux(1, false, 0)]
fn class_of_the_object_of_a_probe(#[case] class: u8, #[case] is_checked: bool, #[case] code: u8) {
    let mut config = config(&[("net.ipv4.icmp_echo_enable_probe", "1")]);
    config.departures.extended_echo_extension_is_checked = is_checked;
    let mut stack = Stack::new(config, 1).unwrap();
    let structure = extension().object(class, 1, *b"t0\0\0");
    let probe = from(PEER).carry(extended_echo_request().extended_flags(1).extension(structure)).build();
    assert_eq!(answers(&mut stack, &probe)[0].1[20..22], [43, code]);
}

/// Linux refuses a reply only where headers and data exceed what a socket may have under way.
#[test]
fn large_echoes_are_answered() {
    let mut stack = host(&[]);
    let whole = from(PEER).carry(echo_request().data([7; 60_000])).build();
    let pieces: Vec<_> = whole[20..].chunks(1480).collect();
    let mut sent = Vec::new();
    for (number, piece) in pieces.iter().enumerate() {
        let builder = from(PEER).protocol(1).fragment_offset(number * 1480);
        let is_last = number + 1 == pieces.len();
        let builder = if is_last { builder } else { builder.more_fragments() };
        sent = answers(&mut stack, &builder.payload(*piece).build());
    }
    let len: usize = sent.iter().map(|(_, datagram)| datagram.len() - 20).sum();
    assert_eq!(len, 60_008);
}

/// Linux: an error that quotes less than 8 octets of payload, or the reserved protocol 255, is counted and goes to none.
#[rstest]
#[case::whole(8, 17, 0)]
#[case::short(7, 17, 1)]
#[case::reserved_protocol(8, 255, 1)]
fn errors_that_reach_nobody(#[case] payload: usize, #[case] protocol: u8, #[case] bad: u64) {
    let mut stack = host(&[]);
    let local = Some(SocketAddrV4::new(OWN, 7));
    let wanted = SocketConfig { kind: SocketKind::Udp, local, peer: None, options: Vec::new() };
    stack.open_socket(Instant::ZERO, 0, &wanted, &mut Sent::default()).unwrap();
    let mut quoted = ipv4().source(OWN).destination(PEER).protocol(protocol);
    let datagram = udp().source_port(7).destination_port(9);
    quoted = quoted.payload(ipv4().carry(datagram).build()[20..].to_vec());
    let error = unreachable(UnreachableCode::Port).quote(&quoted.build()[..20 + payload]);
    answers(&mut stack, &from(PEER).carry(error).build());
    assert_eq!(stack.counters().value(Counter::IcmpInErrors), bad);
}

/// RFC 1122 §3.3.4.2: what goes to a group leaves by the interface of its source, in pieces that fit there.
#[test]
fn datagrams_to_a_group_fit_the_interface_of_their_source() {
    let mut stack = host(&[]);
    let local = Some(SocketAddrV4::new(OWN, 7));
    let wanted = SocketConfig { kind: SocketKind::Udp, local, peer: None, options: Vec::new() };
    let mut sent = Sent::default();
    let socket = stack.open_socket(Instant::ZERO, 0, &wanted, &mut sent).unwrap();
    let group = Some(SocketAddrV4::new([224, 0, 0, 9].into(), 9));
    stack.send(Instant::ZERO, 0, socket, group, &[7; 3000], &mut sent).unwrap();
    let lengths: Vec<_> = sent.0.iter().map(|(_, datagram)| datagram.len()).collect();
    assert_eq!(lengths, [1500, 1500, 68]);
}

/// Linux: what a route that is not one for groups knows of paths says nothing about groups.
#[test]
fn the_mtu_of_the_default_route_is_not_that_of_a_group() {
    let mut config = config(&[]);
    config.routes[0].mtu = Some(600);
    let mut stack = Stack::new(config, 1).unwrap();
    let wanted = SocketConfig { kind: SocketKind::Udp, local: None, peer: None, options: Vec::new() };
    let mut sent = Sent::default();
    let socket = stack.open_socket(Instant::ZERO, 0, &wanted, &mut sent).unwrap();
    for (to, pieces) in [(Ipv4Addr::new(224, 0, 0, 9), 1), (FAR, 2)] {
        sent.0.clear();
        stack.send(Instant::ZERO, 0, socket, Some(SocketAddrV4::new(to, 9)), &[7; 1000], &mut sent).unwrap();
        assert_eq!(sent.0.len(), pieces, "{to}");
    }
}

/// RFC 1191 §3: code 4 of Destination Unreachable tells a path MTU, and nothing else does.
#[rstest]
#[case::fragmentation_needed(3, 4, 2)]
#[case::other_code(3, 3, 1)]
#[case::other_type(12, 4, 1)]
fn what_makes_later_answers_smaller(#[case] icmp_type: u8, #[case] code: u8, #[case] pieces: usize) {
    let mut stack = host(&[]);
    let reply = ipv4().source(OWN).destination(FAR).carry(echo_reply().data([7; 1000])).build();
    let error = icmp(icmp_type, code).word(800).quote(reply);
    answers(&mut stack, &from(GATEWAY).carry(error).build());
    let echo = from(FAR).carry(echo_request().data([7; 1000])).build();
    assert_eq!(answers(&mut stack, &echo).len(), pieces);
}

/// Linux: a locked MTU is what its administrator says, whatever messages say.
#[rstest]
#[case::locked(true, 1)]
#[case::open(false, 2)]
fn messages_about_a_locked_mtu(#[case] mtu_locked: bool, #[case] pieces: usize) {
    let mut config = config(&[]);
    (config.routes[0].mtu, config.routes[0].mtu_locked) = (Some(1400), mtu_locked);
    let mut stack = Stack::new(config, 1).unwrap();
    let reply = ipv4().source(OWN).destination(FAR).carry(echo_reply().data([7; 1000])).build();
    answers(&mut stack, &from(GATEWAY).carry(icmp(3, 4).word(800).quote(reply)).build());
    let echo = from(FAR).carry(echo_request().data([7; 1000])).build();
    assert_eq!(answers(&mut stack, &echo).len(), pieces);
}

/// RFC 1122 §3.2.2: no error about what came as a broadcast of the link, also where it was only a piece.
#[rstest]
#[case::to_this_host(LinkClass::Host, 1)]
#[case::to_everybody(LinkClass::Broadcast, 0)]
fn reassembly_that_takes_too_long(#[case] class: LinkClass, #[case] errors: usize) {
    let mut stack = host(&[]);
    let mut sent = Sent::default();
    let first = from(PEER).protocol(17).more_fragments().payload([7; 64]).build();
    stack.receive(Instant::ZERO, 0, LINK, class, &first, &mut sent);
    let due = stack.poll_timeout().unwrap();
    stack.handle_timeout(due, 0, &mut sent);
    assert_eq!(sent.0.len(), errors);
}

/// RFC 791 §2.3: a fragment with others behind it holds units of 8 octets; the last one need not.
#[rstest]
#[case::whole_units(24, 1)]
#[case::part_of_a_unit(20, 0)]
fn fragments_of_whole_units(#[case] len: usize, #[case] replies: usize) {
    let mut config = config(&[]);
    config.departures.ragged_fragment_is_dropped = true;
    let mut stack = Stack::new(config, 1).unwrap();
    let whole = from(PEER).carry(echo_request().data([7; 25])).build();
    let first = from(PEER).protocol(1).more_fragments().payload(&whole[20..20 + len]).build();
    let last = from(PEER).protocol(1).fragment_offset(24).payload(&whole[44..]).build();
    assert!(answers(&mut stack, &first).is_empty());
    assert_eq!(answers(&mut stack, &last).len(), replies);
}

/// Two stacks limit alike only as long as neither has told a host something that the other has not.
#[test]
fn limits_that_stand_alike() {
    let (fresh, mut used) = (host(&[]), host(&[]));
    assert!(used.has_limits_of(&fresh));
    let datagram = from(PEER).carry(udp().source_port(1).destination_port(9)).build();
    assert_eq!(answers(&mut used, &datagram).len(), 1);
    assert!(!used.has_limits_of(&fresh));
    assert_eq!((fresh.footprint().peers, used.footprint().peers), (0, 1));
}

/// RFC 1191 §4: what came in pieces that fit the next link goes on in such pieces, whatever DF says of them.
#[rstest]
#[case::pieces_fit_with_room(600, 2)]
#[case::pieces_fit(596, 2)]
#[case::a_piece_is_too_long(595, 0)]
fn pieces_that_were_put_together_to_be_tracked(#[case] mtu: u32, #[case] forwarded: usize) {
    let mut config = config(&[("net.ipv4.ip_forward", "1")]);
    config.netfilter.tracks = true;
    config.add_interface("t1", [Prefix::new([10, 1, 0, 1].into(), 24)]).unwrap().mtu = mtu;
    let mut stack = Stack::new(config, 1).unwrap();
    let transit = || ipv4().source(PEER).destination([10, 1, 0, 2]).dont_fragment();
    let whole = transit().carry(udp().source_port(7).destination_port(9).data([7; 600])).build();
    let first = transit().protocol(17).more_fragments().payload(&whole[20..596]).build();
    let second = transit().protocol(17).fragment_offset(576).payload(&whole[596..]).build();
    assert!(answers(&mut stack, &first).is_empty());
    let sent = answers(&mut stack, &second);
    assert_eq!(sent.iter().filter(|(_, datagram)| datagram[9] == 17).count(), forwarded);
}

/// Linux: with `icmp_ignore_bogus_error_responses` off, an error about a broadcast reaches nobody.
#[rstest]
#[case::ignored("1", 1)]
#[case::refused("0", 0)]
fn errors_about_a_broadcast(#[case] ignore: &str, #[case] looked_at: u64) {
    let mut stack = host(&[("net.ipv4.icmp_ignore_bogus_error_responses", ignore)]);
    let broadcast = ipv4().source(OWN).destination([10, 0, 0, 255]).protocol(255).payload([0; 8]).build();
    answers(&mut stack, &from(PEER).carry(unreachable(UnreachableCode::Port).quote(broadcast)).build());
    // Whoever looks at it counts what is wrong with it besides.
    assert_eq!(stack.counters().value(Counter::IcmpInErrors), looked_at);
}

/// Linux starts its sums with ones: of the two ways to write the checksum of nothing but zeros it takes zero.
#[test]
fn reply_without_a_single_bit() {
    let echo = from(PEER).carry(echo_request().data([0; 8])).build();
    let reply = &answers(&mut host(&[]), &echo)[0].1;
    assert_eq!(reply[20..], [0; 16]);
}

/// The decision log says how the route was meant.
#[rstest]
#[case::own(OWN, "deliver")]
#[case::broadcast([10, 0, 0, 255].into(), "deliver broadcast")]
#[case::group([224, 0, 0, 1].into(), "deliver multicast")]
#[case::elsewhere(FAR, "refused")]
fn decisions_about_routes(#[case] destination: Ipv4Addr, #[case] text: &'static str) {
    struct Log(Vec<Detail>);
    impl Sink for Log {
        fn wants_decisions(&self) -> bool {
            true
        }
        fn decide(&mut self, decision: Decision) {
            self.0.push(decision.detail);
        }
        fn transmit(&mut self, _: InterfaceId, _: LinkDestination, _: &[u8]) {}
    }
    let mut log = Log(Vec::new());
    let echo = from(PEER).destination(destination).carry(echo_request()).build();
    host(&[]).receive(Instant::ZERO, 0, LINK, LinkClass::Host, &echo, &mut log);
    assert!(log.0.contains(&Detail::Text(text)), "{:?}", log.0);
}

/// RFC 2113 §2.1: a router shows what carries a router alert to whoever asked for it, and forwards the rest.
#[rstest]
#[case::asked_for(253, 0)]
#[case::another_protocol(254, 1)]
fn router_alerts(#[case] listened_to: u8, #[case] forwarded: usize) {
    let mut config = config(&[("net.ipv4.ip_forward", "1")]);
    config.add_interface("t1", [Prefix::new([10, 1, 0, 1].into(), 24)]).unwrap();
    let mut stack = Stack::new(config, 1).unwrap();
    let options = vec![SocketOption::RouterAlert(true)];
    let wanted = SocketConfig { kind: SocketKind::Raw(listened_to), local: None, peer: None, options };
    stack.open_socket(Instant::ZERO, 0, &wanted, &mut Sent::default()).unwrap();
    let alert = from(PEER).destination([10, 1, 0, 2]).protocol(253).options([0x94, 4, 0, 0]);
    assert_eq!(answers(&mut stack, &alert.payload([7; 8]).build()).len(), forwarded);
}

/// RFC 1122 §3.3.6: of the addresses of a subnet only that of zeros is the old form of its broadcast.
#[rstest]
#[case::zeros([10, 0, 0, 0], 0)]
#[case::ones([10, 0, 0, 255], 1)]
fn only_the_address_of_zeros_is_the_zero_form(#[case] destination: [u8; 4], #[case] replies: usize) {
    let sysctls = [("net.ipv4.ip_forward", "1"), ("net.ipv4.icmp_echo_ignore_broadcasts", "0")];
    let mut config = config(&sysctls);
    config.departures.zero_form_is_broadcast = true;
    let mut stack = Stack::new(config, 1).unwrap();
    let echo = from(PEER).destination(destination).carry(echo_request()).build();
    assert_eq!(answers(&mut stack, &echo).len(), replies);
}

/// RFC 1812 §4.3.3.10: a host answers no Router Solicitation.
#[rstest]
#[case::host("0", 0)]
#[case::router("1", 1)]
fn who_answers_solicitations(#[case] forwards: &str, #[case] advertisements: usize) {
    let mut config = config(&[("net.ipv4.ip_forward", forwards)]);
    config.departures.router_solicitation_is_answered = true;
    let mut stack = Stack::new(config, 1).unwrap();
    let solicitation = from(PEER).carry(icmp(10, 0)).build();
    assert_eq!(answers(&mut stack, &solicitation).len(), advertisements);
}

/// A route has a source of this host, and a gateway that can be reached unless it is said to be on the link.
#[rstest]
#[case::own_source(Route { source: Some(OWN), ..Route::default() }, true)]
#[case::foreign_source(Route { source: Some(FAR), ..Route::default() }, false)]
#[case::gateway(Route { via: Some(GATEWAY), ..Route::default() }, true)]
#[case::gateway_elsewhere(Route { via: Some(FAR), ..Route::default() }, false)]
#[case::gateway_said_to_be_here(Route { via: Some(FAR), onlink: true, ..Route::default() }, true)]
fn routes_that_can_be(#[case] route: Route, #[case] is_possible: bool) {
    let mut config = config(&[]);
    config.routes = vec![Route { interface: Some(LINK), ..route }];
    assert_eq!(Stack::new(config, 1).is_ok(), is_possible);
}

/// Linux: of what of its own a host discards, only what a rule stops counts as discarded on the way out.
#[test]
fn replies_that_a_rule_stops() {
    let mut config = config(&[]);
    config.netfilter.rules.push(Rule {
        hook: Hook::LocalOut,
        conditions: Conditions::default(),
        action: Action::Drop,
    });
    let mut stopped = Stack::new(config, 1).unwrap();
    let echo = from(PEER).carry(echo_request()).build();
    assert!(answers(&mut stopped, &echo).is_empty());
    assert_eq!(stopped.counters().value(Counter::IpOutDiscards), 1);
}

/// Linux draws a TCP header together that is spread over fragments, to look for a connection of its own: they go on cut
/// anew.
#[rstest]
#[case::tcp(6, ("1", "1"), &[52, 28])]
#[case::another(253, ("1", "1"), &[28, 52])]
#[case::tcp_not_looked_for(6, ("1", "0"), &[28, 52])]
#[case::nothing_looked_for(6, ("0", "1"), &[28, 52])]
fn a_header_in_pieces(
    #[case] protocol: u8,
    #[case] (early_demux, tcp_early_demux): (&str, &str),
    #[case] lengths: &[usize],
) {
    let mut config = config(&[
        ("net.ipv4.ip_forward", "1"),
        ("net.ipv4.ip_early_demux", early_demux),
        ("net.ipv4.tcp_early_demux", tcp_early_demux),
    ]);
    config.netfilter.tracks = true;
    config.add_interface("t1", [Prefix::new([10, 1, 0, 1].into(), 24)]).unwrap();
    let mut stack = Stack::new(config, 1).unwrap();
    let transit = || ipv4().source(PEER).destination([10, 1, 0, 2]).protocol(protocol);
    let segment = ipv4().source(PEER).destination([10, 1, 0, 2]).carry(tcp().flags(2).data([7; 20])).build();
    let first = transit().more_fragments().payload(&segment[20..28]).build();
    let second = transit().fragment_offset(8).payload(&segment[28..60]).build();
    assert!(answers(&mut stack, &first).is_empty());
    let sent: Vec<_> = answers(&mut stack, &second).iter().map(|(_, datagram)| datagram.len()).collect();
    assert_eq!(sent, lengths);
}

/// Linux has nothing to draw together where the first fragment holds the whole header, whatever follows it.
#[rstest]
#[case::in_the_first(24, &[44, 60])]
#[case::spread(16, &[68, 36])]
fn a_header_and_what_follows(#[case] cut: usize, #[case] lengths: &[usize]) {
    let mut config = config(&[("net.ipv4.ip_forward", "1")]);
    config.netfilter.tracks = true;
    config.add_interface("t1", [Prefix::new([10, 1, 0, 1].into(), 24)]).unwrap();
    let mut stack = Stack::new(config, 1).unwrap();
    let transit = || ipv4().source(PEER).destination([10, 1, 0, 2]).protocol(6);
    let segment = transit().carry(tcp().flags(2).data([7; 44])).build();
    let first = transit().more_fragments().payload(&segment[20..20 + cut]).build();
    let second = transit().fragment_offset(cut).payload(&segment[20 + cut..]).build();
    assert!(answers(&mut stack, &first).is_empty());
    let sent: Vec<_> = answers(&mut stack, &second).iter().map(|(_, datagram)| datagram.len()).collect();
    assert_eq!(sent, lengths);
}

/// RFC 1122 §3.3.1: a gateway is a neighbor, not something behind another gateway.
#[rstest]
#[case::behind_another(FAR, false)]
#[case::neighbor(OTHER_GATEWAY, true)]
fn gateways_that_can_be(#[case] via: Ipv4Addr, #[case] is_possible: bool) {
    let mut config = config(&[]);
    config.routes.push(Route {
        to: Prefix::new([30, 0, 0, 0].into(), 8),
        via: Some(via),
        interface: Some(LINK),
        ..Route::default()
    });
    assert_eq!(Stack::new(config, 1).is_ok(), is_possible);
}

/// RFC 792 "Timestamp Message": three timestamps of 4 octets. Linux is content with the first.
#[rstest]
#[case::whole(12, true, 1)]
#[case::cut_short(11, true, 0)]
#[case::cut_short_under_linux(11, false, 1)]
fn timestamps_of_a_request(#[case] len: usize, #[case] must_be_whole: bool, #[case] replies: usize) {
    let mut config = config(&[]);
    config.departures.timestamp_request_is_whole = must_be_whole;
    let mut stack = Stack::new(config, 1).unwrap();
    let request = from(PEER).carry(icmp(13, 0).data(&[0; 12][..len])).build();
    assert_eq!(answers(&mut stack, &request).len(), replies);
}

/// A clock that ticks while the stack is at work ticks before the look that it is told, and no sooner.
#[rstest]
#[case::before_the_last_look(0, 1)]
#[case::later(1, 0)]
fn a_clock_that_ticks_at_work(#[case] later: u64, #[case] errors: usize) {
    let mut stack = host(&[]);
    let datagram = from(PEER).carry(udp().source_port(1).destination_port(9)).build();
    // One look for the limit of all messages, one for that of the destination, which allows six at once.
    (0..6).for_each(|_| assert_eq!(answers(&mut stack, &datagram).len(), 1));
    assert_eq!(stack.looks_at_clock(), 12);
    assert!(answers(&mut stack, &datagram).is_empty());
    let last_look = stack.looks_at_clock() + 1;
    stack.tick_before_look(Some((last_look + later, Instant::ZERO + Duration::from_secs(1))));
    assert_eq!(answers(&mut stack, &datagram).len(), errors);
}

/// RFC 1122 §4.2.3.9. What a peer began to open ends where there is no way back, as Linux has it, and outlives other errors.
#[rstest]
#[case::net(3, 0, true)]
#[case::host(3, 1, true)]
#[case::protocol(3, 2, false)]
#[case::port(3, 3, false)]
#[case::source_route(3, 5, false)]
#[case::time(11, 0, true)]
#[case::parameter(12, 0, true)]
fn errors_about_half_a_connection(#[case] icmp_type: u8, #[case] code: u8, #[case] ends: bool) {
    let mut stack = host(&[]);
    let local = Some(SocketAddrV4::new(OWN, 80));
    let wanted = SocketConfig { kind: SocketKind::Tcp, local, peer: None, options: Vec::new() };
    stack.open_socket(Instant::ZERO, 0, &wanted, &mut Sent::default()).unwrap();
    let segment = || tcp().source_port(2000).destination_port(80);
    let syn = from(PEER).carry(segment().sequence_number(1000).flags(2)).build();
    let answer = answers(&mut stack, &syn).remove(0).1;
    let number = u32::from_be_bytes(*answer[24..].first_chunk().unwrap());
    let error = from(PEER).carry(icmp(icmp_type, code).quote(&answer)).build();
    assert!(answers(&mut stack, &error).is_empty());
    assert_eq!(stack.counters().value(Counter::TcpExtListenDrops), u64::from(ends));
    assert_eq!(stack.counters().value(Counter::TcpAttemptFails), 0);
    let ack = segment().sequence_number(1001).acknowledgment_number(number.wrapping_add(1)).flags(16);
    // Nobody knows the connection any more, which a reset tells.
    assert_eq!(answers(&mut stack, &from(PEER).carry(ack).build()).len(), usize::from(ends));
}
