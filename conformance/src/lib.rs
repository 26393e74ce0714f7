//! netassay: assay an IPv4/ICMP stack against the RFCs, against the Linux kernel, and against a fuzzer.
//!
//! Everything is a composition of five words: a *scenario* is the world around a stack, a *trace* the steps taken in
//! it, a *DUT* the stack under test, an *observation* what it lets out, a *verdict* what an oracle says of that.

pub mod capture;
#[cfg(feature = "command")]
pub mod case;
#[cfg(feature = "command")]
pub mod cli;
pub mod differential;
pub mod dut;
pub mod fuzz_target;
pub mod generate;
pub mod model;
pub mod oracle;
pub mod report;
