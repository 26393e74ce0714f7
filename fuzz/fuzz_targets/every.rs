//! All targets in one binary, chosen by the name that it is called by: one link instead of fourteen where many are run.

#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use netassay_fuzz::libfuzzer_sys::{fuzz_crossover, fuzz_mutator, fuzz_target};
use netassay_fuzz::netassay::fuzz_target::Target;

static CHOSEN: LazyLock<&Target> = LazyLock::new(|| {
    let program = std::env::args().next().unwrap_or_default();
    let name = Path::new(&program).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    Target::by_name(name).unwrap_or_else(|| panic!("`{name}` is no target: call this by the name of one"))
});

fuzz_target!(
    init: netassay_fuzz::install_meter(),
    |octets: &[u8]| { netassay_fuzz::check(&CHOSEN, octets); }
);

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    netassay_fuzz::mutate(&CHOSEN, &mut data[..max_size], size, seed)
});

fuzz_crossover!(|one: &[u8], two: &[u8], out: &mut [u8], seed: u32| {
    netassay_fuzz::cross_over(&CHOSEN, one, two, out, seed)
});
