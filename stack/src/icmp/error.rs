//! ICMP errors: the rules that forbid them, in order, then what they say. RFC 1122 §3.2.2, RFC 1812 §4.3.2.

use core::net::Ipv4Addr;

use super::limited::Limited;
use super::reply::append_message;
use crate::config::{RouteKind, Scope};
use crate::decision::Detail;
use crate::interface::InterfaceId;
use crate::ip::options::EchoedOptions;
use crate::ip::output::{HeaderChoice, IdentificationChoice};
use crate::ip::route::OutputRoute;
use crate::outcome::{Notice, Withheld};
use crate::packet::Packet;
use crate::sink::Sink;
use crate::stack::Stack;
use crate::wire::Protocol;

/// Octets that an error does not exceed, header included. RFC 1812 §4.3.2.3.
const MAX_ERROR_LEN: usize = 576;
/// Octets of a header without options.
const HEADER_LEN: usize = 20;
/// Octets of an ICMP header.
const ICMP_HEADER_LEN: usize = 8;
/// Precedence of errors: internetwork control. RFC 1812 §4.3.2.5.
const INTERNETWORK_CONTROL: u8 = 0xc0;
/// Source of an error where this system has no address at all. RFC 7600 §4.8.
const DUMMY_SOURCE: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 8);

impl Stack {
    /// Sends `notice` to the source of `packet`.
    ///
    /// # Errors
    /// The first rule that forbids it.
    pub(crate) fn send_error<S: Sink>(
        &mut self,
        packet: &Packet,
        notice: Notice,
        sink: &mut S,
    ) -> Result<(), Withheld> {
        self.check_offender(packet, notice)?;
        let limited = if packet.incoming == Some(InterfaceId::LOOPBACK) {
            Limited::No
        } else {
            self.admit_globally(notice.icmp_type, notice.code)?
        };
        let mut options = EchoedOptions::EMPTY;
        if packet.header_len() > HEADER_LEN {
            options = self.echo_options(packet)?;
        }
        let mut way = OutputRoute::NOWHERE;
        self.way_back(packet, &options, &mut way)?;
        self.admit_to_host(limited, &way)?;
        let offender = packet.original.as_deref().unwrap_or(&packet.octets);
        let quoted = quoted_len(offender, &way, &options)?;
        options.complete(way.source, packet.source(), self.midnight_ms);
        let mut error =
            self.make_packet(&way, &self.error_header(packet), &options, ICMP_HEADER_LEN + quoted);
        let [a, b, c, d] = notice.word.to_be_bytes();
        let header = [notice.icmp_type, notice.code, 0, 0, a, b, c, d];
        append_message(&mut error, header, offender.get(..quoted).unwrap_or_default());
        error.conntrack = self.hooks.attachment_of_error(packet);
        self.count_icmp_out(notice.icmp_type);
        let detail = Detail::Icmp { icmp_type: notice.icmp_type, code: notice.code };
        self.log(sink, "error", "RFC 1122 §3.2.2", || detail);
        self.output_icmp(error, sink).map_err(|_| Withheld::Filtered)
    }

    /// What the offending datagram must be like for an error about it. RFC 1122 §3.2.2 (MUST NOT).
    fn check_offender(&self, packet: &Packet, notice: Notice) -> Result<(), Withheld> {
        let route = packet.route.ok_or(Withheld::NotRouted)?;
        if !packet.link.is_host() {
            return Err(Withheld::LinkMulticast);
        }
        let is_group = matches!(route.kind, RouteKind::Broadcast | RouteKind::Multicast);
        if !route.is_unicast() || (is_group && self.config.departures.directed_broadcast_draws_no_error) {
            return Err(Withheld::ToBroadcast);
        }
        if packet.has_offset() {
            return Err(Withheld::LaterFragment);
        }
        if is_error(notice.icmp_type) && is_about_error(packet) {
            return Err(Withheld::AboutError);
        }
        if self.config.departures.no_error_to_broadcast
            && !matches!(self.router.kind_of(packet.source()), RouteKind::Unicast | RouteKind::Local)
        {
            return Err(Withheld::FromBroadcast);
        }
        Ok(())
    }

    /// The way to the source of `packet`, and the address to send from. RFC 1812 §4.3.2.4.
    fn way_back(
        &self,
        packet: &Packet,
        options: &EchoedOptions,
        way: &mut OutputRoute,
    ) -> Result<(), Withheld> {
        let destination = options.first_hop().unwrap_or(packet.source());
        let uses_inbound = self.config.sysctls.icmp_errors_use_inbound_ifaddr != 0;
        let source = match (packet.route, packet.incoming) {
            (Some(route), _) if route.kind == RouteKind::Local => packet.destination(),
            (_, Some(incoming)) if uses_inbound => {
                self.router.select_source(incoming, Some(packet.source()), Scope::Link)
            }
            _ => Ipv4Addr::UNSPECIFIED,
        };
        self.router.route_output_into(destination, source, self.now, way).map_err(|_| Withheld::NoWayBack)?;
        if way.source.is_unspecified() {
            way.source = DUMMY_SOURCE;
        }
        Ok(())
    }

    fn error_header(&self, packet: &Packet) -> HeaderChoice {
        let kept = if self.config.departures.error_is_not_ect { 0x1c } else { 0x1e };
        HeaderChoice {
            protocol: Protocol::Icmp,
            tos: packet.tos() & kept | INTERNETWORK_CONTROL,
            ttl: None,
            dont_fragment: false,
            identification: IdentificationChoice::Hashed,
        }
    }
}

/// How many octets of the datagram at fault the error quotes. RFC 1812 §4.3.2.3.
fn quoted_len(offender: &[u8], way: &OutputRoute, options: &EchoedOptions) -> Result<usize, Withheld> {
    let widest = usize::try_from(way.route.mtu()).unwrap_or(MAX_ERROR_LEN).min(MAX_ERROR_LEN);
    let room = widest.saturating_sub(HEADER_LEN + options.len() + ICMP_HEADER_LEN);
    if room <= HEADER_LEN { Err(Withheld::NoRoomToQuote) } else { Ok(room.min(offender.len())) }
}

/// Whether messages of this type report an error.
const fn is_error(icmp_type: u8) -> bool {
    matches!(icmp_type, 3 | 4 | 5 | 11 | 12)
}

/// Whether `packet` is ICMP of a type about which no error is due: errors, router discovery, and what is unknown.
fn is_about_error(packet: &Packet) -> bool {
    if packet.protocol() != u8::from(Protocol::Icmp) {
        return false;
    }
    match packet.payload().first() {
        Some(icmp_type) => !matches!(icmp_type, 0 | 8 | 13..=18),
        None => true,
    }
}
