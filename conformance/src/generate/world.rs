//! Random scenarios: a host or router with a few interfaces, every kind of route, and knobs moved off their defaults.
//!
//! The addresses are the same in every world, so that a packet generator can aim without looking: `t0` is 10.0.0.1/24
//! (and 10.0.0.11), `t1` 10.1.0.1/24, `p0`, the Ethernet one, 10.2.0.1/24. Routes of each kind lead to 20/8, 30.x/16,
//! 40/16 and 50/16; the default route goes by 10.0.0.254.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::choice::Choice;
use super::local;
use crate::model::{Interface, Limits, LinkKind, Prefix, Role, Route, RouteKind, Scenario};

/// A random scenario and what a packet generator has to know of it.
#[derive(Clone, Debug)]
pub struct World {
    /// The scenario.
    pub scenario: Arc<Scenario>,
}

/// How long fragments wait: longer than any part of a run takes, however loaded the machine. Timers of a live kernel fire
/// between two packets, where nobody can say which came first.
const PATIENCE: (&str, &str) = ("net.ipv4.ipfrag_time", "86400");

/// A namespace-wide knob and the values worth trying, the default among them.
const KNOBS: &[(&str, &[&str])] = &[
    ("net.ipv4.icmp_echo_ignore_all", &["0", "0", "0", "1"]),
    ("net.ipv4.icmp_echo_ignore_broadcasts", &["1", "0"]),
    ("net.ipv4.icmp_echo_enable_probe", &["0", "1"]),
    ("net.ipv4.icmp_errors_use_inbound_ifaddr", &["0", "1"]),
    ("net.ipv4.icmp_ignore_bogus_error_responses", &["1", "0"]),
    ("net.ipv4.ip_default_ttl", &["64", "1", "255", "32"]),
    ("net.ipv4.ip_no_pmtu_disc", &["0", "1", "2", "3"]),
    ("net.ipv4.ip_forward_use_pmtu", &["0", "1"]),
    ("net.ipv4.ip_forward_update_priority", &["1", "0"]),
    ("net.ipv4.ipfrag_max_dist", &["64", "0", "1", "3"]),
    ("net.ipv4.route.min_pmtu", &["552", "68", "1000"]),
    ("net.ipv4.conf.all.rp_filter", &["0", "0", "1", "2"]),
    ("net.ipv4.conf.all.accept_source_route", &["0", "1", "1"]),
    ("net.ipv4.conf.all.accept_local", &["0", "0", "1"]),
    ("net.ipv4.conf.all.route_localnet", &["0", "0", "1"]),
    ("net.ipv4.conf.all.send_redirects", &["1", "0"]),
    ("net.ipv4.conf.all.accept_redirects", &["1", "0"]),
    ("net.ipv4.conf.all.secure_redirects", &["1", "0"]),
    ("net.ipv4.conf.all.shared_media", &["1", "0"]),
    ("net.ipv4.conf.all.bc_forwarding", &["0", "1"]),
    ("net.ipv4.conf.all.drop_unicast_in_l2_multicast", &["0", "1"]),
    ("net.ipv4.conf.all.forwarding", &["0", "1"]),
    ("net.ipv4.conf.all.src_valid_mark", &["0", "1"]),
    ("net.ipv4.conf.all.log_martians", &["0", "1"]),
    ("net.ipv4.conf.all.force_igmp_version", &["0", "1", "2", "3"]),
    ("net.ipv4.icmp_ratemask", &["6168", "0", "-1"]),
    ("net.ipv4.ip_early_demux", &["1", "0"]),
    ("net.ipv4.udp_early_demux", &["1", "0"]),
    ("net.ipv4.tcp_early_demux", &["1", "0"]),
    ("net.ipv4.ip_nonlocal_bind", &["0", "1"]),
    ("net.ipv4.fwmark_reflect", &["0", "1"]),
    ("net.ipv4.igmp_link_local_mcast_reports", &["1", "0"]),
    ("net.ipv4.fib_multipath_hash_policy", &["0", "1", "2", "3"]),
    ("net.ipv4.route.mtu_expires", &["600", "3600", "86400"]),
    ("net.ipv4.route.min_adv_mss", &["256", "536"]),
];

/// A per-interface knob (`net.ipv4.conf.<interface>.`) and the values worth trying.
const INTERFACE_KNOBS: &[(&str, &[&str])] = &[
    ("rp_filter", &["0", "0", "1", "2"]),
    ("accept_source_route", &["1", "0"]),
    ("accept_local", &["0", "0", "1"]),
    ("route_localnet", &["0", "0", "1"]),
    ("send_redirects", &["1", "0"]),
    ("accept_redirects", &["1", "0"]),
    ("secure_redirects", &["1", "0"]),
    ("shared_media", &["1", "0"]),
    ("bc_forwarding", &["0", "1"]),
    ("drop_unicast_in_l2_multicast", &["0", "1"]),
    ("forwarding", &["0", "1"]),
    ("src_valid_mark", &["0", "1"]),
    ("proxy_arp", &["0", "1"]),
    ("bootp_relay", &["0", "1"]),
    ("ignore_routes_with_linkdown", &["0", "1"]),
];

impl World {
    /// Draws a world. A third of all worlds keeps every knob at its default, so that defaults stay well covered.
    pub fn draw(choice: &mut impl Choice, limits: Limits) -> Self {
        const MTUS: &[u32] = &[1500, 1500, 1500, 68, 100, 296, 576, 1006, 9000, 65535];
        let role = *choice.pick(&[Role::Host, Role::Router, Role::Router]);
        let turn_knobs = !choice.chance(1, 3);
        let mut scenario = Self::plain(role, limits);
        for interface in &mut scenario.interfaces {
            interface.mtu = (*choice.pick(MTUS)).min(largest_mtu(interface.link));
        }
        if turn_knobs {
            turn(choice, &mut scenario);
        }
        Self { scenario: Arc::new(scenario) }
    }

    /// Draws such a world whose stack has local sockets, and every eighth time no default route.
    pub fn with_sockets(choice: &mut impl Choice, limits: Limits) -> Self {
        let mut scenario = Arc::unwrap_or_clone(Self::draw(choice, limits).scenario);
        if choice.chance(1, 8) {
            scenario.routes.retain(|route| route.to.length != 0);
        }
        scenario.sockets = local::sockets(choice);
        Self { scenario: Arc::new(scenario) }
    }

    /// The scenario with every knob and MTU at its default.
    pub fn plain(role: Role, limits: Limits) -> Scenario {
        Scenario {
            name: "random".to_owned(),
            summary: String::new(),
            role,
            limits,
            sysctl: BTreeMap::from([PATIENCE].map(|(name, value)| (name.to_owned(), value.to_owned()))),
            interfaces: interfaces(),
            routes: routes(),
            rules: Vec::new(),
            sockets: Vec::new(),
        }
    }
}

/// The largest MTU that Linux lets a TUN or TAP device have: with its header, a frame has at most 65535 octets.
const fn largest_mtu(link: LinkKind) -> u32 {
    match link {
        LinkKind::Ip => 65_535,
        LinkKind::Ethernet => 65_521,
    }
}

fn interfaces() -> Vec<Interface> {
    let interface = |name: &str, link, addresses: &[&str]| Interface {
        name: name.to_owned(),
        link,
        mac: (link == LinkKind::Ethernet).then(|| "02:00:00:00:00:01".to_owned()),
        addresses: addresses.iter().map(|text| prefix(text)).collect(),
        mtu: 1500,
        up: true,
        sysctl: Default::default(),
        groups: Vec::new(),
    };
    vec![
        interface("t0", LinkKind::Ip, &["10.0.0.1/24", "10.0.0.11/24"]),
        interface("t1", LinkKind::Ip, &["10.1.0.1/24"]),
        interface("p0", LinkKind::Ethernet, &["10.2.0.1/24"]),
    ]
}

/// One route of each kind and with each metric that a datagram can tell.
fn routes() -> Vec<Route> {
    let by_t1 = |to: &str| Route {
        via: Some(Ipv4Addr::new(10, 1, 0, 9)),
        ..route(to, RouteKind::Unicast, Some("t1"))
    };
    vec![
        Route {
            via: Some(Ipv4Addr::new(10, 0, 0, 254)),
            ..route("0.0.0.0/0", RouteKind::Unicast, Some("t0"))
        },
        by_t1("20.0.0.0/8"),
        route("30.1.0.0/16", RouteKind::Unreachable, None),
        route("30.2.0.0/16", RouteKind::Prohibit, None),
        route("30.3.0.0/16", RouteKind::Blackhole, None),
        route("30.4.0.0/16", RouteKind::Throw, None),
        route("30.7.0.0/16", RouteKind::Local, Some("lo")),
        Route { mtu: Some(300), ..by_t1("40.0.0.0/16") },
        Route { mtu: Some(600), mtu_lock: true, ..by_t1("40.1.0.0/16") },
        Route { source: Some(Ipv4Addr::new(10, 0, 0, 11)), hoplimit: Some(9), ..by_t1("50.0.0.0/16") },
        Route {
            via: Some(Ipv4Addr::new(10, 2, 0, 9)),
            ..route("60.0.0.0/8", RouteKind::Unicast, Some("p0"))
        },
    ]
}

fn route(to: &str, kind: RouteKind, dev: Option<&str>) -> Route {
    Route { dev: dev.map(str::to_owned), ..Route::new(prefix(to), kind) }
}

fn prefix(text: &str) -> Prefix {
    text.parse().expect("the prefixes of this file are well-formed")
}

/// Moves some knobs off their defaults.
pub(super) fn turn(choice: &mut impl Choice, scenario: &mut Scenario) {
    for (name, values) in KNOBS {
        if choice.chance(1, 3) {
            scenario.sysctl.insert((*name).to_owned(), (*choice.pick(values)).to_owned());
        }
    }
    for interface in &mut scenario.interfaces {
        for (name, values) in INTERFACE_KNOBS {
            if choice.chance(1, 4) {
                interface.sysctl.insert((*name).to_owned(), (*choice.pick(values)).to_owned());
            }
        }
    }
}
