//! What a step costs in memory, if somebody counts: the fuzzers install an allocator that does, tests need none.
//! And how many steps were taken, for whoever measures speed.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Blocks and octets allocated since the start of the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Blocks.
    pub blocks: u64,
    /// Octets.
    pub octets: u64,
}

static METER: OnceLock<fn() -> Reading> = OnceLock::new();

/// Lets `meter` be read from now on. The first one stays.
pub fn install(meter: fn() -> Reading) {
    METER.get_or_init(|| meter);
}

/// What was allocated so far; nothing if nobody counts.
pub fn read() -> Reading {
    METER.get().map_or_else(Reading::default, |meter| meter())
}

static STEPS: AtomicU64 = AtomicU64::new(0);

/// A step was taken.
pub(super) fn count_step() {
    STEPS.fetch_add(1, Relaxed);
}

/// Steps that were taken since the start of the program.
pub fn steps() -> u64 {
    STEPS.load(Relaxed)
}
