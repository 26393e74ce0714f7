//! The receive path: an ordered list of named checks, then the way the datagram goes.

use core::mem;
use core::net::Ipv4Addr;

use crate::config::RouteKind;
use crate::counters::Counter;
use crate::decision::Detail;
use crate::drop_reason::DropReason;
use crate::hook::Hook;
use crate::interface::{InterfaceId, LinkClass};
use crate::ip::route::{Disposition, InputQuery, Route, RouteError};
use crate::outcome::{Notice, NoticeFate, Outcome, Refusal, Withheld};
use crate::packet::{Packet, PacketLink};
use crate::sink::Sink;
use crate::stack::{Passage, Stack};
use crate::wire::{Protocol, checksum};

/// Where the total length stands in the header.
const TOTAL_LENGTH_OFFSET: u8 = 2;

impl Stack {
    /// Takes a datagram through the whole stack; what is to be looped back waits in the backlog.
    pub(crate) fn process<S: Sink>(&mut self, packet: &mut Packet, sink: &mut S) -> Outcome {
        match self.receive_datagram(packet, sink) {
            // Spelled out, the common ones are written afresh instead of copied.
            Ok(Outcome::Delivered) => Outcome::Delivered,
            Ok(Outcome::Forwarded) => Outcome::Forwarded,
            Ok(outcome) => outcome,
            Err(refusal) => self.refuse(packet, refusal, sink),
        }
    }

    #[inline(always)]
    fn receive_datagram<S: Sink>(&mut self, packet: &mut Packet, sink: &mut S) -> Result<Outcome, Refusal> {
        self.check_addressee(packet)?; // RFC 1122 §2.5
        self.count_received(packet);
        if let Err(reason) = self.validate(packet) {
            return Err(self.refuse_invalid(packet, reason)); // RFC 1812 §5.2.2
        }
        if self.run_hook(Hook::Prerouting, packet, sink)? == Passage::Ends {
            return Ok(Outcome::Stolen);
        }
        let sysctls = &self.config.sysctls;
        if sysctls.ip_early_demux != 0 && sysctls.tcp_early_demux != 0 {
            look_ahead(packet);
        }
        self.route_received(packet, sink)?; // RFC 1122 §3.2.1.3, RFC 1812 §5.3.7
        if packet.header_len() > 20 {
            self.receive_options(packet, sink)?; // RFC 1122 §3.2.1.8
        }
        let Some(Route { kind, disposition, .. }) = packet.route else {
            return Err(DropReason::OutputNoRoute.into());
        };
        if self.config.departures.extended_echo_asks_neighbors {
            self.hear_neighbor(packet); // RFC 8335 §4
        }
        self.check_link_multicast(packet, kind)?; // RFC 1122 §3.3.6
        match disposition {
            Disposition::Deliver | Disposition::Output => self.deliver_local(packet, sink),
            Disposition::Forward => {
                if kind == RouteKind::Broadcast {
                    self.deliver_before_forwarding(packet, sink); // RFC 1812 §5.2.3
                }
                self.forward(packet, sink)
            }
            Disposition::Refuse(error) => Ok(self.refuse_by_route(packet, error, sink)),
        }
    }

    /// RFC 1122 §2.5: what is addressed to another station is not for this one, and no counter of IP sees it.
    #[inline]
    fn check_addressee(&self, packet: &Packet) -> Result<(), DropReason> {
        match packet.link {
            PacketLink::Frame(LinkClass::Otherhost) => Err(DropReason::OtherHost),
            _ => Ok(()),
        }
    }

    #[inline]
    fn count_received(&mut self, packet: &Packet) {
        self.counters.bump(Counter::IpInReceives);
        self.counters.add(Counter::IpExtInOctets, packet.octets.len() as u64);
    }

    /// Whether it is an IPv4 datagram, all of it there; padding is cut off. RFC 1122 §3.2.1.1, §3.2.1.2.
    #[inline]
    fn validate(&mut self, packet: &mut Packet) -> Result<(), DropReason> {
        let octets = &mut packet.octets;
        let Some((fixed, rest)) = octets.split_first_chunk::<20>() else {
            return Err(DropReason::HeaderTruncated);
        };
        if fixed[0] >> 4 != 4 {
            return Err(DropReason::WrongVersion);
        }
        let header_len = usize::from(fixed[0] & 0x0f) * 4;
        if header_len < 20 {
            return Err(DropReason::HeaderLengthBelowMinimum);
        }
        self.counters.bump(ecn_counter(fixed[1]));
        let Some(options) = rest.get(..header_len - 20) else {
            return Err(DropReason::HeaderBeyondDatagram);
        };
        if !checksum::is_header_intact(fixed, options) {
            return Err(DropReason::HeaderChecksumWrong);
        }
        let total_length = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
        if octets.len() < total_length {
            return Err(DropReason::DatagramTruncated);
        }
        if total_length < header_len {
            return Err(DropReason::TotalLengthBelowHeader);
        }
        octets.truncate(total_length);
        Ok(())
    }

    /// What becomes of a datagram whose header is wrong: none is answered but a truncated one, by a router.
    #[cold]
    fn refuse_invalid(&self, packet: &mut Packet, reason: DropReason) -> Refusal {
        let is_told = self.config.departures.truncation_is_pointed_at && self.forwards_from(packet);
        if reason != DropReason::DatagramTruncated || !is_told {
            return reason.into();
        }
        packet.route = self.router.route_input(&self.input_query(packet, packet.destination())).ok();
        Refusal::with(reason, Notice::parameter_problem(TOTAL_LENGTH_OFFSET))
    }

    /// Remembers a source that is on the link, if anybody may ask about it.
    fn hear_neighbor(&mut self, packet: &Packet) {
        let source = packet.source();
        let is_neighbor = self
            .incoming_device(packet)
            .is_some_and(|device| !device.is_loopback() && device.is_on_link(source, None));
        if self.config.sysctls.icmp_echo_enable_probe != 0 && is_neighbor {
            self.neighbors.hear(source, self.now);
        }
    }

    /// RFC 1812 §5.2.3: a directed broadcast for another link is for this system as well.
    fn deliver_before_forwarding<S: Sink>(&mut self, packet: &Packet, sink: &mut S) {
        if !self.config.departures.directed_broadcast_is_delivered_too {
            return;
        }
        let mut copy = packet.clone();
        if let Some(route) = &mut copy.route {
            route.disposition = Disposition::Deliver;
        }
        if let Err(refusal) = self.deliver_local(&mut copy, sink) {
            self.refuse(&copy, refusal, sink);
        }
    }

    /// Finds the way; what this system sent to itself has it already.
    #[inline(always)]
    fn route_received<S: Sink>(&mut self, packet: &mut Packet, sink: &mut S) -> Result<(), DropReason> {
        if packet.route.is_some() {
            return Ok(());
        }
        if let Some(way) = self.way_to_connected(packet) {
            packet.route = Some(way);
            self.log(sink, "route", "", || Detail::Text("as before"));
            return Ok(());
        }
        let query = self.input_query(packet, packet.destination());
        let route = packet.route.insert(Route::DELIVERY);
        if let Err(reason) = self.router.route_input_into(&query, route) {
            packet.route = None;
            return Err(reason);
        }
        let text = route_text(route);
        self.log(sink, "route", "RFC 1812 §5.2.4", || Detail::Text(text));
        Ok(())
    }

    /// The question to the router about `packet` if it went to `destination`.
    #[inline]
    pub(crate) fn input_query(&self, packet: &Packet, destination: Ipv4Addr) -> InputQuery {
        InputQuery {
            source: packet.source(),
            destination,
            protocol: packet.protocol(),
            incoming: packet.incoming.unwrap_or(InterfaceId::LOOPBACK),
            now: self.now,
        }
    }

    /// Counts multicasts and broadcasts; unicast must not come in a link-layer multicast where that is forbidden.
    #[inline]
    fn check_link_multicast(&mut self, packet: &Packet, kind: RouteKind) -> Result<(), DropReason> {
        let len = packet.octets.len() as u64;
        match kind {
            RouteKind::Multicast => {
                self.counters.bump(Counter::IpExtInMcastPkts);
                self.counters.add(Counter::IpExtInMcastOctets, len);
                return Ok(());
            }
            RouteKind::Broadcast => {
                self.counters.bump(Counter::IpExtInBcastPkts);
                self.counters.add(Counter::IpExtInBcastOctets, len);
                return Ok(());
            }
            _ => {}
        }
        let PacketLink::Frame(LinkClass::Broadcast | LinkClass::Multicast) = packet.link else {
            return Ok(());
        };
        let refuses = self.config.departures.unicast_in_link_multicast_is_dropped
            || self.incoming_device(packet).is_some_and(|device| device.policy.drop_unicast_in_l2_multicast);
        if refuses { Err(DropReason::UnicastInLinkMulticast) } else { Ok(()) }
    }

    /// Discards what the route refuses; a router tells the source, within limits. RFC 1812 §5.2.7.1, §4.3.2.8.
    fn refuse_by_route<S: Sink>(&mut self, packet: &Packet, error: RouteError, sink: &mut S) -> Outcome {
        let forwards = self.incoming_device(packet).is_some_and(|device| device.policy.forwarding);
        if self.config.departures.ttl_goes_before_routing && forwards && packet.ttl() <= 1 {
            return self.refuse(packet, Refusal::with(DropReason::TtlExceeded, Notice::TTL_EXCEEDED), sink);
        }
        let (reason, notice) = match error {
            _ if !forwards => (DropReason::NotForUs, None),
            RouteError::Unreachable => (DropReason::NoRoute, Some(Notice::unreachable(0))),
            RouteError::HostUnreachable => (DropReason::RouteUnreachable, Some(Notice::unreachable(1))),
            RouteError::Prohibited => (DropReason::RouteProhibited, Some(Notice::unreachable(13))),
            RouteError::Blackhole | RouteError::Invalid => (DropReason::RouteBlackhole, None),
        };
        if let Some(due) = notice
            && !self.error_route_allows(packet.source())
        {
            self.log(sink, Withheld::ErrorRouteLimit.name(), Withheld::ErrorRouteLimit.clause(), || {
                Detail::None
            });
            return self.discard(packet, reason, NoticeFate::Withheld(due, Withheld::ErrorRouteLimit), sink);
        }
        self.refuse(packet, Refusal { reason, notice, errno: None }, sink)
    }

    /// Discards `packet`: tells its source what is due, then counts.
    pub(crate) fn refuse<S: Sink>(&mut self, packet: &Packet, refusal: Refusal, sink: &mut S) -> Outcome {
        let fate = self.notify(packet, refusal.notice, sink);
        self.discard(packet, refusal.reason, fate, sink)
    }

    /// Sends the source of `packet` what is due, unless a rule forbids it.
    pub(crate) fn notify<S: Sink>(
        &mut self,
        packet: &Packet,
        due: Option<Notice>,
        sink: &mut S,
    ) -> NoticeFate {
        let Some(notice) = due else { return NoticeFate::NotDue };
        match self.send_error(packet, notice, sink) {
            Ok(()) => NoticeFate::Sent(notice),
            Err(rule) => {
                let detail = Detail::Icmp { icmp_type: notice.icmp_type, code: notice.code };
                self.log(sink, rule.name(), rule.clause(), || detail);
                NoticeFate::Withheld(notice, rule)
            }
        }
    }

    fn discard<S: Sink>(
        &mut self,
        packet: &Packet,
        reason: DropReason,
        notice: NoticeFate,
        sink: &mut S,
    ) -> Outcome {
        self.count_drop(reason);
        self.log(sink, reason.name(), reason.clause(), || Detail::Text(reason.text()));
        sink.discard(reason, &packet.octets);
        Outcome::Dropped { reason, notice }
    }

    /// Loops what waits in the backlog through the stack until nothing is left.
    pub(crate) fn drain_backlog<S: Sink>(&mut self, sink: &mut S) {
        while let Some(mut packet) = self.backlog.pop_front() {
            self.process(&mut packet, sink);
            self.recycle(mem::take(&mut packet.octets));
        }
    }
}

/// RFC 3168 §5: the counter of an ECN codepoint.
const fn ecn_counter(tos: u8) -> Counter {
    match tos & 3 {
        0 => Counter::IpExtInNoECTPkts,
        1 => Counter::IpExtInECT1Pkts,
        2 => Counter::IpExtInECT0Pkts,
        _ => Counter::IpExtInCEPkts,
    }
}

const fn route_text(route: &Route) -> &'static str {
    match (route.disposition, route.kind) {
        (Disposition::Refuse(RouteError::Unreachable), _) => "no route",
        (Disposition::Refuse(_), _) => "refused",
        (Disposition::Forward, _) => "forward",
        (_, RouteKind::Broadcast) => "deliver broadcast",
        (_, RouteKind::Multicast) => "deliver multicast",
        _ => "deliver",
    }
}

/// Looks at the transport header before routing, as Linux does to find a connection of its own early: a TCP header that
/// is spread over fragments is drawn together, so that they cannot go on as they came.
fn look_ahead(packet: &mut Packet) {
    const TCP_HEADER: usize = 20;
    let is_for_this_station = matches!(packet.link, PacketLink::Frame(LinkClass::Host));
    if !is_for_this_station || packet.protocol() != u8::from(Protocol::Tcp) {
        return;
    }
    let payload_len = packet.payload().len();
    let Some(reassembled) = &mut packet.reassembled else { return };
    let is_spread = reassembled.layout.first().is_some_and(|first| usize::from(*first) < TCP_HEADER);
    if is_spread && payload_len >= TCP_HEADER {
        reassembled.layout.clear();
    }
}
