//! Repair: lengths and checksums of a datagram made right, layer by layer, except those that are to stay broken.

use super::Broken;
use crate::generate::datagram::{repair_header_checksum, transport_checksum};
use netassay_stack::wire::checksum;

/// Repairs `octets`, a datagram, but for what is `broken`. What is too short to have a field is left as it is.
pub(super) fn datagram(octets: &mut [u8], broken: Broken) {
    if octets.len() < 20 {
        return;
    }
    if !broken.has(Broken::LENGTHS) {
        lengths(octets);
    }
    let header = usize::from(octets[0] & 15) * 4;
    let fragment = u16::from_be_bytes([octets[6], octets[7]]) & 0x3fff != 0;
    if !broken.has(Broken::TRANSPORT_CHECKSUM) && !fragment && header >= 20 && header < octets.len() {
        transport(octets, header);
    }
    if !broken.has(Broken::HEADER_CHECKSUM) {
        repair_header_checksum(octets);
    }
}

/// Version 4, a header of 20 octets at least that is there, and a total length that covers what is there.
fn lengths(octets: &mut [u8]) {
    let words = usize::from(octets[0] & 15).clamp(5, octets.len() / 4);
    octets[0] = 0x40 | words as u8;
    let total = octets.len().min(65_535) as u16;
    octets[2..4].copy_from_slice(&total.to_be_bytes());
    let is_first = u16::from_be_bytes([octets[6], octets[7]]) & 0x3fff == 0;
    if octets[9] == 17 && is_first && octets.len() >= words * 4 + 8 {
        let len = (octets.len() - words * 4) as u16;
        octets[words * 4 + 4..words * 4 + 6].copy_from_slice(&len.to_be_bytes());
    }
}

/// The checksum of the protocol inside, over as much as the total length covers.
fn transport(octets: &mut [u8], header: usize) {
    let end = usize::from(u16::from_be_bytes([octets[2], octets[3]])).clamp(header, octets.len());
    let address = |at: usize| [octets[at], octets[at + 1], octets[at + 2], octets[at + 3]].into();
    let (source, destination, protocol) = (address(12), address(16), octets[9]);
    let segment = &mut octets[header..end];
    let at = match protocol {
        1 | 2 => 2,
        6 => 16,
        // Zero says that there is none. RFC 768 "Fields".
        17 if segment.len() >= 8 && segment[6..8] != [0, 0] => 6,
        _ => return,
    };
    if segment.len() < at + 2 {
        return;
    }
    segment[at..at + 2].fill(0);
    let sum = match protocol {
        1 | 2 => checksum::checksum(segment),
        _ => transport_checksum(source, destination, protocol, segment),
    };
    segment[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

/// What has to stay broken so that repairing gives `octets` back as they are.
pub(super) fn broken_in(octets: &[u8]) -> Broken {
    let layers = [Broken::NOTHING, Broken::HEADER_CHECKSUM, Broken::TRANSPORT_CHECKSUM, Broken::LENGTHS];
    let pairs = layers.iter().flat_map(|one| layers.iter().map(|two| one.with(*two)));
    let comes_back = |broken: &Broken| {
        let mut repaired = octets.to_vec();
        datagram(&mut repaired, *broken);
        repaired == octets
    };
    layers.into_iter().chain(pairs).find(comes_back).unwrap_or(Broken::EVERYTHING)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::{Seeded, datagram as generate};
    use crate::oracle::frame;

    #[test]
    fn what_is_repaired_is_right() {
        for seed in 0..2_000 {
            let mut octets = generate::datagram(&mut Seeded::new(seed), &[]);
            if octets.len() < 28 {
                continue;
            }
            octets[8] = 64;
            // The wrong checksum in a quote, a short ICMP message or malformed options are not repair's business.
            let is_fragment = u16::from_be_bytes([octets[6], octets[7]]) & 0x3fff != 0;
            let is_simple = octets[0] & 15 <= 5 && !is_fragment && matches!(octets[9], 6 | 17 | 200);
            datagram(&mut octets, Broken::NOTHING);
            if is_simple && octets.len() >= 40 {
                assert_eq!(frame::judge(&octets), Ok(()), "seed {seed}: {octets:02x?}");
            }
        }
    }

    #[test]
    fn a_frame_says_itself_what_is_broken() {
        for seed in 0..2_000 {
            let octets = generate::datagram(&mut Seeded::new(seed), &[]);
            let mut repaired = octets.clone();
            datagram(&mut repaired, broken_in(&octets));
            assert_eq!(repaired, octets, "seed {seed}");
        }
    }

    #[test]
    fn what_is_broken_stays_so() {
        let mut octets = generate::datagram(&mut Seeded::new(1), &[]);
        datagram(&mut octets, Broken::NOTHING);
        octets[10] ^= 1;
        let wrong = octets.clone();
        datagram(&mut octets, Broken::HEADER_CHECKSUM);
        assert_eq!(octets, wrong);
    }
}
