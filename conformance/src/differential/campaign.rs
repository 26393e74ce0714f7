//! Mass runs of generated traces: random sequences over random worlds, and the systematic matrices.
//!
//! A run is cut into parts. Each part is a fresh world, drawn from the seed and the part's number, so that any part can
//! be run alone, here or on another machine, and shows the same again.

mod generated;
mod part;
mod run;
mod smallest;

pub use generated::Generated;
pub use part::{Part, Worlds, matrix_parts, random_parts};
pub use run::{Campaign, Known, NewCause, PartOutcome, STEPS_PER_PART};
pub use smallest::smallest;
