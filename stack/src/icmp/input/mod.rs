//! ICMP input: checks common to all types, then the handler of each of the 256. RFC 792, RFC 1122 §3.2.2.

mod errors;
mod extended_echo;
mod query;
mod redirect;
mod router_discovery;

pub(crate) use errors::ErrorReport;

use crate::config::RouteKind;
use crate::counters::Counter;
use crate::decision::Detail;
use crate::drop_reason::DropReason;
use crate::outcome::{Outcome, Refusal};
use crate::packet::{Packet, PacketLink};
use crate::sink::Sink;
use crate::stack::Stack;
use crate::wire::icmp::IcmpType;
use crate::wire::{IcmpView, checksum};

/// The highest type that is known; beyond it there are only the extended echo messages.
const HIGHEST_KNOWN_TYPE: u8 = 18;

impl Stack {
    /// Takes in an ICMP message that is for this system.
    #[inline(always)]
    pub(crate) fn input_icmp<S: Sink>(
        &mut self,
        packet: &mut Packet,
        sink: &mut S,
    ) -> Result<Outcome, Refusal> {
        self.counters.bump(Counter::IcmpInMsgs);
        let packet = &*packet;
        let octets = packet.payload();
        // Nobody sums up again what has never left, or what connection tracking has found right on its way in.
        let was_found_right = || self.hooks.has_summed(packet) && !packet.sum_failed;
        if packet.link != PacketLink::LoopedBack && !checksum::is_intact(octets) && !was_found_right() {
            return Err(DropReason::IcmpChecksumWrong.into());
        }
        let Ok(message) = IcmpView::new(octets) else {
            return Err(DropReason::IcmpHeaderTruncated.into());
        };
        let icmp_type = message.icmp_type();
        self.counters.bump_icmp_in(icmp_type.into());
        let detail = Detail::Icmp { icmp_type: icmp_type.into(), code: message.code() };
        self.log(sink, "icmp", "RFC 1122 §3.2.2", || detail);
        if icmp_type == IcmpType::ExtendedEchoRequest {
            return self.answer_extended_echo(packet, &message, sink).map_err(Refusal::from);
        }
        self.check_broadcast(packet, icmp_type)?;
        match icmp_type {
            IcmpType::EchoReply | IcmpType::ExtendedEchoReply => {
                self.deliver_ping(packet, &message, sink).map_err(Refusal::from)
            }
            _ if u8::from(icmp_type) > HIGHEST_KNOWN_TYPE => Err(DropReason::IcmpUnknownType.into()),
            IcmpType::Echo => Ok(self.answer_echo(packet, &message, sink)),
            IcmpType::Timestamp => self.answer_timestamp(packet, &message, sink).map_err(Refusal::from),
            IcmpType::DestinationUnreachable
            | IcmpType::SourceQuench
            | IcmpType::TimeExceeded
            | IcmpType::ParameterProblem => {
                self.input_icmp_error(packet, &message, sink).map_err(Refusal::from)
            }
            IcmpType::Redirect => self.input_redirect(packet, &message, sink).map_err(Refusal::from),
            IcmpType::RouterSolicitation if self.is_solicited(packet) => {
                self.answer_solicitation(packet, &message, sink).map_err(Refusal::from)
            }
            // Router discovery, information and address mask messages, replies nobody asked for: RFC 1122 §3.2.2.7
            // to §3.2.2.9 let a host ignore them all.
            _ => Ok(Outcome::Delivered),
        }
    }

    /// Whether this system is a router where `packet` came in, and says so when asked. RFC 1812 §4.3.3.10.
    fn is_solicited(&self, packet: &Packet) -> bool {
        self.config.departures.router_solicitation_is_answered && self.forwards_from(packet)
    }

    /// RFC 1122 §3.2.2.6, §3.2.2.8: requests to broadcast and multicast may be ignored; anything else must not come there.
    fn check_broadcast(&self, packet: &Packet, icmp_type: IcmpType) -> Result<(), DropReason> {
        if packet.route.is_none_or(|route| !matches!(route.kind, RouteKind::Broadcast | RouteKind::Multicast))
        {
            return Ok(());
        }
        match icmp_type {
            IcmpType::Echo | IcmpType::Timestamp => {
                if self.config.sysctls.icmp_echo_ignore_broadcasts != 0 {
                    return Err(DropReason::IcmpBroadcastIgnored);
                }
                Ok(())
            }
            IcmpType::AddressMaskRequest | IcmpType::AddressMaskReply => Ok(()),
            IcmpType::RouterSolicitation if self.is_solicited(packet) => Ok(()),
            _ => Err(DropReason::IcmpBroadcastInvalid),
        }
    }
}
