//! Datagrams to measure with.

use std::net::Ipv4Addr;

use netassay_stack::wire::checksum::checksum;

/// The address of the system that is measured.
pub(crate) const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// A station on its link.
pub(crate) const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
/// Its address on another link.
pub(crate) const FAR_OWN: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 1);
/// A station there.
pub(crate) const FAR: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 2);

/// A datagram of `protocol` with header options.
pub(crate) fn ipv4(
    source: Ipv4Addr,
    destination: Ipv4Addr,
    protocol: u8,
    options: &[u8],
    payload: &[u8],
) -> Vec<u8> {
    let header_len = 20 + options.len();
    let mut octets = vec![0x40 | (header_len / 4) as u8, 0];
    octets.extend(((header_len + payload.len()) as u16).to_be_bytes());
    octets.extend([0x12, 0x34, 0, 0, 64, protocol, 0, 0]);
    octets.extend(source.octets());
    octets.extend(destination.octets());
    octets.extend(options);
    let sum = checksum(&octets);
    octets[10..12].copy_from_slice(&sum.to_be_bytes());
    octets.extend(payload);
    octets
}

/// An ICMP message with its checksum.
pub(crate) fn icmp(icmp_type: u8, code: u8, word: u32, body: &[u8]) -> Vec<u8> {
    let mut octets = vec![icmp_type, code, 0, 0];
    octets.extend(word.to_be_bytes());
    octets.extend(body);
    let sum = checksum(&octets);
    octets[2..4].copy_from_slice(&sum.to_be_bytes());
    octets
}

/// Octets of which no two neighbors are alike.
pub(crate) fn filling(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + at / 256) as u8).collect()
}

/// An echo request of `len` octets from [`PEER`] to `destination`.
pub(crate) fn echo_request(destination: Ipv4Addr, len: usize) -> Vec<u8> {
    ipv4(PEER, destination, 1, &[], &icmp(8, 0, 0x1234_0007, &filling(len - 28)))
}

/// A UDP datagram without checksum.
pub(crate) fn udp(source: (Ipv4Addr, u16), destination: (Ipv4Addr, u16), len: usize) -> Vec<u8> {
    let mut segment = Vec::from(source.1.to_be_bytes());
    segment.extend(destination.1.to_be_bytes());
    segment.extend(((len - 20) as u16).to_be_bytes());
    segment.extend([0, 0]);
    segment.extend(filling(len - 28));
    ipv4(source.0, destination.0, 17, &[], &segment)
}

/// The kinds of datagrams that parsers meet: an echo request, an error with its quote, UDP, a first fragment, options.
pub(crate) fn mix() -> Vec<Vec<u8>> {
    let quoted = udp((OWN, 5000), (PEER, 53), 56);
    let mut fragment = ipv4(PEER, OWN, 17, &[], &filling(556));
    fragment[6] = 0x20;
    fragment[10..12].fill(0);
    let sum = checksum(&fragment[..20]);
    fragment[10..12].copy_from_slice(&sum.to_be_bytes());
    let record_route = [7, 39, 4].into_iter().chain([0; 37]).collect::<Vec<u8>>();
    vec![
        echo_request(OWN, 64),
        ipv4(PEER, OWN, 1, &[], &icmp(3, 3, 0, &quoted)),
        udp((PEER, 1234), (OWN, 53), 92),
        fragment,
        ipv4(PEER, OWN, 1, &record_route, &icmp(8, 0, 7, &filling(36))),
    ]
}
