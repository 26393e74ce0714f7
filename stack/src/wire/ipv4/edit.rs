//! A header changed where it stands.

use core::net::Ipv4Addr;

use super::super::{checksum, u16_at, u32_at};
use super::{FragmentOffset, HEADER_LEN, OFFSET_MASK};

/// Changes fields of a header in place.
///
/// Setters leave the checksum alone unless their name says otherwise: Linux, too, patches it only where it forwards.
#[derive(Debug)]
pub struct Ipv4Edit<'a> {
    header: &'a mut [u8; HEADER_LEN],
    options: &'a mut [u8],
}

impl<'a> Ipv4Edit<'a> {
    /// Over the header at the start of `datagram`, if it fits. Its version is whatever it is: whoever makes a header of
    /// his own may write any.
    pub fn new(datagram: &'a mut [u8]) -> Option<Self> {
        let (header, rest) = datagram.split_first_chunk_mut::<HEADER_LEN>()?;
        let options_len = usize::from(header[0] & 0xf).checked_sub(5)? * 4;
        Some(Self { header, options: rest.get_mut(..options_len)? })
    }

    /// Sets type of service.
    pub fn set_tos(&mut self, tos: u8) {
        self.header[1] = tos;
    }

    /// Sets total length.
    pub fn set_total_length(&mut self, total_length: u16) {
        self.header[2..4].copy_from_slice(&total_length.to_be_bytes());
    }

    /// Sets identification.
    pub fn set_identification(&mut self, identification: u16) {
        self.header[4..6].copy_from_slice(&identification.to_be_bytes());
    }

    /// Sets the word of flags ([`DONT_FRAGMENT`](super::DONT_FRAGMENT), …) and fragment offset.
    pub fn set_fragment(&mut self, flags: u16, offset: FragmentOffset) {
        self.header[6..8].copy_from_slice(&(flags & !OFFSET_MASK | offset.0).to_be_bytes());
    }

    /// Sets the word of flags and fragment offset as a whole.
    pub fn set_fragment_word(&mut self, word: u16) {
        self.header[6..8].copy_from_slice(&word.to_be_bytes());
    }

    /// Sets time to live.
    pub fn set_ttl(&mut self, ttl: u8) {
        self.header[8] = ttl;
    }

    /// Sets the source address.
    pub fn set_source(&mut self, source: Ipv4Addr) {
        self.header[12..16].copy_from_slice(&source.octets());
    }

    /// Sets the destination address.
    pub fn set_destination(&mut self, destination: Ipv4Addr) {
        self.header[16..20].copy_from_slice(&destination.octets());
    }

    /// One hop less and the checksum patched for it; a TTL of 0 stays. RFC 1812 §5.3.1, RFC 1624 §3.
    pub fn decrement_ttl(&mut self) {
        let old = u16_at(self.header, 8);
        let new = if self.header[8] == 0 { old } else { old - 0x100 };
        self.header[8..10].copy_from_slice(&new.to_be_bytes());
        let patched = checksum::update_u16(u16_at(self.header, 10), old, new);
        self.header[10..12].copy_from_slice(&patched.to_be_bytes());
    }

    /// Sets the source address and patches the checksum for it.
    pub fn translate_source(&mut self, source: Ipv4Addr) {
        self.translate(12, source);
    }

    /// Sets the destination address and patches the checksum for it.
    pub fn translate_destination(&mut self, destination: Ipv4Addr) {
        self.translate(16, destination);
    }

    /// Computes the checksum afresh.
    pub fn rewrite_checksum(&mut self) {
        self.header[10..12].fill(0);
        let sum = checksum::Sum::of_header(self.header) + checksum::Sum::of(self.options);
        self.header[10..12].copy_from_slice(&sum.checksum().to_be_bytes());
    }

    /// The options, to be written.
    pub fn options_mut(&mut self) -> &mut [u8] {
        self.options
    }

    fn translate(&mut self, at: usize, new: Ipv4Addr) {
        let old = u32_at(self.header, at);
        let patched = checksum::update_u32(u16_at(self.header, 10), old, new.to_bits());
        self.header[at..at + 4].copy_from_slice(&new.octets());
        self.header[10..12].copy_from_slice(&patched.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use quickcheck::quickcheck;

    use super::super::{DONT_FRAGMENT, Ipv4View, repaired};
    use super::*;

    #[test]
    fn each_setter_writes_its_own_field() {
        let mut octets = [0; 20];
        octets[0] = 0x45;
        let mut edit = Ipv4Edit::new(&mut octets).unwrap();
        edit.set_tos(0x29);
        edit.set_total_length(0x0102);
        edit.set_identification(0x0304);
        edit.set_fragment(DONT_FRAGMENT, FragmentOffset::from_units(0x0506).unwrap());
        edit.set_ttl(7);
        edit.set_source(Ipv4Addr::new(10, 0, 0, 1));
        edit.set_destination(Ipv4Addr::new(10, 0, 0, 2));
        assert!(edit.options_mut().is_empty());
        assert_eq!(octets, [0x45, 0x29, 1, 2, 3, 4, 0x45, 6, 7, 0, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        Ipv4Edit::new(&mut octets).unwrap().set_fragment_word(0x2001);
        assert_eq!(octets[6..8], [0x20, 1]);
    }

    quickcheck! {
        fn patches_keep_a_valid_checksum_valid(octets: Vec<u8>, source: u32, destination: u32) -> bool {
            let mut octets = repaired(octets);
            let mut edit = Ipv4Edit::new(&mut octets).unwrap();
            edit.rewrite_checksum();
            edit.decrement_ttl();
            edit.translate_source(source.into());
            edit.translate_destination(destination.into());
            let view = Ipv4View::new(&octets).unwrap();
            view.is_checksum_valid()
                && view.source() == Ipv4Addr::from(source)
                && view.destination() == Ipv4Addr::from(destination)
        }
    }
}
