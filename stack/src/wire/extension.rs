//! ICMP extensions: the structure of RFC 4884 and the interface identification object of RFC 8335.

use core::net::{Ipv4Addr, Ipv6Addr};

use super::{IcmpView, checksum, u16_at};

/// Octets of the extension header.
pub const HEADER_LEN: usize = 4;
/// The only version there is. RFC 4884 §7.
pub const VERSION: u8 = 2;
/// Octets below which a quoted datagram is padded when extensions follow. RFC 4884 §4.
pub const MIN_QUOTED_LEN: usize = 128;

open_enum! {
    /// The class of an extension object.
    ObjectClass {
        /// MPLS label stack, incoming. RFC 4950 §3.
        MplsLabelStack = 1,
        /// Interface information. RFC 5837 §4.
        InterfaceInformation = 2,
        /// Interface identification. RFC 8335 §2.1.
        InterfaceIdentification = 3,
    }
}

/// An extension structure: a header and objects. RFC 4884 §7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtensionView<'a> {
    header: &'a [u8; HEADER_LEN],
    objects: &'a [u8],
    octets: &'a [u8],
}

impl<'a> ExtensionView<'a> {
    /// Over `octets`, or `None` below 4. Neither version nor checksum nor objects are checked.
    pub fn new(octets: &'a [u8]) -> Option<Self> {
        let (header, objects) = octets.split_first_chunk()?;
        Some(Self { header, objects, octets })
    }

    /// The structure after the quoted datagram of `message`, if its length field says where that ends.
    ///
    /// `None` if the field is 0, below 128 octets, or leaves no room. RFC 4884 §5.
    pub fn of_error(message: &IcmpView<'a>) -> Option<Self> {
        let quoted_len = usize::from(message.quoted_words()) * 4;
        if quoted_len < MIN_QUOTED_LEN {
            return None;
        }
        Self::new(message.body().get(quoted_len..)?)
    }

    /// Version; 2 is the only one.
    pub fn version(&self) -> u8 {
        self.header[0] >> 4
    }

    /// Checksum as found; 0 means none was computed.
    pub fn checksum(&self) -> u16 {
        u16_at(self.header, 2)
    }

    /// Whether the checksum is right or absent.
    pub fn is_checksum_valid(&self) -> bool {
        self.checksum() == 0 || checksum::is_intact(self.octets)
    }

    /// A walk over the objects.
    pub fn objects(&self) -> ExtensionObjects<'a> {
        ExtensionObjects { octets: self.objects }
    }

    /// The whole structure.
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }
}

/// One object of an extension structure. RFC 4884 §7.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtensionObject<'a> {
    /// Class.
    pub class: ObjectClass,
    /// C-type: what it is within its class.
    pub c_type: u8,
    /// What follows its 4 octets of header.
    pub data: &'a [u8],
}

/// The object is cut off, or its length is below the 4 octets of its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectError {
    /// The length it claims, if that much is there.
    pub length: Option<u16>,
}

/// A walk over extension objects; ends with one [`ObjectError`] if an object is broken.
#[derive(Clone, Debug)]
pub struct ExtensionObjects<'a> {
    octets: &'a [u8],
}

impl<'a> Iterator for ExtensionObjects<'a> {
    type Item = Result<ExtensionObject<'a>, ObjectError>;

    fn next(&mut self) -> Option<Self::Item> {
        let octets = core::mem::take(&mut self.octets);
        if octets.is_empty() {
            return None;
        }
        let Some(header) = octets.first_chunk::<4>() else {
            return Some(Err(ObjectError { length: None }));
        };
        let length = u16_at(header, 0);
        let Some((object, rest)) = octets.split_at_checked(usize::from(length)) else {
            return Some(Err(ObjectError { length: Some(length) }));
        };
        let Some(data) = object.get(4..) else {
            return Some(Err(ObjectError { length: Some(length) }));
        };
        self.octets = rest;
        Some(Ok(ExtensionObject { class: header[2].into(), c_type: header[3], data }))
    }
}

/// Which interface an Extended Echo Request asks about. RFC 8335 §2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InterfaceIdentification<'a> {
    /// By name: up to 15 octets, padding removed.
    Name(&'a [u8]),
    /// By index.
    Index(u32),
    /// By an IPv4 address it has.
    Ipv4(Ipv4Addr),
    /// By an IPv6 address it has.
    Ipv6(Ipv6Addr),
}

impl<'a> InterfaceIdentification<'a> {
    /// Reads the data of an object by its C-type; `None` makes the query malformed.
    ///
    /// A name has fewer than 16 octets, padding with zeros included; an index has exactly 4; an address has the
    /// length that its header says, which suits its family. The class is not looked at, as in Linux.
    pub fn new(c_type: u8, data: &'a [u8]) -> Option<Self> {
        match c_type {
            1 if data.len() < 16 => {
                let end = data.iter().position(|octet| *octet == 0).unwrap_or(data.len());
                data.get(..end).map(Self::Name)
            }
            2 => <[u8; 4]>::try_from(data).ok().map(|index| Self::Index(u32::from_be_bytes(index))),
            3 => Self::from_address(data),
            _ => None,
        }
    }

    fn from_address(data: &'a [u8]) -> Option<Self> {
        let (&[family_high, family_low, len, _reserved], address) = data.split_first_chunk::<4>()?;
        match (u16::from_be_bytes([family_high, family_low]), len) {
            (1, 4) => <[u8; 4]>::try_from(address).ok().map(|address| Self::Ipv4(address.into())),
            (2, 16) => <[u8; 16]>::try_from(address).ok().map(|address| Self::Ipv6(address.into())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use quickcheck::quickcheck;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::name(1, b"eth0", Some(InterfaceIdentification::Name(b"eth0")))]
    #[case::padded_name(1, b"lo\0\0", Some(InterfaceIdentification::Name(b"lo")))]
    #[case::name_of_sixteen_octets(1, &[b'a'; 16], None)]
    #[case::index(2, &[0, 0, 0, 3], Some(InterfaceIdentification::Index(3)))]
    #[case::index_of_eight_octets(2, &[0; 8], None)]
    #[case::ipv4(3, &[0, 1, 4, 0, 10, 0, 0, 1], Some(InterfaceIdentification::Ipv4(Ipv4Addr::new(10, 0, 0, 1))))]
    #[case::ipv4_too_short(3, &[0, 1, 4, 0, 10, 0, 0], None)]
    #[case::ipv4_with_length_of_ipv6(3, &[0, 1, 16, 0, 10, 0, 0, 1], None)]
    #[case::ipv6(3, &[0, 2, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        Some(InterfaceIdentification::Ipv6(Ipv6Addr::LOCALHOST)))]
    #[case::unknown_family(3, &[0, 3, 4, 0, 10, 0, 0, 1], None)]
    #[case::unknown_c_type(4, &[0; 4], None)]
    fn identification(
        #[case] c_type: u8,
        #[case] data: &[u8],
        #[case] expected: Option<InterfaceIdentification<'_>>,
    ) {
        assert_eq!(InterfaceIdentification::new(c_type, data), expected);
    }

    #[test]
    fn head_of_the_structure() {
        let octets = [0x2f, 0, 0x12, 0x34];
        let view = ExtensionView::new(&octets).unwrap();
        assert_eq!((view.version(), view.checksum(), view.is_checksum_valid()), (2, 0x1234, false));
        assert!(ExtensionView::new(&[0x20, 0, 0, 0]).unwrap().is_checksum_valid());
        assert!(ExtensionView::new(&[0x20, 0, 0xdf, 0xff]).unwrap().is_checksum_valid());
    }

    #[rstest]
    #[case::one(&[0, 8, 3, 2, 0, 0, 0, 1], 1, false)]
    #[case::two(&[0, 4, 9, 9, 0, 8, 3, 2, 0, 0, 0, 1], 2, false)]
    #[case::none(&[], 0, false)]
    #[case::length_three(&[0, 3, 3, 2], 0, true)]
    #[case::past_the_end(&[0, 9, 3, 2, 0, 0, 0, 1], 0, true)]
    #[case::cut_off(&[0, 4, 9, 9, 0, 8], 1, true)]
    fn object_walk(#[case] objects: &[u8], #[case] good: usize, #[case] ends_badly: bool) {
        let octets = [&[0x20, 0, 0, 0], objects].concat();
        let items: Vec<_> = ExtensionView::new(&octets).unwrap().objects().collect();
        assert_eq!(items.iter().flatten().count(), good);
        assert_eq!(items.last().is_some_and(Result::is_err), ends_badly);
    }

    #[rstest]
    #[case::no_length(0, 200, false)]
    #[case::below_128_octets(31, 200, false)]
    #[case::right_after_128_octets(32, 132, true)]
    #[case::no_room(32, 131, false)]
    fn structure_of_an_error(#[case] words: u8, #[case] body_len: usize, #[case] is_found: bool) {
        let mut octets = std::vec![0u8; 8 + body_len];
        octets[0] = 11;
        octets[5] = words;
        let message = IcmpView::new(&octets).unwrap();
        assert_eq!(ExtensionView::of_error(&message).is_some(), is_found);
    }

    quickcheck! {
        fn no_octets_panic(octets: Vec<u8>, c_type: u8) -> bool {
            let _ = InterfaceIdentification::new(c_type, &octets);
            ExtensionView::new(&octets).is_none_or(|view| {
                let _ = (view.version(), view.is_checksum_valid());
                view.objects().flatten().map(|object| object.data.len() + 4).sum::<usize>() <= octets.len()
            })
        }
    }
}
