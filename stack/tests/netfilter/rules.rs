//! Rules and knobs that the recordings were made with.

use std::net::Ipv4Addr;

use netassay_stack::address::Prefix;
use netassay_stack::filter::{Action, Conditions, Rule};
use netassay_stack::hook::Hook;
use netassay_stack::interface::InterfaceId;
use netassay_stack::nat::{Binding, Range};
use netassay_stack::netfilter::NetfilterConfig;

pub(crate) const LAN: InterfaceId = InterfaceId(1);
pub(crate) const WAN: InterfaceId = InterfaceId(2);
pub(crate) const LAN_NETWORK: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 0);
pub(crate) const A: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 2);
pub(crate) const B2: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
pub(crate) const L: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 1);
pub(crate) const T: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
pub(crate) const T2: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 2);

/// What a scenario of the probe files asks for: the name of its rules, perhaps a word more.
pub(crate) fn config_of(scenario: &str) -> NetfilterConfig {
    let (rules, knob) = scenario.split_once(' ').unwrap_or((scenario, ""));
    let mut config = NetfilterConfig { tracks: true, ..NetfilterConfig::default() };
    config.translates = rules == "nothing";
    config.rules = rules_of(rules);
    config.conntrack.checksum = knob != "unverified";
    config
}

/// Rules that the recordings were made with.
fn rules_of(scenario: &str) -> Vec<Rule> {
    let rule = |hook, conditions, action| Rule { hook, conditions, action };
    let any = Conditions::default();
    let to_wan = Conditions { outgoing: Some(WAN), ..any };
    let inside = Prefix::new(LAN_NETWORK, 16);
    let masked = Conditions { from: Some(inside), ..to_wan };
    let to = |address| Action::Translate(Binding::To(Range::address(address)));
    let to_port = |address, first, last, random| {
        Action::Translate(Binding::To(Range { ids: Some((first, last)), random, ..Range::address(address) }))
    };
    let udp_to = |port| Conditions { protocol: Some(17), destination_port: Some(port), ..any };
    let echo_to = |address| Conditions {
        to: Some(Prefix::host(address)),
        protocol: Some(1),
        icmp_type: Some(8),
        ..any
    };
    let snat = |conditions, action| rule(Hook::Postrouting, conditions, action);
    let dnat = |conditions, action| rule(Hook::Prerouting, conditions, action);
    let port_8080 =
        |protocol| Conditions { to: Some(Prefix::host(T2)), protocol: Some(protocol), ..udp_to(8080) };
    let publish = [
        dnat(port_8080(17), to_port(A, 80, 80, false)),
        dnat(port_8080(6), to_port(A, 80, 80, false)),
        dnat(echo_to(T2), to(A)),
    ];
    match scenario {
        "plain" | "nothing" => vec![],
        "snat" => vec![snat(masked, to(T))],
        "snat-all" => vec![snat(to_wan, to(T))],
        "nat" => [&publish[..], &[snat(masked, to(T))]].concat(),
        "hairpin" => {
            let inner = Conditions { from: Some(inside), to: Some(inside), ..any };
            [&publish[..], &[snat(inner, to(T2)), snat(masked, to(T2))]].concat()
        }
        "gre" => {
            let gre_to_t2 = Conditions { to: Some(Prefix::host(T2)), protocol: Some(47), ..any };
            vec![dnat(gre_to_t2, to(A)), snat(masked, to(T))]
        }
        "dnat-both" => vec![dnat(echo_to(T), to(A)), dnat(echo_to(T2), to(A))],
        "masquerade" => vec![snat(masked, Action::Translate(Binding::Masquerade(Range::default())))],
        "identifiers" => {
            vec![snat(Conditions { protocol: Some(1), ..to_wan }, to_port(T, 10, 11, false))]
        }
        "single-port" => {
            vec![snat(Conditions { protocol: Some(6), ..to_wan }, to_port(T, 3000, 3000, false))]
        }
        "ranges" => ranges(),
        "notrack" => {
            let from = |address| Conditions { from: Some(Prefix::host(address)), ..any };
            let notracked = Ipv4Addr::new(198, 51, 100, 8);
            vec![
                snat(masked, to(T)),
                rule(Hook::Prerouting, udp_to(54), Action::Notrack),
                rule(Hook::Prerouting, from(notracked), Action::Notrack),
                rule(Hook::LocalOut, Conditions { to: Some(Prefix::host(B2)), ..any }, Action::Notrack),
            ]
        }
        "reject" => vec![
            snat(masked, to(T)),
            rule(Hook::Forward, udp_to(55), Action::Reject { code: 3 }),
            rule(Hook::Forward, Conditions { protocol: Some(6), ..udp_to(55) }, Action::Drop),
        ],
        "zones" => {
            let from = Conditions { from: Some(Prefix::host(Ipv4Addr::new(198, 51, 100, 9))), ..any };
            let answers = Conditions { protocol: Some(17), source_port: Some(53), ..any };
            [udp_to(53), answers, from]
                .map(|conditions| rule(Hook::Prerouting, conditions, Action::Zone(5)))
                .to_vec()
        }
        other => panic!("no rules are called {other}"),
    }
}

fn ranges() -> Vec<Rule> {
    let udp = |incoming, port| Conditions {
        incoming: Some(incoming),
        protocol: Some(17),
        destination_port: Some(port),
        ..Conditions::default()
    };
    let rule =
        |conditions, binding| Rule { hook: Hook::Prerouting, conditions, action: Action::Translate(binding) };
    let ports =
        |first, last, random| Binding::To(Range { ids: Some((first, last)), random, ..Range::address(A) });
    let pool = (A, Ipv4Addr::new(10, 0, 1, 9));
    vec![
        rule(udp(LAN, 53), Binding::Redirect(Range { ids: Some((5353, 5353)), ..Range::default() })),
        rule(udp(LAN, 54), Binding::Redirect(Range::default())),
        rule(udp(WAN, 7000), ports(100, 103, false)),
        rule(udp(WAN, 7001), Binding::To(Range { addresses: Some(pool), ..Range::default() })),
        rule(udp(WAN, 7002), ports(200, 203, true)),
        rule(udp(WAN, 7020), ports(300, 300, false)),
    ]
}
