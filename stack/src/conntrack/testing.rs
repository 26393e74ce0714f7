//! Datagrams for tests, built without the code under test.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

pub(crate) const A: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 2);
pub(crate) const A2: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 5);
pub(crate) const B: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);
pub(crate) const M: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);

/// The Internet checksum, word by word. RFC 1071 §1.
pub(crate) fn internet_checksum(octets: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for word in octets.chunks(2) {
        sum += u32::from(word[0]) << 8 | word.get(1).copied().map_or(0, u32::from);
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn put(octets: &mut [u8], at: usize, value: u16) {
    octets[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

/// A datagram with options; its header checksum is right.
pub(crate) fn ip_with(
    source: Ipv4Addr,
    destination: Ipv4Addr,
    protocol: u8,
    options: &[u8],
    payload: &[u8],
) -> Vec<u8> {
    let header_len = 20 + options.len();
    let mut octets = std::vec![0; header_len];
    octets[0] = 0x40 | (header_len / 4) as u8;
    put(&mut octets, 2, (header_len + payload.len()) as u16);
    put(&mut octets, 4, 1);
    octets[8] = 64;
    octets[9] = protocol;
    octets[12..16].copy_from_slice(&source.octets());
    octets[16..20].copy_from_slice(&destination.octets());
    octets[20..].copy_from_slice(options);
    let checksum = internet_checksum(&octets);
    put(&mut octets, 10, checksum);
    octets.extend_from_slice(payload);
    octets
}

/// A datagram without options.
pub(crate) fn ip(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    ip_with(source, destination, protocol, &[], payload)
}

/// An ICMP message with a right checksum.
pub(crate) fn icmp(icmp_type: u8, code: u8, rest: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut octets = std::vec![icmp_type, code, 0, 0];
    octets.extend_from_slice(&rest);
    octets.extend_from_slice(data);
    let checksum = internet_checksum(&octets);
    put(&mut octets, 2, checksum);
    octets
}

/// An ICMP message with identifier, sequence number 1 and eight octets of data.
pub(crate) fn query(icmp_type: u8, code: u8, identifier: u16) -> Vec<u8> {
    let [high, low] = identifier.to_be_bytes();
    icmp(icmp_type, code, [high, low, 0, 1], b"abcdefgh")
}

/// Sum over the pseudo header and `segment`.
pub(crate) fn transport_checksum(
    source: Ipv4Addr,
    destination: Ipv4Addr,
    protocol: u8,
    segment: &[u8],
) -> u16 {
    let mut octets = Vec::new();
    octets.extend_from_slice(&source.octets());
    octets.extend_from_slice(&destination.octets());
    octets.extend_from_slice(&[0, protocol]);
    octets.extend_from_slice(&(segment.len() as u16).to_be_bytes());
    octets.extend_from_slice(segment);
    internet_checksum(&octets)
}

/// A UDP datagram that carries "hello".
pub(crate) fn udp(source: Ipv4Addr, destination: Ipv4Addr, ports: (u16, u16)) -> Vec<u8> {
    udp_with(source, destination, ports, b"hello")
}

/// A UDP datagram that carries `data`, with a right checksum.
pub(crate) fn udp_with(source: Ipv4Addr, destination: Ipv4Addr, ports: (u16, u16), data: &[u8]) -> Vec<u8> {
    let mut octets = std::vec![0; 8];
    put(&mut octets, 0, ports.0);
    put(&mut octets, 2, ports.1);
    put(&mut octets, 4, (8 + data.len()) as u16);
    octets.extend_from_slice(data);
    let checksum = match transport_checksum(source, destination, 17, &octets) {
        0 => 0xffff,
        checksum => checksum,
    };
    put(&mut octets, 6, checksum);
    octets
}

/// What a TCP segment looks like; `flags` by their first letters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tcp<'a> {
    pub(crate) ports: (u16, u16),
    pub(crate) flags: &'a str,
    pub(crate) sequence: u32,
    pub(crate) acknowledgment: u32,
    pub(crate) window: u16,
    pub(crate) options: &'a [u8],
    pub(crate) data: &'a [u8],
}

impl Tcp<'_> {
    /// A segment without options and data, window 8192.
    pub(crate) const fn new(ports: (u16, u16), flags: &str, sequence: u32, acknowledgment: u32) -> Tcp<'_> {
        Tcp { ports, flags, sequence, acknowledgment, window: 8192, options: &[], data: &[] }
    }

    /// Its octets, with a right checksum.
    pub(crate) fn octets(&self, source: Ipv4Addr, destination: Ipv4Addr) -> Vec<u8> {
        let header_len = 20 + self.options.len();
        let mut octets = std::vec![0; header_len];
        put(&mut octets, 0, self.ports.0);
        put(&mut octets, 2, self.ports.1);
        octets[4..8].copy_from_slice(&self.sequence.to_be_bytes());
        octets[8..12].copy_from_slice(&self.acknowledgment.to_be_bytes());
        octets[12] = ((header_len / 4) << 4) as u8;
        octets[13] = self.flags.chars().map(|flag| 1 << "FSRPAUEC".find(flag).unwrap()).sum();
        put(&mut octets, 14, self.window);
        octets[20..].copy_from_slice(self.options);
        octets.extend_from_slice(self.data);
        let checksum = transport_checksum(source, destination, 6, &octets);
        put(&mut octets, 16, checksum);
        octets
    }
}
