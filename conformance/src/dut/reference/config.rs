//! From a scenario to the configuration of the reference stack.

use netassay_stack::address::Prefix as StackPrefix;
use netassay_stack::config::{self, Config, ConfigError, Profile, RouteTable};
use netassay_stack::socket::{self, SocketConfig, SocketOption};

use super::Link;
use crate::dut::DutError;
use crate::model::{Interface, Prefix, Role, Route, RouteKind, Scenario, Socket, SocketKind};

/// Hardware address of an Ethernet interface for which the scenario gives none.
const DEFAULT_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

/// The configuration that `scenario` asks for.
pub(super) fn of(scenario: &Scenario, profile: Profile) -> Result<Config, DutError> {
    let mut config = build(scenario, profile).map_err(|error| DutError::Unsupported(error.to_string()))?;
    super::rules::add(scenario, &mut config)?;
    Ok(config)
}

/// In the order in which a namespace is set up: knobs of the namespace first, since interfaces copy the defaults.
fn build(scenario: &Scenario, profile: Profile) -> Result<Config, ConfigError> {
    let mut config = Config::new(profile);
    if scenario.role != Role::Host {
        config.set_sysctl("net.ipv4.ip_forward", "1")?;
    }
    for (name, value) in scenario.limits.sysctls() {
        config.set_sysctl(name, value)?;
    }
    set_sysctls(&mut config, scenario)?;
    let range = "net.ipv4.ping_group_range";
    let wants_ping = scenario.sockets.iter().any(|socket| socket.kind == SocketKind::Ping);
    if wants_ping && !scenario.sysctl.contains_key(range) {
        // Out of the box nobody may open one; a scenario that has one means to.
        config.set_sysctl(range, "0 2147483647")?;
    }
    for interface in &scenario.interfaces {
        let added =
            config.add_interface(&interface.name, interface.addresses.iter().map(|it| prefix(*it)))?;
        added.mtu = interface.mtu;
        added.is_up = interface.up;
        added.groups.clone_from(&interface.groups);
        for (name, value) in &interface.sysctl {
            config.set_sysctl(&format!("net.ipv4.conf.{}.{name}", interface.name), value)?;
        }
    }
    for route in &scenario.routes {
        let route = self::route(route, &config)?;
        config.routes.push(route);
    }
    Ok(config)
}

/// One knob can bound another (`ipfrag_low_thresh` the high one): what is refused at first may be taken after the rest.
fn set_sysctls(config: &mut Config, scenario: &Scenario) -> Result<(), ConfigError> {
    let mut refused = Vec::new();
    for (name, value) in &scenario.sysctl {
        if config.set_sysctl(name, value).is_err() {
            refused.push((name, value));
        }
    }
    refused.into_iter().try_for_each(|(name, value)| config.set_sysctl(name, value))
}

fn route(route: &Route, config: &Config) -> Result<config::Route, ConfigError> {
    let interface = match &route.dev {
        None => None,
        Some(name) => {
            Some(config.interface_id(name).ok_or_else(|| ConfigError::UnknownInterface(name.clone()))?)
        }
    };
    Ok(config::Route {
        to: prefix(route.to),
        kind: match route.kind {
            RouteKind::Unicast => config::RouteKind::Unicast,
            RouteKind::Local => config::RouteKind::Local,
            RouteKind::Broadcast => config::RouteKind::Broadcast,
            RouteKind::Multicast => config::RouteKind::Multicast,
            RouteKind::Unreachable => config::RouteKind::Unreachable,
            RouteKind::Prohibit => config::RouteKind::Prohibit,
            RouteKind::Blackhole => config::RouteKind::Blackhole,
            RouteKind::Throw => config::RouteKind::Throw,
        },
        table: RouteTable::Main,
        via: route.via,
        interface,
        source: route.source,
        metric: route.metric,
        mtu: route.mtu,
        mtu_locked: route.mtu_lock,
        hoplimit: route.hoplimit,
        onlink: route.onlink,
    })
}

/// An address with its prefix.
pub(super) fn prefix(prefix: Prefix) -> StackPrefix {
    StackPrefix::new(prefix.address, prefix.length)
}

/// How frames of `interface` look.
pub(super) fn link(interface: &Interface) -> Result<Link, DutError> {
    let address = match &interface.mac {
        None => DEFAULT_MAC,
        Some(text) => hardware_address(text)
            .ok_or_else(|| DutError::Unsupported(format!("`{text}` is not a hardware address")))?,
    };
    Ok(Link { kind: interface.link, address })
}

fn hardware_address(text: &str) -> Option<[u8; 6]> {
    let octets: Option<Vec<u8>> = text.split(':').map(|octet| u8::from_str_radix(octet, 16).ok()).collect();
    octets?.try_into().ok()
}

/// The socket that `socket` asks for.
pub(super) fn socket(socket: &Socket) -> Result<SocketConfig, DutError> {
    let kind = match socket.kind {
        SocketKind::Udp => socket::SocketKind::Udp,
        SocketKind::Tcp => socket::SocketKind::Tcp,
        SocketKind::Ping => socket::SocketKind::Ping,
        SocketKind::Raw => socket::SocketKind::Raw(socket.protocol.unwrap_or(255)),
    };
    let options = socket.options.iter().map(|(name, value)| {
        SocketOption::by_name(name, *value)
            .map_err(|errno| DutError::Unsupported(format!("socket option {name} = {value}: {errno}")))
    });
    Ok(SocketConfig {
        kind,
        local: socket.local,
        peer: socket.peer,
        options: options.collect::<Result<_, _>>()?,
    })
}
