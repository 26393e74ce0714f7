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
