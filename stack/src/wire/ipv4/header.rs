//! A header to build with.

use core::fmt;
use core::net::Ipv4Addr;

use super::super::Protocol;
use super::{FragmentOffset, HEADER_LEN, Ipv4Edit, Ipv4View, MAX_OPTIONS_LEN};

/// An owned IPv4 header. Writing one that was read gives back the octets it was read from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ipv4Header {
    /// Type of service: DSCP and ECN together.
    pub tos: u8,
    /// Octets of header and payload.
    pub total_length: u16,
    /// Identification.
    pub identification: u16,
    /// The reserved flag.
    pub reserved_flag: bool,
    /// Don't fragment.
    pub dont_fragment: bool,
    /// More fragments.
    pub more_fragments: bool,
    /// Where the payload belongs.
    pub fragment_offset: FragmentOffset,
    /// Time to live, in hops.
    pub ttl: u8,
    /// What the payload is.
    pub protocol: Protocol,
    /// Header checksum, as found or to be written as it is.
    pub header_checksum: u16,
    /// Source address.
    pub source: Ipv4Addr,
    /// Destination address.
    pub destination: Ipv4Addr,
    options: [u8; MAX_OPTIONS_LEN],
    options_len: u8,
}

impl Default for Ipv4Header {
    /// TTL 64, everything else zero, protocol 0.
    fn default() -> Self {
        Self {
            tos: 0,
            total_length: HEADER_LEN as u16,
            identification: 0,
            reserved_flag: false,
            dont_fragment: false,
            more_fragments: false,
            fragment_offset: FragmentOffset::ZERO,
            ttl: 64,
            protocol: Protocol::Unknown(0),
            header_checksum: 0,
            source: Ipv4Addr::UNSPECIFIED,
            destination: Ipv4Addr::UNSPECIFIED,
            options: [0; MAX_OPTIONS_LEN],
            options_len: 0,
        }
    }
}

impl fmt::Debug for Ipv4Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ipv4Header")
            .field("tos", &self.tos)
            .field("total_length", &self.total_length)
            .field("identification", &self.identification)
            .field("flags_and_offset", &self.fragment_word())
            .field("ttl", &self.ttl)
            .field("protocol", &self.protocol)
            .field("header_checksum", &self.header_checksum)
            .field("source", &self.source)
            .field("destination", &self.destination)
            .field("options", &self.options())
            .finish()
    }
}

impl From<&Ipv4View<'_>> for Ipv4Header {
    fn from(view: &Ipv4View<'_>) -> Self {
        let mut header = Self {
            tos: view.tos(),
            total_length: view.total_length(),
            identification: view.identification(),
            reserved_flag: view.reserved_flag(),
            dont_fragment: view.dont_fragment(),
            more_fragments: view.more_fragments(),
            fragment_offset: view.fragment_offset(),
            ttl: view.ttl(),
            protocol: view.protocol(),
            header_checksum: view.header_checksum(),
            source: view.source(),
            destination: view.destination(),
            ..Self::default()
        };
        header.set_options(view.options());
        header
    }
}

impl Ipv4Header {
    /// The options, padded to a multiple of 4 octets.
    pub fn options(&self) -> &[u8] {
        self.options.get(..usize::from(self.options_len)).unwrap_or_default()
    }

    /// Replaces the options by `options`, padded with zeros to a multiple of 4 octets.
    /// Returns whether they fit into 40 octets; if not, nothing changes.
    pub fn set_options(&mut self, options: &[u8]) -> bool {
        let Some(place) = self.options.get_mut(..options.len()) else { return false };
        place.copy_from_slice(options);
        let padded_len = options.len().next_multiple_of(4);
        self.options[options.len()..padded_len].fill(0);
        self.options_len = padded_len as u8;
        true
    }

    /// Octets of the header with options, 20 to 60.
    pub fn header_len(&self) -> usize {
        HEADER_LEN + usize::from(self.options_len)
    }

    /// Writes the header to the start of `buffer`, checksum as it is. Returns its length, or `None` if it does not fit.
    pub fn write(&self, buffer: &mut [u8]) -> Option<usize> {
        let len = self.header_len();
        let (fixed, options) = buffer.get_mut(..len)?.split_first_chunk_mut::<HEADER_LEN>()?;
        fixed[0] = 0x40 | (len / 4) as u8;
        fixed[1] = self.tos;
        fixed[2..4].copy_from_slice(&self.total_length.to_be_bytes());
        fixed[4..6].copy_from_slice(&self.identification.to_be_bytes());
        fixed[6..8].copy_from_slice(&self.fragment_word().to_be_bytes());
        fixed[8] = self.ttl;
        fixed[9] = self.protocol.into();
        fixed[10..12].copy_from_slice(&self.header_checksum.to_be_bytes());
        fixed[12..16].copy_from_slice(&self.source.octets());
        fixed[16..20].copy_from_slice(&self.destination.octets());
        options.copy_from_slice(self.options());
        Some(len)
    }

    /// As [`Ipv4Header::write`], with the checksum computed.
    pub fn write_with_checksum(&self, buffer: &mut [u8]) -> Option<usize> {
        let len = self.write(buffer)?;
        Ipv4Edit::new(buffer)?.rewrite_checksum();
        Some(len)
    }

    /// Flags and fragment offset as one word.
    fn fragment_word(&self) -> u16 {
        self.fragment_offset.0
            | u16::from(self.reserved_flag) << 15
            | u16::from(self.dont_fragment) << 14
            | u16::from(self.more_fragments) << 13
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use quickcheck::quickcheck;

    use super::super::{MAX_HEADER_LEN, repaired};
    use super::*;

    #[test]
    fn options_longer_than_forty_octets_are_refused() {
        let mut header = Ipv4Header::default();
        assert!(header.set_options(&[1; 39]));
        assert!(!header.set_options(&[1; 41]));
        assert_eq!(header.header_len(), 60);
        assert_eq!(header.options()[39], 0);
    }

    quickcheck! {
        fn view_to_header_to_octets_is_the_identity(octets: Vec<u8>) -> bool {
            let octets = repaired(octets);
            let view = Ipv4View::new(&octets).unwrap();
            let mut written = [0xaa; MAX_HEADER_LEN];
            let len = Ipv4Header::from(&view).write(&mut written).unwrap();
            written[..len] == octets[..len] && len == view.header_len() && view.header() == &octets[..len]
        }

        fn computed_checksum_is_valid(octets: Vec<u8>) -> bool {
            let mut octets = repaired(octets);
            let header = Ipv4Header::from(&Ipv4View::new(&octets).unwrap());
            header.write_with_checksum(&mut octets).unwrap();
            Ipv4View::verified(&octets).is_ok()
        }
    }
}
