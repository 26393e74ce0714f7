use std::net::Ipv4Addr;

use rstest::rstest;

use super::super::tests_support::{World, icmp, identified, with_checksum};
use super::*;
use crate::model::scenario::Ports;
use crate::model::{Role, RuleAction, Scenario};

const INSIDE: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 5);
const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

/// A UDP datagram from `port` to port 53, with a right checksum.
fn datagram(port: u16) -> Vec<u8> {
    let mut payload = port.to_be_bytes().to_vec();
    payload.extend([0, 53, 0, 8]);
    payload.extend(udp_sum(port).to_be_bytes());
    identified(17, 5, 0, &payload)
}

/// A checksum that follows the port.
fn udp_sum(port: u16) -> u16 {
    !port.wrapping_add(0x1234)
}

fn masquerade(ports: Option<(u16, u16)>, random: bool) -> RuleAction {
    RuleAction::Masquerade(Ports { ports, random, persistent: false })
}

fn nat(original: u16) -> World {
    World::default().with_role(Role::Nat).with_stimulus(datagram(original))
}

#[rstest]
#[case::same_class(2000, 5000, 6000, true)]
#[case::privileged(600, 700, 800, true)]
#[case::other_class(600, 700, 5000, false)]
#[case::one_side_keeps_it(2000, 2000, 6000, false)]
fn within_the_class(#[case] original: u16, #[case] a: u16, #[case] b: u16, #[case] equal: bool) {
    assert_eq!(nat(original).equal(&datagram(a), &datagram(b)), equal);
}

#[rstest]
#[case::in_range(masquerade(Some((5000, 5003)), false), 5000, 5003, true)]
#[case::reversed_range(masquerade(Some((5003, 5000)), false), 5000, 5003, true)]
#[case::beyond(masquerade(Some((5000, 5003)), false), 5000, 5004, false)]
#[case::kept_by_one(masquerade(Some((2000, 2003)), false), 2000, 2001, false)]
#[case::by_chance_the_same(masquerade(Some((2000, 2003)), true), 2000, 2001, true)]
#[case::destination_rule(RuleAction::Redirect(Ports { ports: Some((5000, 5003)), random: true, persistent: false }), 600, 601, false)]
fn within_a_range(#[case] rule: RuleAction, #[case] a: u16, #[case] b: u16, #[case] equal: bool) {
    assert_eq!(nat(2000).with_rule(rule).equal(&datagram(a), &datagram(b)), equal);
}

#[test]
fn the_checksum_must_follow() {
    let mut wrong = datagram(6000);
    wrong[27] ^= 1;
    assert!(!nat(2000).equal(&datagram(5000), &wrong));
}

#[test]
fn renaming_is_one_to_one() {
    let mut world = nat(2000);
    assert!(world.equal(&datagram(5000), &datagram(6000)));
    assert!(!world.equal(&datagram(5000), &datagram(6001)), "the flow changes its port on B");
    let mut world = world.with_stimulus(datagram(2001));
    assert!(!world.equal(&datagram(5001), &datagram(6000)), "two ports of A are one on B");
}

#[test]
fn a_router_without_nat_keeps_ports() {
    let mut world = World::default().with_role(Role::Router).with_stimulus(datagram(2000));
    assert!(!world.equal(&datagram(5000), &datagram(6000)));
}

/// A quoted datagram whose port is renamed, and the message around it with a checksum over all.
fn quoting(mut quoted: Vec<u8>, sum: bool) -> Vec<u8> {
    if !sum {
        quoted[26..28].fill(0);
    }
    let mut message = vec![3, 3, 0, 0, 0, 0, 0, 0];
    message.extend(quoted);
    icmp(&message)
}

#[rstest]
#[case::checksum_inside(true)]
#[case::no_checksum_inside(false)]
fn quoted_datagrams_are_renamed(#[case] sum: bool) {
    let mut world = nat(2000);
    assert!(!world.equal(&quoting(datagram(5000), sum), &quoting(datagram(6000), sum)), "not known yet");
    assert!(world.equal(&datagram(5000), &datagram(6000)));
    assert!(world.equal(&quoting(datagram(5000), sum), &quoting(datagram(6000), sum)));
    assert!(!world.equal(&quoting(datagram(5000), sum), &quoting(datagram(6001), sum)));
    let of_version_10 = |port| {
        let mut quoted = datagram(port);
        quoted[0] = 0xa5;
        quoting(quoted, sum)
    };
    assert!(world.equal(&of_version_10(5000), &of_version_10(6000)), "the version is not looked at");
    let mut wrong = quoting(datagram(6000), sum);
    wrong[23] ^= 1;
    assert!(!world.equal(&quoting(datagram(5000), sum), &with_checksum(wrong)), "outer checksum");
}

fn scenario() -> Scenario {
    Scenario { role: Role::Nat, ..super::super::tests_support::scenario() }
}

fn event(kind: ConntrackEventKind, inside: u16, outside: u16) -> ConntrackEvent {
    let original = TrackedTuple { source: INSIDE, destination: PEER, source_id: inside, destination_id: 53 };
    let reply = TrackedTuple { source: PEER, destination: OWN, source_id: 53, destination_id: outside };
    let entry = ConntrackEntry {
        protocol: 17,
        original,
        reply,
        timeout_s: Some(30),
        status: 0x198,
        tcp_state: None,
        zone: 0,
        accounting: None,
    };
    ConntrackEvent { kind, entry }
}

fn new(inside: u16, outside: u16) -> ConntrackEvent {
    event(ConntrackEventKind::New, inside, outside)
}

fn destroy(inside: u16, outside: u16) -> ConntrackEvent {
    event(ConntrackEventKind::Destroy, inside, outside)
}

fn agree(nat: &NatPort, a: u16, b: u16) -> bool {
    nat.tracked(17, new(0, a).entry.reply, new(0, b).entry.reply)
}

#[test]
fn events_tell_what_stands_for_what() {
    let mut nat = NatPort::new(&scenario());
    nat.learn(&[new(2000, 5000), new(2001, 2001)], &[new(2001, 2001), new(2000, 6000)]);
    assert!(agree(&nat, 5000, 6000) && agree(&nat, 2001, 2001));
    assert!(!agree(&nat, 5000, 6001) && !agree(&nat, 6000, 5000));
    let peer = |port| SocketAddrV4::new(OWN, port);
    assert!(nat.sources(peer(5000), peer(6000)));
    assert!(!nat.sources(peer(5000), peer(6001)));
}

#[test]
fn a_port_that_another_flow_has_is_not_taken() {
    let mut nat = NatPort::new(&scenario());
    nat.learn(&[new(6000, 6000)], &[new(6000, 6000)]);
    nat.learn(&[new(2000, 5000)], &[new(2000, 6000)]);
    assert!(!agree(&nat, 5000, 6000), "B gives one port to two flows");
}

#[test]
fn a_port_is_free_again_when_its_flow_is_gone() {
    let mut nat = NatPort::new(&scenario());
    nat.learn(&[new(2000, 5000)], &[new(2000, 6000)]);
    nat.learn(&[destroy(2000, 5000), new(2001, 5000)], &[destroy(2000, 6000), new(2001, 6500)]);
    assert!(agree(&nat, 5000, 6500));
    assert!(agree(&nat, 5000, 6000), "what this step tells of the end");
    nat.learn(&[], &[]);
    assert!(agree(&nat, 5000, 6500) && !agree(&nat, 5000, 6000));
}

#[test]
fn the_end_of_a_flow_is_told_under_its_names() {
    let mut nat = NatPort::new(&scenario());
    nat.learn(&[new(2000, 5000)], &[new(2000, 6000)]);
    nat.learn(&[destroy(2000, 5000)], &[destroy(2000, 6000)]);
    assert!(agree(&nat, 5000, 6000));
    nat.learn(&[], &[]);
    assert!(!agree(&nat, 5000, 6000));
}

#[test]
fn the_same_flow_draws_anew_when_it_is_tracked_anew() {
    let mut nat = NatPort::new(&scenario());
    nat.learn(&[new(2000, 5000)], &[new(2000, 6000)]);
    nat.learn(&[new(2000, 5001)], &[new(2000, 6001)]);
    nat.learn(&[], &[]);
    assert!(agree(&nat, 5001, 6001) && !agree(&nat, 5000, 6000));
}

#[test]
fn a_namesake_that_ends_late_takes_no_names_along() {
    let mut nat = NatPort::new(&scenario());
    nat.learn(&[new(2000, 5000)], &[new(2000, 6000)]);
    nat.learn(&[new(2000, 5001), destroy(2000, 5000)], &[new(2000, 6001)]);
    nat.learn(&[], &[destroy(2000, 6000)]);
    nat.learn(&[], &[]);
    assert!(agree(&nat, 5001, 6001));
    nat.learn(&[new(2001, 5001)], &[new(2001, 6001)]);
    assert!(agree(&nat, 5001, 6001), "the older flow keeps them");
    nat.learn(&[destroy(2000, 5001)], &[destroy(2000, 6001)]);
    nat.learn(&[], &[]);
    assert!(!agree(&nat, 5001, 6001));
}

/// Frames that cannot be of a flow leave what it is called.
#[test]
fn a_flow_that_is_not_established_keeps_its_names() {
    let mut world = nat(2000);
    assert!(world.equal(&datagram(5000), &datagram(6000)));
    assert!(!world.equal(&datagram(5001), &datagram(700)), "of another class");
    assert!(world.equal(&datagram(5000), &datagram(6000)));
}

/// A query that is dropped on its way has looked for an identifier, of which no event tells.
#[rstest]
#[case::drawn(true, icmp(&[8, 0, 0, 0, 0, 9, 0, 1]), 3)]
#[case::searched_from_the_first(false, icmp(&[8, 0, 0, 0, 0, 9, 0, 1]), 0)]
#[case::error(true, icmp(&[3, 1, 0, 0, 0, 0, 0, 0]), 0)]
fn a_search_in_vain_counts(#[case] random: bool, #[case] stimulus: Vec<u8>, #[case] expected: u64) {
    let mut scenario = scenario();
    let action = RuleAction::Redirect(Ports { ports: None, random, persistent: false });
    scenario.rules.push(crate::model::Rule::new(crate::model::scenario::Hook::Prerouting, action));
    let step = super::super::tests_support::inject(0, stimulus);
    let context = Context::new(&scenario, &step, std::time::Duration::ZERO);
    let mut nat = NatPort::new(&scenario);
    nat.learn(&[new(2001, 2001)], &[new(2001, 2001)]);
    nat.take_rejections();
    nat.searched_in_vain(&context);
    assert_eq!(nat.take_rejections(), expected);
}

/// In a narrow range one side may still have free what the other has drawn for somebody else.
#[test]
fn one_side_draws_alone_only_if_the_port_is_taken() {
    let mut nat = NatPort::new(&scenario());
    nat.learn(&[new(2000, 5001)], &[new(2000, 5002)]);
    nat.learn(&[new(5002, 5002)], &[new(5002, 5003)]);
    assert!(agree(&nat, 5002, 5003), "B had drawn 5002 before");
    nat.learn(&[new(5004, 5004)], &[new(5004, 5005)]);
    assert!(!agree(&nat, 5004, 5005), "B could have kept 5004");
}

/// What one side had to draw for one peer it uses for another peer as well.
#[test]
fn one_side_may_use_a_mapping_again() {
    let mut nat = NatPort::new(&scenario());
    nat.learn(&[new(2000, 5001)], &[new(2000, 5002)]);
    nat.learn(&[new(5002, 5002)], &[new(5002, 5003)]);
    nat.learn(&[to_another(5002, 5002)], &[to_another(5002, 5004)]);
    assert!(!agree_there(&nat, 5002, 5004), "B has no such mapping");
    nat.learn(&[to_another(5002, 5002)], &[to_another(5002, 5003)]);
    assert!(agree_there(&nat, 5002, 5003), "B maps 5002 to 5003 already");
}

#[test]
fn a_search_rejects_no_more_than_there_are_flows() {
    let mut nat = NatPort::new(&scenario());
    nat.learn(&[new(2000, 2000)], &[new(2000, 2000)]);
    assert_eq!(nat.take_rejections(), 0, "a kept port needs no search");
    nat.learn(&[new(2001, 5000)], &[new(2001, 6000)]);
    nat.learn(&[new(2002, 5001)], &[new(2002, 6001)]);
    assert_eq!((nat.take_rejections(), nat.take_rejections()), ((1 + 2) + (2 + 2), 0));
}

#[rstest]
#[case::identifier(&[8, 0, 0, 0, 0, 9, 0, 1], 77, 78, true)]
#[case::one_side_keeps_it(&[8, 0, 0, 0, 0, 9, 0, 1], 9, 78, false)]
#[case::an_error_has_none(&[3, 0, 0, 0, 0, 9, 0, 1], 77, 78, false)]
fn query_identifiers(#[case] message: &[u8], #[case] a: u8, #[case] b: u8, #[case] equal: bool) {
    let query = |id: u8| {
        let mut message = message.to_vec();
        message[5] = id;
        icmp(&message)
    };
    let mut world = World::default().with_role(Role::Nat).with_stimulus(query(9));
    assert_eq!(world.equal(&query(a), &query(b)), equal);
}

#[test]
fn what_was_drawn_stays_out_of_reports() {
    let mut scenario = scenario();
    let step = super::super::tests_support::inject(0, datagram(2000));
    let blanked = |scenario: &Scenario, port| {
        let context = Context::new(scenario, &step, std::time::Duration::ZERO);
        super::super::blank(&context, &crate::model::EmittedFrame { interface: 0, octets: datagram(port) })
    };
    assert_eq!(blanked(&scenario, 5000), blanked(&scenario, 6000));
    assert_ne!(blanked(&scenario, 2000), blanked(&scenario, 6000));
    scenario.role = Role::Router;
    assert_ne!(blanked(&scenario, 5000), blanked(&scenario, 6000));
}

/// A new flow to another peer than those of [`new`].
fn to_another(inside: u16, outside: u16) -> ConntrackEvent {
    let mut event = new(inside, outside);
    let another = Ipv4Addr::new(10, 0, 0, 3);
    (event.entry.original.destination, event.entry.reply.source) = (another, another);
    event
}

fn agree_there(nat: &NatPort, a: u16, b: u16) -> bool {
    nat.tracked(17, to_another(0, a).entry.reply, to_another(0, b).entry.reply)
}

/// Privileged ports are drawn from 600 on, but kept from 512 on.
#[test]
fn what_one_side_keeps_need_not_be_what_a_search_looks_at() {
    let mut nat = NatPort::new(&scenario());
    nat.learn(&[new(521, 765)], &[new(521, 781)]);
    nat.learn(&[to_another(521, 521)], &[to_another(521, 790)]);
    assert!(!agree_there(&nat, 521, 790), "B has no such mapping");
    nat.learn(&[to_another(521, 521)], &[to_another(521, 781)]);
    assert!(agree_there(&nat, 521, 781), "B maps 521 to 781 already, A found 765 taken there");
    nat.learn(&[to_another(522, 100)], &[to_another(522, 782)]);
    assert!(!agree_there(&nat, 100, 782), "no search looks at 100");
}

#[test]
fn a_port_is_taken_by_a_flow_from_where_answers_would_come() {
    let mut nat = NatPort::new(&scenario());
    let mut from_peer = new(0, 0);
    from_peer.entry.original =
        TrackedTuple { source: PEER, destination: OWN, source_id: 53, destination_id: 2000 };
    from_peer.entry.reply =
        TrackedTuple { source: OWN, destination: PEER, source_id: 2000, destination_id: 53 };
    let end = ConntrackEvent { kind: ConntrackEventKind::Destroy, ..from_peer.clone() };
    nat.learn(&[from_peer.clone()], &[from_peer]);
    nat.learn(&[end, new(2000, 2000)], &[new(2000, 5000)]);
    assert!(agree(&nat, 2000, 5000), "B could not keep 2000");
}

#[test]
fn each_zone_has_its_own_ports() {
    let in_zone = |zone, outside| {
        let mut event = new(2000, outside);
        event.entry.zone = zone;
        event
    };
    let mut nat = NatPort::new(&scenario());
    nat.learn(&[in_zone(0, 5000)], &[in_zone(0, 6000)]);
    nat.learn(&[in_zone(1, 5000)], &[in_zone(1, 6001)]);
    assert!(agree(&nat, 5000, 6000) && agree(&nat, 5000, 6001));
}

/// Where the source of a flow wears different things elsewhere, one side may have to look at one more number.
#[test]
fn a_mapping_that_is_taken_here_counts_as_a_search() {
    let mut nat = NatPort::new(&scenario());
    nat.learn(&[new(2000, 5000)], &[new(2000, 6000)]);
    nat.take_rejections();
    nat.learn(&[to_another(2000, 2000)], &[to_another(2000, 2000)]);
    assert_eq!(nat.take_rejections(), 1);
    nat.learn(&[to_another(2001, 2001)], &[to_another(2001, 2001)]);
    assert_eq!(nat.take_rejections(), 0, "nothing else has this source");
}

/// Source routes change destinations behind the back of tracking.
#[test]
fn a_source_route_leaves_the_source_that_a_flow_wears() {
    let rerouted = |port| {
        let mut frame = datagram(port);
        frame[19] = 9;
        with_checksum(frame)
    };
    let mut world = nat(2000);
    assert!(world.equal(&datagram(5000), &datagram(6000)));
    assert!(world.equal(&rerouted(5000), &rerouted(6000)));
    assert!(!world.equal(&rerouted(5000), &datagram(6000)), "two destinations");
    assert!(world.equal(&datagram(5000), &datagram(6000)), "the names are still known");
}

/// The box answers a query of any code by code 0, which tracking takes for no answer.
#[test]
fn an_answer_with_another_code_goes_to_what_the_flow_wears() {
    let query = |id| icmp(&[8, 1, 0, 0, 0, id, 0, 1]);
    let answer = |id| {
        let mut frame = icmp(&[0, 0, 0, 0, 0, id, 0, 1]);
        let (source, destination) = frame[12..20].split_at_mut(4);
        source.swap_with_slice(destination);
        frame
    };
    let mut world = World::default().with_role(Role::Nat).with_stimulus(query(9));
    assert!(world.equal(&query(77), &query(78)));
    assert!(world.equal(&answer(77), &answer(78)));
    assert!(!world.equal(&answer(77), &answer(79)));
    assert!(world.equal(&query(77), &query(78)), "the names are still known");
    // With a source route it goes to a hop.
    let by_hop = |id| {
        let mut frame = answer(id);
        frame[19] = 9;
        with_checksum(frame)
    };
    assert!(world.equal(&by_hop(77), &by_hop(78)));
    assert!(!world.equal(&by_hop(77), &answer(78)), "two destinations");
    assert!(!world.equal(&by_hop(77), &by_hop(79)));
    // The query may have come in pieces, of which the last draws the answer.
    let mut world = world.with_stimulus(identified(1, 5, 1, &[0; 8]));
    assert!(world.equal(&answer(77), &answer(78)));
    assert!(!world.equal(&answer(77), &answer(79)));
}

/// What is redirected here does not meet the rules for what leaves.
#[rstest]
#[case::ends_here(OWN, true)]
#[case::leaves_by_the_range(PEER, false)]
fn a_redirected_flow_is_bound_as_those_that_end_here(#[case] destination: Ipv4Addr, #[case] is_free: bool) {
    let mut scenario = scenario();
    let range = masquerade(Some((3000, 3003)), false);
    scenario.rules.push(crate::model::Rule::new(crate::model::scenario::Hook::Postrouting, range));
    let original = TrackedTuple { source: INSIDE, destination: PEER, source_id: 2000, destination_id: 53 };
    let drawn = [5000, 6000].map(|port| TrackedTuple { destination, source_id: port, ..original });
    let choices = Choices::of(&scenario);
    assert_eq!(choices.admit(17, original, drawn, Excuse::default()), is_free);
}

#[rstest]
#[case::the_same(2000, 0x188, 2000, 0x188, true)]
#[case::one_side_kept_it(2000, 0x188, 5000, 0x198, true)]
#[case::both_drew(5000, 0x198, 6000, 0x198, true)]
#[case::both_kept_it(2000, 0x188, 2000, 0x198, false)]
#[case::the_bit_lies(2000, 0x198, 5000, 0x188, false)]
#[case::another_bit(2000, 0x188, 5000, 0x19a, false)]
fn status_follows_translation(
    #[case] a: u16,
    #[case] status_a: u32,
    #[case] b: u16,
    #[case] status_b: u32,
    #[case] equal: bool,
) {
    let entry = |outside, status| {
        let mut entry = new(2000, outside).entry;
        entry.original.source = OWN;
        entry.status = status;
        entry
    };
    assert_eq!(NatPort::statuses(&entry(a, status_a), &entry(b, status_b)), equal);
}
