//! Which refused packets are answered.

use core::net::Ipv4Addr;

use crate::conntrack::protocol;
use crate::packet::Packet;
use crate::wire::{Protocol, Sum};

/// Encapsulating Security Payload.
const ESP: u8 = 50;
/// Authentication Header.
const AH: u8 = 51;
/// Datagram Congestion Control Protocol.
const DCCP: u8 = 33;
/// First octet of a GRE header that has a checksum. RFC 2784 §2.1.
const GRE_CHECKSUM: u8 = 0x80;

/// Whether the packet is what its sender made of it, as far as a checksum tells: an error about anything else would
/// help nobody. As in Linux a protocol that is not known is taken to sum up its whole payload like ICMP.
pub fn is_answerable(packet: &Packet) -> bool {
    let payload = packet.payload();
    match packet.protocol() {
        AH | ESP | DCCP | protocol::SCTP | protocol::UDPLITE => true,
        protocol::UDP if payload.get(6..8) == Some(&[0, 0]) => true,
        protocol::GRE if payload.first().is_some_and(|first| first & GRE_CHECKSUM == 0) => true,
        protocol::UDP => has_sum(packet, Protocol::Udp),
        protocol::TCP => has_sum(packet, Protocol::Tcp),
        _ => payload.is_empty() || Sum::of(payload).is_intact(),
    }
}

fn has_sum(packet: &Packet, protocol: Protocol) -> bool {
    let payload = packet.payload();
    let Ok(len) = u16::try_from(payload.len()) else { return false };
    let ends: [Ipv4Addr; 2] = [packet.source(), packet.destination()];
    (Sum::of_pseudo_header(ends[0], ends[1], protocol, len) + Sum::of(payload)).is_intact()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conntrack::testing::{A, B, ip, udp};
    use rstest::rstest;

    #[rstest]
    #[case::sums_to_nothing(99, &[0x08, 0, 0xf7, 0xff], true)]
    #[case::sums_to_something(99, &[0x08, 0, 0xf7, 0xfe], false)]
    #[case::empty(99, &[], true)]
    #[case::icmp(1, &[8, 0, 0xf7, 0xff, 0, 0, 0, 0], true)]
    #[case::broken_icmp(1, &[8, 0, 0xf7, 0xfd, 0, 0, 0, 0], false)]
    #[case::gre_without_sum(47, &[0, 0, 8, 0], true)]
    #[case::gre_with_a_wrong_one(47, &[0x80, 0, 8, 0, 1, 1, 0, 0], false)]
    #[case::udp_without_sum(17, &[0, 7, 0, 9, 0, 8, 0, 0], true)]
    #[case::broken_udp(17, &[0, 7, 0, 9, 0, 8, 1, 1], false)]
    #[case::udp_lite(136, &[0, 7, 0, 9, 0, 8, 1, 1], true)]
    #[case::encrypted(50, &[1, 2, 3, 4], true)]
    fn answers_depend_on_the_checksum(#[case] protocol: u8, #[case] payload: &[u8], #[case] expected: bool) {
        let packet = Packet { octets: ip(A, B, protocol, payload), ..Packet::default() };
        assert_eq!(is_answerable(&packet), expected);
    }

    #[test]
    fn right_udp_is_answered() {
        let packet = Packet { octets: ip(A, B, 17, &udp(A, B, (1000, 53))), ..Packet::default() };
        assert!(is_answerable(&packet));
    }
}
