//! The scenario of a case: a named one, and what the case changes in it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::{Arc, LazyLock};

use crate::model::scenario_file::{NAMED, problems};
use crate::model::{Hook, Prefix, Route, RouteKind, Rule, RuleAction, Scenario, Socket, SocketKind};

/// Every named scenario, read once.
static PARSED: LazyLock<BTreeMap<&'static str, Scenario>> =
    LazyLock::new(|| NAMED.iter().map(|named| (named.name, named.scenario())).collect());

/// A change to a scenario.
type Edit = Arc<dyn Fn(&mut Scenario) + Send + Sync>;

/// A named scenario and changes to it.
#[derive(Clone)]
pub struct Setting {
    base: &'static str,
    edits: Vec<Edit>,
    /// Whether a case chose it, so that its section does not.
    is_own: bool,
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {} changes", self.base, self.edits.len())
    }
}

/// The scenario called `base` of those that come with netassay.
pub fn scenario(base: &'static str) -> Setting {
    Setting { base, edits: Vec::new(), is_own: false }
}

/// A host with one interface: `host`.
pub fn host() -> Setting {
    scenario("host")
}

/// A router between two subnets: `router`.
pub fn router() -> Setting {
    scenario("router")
}

/// A router that hides the inside: `nat`.
pub fn nat() -> Setting {
    scenario("nat")
}

/// A router that honors source routes.
pub fn source_routing() -> Setting {
    router().sysctl("net.ipv4.conf.all.accept_source_route", 1).conf(0, "accept_source_route", 1).conf(
        1,
        "accept_source_route",
        1,
    )
}

impl Setting {
    /// Any change.
    #[must_use]
    pub fn edit(mut self, edit: impl Fn(&mut Scenario) + Send + Sync + 'static) -> Self {
        self.edits.push(Arc::new(edit));
        self
    }

    /// Sets a knob by its full kernel name. A DUT without such knobs answers `unsupported`.
    #[must_use]
    pub fn sysctl(self, name: &'static str, value: impl ToString) -> Self {
        let value = value.to_string();
        self.edit(move |scenario| {
            scenario.sysctl.insert(name.to_owned(), value.clone());
        })
    }

    /// Sets `net.ipv4.conf.<interface>.<name>` of an interface by number.
    #[must_use]
    pub fn conf(self, interface: usize, name: &'static str, value: impl ToString) -> Self {
        let value = value.to_string();
        self.edit(move |scenario| {
            scenario.interfaces[interface].sysctl.insert(name.to_owned(), value.clone());
        })
    }

    /// Sets the MTU of an interface by number.
    #[must_use]
    pub fn mtu(self, interface: usize, mtu: u32) -> Self {
        self.edit(move |scenario| scenario.interfaces[interface].mtu = mtu)
    }

    /// Adds an address such as `192.0.2.1/31` to an interface by number.
    ///
    /// # Panics
    /// If it is none; the registry's test shows that.
    #[must_use]
    pub fn address(self, interface: usize, address: &str) -> Self {
        let address: Prefix = address.parse().expect("an address with its prefix");
        self.edit(move |scenario| scenario.interfaces[interface].addresses.push(address))
    }

    /// Replaces all addresses of an interface by number.
    ///
    /// # Panics
    /// As [`Setting::address`].
    #[must_use]
    pub fn only_address(self, interface: usize, address: &str) -> Self {
        self.edit(move |scenario| scenario.interfaces[interface].addresses.clear())
            .address(interface, address)
    }

    /// Joins a multicast group on an interface by number.
    #[must_use]
    pub fn group(self, interface: usize, group: [u8; 4]) -> Self {
        self.edit(move |scenario| scenario.interfaces[interface].groups.push(Ipv4Addr::from(group)))
    }

    /// Adds a route.
    #[must_use]
    pub fn route(self, route: Route) -> Self {
        self.edit(move |scenario| scenario.routes.push(route.clone()))
    }

    /// Adds a way to a prefix such as `192.0.2.0/24` by a gateway on an interface by number.
    ///
    /// # Panics
    /// As [`Setting::address`].
    #[must_use]
    pub fn via(self, to: &str, gateway: [u8; 4], interface: usize) -> Self {
        let to: Prefix = to.parse().expect("a prefix with its length");
        self.edit(move |scenario| {
            let dev = Some(scenario.interfaces[interface].name.clone());
            scenario.routes.push(Route {
                via: Some(gateway.into()),
                dev,
                ..Route::new(to, RouteKind::Unicast)
            });
        })
    }

    /// Adds a route that leads nowhere, or to the stack itself.
    ///
    /// # Panics
    /// As [`Setting::address`].
    #[must_use]
    pub fn dead_end(self, to: &str, kind: RouteKind) -> Self {
        let to: Prefix = to.parse().expect("a prefix with its length");
        self.route(Route::new(to, kind))
    }

    /// Takes all routes away that the addresses do not bring.
    #[must_use]
    pub fn no_routes(self) -> Self {
        self.edit(|scenario| scenario.routes.clear())
    }

    /// Adds a rule behind those there are.
    #[must_use]
    pub fn rule(self, rule: Rule) -> Self {
        self.edit(move |scenario| scenario.rules.push(rule.clone()))
    }

    /// Puts the DUT's own rate limits in place, which other scenarios lift.
    #[must_use]
    pub fn default_limits(self) -> Self {
        self.edit(|scenario| scenario.limits = crate::model::Limits::Default)
    }

    /// Adds a socket.
    #[must_use]
    pub fn socket(self, socket: Socket) -> Self {
        self.edit(move |scenario| scenario.sockets.push(socket.clone()))
    }

    /// Adds a UDP socket on a port of the first address.
    #[must_use]
    pub fn udp(self, port: u16) -> Self {
        self.open(SocketKind::Udp, None, Some(port))
    }

    /// Adds a UDP socket on a port of any address.
    #[must_use]
    pub fn udp_any(self, port: u16) -> Self {
        self.edit(move |scenario| {
            let local = Some(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port));
            scenario.sockets.push(bare(SocketKind::Udp, None, local));
        })
    }

    /// Adds a TCP listener on a port of the first address.
    #[must_use]
    pub fn tcp(self, port: u16) -> Self {
        self.open(SocketKind::Tcp, None, Some(port))
    }

    /// Adds a TCP socket that is bound to nothing, to connect with.
    #[must_use]
    pub fn client(self) -> Self {
        self.edit(move |scenario| scenario.sockets.push(bare(SocketKind::Tcp, None, None)))
    }

    /// Adds a ping socket with an identifier.
    #[must_use]
    pub fn ping(self, identifier: u16) -> Self {
        self.open(SocketKind::Ping, None, Some(identifier))
    }

    /// Adds a raw socket for a protocol.
    #[must_use]
    pub fn raw(self, protocol: u8) -> Self {
        self.open(SocketKind::Raw, Some(protocol), None)
    }

    /// Sets an option of the socket added last.
    #[must_use]
    pub fn option(self, name: &'static str, value: i64) -> Self {
        self.edit(move |scenario| {
            if let Some(socket) = scenario.sockets.last_mut() {
                socket.options.insert(name.to_owned(), value);
            }
        })
    }

    /// Connects the socket added last, from the start.
    #[must_use]
    pub fn peer(self, address: [u8; 4], port: u16) -> Self {
        self.edit(move |scenario| {
            if let Some(socket) = scenario.sockets.last_mut() {
                socket.peer = Some(SocketAddrV4::new(address.into(), port));
            }
        })
    }

    fn open(self, kind: SocketKind, protocol: Option<u8>, port: Option<u16>) -> Self {
        self.edit(move |scenario| {
            let first =
                scenario.interfaces[0].addresses.first().map_or(Ipv4Addr::UNSPECIFIED, |it| it.address);
            scenario.sockets.push(bare(kind, protocol, port.map(|port| SocketAddrV4::new(first, port))));
        })
    }

    /// The same, chosen by a case.
    pub(super) fn own(self) -> Self {
        Self { is_own: true, ..self }
    }

    /// Whether a case chose it.
    pub(super) fn is_own(&self) -> bool {
        self.is_own
    }

    /// Name of the scenario that is changed.
    pub fn base(&self) -> &'static str {
        self.base
    }

    /// The scenario, changes made.
    ///
    /// # Errors
    /// What is wrong with it: an unknown base, or what a scenario file would be refused for.
    pub fn build(&self) -> Result<Scenario, String> {
        let mut scenario =
            PARSED.get(self.base).ok_or_else(|| format!("there is no scenario `{}`", self.base))?.clone();
        self.edits.iter().for_each(|edit| edit(&mut scenario));
        Ok(scenario)
    }

    /// What is wrong with the scenario, as its file would be refused.
    pub fn problems(&self) -> Vec<String> {
        self.build().map_or_else(|problem| vec![problem], |scenario| problems(&scenario))
    }
}

/// A rule for every packet at a place, to be narrowed down.
pub fn rule(hook: Hook, action: RuleAction) -> Rule {
    Rule::new(hook, action)
}

fn bare(kind: SocketKind, protocol: Option<u8>, local: Option<SocketAddrV4>) -> Socket {
    Socket { kind, protocol, local, peer: None, options: BTreeMap::new() }
}
