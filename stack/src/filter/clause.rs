//! What the RFCs ask of firewalls and translators about ICMP errors, and Linux leaves to rules. RFC 5508 §4, RFC 6633 §8.

use crate::config::Departures;
use crate::conntrack::protocol;
use crate::drop_reason::DropReason;
use crate::packet::Packet;
use crate::wire::checksum;

const SOURCE_QUENCH: u8 = 4;
/// Octets of an ICMP error before the datagram it quotes.
const QUOTE_OFFSET: usize = 8;

/// Whether `packet` is an ICMP error.
pub(crate) fn is_error(packet: &Packet) -> bool {
    packet.protocol() == protocol::ICMP && matches!(packet.payload().first(), Some(3 | 4 | 5 | 11 | 12))
}

/// Why `packet` is not let in, whatever it may belong to.
pub(crate) fn refusal(departures: &Departures, packet: &Packet) -> Option<DropReason> {
    if !(departures.source_quench_is_filtered || departures.quoted_checksum_is_verified) || !is_error(packet)
    {
        return None;
    }
    let payload = packet.payload();
    if departures.source_quench_is_filtered && payload.first() == Some(&SOURCE_QUENCH) {
        return Some(DropReason::SourceQuenchFiltered);
    }
    if departures.quoted_checksum_is_verified && payload.get(QUOTE_OFFSET..).is_some_and(is_broken) {
        return Some(DropReason::QuoteChecksumWrong);
    }
    None
}

/// Whether `quoted` begins with a whole IP header whose checksum is wrong.
fn is_broken(quoted: &[u8]) -> bool {
    let header_len = quoted.first().map_or(0, |first| usize::from(first & 0xf) * 4);
    header_len >= 20 && quoted.get(..header_len).is_some_and(|header| !checksum::is_intact(header))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::build::{echo_request, ipv4, source_quench, time_exceeded, udp};
    use crate::wire::icmp::TimeExceededCode;
    use rstest::rstest;
    use std::vec::Vec;

    fn error(about: &[u8]) -> Vec<u8> {
        ipv4().carry(time_exceeded(TimeExceededCode::from(0)).quote(about)).build()
    }

    fn broken() -> Vec<u8> {
        ipv4().header_checksum(1).carry(udp()).build()
    }

    #[rstest]
    #[case::quench(ipv4().carry(source_quench().quote(broken())).build(), Some(DropReason::SourceQuenchFiltered))]
    #[case::broken_quote(error(&broken()), Some(DropReason::QuoteChecksumWrong))]
    #[case::quote_without_a_whole_header(error(&broken()[..19]), None)]
    #[case::whole_quote(error(&ipv4().carry(udp()).build()), None)]
    #[case::query(ipv4().carry(echo_request().data(broken())).build(), None)]
    fn errors_in_transit(#[case] octets: Vec<u8>, #[case] expected: Option<DropReason>) {
        let packet = Packet { octets, ..Packet::default() };
        assert_eq!(refusal(&Departures::RFC, &packet), expected);
        assert_eq!(refusal(&Departures::LINUX, &packet), None);
    }
}
