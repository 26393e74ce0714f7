//! Routing: which way a datagram goes, and whether its addresses may be.
//!
//! [`Router`] holds interfaces, tables and what was learned; `input` decides about datagrams that came in,
//! `output` about those made here, `validation` about their sources, `learn` takes in path MTUs and redirects.

mod device;
mod exception;
mod fib;
mod input;
mod learn;
mod output;
mod table;
mod validation;

use core::net::Ipv4Addr;

use alloc::vec::Vec;

pub use device::Device;
pub use exception::Exception;
pub(crate) use input::InputQuery;
pub(crate) use learn::Redirect;
pub(crate) use output::OutputRoute;

use crate::address;
use crate::config::{Departures, RouteKind, Scope};
use crate::errno::Errno;
use crate::interface::InterfaceId;
use crate::time::Instant;
use exception::Exceptions;
use fib::{Entry, Table};

/// The largest MTU that an IPv4 datagram can use.
const MAX_MTU: u32 = 0xffff;

/// What is done with a datagram on a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Given to a local protocol.
    Deliver,
    /// Sent on.
    Forward,
    /// Sent; it was made here.
    Output,
    /// Refused, and the source perhaps told.
    Refuse(RouteError),
}

/// Why a route refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RouteError {
    /// No route, or one that throws.
    Unreachable,
    /// Says unreachable, or this system does not forward.
    HostUnreachable,
    /// Says prohibited.
    Prohibited,
    /// Says discard.
    Blackhole,
    /// The addresses cannot be.
    Invalid,
}

impl RouteError {
    /// What a socket call returns.
    pub const fn errno(self) -> Errno {
        match self {
            Self::Unreachable => Errno::NetworkUnreachable,
            Self::HostUnreachable => Errno::HostUnreachable,
            Self::Prohibited => Errno::Access,
            Self::Blackhole | Self::Invalid => Errno::Invalid,
        }
    }
}

/// The way a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Kind of the destination.
    pub kind: RouteKind,
    /// What is done.
    pub disposition: Disposition,
    /// Interface it leaves by.
    pub outgoing: InterfaceId,
    /// Gateway; without one the destination is on the link.
    pub gateway: Option<Ipv4Addr>,
    /// Preferred source address for it; 0.0.0.0 if there is none.
    pub source: Ipv4Addr,
    /// MTU of the interface.
    pub device_mtu: u32,
    /// MTU metric of the route; 0 if it has none.
    pub mtu_metric: u32,
    /// Path MTU that was learned; 0 if none was.
    pub learned_mtu: u32,
    /// Whether the MTU is not for path MTU discovery to change: locked by the route, or learned too small.
    pub mtu_locked: bool,
    /// TTL for it, if not the default.
    pub hoplimit: Option<u8>,
    /// Whether its source should be told of a better way.
    pub redirects: bool,
    /// Whether a copy of what is sent comes back.
    pub loops_back: bool,
}

impl Route {
    /// Delivery to this system, as of what has no route of its own in the tables.
    pub(crate) const DELIVERY: Self = Self {
        kind: RouteKind::Local,
        disposition: Disposition::Deliver,
        outgoing: InterfaceId::LOOPBACK,
        gateway: None,
        source: Ipv4Addr::UNSPECIFIED,
        device_mtu: MAX_MTU,
        mtu_metric: 0,
        learned_mtu: 0,
        mtu_locked: false,
        hoplimit: None,
        redirects: false,
        loops_back: false,
    };

    /// Largest datagram of our own, in octets.
    #[inline]
    pub fn mtu(&self) -> u32 {
        if self.learned_mtu != 0 { self.learned_mtu.min(MAX_MTU) } else { self.forward_mtu(false) }
    }

    /// Largest datagram of others, in octets. Learned path MTUs count if `uses_learned` or if they are locked: anybody
    /// can forge the messages they are learned from.
    #[inline]
    pub fn forward_mtu(&self, uses_learned: bool) -> u32 {
        if self.learned_mtu != 0 && (uses_learned || self.mtu_locked) {
            return self.learned_mtu.min(MAX_MTU);
        }
        if self.mtu_metric != 0 { self.mtu_metric } else { self.device_mtu }.min(MAX_MTU)
    }

    /// Whether the datagram is for one host, as far as this system is concerned: a directed broadcast that it merely
    /// forwards is, to it, like any other datagram.
    pub const fn is_unicast(&self) -> bool {
        !matches!(self.kind, RouteKind::Broadcast | RouteKind::Multicast)
            || matches!(self.disposition, Disposition::Forward)
    }

    /// Forgets what the table and earlier messages say of the destination.
    const fn forget_metrics(&mut self) {
        self.mtu_metric = 0;
        self.learned_mtu = 0;
        self.mtu_locked = false;
        self.hoplimit = None;
    }

    /// Next hop towards `destination`.
    pub fn next_hop(&self, destination: Ipv4Addr) -> Ipv4Addr {
        self.gateway.unwrap_or(destination)
    }
}

/// Interfaces, routes and what was learned about destinations.
#[derive(Clone, Debug, Default)]
pub struct Router {
    devices: Vec<Device>,
    table: Table,
    has_custom_local_routes: bool,
    /// All addresses as numbers, sorted.
    own: Vec<u32>,
    exceptions: Exceptions,
    departures: Departures,
}

impl Router {
    /// An interface.
    #[inline]
    pub fn device(&self, id: InterfaceId) -> Option<&Device> {
        self.devices.get(id.index())
    }

    /// All interfaces, loopback first.
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// Whether `address` is configured on some interface, up or down.
    #[inline]
    pub fn is_own(&self, address: Ipv4Addr) -> bool {
        /// So many are compared with all at once sooner than one after the other.
        const FEW: usize = 16;
        let address = address.to_bits();
        if self.own.len() <= FEW {
            self.own.contains(&address)
        } else {
            self.own.binary_search(&address).is_ok()
        }
    }

    /// What kind of address it is: ours, broadcast, multicast, or of somebody else.
    pub fn kind_of(&self, address: Ipv4Addr) -> RouteKind {
        if address.is_unspecified() || address::is_limited_broadcast(address) {
            return RouteKind::Broadcast;
        }
        if address.is_multicast() {
            return RouteKind::Multicast;
        }
        match self.table.lookup(address).map(|entry| entry.kind) {
            Some(kind @ (RouteKind::Local | RouteKind::Broadcast | RouteKind::Multicast)) => kind,
            _ => RouteKind::Unicast,
        }
    }

    /// Whether the datagrams to `address` are delivered here.
    pub fn is_local(&self, address: Ipv4Addr) -> bool {
        self.kind_of(address) == RouteKind::Local
    }

    /// The source address that suits a datagram leaving by `interface` for a station `near` it.
    pub fn select_source(&self, interface: InterfaceId, near: Option<Ipv4Addr>, scope: Scope) -> Ipv4Addr {
        let mut first = None;
        if let Some(device) = self.device(interface) {
            let widest = if device.policy.route_localnet { Scope::Link } else { Scope::Host };
            for own in device.primary_addresses().filter(|own| own.scope.min(widest) <= scope) {
                if near.is_none_or(|near| own.prefix.contains(near)) {
                    return own.prefix.address;
                }
                first = first.or(Some(own.prefix.address));
            }
        }
        first.unwrap_or_else(|| self.source_of_any(scope))
    }

    /// An address of any interface that is valid as far as `scope`; 0.0.0.0 if there is none.
    fn source_of_any(&self, scope: Scope) -> Ipv4Addr {
        self.devices
            .iter()
            .flat_map(Device::primary_addresses)
            .find(|own| own.scope != Scope::Link && own.scope <= scope)
            .map_or(Ipv4Addr::UNSPECIFIED, |own| own.prefix.address)
    }

    /// The address by which this system would like to be known to `peer`, which sent something by `incoming`.
    pub fn preferred_source_towards(&self, peer: Ipv4Addr, incoming: InterfaceId) -> Ipv4Addr {
        if peer.is_unspecified() {
            return self.select_source(incoming, Some(peer), Scope::Link);
        }
        match self.lookup(peer) {
            Ok(entry) => entry.source,
            Err(_) => self.select_source(incoming, Some(peer), Scope::Global),
        }
    }

    /// The address this system would use towards `destination` if that had to go where `route` goes.
    pub fn source_by_way_of(&self, route: &Route, destination: Ipv4Addr) -> Ipv4Addr {
        let refuses = |entry: &Entry| {
            matches!(
                entry.kind,
                RouteKind::Throw | RouteKind::Unreachable | RouteKind::Prohibit | RouteKind::Blackhole
            )
        };
        let found =
            self.lookup_where(destination, |entry| entry.outgoing == route.outgoing || refuses(entry));
        match found {
            Ok(entry) => entry.source,
            Err(_) => self.select_source(route.outgoing, Some(route.next_hop(destination)), Scope::Global),
        }
    }

    /// The best route to `destination`, or why there is none.
    #[inline]
    fn lookup(&self, destination: Ipv4Addr) -> Result<&Entry, RouteError> {
        usable(self.table.lookup(destination))
    }

    /// The same among routes that `admits` lets pass.
    fn lookup_where(
        &self,
        destination: Ipv4Addr,
        admits: impl FnMut(&Entry) -> bool,
    ) -> Result<&Entry, RouteError> {
        usable(self.table.lookup_where(destination, admits))
    }

    /// What was learned about `destination`.
    #[inline]
    pub fn exception(&self, destination: Ipv4Addr, now: Instant) -> Option<Exception> {
        self.exceptions.lookup(destination, now)
    }

    /// Writes to `route` what `of_table` is for `destination`, with what was learned about that.
    ///
    /// Routes are copied as a whole from the table to where they are to stand: a copy of what was just put together
    /// field by field would have to wait for the fields to reach memory.
    #[inline]
    fn resolve(&self, of_table: &Route, destination: Ipv4Addr, now: Instant, route: &mut Route) {
        *route = *of_table;
        if let Some(exception) = self.exception(destination, now) {
            route.learned_mtu = exception.mtu;
            route.mtu_locked |= exception.locked;
            route.gateway = exception.gateway.or(route.gateway);
        }
    }
}

/// A route that can be taken, or why there is none.
#[inline]
fn usable(found: Option<&Entry>) -> Result<&Entry, RouteError> {
    let entry = found.ok_or(RouteError::Unreachable)?;
    match entry.kind {
        RouteKind::Throw => Err(RouteError::Unreachable),
        RouteKind::Unreachable => Err(RouteError::HostUnreachable),
        RouteKind::Prohibit => Err(RouteError::Prohibited),
        RouteKind::Blackhole => Err(RouteError::Blackhole),
        _ => Ok(entry),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::address::Prefix;
    use crate::config::{Config, Profile};

    /// Linux: an interface without a suitable address lends one of another, but none that is good for one link alone.
    #[rstest]
    #[case::everywhere(Scope::Global, [10, 2, 0, 1])]
    #[case::on_a_link(Scope::Link, [10, 2, 0, 1])]
    #[case::inside(Scope::Host, [127, 0, 0, 1])]
    fn source_of_another_interface(#[case] scope: Scope, #[case] expected: [u8; 4]) {
        let mut config = Config::new(Profile::Linux);
        config.add_interface("t0", []).unwrap();
        let addresses = [[10, 1, 0, 1], [10, 2, 0, 1]].map(|address| Prefix::new(address.into(), 24));
        config.add_interface("t1", addresses).unwrap().addresses[0].scope = Scope::Link;
        let router = Router::new(&config, 1).unwrap();
        let source = router.select_source(InterfaceId::configured(0), None, scope);
        assert_eq!(source.octets(), expected);
    }
}
