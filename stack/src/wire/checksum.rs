//! The Internet checksum: RFC 1071 sums, RFC 1624 updates.
//!
//! Sums are kept in the octet order of the machine and never swapped: a one's complement sum commutes with the
//! swap, so only the final value is turned round. RFC 1071 §2.

use core::net::Ipv4Addr;
use core::ops::Add;

use super::Protocol;

/// From this many octets on vector instructions pay.
const LONG: usize = 192;

/// A one's complement sum of 16-bit words that is still being added up, in 64 bits: a carry out of the top comes back
/// in at the bottom, which changes nothing modulo 2^16 - 1. It is zero only if all that was added was.
///
/// Every part but the last must have an even number of octets; [`Sum::of_parts`] takes any lengths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum(u64);

impl Sum {
    /// Of nothing.
    pub const ZERO: Self = Self(0);

    /// Of `octets`, an odd last one padded with zero.
    #[inline]
    pub fn of(octets: &[u8]) -> Self {
        let (mut sum, rest) =
            if octets.len() < LONG { (Self::ZERO, octets) } else { Self::of_blocks(octets) };
        let (words, rest) = rest.as_chunks::<8>();
        for word in words {
            sum = sum + Self(u64::from_ne_bytes(*word));
        }
        sum + Self(tail(rest))
    }

    /// Of whole blocks, and what is left over. The loop is one that compilers turn into vector instructions, which
    /// have no carry: halves of words are added up in twice the width.
    fn of_blocks(octets: &[u8]) -> (Self, &[u8]) {
        let (blocks, rest) = octets.as_chunks::<8>();
        let (mut even, mut odd) = (0u64, 0u64);
        for block in blocks {
            let [a, b, c, d, e, f, g, h] = *block;
            even += u64::from(u32::from_ne_bytes([a, b, c, d]));
            odd += u64::from(u32::from_ne_bytes([e, f, g, h]));
        }
        (Self(even) + Self(odd), rest)
    }

    /// Of a header without options: two pieces, no loop and no tail.
    #[inline]
    pub fn of_header(header: &[u8; 20]) -> Self {
        let [first @ .., a, b, c, d] = header;
        let first = u128::from_ne_bytes(*first);
        let last = u32::from_ne_bytes([*a, *b, *c, *d]);
        Self(first as u64) + Self((first >> 64) as u64) + Self(last.into())
    }

    /// Of `parts` laid end to end, whatever their lengths.
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut sum = Self::ZERO;
        let mut is_odd = false;
        for part in parts {
            let own = Self::of(part);
            sum = sum + if is_odd { Self(u64::from(own.fold().swap_bytes())) } else { own };
            is_odd ^= part.len() % 2 == 1;
        }
        sum
    }

    /// Of the pseudo header that TCP and UDP prepend; `len` counts the octets of the segment. RFC 768, RFC 9293 §3.1.
    #[inline]
    pub fn of_pseudo_header(source: Ipv4Addr, destination: Ipv4Addr, protocol: Protocol, len: u16) -> Self {
        let addresses = u64::from(u32::from_ne_bytes(source.octets()))
            + u64::from(u32::from_ne_bytes(destination.octets()));
        let rest = u64::from(u16::from_ne_bytes([0, protocol.into()]));
        Self(addresses + rest + u64::from(u16::from_ne_bytes(len.to_be_bytes())))
    }

    /// Whether data that includes its own checksum is intact. RFC 1071 §1.
    #[inline]
    pub fn is_intact(self) -> bool {
        self.fold() == 0xffff
    }

    /// The value for the checksum field, which was zero while the sum was taken.
    #[inline]
    pub fn checksum(self) -> u16 {
        u16::from_be(!self.fold())
    }

    /// The sum of whatever has to be added to this part to make the whole intact. RFC 1071 §1.
    ///
    /// Zero stands for data that sum to zero as well as to all ones.
    #[inline]
    pub fn rest_of_intact(self) -> Self {
        Self(u64::from(!self.fold()))
    }

    /// The 16-bit sum, in the octet order of the machine.
    #[inline]
    fn fold(self) -> u16 {
        // A number added to itself with its halves swapped has the sum of both halves, carry included, in the upper one.
        let sum = (self.0.wrapping_add(self.0.rotate_left(32)) >> 32) as u32;
        (sum.wrapping_add(sum.rotate_left(16)) >> 16) as u16
    }
}

impl Add for Sum {
    type Output = Self;

    #[inline]
    fn add(self, other: Self) -> Self {
        let (sum, carries) = self.0.overflowing_add(other.0);
        // Where something is carried the sum is below the largest number.
        Self(sum.wrapping_add(u64::from(carries)))
    }
}

/// Whether `octets` sum to all ones, their checksum field included.
#[inline]
pub fn is_intact(octets: &[u8]) -> bool {
    Sum::of(octets).is_intact()
}

/// Whether an IPv4 header, given as its fixed part and its options, has a right checksum.
#[inline]
pub fn is_header_intact(header: &[u8; 20], options: &[u8]) -> bool {
    let fixed = Sum::of_header(header);
    if options.is_empty() { fixed.is_intact() } else { is_intact_with(fixed, options) }
}

/// Apart, so that a header without options is judged where it stands.
#[inline(never)]
fn is_intact_with(fixed: Sum, options: &[u8]) -> bool {
    (fixed + Sum::of(options)).is_intact()
}

/// The checksum of `octets`, whose checksum field is zero.
#[inline]
pub fn checksum(octets: &[u8]) -> u16 {
    Sum::of(octets).checksum()
}

/// `checksum` after a 16-bit word at an even place changed from `old` to `new`. RFC 1624 §3, equation 3.
#[inline]
pub const fn update_u16(checksum: u16, old: u16, new: u16) -> u16 {
    let sum = !checksum as u32 + !old as u32 + new as u32;
    let sum = (sum & 0xffff) + (sum >> 16);
    !(((sum & 0xffff) + (sum >> 16)) as u16)
}

/// `checksum` after four octets at an even place changed, such as an address. RFC 1624 §3.
#[inline]
pub const fn update_u32(checksum: u16, old: u32, new: u32) -> u16 {
    update_u16(update_u16(checksum, (old >> 16) as u16, (new >> 16) as u16), old as u16, new as u16)
}

/// Of fewer than 8 octets.
#[inline]
fn tail(mut octets: &[u8]) -> u64 {
    let mut sum = 0;
    if let Some((word, rest)) = octets.split_first_chunk::<4>() {
        sum += u64::from(u32::from_ne_bytes(*word));
        octets = rest;
    }
    if let Some((word, rest)) = octets.split_first_chunk::<2>() {
        sum += u64::from(u16::from_ne_bytes(*word));
        octets = rest;
    }
    if let [last] = octets {
        sum += u64::from(u16::from_ne_bytes([*last, 0]));
    }
    sum
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use quickcheck::quickcheck;
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_carry_out_of_the_carry_is_added_too() {
        assert_eq!(update_u16(0, 0, 1), 0xfffe);
        assert_eq!(update_u32(0, 0, 0x0001_0001), 0xfffd);
    }

    /// The procedure of RFC 1071 §4.1, word by word.
    fn by_the_book(octets: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in octets.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
            while sum >> 16 != 0 {
                sum = (sum & 0xffff) + (sum >> 16);
            }
        }
        !(sum as u16)
    }

    #[rstest]
    #[case::example_of_rfc_1071_section_3(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7], !0xddf2)]
    #[case::nothing(&[], 0xffff)]
    #[case::one_octet(&[0x12], !0x1200)]
    #[case::all_ones(&[0xff; 9], !0xff00)]
    #[case::zeros(&[0; 64], 0xffff)]
    fn checksum_of(#[case] octets: &[u8], #[case] expected: u16) {
        assert_eq!(checksum(octets), expected);
    }

    #[test]
    fn every_length_up_to_two_kibioctets_agrees_with_the_loop() {
        let octets: Vec<u8> =
            (0..2048u64).map(|n| if n % 3 == 0 { 0xff } else { ((n * 2_654_435_761) >> 13) as u8 }).collect();
        for len in 0..octets.len() {
            assert_eq!(checksum(&octets[..len]), by_the_book(&octets[..len]), "{len} octets");
        }
    }

    #[test]
    fn update_agrees_with_the_example_of_rfc_1624() {
        // RFC 1624 §4: the one example that equation 2 of RFC 1141 gets wrong.
        assert_eq!(update_u16(0xdd2f, 0x5555, 0x3285), 0x0000);
    }

    quickcheck! {
        fn sum_agrees_with_the_loop(octets: Vec<u8>) -> bool {
            checksum(&octets) == by_the_book(&octets)
        }

        fn parts_sum_like_the_whole(parts: Vec<Vec<u8>>) -> bool {
            let slices: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            Sum::of_parts(&slices).checksum() == by_the_book(&parts.concat())
        }

        fn header_form_is_the_general_form(octets: Vec<u8>, options: Vec<u8>) -> bool {
            let mut header = [0u8; 20];
            for (to, from) in header.iter_mut().zip(&octets) {
                *to = *from;
            }
            Sum::of_header(&header).checksum() == checksum(&header)
                && is_header_intact(&header, &options) == is_intact(&[&header[..], &options].concat())
        }

        fn data_with_its_checksum_is_intact(octets: Vec<u8>, spoiled: u8) -> bool {
            let mut octets = octets;
            octets.truncate(octets.len() & !1);
            let sum = checksum(&octets);
            octets.extend(sum.to_be_bytes());
            let was_intact = is_intact(&octets);
            octets[0] ^= spoiled;
            was_intact && is_intact(&octets) == (spoiled == 0)
        }

        fn rest_makes_the_whole_intact(octets: Vec<u8>, at: usize) -> bool {
            let mut octets = octets;
            octets.truncate(octets.len() & !1);
            octets.extend(checksum(&octets).to_be_bytes());
            let (part, rest) = octets.split_at((at % octets.len()) & !1);
            let derived = Sum::of(part).rest_of_intact();
            derived.fold() % 0xffff == Sum::of(rest).fold() % 0xffff
        }

        fn update_is_the_sum_of_the_changed_data(octets: Vec<u8>, at: usize, new: u32) -> bool {
            // Data that is zero throughout is the one case in which the two representations of zero differ.
            let mut octets = octets;
            octets.extend([0x45, 0, 0, 1]);
            octets.resize(octets.len().next_multiple_of(4), 0);
            let at = at % (octets.len() / 4) * 4;
            let before = checksum(&octets);
            let old = u32::from_be_bytes(octets[at..at + 4].try_into().unwrap());
            octets[at..at + 4].copy_from_slice(&new.to_be_bytes());
            octets.iter().all(|octet| *octet == 0) || update_u32(before, old, new) == checksum(&octets)
        }

        fn pseudo_header_is_twelve_octets(source: u32, destination: u32, protocol: u8, len: u16) -> bool {
            let mut octets = Vec::from(source.to_be_bytes());
            octets.extend(destination.to_be_bytes());
            octets.extend([0, protocol]);
            octets.extend(len.to_be_bytes());
            Sum::of_pseudo_header(source.into(), destination.into(), protocol.into(), len).checksum() == by_the_book(&octets)
        }
    }
}
