//! The namespace's MIB counters.

mod proc;

pub(super) use proc::ProcCounters;
