use std::collections::BTreeSet;

use rstest::rstest;

use super::*;

#[test]
fn every_built_in_scenario_is_right_and_bears_its_name() {
    for named in NAMED {
        let scenario = parse(named.name, named.toml).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(scenario.name, named.name);
        assert!(!scenario.summary.is_empty(), "{} has no summary", named.name);
        assert_eq!(
            parse("again", &to_toml(&scenario)),
            Ok(scenario),
            "{} survives being written",
            named.name
        );
    }
}

#[test]
fn every_file_is_built_in() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let files: BTreeSet<_> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("can be listed").file_name().into_string().expect("is UTF-8"))
        .collect();
    let names: BTreeSet<_> = NAMED.iter().map(|named| format!("{}.toml", named.name)).collect();
    assert_eq!(files, names);
}

const HOST: &str = "name = \"x\"
role = \"host\"
[[interface]]
name = \"t0\"
addresses = [\"10.0.0.1/24\"]
";

const NAT: &str = "name = \"x\"
role = \"nat\"
[[interface]]
name = \"t0\"
addresses = [\"10.0.0.1/24\"]
[[rule]]
hook = \"postrouting\"
action = { masquerade = {} }
";

/// `text` has exactly this one problem.
#[track_caller]
fn check(text: &str, expected: &str) {
    let error = parse("f.toml", text).expect_err("is refused");
    let lines = error.to_string();
    assert!(lines.starts_with(&format!("f.toml:{expected}")), "{lines}");
    assert_eq!(error.problems.len(), 1, "{lines}");
}

#[test]
fn the_bases_of_these_tests_are_right() {
    assert!(parse("f.toml", HOST).is_ok());
    assert!(parse("f.toml", NAT).is_ok());
}

#[rstest]
#[case::no_toml("name = \n", "1:8: string values must be quoted")]
#[case::unknown_key("nam = \"x\"\n", "1:1: unknown field `nam`")]
#[case::missing("name = \"x\"\n", "1:1: missing field `role`")]
#[case::wrong_role("name = \"x\"\nrole = \"bridge\"\n", "2:8: unknown variant `bridge`")]
#[case::bad_address(
    "name = \"x\"\nrole = \"host\"\n[[interface]]\nname = \"t0\"\naddresses = [\"10.0.0/24\"]\n",
    "5:13: `10.0.0` is not an IPv4 address"
)]
fn shape(#[case] text: &str, #[case] expected: &str) {
    check(text, expected);
}

#[rstest]
#[case::name("name = \"x\"", "name = \"a b\"", "1:8: a scenario's name has")]
#[case::long_name("\"t0\"", "\"t0123456789abcde\"", "4:8: interface name `t0123456789abcde` has 16 octets")]
#[case::reserved_name("\"t0\"", "\"lo\"", "4:8: interface name `lo` is reserved")]
#[case::slash_in_name("\"t0\"", "\"t/0\"", "4:8: interface name `t/0` has an octet")]
#[case::multicast_address("10.0.0.1/24", "224.0.0.1/24", "5:14: 224.0.0.1 is no address of a host")]
#[case::same_address("[\"10", "[\"10.0.0.1/32\", \"10", "5:29: address 10.0.0.1 is given twice")]
fn a_host_changed(#[case] from: &str, #[case] to: &str, #[case] expected: &str) {
    check(&HOST.replacen(from, to, 1), expected);
}

#[rstest]
#[case::mtu("mtu = 67", "6:7: MTU 67 is not from 68 to 65535")]
#[case::mac_on_ip("mac = \"02:00:00:00:00:01\"", "6:7: only an Ethernet interface has")]
#[case::short_mac("link = \"ethernet\"\nmac = \"02:00\"", "7:7: `02:00` is not six")]
#[case::group_mac("link = \"ethernet\"\nmac = \"03:00:00:00:00:01\"", "7:7: 03:00:00:00:00:01 is no address")]
#[case::group("groups = [\"224.0.0.2\", \"10.0.0.1\"]", "6:24: 10.0.0.1 is no multicast group")]
#[case::interface_sysctl("sysctl = { \"conf.x\" = \"1\" }", "6:23: `conf.x` is not the last part")]
#[case::unknown_in_interface("adresses = []", "6:1: unknown field `adresses`")]
#[case::two_interfaces("[[interface]]\nname = \"t0\"", "7:8: there are two interfaces `t0`")]
#[case::sysctl_of_interface(
    "[sysctl]\n\"net.ipv4.conf.t0.rp_filter\" = \"1\"",
    "7:32: `net.ipv4.conf.t0.rp_filter` belongs into"
)]
#[case::sysctl_name("[sysctl]\nip_forward = \"0\"", "7:14: `ip_forward` is not the full name")]
#[case::sysctl_role("[sysctl]\n\"net.ipv4.ip_forward\" = \"1\"", "7:25: ip_forward follows from the role")]
#[case::route_dev("[[route]]\nto = \"10.9.0.0/16\"\ndev = \"t9\"", "8:7: there is no interface `t9`")]
#[case::route_bits("[[route]]\nto = \"10.9.0.1/16\"\ndev = \"t0\"", "7:6: 10.9.0.1/16 has host bits")]
#[case::route_nowhere("[[route]]\nto = \"10.9.0.0/16\"", "6:1: a unicast route needs")]
#[case::route_dead_end(
    "[[route]]\nto = \"10.9.0.0/16\"\nkind = \"blackhole\"\ndev = \"t0\"",
    "6:1: a route that leads nowhere"
)]
#[case::route_gateway(
    "[[route]]\nto = \"0.0.0.0/0\"\nvia = \"10.1.0.2\"",
    "8:7: gateway 10.1.0.2 is in no subnet"
)]
#[case::route_own_gateway(
    "[[route]]\nto = \"0.0.0.0/0\"\nvia = \"10.0.0.1\"",
    "8:7: gateway 10.0.0.1 is an address of"
)]
#[case::route_lock(
    "[[route]]\nto = \"0.0.0.0/0\"\ndev = \"t0\"\nmtu-lock = true",
    "9:12: `mtu-lock` speaks of"
)]
#[case::route_source(
    "[[route]]\nto = \"0.0.0.0/0\"\ndev = \"t0\"\nsource = \"10.0.0.9\"",
    "9:10: source 10.0.0.9 is no address"
)]
#[case::route_twice(
    "[[route]]\nto = \"0.0.0.0/0\"\ndev = \"t0\"\n[[route]]\nto = \"0.0.0.0/0\"\ndev = \"t0\"",
    "10:6: there are two routes to 0.0.0.0/0"
)]
#[case::nat_in_host(
    "[[rule]]\nhook = \"postrouting\"\naction = { masquerade = {} }",
    "8:10: only the role `nat`"
)]
#[case::state_in_host(
    "[[rule]]\nhook = \"input\"\nct-state = [\"new\"]\naction = \"drop\"",
    "8:12: only the roles `conntrack` and `nat`"
)]
#[case::raw_socket("[[socket]]\nkind = \"raw\"", "6:1: a raw socket needs `protocol`")]
#[case::udp_protocol("[[socket]]\nkind = \"udp\"\nprotocol = 17", "8:12: only a raw socket has")]
#[case::socket_address("[[socket]]\nkind = \"udp\"\nlocal = \"10.0.0.9:7\"", "8:9: 10.0.0.9 is no address")]
#[case::socket_option(
    "[[socket]]\nkind = \"udp\"\noptions = { ttll = 1 }",
    "8:20: there is no socket option `ttll`"
)]
#[case::socket_value(
    "[[socket]]\nkind = \"udp\"\noptions = { pmtudisc = 6 }",
    "8:24: 6 for `pmtudisc` is not from"
)]
#[case::socket_kind(
    "[[socket]]\nkind = \"udp\"\noptions = { hdrincl = 1 }",
    "8:23: this kind of socket has no"
)]
fn a_host_with_more(#[case] more: &str, #[case] expected: &str) {
    check(&format!("{HOST}{more}\n"), expected);
}

#[rstest]
#[case::hook("postrouting", "prerouting", "7:8: this action has no place in prerouting, only in postrouting")]
#[case::unknown_action("masquerade = {}", "masquarade = {}", "8:12: unknown variant `masquarade`")]
#[case::unknown_in_action("masquerade = {}", "masquerade = { port = 1 }", "8:27: unknown field `port`")]
#[case::ports_alone("masquerade = {}", "masquerade = { ports = [1, 2] }", "8:10: a range of ports needs")]
#[case::no_translation("{ masquerade = {} }", "\"accept\"", "2:8: a NAT router needs")]
#[case::empty_range(
    "masquerade = {}",
    "snat = { first = \"1.0.0.2\", last = \"1.0.0.1\" }",
    "8:10: the range from 1.0.0.2 to 1.0.0.1 is empty"
)]
#[case::unknown_in_snat("masquerade = {}", "snat = { first = \"1.0.0.2\", lst = \"1.0.0.1\" }", "8:")]
#[case::out("hook", "out = \"t9\"\nhook", "7:7: there is no interface `t9`")]
#[case::incoming("hook", "in = \"t0\"\nhook", "7:6: `in` is not known in postrouting")]
#[case::state("hook", "ct-state = [\"new\", \"old\"]\nhook", "7:20: `old` is no state")]
#[case::port("hook", "source-port = 1\nhook", "7:15: `source-port` needs")]
#[case::icmp_type("hook", "icmp-type = 8\nhook", "7:13: `icmp-type` needs")]
fn a_nat_router_changed(#[case] from: &str, #[case] to: &str, #[case] expected: &str) {
    let mut text = NAT.replacen(from, to, 1);
    if to == "\"accept\"" {
        text = text.replacen("postrouting", "forward", 1);
    }
    check(&text, expected);
}

#[test]
fn all_problems_are_told_in_order() {
    let text = format!("{HOST}mtu = 1\n[[route]]\nto = \"0.0.0.0/0\"\n");
    let error = parse("f.toml", &text).unwrap_err();
    let lines: Vec<_> = error.problems.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [6, 7]);
}

#[test]
fn an_unknown_name_lists_the_names() {
    assert!(find("host").is_ok());
    let text = find("hsot").unwrap_err().to_string();
    assert!(text.contains("the scenarios are host,"), "{text}");
}
