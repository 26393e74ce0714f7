//! Output: hooks, loop-back of broadcasts, fragmentation, the link. RFC 1122 §3.3.1.

use core::mem;
use core::net::Ipv4Addr;

use crate::config::RouteKind;
use crate::counters::Counter;
use crate::decision::Detail;
use crate::drop_reason::DropReason;
use crate::hook::Hook;
use crate::interface::{InterfaceId, LinkClass};
use crate::ip::fragmentation::{Cuts, Fragments, are_reusable};
use crate::ip::options::{EchoedOptions, OptionRecord, blank_for_later_fragments};
use crate::ip::route::{Disposition, OutputRoute, Route};
use crate::outcome::{Notice, Refusal};
use crate::packet::{Packet, PacketLink};
use crate::sink::{LinkDestination, Sink};
use crate::stack::{Passage, Stack};
use crate::wire::ipv4::HEADER_LEN;
use crate::wire::{Ipv4Header, Ipv4View, Protocol, Sum};

/// What a datagram made here says in its header besides addresses and lengths.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeaderChoice {
    pub(crate) protocol: Protocol,
    pub(crate) tos: u8,
    /// TTL; that of the route if not given.
    pub(crate) ttl: Option<u8>,
    pub(crate) dont_fragment: bool,
    pub(crate) identification: IdentificationChoice,
}

/// Where the identification comes from. RFC 6864 §4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdentificationChoice {
    /// From the generator for addresses and protocol.
    Hashed,
    /// This one.
    Given(u16),
}

/// Whether this system is told when a filter rejects what it sends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Complaint {
    Heard,
    Withheld,
}

impl Stack {
    /// A packet with a header for `route` and room for `payload_len` octets behind it, which the caller appends.
    #[inline(always)]
    pub(crate) fn make_packet(
        &mut self,
        way: &OutputRoute,
        choice: &HeaderChoice,
        options: &EchoedOptions,
        payload_len: usize,
    ) -> Packet {
        let identification = match choice.identification {
            IdentificationChoice::Given(identification) => identification,
            IdentificationChoice::Hashed => self.next_identification(way, choice),
        };
        let header = Ipv4Header {
            tos: choice.tos,
            total_length: u16::try_from(HEADER_LEN + options.len() + payload_len).unwrap_or(u16::MAX),
            identification,
            dont_fragment: choice.dont_fragment,
            ttl: choice.ttl.unwrap_or_else(|| self.ttl_for(&way.route)),
            protocol: choice.protocol,
            source: way.source,
            destination: way.destination,
            ..Ipv4Header::default()
        };
        let mut octets = self.take_buffer();
        octets.extend_from_slice(&with_options(header.fixed(), options.octets()));
        octets.extend_from_slice(options.octets());
        let (route, link, options) = (Some(way.route), PacketLink::Made, options.record());
        Packet { octets, route, link, options, ..Packet::default() }
    }

    #[inline]
    fn next_identification(&mut self, way: &OutputRoute, choice: &HeaderChoice) -> u16 {
        if choice.dont_fragment && self.config.departures.atomic_identification_is_free {
            return 0;
        }
        let random = &mut self.random;
        self.identifications
            .next(self.now, way.destination, way.source, choice.protocol, |below| random.below(below))
    }

    /// TTL of datagrams that have no other wish. RFC 1122 §3.2.1.7, §4.1.4.
    #[inline]
    pub(crate) fn ttl_for(&self, route: &Route) -> u8 {
        if route.kind == RouteKind::Multicast {
            return 1;
        }
        route.hoplimit.unwrap_or_else(|| u8::try_from(self.config.sysctls.ip_default_ttl).unwrap_or(64))
    }

    /// Sends a datagram that a socket without connection or a reset brought forth. That it is refused is counted.
    /// RFC 4293 §5.
    #[inline]
    pub(crate) fn output_own<S: Sink>(&mut self, packet: Packet, sink: &mut S) -> Result<(), Refusal> {
        let result = self.output_made(packet, Complaint::Heard, sink);
        self.count_refused(result);
        result
    }

    /// Sends a message of ICMP itself, which while it sends one does not complain about it.
    #[inline]
    pub(crate) fn output_icmp<S: Sink>(&mut self, packet: Packet, sink: &mut S) -> Result<(), Refusal> {
        let result = self.output_made(packet, Complaint::Withheld, sink);
        self.count_refused(result);
        result
    }

    /// Sends a datagram of a TCP connection or of IGMP, whose discards Linux does not count.
    #[inline]
    pub(crate) fn output_uncounted<S: Sink>(&mut self, packet: Packet, sink: &mut S) -> Result<(), Refusal> {
        self.output_made(packet, Complaint::Heard, sink)
    }

    #[inline]
    fn count_refused(&mut self, result: Result<(), Refusal>) {
        if result.is_err_and(|refusal| refusal.of_sending().is_err()) {
            self.counters.bump(Counter::IpOutDiscards);
        }
    }

    #[inline]
    fn output_made<S: Sink>(
        &mut self,
        packet: Packet,
        complaint: Complaint,
        sink: &mut S,
    ) -> Result<(), Refusal> {
        self.counters.bump(Counter::IpOutRequests);
        self.output_complete(packet, complaint, sink)
    }

    fn output_complete<S: Sink>(
        &mut self,
        mut packet: Packet,
        complaint: Complaint,
        sink: &mut S,
    ) -> Result<(), Refusal> {
        let result = self.output_own_packet(&mut packet, sink);
        if let Err(refusal) = result {
            let is_told =
                matches!(refusal.reason, DropReason::FilterDropped | DropReason::OutputFragmentationNeeded);
            if complaint == Complaint::Heard && is_told {
                self.notify(&packet, refusal.notice, sink);
            }
            self.count_drop(refusal.reason);
            self.log(sink, refusal.reason.name(), refusal.reason.clause(), || Detail::None);
            sink.discard(refusal.reason, &packet.octets);
        }
        self.recycle(packet.octets);
        result
    }

    /// Sends a datagram whose header a socket made; not counted as a request of ours.
    pub(crate) fn output_prepared<S: Sink>(&mut self, packet: Packet, sink: &mut S) -> Result<(), Refusal> {
        let result = self.output_complete(packet, Complaint::Heard, sink);
        self.count_refused(result);
        result
    }

    #[inline]
    fn output_own_packet<S: Sink>(&mut self, packet: &mut Packet, sink: &mut S) -> Result<(), Refusal> {
        let made_for = packet.route;
        let passage = self.run_hook(Hook::LocalOut, packet, sink);
        // The filter, which comes after translation, sees the datagram on its new way.
        let is_translated = match passage {
            Ok(passage) => passage == Passage::GoesOn,
            Err(refusal) => refusal.reason == DropReason::FilterDropped,
        };
        if is_translated && self.hooks.sends_elsewhere(packet) {
            self.route_again(packet)?;
            packet.made_for_mtu = made_for.map(|route| self.mtu_for(packet, &route));
        }
        if passage? == Passage::Ends {
            return Ok(());
        }
        self.output(packet, sink)
    }

    /// Finds the way of a datagram of ours that translation sends elsewhere.
    fn route_again(&mut self, packet: &mut Packet) -> Result<(), Refusal> {
        // What wears the address of another goes wherever the destination says; what keeps its own must be able to.
        let source = packet.source();
        let is_ours = self.router.kind_of(source) == RouteKind::Local;
        let source = if is_ours { source } else { Ipv4Addr::UNSPECIFIED };
        match self.router.route_output(packet.destination(), source, self.now) {
            Ok(way) => {
                packet.route = Some(way.route);
                Ok(())
            }
            Err(error) => Err(Refusal::told(DropReason::OutputNoRoute, error.errno())),
        }
    }

    /// Sends a datagram, forwarded or made here, whose header is complete and whose route is known.
    #[inline]
    pub(crate) fn output<S: Sink>(&mut self, packet: &mut Packet, sink: &mut S) -> Result<(), Refusal> {
        let Some(route) = packet.route else { return Err(DropReason::OutputNoRoute.into()) };
        if route.loops_back && !packet.no_loop_back {
            let mut copy = packet.clone();
            if self.is_to_be_cut(packet, &route) {
                // The kernel's copy shares the header, which is that of a later fragment by the time the copy is read;
                // nobody makes its checksum right again.
                blank_for_later_fragments(copy.options_mut());
            }
            if self.run_hook(Hook::Postrouting, &mut copy, sink) == Ok(Passage::GoesOn) {
                self.loop_back(copy, route, sink);
            }
        }
        // A group that nobody here has joined is no business of this system, so nobody looks at the TTL.
        if route.kind == RouteKind::Multicast && route.loops_back && packet.ttl() == 0 {
            // The copy has come back by the time it is seen that the datagram itself goes nowhere.
            self.drain_backlog(sink);
            return Err(DropReason::MulticastStaysHere.into());
        }
        if self.run_hook(Hook::Postrouting, packet, sink)? == Passage::Ends {
            return Ok(());
        }
        let mtu = self.mtu_for(packet, &route);
        if packet.octets.len() > mtu || packet.reassembled.is_some() {
            return self.fragment(packet, &route, mtu, sink);
        }
        self.hand_to_link(packet, &route, sink);
        Ok(())
    }

    /// Whether it is longer than may leave at once, and may be cut.
    fn is_to_be_cut(&self, packet: &Packet, route: &Route) -> bool {
        packet.octets.len() > self.mtu_for(packet, route) && (!packet.dont_fragment() || packet.ignore_df)
    }

    /// The largest datagram that goes out unfragmented.
    #[inline]
    fn mtu_for(&self, packet: &Packet, route: &Route) -> usize {
        let mtu = if route.disposition == Disposition::Forward {
            route.forward_mtu(self.config.sysctls.ip_forward_use_pmtu != 0)
        } else if packet.probes_mtu {
            route.device_mtu
        } else {
            route.mtu()
        };
        usize::try_from(mtu).unwrap_or(usize::MAX)
    }

    /// Cuts `packet` into pieces of at most `mtu` octets, or refuses because of DF. RFC 791 §3.2, RFC 1812 §4.2.2.7.
    fn fragment<S: Sink>(
        &mut self,
        packet: &mut Packet,
        route: &Route,
        mtu: usize,
        sink: &mut S,
    ) -> Result<(), Refusal> {
        let largest = packet.reassembled.as_ref().map_or(0, |whole| usize::from(whole.largest_fragment));
        if packet.dont_fragment() && (!packet.ignore_df || largest > mtu) {
            let notice = Notice::fragmentation_needed(u32::try_from(mtu).unwrap_or(u32::MAX));
            return Err(Refusal::with(DropReason::OutputFragmentationNeeded, notice));
        }
        // A datagram that was too long already where it was to go at first was cut for that way.
        let mtu = packet.made_for_mtu.map_or(mtu, |first| first.min(mtu));
        self.send_fragments(packet, route, mtu, sink);
        Ok(())
    }

    /// Cuts a datagram up, at its old cuts if it came in fragments that still fit.
    fn send_fragments<S: Sink>(&mut self, packet: &Packet, route: &Route, mtu: usize, sink: &mut S) {
        let Ok(datagram) = Ipv4View::of_any_version(&packet.octets) else { return };
        let whole = packet.reassembled.as_deref();
        let mtu = whole.map_or(mtu, |whole| mtu.min(usize::from(whole.largest_fragment)));
        let layout = whole.map_or(&[][..], |whole| &whole.layout);
        let is_reusable = are_reusable(layout, datagram.header_len(), datagram.payload().len(), mtu);
        let cuts = if is_reusable { Cuts::Original(layout) } else { Cuts::Filled { mtu } };
        // What is cut anew keeps the DF that its largest fragment had; what leaves as it came loses it.
        let keeps_df = !is_reusable && whole.is_some_and(|whole| whole.largest_had_df);
        let Ok(mut fragments) = Fragments::new(datagram, cuts, keeps_df) else {
            self.counters.bump(Counter::IpFragFails);
            return;
        };
        fragments = fragments.keep_reserved_flag(self.config.departures.reserved_flag_is_copied);
        let mut piece = Packet { octets: self.take_buffer(), link: packet.link, ..Packet::default() };
        let mut scratch = self.take_buffer();
        scratch.resize(fragments.max_len(), 0);
        while let Some(fragment) = fragments.next_into(&mut scratch) {
            piece.octets.clear();
            piece.octets.extend_from_slice(fragment);
            piece.conntrack = packet.conntrack;
            piece.zone = packet.zone;
            self.counters.bump(Counter::IpFragCreates);
            self.hand_to_link(&mut piece, route, sink);
        }
        self.counters.bump(Counter::IpFragOKs);
        self.recycle(scratch);
        self.recycle(piece.octets);
    }

    /// Gives a datagram that fits to its link, or to this system itself.
    #[inline]
    fn hand_to_link<S: Sink>(&mut self, packet: &mut Packet, route: &Route, sink: &mut S) {
        let len = packet.octets.len() as u64;
        self.counters.bump(Counter::IpOutTransmits);
        self.counters.add(Counter::IpExtOutOctets, len);
        let destination = match route.kind {
            RouteKind::Broadcast => {
                self.counters.bump(Counter::IpExtOutBcastPkts);
                self.counters.add(Counter::IpExtOutBcastOctets, len);
                self.station_or(LinkDestination::Broadcast, packet, route)
            }
            RouteKind::Multicast => {
                self.counters.bump(Counter::IpExtOutMcastPkts);
                self.counters.add(Counter::IpExtOutMcastOctets, len);
                self.station_or(LinkDestination::Multicast(packet.destination()), packet, route)
            }
            _ => LinkDestination::Station(route.next_hop(packet.destination())),
        };
        if route.outgoing == InterfaceId::LOOPBACK {
            let mut inward = mem::take(packet);
            inward.link = PacketLink::Frame(LinkClass::Host);
            return self.come_back(inward, *route, InterfaceId::LOOPBACK, sink);
        }
        self.log(sink, "transmit", "", || Detail::Number(u32::from(route.outgoing.0)));
        sink.transmit(route.outgoing, destination, &packet.octets);
    }

    /// Where the link takes what was routed to a group: to the group, unless translation has put a station in its place.
    fn station_or(&self, group: LinkDestination, packet: &Packet, route: &Route) -> LinkDestination {
        match self.router.kind_of(packet.destination()) {
            RouteKind::Broadcast | RouteKind::Multicast => group,
            _ => LinkDestination::Station(route.next_hop(packet.destination())),
        }
    }

    /// A broadcast or multicast of ours comes back by the interface it leaves by. RFC 1112 §6.1.
    fn loop_back<S: Sink>(&mut self, mut copy: Packet, route: Route, sink: &mut S) {
        copy.link = PacketLink::LoopedBack;
        self.come_back(copy, route, route.outgoing, sink);
    }

    /// Puts a datagram of ours at the end of the backlog.
    fn come_back<S: Sink>(&mut self, mut packet: Packet, route: Route, incoming: InterfaceId, sink: &mut S) {
        if self.backlog.len() >= self.config.bounds.backlog {
            sink.discard(DropReason::BacklogFull, &packet.octets);
            return self.recycle(packet.octets);
        }
        packet.incoming = Some(incoming);
        packet.route = Some(Route { disposition: Disposition::Deliver, ..route });
        packet.options = OptionRecord::default();
        packet.reassembled = None;
        self.backlog.push_back(packet);
    }
}

/// The fixed part of a header over `options`, a multiple of 4 octets and at most 40: with their length, and with the
/// checksum of both.
#[inline]
fn with_options(mut fixed: [u8; HEADER_LEN], options: &[u8]) -> [u8; HEADER_LEN] {
    fixed[0] = 0x40 | ((HEADER_LEN + options.len()) / 4) as u8;
    let mut sum = Sum::of_header(&fixed);
    if !options.is_empty() {
        sum = sum + Sum::of(options);
    }
    [fixed[10], fixed[11]] = sum.checksum().to_be_bytes();
    fixed
}
