//! Building the tables: the routes that addresses bring, then those of the configuration.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::Router;
use super::device::Device;
use super::exception::Exceptions;
use super::fib::{Entry, Table, Ways};
use super::{self as way, Disposition, MAX_MTU};
use crate::address::Prefix;
use crate::config::{Config, ConfigError, Route, RouteKind, RouteTable, Scope};
use crate::interface::InterfaceId;

impl Router {
    /// The routes of `config`: those that its addresses bring and those given. `key` spreads what is learned.
    ///
    /// # Errors
    /// If a route cannot be installed, or there are more than [`crate::config::Bounds::routes`].
    pub fn new(config: &Config, key: u64) -> Result<Self, ConfigError> {
        for interface in &config.interfaces {
            if !(68..=65_535).contains(&interface.mtu) {
                return Err(ConfigError::Mtu(interface.name.clone()));
            }
        }
        let mut router = Self {
            devices: Device::all(config),
            exceptions: Exceptions::new(config.bounds.route_exceptions, key),
            departures: config.departures,
            ..Self::default()
        };
        router.own = router
            .devices
            .iter()
            .flat_map(|device| &device.addresses)
            .map(|own| own.prefix.address.to_bits())
            .collect();
        router.own.sort_unstable();
        let mut entries = Vec::new();
        for device in router.devices.iter().filter(|device| device.is_up) {
            add_connected(device, config.departures.zero_form_is_broadcast, &mut entries);
        }
        router.table = Table::new(entries);
        for route in &config.routes {
            router.install(route, config)?;
        }
        router.choose_sources();
        router.complete_ways();
        router.table.settle();
        Ok(router)
    }

    fn install(&mut self, route: &Route, config: &Config) -> Result<(), ConfigError> {
        let Some(entry) = self.entry(route)? else { return Ok(()) };
        if self.table.entries().len() >= config.bounds.routes {
            return Err(ConfigError::TooMany("routes"));
        }
        self.table.add(entry);
        self.has_custom_local_routes |= route.kind == RouteKind::Local;
        Ok(())
    }

    /// What `route` becomes in a table; `None` if its interface is down.
    fn entry(&self, route: &Route) -> Result<Option<Entry>, ConfigError> {
        let refuses = matches!(
            route.kind,
            RouteKind::Unreachable | RouteKind::Prohibit | RouteKind::Blackhole | RouteKind::Throw
        );
        let outgoing = match (route.interface, route.via) {
            (Some(interface), _) => interface,
            (None, Some(gateway)) => self.gateway_interface(gateway, route)?,
            (None, None) if refuses || route.kind == RouteKind::Local => InterfaceId::LOOPBACK,
            (None, None) => return Err(ConfigError::RouteWithoutInterface(route.to)),
        };
        let device = self.device(outgoing).ok_or(ConfigError::RouteWithoutInterface(route.to))?;
        if !device.is_up {
            return Ok(None);
        }
        if let (Some(gateway), false) = (route.via, route.onlink) {
            self.gateway_interface(gateway, route)?;
        }
        if route.source.is_some_and(|source| !self.is_own(source) && !self.is_local(source)) {
            return Err(ConfigError::RouteSource(route.to));
        }
        Ok(Some(Entry {
            to: Prefix::new(route.to.network(), route.to.length),
            kind: route.kind,
            table: route.table,
            scope: match route.kind {
                RouteKind::Local => Scope::Host,
                RouteKind::Unicast | RouteKind::Broadcast | RouteKind::Multicast if route.via.is_none() => {
                    Scope::Link
                }
                _ => Scope::Global,
            },
            outgoing,
            gateway: route.via,
            given_source: route.source,
            source: Ipv4Addr::UNSPECIFIED,
            metric: route.metric,
            mtu: route.mtu.unwrap_or(0),
            mtu_locked: route.mtu_locked && route.mtu.is_some(),
            hoplimit: route.hoplimit.filter(|hops| *hops != 0),
            ways: Ways::default(),
        }))
    }

    /// The interface on whose link `gateway` is.
    fn gateway_interface(&self, gateway: Ipv4Addr, route: &Route) -> Result<InterfaceId, ConfigError> {
        let on_link = |entry: &Entry| {
            entry.gateway.is_none() && route.interface.is_none_or(|interface| entry.outgoing == interface)
        };
        match self.lookup_where(gateway, on_link) {
            Ok(entry) if matches!(entry.kind, RouteKind::Unicast | RouteKind::Local) => Ok(entry.outgoing),
            _ => Err(ConfigError::GatewayUnreachable(route.to)),
        }
    }

    /// Gives every route its preferred source.
    fn choose_sources(&mut self) {
        let sources: Vec<Ipv4Addr> = self.table.entries().iter().map(|entry| self.source_of(entry)).collect();
        for (entry, source) in self.table.entries_mut().iter_mut().zip(sources) {
            entry.source = source;
        }
    }

    /// Spells out what each entry says of datagrams, which then only has to be copied.
    fn complete_ways(&mut self) {
        let ways: Vec<Ways> = self.table.entries().iter().map(|entry| self.ways_of(entry)).collect();
        for (entry, ways) in self.table.entries_mut().iter_mut().zip(ways) {
            entry.ways = ways;
        }
    }

    fn ways_of(&self, entry: &Entry) -> Ways {
        let outward = way::Route {
            kind: entry.kind,
            disposition: Disposition::Output,
            outgoing: entry.outgoing,
            gateway: entry.gateway,
            source: entry.source,
            device_mtu: self.device(entry.outgoing).map_or(MAX_MTU, |device| device.mtu),
            mtu_metric: entry.mtu,
            mtu_locked: entry.mtu_locked,
            hoplimit: entry.hoplimit,
            ..way::Route::DELIVERY
        };
        let disposition =
            if entry.kind == RouteKind::Local { Disposition::Deliver } else { Disposition::Forward };
        Ways { inward: way::Route { disposition, ..outward }, outward }
    }

    fn source_of(&self, entry: &Entry) -> Ipv4Addr {
        entry.given_source.unwrap_or_else(|| self.select_source(entry.outgoing, entry.gateway, entry.scope))
    }
}

/// What the addresses of `device` bring: a local route each, and for each subnet a route and a broadcast address, or
/// two if that with all host bits zero is one as well.
fn add_connected(device: &Device, has_zero_form: bool, entries: &mut Vec<Entry>) {
    for own in &device.addresses {
        let prefix = own.prefix;
        let primary = device
            .primary_addresses()
            .find(|other| other.prefix.length == prefix.length && other.prefix.network() == prefix.network())
            .map_or(prefix.address, |primary| primary.prefix.address);
        let entry = |to: Prefix, kind, scope| Entry {
            to,
            kind,
            table: if kind == RouteKind::Unicast { RouteTable::Main } else { RouteTable::Local },
            scope,
            outgoing: device.id,
            gateway: None,
            given_source: Some(primary),
            source: primary,
            metric: 0,
            mtu: 0,
            mtu_locked: false,
            hoplimit: None,
            ways: Ways::default(),
        };
        entries.push(entry(Prefix::host(prefix.address), RouteKind::Local, Scope::Host));
        let subnet = Prefix::new(prefix.network(), prefix.length);
        if own.is_secondary || prefix.length >= 32 || subnet.address.is_unspecified() {
            continue;
        }
        if device.is_loopback() {
            entries.push(entry(subnet, RouteKind::Local, Scope::Host));
        } else {
            entries.push(entry(subnet, RouteKind::Unicast, Scope::Link));
        }
        if prefix.length < 31 {
            entries.push(entry(Prefix::host(prefix.broadcast()), RouteKind::Broadcast, Scope::Link));
            if has_zero_form && !device.is_loopback() && prefix.address != subnet.address {
                entries.push(entry(Prefix::host(subnet.address), RouteKind::Broadcast, Scope::Link));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Prefix;
    use crate::config::{Config, Profile};
    use crate::stack::Stack;

    #[test]
    fn a_subnet_is_connected_once() {
        let mut config = Config::new(Profile::Linux);
        let addresses = [([10, 0, 0, 1], 24), ([10, 0, 0, 3], 24), ([10, 0, 1, 5], 32), ([10, 0, 2, 4], 31)];
        let prefixes = addresses.map(|(address, length)| Prefix::new(address.into(), length));
        config.add_interface("t0", prefixes).unwrap();
        let stack = Stack::new(config, 1).unwrap();
        let t0 = InterfaceId::configured(0);
        let of_kind = |kind: RouteKind| -> Vec<_> {
            let entries = stack.router().table.entries().iter();
            entries.filter(|it| it.outgoing == t0 && it.kind == kind).map(|it| it.to).collect()
        };
        let subnet = |address: [u8; 4], length| Prefix::new(address.into(), length);
        assert_eq!(of_kind(RouteKind::Local).len(), 4);
        assert_eq!(of_kind(RouteKind::Broadcast), [Prefix::host([10, 0, 0, 255].into())]);
        assert_eq!(of_kind(RouteKind::Unicast), [subnet([10, 0, 2, 4], 31), subnet([10, 0, 0, 0], 24)]);
    }

    #[test]
    fn only_an_mtu_can_be_locked() {
        let mut config = Config::new(Profile::Linux);
        config.add_interface("t0", [Prefix::new([10, 0, 0, 1].into(), 24)]).unwrap();
        let rows = [(20, Some(600), true, true), (21, None, true, false), (22, Some(600), false, false)];
        for (net, mtu, mtu_locked, _) in rows {
            let to = Prefix::new([net, 0, 0, 0].into(), 8);
            let interface = Some(InterfaceId::configured(0));
            config.routes.push(Route { to, mtu, mtu_locked, interface, ..Route::default() });
        }
        let stack = Stack::new(config, 1).unwrap();
        for (net, .., is_locked) in rows {
            let entry = stack.router().lookup([net, 0, 0, 1].into()).unwrap();
            assert_eq!(entry.mtu_locked, is_locked);
        }
    }

    /// Linux: an address of a local route will do as well as one of an interface.
    #[test]
    fn a_local_address_can_be_the_source_of_a_route() {
        let mut config = Config::new(Profile::Linux);
        config.add_interface("t0", [Prefix::new([10, 0, 0, 1].into(), 24)]).unwrap();
        let local = Ipv4Addr::new(10, 9, 9, 9);
        let interface = Some(InterfaceId::configured(0));
        config.routes.extend([
            Route { to: Prefix::host(local), kind: RouteKind::Local, ..Route::default() },
            Route { source: Some(local), interface, ..Route::default() },
        ]);
        let stack = Stack::new(config, 1).unwrap();
        assert_eq!(stack.router().lookup([20, 0, 0, 1].into()).unwrap().source, local);
    }

    /// Linux: an address that is good for its link alone is the source only of what goes to a neighbor.
    #[test]
    fn behind_a_gateway_an_address_of_the_link_is_no_source() {
        let mut config = Config::new(Profile::Linux);
        let prefixes = [[10, 0, 0, 1], [10, 1, 0, 1]].map(|address| Prefix::new(address.into(), 24));
        config.add_interface("t0", prefixes).unwrap().addresses[0].scope = Scope::Link;
        let route = |to: [u8; 4], via: Option<[u8; 4]>| Route {
            to: Prefix::new(to.into(), 8),
            via: via.map(Ipv4Addr::from),
            interface: Some(InterfaceId::configured(0)),
            ..Route::default()
        };
        config.routes.extend([route([20, 0, 0, 0], None), route([30, 0, 0, 0], Some([10, 0, 0, 254]))]);
        let stack = Stack::new(config, 1).unwrap();
        let source = |to: [u8; 4]| stack.router().lookup(to.into()).unwrap().source.octets();
        assert_eq!((source([20, 0, 0, 1]), source([30, 0, 0, 1])), ([10, 0, 0, 1], [10, 1, 0, 1]));
    }
}
