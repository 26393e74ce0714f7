//! Tuples: one direction of a conversation as connection tracking sees it.

use core::net::Ipv4Addr;

use super::icmp;
use super::octets::{address, be16};

/// IANA protocol numbers that connection tracking treats specially.
pub mod protocol {
    /// Internet Control Message Protocol.
    pub const ICMP: u8 = 1;
    /// Transmission Control Protocol.
    pub const TCP: u8 = 6;
    /// User Datagram Protocol.
    pub const UDP: u8 = 17;
    /// Generic Routing Encapsulation.
    pub const GRE: u8 = 47;
    /// ICMP for IPv6; over IPv4 it has a tuple but is never valid.
    pub const ICMPV6: u8 = 58;
    /// Stream Control Transmission Protocol.
    pub const SCTP: u8 = 132;
    /// Lightweight User Datagram Protocol.
    pub const UDPLITE: u8 = 136;
}

/// Which way a packet goes: as the first packet of its entry, or against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// As the packet that opened the entry.
    Original,
    /// As its answers.
    Reply,
}

impl Direction {
    /// The other way.
    pub const fn opposite(self) -> Self {
        match self {
            Self::Original => Self::Reply,
            Self::Reply => Self::Original,
        }
    }

    /// 0 for the original direction, 1 for the other.
    pub const fn index(self) -> usize {
        match self {
            Self::Original => 0,
            Self::Reply => 1,
        }
    }
}

/// Addresses, protocol and what tells conversations of one protocol apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tuple {
    /// Source address.
    pub source: Ipv4Addr,
    /// Destination address.
    pub destination: Ipv4Addr,
    /// Source port, ICMP identifier or GRE key; 0 where the protocol has none.
    pub source_id: u16,
    /// Destination port, ICMP type × 256 + code, or GRE key; 0 where the protocol has none.
    pub destination_id: u16,
    /// Protocol number.
    pub protocol: u8,
}

impl Tuple {
    /// The tuple of the packet that would answer; `None` for an ICMP message that nothing answers.
    pub fn invert(self) -> Option<Self> {
        let (source_id, destination_id) = match self.protocol {
            protocol::ICMP => {
                let [icmp_type, code] = self.destination_id.to_be_bytes();
                (self.source_id, u16::from_be_bytes([icmp::inverse(icmp_type)?, code]))
            }
            protocol::ICMPV6 => {
                let [icmp_type, code] = self.destination_id.to_be_bytes();
                (self.source_id, u16::from_be_bytes([icmp::inverse_v6(icmp_type)?, code]))
            }
            _ => (self.destination_id, self.source_id),
        };
        Some(Self { source: self.destination, destination: self.source, source_id, destination_id, ..self })
    }

    /// The two words that are hashed, `zone` included.
    pub(crate) fn words(self, zone: u16) -> (u64, u64) {
        let addresses = u64::from(self.source.to_bits()) << 32 | u64::from(self.destination.to_bits());
        let ids = u64::from(self.source_id) << 48
            | u64::from(self.destination_id) << 32
            | u64::from(self.protocol) << 16
            | u64::from(zone);
        (addresses, ids)
    }
}

/// Where the transport header of a datagram begins. Nothing but the offsets was checked: an IHL below 5 makes it lie
/// inside the IP header, as Linux accepts it in quoted datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Located {
    /// Protocol number.
    pub(crate) protocol: u8,
    /// Offset of the IP header in the outermost datagram.
    pub(crate) header: usize,
    /// Offset of the transport header in the outermost datagram.
    pub(crate) transport: usize,
}

/// Finds the transport header of the datagram that begins at `header`. `None` if 20 octets are not there, if it is
/// not a first fragment, or if IHL points past the end.
pub(crate) fn locate(datagram: &[u8], header: usize) -> Option<Located> {
    let fixed = datagram.get(header..header.checked_add(20)?)?;
    let fragment_offset = be16(fixed, 6)? & 0x1fff;
    let transport = header + usize::from(fixed[0] & 0x0f) * 4;
    (fragment_offset == 0 && transport <= datagram.len()).then_some(Located {
        protocol: fixed[9],
        header,
        transport,
    })
}

/// The tuple of a located datagram; `None` when its protocol needs more octets than there are, or other ones.
pub(crate) fn extract(datagram: &[u8], at: Located) -> Option<Tuple> {
    let source = address(datagram, at.header + 12)?;
    let destination = address(datagram, at.header + 16)?;
    let transport = datagram.get(at.transport..)?;
    let (source_id, destination_id) = match at.protocol {
        protocol::ICMP | protocol::ICMPV6 => {
            transport.get(..8)?;
            (be16(transport, 4)?, be16(transport, 0)?)
        }
        protocol::TCP | protocol::UDP | protocol::UDPLITE | protocol::SCTP => {
            (be16(transport, 0)?, be16(transport, 2)?)
        }
        protocol::GRE => (0, gre_key(transport)?),
        _ => (0, 0),
    };
    Some(Tuple { source, destination, source_id, destination_id, protocol: at.protocol })
}

/// Key of the destination half: the call identification of PPTP's GRE version 1, 0 for anything else.
/// `None` for a version 1 packet that carries something else than PPP.
fn gre_key(transport: &[u8]) -> Option<u16> {
    const PPP: u16 = 0x880b;
    let Some(first) = be16(transport, 0).filter(|_| transport.len() >= 4) else { return Some(0) };
    if first & 7 != 1 || transport.len() < 8 {
        return Some(0);
    }
    if be16(transport, 2)? != PPP {
        return None;
    }
    be16(transport, 6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::gre_absent(&[], Some(0))]
    #[case::gre_v0(&[0, 0, 8, 0], Some(0))]
    #[case::gre_v1_short(&[0x30, 1, 0x88, 0x0b], Some(0))]
    #[case::gre_v1_ppp(&[0x30, 1, 0x88, 0x0b, 0, 4, 0, 77], Some(77))]
    #[case::gre_v1_other(&[0x30, 1, 8, 0, 0, 4, 0, 77], None)]
    fn gre_keys(#[case] transport: &[u8], #[case] expected: Option<u16>) {
        assert_eq!(gre_key(transport), expected);
    }

    #[test]
    fn words_hold_every_field_and_the_zone() {
        let tuple = Tuple {
            source: Ipv4Addr::new(1, 2, 3, 4),
            destination: Ipv4Addr::new(5, 6, 7, 8),
            source_id: 0x090a,
            destination_id: 0x0b0c,
            protocol: 0x0d,
        };
        assert_eq!(tuple.words(0x0e0f), (0x0102_0304_0506_0708, 0x090a_0b0c_000d_0e0f));
    }

    #[test]
    fn inverting_twice_restores_every_invertible_tuple() {
        for protocol in 0..=255 {
            for icmp_type in 0..=255 {
                let tuple = Tuple {
                    source: Ipv4Addr::new(10, 0, 1, 2),
                    destination: Ipv4Addr::new(203, 0, 113, 9),
                    source_id: 77,
                    destination_id: u16::from_be_bytes([icmp_type, 5]),
                    protocol,
                };
                if let Some(inverse) = tuple.invert() {
                    assert_eq!(inverse.invert(), Some(tuple));
                    assert_eq!((inverse.source, inverse.destination), (tuple.destination, tuple.source));
                }
            }
        }
    }
}
