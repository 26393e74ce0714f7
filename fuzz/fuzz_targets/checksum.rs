//! Sums and their updates against RFC 1071 and RFC 1624, octet by octet.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netassay::generate::{Choice, Octets};
use netassay::oracle::checksum;

fuzz_target!(|octets: &[u8]| {
    let Some((aim, octets)) = octets.split_at_checked(8) else { return };
    let mut choice = Octets::new(aim);
    let at = choice.below(octets.len() as u32 + 1) as usize;
    let new = choice.bits().to_be_bytes();
    checksum::sums_agree(octets, at).unwrap_or_else(|objection| panic!("{objection}"));
    checksum::updates_agree(octets, at, new).unwrap_or_else(|objection| panic!("{objection}"));
});
