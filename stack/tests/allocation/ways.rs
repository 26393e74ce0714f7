//! The common ways of a packet, on which nothing is allocated once the buffers have grown.

use netassay_stack::outcome::Outcome;
use netassay_stack::wire::build::{ipv4, udp};
use rstest::rstest;

use crate::counting::counted;
use crate::world::{Between, FAR, FAR_LINK, FAR_OWN, NEAR_LINK, OWN, PEER, World, config, datagram, echo};

/// A datagram that is forwarded with the last hop it had.
fn expired() -> Vec<u8> {
    let segment = udp().source_port(5).destination_port(6).data(b"abcdefgh");
    ipv4().source(PEER).destination(FAR).ttl(1).carry(segment).build()
}

#[rstest]
#[case::echo(Between::Nothing, &echo(PEER, OWN, 84), 1, 0)]
#[case::echo_of_a_whole_frame(Between::Nothing, &echo(PEER, OWN, 1500), 1, 0)]
#[case::forwarded(Between::Nothing, &datagram((PEER, 5), (FAR, 6)), 1, 0)]
#[case::cut_up(Between::Nothing, &echo(PEER, FAR, 4000), 3, 0)]
#[case::delivered(Between::Nothing, &datagram((PEER, 5), (OWN, 7)), 0, 1)]
#[case::port_unreachable(Between::Nothing, &datagram((PEER, 5), (OWN, 8)), 1, 0)]
#[case::ttl_exceeded(Between::Nothing, &expired(), 1, 0)]
#[case::dropped(Between::Nothing, &[0x45; 30], 0, 0)]
#[case::established(Between::Tracking, &datagram((PEER, 5), (FAR, 6)), 1, 0)]
#[case::translated(Between::Masquerade, &datagram((PEER, 5), (FAR, 6)), 1, 0)]
fn no_allocation(#[case] between: Between, #[case] octets: &[u8], #[case] sent: u64, #[case] delivered: u64) {
    const TIMES: u64 = 100;
    let mut world = World::new(config(between));
    (0..4).for_each(|_| world.pour(10, NEAR_LINK, octets));
    (world.sink.sent, world.sink.delivered) = (0, 0);
    let (calls, held, ()) = counted(|| (0..TIMES).for_each(|_| world.pour(10, NEAR_LINK, octets)));
    assert_eq!((world.sink.sent, world.sink.delivered), (sent * TIMES, delivered * TIMES));
    assert_eq!((calls, held), (0, 0), "in {TIMES} packets");
}

#[rstest]
#[case::tracked(Between::Tracking, PEER)]
#[case::translated(Between::Masquerade, FAR_OWN)]
fn answers_of_a_connection_allocate_nothing(#[case] between: Between, #[case] source: std::net::Ipv4Addr) {
    let (there, back) = (datagram((PEER, 5), (FAR, 6)), datagram((FAR, 6), (source, 5)));
    let mut world = World::new(config(between));
    let both = |world: &mut World| {
        let outcomes = [world.take(10, NEAR_LINK, &there), world.take(10, FAR_LINK, &back)];
        assert_eq!(outcomes, [Outcome::Forwarded; 2]);
    };
    (0..4).for_each(|_| both(&mut world));
    let (calls, held, ()) = counted(|| (0..100).for_each(|_| both(&mut world)));
    assert_eq!((calls, held), (0, 0));
}
