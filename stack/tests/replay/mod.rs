//! Reads the recordings in `tests/kernel` and replays them through the stack.

pub(crate) mod compare;
pub(crate) mod recording;
pub(crate) mod world;
