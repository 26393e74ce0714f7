//! What this system sends, and what keeps it from that.

use netassay_stack::errno::Errno;
use netassay_stack::nat::{Binding, Range};
use netassay_stack::socket::{PathMtuDiscovery, SocketId};

use super::*;

/// What arrived at sockets.
#[derive(Default)]
struct Delivered(Vec<Vec<u8>>);

impl Sink for Delivered {
    fn transmit(&mut self, _: InterfaceId, _: LinkDestination, _: &[u8]) {}
    fn deliver(&mut self, _: SocketId, _: SocketAddrV4, data: &[u8]) {
        self.0.push(data.to_vec());
    }
}

fn open(stack: &mut Stack, kind: SocketKind, options: &[SocketOption]) -> SocketId {
    let wanted = SocketConfig { kind, local: None, peer: None, options: options.to_vec() };
    stack.open_socket(Instant::ZERO, 0, &wanted, &mut Sent::default()).unwrap()
}

fn rule(hook: Hook, protocol: u8, action: Action) -> Rule {
    Rule { hook, conditions: Conditions { protocol: Some(protocol), ..Conditions::default() }, action }
}

/// Linux tells who sends what a rule rejects, but ICMP itself is not told.
#[rstest]
#[case::of_a_socket(17, 1)]
#[case::reply(1, 0)]
fn who_is_told_of_a_rejection(#[case] protocol: u8, #[case] errors: u64) {
    let mut config = config(&[]);
    config.netfilter.rules.push(rule(Hook::LocalOut, protocol, Action::Reject { code: 3 }));
    let mut stack = Stack::new(config, 1).unwrap();
    answers(&mut stack, &from(PEER).carry(echo_request()).build());
    let before = stack.counters().value(Counter::IcmpOutMsgs);
    assert_eq!(before, 1, "the reply, whether a rule stops it or not");
    let socket = open(&mut stack, SocketKind::Udp, &[]);
    let _ =
        stack.send(Instant::ZERO, 0, socket, Some(SocketAddrV4::new(PEER, 9)), &[7], &mut Sent::default());
    assert_eq!(stack.counters().value(Counter::IcmpOutMsgs) - before, errors);
}

/// Linux: what a rule sends elsewhere goes by the way that leads there, and who sent what is too big for that is told.
#[test]
fn translated_onto_a_narrow_way() {
    let mut config = config(&[]);
    config.add_interface("t1", [Prefix::new([10, 1, 0, 1].into(), 24)]).unwrap().mtu = 600;
    let binding = Binding::To(Range::address([10, 1, 0, 2].into()));
    config.netfilter.rules.push(rule(Hook::LocalOut, 17, Action::Translate(binding)));
    let mut stack = Stack::new(config, 1).unwrap();
    let probing = SocketOption::PathMtuDiscovery(PathMtuDiscovery::Do);
    let socket = open(&mut stack, SocketKind::Udp, &[probing]);
    let mut send = |len: usize| {
        let mut sent = Sent::default();
        let to = Some(SocketAddrV4::new(FAR, 9));
        let result = stack.send(Instant::ZERO, 0, socket, to, &[7; 800][..len], &mut sent);
        (result, sent.0.iter().map(|(to, _)| *to).collect::<Vec<_>>())
    };
    assert_eq!(send(500), (Ok(()), vec![LinkDestination::Station([10, 1, 0, 2].into())]));
    assert_eq!(send(800), (Err(Errno::MessageSize), vec![]));
    let counted = [Counter::IcmpOutMsgs, Counter::IpOutDiscards].map(|it| stack.counters().value(it));
    assert_eq!(counted, [1, 1]);
}

/// Linux: where a multicast has to be cut up, the copy that comes back shares its header, whose options are blanked under
/// the checksum, so that nobody takes it.
#[rstest]
#[case::whole(8, &[7])]
#[case::to_be_cut(80, &[])]
fn options_of_a_multicast_that_comes_back(#[case] payload: usize, #[case] expected: &[u8]) {
    let mut config = config(&[]);
    let group = Ipv4Addr::new(224, 0, 0, 9);
    config.interfaces[0].groups.push(group);
    let groups = Prefix::new([224, 0, 0, 0].into(), 4);
    config.routes.push(Route { to: groups, interface: Some(LINK), mtu: Some(80), ..Route::default() });
    let mut stack = Stack::new(config, 1).unwrap();
    let socket = open(&mut stack, SocketKind::Raw(253), &[SocketOption::HeaderIncluded(true)]);
    // A record route option without a free slot: nobody writes to it on the way.
    let datagram =
        ipv4().source(OWN).destination(group).ttl(1).protocol(253).options([7, 7, 8, 10, 0, 0, 9, 0]);
    let mut seen = Delivered::default();
    let datagram = datagram.payload([7; 80][..payload].to_vec()).build();
    stack.send(Instant::ZERO, 0, socket, Some(SocketAddrV4::new(group, 0)), &datagram, &mut seen).unwrap();
    let kinds: Vec<_> = seen.0.iter().map(|datagram| datagram[20]).collect();
    assert_eq!(kinds, expected);
}

/// Linux: `ip_forward_use_pmtu` has a router cut what it forwards to fit what it learned of the path.
#[rstest]
#[case::forgeable("0", 1)]
#[case::trusted("1", 2)]
fn path_mtu_of_what_is_forwarded(#[case] uses: &str, #[case] pieces: usize) {
    let mut stack = host(&[("net.ipv4.ip_forward", "1"), ("net.ipv4.ip_forward_use_pmtu", uses)]);
    let reply = ipv4().source(OWN).destination(FAR).carry(echo_reply().data([7; 1000])).build();
    answers(&mut stack, &from(GATEWAY).carry(icmp(3, 4).word(800).quote(reply)).build());
    let transit = from(PEER).destination(FAR).protocol(253).payload([7; 1000]).build();
    let sent = answers(&mut stack, &transit);
    assert_eq!(sent.iter().filter(|(_, datagram)| datagram[9] == 253).count(), pieces);
}

/// RFC 2113 §2.1: who asked for router alerts sees a datagram that comes in pieces once it is whole.
#[test]
fn a_router_alert_in_pieces() {
    let mut config = config(&[("net.ipv4.ip_forward", "1")]);
    config.add_interface("t1", [Prefix::new([10, 1, 0, 1].into(), 24)]).unwrap();
    let mut stack = Stack::new(config, 1).unwrap();
    open(&mut stack, SocketKind::Raw(253), &[SocketOption::RouterAlert(true)]);
    let alert = || from(PEER).destination([10, 1, 0, 2]).protocol(253).options([0x94, 4, 0, 0]);
    let mut seen = Delivered::default();
    let mut receive = |datagram: &[u8]| {
        stack.receive(Instant::ZERO, 0, LINK, LinkClass::Host, datagram, &mut seen);
        seen.0.iter().map(Vec::len).collect::<Vec<_>>()
    };
    assert_eq!(receive(&alert().more_fragments().payload([7; 8]).build()), []);
    assert_eq!(receive(&alert().fragment_offset(8).payload([7; 8]).build()), [24 + 16]);
}

/// Linux: the error about a datagram of this system that it could not put together again belongs to the connection of
/// that datagram, in its zone.
#[test]
fn the_error_about_own_fragments_is_related() {
    let own = Ipv4Addr::new(10, 9, 9, 9);
    let mut config = config(&[("net.ipv4.ipfrag_time", "1"), ("net.ipv4.conf.all.accept_local", "1")]);
    // Cut on the way to itself, where only one piece may wait at a time.
    let local = Route { to: Prefix::host(own), kind: RouteKind::Local, mtu: Some(600), ..Route::default() };
    config.routes.push(local);
    config.bounds.backlog = 1;
    config.netfilter.rules.push(rule(Hook::LocalOut, 17, Action::Zone(5)));
    let invalid = Conditions { states: States::INVALID, ..Conditions::default() };
    config.netfilter.rules.push(Rule { hook: Hook::LocalOut, conditions: invalid, action: Action::Drop });
    let mut stack = Stack::new(config, 1).unwrap();
    let socket = open(&mut stack, SocketKind::Udp, &[]);
    let mut sent = Sent::default();
    stack.send(Instant::ZERO, 0, socket, Some(SocketAddrV4::new(own, 9)), &[7; 1000], &mut sent).unwrap();
    stack.handle_timeout(Instant::ZERO + Duration::from_secs(2), 0, &mut sent);
    assert_eq!(stack.counters().value(Counter::IcmpInMsgs), 1);
}

/// Linux answers nothing whose checksum connection tracking found to be wrong.
#[rstest]
#[case::right(0, 1)]
#[case::wrong(1, 0)]
fn rejection_of_what_is_spoiled(#[case] spoiled: u8, #[case] errors: usize) {
    let mut config = config(&[]);
    config.netfilter.tracks = true;
    config.netfilter.rules.push(rule(Hook::LocalIn, 17, Action::Reject { code: 3 }));
    let mut stack = Stack::new(config, 1).unwrap();
    let mut datagram = from(PEER).carry(udp().source_port(7).destination_port(9).data([7; 8])).build();
    datagram[35] ^= spoiled;
    assert_eq!(answers(&mut stack, &datagram).len(), errors);
}
