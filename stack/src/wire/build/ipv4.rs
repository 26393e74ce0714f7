//! Datagrams.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::super::ipv4::{DONT_FRAGMENT, HEADER_LEN, MORE_FRAGMENTS, RESERVED_FLAG};
use super::super::{Protocol, checksum};
use super::{Layer, put_u16};

/// An empty datagram: TTL 64, identification 0, no flags, between 0.0.0.0 and 0.0.0.0.
pub const fn ipv4() -> Ipv4Builder<Vec<u8>> {
    Ipv4Builder {
        version: None,
        ihl: None,
        tos: 0,
        total_length: None,
        identification: 0,
        fragment_word: 0,
        ttl: 64,
        protocol: None,
        header_checksum: None,
        source: Ipv4Addr::UNSPECIFIED,
        destination: Ipv4Addr::UNSPECIFIED,
        options: Vec::new(),
        payload: Vec::new(),
        padding: 0,
    }
}

/// Builds a datagram that carries `L`.
#[derive(Clone, Debug)]
pub struct Ipv4Builder<L> {
    /// If it shall not be 4.
    version: Option<u8>,
    ihl: Option<u8>,
    tos: u8,
    total_length: Option<u16>,
    identification: u16,
    fragment_word: u16,
    ttl: u8,
    protocol: Option<Protocol>,
    header_checksum: Option<u16>,
    source: Ipv4Addr,
    destination: Ipv4Addr,
    options: Vec<u8>,
    payload: L,
    padding: usize,
}

impl<L: Layer> Ipv4Builder<L> {
    /// Sets the version instead of 4.
    pub fn version(mut self, version: u8) -> Self {
        self.version = Some(version);
        self
    }

    /// Sets the header length in words instead of computing it; the options stay as they are.
    pub fn ihl(mut self, ihl: u8) -> Self {
        self.ihl = Some(ihl);
        self
    }

    /// Sets type of service.
    pub fn tos(mut self, tos: u8) -> Self {
        self.tos = tos;
        self
    }

    /// Sets the total length instead of computing it.
    pub fn total_length(mut self, total_length: u16) -> Self {
        self.total_length = Some(total_length);
        self
    }

    /// Sets identification.
    pub fn identification(mut self, identification: u16) -> Self {
        self.identification = identification;
        self
    }

    /// Sets the reserved flag.
    pub fn reserved_flag(mut self) -> Self {
        self.fragment_word |= RESERVED_FLAG;
        self
    }

    /// Sets don't fragment.
    pub fn dont_fragment(mut self) -> Self {
        self.fragment_word |= DONT_FRAGMENT;
        self
    }

    /// Sets more fragments.
    pub fn more_fragments(mut self) -> Self {
        self.fragment_word |= MORE_FRAGMENTS;
        self
    }

    /// Sets the fragment offset, in octets, rounded down to a multiple of 8.
    pub fn fragment_offset(mut self, octets: usize) -> Self {
        self.fragment_word = self.fragment_word & 0xe000 | (octets / 8) as u16 & 0x1fff;
        self
    }

    /// Sets time to live.
    pub fn ttl(mut self, ttl: u8) -> Self {
        self.ttl = ttl;
        self
    }

    /// Sets the protocol instead of that of what is carried.
    pub fn protocol(mut self, protocol: impl Into<Protocol>) -> Self {
        self.protocol = Some(protocol.into());
        self
    }

    /// Sets the header checksum instead of computing it.
    pub fn header_checksum(mut self, header_checksum: u16) -> Self {
        self.header_checksum = Some(header_checksum);
        self
    }

    /// Sets the source address.
    pub fn source(mut self, source: impl Into<Ipv4Addr>) -> Self {
        self.source = source.into();
        self
    }

    /// Sets the destination address.
    pub fn destination(mut self, destination: impl Into<Ipv4Addr>) -> Self {
        self.destination = destination.into();
        self
    }

    /// Sets the options; they are padded with zeros to a multiple of 4 octets.
    pub fn options(mut self, options: impl Into<Vec<u8>>) -> Self {
        self.options = options.into();
        self.options.resize(self.options.len().next_multiple_of(4), 0);
        self
    }

    /// Adds `len` octets of zeros behind the total length, as a link does.
    pub fn padding(mut self, len: usize) -> Self {
        self.padding = len;
        self
    }

    /// Carries `payload` instead.
    pub fn carry<M: Layer>(self, payload: M) -> Ipv4Builder<M> {
        Ipv4Builder {
            payload,
            version: self.version,
            ihl: self.ihl,
            tos: self.tos,
            total_length: self.total_length,
            identification: self.identification,
            fragment_word: self.fragment_word,
            ttl: self.ttl,
            protocol: self.protocol,
            header_checksum: self.header_checksum,
            source: self.source,
            destination: self.destination,
            options: self.options,
            padding: self.padding,
        }
    }

    /// Carries octets as they are; the protocol is 253 unless it was set.
    pub fn payload(self, octets: impl Into<Vec<u8>>) -> Ipv4Builder<Vec<u8>> {
        self.carry(octets.into())
    }

    /// The octets.
    pub fn build(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.build_into(&mut out);
        out
    }

    /// Appends the octets to `out`, which saves an allocation where many are built.
    pub fn build_into(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let header_len = HEADER_LEN + self.options.len();
        let ihl = self.ihl.unwrap_or((header_len / 4).min(15) as u8);
        out.extend([self.version.unwrap_or(4) << 4 | ihl & 0xf, self.tos, 0, 0]);
        out.extend(self.identification.to_be_bytes());
        out.extend(self.fragment_word.to_be_bytes());
        out.extend([self.ttl, self.protocol.unwrap_or_else(|| self.payload.protocol()).into(), 0, 0]);
        out.extend(self.source.octets());
        out.extend(self.destination.octets());
        out.extend_from_slice(&self.options);
        self.payload.append(self.source, self.destination, out);
        let total_length = self.total_length.unwrap_or((out.len() - start) as u16);
        let datagram = &mut out[start..];
        put_u16(datagram, 2, total_length);
        // The sum covers the header that the IHL claims, as far as it is there: that is what a receiver verifies.
        let claimed = (usize::from(ihl) * 4).min(datagram.len());
        let sum = self.header_checksum.unwrap_or_else(|| checksum::checksum(&datagram[..claimed]));
        put_u16(datagram, 10, sum);
        out.resize(out.len() + self.padding, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Ipv4View;
    use super::*;

    #[test]
    fn nothing_set_is_a_valid_datagram() {
        let octets = ipv4().build();
        let view = Ipv4View::verified(&octets).unwrap();
        assert_eq!((view.total_length(), view.ttl(), view.protocol()), (20, 64, Protocol::Unknown(253)));
    }

    #[test]
    fn all_fields_come_back() {
        let octets = ipv4()
            .source([10, 0, 0, 2])
            .destination([10, 0, 0, 1])
            .tos(0xb8)
            .identification(0x1234)
            .reserved_flag()
            .dont_fragment()
            .more_fragments()
            .fragment_offset(1480)
            .ttl(9)
            .protocol(99)
            .options([7, 3, 4])
            .payload(*b"abc")
            .padding(5)
            .build();
        let view = Ipv4View::verified(&octets).unwrap();
        assert_eq!((view.tos(), view.identification(), view.ttl()), (0xb8, 0x1234, 9));
        assert!(view.reserved_flag() && view.dont_fragment() && view.more_fragments());
        assert_eq!((view.fragment_offset().octets(), view.protocol()), (1480, Protocol::Unknown(99)));
        assert_eq!((view.options(), view.payload()), (&[7, 3, 4, 0][..], &b"abc"[..]));
        assert_eq!(octets.len(), 32);
    }

    #[test]
    fn what_stands_in_front_does_not_count() {
        let mut octets = Vec::from([7; 5]);
        ipv4().payload(*b"abc").build_into(&mut octets);
        assert_eq!((&octets[..5], octets.len()), (&[7; 5][..], 28));
        assert_eq!(Ipv4View::verified(&octets[5..]).unwrap().total_length(), 23);
    }

    #[test]
    fn what_is_told_is_not_computed() {
        let octets = ipv4().version(6).ihl(3).total_length(9).header_checksum(0xbeef).build();
        assert_eq!((octets[0], &octets[2..4], &octets[10..12]), (0x63, &[0, 9][..], &[0xbe, 0xef][..]));
    }
}
