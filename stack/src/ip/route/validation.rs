//! Whether a source may be, by the interface its datagram came in on. RFC 1812 §5.3.8, RFC 3704 §2.

use core::net::Ipv4Addr;

use super::fib::Entry;
use super::{InputQuery, Router};
use crate::config::RouteKind;
use crate::config::policy::ReversePath;
use crate::drop_reason::DropReason;
use crate::interface::InterfaceId;
use crate::ip::route::device::{Device, DeviceAddress};

impl Router {
    /// Accepts or refuses the source of a datagram that would leave by `outgoing`, or is for this system if that is
    /// `None`. Tells whether the source is known to be on the link it came from.
    #[inline]
    pub(super) fn validate_source(
        &self,
        query: &InputQuery,
        outgoing: Option<InterfaceId>,
    ) -> Result<bool, DropReason> {
        let device = self.device(query.incoming).ok_or(DropReason::InterfaceDown)?;
        let returns = outgoing == Some(query.incoming) && device.policy.send_redirects;
        if device.policy.rp_filter == ReversePath::Off && !returns {
            if device.policy.accept_local {
                return Ok(false);
            }
            if !self.has_custom_local_routes {
                return if self.is_own(query.source) { Err(DropReason::SourceIsOwn) } else { Ok(false) };
            }
        }
        self.validate_by_route_back(query.source, device)
    }

    /// Looks the source up as a destination.
    fn validate_by_route_back(&self, source: Ipv4Addr, device: &Device) -> Result<bool, DropReason> {
        let no_way_back = match device.policy.rp_filter {
            ReversePath::Off => Ok(false),
            ReversePath::Strict | ReversePath::Loose => Err(DropReason::SourceFailsReversePath),
        };
        let Ok(entry) = self.lookup(source) else { return no_way_back };
        match entry.kind {
            RouteKind::Unicast => {}
            RouteKind::Local if device.policy.accept_local => {}
            RouteKind::Local => return Err(DropReason::SourceIsOwn),
            _ => return Err(DropReason::SourceIsBroadcast),
        }
        let is_neighbor = |entry: &Entry| entry.gateway.is_none();
        // An own address is where it belongs on the loopback interface, whichever interface has it.
        if entry.outgoing == device.id || (entry.kind == RouteKind::Local && device.is_loopback()) {
            return Ok(is_neighbor(entry));
        }
        if !device.has_ipv4() {
            return no_way_back;
        }
        if device.policy.rp_filter == ReversePath::Strict {
            return Err(DropReason::SourceFailsReversePath);
        }
        let by_device = self.lookup_where(source, |entry| entry.outgoing == device.id);
        Ok(by_device.is_ok_and(|entry| entry.kind == RouteKind::Unicast && is_neighbor(entry)))
    }

    /// The checks that only [`crate::config::Departures`] ask for.
    #[inline]
    pub(super) fn check_departed_source(&self, source: Ipv4Addr) -> Result<(), DropReason> {
        let departures = &self.departures;
        if departures.this_network_source_is_invalid && source.octets()[0] == 0 {
            return Err(DropReason::SourceIsThisNetwork);
        }
        if departures.reserved_source_is_invalid && source.octets()[0] >= 240 {
            return Err(DropReason::SourceIsReserved);
        }
        if departures.broadcast_source_is_invalid && self.kind_of(source) == RouteKind::Broadcast {
            return Err(DropReason::SourceIsBroadcast);
        }
        Ok(())
    }

    /// The same about destinations.
    #[inline]
    pub(super) fn check_departed_destination(&self, destination: Ipv4Addr) -> Result<(), DropReason> {
        let first = destination.octets()[0];
        if self.departures.this_network_destination_is_invalid && first == 0 {
            return Err(DropReason::DestinationIsThisNetwork);
        }
        if self.departures.reserved_destination_is_invalid && first >= 240 {
            return Err(DropReason::DestinationIsReserved);
        }
        Ok(())
    }

    /// The same about a datagram to a broadcast address of some link that came in by `device`.
    pub(super) fn check_departed_broadcast(
        &self,
        destination: Ipv4Addr,
        device: &Device,
    ) -> Result<(), DropReason> {
        if !device.policy.forwarding {
            return Ok(());
        }
        if self.departures.zero_form_is_broadcast && self.is_zero_form(destination) {
            return Err(DropReason::DestinationIsZeroForm);
        }
        if self.departures.directed_broadcast_needs_leave && !device.policy.bc_forwarding {
            return Err(DropReason::DestinationIsDirectedBroadcast);
        }
        Ok(())
    }

    /// Whether `address` is that of a connected subnet with all host bits zero.
    fn is_zero_form(&self, address: Ipv4Addr) -> bool {
        let is_network = |own: &DeviceAddress| own.prefix.network() == address && own.prefix.length < 31;
        self.devices.iter().flat_map(Device::primary_addresses).any(is_network)
    }

    /// The same about a datagram that would be forwarded by `outgoing`; tells whether it may.
    #[inline]
    pub(super) fn check_departed_forwarding(
        &self,
        query: &InputQuery,
        outgoing: InterfaceId,
    ) -> Result<bool, DropReason> {
        if self.departures.link_local_stays_on_its_link
            && (query.source.is_link_local() || query.destination.is_link_local())
        {
            return Err(DropReason::LinkLocalForwarded);
        }
        Ok(!self.departures.forwarding_needs_both_links
            || self.device(outgoing).is_some_and(|device| device.policy.forwarding))
    }
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use super::*;
    use crate::address::Prefix;
    use crate::config::{Config, Profile};
    use crate::time::Instant;

    const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

    #[test]
    fn an_own_source_on_loopback_passes_the_strict_filter() {
        let mut config = Config::new(Profile::Linux);
        config.add_interface("t0", [Prefix::new(OWN, 24)]).unwrap();
        config.add_interface("t1", [Prefix::new(Ipv4Addr::new(10, 1, 0, 1), 24)]).unwrap();
        for knob in ["rp_filter", "accept_local"] {
            config.set_sysctl(&std::format!("net.ipv4.conf.all.{knob}"), "1").unwrap();
        }
        let router = Router::new(&config, 1).unwrap();
        let verdict = |incoming| {
            let destination = Ipv4Addr::new(10, 1, 0, 9);
            let query = InputQuery { source: OWN, destination, protocol: 17, incoming, now: Instant::ZERO };
            router.validate_source(&query, Some(InterfaceId::configured(1)))
        };
        assert_eq!(verdict(InterfaceId::LOOPBACK), Ok(true));
        assert_eq!(verdict(InterfaceId::configured(1)), Err(DropReason::SourceFailsReversePath));
    }
}
