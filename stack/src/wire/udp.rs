//! UDP datagrams. RFC 768.

use core::net::Ipv4Addr;

use super::{Protocol, Sum, u16_at};

/// Octets of the header.
pub const HEADER_LEN: usize = 8;

/// Why octets are not a UDP datagram, in the order in which it is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UdpError {
    /// Shorter than a header.
    Truncated {
        /// Octets there are; 8 are needed.
        available: usize,
    },
    /// The length exceeds the octets.
    LengthTruncated {
        /// Octets the datagram claims.
        needed: usize,
        /// Octets there are.
        available: usize,
    },
    /// The length does not even cover the header.
    LengthBelowHeader {
        /// Octets the datagram claims.
        length: usize,
    },
}

impl core::fmt::Display for UdpError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Truncated { available } => {
                write!(f, "{available} octets where a UDP header has {HEADER_LEN}")
            }
            Self::LengthTruncated { needed, available } => {
                write!(f, "UDP length {needed} in {available} octets")
            }
            Self::LengthBelowHeader { length } => write!(f, "UDP length {length} below the header"),
        }
    }
}

impl core::error::Error for UdpError {}

/// A UDP datagram whose length fits. What follows the length is not part of the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpView<'a> {
    header: &'a [u8; HEADER_LEN],
    payload: &'a [u8],
    octets: &'a [u8],
}

impl<'a> UdpView<'a> {
    /// Over the payload of an IPv4 datagram.
    ///
    /// # Errors
    /// The first [`UdpError`] in the order of its variants.
    #[inline]
    pub fn new(buffer: &'a [u8]) -> Result<Self, UdpError> {
        let available = buffer.len();
        let Some(header) = buffer.first_chunk::<HEADER_LEN>() else {
            return Err(UdpError::Truncated { available });
        };
        let length = usize::from(u16_at(header, 4));
        let Some(octets) = buffer.get(..length) else {
            return Err(UdpError::LengthTruncated { needed: length, available });
        };
        let Some(payload) = octets.get(HEADER_LEN..) else {
            return Err(UdpError::LengthBelowHeader { length });
        };
        Ok(Self { header, payload, octets })
    }

    /// Source port.
    #[inline]
    pub fn source_port(&self) -> u16 {
        u16_at(self.header, 0)
    }

    /// Destination port.
    #[inline]
    pub fn destination_port(&self) -> u16 {
        u16_at(self.header, 2)
    }

    /// Octets of header and payload.
    #[inline]
    pub fn length(&self) -> u16 {
        u16_at(self.header, 4)
    }

    /// Checksum as found; 0 means none was computed.
    #[inline]
    pub fn checksum(&self) -> u16 {
        u16_at(self.header, 6)
    }

    /// Whether the checksum is right or absent, between `source` and `destination`. RFC 1122 §4.1.3.4.
    #[inline]
    pub fn is_checksum_valid(&self, source: Ipv4Addr, destination: Ipv4Addr) -> bool {
        self.checksum() == 0
            || (Sum::of_pseudo_header(source, destination, Protocol::Udp, self.length())
                + Sum::of(self.octets))
            .is_intact()
    }

    /// What follows the header.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The whole datagram, trimmed to its length.
    #[inline]
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }
}

/// A UDP header, owned. Writing what was read gives back the octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpHeader {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Octets of header and payload.
    pub length: u16,
    /// Checksum, as found or to be written as it is.
    pub checksum: u16,
}

impl From<&UdpView<'_>> for UdpHeader {
    fn from(view: &UdpView<'_>) -> Self {
        Self {
            source_port: view.source_port(),
            destination_port: view.destination_port(),
            length: view.length(),
            checksum: view.checksum(),
        }
    }
}

impl UdpHeader {
    /// The header's octets, checksum as it is.
    pub fn octets(&self) -> [u8; HEADER_LEN] {
        let ([a, b], [c, d]) = (self.source_port.to_be_bytes(), self.destination_port.to_be_bytes());
        let ([e, f], [g, h]) = (self.length.to_be_bytes(), self.checksum.to_be_bytes());
        [a, b, c, d, e, f, g, h]
    }
}

/// The checksum of a UDP datagram whose checksum field is zero; never zero itself. RFC 768 "Fields".
pub fn checksum(source: Ipv4Addr, destination: Ipv4Addr, octets: &[u8]) -> u16 {
    let sum =
        Sum::of_pseudo_header(source, destination, Protocol::Udp, octets.len() as u16) + Sum::of(octets);
    match sum.checksum() {
        0 => 0xffff,
        checksum => checksum,
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use quickcheck::quickcheck;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::seven(&[0; 7], UdpError::Truncated { available: 7 })]
    #[case::too_long(&[0, 1, 0, 2, 0, 9, 0, 0], UdpError::LengthTruncated { needed: 9, available: 8 })]
    #[case::seven_claimed(&[0, 1, 0, 2, 0, 7, 0, 0], UdpError::LengthBelowHeader { length: 7 })]
    #[case::none_claimed(&[0, 1, 0, 2, 0, 0, 0, 0], UdpError::LengthBelowHeader { length: 0 })]
    fn rejected(#[case] octets: &[u8], #[case] expected: UdpError) {
        assert_eq!(UdpView::new(octets), Err(expected));
    }

    #[test]
    fn checksum_that_comes_out_zero_is_sent_as_all_ones() {
        let octets = [0, 0, 0, 0, 0, 8, 0, 0];
        // The addresses complete 17 + 8 + 8 to 0xffff.
        let checksum = checksum(Ipv4Addr::new(0, 0, 0xff, 0xde), Ipv4Addr::UNSPECIFIED, &octets);
        assert_eq!(checksum, 0xffff);
    }

    quickcheck! {
        fn view_to_header_to_octets_is_the_identity(octets: Vec<u8>) -> bool {
            let mut octets = octets;
            octets.resize(octets.len().max(8), 0);
            let len = octets.len() as u16;
            octets[4..6].copy_from_slice(&len.to_be_bytes());
            UdpHeader::from(&UdpView::new(&octets).unwrap()).octets() == octets[..8]
        }

        fn computed_checksum_is_valid(payload: Vec<u8>, source: u32, destination: u32) -> bool {
            let header = UdpHeader { source_port: 1, destination_port: 2, length: 8 + payload.len() as u16, checksum: 0 };
            let mut octets = header.octets().to_vec();
            octets.extend(payload);
            let (source, destination) = (source.into(), destination.into());
            let sum = checksum(source, destination, &octets);
            octets[6..8].copy_from_slice(&sum.to_be_bytes());
            let intact = UdpView::new(&octets).unwrap().is_checksum_valid(source, destination);
            octets[0] ^= 1;
            intact && !UdpView::new(&octets).unwrap().is_checksum_valid(source, destination)
        }

        fn no_octets_panic(octets: Vec<u8>) -> bool {
            UdpView::new(&octets).is_ok_and(|view| view.octets().len() >= 8) || UdpView::new(&octets).is_err()
        }
    }
}
