//! The system calls that the standard library does not offer, each behind a safe function.
//!
//! All of the harness's `unsafe` lives below this module. Nothing here knows what the calls are for.

pub(in crate::dut) mod boot;
pub(super) mod bpf;
pub(super) mod helper;
pub(super) mod ioctl;
pub(super) mod process;
pub(super) mod socket;
