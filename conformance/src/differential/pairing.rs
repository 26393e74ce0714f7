//! Two DUTs side by side through the same steps.
//!
//! The DUT with a clock of its own takes each step first, and the other takes it at the moment that clock shows.
//! What is dear to read (counters of a live kernel, connection tracking tables) is read at checkpoints; where it
//! differs, the trace is run once more and read after every step of that stretch.

mod checkpoint;
mod drive;
mod replay;
mod source;

pub use drive::{Drive, PairError, virtual_clock};
pub use replay::{Finding, Listener, Replay, ReplayError, Replayed};
pub use source::{SourceError, StepList, StepSource};

#[cfg(test)]
mod tests;
