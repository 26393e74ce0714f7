//! Captures in, traces in and out: packets of `.pcap` and pcapng files become steps over a scenario.
//!
//! [`input`] reads packets, [`link`] finds the IPv4 datagram in each.
//!
//! Everything streams: memory does not grow with the file. Nothing is lost silently: a packet that does not
//! become a step is counted under the name of a [`SkipReason`], so that packets read = steps + skips.

pub mod error;
pub mod input;
pub mod link;
pub mod skip;

pub use error::CaptureError;
pub use input::{CaptureReader, Packet};
pub use link::{Datagram, LinkClass};
pub use skip::{SkipReason, Skips};

#[cfg(test)]
mod test_file;
