//! What a DUT let out, read octet by octet: independent of the parser of the stack under test.

use std::net::Ipv4Addr;

use crate::model::{EmittedFrame, LinkKind};
use crate::oracle::checksum;

/// An emitted datagram. Fields that are not there read as `None`; the header is always there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Interface it left by.
    pub interface: usize,
    /// Hardware address it was sent to, where the link has any.
    pub link_destination: Option<[u8; 6]>,
    /// The datagram, from the version on.
    pub octets: Vec<u8>,
    /// Time of day at which the DUT took the step, in milliseconds since midnight UTC.
    pub midnight_ms: u32,
}

impl Datagram {
    /// The datagram in `frame`; `None` if it is no IPv4 or has no whole header.
    pub fn read(frame: &EmittedFrame, kind: LinkKind, midnight_ms: u32) -> Option<Self> {
        let (link_destination, octets) = match kind {
            LinkKind::Ip => (None, &frame.octets[..]),
            LinkKind::Ethernet => {
                let (header, rest) = frame.octets.split_first_chunk::<14>()?;
                let to = header.first_chunk::<6>().copied();
                (to, (header[12..] == [8, 0]).then_some(rest)?)
            }
        };
        let is_ipv4 = octets.len() >= 20 && octets[0] >> 4 == 4;
        is_ipv4.then(|| Self {
            interface: frame.interface,
            link_destination,
            octets: octets.to_vec(),
            midnight_ms,
        })
    }

    /// A datagram that is only quoted or built, for reading its fields. Short ones are filled with zeros.
    pub fn of(octets: &[u8]) -> Self {
        let mut octets = octets.to_vec();
        octets.resize(octets.len().max(20), 0);
        Self { interface: 0, link_destination: None, octets, midnight_ms: 0 }
    }

    fn word(&self, at: usize) -> u16 {
        u16::from_be_bytes([self.octets[at], self.octets[at + 1]])
    }

    fn address(&self, at: usize) -> Ipv4Addr {
        Ipv4Addr::new(self.octets[at], self.octets[at + 1], self.octets[at + 2], self.octets[at + 3])
    }

    /// Whether `stamp`, four octets of it, lies within five minutes of the time of day at which it left, or has the bit
    /// of a non-standard value. RFC 792 "Timestamp or Timestamp Reply Message".
    pub fn is_time_of_day(&self, stamp: Option<&[u8]>) -> bool {
        const DAY_MS: u32 = 86_400_000;
        let Some(&[a, b, c, d]) = stamp else { return false };
        let stamp = u32::from_be_bytes([a, b, c, d]);
        let off = stamp.abs_diff(self.midnight_ms);
        stamp & 0x8000_0000 != 0 || stamp < DAY_MS && off.min(DAY_MS - off.min(DAY_MS)) < 300_000
    }

    /// Octets of the header, as far as they are there.
    pub fn header_len(&self) -> usize {
        (usize::from(self.octets[0] & 15) * 4).clamp(20, self.octets.len())
    }

    /// Type of service.
    pub fn tos(&self) -> u8 {
        self.octets[1]
    }

    /// Total length.
    pub fn total_length(&self) -> u16 {
        self.word(2)
    }

    /// Identification.
    pub fn identification(&self) -> u16 {
        self.word(4)
    }

    /// Whether the reserved flag is set.
    pub fn reserved_flag(&self) -> bool {
        self.word(6) & 0x8000 != 0
    }

    /// Whether don't fragment is set.
    pub fn dont_fragment(&self) -> bool {
        self.word(6) & 0x4000 != 0
    }

    /// Whether more fragments is set.
    pub fn more_fragments(&self) -> bool {
        self.word(6) & 0x2000 != 0
    }

    /// Fragment offset in octets.
    pub fn fragment_offset(&self) -> usize {
        usize::from(self.word(6) & 0x1fff) * 8
    }

    /// Whether it is a fragment.
    pub fn is_fragment(&self) -> bool {
        self.word(6) & 0x3fff != 0
    }

    /// Time to live.
    pub fn ttl(&self) -> u8 {
        self.octets[8]
    }

    /// Protocol number.
    pub fn protocol(&self) -> u8 {
        self.octets[9]
    }

    /// Header checksum as it stands there.
    pub fn header_checksum(&self) -> u16 {
        self.word(10)
    }

    /// Source address.
    pub fn source(&self) -> Ipv4Addr {
        self.address(12)
    }

    /// Destination address.
    pub fn destination(&self) -> Ipv4Addr {
        self.address(16)
    }

    /// Options, padding included.
    pub fn options(&self) -> &[u8] {
        &self.octets[20..self.header_len()]
    }

    /// What follows the header, up to the total length.
    pub fn payload(&self) -> &[u8] {
        let end = usize::from(self.total_length()).clamp(self.header_len(), self.octets.len());
        &self.octets[self.header_len()..end]
    }

    /// The ICMP message, of 8 octets at least.
    pub fn icmp(&self) -> Option<&[u8]> {
        (self.protocol() == 1 && self.fragment_offset() == 0 && self.payload().len() >= 8)
            .then(|| self.payload())
    }

    /// ICMP type and code.
    pub fn icmp_type_and_code(&self) -> Option<(u8, u8)> {
        self.icmp().map(|message| (message[0], message[1]))
    }

    /// The four octets after the ICMP checksum.
    pub fn icmp_word(&self) -> Option<u32> {
        self.icmp().map(|message| u32::from_be_bytes([message[4], message[5], message[6], message[7]]))
    }

    /// Identifier of an ICMP query.
    pub fn identifier(&self) -> Option<u16> {
        self.icmp_word().map(|word| (word >> 16) as u16)
    }

    /// Sequence number of an ICMP query.
    pub fn sequence_number(&self) -> Option<u16> {
        self.icmp_word().map(|word| word as u16)
    }

    /// What follows the 8 octets of an ICMP message.
    pub fn icmp_data(&self) -> Option<&[u8]> {
        self.icmp().map(|message| &message[8..])
    }

    /// Whether the ICMP checksum is right.
    pub fn icmp_checksum_is_right(&self) -> Option<bool> {
        (!self.is_fragment()).then(|| self.icmp().map(checksum::is_intact)).flatten()
    }

    /// The quoted datagram of an ICMP error: up to the length that RFC 4884 gives, if it gives one.
    pub fn quote(&self) -> Option<&[u8]> {
        let message = self.icmp()?;
        let data = &message[8..];
        match (message[0], usize::from(message[5]) * 4) {
            (3 | 11 | 12, len @ 1..) if len <= data.len() => Some(&data[..len]),
            (3 | 4 | 5 | 11 | 12, _) => Some(data),
            _ => None,
        }
    }

    /// What follows the quote of an ICMP error that gives its length. RFC 4884 §4.
    pub fn extension(&self) -> Option<&[u8]> {
        let message = self.icmp()?;
        let len = usize::from(message[5]) * 4;
        (matches!(message[0], 3 | 11 | 12) && len > 0).then(|| message.get(8 + len..)).flatten()
    }

    /// Source and destination port of UDP or TCP.
    pub fn ports(&self) -> Option<(u16, u16)> {
        let payload = self.payload();
        (matches!(self.protocol(), 6 | 17) && self.fragment_offset() == 0 && payload.len() >= 4).then(|| {
            (u16::from_be_bytes([payload[0], payload[1]]), u16::from_be_bytes([payload[2], payload[3]]))
        })
    }

    /// What follows the header of UDP.
    pub fn udp_data(&self) -> Option<&[u8]> {
        (self.protocol() == 17 && self.fragment_offset() == 0).then(|| self.payload().get(8..)).flatten()
    }

    /// TCP flags: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32.
    pub fn tcp_flags(&self) -> Option<u8> {
        self.tcp().map(|segment| segment[13])
    }

    /// TCP sequence number and acknowledgment number.
    pub fn tcp_numbers(&self) -> Option<(u32, u32)> {
        let number = |segment: &[u8], at: usize| {
            u32::from_be_bytes([segment[at], segment[at + 1], segment[at + 2], segment[at + 3]])
        };
        self.tcp().map(|segment| (number(segment, 4), number(segment, 8)))
    }

    fn tcp(&self) -> Option<&[u8]> {
        (self.protocol() == 6 && self.fragment_offset() == 0 && self.payload().len() >= 20)
            .then(|| self.payload())
    }

    /// Whether the checksum of UDP or TCP is right; a UDP checksum of 0 says there is none, which is right as well.
    pub fn transport_checksum_is_right(&self) -> Option<bool> {
        let payload = self.payload();
        let least = match self.protocol() {
            6 => 20,
            17 => 8,
            _ => return None,
        };
        if self.is_fragment() || payload.len() < least {
            return None;
        }
        if self.protocol() == 17 && payload[6..8] == [0, 0] {
            return Some(true);
        }
        let mut covered = self.octets[12..20].to_vec();
        covered.extend([0, self.protocol()]);
        covered.extend((payload.len() as u16).to_be_bytes());
        covered.extend(payload);
        Some(checksum::is_intact(&covered))
    }
}
