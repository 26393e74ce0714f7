//! One IPv4 datagram: valid, nearly valid, or odd.
//!
//! A datagram is built right, then up to three of its fields are bent. Header and transport checksums are repaired
//! afterwards unless breaking them is the point: a wrong checksum hides everything behind it.

use std::net::Ipv4Addr;

use netassay_stack::wire::{Sum, checksum};

use super::choice::Choice;
use super::{address, option, quote};

/// A datagram under construction: header fields free to be wrong.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Type of service octet.
    pub tos: u8,
    /// Identification.
    pub identification: u16,
    /// Flags and fragment offset as they stand in the header.
    pub flags_and_offset: u16,
    /// Time to live.
    pub ttl: u8,
    /// Protocol number.
    pub protocol: u8,
    /// Source address.
    pub source: Ipv4Addr,
    /// Destination address.
    pub destination: Ipv4Addr,
    /// Options, a multiple of 4 octets, at most 40.
    pub options: Vec<u8>,
    /// What follows the header.
    pub payload: Vec<u8>,
}

impl Draft {
    /// The octets, with version, IHL, total length and header checksum computed.
    ///
    /// # Panics
    /// If the whole is longer than 65535 octets.
    pub fn octets(&self) -> Vec<u8> {
        let header_len = 20 + self.options.len();
        let total =
            u16::try_from(header_len + self.payload.len()).expect("generators keep within 65535 octets");
        let mut octets = Vec::with_capacity(usize::from(total));
        octets.extend([0x40 | (header_len / 4) as u8, self.tos]);
        octets.extend(total.to_be_bytes());
        octets.extend(self.identification.to_be_bytes());
        octets.extend(self.flags_and_offset.to_be_bytes());
        octets.extend([self.ttl, self.protocol, 0, 0]);
        octets.extend(self.source.octets());
        octets.extend(self.destination.octets());
        octets.extend(&self.options);
        octets.extend(&self.payload);
        repair_header_checksum(&mut octets);
        octets
    }
}

/// Writes the right header checksum, as far as the header length field and the buffer allow.
pub fn repair_header_checksum(octets: &mut [u8]) {
    let header_len = usize::from(octets.first().map_or(0, |first| first & 15)) * 4;
    if header_len < 12 || header_len > octets.len() {
        return;
    }
    octets[10..12].fill(0);
    let sum = checksum::checksum(&octets[..header_len]);
    octets[10..12].copy_from_slice(&sum.to_be_bytes());
}

/// Draws a datagram. `heard` is what the stack emitted lately: material for ICMP errors.
pub fn datagram(choice: &mut impl Choice, heard: &[Vec<u8>]) -> Vec<u8> {
    let mut draft = frame_of(choice);
    match choice.below(32) {
        0..=7 => echo(choice, &mut draft),
        8..=10 => icmp_query(choice, &mut draft),
        11..=12 => icmp_any(choice, &mut draft),
        13..=18 => quote::icmp_error(choice, heard, &mut draft),
        19..=23 => udp(choice, &mut draft),
        24..=26 => tcp(choice, &mut draft),
        27 => igmp(choice, &mut draft),
        _ => other(choice, &mut draft),
    }
    let mut octets = draft.octets();
    bend(choice, &mut octets);
    octets
}

/// Header fields and options with nothing inside.
fn frame_of(choice: &mut impl Choice) -> Draft {
    Draft {
        tos: if choice.chance(1, 3) { choice.octet() } else { 0 },
        identification: *choice.pick(&[0, 1, 0x1234, 0xffff]),
        flags_and_offset: *choice.pick(&[0, 0, 0, 0x4000, 0x4000, 0x8000, 0xc000]),
        ttl: *choice.pick(&[64, 64, 64, 64, 0, 1, 2, 255]),
        protocol: 1,
        source: address::source(choice),
        destination: address::destination(choice),
        options: if choice.chance(1, 5) { option::options(choice) } else { Vec::new() },
        payload: Vec::new(),
    }
}

/// Octets that tell where they came from: a function of `seed` and position.
pub fn filler(seed: u8, len: usize) -> impl Iterator<Item = u8> {
    (0..len).map(move |position| seed.wrapping_add((position as u8).wrapping_mul(7)))
}

/// A payload length: mostly short, sometimes around the limits that matter.
fn payload_len(choice: &mut impl Choice) -> usize {
    const EDGES: &[u32] = &[0, 1, 7, 8, 20, 28, 520, 521, 548, 549, 1472, 1480, 1481, 2000, 4000];
    match choice.below(8) {
        0..=4 => choice.below(64) as usize,
        5..=6 => *choice.pick(EDGES) as usize,
        _ => choice.below(1500) as usize,
    }
}

/// An ICMP message with its checksum: right, or broken once in 24.
pub fn icmp_message(
    choice: &mut impl Choice,
    icmp_type: u8,
    code: u8,
    word: [u8; 4],
    body: &[u8],
) -> Vec<u8> {
    let mut message = vec![icmp_type, code, 0, 0];
    message.extend(word);
    message.extend(body);
    let mut sum = checksum::checksum(&message);
    if choice.chance(1, 24) {
        sum ^= 1 << choice.below(16);
    }
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    message
}

fn echo(choice: &mut impl Choice, draft: &mut Draft) {
    let code = if choice.chance(1, 10) { choice.octet() } else { 0 };
    let (seed, len) = (choice.octet(), payload_len(choice));
    let body: Vec<u8> = filler(seed, len).collect();
    draft.payload = icmp_message(choice, 8, code, [1, 2, 3, seed], &body);
}

/// Timestamp, information, address mask and extended echo requests; echo replies.
fn icmp_query(choice: &mut impl Choice, draft: &mut Draft) {
    let icmp_type = *choice.pick(&[13, 13, 13, 42, 42, 42, 15, 17, 0, 43, 14]);
    let body: Vec<u8> = match icmp_type {
        13 => filler(1, *choice.pick(&[12, 12, 4, 3, 0, 20])).collect(),
        42 => probe(choice),
        _ => filler(1, choice.below(20) as usize).collect(),
    };
    let word = [0x42, 0x42, choice.octet(), choice.below(4) as u8];
    let code = if choice.chance(1, 8) { choice.below(8) as u8 } else { 0 };
    draft.payload = icmp_message(choice, icmp_type, code, word, &body);
}

/// The extension structure of an Extended Echo Request. RFC 8335 §2.
fn probe(choice: &mut impl Choice) -> Vec<u8> {
    let (c_type, data): (u8, Vec<u8>) = match choice.below(4) {
        0 => (
            1,
            choice.pick(&[&b"t0\0\0"[..], b"lo\0\0", b"nope", b"t1", b"p0\0\0", b"fifteen-octets!"]).to_vec(),
        ),
        1 => (2, choice.between(0, 5).to_be_bytes().to_vec()),
        2 => {
            let mut data = vec![0, 1, 4, 0];
            data.extend(address::any(choice).octets());
            (3, data)
        }
        _ => (choice.below(6) as u8, filler(0, choice.below(28) as usize).collect()),
    };
    let len = if choice.chance(1, 6) { choice.below(32) as u16 } else { 4 + data.len() as u16 };
    let mut octets = vec![0x20, 0, 0, 0];
    octets.extend(len.to_be_bytes());
    octets.extend([3, c_type]);
    octets.extend(data);
    let keep = if choice.chance(1, 10) { choice.below(octets.len() as u32) as usize } else { octets.len() };
    octets.truncate(keep);
    octets
}

fn icmp_any(choice: &mut impl Choice, draft: &mut Draft) {
    let body: Vec<u8> = filler(3, payload_len(choice)).collect();
    let word = choice.bits().to_be_bytes();
    let (icmp_type, code) = (choice.octet(), choice.below(20) as u8);
    draft.payload = icmp_message(choice, icmp_type, code, word, &body);
    if choice.chance(1, 6) {
        draft.payload.truncate(choice.below(9) as usize);
    }
}

fn udp(choice: &mut impl Choice, draft: &mut Draft) {
    draft.protocol = if choice.chance(1, 16) { 136 } else { 17 };
    let body: Vec<u8> = filler(5, payload_len(choice)).collect();
    let exact = 8 + body.len() as u16;
    let len = match choice.below(12) {
        0 => choice.below(12) as u16,
        1 => exact + 1,
        2 => exact.saturating_sub(choice.below(8) as u16),
        _ => exact,
    };
    let mut datagram = Vec::with_capacity(body.len() + 8);
    datagram.extend(1000u16.to_be_bytes());
    datagram.extend(choice.pick(&[7u16, 53, 9, 0, 65535]).to_be_bytes());
    datagram.extend(len.to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(body);
    let covered = usize::from(len).clamp(8, datagram.len());
    finish_transport(choice, draft, datagram, covered, 6);
}

fn tcp(choice: &mut impl Choice, draft: &mut Draft) {
    draft.protocol = 6;
    let options = 4 * choice.below(3) as usize;
    let data_offset = if choice.chance(1, 12) { choice.below(16) as u8 } else { 5 + (options / 4) as u8 };
    let flags =
        if choice.chance(1, 3) { choice.octet() } else { *choice.pick(&[2, 16, 17, 4, 18, 24, 1, 0]) };
    let mut segment = Vec::new();
    segment.extend(1000u16.to_be_bytes());
    segment.extend(80u16.to_be_bytes());
    segment.extend(choice.bits().to_be_bytes());
    segment.extend(choice.bits().to_be_bytes());
    segment.extend([data_offset << 4, flags, 4, 0, 0, 0, 0, 0]);
    segment.extend(filler(1, options).map(|_| 1));
    segment.extend(filler(9, choice.below(40) as usize));
    if choice.chance(1, 16) {
        segment.truncate(choice.below(21) as usize);
    }
    let covered = segment.len();
    finish_transport(choice, draft, segment, covered, 16);
}

/// Writes the transport checksum over `covered` octets at `at` (right; zero or broken once in 12 each) and makes
/// `octets` the payload.
fn finish_transport(
    choice: &mut impl Choice,
    draft: &mut Draft,
    mut octets: Vec<u8>,
    covered: usize,
    at: usize,
) {
    if octets.len() >= at + 2 {
        let sum = transport_checksum(draft.source, draft.destination, draft.protocol, &octets[..covered]);
        let value = match choice.below(12) {
            0 => 0,
            1 => sum ^ (1 << choice.below(16)),
            _ => sum,
        };
        octets[at..at + 2].copy_from_slice(&value.to_be_bytes());
    }
    draft.payload = octets;
}

/// The checksum over pseudo header and segment, whose own checksum field is zero.
pub fn transport_checksum(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8, segment: &[u8]) -> u16 {
    let [high, low] = (segment.len() as u16).to_be_bytes();
    let pseudo = [0, protocol, high, low];
    let sum = Sum::of_parts(&[&source.octets(), &destination.octets(), &pseudo, segment]);
    match sum.checksum() {
        0 => 0xffff,
        sum => sum,
    }
}

fn igmp(choice: &mut impl Choice, draft: &mut Draft) {
    draft.protocol = 2;
    let kind = *choice.pick(&[0x12, 0x16, 0x17, 0x22, 0x13, 0]);
    draft.payload = icmp_message(choice, kind, 0, [224, 0, 0, 251], &[]);
}

fn other(choice: &mut impl Choice, draft: &mut Draft) {
    draft.protocol = *choice.pick(&[0, 4, 41, 47, 50, 51, 58, 89, 103, 132, 253, 255, 3, 200]);
    draft.payload = filler(11, payload_len(choice)).collect();
}

/// Bends up to three header fields, then repairs the header checksum unless that is what was bent.
pub(super) fn bend(choice: &mut impl Choice, octets: &mut Vec<u8>) {
    let times = *choice.pick(&[0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3]);
    let mut repair = true;
    for _ in 0..times {
        repair &= bend_once(choice, octets);
    }
    if times > 0 && repair {
        repair_header_checksum(octets);
    }
}

/// Bends one thing; says whether the header checksum may be repaired afterwards.
fn bend_once(choice: &mut impl Choice, octets: &mut Vec<u8>) -> bool {
    if octets.len() < 20 {
        return true;
    }
    match choice.below(14) {
        0 => octets[0] = (octets[0] & 15) | ((choice.below(16) as u8) << 4),
        1 => octets[0] = (octets[0] & 0xf0) | choice.below(16) as u8,
        2 => octets[1] = choice.octet(),
        3 => set_total_length(choice, octets),
        4 => octets[6] = choice.octet(),
        5 => octets[6..8]
            .copy_from_slice(&(choice.below(8) as u16 | (0x2000 * choice.below(2) as u16)).to_be_bytes()),
        6 => octets[8] = choice.octet(),
        7 => octets[9] = choice.octet(),
        8 => {
            octets[10 + choice.below(2) as usize] ^= 1 << choice.below(8);
            return false;
        }
        9 => octets[12..16].copy_from_slice(&address::any(choice).octets()),
        10 => octets[16..20].copy_from_slice(&address::any(choice).octets()),
        11 => octets.truncate(choice.below(octets.len() as u32 + 1) as usize),
        12 => octets.extend(filler(13, choice.between(1, 30) as usize)),
        _ => {
            let at = choice.below(octets.len() as u32) as usize;
            octets[at] ^= 1 << choice.below(8);
        }
    }
    true
}

fn set_total_length(choice: &mut impl Choice, octets: &mut [u8]) {
    let now = octets.len() as u16;
    let header = u16::from(octets[0] & 15) * 4;
    let edges = [
        0,
        19,
        20,
        header.wrapping_sub(1),
        header,
        header + 1,
        now.wrapping_sub(1),
        now.saturating_add(1),
        65535,
    ];
    let value = *choice.pick(&edges);
    octets[2..4].copy_from_slice(&value.to_be_bytes());
}
