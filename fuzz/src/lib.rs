//! What all fuzz targets share: the glue to libFuzzer, and an allocator that counts what a step costs.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub use libfuzzer_sys;
pub use netassay;
use netassay::fuzz_target::meter::{self, Reading};

static BLOCKS: AtomicU64 = AtomicU64::new(0);
static OCTETS: AtomicU64 = AtomicU64::new(0);

/// The system's allocator, counted.
struct Counting;

// SAFETY: every call is handed to `System` as it came; counting touches no memory that is allocated.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block came from `System`, for `alloc` and `realloc` take it from there.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: the caller keeps the contract of `realloc`, and the block came from `System`.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(size: usize) {
    BLOCKS.fetch_add(1, Relaxed);
    OCTETS.fetch_add(size as u64, Relaxed);
}

/// Lets the oracles read the meter. Called once, before the first input.
pub fn install_meter() {
    meter::install(|| Reading { blocks: BLOCKS.load(Relaxed), octets: OCTETS.load(Relaxed) });
}

/// A target whose inputs are octets, which libFuzzer mutates as it sees fit.
#[macro_export]
macro_rules! octet_target {
    ($name:literal) => {
        $crate::libfuzzer_sys::fuzz_target!(
            init: $crate::install_meter(),
            |octets: &[u8]| {
                static TARGET: std::sync::LazyLock<&$crate::netassay::fuzz_target::Target> =
                    std::sync::LazyLock::new(|| {
                        $crate::netassay::fuzz_target::Target::by_name($name).expect("the target is listed")
                    });
                $crate::check(&TARGET, octets);
            }
        );
    };
}

/// A target whose inputs are scripts, mutated move by move; the octets inside are left to libFuzzer.
#[macro_export]
macro_rules! script_target {
    ($name:literal) => {
        $crate::octet_target!($name);

        $crate::libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
            $crate::mutate($name, &mut data[..max_size], size, seed)
        });

        $crate::libfuzzer_sys::fuzz_crossover!(|one: &[u8], two: &[u8], out: &mut [u8], seed: u32| {
            $crate::netassay::generate::script::cross_over(one, two, out, seed)
        });
    };
}

/// Runs `target`. With `NETASSAY_FUZZ_MEASURE` in the environment the steps taken so far are told after each input.
pub fn check(target: &netassay::fuzz_target::Target, octets: &[u8]) {
    static MEASURES: LazyLock<bool> = LazyLock::new(|| std::env::var_os("NETASSAY_FUZZ_MEASURE").is_some());
    target.check(octets);
    if *MEASURES {
        eprintln!("steps: {}", meter::steps());
    }
}

/// Mutates the script in `buffer` as the target called `name` wants it.
pub fn mutate(name: &str, buffer: &mut [u8], size: usize, seed: u32) -> usize {
    use netassay::generate::script::{self, Flavor};
    let target = netassay::fuzz_target::Target::by_name(name);
    let flavor = target.and_then(|target| target.flavor).unwrap_or(Flavor::Mixed);
    let mut octets =
        |data: &mut [u8], size: usize, most: usize| libfuzzer_sys::fuzzer_mutate(data, size, most);
    script::mutate(buffer, size, seed, flavor, &mut octets)
}
