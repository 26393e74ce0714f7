//! Why octets are not a datagram.

use core::fmt;

/// Why octets are not an IPv4 datagram, in the order in which it is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ipv4Error {
    /// Shorter than a header without options.
    Truncated {
        /// Octets a header has at least.
        needed: usize,
        /// Octets there are.
        available: usize,
    },
    /// The version is not 4.
    Version {
        /// What it is.
        version: u8,
    },
    /// The header length is below five words.
    HeaderLength {
        /// Words of 4 octets.
        ihl: u8,
    },
    /// The header does not fit into the octets.
    HeaderTruncated {
        /// Octets the header claims.
        needed: usize,
        /// Octets there are.
        available: usize,
    },
    /// The header checksum is wrong. Only [`Ipv4View::verified`](super::Ipv4View::verified) looks at it.
    Checksum,
    /// The total length exceeds the octets.
    TotalLengthTruncated {
        /// Octets the datagram claims.
        needed: usize,
        /// Octets there are.
        available: usize,
    },
    /// The total length does not even cover the header.
    TotalLengthBelowHeader {
        /// Octets the datagram claims.
        total_length: usize,
        /// Octets of the header.
        header_len: usize,
    },
}

impl fmt::Display for Ipv4Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { needed, available } => {
                write!(f, "{available} octets where a header has {needed}")
            }
            Self::Version { version } => write!(f, "version {version}"),
            Self::HeaderLength { ihl } => write!(f, "header length of {ihl} words"),
            Self::HeaderTruncated { needed, available } => {
                write!(f, "header of {needed} octets in {available} octets")
            }
            Self::Checksum => write!(f, "wrong header checksum"),
            Self::TotalLengthTruncated { needed, available } => {
                write!(f, "total length {needed} in {available} octets")
            }
            Self::TotalLengthBelowHeader { total_length, header_len } => {
                write!(f, "total length {total_length} below the header's {header_len} octets")
            }
        }
    }
}

impl core::error::Error for Ipv4Error {}
