//! Traces made by rule: random sequences and systematic matrices, all drawn from one source of choices.
//!
//! A generator turns choices into steps and knows no oracle. The same generators serve seeded differential runs,
//! `cargo test` and the libFuzzer targets: only the [`Choice`] behind them differs.

pub mod address;
pub mod choice;
pub mod datagram;
pub mod fragment;
mod local;
pub mod matrix;
pub mod option;
pub mod quote;
pub mod script;
pub mod sequence;
pub mod tracked;
pub mod world;

pub use choice::{Choice, Octets, Seeded};
pub use sequence::Sequence;
pub use world::World;
