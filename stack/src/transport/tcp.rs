//! TCP as far as it must be for its resets and its errors to be seen. RFC 9293.

use core::net::SocketAddrV4;

use crate::counters::Counter;
use crate::drop_reason::DropReason;
use crate::ip::output::{HeaderChoice, IdentificationChoice};
use crate::ip::route::OutputRoute;
use crate::outcome::{Outcome, Refusal};
use crate::packet::Packet;
use crate::sink::Sink;
use crate::stack::Stack;
use crate::wire::Protocol;
use crate::wire::ipv4::HEADER_LEN;
use crate::wire::tcp::{self, ACK, RST, TcpError, TcpHeader, TcpView};

/// The two bits of TOS that belong to ECN. RFC 3168 §5.
const ECN_MASK: u8 = 0x03;

/// The kind of an option that signs a segment, and its length. RFC 2385 §3.0.
const SIGNATURE: (u8, usize) = (19, 18);

/// Whether a segment with these options may be answered by a reset. A signed segment wants a signed answer, for which
/// there is no key; nor is one answered whose list is unsound where a signature could still come. RFC 2385 §4.1.
fn may_be_reset(options: &[u8]) -> bool {
    let mut left = options;
    while left.len() >= SIGNATURE.1 {
        match *left {
            [] | [0, ..] => return true,
            [1, ref rest @ ..] => left = rest,
            [kind, len, ..] if len >= 2 && kind != SIGNATURE.0 => {
                let Some(rest) = left.get(usize::from(len)..) else { return false };
                left = rest;
            }
            _ => return false,
        }
    }
    true
}

impl Stack {
    /// Takes in a TCP segment.
    pub(crate) fn input_tcp<S: Sink>(
        &mut self,
        packet: &mut Packet,
        sink: &mut S,
    ) -> Result<Outcome, Refusal> {
        if !packet.link.is_host() {
            return Err(DropReason::TcpInLinkMulticast.into());
        }
        self.counters.bump(Counter::TcpInSegs);
        let packet = &*packet;
        let segment = TcpView::new(packet.payload()).map_err(|error| match error {
            TcpError::Truncated { .. } => DropReason::TcpHeaderTruncated,
            TcpError::HeaderTruncated { .. } => DropReason::TcpHeaderBeyondSegment,
            TcpError::DataOffset { .. } => DropReason::TcpHeaderLengthInvalid,
        })?;
        if !segment.is_checksum_valid(packet.source(), packet.destination()) {
            return Err(DropReason::TcpChecksumWrong.into());
        }
        let local = SocketAddrV4::new(packet.destination(), segment.destination_port());
        let remote = SocketAddrV4::new(packet.source(), segment.source_port());
        let is_unicast = packet.route.is_some_and(|route| route.is_unicast());
        if is_unicast && let Some(outcome) = self.deliver_tcp(local, remote, &segment, sink) {
            return outcome.map_err(Refusal::from);
        }
        if is_unicast && !segment.has(RST) && may_be_reset(segment.options()) {
            self.reset(packet, &segment, sink);
        }
        Err(DropReason::TcpNoSocket.into())
    }

    /// Answers a segment that belongs to no connection. RFC 9293 §3.10.7.1.
    fn reset<S: Sink>(&mut self, packet: &Packet, segment: &TcpView<'_>, sink: &mut S) {
        self.counters.bump(Counter::TcpOutRsts);
        self.counters.bump(Counter::TcpOutSegs);
        let (sequence_number, acknowledgment_number, flags) = if segment.has(ACK) {
            (segment.acknowledgment_number(), 0, RST)
        } else {
            (0, segment.sequence_number().wrapping_add(segment.segment_len()), RST | ACK)
        };
        let header = TcpHeader {
            source_port: segment.destination_port(),
            destination_port: segment.source_port(),
            sequence_number,
            acknowledgment_number,
            flags,
            ..TcpHeader::default()
        };
        let Ok(mut options) = self.echo_options(packet) else { return };
        let destination = options.first_hop().unwrap_or(packet.source());
        let Ok(way) = self.router.route_output(destination, packet.destination(), self.now) else { return };
        let len = HEADER_LEN + options.len() + tcp::HEADER_LEN;
        if u32::try_from(len).unwrap_or(u32::MAX) > way.route.mtu() {
            return;
        }
        options.complete(way.source, packet.source(), self.midnight_ms);
        let choice = HeaderChoice {
            protocol: Protocol::Tcp,
            tos: packet.tos() & !ECN_MASK,
            ttl: None,
            dont_fragment: true,
            identification: IdentificationChoice::Given(0),
        };
        let mut reply = self.make_packet(&way, &choice, &options, tcp::HEADER_LEN);
        // The checksum covers the final destination, not the first hop of a source route.
        append_segment(&mut reply, &OutputRoute { destination: packet.source(), ..way }, &header, &[], &[]);
        let _ = self.output_own(reply, sink);
    }
}

/// Appends a segment with its checksum to a packet that has only a header; `options` is a multiple of 4 octets.
pub(crate) fn append_segment(
    packet: &mut Packet,
    way: &OutputRoute,
    header: &TcpHeader,
    options: &[u8],
    data: &[u8],
) {
    let start = packet.octets.len();
    let data_offset = (tcp::HEADER_LEN + options.len()) / 4;
    let header = TcpHeader { data_offset: data_offset as u8, checksum: 0, ..*header };
    packet.octets.extend_from_slice(&header.octets());
    packet.octets.extend_from_slice(options);
    packet.octets.extend_from_slice(data);
    if let Some(segment) = packet.octets.get_mut(start..) {
        let sum = tcp::checksum(way.source, way.destination, segment);
        if let Some(place) = segment.get_mut(16..18) {
            place.copy_from_slice(&sum.to_be_bytes());
        }
    }
}
