//! A datagram that has been checked whole.

use core::net::Ipv4Addr;

use super::super::{Ipv4Options, Protocol, checksum, u16_at, u32_at};
use super::{
    DONT_FRAGMENT, FragmentOffset, HEADER_LEN, Ipv4Error, MORE_FRAGMENTS, OFFSET_MASK, RESERVED_FLAG,
};

/// An IPv4 datagram borrowed from a buffer. Version, IHL, total length and buffer agree, so no getter can fail.
/// Only [`Ipv4View::of_any_version`] takes another version for 4.
///
/// What the buffer holds beyond the total length is not part of the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv4View<'a> {
    header: &'a [u8; HEADER_LEN],
    options: &'a [u8],
    payload: &'a [u8],
    octets: &'a [u8],
}

impl<'a> Ipv4View<'a> {
    /// The datagram at the start of `buffer`; its header checksum is not looked at.
    ///
    /// # Errors
    /// Any [`Ipv4Error`] but `Checksum`.
    #[inline]
    pub fn new(buffer: &'a [u8]) -> Result<Self, Ipv4Error> {
        Self::parse(buffer, false, false)
    }

    /// As [`Ipv4View::new`], whatever the version says: for what was made here, where nobody looks at it.
    ///
    /// # Errors
    /// Any [`Ipv4Error`] but `Checksum` and `Version`.
    #[inline]
    pub fn of_any_version(buffer: &'a [u8]) -> Result<Self, Ipv4Error> {
        Self::parse(buffer, false, true)
    }

    /// As [`Ipv4View::new`], and with a right header checksum, which is checked before the total length.
    /// RFC 1122 §3.2.1.2.
    ///
    /// # Errors
    /// The first [`Ipv4Error`] in the order of its variants.
    #[inline]
    pub fn verified(buffer: &'a [u8]) -> Result<Self, Ipv4Error> {
        Self::parse(buffer, true, false)
    }

    #[inline(always)]
    fn parse(buffer: &'a [u8], verify: bool, any_version: bool) -> Result<Self, Ipv4Error> {
        let available = buffer.len();
        let Some((header, rest)) = buffer.split_first_chunk::<HEADER_LEN>() else {
            return Err(Ipv4Error::Truncated { needed: HEADER_LEN, available });
        };
        let options: &[u8] = match header[0] {
            0x45 => &[],
            first if any_version => options_of(0x40 | first & 0xf, rest)?,
            first => options_of(first, rest)?,
        };
        if verify && !checksum::is_header_intact(header, options) {
            return Err(Ipv4Error::Checksum);
        }
        let header_len = HEADER_LEN + options.len();
        let total_length = usize::from(u16_at(header, 2));
        let Some(octets) = buffer.get(..total_length) else {
            return Err(Ipv4Error::TotalLengthTruncated { needed: total_length, available });
        };
        let Some(payload) = octets.get(header_len..) else {
            return Err(Ipv4Error::TotalLengthBelowHeader { total_length, header_len });
        };
        Ok(Self { header, options, payload, octets })
    }

    /// Header length in words of 4 octets, 5 to 15.
    #[inline]
    pub fn ihl(&self) -> u8 {
        self.header[0] & 0xf
    }

    /// Header length in octets, 20 to 60.
    #[inline]
    pub fn header_len(&self) -> usize {
        HEADER_LEN + self.options.len()
    }

    /// Type of service: DSCP and ECN together.
    #[inline]
    pub fn tos(&self) -> u8 {
        self.header[1]
    }

    /// Explicit congestion notification codepoint, 0 to 3. RFC 3168 §5.
    #[inline]
    pub fn ecn(&self) -> u8 {
        self.header[1] & 3
    }

    /// Octets of header and payload.
    #[inline]
    pub fn total_length(&self) -> u16 {
        u16_at(self.header, 2)
    }

    /// Identification.
    #[inline]
    pub fn identification(&self) -> u16 {
        u16_at(self.header, 4)
    }

    /// The reserved flag, which RFC 791 wants zero.
    #[inline]
    pub fn reserved_flag(&self) -> bool {
        u16_at(self.header, 6) & RESERVED_FLAG != 0
    }

    /// Don't fragment.
    #[inline]
    pub fn dont_fragment(&self) -> bool {
        u16_at(self.header, 6) & DONT_FRAGMENT != 0
    }

    /// More fragments.
    #[inline]
    pub fn more_fragments(&self) -> bool {
        u16_at(self.header, 6) & MORE_FRAGMENTS != 0
    }

    /// Where the payload belongs in the original datagram.
    #[inline]
    pub fn fragment_offset(&self) -> FragmentOffset {
        FragmentOffset(u16_at(self.header, 6) & OFFSET_MASK)
    }

    /// Whether this is one piece of a larger datagram.
    #[inline]
    pub fn is_fragment(&self) -> bool {
        u16_at(self.header, 6) & (MORE_FRAGMENTS | OFFSET_MASK) != 0
    }

    /// Time to live, in hops.
    #[inline]
    pub fn ttl(&self) -> u8 {
        self.header[8]
    }

    /// What the payload is.
    #[inline]
    pub fn protocol(&self) -> Protocol {
        self.header[9].into()
    }

    /// Header checksum as found.
    #[inline]
    pub fn header_checksum(&self) -> u16 {
        u16_at(self.header, 10)
    }

    /// Whether the header checksum is right.
    #[inline]
    pub fn is_checksum_valid(&self) -> bool {
        checksum::is_header_intact(self.header, self.options)
    }

    /// Source address.
    #[inline]
    pub fn source(&self) -> Ipv4Addr {
        u32_at(self.header, 12).into()
    }

    /// Destination address.
    #[inline]
    pub fn destination(&self) -> Ipv4Addr {
        u32_at(self.header, 16).into()
    }

    /// The options as they stand, 0 to 40 octets.
    #[inline]
    pub fn options(&self) -> &'a [u8] {
        self.options
    }

    /// A walk over the options.
    pub fn option_list(&self) -> Ipv4Options<'a> {
        Ipv4Options::new(self.options)
    }

    /// Header with options.
    #[inline]
    pub fn header(&self) -> &'a [u8] {
        self.octets.get(..self.header_len()).unwrap_or(self.octets)
    }

    /// What follows the header, up to the total length.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The whole datagram, trimmed to the total length.
    #[inline]
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }
}

/// The options of a header that is not the plain one: `first` is its first octet, `rest` all after 20 octets.
fn options_of(first: u8, rest: &[u8]) -> Result<&[u8], Ipv4Error> {
    let (version, ihl) = (first >> 4, first & 0xf);
    if version != 4 {
        return Err(Ipv4Error::Version { version });
    }
    if ihl < 5 {
        return Err(Ipv4Error::HeaderLength { ihl });
    }
    let needed = usize::from(ihl) * 4;
    let available = HEADER_LEN + rest.len();
    rest.get(..needed - HEADER_LEN).ok_or(Ipv4Error::HeaderTruncated { needed, available })
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use quickcheck::quickcheck;
    use rstest::rstest;

    use super::*;

    const ECHO: [u8; 36] = [
        0x45, 0, 0, 36, 0, 7, 0, 0, 64, 1, 0x66, 0xd0, 10, 0, 0, 2, 10, 0, 0, 1, 8, 0, 0x66, 0x68, 0, 1, 0,
        1, b'a', b'b', b'c', b'd', b'e', b'f', b'g', b'h',
    ];

    #[rstest]
    #[case::whole(0x4000, false)]
    #[case::first(0x2000, true)]
    #[case::last(1, true)]
    fn pieces_are_told_from_wholes(#[case] word: u16, #[case] expected: bool) {
        let mut octets = ECHO;
        octets[6..8].copy_from_slice(&word.to_be_bytes());
        assert_eq!(Ipv4View::new(&octets).unwrap().is_fragment(), expected);
    }

    /// ECHO with one octet changed.
    fn with(at: usize, octet: u8) -> Vec<u8> {
        let mut octets = ECHO.to_vec();
        octets[at] = octet;
        octets
    }

    #[rstest]
    #[case::empty(&[], Ipv4Error::Truncated { needed: 20, available: 0 })]
    #[case::nineteen(&ECHO[..19], Ipv4Error::Truncated { needed: 20, available: 19 })]
    #[case::version_six(&with(0, 0x65), Ipv4Error::Version { version: 6 })]
    #[case::version_before_length(&with(0, 0x51), Ipv4Error::Version { version: 5 })]
    #[case::four_words(&with(0, 0x44), Ipv4Error::HeaderLength { ihl: 4 })]
    #[case::no_words(&with(0, 0x40), Ipv4Error::HeaderLength { ihl: 0 })]
    #[case::sixty_octets(&with(0, 0x4f), Ipv4Error::HeaderTruncated { needed: 60, available: 36 })]
    #[case::checksum_before_total_length(&with(3, 37), Ipv4Error::Checksum)]
    #[case::checksum(&with(8, 63), Ipv4Error::Checksum)]
    fn verified_rejects(#[case] octets: &[u8], #[case] expected: Ipv4Error) {
        assert_eq!(Ipv4View::verified(octets), Err(expected));
    }

    #[rstest]
    #[case::total_length_too_long(&with(3, 37), Ipv4Error::TotalLengthTruncated { needed: 37, available: 36 })]
    #[case::total_length_nineteen(&with(3, 19), Ipv4Error::TotalLengthBelowHeader { total_length: 19, header_len: 20 })]
    #[case::total_length_zero(&with(3, 0), Ipv4Error::TotalLengthBelowHeader { total_length: 0, header_len: 20 })]
    fn new_rejects(#[case] octets: &[u8], #[case] expected: Ipv4Error) {
        assert_eq!(Ipv4View::new(octets), Err(expected));
    }

    #[rstest]
    #[case::version_six(0x65, Ok(20))]
    #[case::four_words(0x64, Err(Ipv4Error::HeaderLength { ihl: 4 }))]
    fn any_version_will_do_where_nobody_looks(#[case] first: u8, #[case] expected: Result<usize, Ipv4Error>) {
        let octets = with(0, first);
        assert_eq!(Ipv4View::of_any_version(&octets).map(|view| view.header_len()), expected);
    }

    #[test]
    fn fields_of_an_echo_request() {
        let view = Ipv4View::verified(&ECHO).unwrap();
        assert_eq!((view.ihl(), view.tos(), view.total_length(), view.identification()), (5, 0, 36, 7));
        assert_eq!((view.ttl(), view.protocol()), (64, Protocol::Icmp));
        assert_eq!(
            (view.source(), view.destination()),
            (Ipv4Addr::new(10, 0, 0, 2), Ipv4Addr::new(10, 0, 0, 1))
        );
        assert!(!view.is_fragment() && view.is_checksum_valid());
        assert!(!Ipv4View::new(&with(8, 63)).unwrap().is_checksum_valid());
        assert_eq!(view.payload(), &ECHO[20..]);
    }

    #[test]
    fn padding_after_the_total_length_is_no_payload() {
        let padded = [&ECHO[..], &[0; 24]].concat();
        assert_eq!(Ipv4View::verified(&padded).unwrap().octets(), ECHO);
    }

    quickcheck! {
        fn no_octets_panic(octets: Vec<u8>) -> bool {
            Ipv4View::new(&octets).is_ok() || Ipv4View::verified(&octets).is_err()
        }

    }
}
