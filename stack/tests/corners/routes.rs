//! Which route is taken, and what is learned about it.

use netassay_stack::config::RouteTable;

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
