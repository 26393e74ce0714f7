//! Contradictions in a scenario: what a kernel would refuse, or take and mean something else by.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::super::scenario::{Interface, LinkKind, Role, Route, RouteKind, Scenario, Socket, SocketKind};
use super::Problem;
use super::check_rules;
use super::position::{Part, Position};

/// Names that `net.ipv4.conf` or the kernel gives a meaning of its own.
const RESERVED_NAMES: [&str; 3] = ["lo", "all", "default"];
/// Room for an interface name in the kernel, without the terminating zero.
const LONGEST_NAME: usize = 15;

/// Collects problems with their positions.
pub(super) struct Checker<'a> {
    pub(super) scenario: &'a Scenario,
    position: &'a Position<'a>,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    /// Notes a problem at `path`.
    pub(super) fn problem(&mut self, path: &[Part<'_>], what: impl Into<String>) {
        let (line, column) = self.position.of(path);
        self.problems.push(Problem { line, column, what: what.into() });
    }

    /// Notes a problem at `path` unless `holds`.
    pub(super) fn require(&mut self, holds: bool, path: &[Part<'_>], what: impl Into<String>) {
        if !holds {
            self.problem(path, what);
        }
    }

    pub(super) fn has_interface(&self, name: &str) -> bool {
        self.scenario.interfaces.iter().any(|interface| interface.name == name)
    }

    /// Whether the stack owns `address`, by an interface or by a local route.
    fn is_own(&self, address: Ipv4Addr) -> bool {
        let by_interface = self
            .scenario
            .interfaces
            .iter()
            .flat_map(|interface| &interface.addresses)
            .any(|prefix| prefix.address == address);
        let by_route = self
            .scenario
            .routes
            .iter()
            .any(|route| route.kind == RouteKind::Local && route.to.contains(address));
        address.is_loopback() || by_interface || by_route
    }
}

/// All problems of `scenario`.
pub(super) fn problems(scenario: &Scenario, position: &Position<'_>) -> Vec<Problem> {
    let mut checker = Checker { scenario, position, problems: Vec::new() };
    check_name(&mut checker);
    check_sysctls(&mut checker);
    check_interfaces(&mut checker);
    check_routes(&mut checker);
    check_rules::check(&mut checker);
    check_sockets(&mut checker);
    checker.problems
}

fn check_name(checker: &mut Checker<'_>) {
    let name = &checker.scenario.name;
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-./_".contains(&octet);
    checker.require(
        !name.is_empty() && name.bytes().all(is_plain),
        &["name".into()],
        "a scenario's name has letters, digits, `-`, `_`, `.` and `/` only",
    );
}

fn check_sysctls(checker: &mut Checker<'_>) {
    for (key, value) in &checker.scenario.sysctl {
        let path = ["sysctl".into(), key.as_str().into()];
        checker.require(
            key.starts_with("net.") && !key.contains('/'),
            &path,
            format!("`{key}` is not the full name of a network sysctl, such as net.ipv4.ip_forward"),
        );
        if let Some(("all" | "default", _)) = conf_interface(key) {
        } else if let Some((interface, rest)) = conf_interface(key) {
            let what = format!("`{key}` belongs into the `sysctl` of interface {interface}, as `{rest}`");
            checker.problem(&path, what);
        }
        if key == "net.ipv4.ip_forward" {
            let forwards = checker.scenario.role != Role::Host;
            checker.require(
                (value.trim() != "0") == forwards,
                &path,
                "ip_forward follows from the role and contradicts it here",
            );
        }
    }
}

/// Interface and key of a `net.ipv4.conf` sysctl. Interface names may contain dots; keys do not.
fn conf_interface(key: &str) -> Option<(&str, &str)> {
    key.strip_prefix("net.ipv4.conf.")?.rsplit_once('.')
}

fn check_interfaces(checker: &mut Checker<'_>) {
    let scenario = checker.scenario;
    checker.require(!scenario.interfaces.is_empty(), &[], "a scenario has at least one interface");
    let mut names = BTreeSet::new();
    let mut addresses = BTreeSet::new();
    for (index, interface) in scenario.interfaces.iter().enumerate() {
        let base: [Part<'_>; 2] = ["interface".into(), index.into()];
        let at = |key: &'static str| [base[0], base[1], key.into()];
        check_interface_name(checker, &interface.name, &at("name"));
        checker.require(
            names.insert(&interface.name),
            &at("name"),
            format!("there are two interfaces `{}`", interface.name),
        );
        checker.require(
            (68..=65_535).contains(&interface.mtu),
            &at("mtu"),
            format!("MTU {} is not from 68 to 65535", interface.mtu),
        );
        // The same address on another interface is unusual and possible.
        addresses.clear();
        for (number, prefix) in interface.addresses.iter().enumerate() {
            let path = [base[0], base[1], "addresses".into(), number.into()];
            let address = prefix.address;
            checker.require(addresses.insert(address), &path, format!("address {address} is given twice"));
            checker.require(is_host_address(address), &path, format!("{address} is no address of a host"));
        }
        check_link(checker, interface, base);
    }
}

fn check_interface_name(checker: &mut Checker<'_>, name: &str, path: &[Part<'_>]) {
    checker.require(
        !name.is_empty() && name.len() <= LONGEST_NAME,
        path,
        format!("interface name `{name}` has {} octets, not 1 to {LONGEST_NAME}", name.len()),
    );
    checker.require(
        !RESERVED_NAMES.contains(&name) && name != "." && name != "..",
        path,
        format!("interface name `{name}` is reserved"),
    );
    checker.require(
        name.bytes().all(|octet| octet.is_ascii_graphic() && !b"/:%".contains(&octet)),
        path,
        format!("interface name `{name}` has an octet that a name must not have"),
    );
}

/// Hardware address, groups and sysctls of one interface.
fn check_link(checker: &mut Checker<'_>, interface: &Interface, base: [Part<'_>; 2]) {
    if let Some(mac) = &interface.mac {
        let path = [base[0], base[1], "mac".into()];
        checker.require(
            interface.link == LinkKind::Ethernet,
            &path,
            "only an Ethernet interface has a hardware address",
        );
        match parse_mac(mac) {
            Some(octets) => checker.require(
                octets[0] & 1 == 0 && octets != [0; 6],
                &path,
                format!("{mac} is no address of one station"),
            ),
            None => checker.problem(&path, format!("`{mac}` is not six hexadecimal octets with colons")),
        }
    }
    let mut groups = BTreeSet::new();
    for (number, group) in interface.groups.iter().enumerate() {
        let path = [base[0], base[1], "groups".into(), number.into()];
        checker.require(group.is_multicast(), &path, format!("{group} is no multicast group"));
        checker.require(groups.insert(group), &path, format!("group {group} is given twice"));
    }
    for key in interface.sysctl.keys() {
        let path = [base[0], base[1], "sysctl".into(), key.as_str().into()];
        checker.require(
            !key.is_empty() && key.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'_'),
            &path,
            format!("`{key}` is not the last part of a net.ipv4.conf name, such as rp_filter"),
        );
    }
}

/// The octets of `02:00:00:00:00:01`.
fn parse_mac(text: &str) -> Option<[u8; 6]> {
    let mut octets = [0; 6];
    let mut parts = text.split(':');
    for octet in &mut octets {
        let part = parts.next().filter(|part| part.len() == 2)?;
        *octet = u8::from_str_radix(part, 16).ok()?;
    }
    parts.next().is_none().then_some(octets)
}

fn is_host_address(address: Ipv4Addr) -> bool {
    !(address.is_unspecified() || address.is_multicast() || address.is_broadcast())
}

fn check_routes(checker: &mut Checker<'_>) {
    let scenario = checker.scenario;
    let mut seen = BTreeSet::new();
    for (index, route) in scenario.routes.iter().enumerate() {
        let base: [Part<'_>; 2] = ["route".into(), index.into()];
        let at = |key: &'static str| [base[0], base[1], key.into()];
        checker.require(
            route.to.network() == route.to.address,
            &at("to"),
            format!("{} has host bits; the network is {}", route.to, route.to.network()),
        );
        checker.require(
            seen.insert((route.to, route.metric)),
            &at("to"),
            format!("there are two routes to {} with metric {}", route.to, route.metric),
        );
        if let Some(dev) = &route.dev {
            match scenario.interfaces.iter().find(|interface| interface.name == *dev) {
                None if dev == "lo" => {}
                None => checker.problem(&at("dev"), format!("there is no interface `{dev}`")),
                Some(interface) => {
                    checker.require(interface.up, &at("dev"), format!("interface `{dev}` is down"));
                }
            }
        }
        check_route_kind(checker, route, base);
        check_gateway(checker, route, base);
        check_route_metrics(checker, route, base);
    }
}

fn check_route_kind(checker: &mut Checker<'_>, route: &Route, base: [Part<'_>; 2]) {
    let has_next_hop = route.via.is_some() || route.dev.is_some();
    match route.kind {
        RouteKind::Unicast => {
            checker.require(has_next_hop, &base, "a unicast route needs `via` or `dev`");
        }
        RouteKind::Unreachable | RouteKind::Prohibit | RouteKind::Blackhole | RouteKind::Throw => {
            checker.require(!has_next_hop, &base, "a route that leads nowhere has no `via` and no `dev`");
        }
        RouteKind::Local | RouteKind::Broadcast | RouteKind::Multicast => {
            let path = [base[0], base[1], "via".into()];
            checker.require(route.via.is_none(), &path, "only a unicast route has a gateway");
        }
    }
}

fn check_gateway(checker: &mut Checker<'_>, route: &Route, base: [Part<'_>; 2]) {
    let at = |key: &'static str| [base[0], base[1], key.into()];
    let Some(gateway) = route.via else {
        checker.require(!route.onlink, &at("onlink"), "`onlink` speaks of a gateway, and there is none");
        return;
    };
    checker.require(is_host_address(gateway), &at("via"), format!("{gateway} is no address of a gateway"));
    checker.require(
        !checker.is_own(gateway),
        &at("via"),
        format!("gateway {gateway} is an address of the stack itself"),
    );
    checker.require(
        !route.onlink || route.dev.is_some(),
        &at("onlink"),
        "`onlink` needs `dev`: nothing else tells the link",
    );
    let mut candidates = checker
        .scenario
        .interfaces
        .iter()
        .filter(|one| route.dev.as_ref().is_none_or(|dev| *dev == one.name));
    let in_subnet =
        candidates.any(|interface| interface.addresses.iter().any(|prefix| prefix.contains(gateway)));
    let by_link_route = checker.scenario.routes.iter().any(|other| {
        other.via.is_none()
            && other.kind == RouteKind::Unicast
            && other.to.length > 0
            && other.to.contains(gateway)
    });
    checker.require(
        route.onlink || in_subnet || by_link_route,
        &at("via"),
        format!("gateway {gateway} is in no subnet of the interfaces; `onlink` would allow it"),
    );
}

fn check_route_metrics(checker: &mut Checker<'_>, route: &Route, base: [Part<'_>; 2]) {
    let at = |key: &'static str| [base[0], base[1], key.into()];
    if let Some(mtu) = route.mtu {
        checker.require(
            (68..=65_535).contains(&mtu),
            &at("mtu"),
            format!("MTU {mtu} is not from 68 to 65535"),
        );
    }
    checker.require(
        !route.mtu_lock || route.mtu.is_some(),
        &at("mtu-lock"),
        "`mtu-lock` speaks of an MTU, and there is none",
    );
    checker.require(route.hoplimit != Some(0), &at("hoplimit"), "a TTL of 0 never leaves the stack");
    if let Some(source) = route.source {
        checker.require(
            checker.is_own(source),
            &at("source"),
            format!("source {source} is no address of the stack"),
        );
    }
}

/// Socket options with the range of their values and the kinds of socket that have them.
const SOCKET_OPTIONS: &[(&str, i64, i64, &[SocketKind])] = {
    use SocketKind::{Ping, Raw, Tcp, Udp};
    &[
        ("recverr", 0, 1, &[Udp, Tcp, Ping, Raw]),
        ("recverr-rfc4884", 0, 1, &[Udp, Ping, Raw]),
        ("pmtudisc", 0, 5, &[Udp, Tcp, Ping, Raw]),
        ("ttl", 1, 255, &[Udp, Tcp, Ping, Raw]),
        ("tos", 0, 255, &[Udp, Tcp, Ping, Raw]),
        ("hdrincl", 0, 1, &[Raw]),
        ("router-alert", 0, 1, &[Raw]),
        ("icmp-filter", 0, 0xffff_ffff, &[Raw]),
        ("broadcast", 0, 1, &[Udp, Ping, Raw]),
        ("multicast-ttl", 0, 255, &[Udp, Ping, Raw]),
        ("multicast-loop", 0, 1, &[Udp, Ping, Raw]),
        ("nodefrag", 0, 1, &[Raw]),
    ]
};

fn check_sockets(checker: &mut Checker<'_>) {
    let scenario = checker.scenario;
    for (index, socket) in scenario.sockets.iter().enumerate() {
        let base: [Part<'_>; 2] = ["socket".into(), index.into()];
        let at = |key: &'static str| [base[0], base[1], key.into()];
        match (socket.kind, socket.protocol) {
            (SocketKind::Raw, None) => checker.problem(&base, "a raw socket needs `protocol`"),
            (SocketKind::Raw, _) | (_, None) => {}
            (_, Some(_)) => checker.problem(&at("protocol"), "only a raw socket has a protocol number"),
        }
        if let Some(local) = socket.local {
            let address = *local.ip();
            let may_bind = address.is_unspecified() || address.is_multicast() || address.is_broadcast();
            checker.require(
                may_bind || checker.is_own(address) || is_subnet_broadcast(scenario, address),
                &at("local"),
                format!("{address} is no address of the stack"),
            );
            let clashes = scenario.sockets[..index]
                .iter()
                .any(|other| other.kind == socket.kind && other.local == Some(local) && local.port() != 0);
            checker.require(
                !clashes || socket.kind == SocketKind::Raw,
                &at("local"),
                format!("two sockets of one kind are bound to {local}"),
            );
        }
        check_socket_options(checker, socket, base);
    }
}

fn is_subnet_broadcast(scenario: &Scenario, address: Ipv4Addr) -> bool {
    let mut prefixes = scenario.interfaces.iter().flat_map(|interface| &interface.addresses);
    prefixes.any(|prefix| prefix.length < 31 && prefix.broadcast() == address)
}

fn check_socket_options(checker: &mut Checker<'_>, socket: &Socket, base: [Part<'_>; 2]) {
    for (name, value) in &socket.options {
        let path = [base[0], base[1], "options".into(), name.as_str().into()];
        let Some((_, least, most, kinds)) = SOCKET_OPTIONS.iter().find(|(known, ..)| known == name) else {
            let names: Vec<_> = SOCKET_OPTIONS.iter().map(|(known, ..)| *known).collect();
            checker.problem(
                &path,
                format!("there is no socket option `{name}`; there are {}", names.join(", ")),
            );
            continue;
        };
        checker.require(
            (*least..=*most).contains(value),
            &path,
            format!("{value} for `{name}` is not from {least} to {most}"),
        );
        checker.require(
            kinds.contains(&socket.kind),
            &path,
            format!("this kind of socket has no option `{name}`"),
        );
        checker.require(
            name != "icmp-filter" || socket.protocol == Some(1),
            &path,
            "`icmp-filter` needs a raw socket of protocol 1",
        );
    }
}
