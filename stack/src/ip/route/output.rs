//! The way of a datagram that was made here.

use core::net::Ipv4Addr;

use super::{Device, Disposition, Route, RouteError, Router};
use crate::address;
use crate::config::{RouteKind, Scope};
use crate::interface::InterfaceId;
use crate::time::Instant;

/// Length of the prefix of all groups, 224.0.0.0/4.
const MULTICAST_LEN: u8 = 4;

/// The way of a datagram made here, and the addresses it goes with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutputRoute {
    /// The way.
    pub(crate) route: Route,
    /// Its source: the one asked for, else the one that suits the route; 0.0.0.0 if there is none.
    pub(crate) source: Ipv4Addr,
    /// Its destination: the one asked for, or this system itself where that was 0.0.0.0.
    pub(crate) destination: Ipv4Addr,
}

impl OutputRoute {
    /// To be written over.
    pub(crate) const NOWHERE: Self =
        Self { route: Route::DELIVERY, source: Ipv4Addr::UNSPECIFIED, destination: Ipv4Addr::UNSPECIFIED };
}

impl Router {
    /// The way to `destination`, from `source` if that is not 0.0.0.0.
    pub(crate) fn route_output(
        &self,
        destination: Ipv4Addr,
        source: Ipv4Addr,
        now: Instant,
    ) -> Result<OutputRoute, RouteError> {
        let mut way = OutputRoute::NOWHERE;
        self.route_output_into(destination, source, now, &mut way)?;
        Ok(way)
    }

    /// The same, written to where it is to stand.
    #[inline]
    pub(crate) fn route_output_into(
        &self,
        destination: Ipv4Addr,
        source: Ipv4Addr,
        now: Instant,
        way: &mut OutputRoute,
    ) -> Result<(), RouteError> {
        if !source.is_unspecified() {
            let impossible = source.is_multicast() || address::is_limited_broadcast(source);
            if impossible || !(self.is_own(source) || self.is_local(source)) {
                return Err(RouteError::Invalid);
            }
        }
        if destination.is_unspecified() {
            *way = self.route_to_self(source);
            return Ok(());
        }
        let is_everybody = address::is_limited_broadcast(destination);
        if !is_everybody && self.check_departed_destination(destination).is_err() {
            return Err(RouteError::Invalid);
        }
        let is_to_link = destination.is_multicast() || is_everybody;
        if is_to_link && !source.is_unspecified() {
            *way = self.route_from_source(destination, source)?;
            return Ok(());
        }
        let entry = self.lookup(destination)?;
        self.resolve(&entry.ways.outward, destination, now, &mut way.route);
        way.destination = destination;
        if is_to_link && entry.to.length < MULTICAST_LEN {
            // What is known of a route that is not one for groups says nothing about them.
            way.route.forget_metrics();
        }
        if entry.kind == RouteKind::Local {
            way.source =
                if source.is_unspecified() { entry.given_source.unwrap_or(destination) } else { source };
            self.turn_inward(&mut way.route);
            return Ok(());
        }
        way.source = if source.is_unspecified() { entry.source } else { source };
        self.classify(&mut way.route, destination);
        self.check_loopback_source(way.source, &way.route)
    }

    /// A multicast or limited broadcast from `source` leaves by the interface that has this address, whatever the tables
    /// say of the destination. RFC 1122 §3.3.4.2.
    fn route_from_source(&self, destination: Ipv4Addr, source: Ipv4Addr) -> Result<OutputRoute, RouteError> {
        let device = self.device(self.interface_of(source).ok_or(RouteError::Invalid)?);
        let found = self.route_by(device.ok_or(RouteError::Invalid)?, destination, source);
        self.check_loopback_source(source, &found.route)?;
        Ok(found)
    }

    /// The interface that has the address `own`, or that a local route for it names.
    pub(crate) fn interface_of(&self, own: Ipv4Addr) -> Option<InterfaceId> {
        let has_it = |device: &&Device| device.has_address(own);
        match self.devices.iter().find(has_it) {
            Some(device) => Some(device.id),
            None => {
                self.table.lookup(own).filter(|entry| entry.kind == RouteKind::Local).map(|it| it.outgoing)
            }
        }
    }

    /// 0.0.0.0 as a destination is this system, under the address it sends from. No table is asked, so nothing that they
    /// say of this address, or that was learned about it, counts.
    fn route_to_self(&self, source: Ipv4Addr) -> OutputRoute {
        let own = if source.is_unspecified() { Ipv4Addr::LOCALHOST } else { source };
        let mut route = Route { disposition: Disposition::Output, ..Route::DELIVERY };
        self.turn_inward(&mut route);
        OutputRoute { route, source: own, destination: own }
    }

    /// What is for this system goes through the loopback interface.
    fn turn_inward(&self, route: &mut Route) {
        route.outgoing = InterfaceId::LOOPBACK;
        route.gateway = None;
        route.device_mtu = self.device(InterfaceId::LOOPBACK).map_or(super::MAX_MTU, |device| device.mtu);
    }

    /// Finds out about broadcasts and multicasts, which come back to this system where it wants them.
    #[inline]
    fn classify(&self, route: &mut Route, destination: Ipv4Addr) {
        if address::is_limited_broadcast(destination) {
            route.kind = RouteKind::Broadcast;
        } else if destination.is_multicast() {
            route.kind = RouteKind::Multicast;
        }
        match route.kind {
            RouteKind::Broadcast => {
                route.gateway = None;
                route.mtu_metric = 0;
                // What leaves by the loopback interface comes back anyway.
                route.loops_back = route.outgoing != InterfaceId::LOOPBACK;
            }
            RouteKind::Multicast => {
                route.loops_back = route.outgoing != InterfaceId::LOOPBACK
                    && self.device(route.outgoing).is_some_and(|device| device.has_joined(destination));
                route.gateway = None;
            }
            _ => {}
        }
    }

    /// RFC 1122 §3.2.1.3 (g): a datagram from 127.0.0.0/8 does not leave this system.
    #[inline]
    fn check_loopback_source(&self, source: Ipv4Addr, route: &Route) -> Result<(), RouteError> {
        let may_leave = self
            .device(route.outgoing)
            .is_some_and(|device| device.is_loopback() || device.policy.route_localnet);
        if source.is_loopback() && !may_leave { Err(RouteError::Invalid) } else { Ok(()) }
    }

    /// The way of a datagram that is to leave by `interface` whatever the tables say of it: broadcasts and multicasts
    /// to the link.
    pub(crate) fn route_output_by(
        &self,
        interface: InterfaceId,
        destination: Ipv4Addr,
        source: Ipv4Addr,
    ) -> Result<OutputRoute, RouteError> {
        let device = self.device(interface).filter(|device| device.is_up).ok_or(RouteError::Unreachable)?;
        let mut found = self.route_by(device, destination, source);
        if source.is_unspecified() {
            found.source = self.select_source(interface, None, Scope::Link);
        }
        Ok(found)
    }

    fn route_by(&self, device: &Device, destination: Ipv4Addr, source: Ipv4Addr) -> OutputRoute {
        let mut route = Route {
            kind: RouteKind::Unicast,
            disposition: Disposition::Output,
            outgoing: device.id,
            device_mtu: device.mtu,
            ..Route::DELIVERY
        };
        self.classify(&mut route, destination);
        OutputRoute { route, source, destination }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::address::Prefix;
    use crate::config::{self, Config, Profile};

    #[test]
    fn what_was_learned_of_an_own_address_does_not_count_for_0_0_0_0() {
        let config = Config::new(Profile::Linux);
        let mut router = Router::new(&config, 1).unwrap();
        let now = Instant::ZERO;
        let to = |router: &Router, destination| {
            let way = router.route_output(destination, Ipv4Addr::UNSPECIFIED, now).unwrap();
            (way.destination, way.route.mtu(), way.route)
        };
        let (_, whole, route) = to(&router, Ipv4Addr::LOCALHOST);
        assert!(router.learn_mtu(&route, Ipv4Addr::LOCALHOST, 600, &config.sysctls, now));
        assert_eq!(to(&router, Ipv4Addr::LOCALHOST).1, 600);
        // What is told twice stays known for longer; what is more than what is known changes nothing.
        let (.., route) = to(&router, Ipv4Addr::LOCALHOST);
        let half_its_life = Duration::from_secs(300);
        let sooner = now + (half_its_life - Duration::from_millis(4));
        assert!(!router.learn_mtu(&route, Ipv4Addr::LOCALHOST, 600, &config.sysctls, sooner));
        let later = now + half_its_life;
        assert!(router.learn_mtu(&route, Ipv4Addr::LOCALHOST, 600, &config.sysctls, later));
        assert!(!router.learn_mtu(&route, Ipv4Addr::LOCALHOST, 601, &config.sysctls, later));
        let locked = Route { mtu_locked: true, ..route };
        assert!(!router.learn_mtu(&locked, Ipv4Addr::LOCALHOST, 599, &config.sysctls, later));
        // Less than the minimum is the minimum, from then on without DF.
        for (told, is_locked) in [(552, false), (551, true)] {
            assert!(router.learn_mtu(&route, Ipv4Addr::LOCALHOST, told, &config.sysctls, later));
            let (_, mtu, route) = to(&router, Ipv4Addr::LOCALHOST);
            assert_eq!((mtu, route.mtu_locked), (552, is_locked));
        }
        let (destination, mtu, route) = to(&router, Ipv4Addr::UNSPECIFIED);
        assert_eq!((destination, mtu, route.kind), (Ipv4Addr::LOCALHOST, whole, RouteKind::Local));
    }

    /// RFC 1122 §3.2.1.3: a source is an address of this system, and no group, even where an interface has it.
    #[test]
    fn sources_that_can_be() {
        let mut config = Config::new(Profile::Linux);
        let own = [[10, 0, 0, 1], [239, 1, 1, 1]].map(|address| Prefix::new(address.into(), 24));
        config.add_interface("t0", own).unwrap();
        let to = Prefix::host([10, 9, 9, 9].into());
        config.routes.push(config::Route { to, kind: RouteKind::Local, ..config::Route::default() });
        let router = Router::new(&config, 1).unwrap();
        let from = |source: [u8; 4]| {
            router
                .route_output(Ipv4Addr::LOCALHOST, source.into(), Instant::ZERO)
                .map(|way| way.source.octets())
        };
        for local in [[10, 0, 0, 1], [10, 9, 9, 9]] {
            assert_eq!(from(local), Ok(local));
        }
        for other in [[239, 1, 1, 1], [10, 0, 0, 2]] {
            assert_eq!(from(other), Err(RouteError::Invalid));
        }
    }
}
