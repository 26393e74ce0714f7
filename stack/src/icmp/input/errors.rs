//! ICMP errors about what this system sent. RFC 1122 §3.2.2.1, §3.2.2.4, §3.2.2.5, RFC 1191 §6.

use core::net::Ipv4Addr;

use crate::config::{RouteKind, Sysctls};
use crate::counters::Counter;
use crate::drop_reason::DropReason;
use crate::interface::InterfaceId;
use crate::ip::route::{OutputRoute, Redirect};
use crate::outcome::Outcome;
use crate::packet::Packet;
use crate::sink::Sink;
use crate::stack::Stack;
use crate::wire::icmp::IcmpType;
use crate::wire::{IcmpView, Protocol, QuotedView};

/// Octets behind the quoted header that name its sender's socket. RFC 792.
const QUOTED_PAYLOAD_LEN: usize = 8;
/// Highest code of Destination Unreachable that is known.
const HIGHEST_UNREACHABLE_CODE: u8 = 15;
/// The protocol number that no datagram may carry.
const RESERVED_PROTOCOL: u8 = 255;
const FRAGMENTATION_NEEDED: u8 = 4;
const REASSEMBLY_TIME_EXCEEDED: u8 = 1;

/// An ICMP error or redirect on its way to a socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ErrorReport<'a> {
    /// Type, one of those that report.
    pub(crate) icmp_type: IcmpType,
    /// Code.
    pub(crate) code: u8,
    /// MTU, pointer or gateway.
    pub(crate) info: u32,
    /// Who sent it.
    pub(crate) offender: Ipv4Addr,
    /// Whom it was sent to: this system.
    pub(crate) recipient: Ipv4Addr,
    /// Interface it came in by.
    pub(crate) incoming: InterfaceId,
    /// What it quotes.
    pub(crate) quoted: QuotedView<'a>,
    /// The whole ICMP message.
    pub(crate) message: IcmpView<'a>,
}

impl ErrorReport<'_> {
    /// Whether it tells a path MTU.
    pub(crate) fn is_fragmentation_needed(&self) -> bool {
        self.icmp_type == IcmpType::DestinationUnreachable && self.code == FRAGMENTATION_NEEDED
    }
}

impl Stack {
    /// Takes in Destination Unreachable, Source Quench, Time Exceeded and Parameter Problem.
    pub(super) fn input_icmp_error<S: Sink>(
        &mut self,
        packet: &Packet,
        message: &IcmpView<'_>,
        sink: &mut S,
    ) -> Result<Outcome, DropReason> {
        let Some(quoted) = message.quoted() else { return Err(DropReason::IcmpErrorQuoteTruncated) };
        if quoted.ihl() < 5 {
            return Err(DropReason::IcmpErrorQuoteHeaderInvalid);
        }
        let Some(info) = self.info_of(message, &quoted) else { return Ok(Outcome::Delivered) };
        let is_bogus = self.router.kind_of(quoted.destination()) == RouteKind::Broadcast;
        if is_bogus && self.config.sysctls.icmp_ignore_bogus_error_responses == 0 {
            return Ok(Outcome::Delivered);
        }
        let report = ErrorReport {
            icmp_type: message.icmp_type(),
            code: message.code(),
            info,
            offender: packet.source(),
            recipient: packet.destination(),
            incoming: packet.incoming.unwrap_or(InterfaceId::LOOPBACK),
            quoted,
            message: *message,
        };
        self.report_error(&report, sink);
        Ok(Outcome::Delivered)
    }

    /// What the message says besides type and code; `None` if nobody is to hear of it.
    fn info_of(&self, message: &IcmpView<'_>, quoted: &QuotedView<'_>) -> Option<u32> {
        match message.icmp_type() {
            IcmpType::DestinationUnreachable if message.code() & 15 == FRAGMENTATION_NEEDED => {
                if self.config.departures.fragmentation_needed_needs_df && !quoted.dont_fragment() {
                    return None;
                }
                let mtu = path_mtu_of(message, quoted.protocol(), &self.config.sysctls)?;
                (message.code() <= HIGHEST_UNREACHABLE_CODE).then_some(self.plateau(mtu, quoted))
            }
            IcmpType::DestinationUnreachable => (message.code() <= HIGHEST_UNREACHABLE_CODE).then_some(0),
            IcmpType::ParameterProblem => Some(message.pointer().into()),
            IcmpType::TimeExceeded if message.code() == REASSEMBLY_TIME_EXCEEDED => None,
            _ => Some(0),
        }
    }

    /// RFC 1191 §7: an old router tells no MTU; the next plateau below the length of the datagram is tried.
    fn plateau(&self, mtu: u32, quoted: &QuotedView<'_>) -> u32 {
        const PLATEAUS: [u32; 11] = [65_535, 32_000, 17_914, 8_166, 4_352, 2_002, 1_492, 1_006, 508, 296, 68];
        if mtu != 0 || !self.config.departures.path_mtu_plateau {
            return mtu;
        }
        let len = u32::from(quoted.total_length());
        PLATEAUS.into_iter().find(|plateau| *plateau < len).unwrap_or(68)
    }

    /// Gives `report` to the sockets and protocols that may have sent what it quotes.
    pub(super) fn report_error<S: Sink>(&mut self, report: &ErrorReport<'_>, sink: &mut S) {
        let quoted = &report.quoted;
        if quoted.payload().len() < QUOTED_PAYLOAD_LEN || u8::from(quoted.protocol()) == RESERVED_PROTOCOL {
            self.counters.bump(Counter::IcmpInErrors);
            return;
        }
        self.report_to_raw(report, sink);
        let found = match quoted.protocol() {
            Protocol::Udp | Protocol::UdpLite => self.report_to_udp(report, sink),
            Protocol::Tcp => self.report_to_tcp(report, sink),
            Protocol::Icmp => {
                self.report_to_icmp(report, sink);
                true
            }
            _ => true,
        };
        if !found {
            self.counters.bump(Counter::IcmpInErrors);
        }
    }

    /// What an error about an ICMP message of ours teaches: replies have no socket, requests may have one.
    fn report_to_icmp<S: Sink>(&mut self, report: &ErrorReport<'_>, sink: &mut S) {
        let is_reply = report.quoted.payload().first() == Some(&u8::from(IcmpType::EchoReply));
        if is_reply { self.learn_from(report) } else { self.report_to_ping(report, sink) }
    }

    /// Takes the path MTU or the gateway of `report` into the routing tables.
    pub(crate) fn learn_from(&mut self, report: &ErrorReport<'_>) {
        let quoted = report.quoted.destination();
        // Whoever quotes a source that is not ours speaks of a datagram that we cannot have sent.
        let source = report.quoted.source();
        // 0.0.0.0 is this system itself.
        let Ok(way) = self.router.route_output(quoted, source, self.now) else { return };
        let OutputRoute { route, destination, .. } = way;
        if report.is_fragmentation_needed() {
            self.router.learn_mtu(&route, destination, report.info, &self.config.sysctls, self.now);
        } else if report.icmp_type == IcmpType::Redirect {
            let redirect = Redirect {
                from: report.offender,
                gateway: Ipv4Addr::from_bits(report.info),
                code: report.code,
                incoming: report.incoming,
            };
            self.router.learn_redirect(&redirect, &route, destination, &self.config.sysctls, self.now);
        }
    }
}

/// The MTU of a Fragmentation Needed as `ip_no_pmtu_disc` lets it be seen; `None` if it is not to be.
fn path_mtu_of(message: &IcmpView<'_>, protocol: Protocol, sysctls: &Sysctls) -> Option<u32> {
    let mtu = u32::from(message.next_hop_mtu());
    match sysctls.ip_no_pmtu_disc {
        0 => Some(mtu),
        2 => None,
        3 if protocol == Protocol::Tcp => Some(mtu),
        3 => None,
        _ => Some(0),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::config::{Config, Profile};

    #[rstest]
    #[case::as_it_is_told(0, Protocol::Udp, Some(1300))]
    #[case::as_the_least(1, Protocol::Udp, Some(0))]
    #[case::not_at_all(2, Protocol::Tcp, None)]
    #[case::only_what_is_connected(3, Protocol::Tcp, Some(1300))]
    #[case::not_what_is_not(3, Protocol::Udp, None)]
    fn modes_of_path_mtu_discovery(
        #[case] mode: i64,
        #[case] protocol: Protocol,
        #[case] expected: Option<u32>,
    ) {
        let message = [3, 4, 0, 0, 0, 0, 0x05, 0x14];
        let sysctls = Sysctls { ip_no_pmtu_disc: mode, ..Sysctls::default() };
        assert_eq!(path_mtu_of(&IcmpView::new(&message).unwrap(), protocol, &sysctls), expected);
    }

    #[rstest]
    #[case::unreachable(3, 3, Some(0))]
    #[case::unreachable_unknown(3, 16, None)]
    #[case::fragmentation_needed(3, 4, Some(0x0514))]
    #[case::time_exceeded(11, 0, Some(0))]
    #[case::reassembly_time_exceeded(11, 1, None)]
    #[case::parameter_problem(12, 0, Some(9))]
    #[case::source_quench(4, 1, Some(0))]
    fn what_an_error_says(#[case] icmp_type: u8, #[case] code: u8, #[case] expected: Option<u32>) {
        let stack = Stack::new(Config::new(Profile::Linux), 1).unwrap();
        let message = [icmp_type, code, 0, 0, 9, 0, 0x05, 0x14];
        let message = IcmpView::new(&message).unwrap();
        assert_eq!(stack.info_of(&message, &QuotedView::new(&[0; 28]).unwrap()), expected);
    }
}
