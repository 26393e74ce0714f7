//! A header to build with.

use core::fmt;
use core::net::Ipv4Addr;

use super::super::Protocol;
use super::{FragmentOffset, HEADER_LEN, Ipv4Edit, Ipv4View, MAX_OPTIONS_LEN};

/// The options of a header, padded with zeros to a multiple of 4 octets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OptionOctets {
    octets: [u8; MAX_OPTIONS_LEN],
    len: u8,
}

impl OptionOctets {
    /// No options.
    pub const NONE: Self = Self { octets: [0; MAX_OPTIONS_LEN], len: 0 };

    /// `options`, padded; `None` above 40 octets.
    #[inline]
    pub fn new(options: &[u8]) -> Option<Self> {
        // Nearly every header is without, and then nothing is copied.
        if options.is_empty() { Some(Self::NONE) } else { Self::padded(options) }
    }

    #[inline]
    fn padded(options: &[u8]) -> Option<Self> {
        let mut octets = [0; MAX_OPTIONS_LEN];
        octets.get_mut(..options.len())?.copy_from_slice(options);
        Some(Self { octets, len: options.len().next_multiple_of(4) as u8 })
    }

    /// The octets, padding included.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl Default for OptionOctets {
    fn default() -> Self {
        Self::NONE
    }
}

impl fmt::Debug for OptionOctets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

/// An owned IPv4 header. Writing one that was read gives back the octets it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Options, padded to a multiple of 4 octets.
    pub options: OptionOctets,
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
            options: OptionOctets::NONE,
        }
    }
}

impl From<&Ipv4View<'_>> for Ipv4Header {
    /// Always a part of its caller, as [`Ipv4Header::write`] is.
    #[inline(always)]
    fn from(view: &Ipv4View<'_>) -> Self {
        Self {
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
            options: OptionOctets::new(view.options()).unwrap_or_default(),
        }
    }
}

impl Ipv4Header {
    /// Octets of the header with options, 20 to 60.
    #[inline]
    pub fn header_len(&self) -> usize {
        HEADER_LEN + self.options.as_slice().len()
    }

    /// Writes the header to the start of `buffer`, checksum as it is. Returns its length, or `None` if it does not fit.
    ///
    /// Always a part of its caller, where the fields need not be in memory.
    #[inline(always)]
    pub fn write(&self, buffer: &mut [u8]) -> Option<usize> {
        let len = self.header_len();
        let (fixed, options) = buffer.get_mut(..len)?.split_first_chunk_mut::<HEADER_LEN>()?;
        *fixed = self.fixed();
        options.copy_from_slice(self.options.as_slice());
        Some(len)
    }

    /// As [`Ipv4Header::write`], with the checksum computed.
    pub fn write_with_checksum(&self, buffer: &mut [u8]) -> Option<usize> {
        let len = self.write(buffer)?;
        Ipv4Edit::new(buffer)?.rewrite_checksum();
        Some(len)
    }

    /// The header without its options, checksum as it is.
    #[inline(always)]
    pub fn fixed(&self) -> [u8; HEADER_LEN] {
        let [length_high, length_low] = self.total_length.to_be_bytes();
        let [id_high, id_low] = self.identification.to_be_bytes();
        let [fragment_high, fragment_low] = self.fragment_word().to_be_bytes();
        let [sum_high, sum_low] = self.header_checksum.to_be_bytes();
        let [s0, s1, s2, s3] = self.source.octets();
        let [d0, d1, d2, d3] = self.destination.octets();
        [
            0x40 | (self.header_len() / 4) as u8,
            self.tos,
            length_high,
            length_low,
            id_high,
            id_low,
            fragment_high,
            fragment_low,
            self.ttl,
            self.protocol.into(),
            sum_high,
            sum_low,
            s0,
            s1,
            s2,
            s3,
            d0,
            d1,
            d2,
            d3,
        ]
    }

    /// Flags and fragment offset as one word.
    #[inline]
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
    fn options_are_padded_and_at_most_forty_octets() {
        assert_eq!(OptionOctets::new(&[1; 41]), None);
        let options = OptionOctets::new(&[1; 37]).unwrap();
        assert_eq!(options.as_slice(), [&[1; 37][..], &[0; 3]].concat());
        assert_eq!(std::format!("{:?}", OptionOctets::new(&[1, 1, 1]).unwrap()), "[1, 1, 1, 0]");
        assert_eq!(Ipv4Header { options, ..Ipv4Header::default() }.header_len(), 60);
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
