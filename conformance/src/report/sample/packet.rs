//! Datagrams for the samples.

use crate::report::dissect::internet_checksum;

/// The tester's side of the link.
pub(super) const TESTER: [u8; 4] = [10, 0, 0, 1];
/// The DUT's address.
pub(super) const DUT: [u8; 4] = [10, 0, 0, 2];

/// What of a header the samples vary.
#[derive(Clone)]
pub(super) struct Header {
    pub(super) ttl: u8,
    pub(super) tos: u8,
    pub(super) protocol: u8,
    pub(super) identification: u16,
    pub(super) source: [u8; 4],
    pub(super) destination: [u8; 4],
    pub(super) options: Vec<u8>,
}

impl Header {
    /// From the tester to the DUT.
    pub(super) fn to_dut(protocol: u8) -> Self {
        let identification = 0x1c46;
        Self {
            ttl: 64,
            tos: 0,
            protocol,
            identification,
            source: TESTER,
            destination: DUT,
            options: Vec::new(),
        }
    }

    /// From the DUT to the tester.
    pub(super) fn from_dut(protocol: u8) -> Self {
        Self { source: DUT, destination: TESTER, identification: 0, ..Self::to_dut(protocol) }
    }

    /// The datagram with lengths and checksum. `options` must fill whole words.
    pub(super) fn datagram(&self, payload: &[u8]) -> Vec<u8> {
        let header_len = 20 + self.options.len();
        let total_length = ((header_len + payload.len()) as u16).to_be_bytes();
        let identification = self.identification.to_be_bytes();
        let mut octets = vec![0x40 | (header_len / 4) as u8, self.tos, total_length[0], total_length[1]];
        octets.extend([identification[0], identification[1], 0x40, 0, self.ttl, self.protocol, 0, 0]);
        octets.extend(self.source.iter().chain(&self.destination).chain(&self.options));
        set_checksum(&mut octets, 10);
        octets.extend(payload);
        octets
    }
}

/// An ICMP message with its checksum.
pub(super) fn icmp(icmp_type: u8, code: u8, rest: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut octets = vec![icmp_type, code, 0, 0];
    octets.extend(rest.iter().chain(data));
    set_checksum(&mut octets, 2);
    octets
}

/// A UDP datagram without checksum.
pub(super) fn udp(source: u16, destination: u16, data: &[u8]) -> Vec<u8> {
    let length = (8 + data.len()) as u16;
    let fields = [source, destination, length, 0];
    fields.iter().flat_map(|field| field.to_be_bytes()).chain(data.iter().copied()).collect()
}

/// A TCP segment with a maximum segment size option. Its checksum is left zero.
pub(super) fn tcp(source: u16, destination: u16, flags: u8, window: u16) -> Vec<u8> {
    let mut octets: Vec<u8> = [source, destination].iter().flat_map(|port| port.to_be_bytes()).collect();
    octets.extend([0, 0, 0x10, 0x01, 0, 0, 0, 0, 0x60, flags]);
    octets.extend(window.to_be_bytes());
    octets.extend([0, 0, 0, 0, 2, 4, 5, 0xb4]);
    octets
}

/// Octets that tell their own position.
pub(super) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|position| position as u8).collect()
}

fn set_checksum(octets: &mut [u8], at: usize) {
    let sum = internet_checksum(&[octets]).to_be_bytes();
    octets[at..at + 2].copy_from_slice(&sum);
}
