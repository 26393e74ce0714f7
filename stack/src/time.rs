//! Time as the stack sees it: a number handed in by the caller, never read from a clock.

use core::ops::{Add, Sub};
use core::time::Duration;

/// A point in time: microseconds since an arbitrary start that the caller chooses.
///
/// The stack never reads a clock. `now` comes first in every call and never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

/// Microseconds in one jiffy of the kernel that `Profile::Linux` models (HZ = 250).
pub const MICROS_PER_JIFFY: u64 = 4_000;

impl Instant {
    /// The arbitrary start.
    pub const ZERO: Self = Self(0);

    /// The instant `micros` microseconds after the start.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the start.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// Whole jiffies (4 ms) since the start: the unit in which Linux counts its token buckets and timers.
    pub const fn jiffies(self) -> u64 {
        self.0 / MICROS_PER_JIFFY
    }

    /// Time since `earlier`; zero when `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Saturates at the far end of time.
    fn add(self, span: Duration) -> Self {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros))
    }
}

impl Sub for Instant {
    type Output = Duration;

    /// Same as [`Instant::since`].
    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}
