//! The options of a datagram that came in, and the source route that may be among them.

use core::net::Ipv4Addr;

use crate::config::RouteKind;
use crate::decision::Detail;
use crate::drop_reason::DropReason;
use crate::interface::InterfaceId;
use crate::ip::options::{self, OptionContext, OptionRules, SourceRouteStep, SourceRouteWalk};
use crate::ip::route::{Disposition, Router};
use crate::outcome::{Notice, Refusal};
use crate::packet::Packet;
use crate::sink::Sink;
use crate::stack::Stack;

/// Where the destination stands in the header: what a strict source route in transit is pointed at.
const DESTINATION_OFFSET: u8 = 16;

/// What option processing may ask of the stack.
pub(crate) struct OptionsAsk<'a> {
    pub(crate) router: &'a Router,
    pub(crate) recorded: Ipv4Addr,
    pub(crate) midnight_ms: u32,
}

impl OptionContext for OptionsAsk<'_> {
    fn recorded_address(&self) -> Ipv4Addr {
        self.recorded
    }

    fn is_unicast(&self, address: Ipv4Addr) -> bool {
        self.router.kind_of(address) == RouteKind::Unicast
    }

    fn milliseconds_since_midnight(&self) -> u32 {
        self.midnight_ms
    }
}

impl Stack {
    /// Reads the options, stamps them, and follows a source route. RFC 1122 §3.2.1.8, RFC 1812 §5.3.13.
    pub(crate) fn receive_options<S: Sink>(
        &mut self,
        packet: &mut Packet,
        sink: &mut S,
    ) -> Result<(), Refusal> {
        let ask = OptionsAsk {
            router: &self.router,
            recorded: self.own_address_towards_source(packet),
            midnight_ms: self.midnight_ms,
        };
        let rules = self.option_rules();
        let header_len = packet.header_len();
        let header = packet.octets.get_mut(..header_len).unwrap_or_default();
        if let Err(bad) = options::receive(header, rules, &ask, &mut packet.options) {
            self.log(sink, "bad option", "RFC 1122 §3.2.1.8", || Detail::Number(bad.pointer.into()));
            let is_foreign =
                packet.route.is_some_and(|route| matches!(route.disposition, Disposition::Refuse(_)));
            if is_foreign
                && self.config.departures.foreign_option_error_is_silent
                && !self.forwards_from(packet)
            {
                return Err(DropReason::OptionMalformed.into());
            }
            return Err(Refusal::with(DropReason::OptionMalformed, Notice::parameter_problem(bad.pointer)));
        }
        if packet.options.source_route.is_some() { self.follow_source_route(packet) } else { Ok(()) }
    }

    /// How options are read and written.
    #[inline]
    pub(crate) const fn option_rules(&self) -> OptionRules {
        let departures = &self.config.departures;
        OptionRules {
            points_at_bad_length: departures.bad_option_length_is_pointed_at,
            counts_prespecified_overflow: departures.timestamp_overflow_is_counted,
            checks_shapes: departures.option_shapes_are_checked,
            leaves_cipso_alone: departures.cipso_is_left_alone,
            timestamp_names_outgoing: departures.timestamp_names_outgoing_interface,
        }
    }

    /// The address of this system that the source of `packet` would know: the destination of a unicast datagram that
    /// is for this system, else the one this system would use towards the source.
    #[inline]
    pub(crate) fn own_address_towards_source(&self, packet: &Packet) -> Ipv4Addr {
        match packet.route {
            Some(route) if route.kind == RouteKind::Local => packet.destination(),
            _ => self
                .router
                .preferred_source_towards(packet.source(), packet.incoming.unwrap_or(InterfaceId::LOOPBACK)),
        }
    }

    fn follow_source_route(&mut self, packet: &mut Packet) -> Result<(), Refusal> {
        if !self.incoming_device(packet).is_some_and(|device| device.policy.accept_source_route) {
            return Err(self.refuse_source_route());
        }
        if !packet.link.is_host() {
            return Err(DropReason::SourceRouteInLinkMulticast.into());
        }
        let is_strict = packet.options.source_route.is_some_and(|route| route.is_strict);
        match packet.route.map(|route| (route.kind, route.disposition)) {
            Some((RouteKind::Unicast, _)) if is_strict => Err(self.refuse_strict_transit()),
            Some((RouteKind::Unicast, _)) => Ok(()),
            Some((RouteKind::Local, _)) => self.walk_source_route(packet),
            _ => Err(DropReason::SourceRouteToBroadcast.into()),
        }
    }

    /// RFC 1812 §5.2.4.1 wants Source Route Failed; Linux is silent.
    fn refuse_source_route(&self) -> Refusal {
        if self.config.departures.source_route_refusal_is_told {
            return Refusal::with(DropReason::SourceRouteRefused, Notice::SOURCE_ROUTE_FAILED);
        }
        DropReason::SourceRouteRefused.into()
    }

    fn refuse_strict_transit(&self) -> Refusal {
        let notice = if self.config.departures.strict_transit_is_source_route_failed {
            Notice::SOURCE_ROUTE_FAILED
        } else {
            Notice::parameter_problem(DESTINATION_OFFSET)
        };
        Refusal::with(DropReason::SourceRouteStrictTransit, notice)
    }

    fn refuse_unusable_hop(&self) -> Refusal {
        if self.config.departures.unroutable_source_route_is_told {
            return Refusal::with(DropReason::SourceRouteHopUnusable, Notice::SOURCE_ROUTE_FAILED);
        }
        DropReason::SourceRouteHopUnusable.into()
    }

    /// Passes the hops that are this system, then leaves for the next one, or delivers if none is left.
    fn walk_source_route(&mut self, packet: &mut Packet) -> Result<(), Refusal> {
        let header_len = packet.header_len();
        let Some(mut walk) =
            SourceRouteWalk::new(packet.octets.get(..header_len).unwrap_or_default(), &packet.options)
        else {
            return Ok(());
        };
        loop {
            let header = packet.octets.get_mut(..header_len).unwrap_or_default();
            let hop = match walk.step(header) {
                SourceRouteStep::Exhausted => return Ok(()),
                SourceRouteStep::Truncated { pointer } => {
                    let notice = Notice::parameter_problem(pointer);
                    return Err(Refusal::with(DropReason::SourceRouteSlotTruncated, notice));
                }
                SourceRouteStep::Hop(hop) => hop,
            };
            let query = self.input_query(packet, hop);
            let Ok(route) = self.router.route_input(&query) else {
                return Err(self.refuse_unusable_hop());
            };
            match (route.kind, route.disposition) {
                (RouteKind::Local, Disposition::Deliver) => {
                    let header = packet.octets.get_mut(..header_len).unwrap_or_default();
                    walk.pass(header, hop, &mut packet.options);
                    packet.route = Some(route);
                }
                (RouteKind::Unicast, Disposition::Forward) => {
                    walk.leave(hop, &mut packet.options);
                    packet.route = Some(route);
                    return Ok(());
                }
                _ => return Err(self.refuse_unusable_hop()),
            }
        }
    }
}
