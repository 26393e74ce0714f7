//! The way of a datagram that came in: classes of addresses first, then the tables.

use core::net::Ipv4Addr;

use super::fib::Entry;
use super::{Disposition, Route, RouteError, Router};
use crate::address;
use crate::config::RouteKind;
use crate::drop_reason::DropReason;
use crate::interface::InterfaceId;
use crate::ip::route::device::Device;
use crate::time::Instant;

/// IGMP's protocol number.
const IGMP: u8 = 2;

/// What routing has to know of a datagram that came in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InputQuery {
    pub(crate) source: Ipv4Addr,
    pub(crate) destination: Ipv4Addr,
    pub(crate) protocol: u8,
    pub(crate) incoming: InterfaceId,
    pub(crate) now: Instant,
}

impl Router {
    /// The way of a datagram that came in, or why its addresses may not be. RFC 1122 §3.2.1.3, RFC 1812 §5.3.7.
    pub(crate) fn route_input(&self, query: &InputQuery) -> Result<Route, DropReason> {
        let mut route = Route::DELIVERY;
        self.route_input_into(query, &mut route)?;
        Ok(route)
    }

    /// The same, written to where it is to stand.
    #[inline]
    pub(crate) fn route_input_into(&self, query: &InputQuery, route: &mut Route) -> Result<(), DropReason> {
        let device = self.device(query.incoming).ok_or(DropReason::InterfaceDown)?;
        let InputQuery { source, destination, .. } = *query;
        if destination.is_multicast() {
            *route = self.route_multicast(query, device)?;
            return Ok(());
        }
        check_source_class(source)?;
        if address::is_limited_broadcast(destination)
            || (source.is_unspecified() && destination.is_unspecified())
        {
            *route = self.route_broadcast(query)?;
            return Ok(());
        }
        if source.is_unspecified() {
            return Err(DropReason::SourceIsZero);
        }
        if destination.is_unspecified() {
            return Err(DropReason::DestinationIsZero);
        }
        check_loopback_addresses(source, destination, device)?;
        self.check_departed_source(source)?;
        self.check_departed_destination(destination)?;
        self.route_by_table(query, device, route)
    }

    #[inline]
    fn route_by_table(
        &self,
        query: &InputQuery,
        device: &Device,
        route: &mut Route,
    ) -> Result<(), DropReason> {
        let entry = match self.lookup(query.destination) {
            Ok(entry) => entry,
            Err(error) => {
                let forwards = device.policy.forwarding;
                *route = self.refusal(if forwards { error } else { RouteError::HostUnreachable });
                return Ok(());
            }
        };
        match entry.kind {
            RouteKind::Broadcast if self.takes_broadcast(query, device, entry)? => {
                *route = self.route_broadcast(query)?;
            }
            RouteKind::Local => {
                self.validate_source(query, None)?;
                self.resolve(&entry.ways.inward, query.destination, query.now, route);
            }
            RouteKind::Unicast if !device.policy.forwarding => {
                *route = self.refusal(RouteError::HostUnreachable);
            }
            RouteKind::Unicast | RouteKind::Broadcast => {
                if !self.check_departed_forwarding(query, entry.outgoing)? {
                    *route = self.refusal(RouteError::HostUnreachable);
                    return Ok(());
                }
                let is_neighbor = self.validate_source(query, Some(entry.outgoing))?;
                self.resolve(&entry.ways.inward, query.destination, query.now, route);
                let redirects = is_neighbor
                    && entry.outgoing == query.incoming
                    && device.policy.send_redirects
                    && (self.shares_media(device) || device.is_on_link(query.source, entry.gateway));
                if redirects {
                    route.redirects = true;
                }
            }
            _ if device.policy.forwarding => return Err(DropReason::DestinationRouteNotUnicast),
            _ => *route = self.refusal(RouteError::HostUnreachable),
        }
        Ok(())
    }

    /// Whether a datagram to the broadcast address of some link ends here, instead of being forwarded there.
    fn takes_broadcast(
        &self,
        query: &InputQuery,
        device: &Device,
        entry: &Entry,
    ) -> Result<bool, DropReason> {
        self.check_departed_broadcast(query.destination, device)?;
        let came_by_it = entry.outgoing == query.incoming;
        Ok(!device.policy.bc_forwarding || came_by_it && self.departures.directed_broadcast_is_delivered_too)
    }

    /// Whether a redirect may go to a source on another subnet than the gateway. RFC 1812 §5.2.7.2, RFC 1620 §4.1.
    fn shares_media(&self, device: &Device) -> bool {
        device.policy.shared_media && !self.departures.redirect_needs_common_subnet
    }

    fn route_multicast(&self, query: &InputQuery, device: &Device) -> Result<Route, DropReason> {
        let InputQuery { source, destination, .. } = *query;
        let forwards = device.policy.mc_forwarding && !address::is_local_multicast(destination);
        if !device.has_joined(destination) && !forwards {
            return Err(DropReason::MulticastNotJoined);
        }
        check_source_class(source)?;
        if source.is_loopback() && !device.policy.route_localnet {
            return Err(DropReason::SourceIsLoopback);
        }
        if !source.is_unspecified() {
            self.check_departed_source(source)?;
            self.validate_source(query, None)?;
        } else if !address::is_local_multicast(destination) && query.protocol != IGMP {
            return Err(DropReason::SourceIsZeroToMulticast);
        }
        Ok(self.delivery(RouteKind::Multicast))
    }

    fn route_broadcast(&self, query: &InputQuery) -> Result<Route, DropReason> {
        if !query.source.is_unspecified() {
            self.check_departed_source(query.source)?;
            self.validate_source(query, None)?;
        }
        Ok(self.delivery(RouteKind::Broadcast))
    }

    fn delivery(&self, kind: RouteKind) -> Route {
        Route { kind, ..Route::DELIVERY }
    }

    fn refusal(&self, error: RouteError) -> Route {
        Route { disposition: Disposition::Refuse(error), ..self.delivery(RouteKind::Unreachable) }
    }
}

/// RFC 1122 §3.2.1.3: neither a group nor everybody can be a source.
fn check_source_class(source: Ipv4Addr) -> Result<(), DropReason> {
    if source.is_multicast() {
        return Err(DropReason::SourceIsMulticast);
    }
    if address::is_limited_broadcast(source) {
        return Err(DropReason::SourceIsLimitedBroadcast);
    }
    Ok(())
}

/// RFC 1122 §3.2.1.3 (g): 127.0.0.0/8 does not appear outside a host.
fn check_loopback_addresses(
    source: Ipv4Addr,
    destination: Ipv4Addr,
    device: &Device,
) -> Result<(), DropReason> {
    if device.policy.route_localnet {
        return Ok(());
    }
    if destination.is_loopback() {
        return Err(DropReason::DestinationIsLoopback);
    }
    if source.is_loopback() {
        return Err(DropReason::SourceIsLoopback);
    }
    Ok(())
}
