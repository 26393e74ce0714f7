//! Does nothing: the floor that the speed of the others is measured against.

#![no_main]

use netassay_fuzz::libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    std::hint::black_box(octets);
});
