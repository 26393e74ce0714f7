//! TCP segments: the header and the options that connection tracking reads. RFC 9293 §3.1.

use core::net::Ipv4Addr;

use super::{Protocol, Sum, u16_at, u32_at};

/// Octets of a header without options.
pub const HEADER_LEN: usize = 20;

/// No more data from the sender.
pub const FIN: u8 = 0x01;
/// Synchronize sequence numbers.
pub const SYN: u8 = 0x02;
/// Reset the connection.
pub const RST: u8 = 0x04;
/// Push function.
pub const PSH: u8 = 0x08;
/// The acknowledgment field is significant.
pub const ACK: u8 = 0x10;
/// The urgent pointer is significant.
pub const URG: u8 = 0x20;
/// ECN echo. RFC 3168 §6.1.
pub const ECE: u8 = 0x40;
/// Congestion window reduced. RFC 3168 §6.1.
pub const CWR: u8 = 0x80;

/// Why octets are not a TCP segment, in the order in which it is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpError {
    /// Shorter than a header without options.
    Truncated {
        /// Octets there are; 20 are needed.
        available: usize,
    },
    /// The data offset is below five words.
    DataOffset {
        /// Words of 4 octets.
        words: u8,
    },
    /// The header does not fit into the octets.
    HeaderTruncated {
        /// Octets the header claims.
        needed: usize,
        /// Octets there are.
        available: usize,
    },
}

impl core::fmt::Display for TcpError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Truncated { available } => {
                write!(f, "{available} octets where a TCP header has {HEADER_LEN}")
            }
            Self::DataOffset { words } => write!(f, "data offset of {words} words"),
            Self::HeaderTruncated { needed, available } => {
                write!(f, "TCP header of {needed} octets in {available} octets")
            }
        }
    }
}

impl core::error::Error for TcpError {}

/// A TCP segment whose header fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpView<'a> {
    header: &'a [u8; HEADER_LEN],
    options: &'a [u8],
    payload: &'a [u8],
    octets: &'a [u8],
}

impl<'a> TcpView<'a> {
    /// Over the payload of an IPv4 datagram.
    ///
    /// # Errors
    /// The first [`TcpError`] in the order of its variants.
    #[inline]
    pub fn new(octets: &'a [u8]) -> Result<Self, TcpError> {
        let available = octets.len();
        let Some((header, rest)) = octets.split_first_chunk::<HEADER_LEN>() else {
            return Err(TcpError::Truncated { available });
        };
        let words = header[12] >> 4;
        let Some(options_len) = (usize::from(words) * 4).checked_sub(HEADER_LEN) else {
            return Err(TcpError::DataOffset { words });
        };
        let Some((options, payload)) = rest.split_at_checked(options_len) else {
            return Err(TcpError::HeaderTruncated { needed: HEADER_LEN + options_len, available });
        };
        Ok(Self { header, options, payload, octets })
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

    /// Sequence number.
    #[inline]
    pub fn sequence_number(&self) -> u32 {
        u32_at(self.header, 4)
    }

    /// Acknowledgment number.
    #[inline]
    pub fn acknowledgment_number(&self) -> u32 {
        u32_at(self.header, 8)
    }

    /// Header length in words of 4 octets, 5 to 15.
    #[inline]
    pub fn data_offset(&self) -> u8 {
        self.header[12] >> 4
    }

    /// The four bits between data offset and flags.
    #[inline]
    pub fn reserved(&self) -> u8 {
        self.header[12] & 0xf
    }

    /// Flags: [`SYN`], [`ACK`], ….
    #[inline]
    pub fn flags(&self) -> u8 {
        self.header[13]
    }

    /// Whether all of `flags` are set.
    #[inline]
    pub fn has(&self, flags: u8) -> bool {
        self.header[13] & flags == flags
    }

    /// Window, not scaled.
    #[inline]
    pub fn window(&self) -> u16 {
        u16_at(self.header, 14)
    }

    /// Checksum as found.
    #[inline]
    pub fn checksum(&self) -> u16 {
        u16_at(self.header, 16)
    }

    /// Urgent pointer.
    #[inline]
    pub fn urgent_pointer(&self) -> u16 {
        u16_at(self.header, 18)
    }

    /// Octets of sequence space: the payload and one each for SYN and FIN. RFC 9293 §3.4.
    #[inline]
    pub fn segment_len(&self) -> u32 {
        self.payload.len() as u32 + u32::from(self.has(SYN)) + u32::from(self.has(FIN))
    }

    /// Whether the checksum is right, between `source` and `destination`.
    #[inline]
    pub fn is_checksum_valid(&self, source: Ipv4Addr, destination: Ipv4Addr) -> bool {
        let len = self.octets.len() as u16;
        (Sum::of_pseudo_header(source, destination, Protocol::Tcp, len) + Sum::of(self.octets)).is_intact()
    }

    /// The options as they stand, 0 to 40 octets.
    #[inline]
    pub fn options(&self) -> &'a [u8] {
        self.options
    }

    /// A walk over the options.
    pub fn option_list(&self) -> TcpOptions<'a> {
        TcpOptions { octets: self.options }
    }

    /// What follows the header.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The whole segment.
    #[inline]
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }
}

/// One TCP option. RFC 9293 §3.2, RFC 7323 §2 and §3, RFC 2018 §2 and §3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpOption<'a> {
    /// No operation.
    NoOperation,
    /// Maximum segment size, in octets.
    MaximumSegmentSize(u16),
    /// Window scale: the shift as found, 0 to 255.
    WindowScale(u8),
    /// Selective acknowledgment permitted.
    SackPermitted,
    /// Selective acknowledgment: the octets of its blocks, 8 for each.
    Sack(SackBlocks<'a>),
    /// Timestamps.
    Timestamps {
        /// The sender's clock.
        value: u32,
        /// What it echoes.
        echo_reply: u32,
    },
    /// Another kind, or a known kind with an unusual length.
    Unknown {
        /// Kind.
        kind: u8,
        /// What follows kind and length.
        data: &'a [u8],
    },
}

/// The blocks of a selective acknowledgment: pairs of left and right edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SackBlocks<'a>(&'a [[u8; 8]]);

impl SackBlocks<'_> {
    /// Left and right edge of each block.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.0.iter().map(|block| (u32_at(block, 0), u32_at(block, 4)))
    }

    /// How many blocks there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A walk over TCP options; ends at the end of list, at the end of the octets, or at an option without a sound length.
#[derive(Clone, Debug)]
pub struct TcpOptions<'a> {
    octets: &'a [u8],
}

impl<'a> TcpOptions<'a> {
    /// Over `octets`, which begin right after the fixed header.
    pub const fn new(octets: &'a [u8]) -> Self {
        Self { octets }
    }
}

impl<'a> Iterator for TcpOptions<'a> {
    type Item = TcpOption<'a>;

    fn next(&mut self) -> Option<TcpOption<'a>> {
        let (&kind, rest) = core::mem::take(&mut self.octets).split_first()?;
        match kind {
            0 => return None,
            1 => {
                self.octets = rest;
                return Some(TcpOption::NoOperation);
            }
            _ => {}
        }
        let (&len, rest) = rest.split_first()?;
        let (data, rest) = rest.split_at_checked(usize::from(len).checked_sub(2)?)?;
        self.octets = rest;
        Some(option(kind, data))
    }
}

/// Names the option of `kind`.
fn option(kind: u8, data: &[u8]) -> TcpOption<'_> {
    match (kind, data) {
        (2, &[a, b]) => TcpOption::MaximumSegmentSize(u16::from_be_bytes([a, b])),
        (3, &[shift]) => TcpOption::WindowScale(shift),
        (4, []) => TcpOption::SackPermitted,
        (5, blocks) if !blocks.is_empty() && blocks.len().is_multiple_of(8) => {
            TcpOption::Sack(SackBlocks(blocks.as_chunks().0))
        }
        (8, &[a, b, c, d, e, f, g, h]) => TcpOption::Timestamps {
            value: u32::from_be_bytes([a, b, c, d]),
            echo_reply: u32::from_be_bytes([e, f, g, h]),
        },
        (kind, data) => TcpOption::Unknown { kind, data },
    }
}

/// The checksum of a segment whose checksum field is zero.
pub fn checksum(source: Ipv4Addr, destination: Ipv4Addr, octets: &[u8]) -> u16 {
    (Sum::of_pseudo_header(source, destination, Protocol::Tcp, octets.len() as u16) + Sum::of(octets))
        .checksum()
}

/// A TCP header without its options, owned. Writing what was read gives back the octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpHeader {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Sequence number.
    pub sequence_number: u32,
    /// Acknowledgment number.
    pub acknowledgment_number: u32,
    /// Header length in words of 4 octets, 0 to 15.
    pub data_offset: u8,
    /// The four bits between data offset and flags.
    pub reserved: u8,
    /// Flags.
    pub flags: u8,
    /// Window, not scaled.
    pub window: u16,
    /// Checksum, as found or to be written as it is.
    pub checksum: u16,
    /// Urgent pointer.
    pub urgent_pointer: u16,
}

impl From<&TcpView<'_>> for TcpHeader {
    fn from(view: &TcpView<'_>) -> Self {
        Self {
            source_port: view.source_port(),
            destination_port: view.destination_port(),
            sequence_number: view.sequence_number(),
            acknowledgment_number: view.acknowledgment_number(),
            data_offset: view.data_offset(),
            reserved: view.reserved(),
            flags: view.flags(),
            window: view.window(),
            checksum: view.checksum(),
            urgent_pointer: view.urgent_pointer(),
        }
    }
}

impl TcpHeader {
    /// The header's 20 octets, checksum as it is.
    pub fn octets(&self) -> [u8; HEADER_LEN] {
        let mut octets = [0; HEADER_LEN];
        octets[0..2].copy_from_slice(&self.source_port.to_be_bytes());
        octets[2..4].copy_from_slice(&self.destination_port.to_be_bytes());
        octets[4..8].copy_from_slice(&self.sequence_number.to_be_bytes());
        octets[8..12].copy_from_slice(&self.acknowledgment_number.to_be_bytes());
        octets[12] = self.data_offset << 4 | self.reserved & 0xf;
        octets[13] = self.flags;
        octets[14..16].copy_from_slice(&self.window.to_be_bytes());
        octets[16..18].copy_from_slice(&self.checksum.to_be_bytes());
        octets[18..20].copy_from_slice(&self.urgent_pointer.to_be_bytes());
        octets
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use quickcheck::quickcheck;
    use rstest::rstest;

    use super::*;

    /// 24 octets whose data offset says `words`.
    fn segment(words: u8) -> [u8; 24] {
        let mut octets = [0; 24];
        octets[12] = words << 4;
        octets
    }

    #[rstest]
    #[case::nineteen(&[0; 19], TcpError::Truncated { available: 19 })]
    #[case::four_words(&segment(4), TcpError::DataOffset { words: 4 })]
    #[case::seven_words(&segment(7), TcpError::HeaderTruncated { needed: 28, available: 24 })]
    fn rejected(#[case] octets: &[u8], #[case] expected: TcpError) {
        assert_eq!(TcpView::new(octets), Err(expected));
    }

    #[rstest]
    #[case::syn(&[2, 4, 5, 0xb4, 1, 3, 3, 7, 4, 2, 0, 0], &[
        TcpOption::MaximumSegmentSize(1460), TcpOption::NoOperation, TcpOption::WindowScale(7), TcpOption::SackPermitted,
    ])]
    #[case::sack(&[1, 1, 5, 10, 0, 0, 0, 151, 0, 0, 0, 201], &[
        TcpOption::NoOperation, TcpOption::NoOperation,
        TcpOption::Sack(SackBlocks(&[[0, 0, 0, 151, 0, 0, 0, 201]])),
    ])]
    #[case::timestamps(&[8, 10, 0, 0, 0, 1, 0, 0, 0, 2], &[TcpOption::Timestamps { value: 1, echo_reply: 2 }])]
    #[case::length_zero_ends(&[1, 3, 0, 7], &[TcpOption::NoOperation])]
    #[case::length_one_ends(&[3, 1, 7], &[])]
    #[case::length_past_the_end_ends(&[3, 4, 7], &[])]
    #[case::unusual_length(&[3, 2, 1], &[TcpOption::Unknown { kind: 3, data: &[] }, TcpOption::NoOperation])]
    fn option_walk(#[case] octets: &[u8], #[case] expected: &[TcpOption<'_>]) {
        assert_eq!(TcpOptions::new(octets).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn sack_blocks_are_edges() {
        let octets = [5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4];
        let Some(TcpOption::Sack(blocks)) = TcpOptions::new(&octets).next() else { panic!("no SACK") };
        assert_eq!(blocks.iter().collect::<Vec<_>>(), [(1, 2), (3, 4)]);
        assert_eq!((blocks.len(), blocks.is_empty(), SackBlocks(&[]).is_empty()), (2, false, true));
    }

    quickcheck! {
        fn view_to_header_to_octets_is_the_identity(octets: Vec<u8>) -> bool {
            let mut octets = octets;
            octets.resize(octets.len().max(20), 0);
            octets[12] = octets[12] & 0xf | 0x50;
            TcpHeader::from(&TcpView::new(&octets).unwrap()).octets() == octets[..20]
        }

        fn no_octets_panic(octets: Vec<u8>) -> bool {
            let options = TcpOptions::new(&octets).count();
            options <= octets.len() && TcpView::new(&octets).is_ok_and(|view| view.segment_len() < 65_538)
                || TcpView::new(&octets).is_err()
        }

        fn computed_checksum_is_valid(octets: Vec<u8>, source: u32, destination: u32) -> bool {
            let mut octets = octets;
            octets.resize(octets.len().max(20), 0);
            octets[12] = 0x50;
            octets[16..18].fill(0);
            let (source, destination) = (source.into(), destination.into());
            let sum = checksum(source, destination, &octets);
            octets[16..18].copy_from_slice(&sum.to_be_bytes());
            TcpView::new(&octets).unwrap().is_checksum_valid(source, destination)
        }
    }
}
