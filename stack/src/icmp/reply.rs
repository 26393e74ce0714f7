//! Replies to ICMP queries: addresses, options and limits. RFC 1122 §3.2.2.6.

use core::net::Ipv4Addr;

use crate::counters::Counter;
use crate::decision::Detail;
use crate::ip::options::{self, EchoedOptions};
use crate::ip::output::{HeaderChoice, IdentificationChoice};
use crate::ip::reassembly::tun_truesize;
use crate::ip::route::OutputRoute;
use crate::ip::source_route::OptionsAsk;
use crate::outcome::Withheld;
use crate::packet::Packet;
use crate::sink::Sink;
use crate::stack::Stack;
use crate::wire::ipv4::HEADER_LEN;
use crate::wire::{Protocol, Sum};

/// Type of an echo reply, under which Linux counts every reply.
const ECHO_REPLY: u8 = 0;
/// Type of a timestamp reply.
const TIMESTAMP_REPLY: u8 = 14;
/// Octets of an ICMP header.
const ICMP_HEADER_LEN: usize = 8;

/// Type of an extended echo reply.
pub(super) const EXTENDED_ECHO_REPLY: u8 = 43;

/// A reply to an ICMP query, without its checksum.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reply<'a> {
    /// Type, code, checksum (ignored), and the word behind it.
    pub(super) header: [u8; 8],
    /// What follows the header.
    pub(super) body: &'a [u8],
    /// The sum of the body, where it is known.
    pub(super) body_sum: Option<Sum>,
}

impl Stack {
    /// Sends `reply` to the source of `query`, unless a rule withholds it.
    #[inline]
    pub(super) fn send_reply<S: Sink>(&mut self, query: &Packet, reply: &Reply<'_>, sink: &mut S) {
        if let Err(rule) = self.try_reply(query, reply, sink) {
            let [icmp_type, code, ..] = reply.header;
            self.log(sink, rule.name(), rule.clause(), || Detail::Icmp { icmp_type, code });
        }
    }

    #[inline(always)]
    fn try_reply<S: Sink>(
        &mut self,
        query: &Packet,
        reply: &Reply<'_>,
        sink: &mut S,
    ) -> Result<(), Withheld> {
        let [icmp_type, code, ..] = reply.header;
        let mut options = EchoedOptions::EMPTY;
        if query.header_len() > HEADER_LEN {
            options = self.echo_options(query)?;
        }
        let limited = self.admit_globally(icmp_type, code)?;
        let source = self.own_address_towards_source(query);
        let destination = options.first_hop().unwrap_or(query.source());
        let mut way = OutputRoute::NOWHERE;
        self.router
            .route_output_into(destination, source, self.now, &mut way)
            .map_err(|_| Withheld::NoWayBack)?;
        self.admit_to_host(limited, &way)?;
        if exceeds_send_buffer(way.route.mtu(), HEADER_LEN + options.len(), 8 + reply.body.len()) {
            self.counters.bump(Counter::IpOutDiscards);
            self.counters.bump(Counter::IcmpOutErrors);
            return Err(Withheld::NoBuffer);
        }
        options.complete(way.source, query.source(), self.midnight_ms);
        let is_fixed =
            icmp_type == EXTENDED_ECHO_REPLY && self.config.departures.extended_echo_reply_header_is_fixed;
        let choice = HeaderChoice {
            protocol: Protocol::Icmp,
            tos: if is_fixed { 0 } else { query.tos() },
            ttl: is_fixed.then_some(u8::MAX),
            dont_fragment: is_fixed,
            identification: IdentificationChoice::Hashed,
        };
        let mut packet = self.make_packet(&way, &choice, &options, 8 + reply.body.len());
        append_summed(&mut packet, reply.header, reply.body, reply.body_sum);
        if !self.config.departures.reply_of_zeros_is_summed {
            lose_sum_of_zeros(&mut packet);
        }
        if icmp_type == TIMESTAMP_REPLY && !self.config.departures.cut_timestamp_reply_keeps_times {
            lose_times_behind_cut(&mut packet, query, way.route.mtu());
        }
        let counted = if self.config.departures.error_type_is_counted { icmp_type } else { ECHO_REPLY };
        self.count_icmp_out(counted);
        self.log(sink, "reply", "RFC 1122 §3.2.2", || Detail::Icmp { icmp_type, code });
        let _ = self.output_icmp(packet, sink);
        Ok(())
    }

    /// The options of a reply to `query`. RFC 1122 §3.2.2.6.
    pub(crate) fn echo_options(&self, query: &Packet) -> Result<EchoedOptions, Withheld> {
        let header_len = query.header_len();
        if header_len <= HEADER_LEN {
            return Ok(EchoedOptions::EMPTY);
        }
        let ask = OptionsAsk {
            router: &self.router,
            recorded: Ipv4Addr::UNSPECIFIED,
            midnight_ms: self.midnight_ms,
        };
        options::echo(query.octets.get(..header_len).unwrap_or_default(), &query.options, &ask)
            .map_err(|_| Withheld::OptionsDoNotFit)
    }

    #[inline]
    pub(crate) fn count_icmp_out(&mut self, icmp_type: u8) {
        self.counters.bump(Counter::IcmpOutMsgs);
        self.counters.bump_icmp_out(icmp_type);
    }
}

/// Octets of memory that the pieces of one reply may take before the last one. Linux keeps them with the socket that
/// sends replies, whose buffer has room for two datagrams of 64 KiB and as much again.
const SEND_BUFFER: usize = 264_448;

/// Whether a reply has to be cut into more pieces than can wait for each other.
fn exceeds_send_buffer(mtu: u32, header_len: usize, message_len: usize) -> bool {
    let mtu = usize::try_from(mtu).unwrap_or(usize::MAX);
    if header_len + message_len <= mtu {
        return false;
    }
    let room = mtu.saturating_sub(header_len) & !7;
    let pieces = message_len.div_ceil(room.max(1));
    pieces.saturating_sub(1) * tun_truesize(header_len + room) > SEND_BUFFER
}

/// Puts what stands before the data of `query` in place of what of a timestamp reply does not fit into its first fragment
/// of at most `mtu` octets; the checksum goes on to cover the times as well.
///
/// Linux takes all of this reply for a header, which goes into the first fragment however little that holds, and fills the
/// next one from before the beginning of the data.
fn lose_times_behind_cut(reply: &mut Packet, query: &Packet, mtu: u32) {
    let mtu = usize::try_from(mtu).unwrap_or(usize::MAX);
    if reply.octets.len() <= mtu {
        return;
    }
    let header_len = reply.header_len();
    let cut = header_len + (mtu.saturating_sub(header_len) & !7);
    let data = query.header_len() + ICMP_HEADER_LEN;
    let Some((_, lost)) = reply.octets.split_at_mut_checked(cut) else { return };
    let Some(before) = data.checked_sub(lost.len()).and_then(|from| query.octets.get(from..data)) else {
        return;
    };
    lost.copy_from_slice(before);
    let covered = Sum::of(before);
    if let Some(field) = reply.octets.get_mut(header_len + 2..header_len + 4) {
        let others = Sum::of(field).rest_of_intact();
        field.copy_from_slice(&(others + covered).checksum().to_be_bytes());
    }
}

/// Makes the checksum of a message of zeros that zero of one's complement arithmetic that has no bits. Nothing else sums
/// up to the other zero.
fn lose_sum_of_zeros(packet: &mut Packet) {
    let header_len = packet.header_len();
    if let Some(sum) = packet.octets.get_mut(header_len + 2..header_len + 4)
        && *sum == [0xff, 0xff]
    {
        sum.fill(0);
    }
}

/// Appends an ICMP message with its checksum to a packet that has only a header.
pub(crate) fn append_message(packet: &mut Packet, header: [u8; 8], body: &[u8]) {
    append_summed(packet, header, body, None);
}

/// The same where the sum of the body may be known.
#[inline]
fn append_summed(packet: &mut Packet, mut header: [u8; 8], body: &[u8], body_sum: Option<Sum>) {
    header[2] = 0;
    header[3] = 0;
    let sum = Sum::of(&header) + body_sum.unwrap_or_else(|| Sum::of(body));
    [header[2], header[3]] = sum.checksum().to_be_bytes();
    packet.octets.reserve(header.len() + body.len());
    packet.octets.extend_from_slice(&header);
    packet.octets.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Linux: what of a timestamp reply lies behind the cut is what stands before the data of the request, and the
    /// checksum covers both.
    #[rstest]
    #[case::times_behind_the_cut(68, &[0, 0, 0, 0, 13, 0, 0, 0, 0, 0, 0, 1], 0xf1ff)]
    #[case::no_cut(80, &[7; 12], 0xff00)]
    fn cut_timestamp_reply(#[case] mtu: u32, #[case] behind: &[u8], #[case] checksum: u16) {
        let mut header = [0; 60];
        header[0] = 0x4f;
        let request = [&header[..], &[13, 0, 0, 0, 0, 0, 0, 1], &[9; 12]].concat();
        let reply = [&header[..], &[14, 0, 0xff, 0, 0, 0, 0, 1], &[7; 12]].concat();
        let mut packet = Packet { octets: reply, ..Packet::default() };
        let query = Packet { octets: request, ..Packet::default() };
        lose_times_behind_cut(&mut packet, &query, mtu);
        assert_eq!(packet.octets[68..], *behind);
        assert_eq!(packet.octets[62..64], checksum.to_be_bytes());
    }

    #[test]
    fn replies_of_too_many_pieces_are_seen() {
        assert!(!exceeds_send_buffer(1500, 20, 1480), "one piece");
        assert!(!exceeds_send_buffer(1500, 20, 60_008));
        assert!(exceeds_send_buffer(68, 20, 60_008), "1,251 pieces");
    }
}
