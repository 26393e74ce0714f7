//! Local delivery: reassemble, show it to the filter, raw sockets, then the protocol.

use crate::counters::Counter;
use crate::decision::Detail;
use crate::drop_reason::DropReason;
use crate::hook::Hook;
use crate::outcome::{Notice, Outcome, Refusal};
use crate::packet::Packet;
use crate::sink::Sink;
use crate::stack::{Passage, Stack};
use crate::wire::Protocol;

impl Stack {
    /// Gives a datagram to whoever is here for it. RFC 1122 §3.2.1, §3.3.2.
    #[inline(always)]
    pub(crate) fn deliver_local<S: Sink>(
        &mut self,
        packet: &mut Packet,
        sink: &mut S,
    ) -> Result<Outcome, Refusal> {
        if packet.is_fragment() && self.reassemble_for_delivery(packet, sink)? == Passage::Ends {
            return Ok(Outcome::Held);
        }
        if self.run_hook(Hook::LocalIn, packet, sink)? == Passage::Ends {
            return Ok(Outcome::Stolen);
        }
        let protocol = Protocol::from(packet.protocol());
        let a_raw_socket_matched = self.deliver_raw(packet, sink);
        self.log(sink, "deliver", "RFC 1122 §3.2.1", || Detail::Number(u32::from(packet.protocol())));
        if has_handler(protocol) || a_raw_socket_matched {
            self.counters.bump(Counter::IpInDelivers);
        }
        match protocol {
            Protocol::Icmp => self.input_icmp(packet, sink),
            Protocol::Udp | Protocol::UdpLite => self.input_udp(packet, sink),
            Protocol::Tcp => self.input_tcp(packet, sink),
            Protocol::Igmp => self.input_igmp(packet, sink),
            Protocol::Pim => Err(DropReason::PimUnhandled.into()),
            _ if a_raw_socket_matched => Ok(Outcome::Delivered),
            _ => Err(Refusal::with(DropReason::ProtocolUnknown, Notice::PROTOCOL_UNREACHABLE)),
        }
    }
}

const fn has_handler(protocol: Protocol) -> bool {
    matches!(
        protocol,
        Protocol::Icmp | Protocol::Igmp | Protocol::Tcp | Protocol::Udp | Protocol::UdpLite | Protocol::Pim
    )
}
