//! Needs a machine where namespaces may be made; see `netassay doctor`.

#![no_main]

use netassay_fuzz::libfuzzer_sys::{fuzz_crossover, fuzz_mutator, fuzz_target};
use netassay_fuzz::netassay::fuzz_target::{STACK_SEQUENCE, linux};

fuzz_target!(|octets: &[u8]| {
    if let Err(finding) = linux::run(octets) {
        panic!("linux_differential: {finding}");
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    netassay_fuzz::mutate(&STACK_SEQUENCE, &mut data[..max_size], size, seed)
});

fuzz_crossover!(|one: &[u8], two: &[u8], out: &mut [u8], seed: u32| {
    netassay_fuzz::cross_over(&STACK_SEQUENCE, one, two, out, seed)
});
