//! The netassay reference stack: IPv4 and ICMP as Linux 6.18 does them, and as the RFCs want them.
//!
//! Octets and an explicit [`time::Instant`] go in; effects come out through a [`sink::Sink`]. There is no clock,
//! no socket, no thread, no global and no randomness that the caller did not hand in.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(test)]
extern crate std;

pub mod address;
pub mod config;
pub mod conntrack;
pub mod counters;
pub mod decision;
pub mod drop_reason;
pub mod errno;
pub mod filter;
pub mod hook;
pub mod icmp;
pub mod interface;
pub mod ip;
pub mod nat;
pub mod netfilter;
pub mod outcome;
pub mod packet;
pub mod random;
pub mod sink;
pub mod socket;
pub mod stack;
pub mod time;
mod transport;
pub mod wire;

pub use config::Config;
pub use stack::Stack;
