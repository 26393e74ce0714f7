//! DUTs: stacks under test behind one small trait.

pub mod exec;
mod foreign;
pub mod linux;
pub mod lwip;
pub mod recorded;
pub mod reference;
pub mod smoltcp;
pub mod tap;
pub mod uml;

use std::sync::LazyLock;
use std::time::Duration;

use crate::model::{ConntrackEntry, CounterId, Counters, Dimensions, Observation, Scenario, Step};

/// A stack under test.
///
/// `open` puts it into a fresh state for a scenario; steps follow in order; `open` may be called again.
/// Nothing is awaited with a time-out: after `step` returned, everything the step caused is in the observation.
pub trait Dut {
    /// Name as on the command line: `reference`, `linux`, `recorded:DIR`, …
    fn name(&self) -> String;

    /// What exactly was tested: a kernel release, a crate version, a profile.
    fn version(&self) -> String;

    /// What can be observed here and now. Known before `open`, as far as the machine tells.
    fn dimensions(&self) -> Dimensions;

    /// Starts afresh in `scenario`: whatever an earlier one left is gone.
    fn open(&mut self, scenario: &Scenario) -> Result<(), DutError>;

    /// Takes one step. `clock` is the moment at which to take it; a DUT whose own clock cannot be set ignores it and
    /// tells in [`Dut::clock`] when it was. Adds to `observation`, which the caller cleared.
    fn step(&mut self, step: &Step, clock: Clock, observation: &mut Observation) -> Result<(), DutError>;

    /// When the last step was taken, by the DUT's own clock; `None` if it has no clock of its own.
    fn clock(&self) -> Option<Clock> {
        None
    }

    /// When the last step was over at the latest, on the scale of [`Clock::monotonic`]: what the DUT did in it, it did
    /// between [`Dut::clock`] and then. Asked after [`Dut::counters`]; `None` if it is not known any better.
    fn clock_end(&self) -> Option<Duration> {
        None
    }

    /// The moment now, by the clock that [`Dut::clock`] reads; `None` if it has none of its own.
    fn present(&self) -> Option<Clock> {
        None
    }

    /// Is told the moment at which its table is read next, where another DUT has a clock: connections whose time is over by
    /// then are gone.
    fn read_at(&mut self, clock: Clock) {
        let _ = clock;
    }

    /// Is told what another DUT, which has taken the step that comes already, has shown. A stack whose decisions depend
    /// on what nobody sees (a random draw, the side of a clock's edge) goes the way that the other went, where it could
    /// have gone that way itself.
    fn heed(&mut self, lead: &Lead) {
        let _ = lead;
    }

    /// Reads all counters since `open` into `counters`.
    fn counters(&mut self, counters: &mut Counters) -> Result<(), DutError>;

    /// Whether reading the counters after every single packet costs less than the packet itself.
    fn counters_are_cheap(&self) -> bool {
        false
    }

    /// The connection tracking table, sorted.
    fn conntrack(&mut self) -> Result<Vec<ConntrackEntry>, DutError>;
}

/// A moment as the stacks see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// Time since `open` for virtual time; since boot for a live kernel. Kernel jiffies are whole multiples of 4 ms
    /// of it.
    pub monotonic: Duration,
    /// Milliseconds since midnight UTC, as in ICMP timestamps.
    pub midnight_ms: u32,
}

/// What a DUT that takes each step first has shown of the last one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lead {
    /// [`Dut::clock_end`].
    pub until: Duration,
    /// By how much those counters moved that limits of ICMP move.
    pub moved: LimitCounts,
}

/// What limits of ICMP decided, by the counters that tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitCounts {
    /// `Icmp.OutMsgs`: messages sent.
    pub sent: i64,
    /// `Icmp.OutRateLimitGlobal`: those that the limit of all messages withheld.
    pub withheld_of_all: i64,
    /// `Icmp.OutRateLimitHost`: those that the limit of one destination withheld.
    pub withheld_of_one: i64,
}

impl LimitCounts {
    /// What `counters` say of limits.
    pub fn of(counters: &Counters) -> Self {
        static TOLD: LazyLock<[Option<CounterId>; 3]> = LazyLock::new(|| {
            ["Icmp.OutMsgs", "Icmp.OutRateLimitGlobal", "Icmp.OutRateLimitHost"].map(CounterId::by_name)
        });
        let [sent, withheld_of_all, withheld_of_one] = TOLD.map(|id| id.map_or(0, |id| counters.value(id)));
        Self { sent, withheld_of_all, withheld_of_one }
    }

    /// `self - earlier`, count by count.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            sent: self.sent - earlier.sent,
            withheld_of_all: self.withheld_of_all - earlier.withheld_of_all,
            withheld_of_one: self.withheld_of_one - earlier.withheld_of_one,
        }
    }
}

/// Why a DUT could not do what it was asked. Never a statement about the stack's behavior.
#[derive(Debug, thiserror::Error)]
pub enum DutError {
    /// The machine lacks something: a privilege, a device, a program. `netassay doctor` tells how to get it.
    #[error("{what} is not available: {why}")]
    Environment {
        /// What is missing.
        what: String,
        /// What happened when it was tried.
        why: String,
    },
    /// The scenario asks for something this DUT cannot be.
    #[error("not supported by this DUT: {0}")]
    Unsupported(String),
    /// What is asked of a recorded DUT is not what was recorded, or the record cannot be read.
    #[error("the record does not serve: {0}")]
    Record(String),
    /// The DUT is gone or does not answer any more.
    #[error("the DUT is gone: {0}")]
    Gone(String),
    /// A system call failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// How it failed.
        source: std::io::Error,
    },
}
