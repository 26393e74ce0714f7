//! A scenario for a capture, and what is to be done with its packets.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use super::super::datagrams::{CaptureOptions, Source};
use super::super::error::CaptureError;
use super::super::skip::SkipReason;
use super::host::HostPlan;
use super::readdress::Readdressing;
use super::replay::Replay;
use super::router::{INSIDE, NAMES, OUTSIDE, RouterPlan};
use super::survey::Survey;
use crate::model::scenario::{Hook, Ports};
use crate::model::{Interface, Limits, LinkKind, Role, Route, RouteKind, Rule, RuleAction, Scenario};

/// The largest MTU that a TAP device takes.
const LARGEST_MTU: usize = 65_521;

/// What the DUT is to be for a capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RoleChoice {
    /// A host if at least half of the usable packets can be addressed to it, else a router. The notes say which.
    #[default]
    Auto,
    /// A host that owns the busiest destinations.
    Host,
    /// A router between two sides.
    Router,
    /// A router that tracks connections.
    Conntrack,
    /// A router that hides the inside.
    Nat,
}

impl RoleChoice {
    /// All that name a role.
    pub const ROLES: [Self; 4] = [Self::Host, Self::Router, Self::Conntrack, Self::Nat];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Host => "host",
            Self::Router => "router",
            Self::Conntrack => "conntrack",
            Self::Nat => "nat",
        }
    }

    /// The choice called `name`.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Auto].into_iter().chain(Self::ROLES).find(|choice| choice.name() == name)
    }
}

impl fmt::Display for RoleChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which packets go where.
#[derive(Clone, Debug)]
enum Steering {
    Host(HostPlan),
    Router(RouterPlan, Option<Readdressing>),
    /// Everything goes into a scenario that was not made for the capture, by the interface that leads to its source.
    Given,
}

/// A scenario for a capture, ready to replay it.
#[derive(Clone, Debug)]
pub struct Plan {
    source: Source,
    scenario: Arc<Scenario>,
    notes: Vec<String>,
    steering: Steering,
}

impl Plan {
    /// Makes the scenario for a surveyed capture.
    pub fn new(survey: &Survey, choice: RoleChoice, limits: Limits) -> Self {
        let host = matches!(choice, RoleChoice::Auto | RoleChoice::Host).then(|| HostPlan::of(survey));
        let mut notes = Vec::new();
        let role = resolve(choice, host.as_ref(), survey, &mut notes);
        let (mut scenario, steering) = match (role, host) {
            (Role::Host, Some(host)) => (host_scenario(&host, survey, &mut notes), Steering::Host(host)),
            _ => {
                let router = RouterPlan::of(survey, role == Role::Nat);
                let scenario = router_scenario(role, &router, &mut notes);
                let readdressing = (role == Role::Nat).then(|| readdressing(&router, survey, &mut notes));
                (scenario, Steering::Router(router, readdressing))
            }
        };
        scenario.limits = limits;
        fit_links(&mut scenario, survey, &mut notes);
        note_specials(survey, role, &mut notes);
        Self { source: survey.source.clone(), scenario: Arc::new(scenario), notes, steering }
    }

    /// Replays a capture in a scenario that was not made for it: every datagram goes in, by the interface that the
    /// scenario's routes have for its source.
    pub fn in_scenario(path: &Path, options: &CaptureOptions, scenario: Arc<Scenario>) -> Self {
        let source = Source { path: path.to_owned(), options: options.clone() };
        let notes = vec![format!(
            "scenario {} as given; every datagram goes in by the interface to its source",
            scenario.name
        )];
        Self { source, scenario, notes, steering: Steering::Given }
    }

    /// The scenario.
    pub fn scenario(&self) -> &Arc<Scenario> {
        &self.scenario
    }

    /// How the scenario came about and what is done with special addresses, for people.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Starts the second pass.
    ///
    /// # Errors
    /// If the file cannot be opened any more.
    pub fn replay(&self) -> Result<Replay, CaptureError> {
        Ok(Replay::new(self.source.open()?, self.clone()))
    }

    /// Changes a datagram that comes in by `interface` as the scenario asks for. Whether it was changed.
    pub(super) fn readdress(&self, interface: usize, datagram: &mut [u8]) -> bool {
        match &self.steering {
            Steering::Router(_, Some(readdressing)) if interface == OUTSIDE => readdressing.apply(datagram),
            _ => false,
        }
    }

    /// The interface a datagram goes in by, or why it does not.
    pub(super) fn steer(&self, octets: &[u8]) -> Result<usize, SkipReason> {
        match &self.steering {
            Steering::Host(host) => host.refuse(octets).map_or(Ok(0), Err),
            Steering::Router(router, _) => Ok(router.enters_by(octets)),
            Steering::Given => Ok(super::super::datagrams::Header::of(octets)
                .and_then(|header| interface_to(&self.scenario, header.source))
                .unwrap_or(0)),
        }
    }
}

/// Which answers go to the DUT instead of to the inside.
fn readdressing(router: &RouterPlan, survey: &Survey, notes: &mut Vec<String>) -> Readdressing {
    let sends = |address: &Ipv4Addr| survey.addresses.get(address).is_some_and(|traffic| traffic.sent > 0);
    let inside = router.sides.inside.iter().copied();
    let hidden = inside.filter(|address| sends(address) && router.side(*address) == INSIDE).collect();
    let outside = router.own[OUTSIDE].address;
    notes.push(format!(
        "what comes from outside to an inside address that sends is re-addressed to {outside}, checksums and quoted \
         datagrams included: it answers what the DUT has translated"
    ));
    Readdressing { hidden, outside }
}

/// The role, and why where it was left open.
fn resolve(choice: RoleChoice, host: Option<&HostPlan>, survey: &Survey, notes: &mut Vec<String>) -> Role {
    match choice {
        RoleChoice::Host => Role::Host,
        RoleChoice::Router => Role::Router,
        RoleChoice::Conntrack => Role::Conntrack,
        RoleChoice::Nat => Role::Nat,
        RoleChoice::Auto => {
            let injected = host.map_or(0, |host| host.injected);
            let is_host = injected * 2 >= survey.usable;
            let (role, why) =
                if is_host { (Role::Host, "host, as") } else { (Role::Router, "router, as only") };
            notes.push(format!(
                "role auto: {why} {injected} of {} usable packets can be addressed to one host",
                survey.usable
            ));
            role
        }
    }
}

fn empty_scenario(name: &str, role: Role, interfaces: Vec<Interface>, routes: Vec<Route>) -> Scenario {
    Scenario {
        name: name.to_owned(),
        summary: String::new(),
        role,
        limits: Limits::default(),
        sysctl: std::collections::BTreeMap::new(),
        interfaces,
        routes,
        rules: Vec::new(),
        sockets: Vec::new(),
    }
}

fn host_scenario(host: &HostPlan, survey: &Survey, notes: &mut Vec<String>) -> Scenario {
    let shown: Vec<_> = host.addresses.iter().take(4).map(ToString::to_string).collect();
    let more = host.addresses.len() - shown.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    notes.push(format!("the DUT is {}{more}, with a default route back to everybody", shown.join(", ")));
    if !host.routed.prefixes().is_empty() {
        notes
            .push(format!("{} local routes make further destinations its own", host.routed.prefixes().len()));
    }
    if host.left_out > 0 {
        notes.push(format!("{} rarer destinations are left out: too many routes", host.left_out));
    }
    if host.talks_to_itself {
        notes.push(format!(
            "{} of {} packets go from an address to itself or between loopback addresses: accept_local and \
             route_localnet let the DUT take them instead of dropping all as martians",
            survey.to_itself, survey.usable
        ));
    }
    empty_scenario("capture-host", Role::Host, vec![host.interface()], host.routes())
}

fn router_scenario(role: Role, router: &RouterPlan, notes: &mut Vec<String>) -> Scenario {
    let name = match role {
        Role::Nat => "capture-nat",
        Role::Conntrack => "capture-conntrack",
        Role::Router | Role::Host => "capture-router",
    };
    notes.push(format!(
        "addresses inside ({1}): {0}, outside ({3}): {2}; packets that stay on one side: {4}",
        router.sides.inside.len(),
        NAMES[INSIDE],
        router.sides.outside.len(),
        NAMES[OUTSIDE],
        router.sides.not_crossing
    ));
    notes.push(format!(
        "routes to {1}: {0}, the default route leads to {2}; the DUT itself is {3} and {4}",
        router.listed.prefixes().len(),
        NAMES[router.listed_side],
        NAMES[1 - router.listed_side],
        router.own[INSIDE],
        router.own[OUTSIDE]
    ));
    if router.left_out > 0 {
        notes.push(format!("{} rarer prefixes follow the default route: too many routes", router.left_out));
    }
    let mut scenario = empty_scenario(name, role, router.interfaces(), router.routes());
    if matches!(role, Role::Conntrack | Role::Nat) {
        scenario.rules.push(forward_rule(&["new", "established", "related"], RuleAction::Accept));
        scenario.rules.push(forward_rule(&["invalid"], RuleAction::Drop));
    }
    if role == Role::Nat {
        let masquerade = RuleAction::Masquerade(Ports::default());
        scenario.rules.push(Rule {
            outgoing: Some(NAMES[OUTSIDE].to_owned()),
            ..Rule::new(Hook::Postrouting, masquerade)
        });
        notes.push(format!(
            "what leaves by {} is masqueraded as {}",
            NAMES[OUTSIDE], router.own[OUTSIDE].address
        ));
    }
    scenario
}

fn forward_rule(states: &[&str], action: RuleAction) -> Rule {
    Rule {
        ct_state: states.iter().map(|state| (*state).to_owned()).collect(),
        ..Rule::new(Hook::Forward, action)
    }
}

/// Ethernet where the link layer matters, and an MTU that the capture's datagrams had room in.
fn fit_links(scenario: &mut Scenario, survey: &Survey, notes: &mut Vec<String>) {
    let needs_ethernet = survey.not_link_unicast > 0 || survey.unreadable > 0;
    let mtu = survey.longest.clamp(1500, LARGEST_MTU) as u32;
    for (index, interface) in scenario.interfaces.iter_mut().enumerate() {
        interface.mtu = mtu;
        if needs_ethernet {
            interface.link = LinkKind::Ethernet;
            interface.mac = Some(format!("02:00:00:00:{index:02x}:01"));
        }
    }
    if needs_ethernet {
        notes.push(format!(
            "Ethernet interfaces: {} packets were sent to a link-layer group or to all, {} have no IPv4 header that \
             can be read; neither can be put on a bare IP link",
            survey.not_link_unicast, survey.unreadable
        ));
    }
    if mtu > 1500 {
        notes.push(format!("MTU {mtu}: the longest datagram of the capture"));
    }
}

/// What is done with packets that no two hosts would exchange.
fn note_specials(survey: &Survey, role: Role, notes: &mut Vec<String>) {
    let joined =
        if role == Role::Host { "the DUT has joined 224.0.0.1 only" } else { "no multicast routing" };
    let specials = [
        (survey.to_multicast, format!("multicast: injected as they are; {joined}")),
        (survey.to_broadcast, "255.255.255.255: injected as they are".to_owned()),
        (
            survey.to_loopback,
            "loopback addresses: injected as they are, for the DUT to refuse or take".to_owned(),
        ),
        (
            survey.to_martian,
            "0.0.0.0/8 or 240.0.0.0/4: injected as they are, for the DUT to refuse".to_owned(),
        ),
    ];
    for (packets, what) in specials {
        if packets > 0 {
            notes.push(format!("{packets} packets to {what}"));
        }
    }
    if survey.from_nobody > 0 {
        let how = if role == Role::Host { "as they are" } else { "across from their destination" };
        notes
            .push(format!("{} packets from an address that no host has: injected {how}", survey.from_nobody));
    }
    if survey.forgotten > 0 {
        notes.push(format!(
            "{} packets of flows beyond the number remembered follow the prefixes of the others",
            survey.forgotten
        ));
    }
}

/// The interface by which `scenario` reaches `address`: subnets and unicast routes, the longest prefix wins.
fn interface_to(scenario: &Scenario, address: Ipv4Addr) -> Option<usize> {
    let by_name = |name: &str| scenario.interfaces.iter().position(|interface| interface.name == name);
    let subnet_of = |address: Ipv4Addr| {
        let subnets =
            scenario.interfaces.iter().enumerate().flat_map(|(index, interface)| {
                interface.addresses.iter().map(move |prefix| (index, *prefix))
            });
        subnets.filter(|(_, prefix)| prefix.contains(address)).max_by_key(|(_, prefix)| prefix.length)
    };
    let routes =
        scenario.routes.iter().filter(|route| route.kind == RouteKind::Unicast && route.to.contains(address));
    let by_route = routes.filter_map(|route| {
        let index = match (&route.dev, route.via) {
            (Some(dev), _) => by_name(dev),
            (None, Some(gateway)) => subnet_of(gateway).map(|(index, _)| index),
            (None, None) => None,
        }?;
        Some((index, route.to))
    });
    by_route.chain(subnet_of(address)).max_by_key(|(_, prefix)| prefix.length).map(|(index, _)| index)
}
