//! The Internet checksum as RFC 1071 §1 words it: add 16-bit words, fold the carries, complement.
//!
//! Slow and obvious on purpose, and independent of the one in the stack.

use netassay_stack::wire::Sum;
use netassay_stack::wire::checksum::{checksum, update_u16, update_u32};

use super::{Objection, hold, same};

/// The clause of sums, and that of updates.
const SUM: &str = "RFC 1071 §1";
const UPDATE: &str = "RFC 1624 §3";

/// The checksum of `octets`; an odd last octet counts as if a zero followed it.
pub fn naive(octets: &[u8]) -> u16 {
    !folded(sum(octets))
}

/// The checksum of `header`, of an even length, and `octets` behind it.
pub fn naive_behind(header: &[u8; 12], octets: &[u8]) -> u16 {
    !folded(sum(header).wrapping_add(sum(octets)))
}

/// The words of `octets` added up. No overflow: 2^48 words would be needed.
fn sum(octets: &[u8]) -> u64 {
    let pairs = octets.chunks_exact(2);
    let last = pairs.remainder().first().map_or(0, |high| u64::from(*high) << 8);
    pairs
        .map(|pair| u64::from(u16::from_be_bytes([pair[0], pair[1]])))
        .fold(last, |sum, word| sum.wrapping_add(word))
}

/// The carries of `sum` added to its lowest word, until there are none.
fn folded(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// Whether `octets`, checksum field included, add up.
pub fn is_intact(octets: &[u8]) -> bool {
    naive(octets) == 0
}

/// Whether the stack's sums agree with [`naive`]: whole, in parts cut at `cut`, and verified.
///
/// # Errors
/// The first rule that is broken.
pub fn sums_agree(octets: &[u8], cut: usize) -> Result<(), Objection> {
    let expected = naive(octets);
    same(SUM, "checksum is the one of RFC 1071", checksum(octets), expected)?;
    let (left, right) = octets.split_at(cut.min(octets.len()));
    same(
        SUM,
        "a sum does not depend on where it is cut",
        Sum::of_parts(&[left, right]).checksum(),
        expected,
    )?;
    let mut whole = octets.to_vec();
    whole.resize(octets.len().next_multiple_of(2), 0);
    whole.extend(expected.to_be_bytes());
    hold(SUM, "octets with their checksum are intact", is_intact(&whole), || format!("{whole:02x?}"))
}

/// Whether updating the checksum of `octets` for a word changed at `at` gives what summing anew gives.
/// Zero has two forms, so the results are compared by whether they verify. Of octets that became all zero equation 3
/// of RFC 1624 §3 gives the form that does not, and no header or pseudo header is all zero.
///
/// # Errors
/// The first rule that is broken.
pub fn updates_agree(octets: &[u8], at: usize, new: [u8; 4]) -> Result<(), Objection> {
    let at = at & !1;
    let Some(old) = octets.get(at..).and_then(|rest| rest.first_chunk::<4>()) else { return Ok(()) };
    let mut changed = octets.to_vec();
    changed[at..at + 4].copy_from_slice(&new);
    let before = naive(octets);
    let by_address = update_u32(before, u32::from_be_bytes(*old), u32::from_be_bytes(new));
    let halfway = update_u16(before, word(old, 0), word(&new, 0));
    let by_words = update_u16(halfway, word(old, 2), word(&new, 2));
    same(UPDATE, "one update of four octets is two of two", by_address, by_words)?;
    if changed.iter().all(|octet| *octet == 0) {
        return Ok(());
    }
    let verifies = |checksum: u16| {
        let mut octets = changed.clone();
        octets.resize(changed.len().next_multiple_of(2), 0);
        octets.extend(checksum.to_be_bytes());
        naive(&octets) == 0
    };
    hold(UPDATE, "an updated checksum verifies", verifies(by_address), || {
        format!("{by_address:#06x} for {changed:02x?}")
    })
}

fn word(octets: &[u8; 4], at: usize) -> u16 {
    u16::from_be_bytes([octets[at], octets[at + 1]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1071() {
        // RFC 1071 §3: the words sum to ddf2.
        assert_eq!(naive(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
    }

    quickcheck::quickcheck! {
        fn the_fast_one_agrees(octets: Vec<u8>, cut: usize) -> bool {
            sums_agree(&octets, cut % (octets.len() + 1)).is_ok()
        }

        fn updating_agrees_with_summing_anew(octets: Vec<u8>, at: usize, new: u32) -> bool {
            updates_agree(&octets, at % (octets.len() + 1), new.to_be_bytes()).is_ok()
        }
    }
}
