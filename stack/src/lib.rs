//! The netassay reference stack: IPv4 and ICMP as Linux 6.18 does them, and as the RFCs want them.
//!
//! Octets and an explicit [`time::Instant`] go in; effects come out through a sink. There is no clock,
//! no socket, no thread, no global and no randomness that the caller did not hand in.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod icmp;
pub mod ip;
pub mod time;
pub mod wire;
