//! What a masked field does to the checksums that cover it.

use std::ops::Range;

use super::RuleInfo;

/// What `netassay list rules` says.
pub const INFO: RuleInfo = RuleInfo {
    name: "checksum-of-masked-field",
    applies_to: "checksums that cover a field which another rule leaves free",
    demands: "the checksums differ by exactly what the free field accounts for",
    clause: "RFC 1624 §3",
};

/// A checksum and the octets that it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Covered {
    /// Where the covered octets begin: decides which half of a 16-bit word an octet is.
    pub from: usize,
    /// Where the checksum is.
    pub at: usize,
    /// Whether a checksum of zero means that there is none (UDP).
    pub zero_is_none: bool,
}

impl Covered {
    /// No checksum at all.
    pub const NOTHING: Self = Self { from: 0, at: usize::MAX / 2, zero_is_none: false };

    /// The checksum at `at` over octets from `from` on.
    pub const fn new(from: usize, at: usize) -> Self {
        Self { from, at, zero_is_none: false }
    }
}

/// Sets `field` to zero and adjusts the checksum as RFC 1624 §3 does; leaves the frame alone if it is too short.
///
/// The two zeros of one's complement arithmetic become one, because an adjusted sum does not tell them apart.
pub fn mask(frame: &mut [u8], field: Range<usize>, sum: Covered) {
    if frame.len() < field.end {
        return;
    }
    let contribution = frame[field.clone()].iter().zip(field.clone()).fold(0_u32, |total, (octet, at)| {
        total + if (at - sum.from).is_multiple_of(2) { u32::from(*octet) << 8 } else { u32::from(*octet) }
    });
    frame[field].fill(0);
    if frame.len() < sum.at + 2 {
        return;
    }
    let checksum = u16::from_be_bytes([frame[sum.at], frame[sum.at + 1]]);
    if checksum == 0 && sum.zero_is_none {
        return;
    }
    // What is covered sums up to the complement of the checksum; the field's share is taken out of it.
    let adjusted = !fold(u32::from(!checksum) + u32::from(!fold(contribution)));
    let adjusted = if adjusted == 0xffff { 0 } else { adjusted };
    frame[sum.at..sum.at + 2].copy_from_slice(&adjusted.to_be_bytes());
}

fn fold(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The Internet checksum of octets, as in RFC 1071 §1.
    fn internet_checksum(octets: &[u8]) -> u16 {
        let sum = octets
            .chunks(2)
            .map(|word| u32::from(word[0]) << 8 | word.get(1).map_or(0, |low| u32::from(*low)));
        !fold(sum.sum())
    }

    /// `[checksum, …octets]` with a right checksum in front.
    fn checked(octets: &[u8]) -> Vec<u8> {
        let mut frame = vec![0, 0];
        frame.extend(octets);
        let checksum = internet_checksum(&frame);
        frame[..2].copy_from_slice(&checksum.to_be_bytes());
        frame
    }

    #[test]
    fn masked_frames_with_right_checksums_become_equal() {
        let mut a = checked(&[0x12, 0x34, 0xab, 0xcd, 0xff, 0xff, 9]);
        let mut b = checked(&[0x12, 0x77, 0x01, 0x00, 0x00, 0xff, 9]);
        // From an odd offset to an odd one, as timestamps in options are.
        mask(&mut a, 3..7, Covered::new(0, 0));
        mask(&mut b, 3..7, Covered::new(0, 0));
        assert_eq!(a, b);
    }

    #[test]
    fn a_wrong_checksum_stays_different() {
        let mut a = checked(&[0x12, 0x34, 0xab, 0xcd]);
        let mut b = checked(&[0x12, 0x34, 0x01, 0x00]);
        b[1] ^= 1;
        mask(&mut a, 4..6, Covered::new(0, 0));
        mask(&mut b, 4..6, Covered::new(0, 0));
        assert_ne!(a, b);
    }

    #[test]
    fn no_udp_checksum_stays_none() {
        let mut frame = vec![0, 0, 1, 2];
        mask(&mut frame, 2..4, Covered { zero_is_none: true, ..Covered::new(0, 0) });
        assert_eq!(frame, [0, 0, 0, 0]);
    }
}
