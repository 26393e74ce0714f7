//! What messages of ICMP say.

use netassay_stack::wire::build::interface_by_address;

use super::*;

/// RFC 1256 §3.1: an advertisement lists the addresses of the interface, each with a preference, and says how long they
/// are good.
#[test]
fn what_an_advertisement_says() {
    let mut config = config(&[("net.ipv4.ip_forward", "1")]);
    config.departures.router_solicitation_is_answered = true;
    let mut stack = Stack::new(config, 1).unwrap();
    let sent = &answers(&mut stack, &from(PEER).carry(icmp(10, 0)).build())[0].1;
    assert_eq!(sent[2..4], [0, 36]);
    assert_eq!(sent[20..], [9, 0, 0xe4, 0xf4, 1, 2, 0x07, 0x08, 10, 0, 0, 1, 0, 0, 0, 0]);
}

/// RFC 1191 §7: where no MTU is told, what is tried next is the plateau below the length of the datagram, not the one
/// that it has.
#[rstest]
#[case::on_a_plateau(1492, 1004)]
#[case::above_one(1493, 1428)]
fn plateaus(#[case] quoted_len: u16, #[case] first_piece: usize) {
    let mut config = config(&[]);
    config.departures.path_mtu_plateau = true;
    let mut stack = Stack::new(config, 1).unwrap();
    let reply = ipv4().source(OWN).destination(FAR).total_length(quoted_len).carry(echo_reply()).build();
    answers(&mut stack, &from(GATEWAY).carry(icmp(3, 4).quote(reply)).build());
    let echo = from(FAR).carry(echo_request().data([7; 1400])).build();
    assert_eq!(answers(&mut stack, &echo)[0].1.len(), first_piece);
}

/// Linux: a probe by address is about the interface that has it, or that a local route for it names; nobody has other
/// addresses, which is code 2 of RFC 8335 §3.
#[rstest]
#[case::of_an_interface(OWN, 0)]
#[case::of_a_local_route([10, 9, 9, 9].into(), 0)]
#[case::broadcast([10, 0, 0, 255].into(), 2)]
#[case::neighbor(PEER, 2)]
fn probes_by_address(#[case] address: Ipv4Addr, #[case] code: u8) {
    let mut config = config(&[("net.ipv4.icmp_echo_enable_probe", "1")]);
    let to = Prefix::host([10, 9, 9, 9].into());
    config.routes.push(Route { to, kind: RouteKind::Local, ..Route::default() });
    let mut stack = Stack::new(config, 1).unwrap();
    let structure = interface_by_address(address);
    let probe = from(PEER).carry(extended_echo_request().extended_flags(1).extension(structure)).build();
    assert_eq!(answers(&mut stack, &probe)[0].1[20..22], [43, code]);
}

/// Linux draws the price of an error from 0, 1 and 2: 50 credits are enough for 25 of them, and only the stack that is
/// followed can tell about the next.
#[rstest]
#[case::it_allowed(0, 1)]
#[case::it_refused(1, 0)]
fn a_limit_that_follows_that_of_another(#[case] refusals: u64, #[case] errors: usize) {
    let mut stack = host(&[]);
    let datagram =
        |host: u8| from([10, 0, 0, host].into()).carry(udp().source_port(1).destination_port(9)).build();
    stack.follow_credit(0);
    (100..125).for_each(|host| assert_eq!(answers(&mut stack, &datagram(host)).len(), 1));
    stack.follow_credit(refusals);
    assert_eq!(answers(&mut stack, &datagram(125)).len(), errors);
}

/// Linux: what is no query must not come to a group, and a solicitation is none unless routers answer it.
#[rstest]
#[case::to_a_group([224, 0, 0, 1].into(), false, 1)]
#[case::to_a_group_with_a_router([224, 0, 0, 1].into(), true, 0)]
#[case::to_this_host(OWN, false, 0)]
fn where_solicitations_may_come(#[case] to: Ipv4Addr, #[case] is_answered: bool, #[case] errors: u64) {
    let mut config = config(&[("net.ipv4.ip_forward", "1")]);
    config.departures.router_solicitation_is_answered = is_answered;
    let mut stack = Stack::new(config, 1).unwrap();
    answers(&mut stack, &from(PEER).destination(to).carry(icmp(10, 0)).build());
    assert_eq!(stack.counters().value(Counter::IcmpInErrors), errors);
}

/// Linux: 318 pieces of 68 octets, of 832 octets of memory each, are as many as can wait for the last of them.
#[rstest]
#[case::pieces_318(15_256, 318)]
#[case::pieces_319(15_257, 0)]
fn echoes_that_need_many_pieces(#[case] len: usize, #[case] pieces: usize) {
    let mut config = config(&[]);
    config.interfaces[0].mtu = 68;
    let mut stack = Stack::new(config, 1).unwrap();
    let echo = from(PEER).carry(echo_request().data(vec![7; len])).build();
    assert_eq!(answers(&mut stack, &echo).len(), pieces);
}

/// Linux: nobody sums up a request that loops back, so that the checksum of its reply cannot be made of that.
#[test]
fn the_reply_to_a_spoiled_request_that_loops_back() {
    let mut config = config(&[("net.ipv4.icmp_echo_ignore_broadcasts", "0")]);
    let group = Ipv4Addr::new(224, 0, 0, 9);
    config.interfaces[0].groups.push(group);
    let mut stack = Stack::new(config, 1).unwrap();
    let options = vec![SocketOption::HeaderIncluded(true)];
    let wanted = SocketConfig { kind: SocketKind::Raw(1), local: None, peer: None, options };
    let mut sent = Sent::default();
    let socket = stack.open_socket(Instant::ZERO, 0, &wanted, &mut sent).unwrap();
    let spoiled = echo_request().identifier(7).checksum(0x0bad);
    let request = ipv4().source(OWN).destination(group).ttl(1).carry(spoiled).build();
    stack.send(Instant::ZERO, 0, socket, Some(SocketAddrV4::new(group, 0)), &request, &mut sent).unwrap();
    let counted = [Counter::IcmpInMsgs, Counter::IcmpInCsumErrors].map(|it| stack.counters().value(it));
    assert_eq!(counted, [2, 0], "the request and its reply");
}
