//! Datagrams written octet by octet, independent of the stack and of the harness.

use std::net::Ipv4Addr;

pub(crate) const HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub(crate) const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

/// The Internet checksum of `octets`. RFC 1071 §1.
pub(crate) fn checksum(octets: &[u8]) -> u16 {
    let words = octets.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// A datagram without options, TTL 64, identification 0x1234.
pub(crate) fn ip(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    fragment(source, destination, protocol, 0, payload)
}

/// Like [`ip`] with the flags and fragment offset field `fragment`.
pub(crate) fn fragment(
    source: Ipv4Addr,
    destination: Ipv4Addr,
    protocol: u8,
    fragment: u16,
    payload: &[u8],
) -> Vec<u8> {
    let mut octets = vec![0x45, 0, 0, 0, 0x12, 0x34, 0, 0, 64, protocol, 0, 0];
    octets[2..4].copy_from_slice(&(20 + payload.len() as u16).to_be_bytes());
    octets[6..8].copy_from_slice(&fragment.to_be_bytes());
    octets.extend_from_slice(&source.octets());
    octets.extend_from_slice(&destination.octets());
    let sum = checksum(&octets);
    octets[10..12].copy_from_slice(&sum.to_be_bytes());
    octets.extend_from_slice(payload);
    octets
}

/// An ICMP message.
pub(crate) fn icmp(icmp_type: u8, code: u8, word: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut octets = vec![icmp_type, code, 0, 0];
    octets.extend_from_slice(&word);
    octets.extend_from_slice(data);
    let sum = checksum(&octets);
    octets[2..4].copy_from_slice(&sum.to_be_bytes());
    octets
}

/// An echo request from `source` to `destination` with identifier 1 and sequence number 1.
pub(crate) fn echo_request(source: Ipv4Addr, destination: Ipv4Addr, data: &[u8]) -> Vec<u8> {
    ip(source, destination, 1, &icmp(8, 0, [0, 1, 0, 1], data))
}

/// A UDP segment without checksum.
pub(crate) fn udp(source_port: u16, destination_port: u16, data: &[u8]) -> Vec<u8> {
    let mut octets = Vec::new();
    octets.extend_from_slice(&source_port.to_be_bytes());
    octets.extend_from_slice(&destination_port.to_be_bytes());
    octets.extend_from_slice(&(8 + data.len() as u16).to_be_bytes());
    octets.extend_from_slice(&[0, 0]);
    octets.extend_from_slice(data);
    octets
}
