//! What a stack is told about its world: interfaces, routes, knobs, profile. A plain struct of public fields.

pub mod departure;
pub mod device;
pub mod policy;
pub mod sysctl;

use alloc::string::String;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

pub use departure::{DEPARTURES, Departure, Departures, Profile};
pub use device::DeviceSysctls;
pub use sysctl::{PingGroupRange, Sysctls};

use crate::address::Prefix;
use crate::interface::InterfaceId;
use crate::netfilter::NetfilterConfig;

/// The world around a stack.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Interfaces besides the loopback interface, which is always there and up with 127.0.0.1/8.
    pub interfaces: Vec<Interface>,
    /// Addresses of the loopback interface besides 127.0.0.1/8.
    pub loopback_addresses: Vec<Address>,
    /// Routes beyond those that the addresses bring.
    pub routes: Vec<Route>,
    /// `net.ipv4.*` of the namespace.
    pub sysctls: Sysctls,
    /// `net.ipv4.conf.all.*`.
    pub all: DeviceSysctls,
    /// `net.ipv4.conf.default.*`: what a new interface starts with.
    pub default: DeviceSysctls,
    /// `net.ipv4.conf.lo.*`.
    pub loopback: DeviceSysctls,
    /// Where the stack follows the RFCs instead of Linux.
    pub departures: Departures,
    /// Packet filter, connection tracking, NAT; `net.netfilter.*` stands there.
    pub netfilter: NetfilterConfig,
    /// Caps of the tables.
    pub bounds: Bounds,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            loopback_addresses: Vec::new(),
            routes: Vec::new(),
            sysctls: Sysctls::default(),
            all: DeviceSysctls::all(),
            default: DeviceSysctls::default(),
            loopback: DeviceSysctls::default(),
            departures: Profile::Linux.departures(),
            netfilter: NetfilterConfig::default(),
            bounds: Bounds::default(),
        }
    }
}

/// An interface.
#[derive(Clone, Debug, PartialEq)]
pub struct Interface {
    /// Name, at most 15 octets.
    pub name: String,
    /// Addresses; the first of a subnet is its primary one.
    pub addresses: Vec<Address>,
    /// Largest datagram in octets, 68 to 65535.
    pub mtu: u32,
    /// Whether it is up.
    pub is_up: bool,
    /// Whether it has an IPv6 address: RFC 8335 probes tell.
    pub has_ipv6: bool,
    /// IPv6 addresses by which RFC 8335 probes may name it.
    pub ipv6_addresses: Vec<core::net::Ipv6Addr>,
    /// Multicast groups joined besides 224.0.0.1.
    pub groups: Vec<Ipv4Addr>,
    /// `net.ipv4.conf.<name>.*`.
    pub sysctls: DeviceSysctls,
}

/// An address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address with the length of its subnet's prefix.
    pub prefix: Prefix,
    /// How far it is valid.
    pub scope: Scope,
}

impl From<Prefix> for Address {
    fn from(prefix: Prefix) -> Self {
        let scope = if prefix.address.is_loopback() { Scope::Host } else { Scope::Global };
        Self { prefix, scope }
    }
}

/// How far an address or a route is valid; wider scopes come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Everywhere.
    Global,
    /// On the attached link.
    Link,
    /// Inside this system.
    Host,
}

/// What a route does with a datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RouteKind {
    /// Sends it on.
    #[default]
    Unicast,
    /// Delivers it here.
    Local,
    /// Delivers it here as a broadcast.
    Broadcast,
    /// Refuses it as multicast.
    Multicast,
    /// Answers Host Unreachable.
    Unreachable,
    /// Answers Communication Administratively Prohibited.
    Prohibit,
    /// Discards it.
    Blackhole,
    /// Ends the search in this table.
    Throw,
}

/// A routing table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteTable {
    /// Searched first; holds what the addresses bring for local delivery and broadcasts.
    Local,
    /// Searched next.
    #[default]
    Main,
}

/// A route.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Route {
    /// Destinations it covers.
    pub to: Prefix,
    /// What it does.
    pub kind: RouteKind,
    /// Table it stands in.
    pub table: RouteTable,
    /// Gateway.
    pub via: Option<Ipv4Addr>,
    /// Interface; found from the gateway if not given.
    pub interface: Option<InterfaceId>,
    /// Preferred source address.
    pub source: Option<Ipv4Addr>,
    /// The lowest wins among routes of the same prefix.
    pub metric: u32,
    /// MTU metric in octets.
    pub mtu: Option<u32>,
    /// Whether path MTU discovery leaves the MTU metric alone.
    pub mtu_locked: bool,
    /// TTL of datagrams sent on it.
    pub hoplimit: Option<u8>,
    /// Whether the gateway is reachable although no subnet contains it.
    pub onlink: bool,
}

/// Caps of the tables. Each is reached only by attack or mistake, and reaching it has a named effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Datagrams that wait to be looped back: `net.core.netdev_max_backlog`.
    pub backlog: usize,
    /// Destinations with a learned path MTU or gateway. The kernel keeps 2048 chains of about 5.
    pub route_exceptions: usize,
    /// Sockets.
    pub sockets: usize,
    /// Octets queued at one TCP endpoint.
    pub socket_queue: usize,
    /// Routes, configured and derived.
    pub routes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            backlog: 1000,
            route_exceptions: 10_240,
            sockets: 1024,
            socket_queue: 1 << 20,
            routes: 1 << 16,
        }
    }
}

/// Why a configuration was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// No sysctl has this name.
    UnknownSysctl(String),
    /// The kernel would not take this value.
    SysctlValue {
        /// The sysctl.
        name: String,
        /// What was to be written.
        value: String,
    },
    /// The kernel lets nobody write it.
    ReadOnlySysctl(String),
    /// No interface has this name.
    UnknownInterface(String),
    /// Two interfaces have this name.
    DuplicateInterface(String),
    /// The name of an interface is empty, longer than 15 octets or reserved.
    InterfaceName(String),
    /// The MTU of this interface is not between 68 and 65535.
    Mtu(String),
    /// A table is full: which.
    TooMany(&'static str),
    /// The gateway of the route to this prefix is not reachable.
    GatewayUnreachable(Prefix),
    /// The route to this prefix names neither a gateway nor an interface.
    RouteWithoutInterface(Prefix),
    /// The preferred source of the route to this prefix is not an address of this system.
    RouteSource(Prefix),
}

impl core::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::UnknownSysctl(name) => write!(f, "no sysctl is called `{name}`"),
            Self::SysctlValue { name, value } => write!(f, "`{name}` does not take `{value}`"),
            Self::ReadOnlySysctl(name) => write!(f, "`{name}` cannot be written"),
            Self::UnknownInterface(name) => write!(f, "no interface is called `{name}`"),
            Self::DuplicateInterface(name) => write!(f, "two interfaces are called `{name}`"),
            Self::InterfaceName(name) => write!(f, "`{name}` cannot be the name of an interface"),
            Self::Mtu(name) => write!(f, "the MTU of `{name}` is not between 68 and 65535"),
            Self::TooMany(what) => write!(f, "too many {what}"),
            Self::GatewayUnreachable(to) => write!(f, "the gateway of the route to {to} is not reachable"),
            Self::RouteWithoutInterface(to) => {
                write!(f, "the route to {to} names no gateway and no interface")
            }
            Self::RouteSource(to) => write!(f, "the source of the route to {to} is not an own address"),
        }
    }
}

impl core::error::Error for ConfigError {}

impl Config {
    /// A host that follows `profile`, without interfaces.
    pub fn new(profile: Profile) -> Self {
        Self { departures: profile.departures(), ..Self::default() }
    }

    /// Adds an interface that is up, with MTU 1500 and the knobs of `conf.default`; returns it for more.
    ///
    /// # Errors
    /// If the name is taken or impossible, or there are 65534 interfaces.
    pub fn add_interface(
        &mut self,
        name: &str,
        addresses: impl IntoIterator<Item = Prefix>,
    ) -> Result<&mut Interface, ConfigError> {
        if name.is_empty() || name.len() > 15 || matches!(name, "lo" | "all" | "default") {
            return Err(ConfigError::InterfaceName(name.into()));
        }
        if self.interface_id(name).is_some() {
            return Err(ConfigError::DuplicateInterface(name.into()));
        }
        if self.interfaces.len() >= usize::from(u16::MAX) - 1 {
            return Err(ConfigError::TooMany("interfaces"));
        }
        self.interfaces.push(Interface {
            name: name.into(),
            addresses: addresses.into_iter().map(Address::from).collect(),
            mtu: 1500,
            is_up: true,
            has_ipv6: false,
            ipv6_addresses: Vec::new(),
            groups: Vec::new(),
            sysctls: self.default,
        });
        self.interfaces.last_mut().ok_or(ConfigError::TooMany("interfaces"))
    }

    /// The interface called `name`, `lo` included.
    pub fn interface_id(&self, name: &str) -> Option<InterfaceId> {
        if name == "lo" {
            return Some(InterfaceId::LOOPBACK);
        }
        let position = self.interfaces.iter().position(|interface| interface.name == name)?;
        u16::try_from(position).ok().map(InterfaceId::configured)
    }

    /// Whether this system forwards (`net.ipv4.ip_forward`).
    pub fn is_router(&self) -> bool {
        self.sysctls.ip_forward != 0
    }
}
