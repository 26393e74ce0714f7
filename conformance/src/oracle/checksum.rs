//! The Internet checksum as RFC 1071 §1 words it: add 16-bit words, fold the carries, complement.
//!
//! Slow and obvious on purpose, and independent of the one in the stack.

/// The checksum of `octets`; an odd last octet counts as if a zero followed it.
pub fn naive(octets: &[u8]) -> u16 {
    let mut sum = 0u32;
    for pair in octets.chunks(2) {
        sum += u32::from(pair[0]) * 256 + pair.get(1).map_or(0, |low| u32::from(*low));
        if sum > 0xffff {
            sum -= 0xffff;
        }
    }
    !(sum as u16)
}

/// Whether `octets`, checksum field included, add up.
pub fn is_intact(octets: &[u8]) -> bool {
    naive(octets) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1071() {
        // RFC 1071 §3: the words sum to ddf2.
        assert_eq!(naive(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
    }

    #[test]
    fn the_fast_one_agrees() {
        fn holds(octets: Vec<u8>) -> bool {
            netassay_stack::wire::checksum::checksum(&octets) == naive(&octets)
        }
        quickcheck::quickcheck(holds as fn(Vec<u8>) -> bool);
    }
}
