//! The IPv4 header: a strict view, an editor in place and an owned form. RFC 791 §3.1.

mod edit;
mod error;
mod header;
mod view;

pub use edit::Ipv4Edit;
pub use error::Ipv4Error;
pub use header::{Ipv4Header, OptionOctets};
pub use view::Ipv4View;

/// Octets of a header without options.
pub const HEADER_LEN: usize = 20;
/// Octets of the longest header.
pub const MAX_HEADER_LEN: usize = 60;
/// Octets of the longest options.
pub const MAX_OPTIONS_LEN: usize = MAX_HEADER_LEN - HEADER_LEN;

/// The flag that RFC 791 reserves, in the word of flags and fragment offset.
pub const RESERVED_FLAG: u16 = 0x8000;
/// Don't fragment.
pub const DONT_FRAGMENT: u16 = 0x4000;
/// More fragments.
pub const MORE_FRAGMENTS: u16 = 0x2000;
const OFFSET_MASK: u16 = 0x1fff;

/// Where a fragment belongs, in units of 8 octets; 0 to 8191.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FragmentOffset(u16);

impl FragmentOffset {
    /// The start of the datagram.
    pub const ZERO: Self = Self(0);

    /// `units` of 8 octets, if below 8192.
    pub const fn from_units(units: u16) -> Option<Self> {
        if units <= OFFSET_MASK { Some(Self(units)) } else { None }
    }

    /// `octets`, if a multiple of 8 that the field can hold.
    pub const fn from_octets(octets: usize) -> Option<Self> {
        if octets.is_multiple_of(8) && octets / 8 <= OFFSET_MASK as usize {
            Some(Self((octets / 8) as u16))
        } else {
            None
        }
    }

    /// In units of 8 octets.
    pub const fn units(self) -> u16 {
        self.0
    }

    /// In octets, 0 to 65 528.
    pub const fn octets(self) -> usize {
        self.0 as usize * 8
    }
}

/// Turns random octets into a datagram, so that properties of datagrams are not vacuous.
#[cfg(test)]
pub(super) fn repaired(mut octets: std::vec::Vec<u8>) -> std::vec::Vec<u8> {
    octets.resize(octets.len().max(20), 0);
    let words = (octets.len() / 4).min(usize::from(octets[0] & 0xf)).max(5);
    octets[0] = 0x40 | words as u8;
    let total_length = octets.len() as u16;
    octets[2..4].copy_from_slice(&total_length.to_be_bytes());
    octets
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::short(&[0x45; 19], "19 octets where a header has 20")]
    #[case::version(&[0x65; 20], "version 6")]
    #[case::header(&[0x4f; 20], "header of 60 octets in 20 octets")]
    fn errors_say_what_is_wrong(#[case] octets: &[u8], #[case] text: &str) {
        assert_eq!(Ipv4View::new(octets).unwrap_err().to_string(), text);
    }

    #[rstest]
    #[case(0, Some(0))]
    #[case(8, Some(1))]
    #[case(65_528, Some(8191))]
    #[case(65_536, None)]
    #[case(12, None)]
    fn offset_from_octets(#[case] octets: usize, #[case] units: Option<u16>) {
        assert_eq!(FragmentOffset::from_octets(octets).map(FragmentOffset::units), units);
    }
}
