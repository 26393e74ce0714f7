//! Which route is taken, and what is learned about it.

use netassay_stack::config::{Address, RouteTable};
use netassay_stack::socket::SocketId;

use super::*;

/// Linux asks the table `local` first: what it says of a subnet counts, although the subnet is connected.
#[rstest]
#[case::local(RouteTable::Local, 1)]
#[case::younger_of_the_same_table(RouteTable::Main, 0)]
fn local_route_of_a_connected_subnet(#[case] table: RouteTable, #[case] replies: usize) {
    let mut config = config(&[]);
    let subnet = Prefix::new([10, 1, 0, 0].into(), 24);
    config.add_interface("t1", [Prefix::new([10, 1, 0, 1].into(), 24)]).unwrap();
    let interface = config.interface_id("t1");
    config.routes.push(Route { to: subnet, kind: RouteKind::Local, table, interface, ..Route::default() });
    let mut stack = Stack::new(config, 1).unwrap();
    let echo = from(PEER).destination([10, 1, 0, 77]).carry(echo_request()).build();
    assert_eq!(answers(&mut stack, &echo).len(), replies);
}

/// Linux routes the first fragment again before it tells of one that is missing: what counts is the filter of the
/// interface by which fragments came, as it then stands.
#[rstest]
#[case::of_that_interface("t0", 0)]
#[case::of_another("t1", 1)]
#[case::of_loopback("lo", 1)]
fn reverse_path_filter_that_came_between(#[case] device: &str, #[case] errors: usize) {
    let mut config = config(&[]);
    config.add_interface("t1", [Prefix::new([10, 1, 0, 1].into(), 24)]).unwrap();
    let mut stack = Stack::new(config.clone(), 1).unwrap();
    let first = from([10, 1, 0, 2].into()).protocol(17).more_fragments().payload([7; 64]).build();
    assert!(answers(&mut stack, &first).is_empty());
    config.set_sysctl(&format!("net.ipv4.conf.{device}.rp_filter"), "1").unwrap();
    stack.reconfigure(config).unwrap();
    let mut sent = Sent::default();
    let due = stack.poll_timeout().unwrap();
    stack.handle_timeout(due, 0, &mut sent);
    assert_eq!(sent.0.len(), errors);
}

/// Linux: an address whose subnet an earlier one has already is known to this system under that one.
#[rstest]
#[case::first([10, 0, 0, 1], [10, 0, 0, 1])]
#[case::second_of_the_subnet([10, 0, 0, 3], [10, 0, 0, 1])]
#[case::half_of_the_subnet([10, 0, 0, 4], [10, 0, 0, 4])]
fn source_towards_an_own_address(#[case] own: [u8; 4], #[case] expected: [u8; 4]) {
    struct Sources(Vec<Ipv4Addr>);
    impl Sink for Sources {
        fn transmit(&mut self, _: InterfaceId, _: LinkDestination, _: &[u8]) {}
        fn deliver(&mut self, _: SocketId, source: SocketAddrV4, _: &[u8]) {
            self.0.push(*source.ip());
        }
    }
    let mut config = config(&[]);
    let others = [Prefix::new([10, 0, 0, 3].into(), 24), Prefix::new([10, 0, 0, 4].into(), 25)];
    config.interfaces[0].addresses.extend(others.map(Address::from));
    let mut stack = Stack::new(config, 1).unwrap();
    let mut seen = Sources(Vec::new());
    let local = Some(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 9));
    let wanted = SocketConfig { kind: SocketKind::Udp, local, peer: None, options: Vec::new() };
    let socket = stack.open_socket(Instant::ZERO, 0, &wanted, &mut seen).unwrap();
    stack.send(Instant::ZERO, 0, socket, Some(SocketAddrV4::new(own.into(), 9)), &[7], &mut seen).unwrap();
    assert_eq!(seen.0, [Ipv4Addr::from(expected)]);
}
