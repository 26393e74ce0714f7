//! ICMP messages: types, codes and a view. RFC 792, RFC 1191, RFC 4884, RFC 8335.

use core::net::Ipv4Addr;

use super::{QuotedView, checksum, u16_at, u32_at};

/// Octets of the header every message has.
pub const HEADER_LEN: usize = 8;

open_enum! {
    /// The type of an ICMP message.
    IcmpType {
        /// Echo Reply.
        EchoReply = 0,
        /// Destination Unreachable.
        DestinationUnreachable = 3,
        /// Source Quench, deprecated by RFC 6633.
        SourceQuench = 4,
        /// Redirect.
        Redirect = 5,
        /// Echo.
        Echo = 8,
        /// Router Advertisement. RFC 1256 §3.
        RouterAdvertisement = 9,
        /// Router Solicitation. RFC 1256 §3.
        RouterSolicitation = 10,
        /// Time Exceeded.
        TimeExceeded = 11,
        /// Parameter Problem.
        ParameterProblem = 12,
        /// Timestamp.
        Timestamp = 13,
        /// Timestamp Reply.
        TimestampReply = 14,
        /// Information Request, deprecated by RFC 6918.
        InformationRequest = 15,
        /// Information Reply, deprecated by RFC 6918.
        InformationReply = 16,
        /// Address Mask Request, deprecated by RFC 6918.
        AddressMaskRequest = 17,
        /// Address Mask Reply, deprecated by RFC 6918.
        AddressMaskReply = 18,
        /// Extended Echo Request. RFC 8335 §2.
        ExtendedEchoRequest = 42,
        /// Extended Echo Reply. RFC 8335 §3.
        ExtendedEchoReply = 43,
    }
}

impl IcmpType {
    /// Whether messages of this type report an error and quote a datagram. RFC 1122 §3.2.2.
    pub const fn is_error(self) -> bool {
        matches!(
            self,
            Self::DestinationUnreachable
                | Self::SourceQuench
                | Self::Redirect
                | Self::TimeExceeded
                | Self::ParameterProblem
        )
    }
}

open_enum! {
    /// The code of a Destination Unreachable. RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1.
    UnreachableCode {
        /// Net unreachable.
        Net = 0,
        /// Host unreachable.
        Host = 1,
        /// Protocol unreachable.
        Protocol = 2,
        /// Port unreachable.
        Port = 3,
        /// Fragmentation needed and DF set.
        FragmentationNeeded = 4,
        /// Source route failed.
        SourceRouteFailed = 5,
        /// Destination network unknown.
        NetUnknown = 6,
        /// Destination host unknown.
        HostUnknown = 7,
        /// Source host isolated.
        SourceIsolated = 8,
        /// Communication with destination network administratively prohibited.
        NetProhibited = 9,
        /// Communication with destination host administratively prohibited.
        HostProhibited = 10,
        /// Network unreachable for type of service.
        NetForTos = 11,
        /// Host unreachable for type of service.
        HostForTos = 12,
        /// Communication administratively prohibited.
        AdministrativelyProhibited = 13,
        /// Host precedence violation.
        PrecedenceViolation = 14,
        /// Precedence cutoff in effect.
        PrecedenceCutoff = 15,
    }
}

open_enum! {
    /// The code of a Redirect. RFC 792 "Redirect Message".
    RedirectCode {
        /// For the network.
        Net = 0,
        /// For the host.
        Host = 1,
        /// For the type of service and network.
        NetForTos = 2,
        /// For the type of service and host.
        HostForTos = 3,
    }
}

open_enum! {
    /// The code of a Time Exceeded. RFC 792 "Time Exceeded Message".
    TimeExceededCode {
        /// Time to live exceeded in transit.
        Transit = 0,
        /// Fragment reassembly time exceeded.
        Reassembly = 1,
    }
}

open_enum! {
    /// The code of a Parameter Problem. RFC 792, RFC 1122 §3.2.2.5, RFC 1108 §3.
    ParameterProblemCode {
        /// The pointer says where.
        Pointer = 0,
        /// A required option is missing.
        OptionMissing = 1,
        /// Bad length.
        BadLength = 2,
    }
}

open_enum! {
    /// The code of an Extended Echo Reply. RFC 8335 §3.
    ExtendedEchoCode {
        /// No error.
        NoError = 0,
        /// Malformed query.
        MalformedQuery = 1,
        /// No such interface.
        NoSuchInterface = 2,
        /// No such table entry.
        NoSuchTableEntry = 3,
        /// Multiple interfaces satisfy the query.
        MultipleInterfaces = 4,
    }
}

/// Fewer octets than an ICMP header has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpTruncated {
    /// Octets there are; 8 are needed.
    pub available: usize,
}

impl core::fmt::Display for IcmpTruncated {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} octets where an ICMP header has {HEADER_LEN}", self.available)
    }
}

impl core::error::Error for IcmpTruncated {}

/// An ICMP message of at least 8 octets. Its checksum is checked on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpView<'a> {
    header: &'a [u8; HEADER_LEN],
    body: &'a [u8],
    octets: &'a [u8],
}

impl<'a> IcmpView<'a> {
    /// Over the payload of a datagram.
    ///
    /// # Errors
    /// [`IcmpTruncated`] below 8 octets.
    #[inline]
    pub fn new(octets: &'a [u8]) -> Result<Self, IcmpTruncated> {
        match octets.split_first_chunk() {
            Some((header, body)) => Ok(Self { header, body, octets }),
            None => Err(IcmpTruncated { available: octets.len() }),
        }
    }

    /// The first 8 octets.
    #[inline]
    pub const fn header(&self) -> &'a [u8; HEADER_LEN] {
        self.header
    }

    /// Type.
    #[inline]
    pub fn icmp_type(&self) -> IcmpType {
        self.header[0].into()
    }

    /// Code; its meaning depends on the type.
    #[inline]
    pub fn code(&self) -> u8 {
        self.header[1]
    }

    /// Checksum as found.
    #[inline]
    pub fn checksum(&self) -> u16 {
        u16_at(self.header, 2)
    }

    /// Whether the checksum is right.
    #[inline]
    pub fn is_checksum_valid(&self) -> bool {
        checksum::is_intact(self.octets)
    }

    /// The four octets after the checksum.
    #[inline]
    pub fn word(&self) -> u32 {
        u32_at(self.header, 4)
    }

    /// Identifier of a query or its reply.
    #[inline]
    pub fn identifier(&self) -> u16 {
        u16_at(self.header, 4)
    }

    /// Sequence number of a query or its reply. In extended echo messages it is 8 bits, and flags follow.
    #[inline]
    pub fn sequence_number(&self) -> u16 {
        u16_at(self.header, 6)
    }

    /// Pointer of a Parameter Problem.
    #[inline]
    pub fn pointer(&self) -> u8 {
        self.header[4]
    }

    /// Length of the quoted datagram in words of 4 octets, 0 if not given. RFC 4884 §4.
    #[inline]
    pub fn quoted_words(&self) -> u8 {
        self.header[5]
    }

    /// Next-hop MTU of a Fragmentation Needed. RFC 1191 §4.
    #[inline]
    pub fn next_hop_mtu(&self) -> u16 {
        u16_at(self.header, 6)
    }

    /// Gateway of a Redirect.
    #[inline]
    pub fn gateway(&self) -> Ipv4Addr {
        self.word().into()
    }

    /// What follows the 8 octets.
    #[inline]
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The body read as a quoted datagram, if it has 20 octets.
    #[inline]
    pub fn quoted(&self) -> Option<QuotedView<'a>> {
        QuotedView::new(self.body)
    }

    /// Originate, receive and transmit timestamp of a timestamp message, if all are there.
    pub fn timestamps(&self) -> Option<[u32; 3]> {
        let times = self.body.first_chunk::<12>()?;
        Some([u32_at(times, 0), u32_at(times, 4), u32_at(times, 8)])
    }

    /// The whole message.
    #[inline]
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }
}

/// The first 8 octets of a message, owned. Writing what was read gives back the octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpHeader {
    /// Type.
    pub icmp_type: IcmpType,
    /// Code.
    pub code: u8,
    /// Checksum, as found or to be written as it is.
    pub checksum: u16,
    /// The four octets after the checksum.
    pub word: u32,
}

impl From<&IcmpView<'_>> for IcmpHeader {
    fn from(view: &IcmpView<'_>) -> Self {
        Self { icmp_type: view.icmp_type(), code: view.code(), checksum: view.checksum(), word: view.word() }
    }
}

impl IcmpHeader {
    /// The header's octets, checksum as it is.
    pub fn octets(&self) -> [u8; HEADER_LEN] {
        let [a, b] = self.checksum.to_be_bytes();
        let [c, d, e, f] = self.word.to_be_bytes();
        [self.icmp_type.into(), self.code, a, b, c, d, e, f]
    }

    /// Writes the header to the start of `message`, whose body is already there, with the checksum over all of it.
    /// Returns whether it fits.
    pub fn write_with_checksum(&self, message: &mut [u8]) -> bool {
        let Some(place) = message.first_chunk_mut::<HEADER_LEN>() else { return false };
        *place = Self { checksum: 0, ..*self }.octets();
        let sum = checksum::checksum(message);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        true
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use quickcheck::quickcheck;
    use rstest::rstest;

    use super::*;

    #[test]
    fn each_getter_reads_its_own_field() {
        let octets = [8, 1, 2, 3, 4, 5, 6, 7, 8];
        let view = IcmpView::new(&octets).unwrap();
        assert_eq!((view.icmp_type(), view.code(), view.checksum()), (IcmpType::Echo, 1, 0x0203));
        assert_eq!(
            (view.identifier(), view.sequence_number(), view.next_hop_mtu()),
            (0x0405, 0x0607, 0x0607)
        );
        assert!(!view.is_checksum_valid());
        assert_eq!((view.pointer(), view.word(), view.body()), (4, 0x0405_0607, &[8][..]));
    }

    #[rstest]
    #[case(0)]
    #[case(7)]
    fn fewer_than_eight_octets_are_no_message(#[case] available: usize) {
        assert_eq!(IcmpView::new(&[0; 8][..available]), Err(IcmpTruncated { available }));
    }

    #[test]
    fn fields_share_the_word() {
        let octets = [5, 1, 0, 0, 10, 0, 0x05, 0xdc];
        let view = IcmpView::new(&octets).unwrap();
        assert_eq!(view.icmp_type(), IcmpType::Redirect);
        assert_eq!(RedirectCode::from(view.code()), RedirectCode::Host);
        assert_eq!(view.gateway(), Ipv4Addr::new(10, 0, 5, 220));
        assert_eq!((view.pointer(), view.next_hop_mtu(), view.identifier()), (10, 1500, 0x0a00));
    }

    #[test]
    fn the_five_error_types_of_rfc_1122() {
        let errors: Vec<u8> = (0..=255).filter(|number| IcmpType::from(*number).is_error()).collect();
        assert_eq!(errors, [3, 4, 5, 11, 12]);
    }

    quickcheck! {
        fn view_to_header_to_octets_is_the_identity(octets: Vec<u8>) -> bool {
            IcmpView::new(&octets).is_ok_and(|view| IcmpHeader::from(&view).octets() == octets[..8]) || octets.len() < 8
        }

        fn computed_checksum_is_valid(octets: Vec<u8>) -> bool {
            let mut octets = octets;
            octets.resize(octets.len().max(8), 0);
            let header = IcmpHeader::from(&IcmpView::new(&octets).unwrap());
            header.write_with_checksum(&mut octets) && IcmpView::new(&octets).unwrap().is_checksum_valid()
        }

        fn no_getter_panics(octets: Vec<u8>) -> bool {
            IcmpView::new(&octets).is_ok_and(|view| {
                let _ = (view.sequence_number(), view.quoted_words(), view.body(), view.quoted());
                view.timestamps().is_some() == (octets.len() >= 20)
            }) || octets.len() < 8
        }
    }
}
