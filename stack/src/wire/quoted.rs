//! The cut-off original inside an ICMP error: what is there can be read, and nothing is promised.

use core::net::Ipv4Addr;

use super::ipv4::{FragmentOffset, HEADER_LEN};
use super::{Protocol, u16_at, u32_at};

/// A quoted datagram: at least 20 octets of it, none of them checked.
///
/// Version, header length, total length and checksum may be anything; policy decides what to make of them.
/// RFC 792 quotes the header and 8 octets, RFC 1812 §4.3.2.3 as much as fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotedView<'a> {
    header: &'a [u8; HEADER_LEN],
    octets: &'a [u8],
}

impl<'a> QuotedView<'a> {
    /// Over `octets`, or `None` if there are fewer than 20.
    #[inline]
    pub fn new(octets: &'a [u8]) -> Option<Self> {
        Some(Self { header: octets.first_chunk()?, octets })
    }

    /// IP version as claimed.
    pub fn version(&self) -> u8 {
        self.header[0] >> 4
    }

    /// Header length as claimed, in words of 4 octets, 0 to 15.
    pub fn ihl(&self) -> u8 {
        self.header[0] & 0xf
    }

    /// Header length as claimed, in octets, 0 to 60.
    pub fn header_len(&self) -> usize {
        usize::from(self.ihl()) * 4
    }

    /// Type of service.
    pub fn tos(&self) -> u8 {
        self.header[1]
    }

    /// Total length as claimed.
    pub fn total_length(&self) -> u16 {
        u16_at(self.header, 2)
    }

    /// Identification.
    pub fn identification(&self) -> u16 {
        u16_at(self.header, 4)
    }

    /// Don't fragment.
    pub fn dont_fragment(&self) -> bool {
        self.header[6] & 0x40 != 0
    }

    /// More fragments.
    pub fn more_fragments(&self) -> bool {
        self.header[6] & 0x20 != 0
    }

    /// Where the payload belonged.
    pub fn fragment_offset(&self) -> FragmentOffset {
        FragmentOffset::from_units(u16_at(self.header, 6) & 0x1fff).unwrap_or_default()
    }

    /// Time to live when it was quoted.
    pub fn ttl(&self) -> u8 {
        self.header[8]
    }

    /// What the payload is.
    pub fn protocol(&self) -> Protocol {
        self.header[9].into()
    }

    /// Header checksum, right or wrong.
    pub fn header_checksum(&self) -> u16 {
        u16_at(self.header, 10)
    }

    /// Source address.
    pub fn source(&self) -> Ipv4Addr {
        u32_at(self.header, 12).into()
    }

    /// Destination address.
    pub fn destination(&self) -> Ipv4Addr {
        u32_at(self.header, 16).into()
    }

    /// As much of the options as the claimed header length covers and the quote holds.
    pub fn options(&self) -> &'a [u8] {
        let end = self.header_len().min(self.octets.len());
        self.octets.get(HEADER_LEN..end).unwrap_or_default()
    }

    /// What follows the claimed header length; with a claim below 5 words that overlaps the header, as in Linux.
    /// Empty if the claim reaches past the quote.
    pub fn payload(&self) -> &'a [u8] {
        self.octets.get(self.header_len()..).unwrap_or_default()
    }

    /// The first two words of 16 bits of the payload: the ports of TCP, UDP and their kin.
    pub fn ports(&self) -> Option<(u16, u16)> {
        let ports = self.payload().first_chunk::<4>()?;
        Some((u16_at(ports, 0), u16_at(ports, 2)))
    }

    /// All that was quoted.
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use quickcheck::quickcheck;
    use rstest::rstest;

    use super::*;

    /// A quoted UDP header of 28 octets whose IHL says `ihl`.
    fn quote(ihl: u8) -> [u8; 28] {
        let mut octets = [0; 28];
        octets[0] = 0x40 | ihl;
        octets[20..24].copy_from_slice(&[0x12, 0x34, 0, 53]);
        octets
    }

    #[rstest]
    #[case::plain(5, 0, 8, Some((0x1234, 53)))]
    #[case::options(6, 4, 4, Some((0, 0)))]
    #[case::ports_cut_off(7, 8, 0, None)]
    #[case::header_cut_off(15, 8, 0, None)]
    #[case::header_too_short(0, 0, 28, Some((0x4000, 0)))]
    fn claimed_header_length(
        #[case] ihl: u8,
        #[case] options: usize,
        #[case] payload: usize,
        #[case] ports: Option<(u16, u16)>,
    ) {
        let octets = quote(ihl);
        let view = QuotedView::new(&octets).unwrap();
        assert_eq!((view.options().len(), view.payload().len(), view.ports()), (options, payload, ports));
    }

    #[test]
    fn each_getter_reads_its_own_field() {
        let octets =
            [0x45, 0x29, 0x01, 0x02, 0x03, 0x04, 0x65, 0x06, 7, 17, 0x0a, 0x0b, 10, 0, 0, 1, 10, 0, 0, 2];
        let view = QuotedView::new(&octets).unwrap();
        assert_eq!((view.version(), view.header_len(), view.tos()), (4, 20, 0x29));
        assert_eq!((view.total_length(), view.identification()), (0x0102, 0x0304));
        assert!(view.dont_fragment() && view.more_fragments());
        assert_eq!(view.fragment_offset().octets(), 0x0506 * 8);
        assert_eq!((view.ttl(), view.protocol(), view.header_checksum()), (7, Protocol::Udp, 0x0a0b));
        assert_eq!(view.source(), Ipv4Addr::new(10, 0, 0, 1));
        assert_eq!(view.destination(), Ipv4Addr::new(10, 0, 0, 2));
        let clear = [0; 20];
        let view = QuotedView::new(&clear).unwrap();
        assert!(!view.dont_fragment() && !view.more_fragments());
    }

    quickcheck! {
        fn no_getter_panics(octets: Vec<u8>) -> bool {
            QuotedView::new(&octets).is_none_or(|view| {
                let _ = (view.version(), view.tos(), view.total_length(), view.identification(), view.ports());
                let _ = (view.dont_fragment(), view.more_fragments(), view.ttl(), view.header_checksum());
                view.fragment_offset().octets() < 65_536 && view.options().len() <= 40 && view.octets() == octets
            })
        }
    }
}
