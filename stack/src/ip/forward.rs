//! Forwarding: an ordered list of checks, then on to the next hop. RFC 1812 §5.2, §5.3.

use crate::counters::Counter;
use crate::decision::Detail;
use crate::drop_reason::DropReason;
use crate::hook::Hook;
use crate::ip::options;
use crate::ip::route::Route;
use crate::outcome::{Notice, Outcome, Refusal};
use crate::packet::Packet;
use crate::sink::Sink;
use crate::stack::{Passage, Stack};
use crate::wire::Ipv4Edit;
use crate::wire::ipv4::HEADER_LEN;

impl Stack {
    /// Sends a datagram of others on.
    #[inline]
    pub(crate) fn forward<S: Sink>(&mut self, packet: &mut Packet, sink: &mut S) -> Result<Outcome, Refusal> {
        let Some(route) = packet.route else { return Err(DropReason::OutputNoRoute.into()) };
        if !packet.link.is_host() {
            return Err(DropReason::ForwardInLinkMulticast.into()); // RFC 1812 §5.3.4
        }
        if packet.options.router_alert
            && let Some(outcome) = self.alert_router(packet, sink)?
        {
            return Ok(outcome); // RFC 2113 §2.1
        }
        if packet.ttl() <= 1 {
            return Err(Refusal::with(DropReason::TtlExceeded, Notice::TTL_EXCEEDED)); // RFC 1812 §5.3.1
        }
        self.check_strict_route(packet, &route)?; // RFC 1812 §5.3.13.4
        self.counters.bump(Counter::IpForwDatagrams);
        self.check_size(packet, &route)?; // RFC 1812 §4.2.2.7
        if let Some(mut edit) = Ipv4Edit::new(&mut packet.octets) {
            edit.decrement_ttl();
        }
        if route.redirects && packet.options.source_route.is_none() {
            self.redirect(packet, &route, sink); // RFC 1812 §5.2.7.2
        }
        if self.run_hook(Hook::Forward, packet, sink)? == Passage::Ends {
            return Ok(Outcome::Stolen);
        }
        self.forward_options(packet, &route);
        self.log(sink, "forward", "RFC 1812 §5.2.1", || Detail::Number(u32::from(route.outgoing.0)));
        self.output(packet, sink)?;
        Ok(Outcome::Forwarded)
    }

    /// Shows a datagram with a router alert to whoever asked for it, which ends its way.
    fn alert_router<S: Sink>(
        &mut self,
        packet: &mut Packet,
        sink: &mut S,
    ) -> Result<Option<Outcome>, Refusal> {
        if !self.wants_router_alert(packet.protocol()) {
            return Ok(None);
        }
        if packet.is_fragment() && self.reassemble_for_router_alert(packet, sink)? == Passage::Ends {
            return Ok(Some(Outcome::Held));
        }
        Ok(self.deliver_router_alert(packet, sink).then_some(Outcome::Delivered))
    }

    #[inline]
    fn check_strict_route(&self, packet: &Packet, route: &Route) -> Result<(), Refusal> {
        let is_strict = packet.options.source_route.is_some_and(|source_route| source_route.is_strict);
        if is_strict && route.gateway.is_some() {
            return Err(Refusal::with(DropReason::SourceRouteGatewayInStrict, Notice::SOURCE_ROUTE_FAILED));
        }
        Ok(())
    }

    /// RFC 1191 §4: what is too big and must not be fragmented is refused, and the source told the MTU.
    #[inline]
    fn check_size(&self, packet: &Packet, route: &Route) -> Result<(), Refusal> {
        let mtu = route.forward_mtu(self.config.sysctls.ip_forward_use_pmtu != 0);
        let longest_allowed = usize::try_from(mtu).unwrap_or(usize::MAX);
        // What fits is let pass here, even if a fragment that its queue has given up since was longer: output refuses it.
        if !packet.dont_fragment() || packet.octets.len() <= longest_allowed {
            return Ok(());
        }
        let largest = packet.reassembled.as_ref().map_or(0, |whole| usize::from(whole.largest_fragment));
        if largest > longest_allowed || !packet.ignore_df {
            return Err(Refusal::with(DropReason::FragmentationNeeded, Notice::fragmentation_needed(mtu)));
        }
        Ok(())
    }

    /// Tells the source of a better gateway, now and then.
    fn redirect<S: Sink>(&mut self, packet: &Packet, route: &Route, sink: &mut S) {
        if !self.redirect_is_due(packet.source()) {
            return self.log(sink, "redirect withheld", "RFC 1812 §4.3.2.8", || Detail::None);
        }
        let gateway = route.next_hop(packet.destination());
        if let Err(rule) = self.send_error(packet, Notice::redirect(gateway), sink) {
            self.log(sink, rule.name(), rule.clause(), || Detail::Address(gateway));
        }
        self.redirect_sent(packet.source());
    }

    /// Completes the options: addresses of the outgoing interface, the next hop of a source route.
    #[inline]
    fn forward_options(&mut self, packet: &mut Packet, route: &Route) {
        let header_len = packet.header_len();
        if header_len <= HEADER_LEN {
            return;
        }
        let recorded = match packet.options.source_route.and_then(|it| it.next_hop) {
            Some(_) => self.router.source_by_way_of(route, packet.destination()),
            None => route.source,
        };
        let rules = self.option_rules();
        if let Some(header) = packet.octets.get_mut(..header_len) {
            options::forward(header, &mut packet.options, rules, recorded, route.source);
        }
    }
}
