//! What all fuzz targets share: the glue to libFuzzer, and an allocator that counts what a step costs.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub use libfuzzer_sys;
pub use netassay;
use netassay::fuzz_target::Target;
use netassay::fuzz_target::meter::{self, Reading};
use netassay::generate::script;
use netassay::generate::{Choice, Seeded};

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

/// Read by AddressSanitizer when it starts: blocks are known by the innermost callers that allocated and freed them. More
/// would be walked at every allocation, and those say where to look. `ASAN_OPTIONS` goes before.
#[unsafe(no_mangle)]
pub extern "C" fn __asan_default_options() -> *const std::ffi::c_char {
    c"malloc_context_size=6".as_ptr()
}

unsafe extern "C" {
    /// Has `callback` called when the process ends by itself.
    safe fn atexit(callback: extern "C" fn()) -> std::ffi::c_int;
}

extern "C" fn tell_steps() {
    eprintln!("steps: {}", meter::steps());
}

/// Lets the oracles read the meter. Called once, before the first input. With `NETASSAY_FUZZ_MEASURE` in the environment
/// the steps taken are told at the end.
pub fn install_meter() {
    if std::env::var_os("NETASSAY_FUZZ_MEASURE").is_some() {
        atexit(tell_steps);
    }
    meter::install(|| Reading { blocks: BLOCKS.load(Relaxed), octets: OCTETS.load(Relaxed) });
}

/// A target whose inputs are octets, which libFuzzer mutates as it sees fit.
#[macro_export]
macro_rules! octet_target {
    ($target:ident) => {
        $crate::libfuzzer_sys::fuzz_target!(
            init: $crate::install_meter(),
            |octets: &[u8]| { $crate::check(&$crate::netassay::fuzz_target::$target, octets); }
        );
    };
}

/// A target whose inputs are scripts, mutated move by move; the octets inside are left to libFuzzer.
#[macro_export]
macro_rules! script_target {
    ($target:ident) => {
        $crate::octet_target!($target);

        $crate::libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
            $crate::mutate(&$crate::netassay::fuzz_target::$target, &mut data[..max_size], size, seed)
        });

        $crate::libfuzzer_sys::fuzz_crossover!(|one: &[u8], two: &[u8], out: &mut [u8], seed: u32| {
            $crate::netassay::generate::script::cross_over(one, two, out, seed)
        });
    };
}

/// Runs `target`.
#[inline]
pub fn check(target: &Target, octets: &[u8]) {
    target.check(octets);
}

/// Mutates the input in the first `size` octets of `buffer` as `target` wants it; gives the new size.
pub fn mutate(target: &Target, buffer: &mut [u8], size: usize, seed: u32) -> usize {
    let most = buffer.len();
    let Some(flavor) = target.flavor else { return libfuzzer_sys::fuzzer_mutate(buffer, size, most) };
    let mut octets =
        |data: &mut [u8], size: usize, most: usize| libfuzzer_sys::fuzzer_mutate(data, size, most);
    script::mutate(buffer, size, seed, flavor, &mut octets)
}

/// Mixes two inputs of `target` into `out`; gives the size.
pub fn cross_over(target: &Target, one: &[u8], two: &[u8], out: &mut [u8], seed: u32) -> usize {
    if target.flavor.is_some() {
        return script::cross_over(one, two, out, seed);
    }
    // The beginning of one and the end of the other.
    let mut choice = Seeded::new(seed.into());
    let head = &one[..choice.below(one.len() as u32 + 1) as usize];
    let tail = &two[choice.below(two.len() as u32 + 1) as usize..];
    let mixed = head.iter().chain(tail);
    out.iter_mut().zip(mixed).map(|(place, octet)| *place = *octet).count()
}
