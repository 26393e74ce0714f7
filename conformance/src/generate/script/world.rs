//! The records that describe the world of a script.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::OPTIONS;
use super::decode::{address, kind};
use super::encode::{self, place};
use super::record::{self, Reader};
use crate::model::scenario::{Hook, Ports, Translation};
use crate::model::{
    Interface, Limits, LinkKind, Prefix, Role, Route, RouteKind, Rule, RuleAction, Scenario, Socket,
    SocketKind,
};

/// Most interfaces, routes, rules and sockets of a script each; what is more is passed over.
const MOST: usize = 32;

const ROLES: [Role; 4] = [Role::Host, Role::Router, Role::Conntrack, Role::Nat];
const LIMITS: [Limits; 2] = [Limits::Open, Limits::Default];
const LINKS: [LinkKind; 2] = [LinkKind::Ip, LinkKind::Ethernet];
const ROUTES: [RouteKind; 8] = [
    RouteKind::Unicast,
    RouteKind::Local,
    RouteKind::Broadcast,
    RouteKind::Multicast,
    RouteKind::Unreachable,
    RouteKind::Prohibit,
    RouteKind::Blackhole,
    RouteKind::Throw,
];
const HOOKS: [Hook; 5] = [Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output, Hook::Postrouting];
const STATES: [&str; 5] = ["new", "established", "related", "invalid", "untracked"];
const SOCKETS: [SocketKind; 4] = [SocketKind::Udp, SocketKind::Tcp, SocketKind::Ping, SocketKind::Raw];

/// The world of a script that names no interface: the one whose addresses the generators aim at.
pub fn plain(role: Role, limits: Limits) -> Scenario {
    let interface = |name: &str, link, addresses: &[[u8; 4]]| Interface {
        name: name.to_owned(),
        link,
        mac: None,
        addresses: addresses.iter().map(|address| Prefix::new((*address).into(), 24)).collect(),
        mtu: 1500,
        up: true,
        sysctl: BTreeMap::new(),
        groups: Vec::new(),
    };
    let by = |to: [u8; 4], length, via: [u8; 4], dev: &str| Route {
        via: Some(via.into()),
        dev: Some(dev.to_owned()),
        ..Route::new(Prefix::new(to.into(), length), RouteKind::Unicast)
    };
    let dead = |second, kind| Route::new(Prefix::new([30, second, 0, 0].into(), 16), kind);
    let gateway = [10, 1, 0, 9];
    Scenario {
        name: "script".to_owned(),
        summary: String::new(),
        role,
        limits,
        sysctl: BTreeMap::new(),
        interfaces: vec![
            interface("t0", LinkKind::Ip, &[[10, 0, 0, 1], [10, 0, 0, 11]]),
            interface("t1", LinkKind::Ip, &[[10, 1, 0, 1]]),
            interface("p0", LinkKind::Ethernet, &[[10, 2, 0, 1]]),
        ],
        routes: vec![
            by([0; 4], 0, [10, 0, 0, 254], "t0"),
            by([20, 0, 0, 0], 8, gateway, "t1"),
            dead(1, RouteKind::Unreachable),
            dead(2, RouteKind::Prohibit),
            dead(3, RouteKind::Blackhole),
            Route { mtu: Some(300), ..by([40, 0, 0, 0], 16, gateway, "t1") },
            Route { mtu: Some(600), mtu_lock: true, ..by([40, 1, 0, 0], 16, gateway, "t1") },
            by([60, 0, 0, 0], 8, [10, 2, 0, 9], "p0"),
        ],
        rules: Vec::new(),
        sockets: Vec::new(),
    }
}

/// The records of a world, as far as they were read.
#[derive(Debug)]
pub(super) struct WorldRecords {
    role: Role,
    limits: Limits,
    interfaces: Vec<Interface>,
    routes: Vec<RouteRecord>,
    knobs: Vec<(u8, String, String)>,
    rules: Vec<RuleRecord>,
    sockets: Vec<Socket>,
}

/// A route whose interface is still a number.
#[derive(Debug)]
struct RouteRecord {
    route: Route,
    dev: Option<u8>,
}

/// A rule whose interfaces are still numbers.
#[derive(Debug)]
struct RuleRecord {
    rule: Rule,
    incoming: Option<u8>,
    outgoing: Option<u8>,
}

impl Default for WorldRecords {
    fn default() -> Self {
        Self {
            role: Role::Router,
            limits: Limits::Open,
            interfaces: Vec::new(),
            routes: Vec::new(),
            knobs: Vec::new(),
            rules: Vec::new(),
            sockets: Vec::new(),
        }
    }
}

impl WorldRecords {
    /// Role and limits.
    pub(super) fn settings(&mut self, reader: &mut Reader<'_>) {
        self.role = reader.one_of(&ROLES);
        self.limits = reader.one_of(&LIMITS);
    }

    /// Link, flags, MTU, addresses, groups, name.
    pub(super) fn interface(&mut self, reader: &mut Reader<'_>) {
        if self.interfaces.len() == MOST {
            return;
        }
        let link = reader.one_of(&LINKS);
        let up = reader.octet() & 1 == 0;
        let largest = if link == LinkKind::Ip { 65_535 } else { 65_521 };
        let mtu = u32::from(reader.word()).clamp(68, largest);
        let count = usize::from(reader.octet()).min(MOST);
        let addresses = (0..count).map(|_| prefix(reader)).collect();
        let count = usize::from(reader.octet()).min(MOST);
        let groups = (0..count).map(|_| group(reader.array())).collect();
        let name = String::from_utf8_lossy(reader.octets(15)).into_owned();
        let is_taken = |name: &str| self.interfaces.iter().any(|other| other.name == name);
        let is_name = |name: &str| {
            let letters = name.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-._".contains(&octet));
            !name.is_empty() && letters && !matches!(name, "lo" | "all" | "default" | "." | "..")
        };
        // Names that could be taken by a later number are not believed either.
        let name = if is_name(&name) && !name.starts_with("if") && !is_taken(&name) {
            name
        } else {
            format!("if{}", self.interfaces.len())
        };
        let sysctl = BTreeMap::new();
        self.interfaces.push(Interface { name, link, mac: None, addresses, mtu, up, sysctl, groups });
    }

    /// Kind, destination, flags, and what the flags name.
    pub(super) fn route(&mut self, reader: &mut Reader<'_>) {
        if self.routes.len() == MOST {
            return;
        }
        let kind = reader.one_of(&ROUTES);
        let to = prefix(reader);
        let flags = reader.octet();
        let route = Route {
            via: (flags & 1 != 0).then(|| reader.array::<4>().into()),
            source: (flags & 2 != 0).then(|| reader.array::<4>().into()),
            mtu: (flags & 4 != 0).then(|| u32::from(reader.word())),
            hoplimit: (flags & 8 != 0).then(|| reader.octet()),
            metric: if flags & 16 != 0 { reader.long() } else { 0 },
            mtu_lock: flags & 32 != 0,
            onlink: flags & 64 != 0,
            ..Route::new(to, kind)
        };
        let dev = (flags & 128 != 0).then(|| reader.octet());
        self.routes.push(RouteRecord { route, dev });
    }

    /// Scope (0 the namespace, else the interface of the number before), length of the name, name, value.
    pub(super) fn knob(&mut self, reader: &mut Reader<'_>) {
        let scope = reader.octet();
        let len = usize::from(reader.octet());
        let mut text = |len| String::from_utf8(reader.octets(len).to_vec()).ok();
        let (Some(name), Some(value)) = (text(len), text(64)) else { return };
        let is_name = |octet: u8| octet.is_ascii_alphanumeric() || b"._-".contains(&octet);
        let is_plain = name.bytes().all(is_name) && value.bytes().all(|octet| (b' '..=b'~').contains(&octet));
        if is_plain && !name.is_empty() && self.knobs.len() < 4 * MOST {
            self.knobs.push((scope, name, value));
        }
    }

    /// Hook, flags, conditions that the flags name, states, action.
    pub(super) fn rule(&mut self, reader: &mut Reader<'_>) {
        if self.rules.len() == MOST {
            return;
        }
        let hook = reader.one_of(&HOOKS);
        let flags = reader.octet();
        let incoming = (flags & 1 != 0).then(|| reader.octet());
        let outgoing = (flags & 2 != 0).then(|| reader.octet());
        let rule = Rule {
            hook,
            incoming: None,
            outgoing: None,
            from: (flags & 4 != 0).then(|| prefix(reader)),
            to: (flags & 8 != 0).then(|| prefix(reader)),
            protocol: (flags & 16 != 0).then(|| reader.octet()),
            source_port: (flags & 32 != 0).then(|| reader.word()),
            destination_port: (flags & 64 != 0).then(|| reader.word()),
            icmp_type: (flags & 128 != 0).then(|| reader.octet()),
            ct_state: states(reader.octet()),
            action: action(hook, reader),
        };
        self.rules.push(RuleRecord { rule, incoming, outgoing });
    }

    /// Kind, protocol, flags, addresses that the flags name, options.
    pub(super) fn socket(&mut self, reader: &mut Reader<'_>) {
        if self.sockets.len() == MOST {
            return;
        }
        let kind = reader.one_of(&SOCKETS);
        let protocol = reader.octet();
        let flags = reader.octet();
        let local = (flags & 1 != 0).then(|| address(reader));
        let peer = (flags & 2 != 0).then(|| address(reader));
        let mut options = BTreeMap::new();
        while !reader.is_empty() {
            let option = reader.one_of(&OPTIONS);
            options.insert(option.to_owned(), i64::from(reader.long() as i32));
        }
        let protocol = (kind == SocketKind::Raw).then_some(protocol);
        self.sockets.push(Socket { kind, protocol, local, peer, options });
    }

    /// The world that was described.
    pub(super) fn scenario(self) -> Scenario {
        let mut scenario = plain(self.role, self.limits);
        if !self.interfaces.is_empty() {
            scenario.interfaces = self.interfaces;
            scenario.routes.clear();
        }
        let names: Vec<String> = scenario.interfaces.iter().map(|interface| interface.name.clone()).collect();
        let name = |number: Option<u8>| number.map(|number| names[usize::from(number) % names.len()].clone());
        scenario.routes.extend(self.routes.into_iter().map(|RouteRecord { route, dev }| {
            let dev = if route.kind == RouteKind::Local { dev.map(|_| "lo".to_owned()) } else { name(dev) };
            Route { dev, ..route }
        }));
        scenario.rules.extend(self.rules.into_iter().map(|RuleRecord { rule, incoming, outgoing }| Rule {
            incoming: name(incoming),
            outgoing: name(outgoing),
            ..rule
        }));
        scenario.sockets = self.sockets;
        for (scope, knob, value) in self.knobs {
            match scope.checked_sub(1) {
                None => scenario.sysctl.insert(knob, value),
                Some(number) => {
                    scenario.interfaces[usize::from(number) % names.len()].sysctl.insert(knob, value)
                }
            };
        }
        scenario
    }
}

fn prefix(reader: &mut Reader<'_>) -> Prefix {
    Prefix::new(reader.array::<4>().into(), reader.octet() % 33)
}

/// `address`, made one of a group.
fn group(address: [u8; 4]) -> Ipv4Addr {
    let [a, b, c, d] = address;
    Ipv4Addr::new(0xe0 | a & 15, b, c, d)
}

fn states(bits: u8) -> Vec<String> {
    STATES
        .iter()
        .enumerate()
        .filter(|(bit, _)| bits >> bit & 1 != 0)
        .map(|(_, name)| (*name).to_owned())
        .collect()
}

/// What a rule does. Translations stand only where they have an effect.
fn action(hook: Hook, reader: &mut Reader<'_>) -> RuleAction {
    let changes_source = matches!(hook, Hook::Postrouting | Hook::Input);
    let changes_destination = matches!(hook, Hook::Prerouting | Hook::Output);
    match reader.octet() % 9 {
        0 => RuleAction::Drop,
        1 => RuleAction::Reject { code: reader.octet() % 16 },
        2 if changes_destination => RuleAction::Notrack,
        3 if changes_destination => RuleAction::Zone(reader.word()),
        4 if changes_source => RuleAction::Snat(translation(reader)),
        5 if changes_destination => RuleAction::Dnat(translation(reader)),
        6 if hook == Hook::Postrouting => RuleAction::Masquerade(ports(reader)),
        7 if changes_destination => RuleAction::Redirect(ports(reader)),
        _ => RuleAction::Accept,
    }
}

fn translation(reader: &mut Reader<'_>) -> Translation {
    let ports = ports(reader);
    let (first, last) = (reader.long(), reader.long());
    let last = (last > first && last - first <= 255).then(|| last.into());
    Translation { first: first.into(), last, ports }
}

fn ports(reader: &mut Reader<'_>) -> Ports {
    let flags = reader.octet();
    let range = (reader.word(), reader.word());
    Ports {
        ports: (flags & 1 != 0).then_some((range.0.min(range.1), range.0.max(range.1))),
        random: flags & 2 != 0,
        persistent: flags & 4 != 0,
    }
}

/// Role and limits, as [`WorldRecords::settings`] reads them.
pub(super) fn settings(scenario: &Scenario) -> [u8; 2] {
    [place(&ROLES, scenario.role), place(&LIMITS, scenario.limits)]
}

/// Appends the records of everything else.
pub(super) fn append(octets: &mut Vec<u8>, scenario: &Scenario) {
    let plain = plain(scenario.role, scenario.limits);
    let without_knobs = |interface: &Interface| Interface { sysctl: BTreeMap::new(), ..interface.clone() };
    let is_plain = scenario.interfaces.iter().map(without_knobs).eq(plain.interfaces.iter().cloned())
        && scenario.routes.starts_with(&plain.routes);
    let number =
        |name: &String| scenario.interfaces.iter().position(|other| other.name == *name).unwrap_or(0) as u8;
    let mut routes = &scenario.routes[..];
    if is_plain {
        routes = &scenario.routes[plain.routes.len()..];
    } else {
        scenario
            .interfaces
            .iter()
            .for_each(|it| record::append(octets, kind::INTERFACE, &interface_record(it)));
    }
    routes.iter().for_each(|it| record::append(octets, kind::ROUTE, &route_record(it, number)));
    for (name, value) in &scenario.sysctl {
        record::append(octets, kind::KNOB, &knob_record(0, name, value));
    }
    for (scope, interface) in (1..).zip(&scenario.interfaces) {
        for (name, value) in &interface.sysctl {
            record::append(octets, kind::KNOB, &knob_record(scope, name, value));
        }
    }
    scenario.rules.iter().for_each(|it| record::append(octets, kind::RULE, &rule_record(it, number)));
    scenario.sockets.iter().for_each(|it| record::append(octets, kind::SOCKET, &socket_record(it)));
}

fn prefix_octets(prefix: Prefix) -> impl Iterator<Item = u8> {
    prefix.address.octets().into_iter().chain([prefix.length])
}

fn interface_record(interface: &Interface) -> Vec<u8> {
    let mut content = vec![place(&LINKS, interface.link), u8::from(!interface.up)];
    content.extend((interface.mtu as u16).to_be_bytes());
    content.push(interface.addresses.len() as u8);
    content.extend(interface.addresses.iter().flat_map(|address| prefix_octets(*address)));
    content.push(interface.groups.len() as u8);
    content.extend(interface.groups.iter().flat_map(|group| group.octets()));
    if !interface.name.starts_with("if") {
        content.extend(interface.name.bytes());
    }
    content
}

fn route_record(route: &Route, number: impl Fn(&String) -> u8) -> Vec<u8> {
    let mut content = vec![place(&ROUTES, route.kind)];
    content.extend(prefix_octets(route.to));
    let flags = [
        route.via.is_some(),
        route.source.is_some(),
        route.mtu.is_some(),
        route.hoplimit.is_some(),
        route.metric != 0,
        route.mtu_lock,
        route.onlink,
        route.dev.is_some(),
    ];
    content.push(bits(&flags));
    content.extend(route.via.iter().chain(&route.source).flat_map(|address| address.octets()));
    content.extend(route.mtu.iter().flat_map(|mtu| (*mtu).min(65_535).to_be_bytes().into_iter().skip(2)));
    content.extend(route.hoplimit);
    if route.metric != 0 {
        content.extend(route.metric.to_be_bytes());
    }
    content.extend(route.dev.as_ref().map(number));
    content
}

/// The first flag in the lowest bit.
fn bits(flags: &[bool]) -> u8 {
    flags.iter().rev().fold(0, |bits, flag| bits << 1 | u8::from(*flag))
}

fn knob_record(scope: u8, name: &str, value: &str) -> Vec<u8> {
    [&[scope, name.len().min(255) as u8][..], name.as_bytes(), value.as_bytes()].concat()
}

fn rule_record(rule: &Rule, number: impl Fn(&String) -> u8) -> Vec<u8> {
    let flags = [
        rule.incoming.is_some(),
        rule.outgoing.is_some(),
        rule.from.is_some(),
        rule.to.is_some(),
        rule.protocol.is_some(),
        rule.source_port.is_some(),
        rule.destination_port.is_some(),
        rule.icmp_type.is_some(),
    ];
    let mut content = vec![place(&HOOKS, rule.hook), bits(&flags)];
    content.extend(rule.incoming.iter().chain(&rule.outgoing).map(number));
    content.extend(rule.from.iter().chain(&rule.to).flat_map(|prefix| prefix_octets(*prefix)));
    content.extend(rule.protocol);
    content.extend(rule.source_port.iter().chain(&rule.destination_port).flat_map(|port| port.to_be_bytes()));
    content.extend(rule.icmp_type);
    content.push(bits(&STATES.map(|name| rule.ct_state.iter().any(|state| state == name))));
    append_action(&mut content, &rule.action);
    content
}

fn append_action(content: &mut Vec<u8>, action: &RuleAction) {
    match action {
        RuleAction::Drop => content.push(0),
        RuleAction::Reject { code } => content.extend([1, *code]),
        RuleAction::Notrack => content.push(2),
        RuleAction::Zone(zone) => {
            content.push(3);
            content.extend(zone.to_be_bytes());
        }
        RuleAction::Snat(to) | RuleAction::Dnat(to) => {
            content.push(if matches!(action, RuleAction::Snat(_)) { 4 } else { 5 });
            append_ports(content, &to.ports);
            content.extend(to.first.octets());
            content.extend(to.last.unwrap_or(to.first).octets());
        }
        RuleAction::Masquerade(ports) => {
            content.push(6);
            append_ports(content, ports);
        }
        RuleAction::Redirect(ports) => {
            content.push(7);
            append_ports(content, ports);
        }
        RuleAction::Accept => content.push(8),
    }
}

fn append_ports(content: &mut Vec<u8>, ports: &Ports) {
    content.push(bits(&[ports.ports.is_some(), ports.random, ports.persistent]));
    let (first, last) = ports.ports.unwrap_or_default();
    content.extend(first.to_be_bytes());
    content.extend(last.to_be_bytes());
}

fn socket_record(socket: &Socket) -> Vec<u8> {
    let mut content = vec![place(&SOCKETS, socket.kind), socket.protocol.unwrap_or(0)];
    content.push(bits(&[socket.local.is_some(), socket.peer.is_some()]));
    let addresses = socket.local.iter().chain(&socket.peer);
    content.extend(addresses.flat_map(|address: &SocketAddrV4| encode::address(*address)));
    for (name, value) in &socket.options {
        content.push(place(&OPTIONS, name.as_str()));
        let value = (*value).clamp(i64::from(i32::MIN), i64::from(u32::MAX));
        content.extend((value as u32).to_be_bytes());
    }
    content
}
