//! Which refused packets are answered.

use crate::conntrack::protocol;
use crate::packet::Packet;
use crate::wire::{Protocol, Sum};

/// Encapsulating Security Payload.
const ESP: u8 = 50;
/// Authentication Header.
const AH: u8 = 51;

/// Whether the packet is what its sender made of it, as far as a checksum tells: an error about anything else would
/// help nobody. As in Linux a protocol that is not known is taken to sum up its whole payload like ICMP.
///
/// Linux sums up the header along with the payload, which makes no difference unless an option was stamped on the way
/// in: nobody has set the header checksum right again by then. What connection tracking found right on the way in,
/// `is_verified`, is not summed up again, even if a source route has changed its destination since. Of GRE nothing is
/// summed up, whatever its flags say.
pub fn is_answerable(packet: &Packet, is_verified: bool) -> bool {
    let payload = packet.payload();
    match packet.protocol() {
        _ if is_verified => return true,
        AH | ESP | protocol::SCTP | protocol::UDPLITE | protocol::GRE => return true,
        protocol::UDP if payload.get(6..8) == Some(&[0, 0]) => return true,
        _ => {}
    }
    let pseudo = match packet.protocol() {
        protocol::UDP => pseudo_header(packet, Protocol::Udp),
        protocol::TCP => pseudo_header(packet, Protocol::Tcp),
        _ => Sum::default(),
    };
    (pseudo + Sum::of(&packet.octets)).is_intact()
}

fn pseudo_header(packet: &Packet, protocol: Protocol) -> Sum {
    let len = u16::try_from(packet.payload().len()).unwrap_or(u16::MAX);
    Sum::of_pseudo_header(packet.source(), packet.destination(), protocol, len)
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
    #[case::dccp(33, &[0x08, 0, 0xf7, 0xfe], false)]
    #[case::icmp(1, &[8, 0, 0xf7, 0xff, 0, 0, 0, 0], true)]
    #[case::broken_icmp(1, &[8, 0, 0xf7, 0xfd, 0, 0, 0, 0], false)]
    #[case::gre_without_sum(47, &[0, 0, 8, 0], true)]
    #[case::gre_with_a_wrong_one(47, &[0x80, 0, 8, 0, 1, 1, 0, 0], true)]
    #[case::udp_without_sum(17, &[0, 7, 0, 9, 0, 8, 0, 0], true)]
    #[case::broken_udp(17, &[0, 7, 0, 9, 0, 8, 1, 1], false)]
    #[case::udp_lite(136, &[0, 7, 0, 9, 0, 8, 1, 1], true)]
    #[case::encrypted(50, &[1, 2, 3, 4], true)]
    fn answers_depend_on_the_checksum(#[case] protocol: u8, #[case] payload: &[u8], #[case] expected: bool) {
        let packet = Packet { octets: ip(A, B, protocol, payload), ..Packet::default() };
        assert_eq!(is_answerable(&packet, false), expected);
    }

    #[test]
    fn right_udp_is_answered() {
        let packet = Packet { octets: ip(A, B, 17, &udp(A, B, (1000, 53))), ..Packet::default() };
        assert!(is_answerable(&packet, false));
    }

    /// A full timestamp option counts its overflow when it comes in, and the header checksum is as it was.
    #[rstest]
    #[case::summed_again(false, false)]
    #[case::verified_by_tracking(true, true)]
    fn a_stamped_header_spoils_the_sum(#[case] is_verified: bool, #[case] expected: bool) {
        let mut octets = ip(A, B, 17, &udp(A, B, (1000, 53)));
        octets.splice(20..20, [68, 4, 5, 1]);
        let total = octets.len() as u16;
        octets[0] = 0x46;
        octets[2..4].copy_from_slice(&total.to_be_bytes());
        octets[10..12].fill(0);
        let sum = crate::wire::checksum::checksum(&octets[..24]);
        octets[10..12].copy_from_slice(&sum.to_be_bytes());
        let mut packet = Packet { octets, ..Packet::default() };
        assert!(is_answerable(&packet, is_verified));
        packet.octets[23] = 0x11;
        assert_eq!(is_answerable(&packet, is_verified), expected);
    }
}
