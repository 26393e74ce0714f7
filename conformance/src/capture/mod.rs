//! Captures in, traces in and out: packets of `.pcap` and pcapng files become steps over a scenario.
//!
//! [`input`] reads packets, [`link`] finds the IPv4 datagram in each, [`datagrams`] joins the two, [`scenario`] makes
//! a scenario and steps of them. [`trace_file`] reads and writes traces with what DUTs did.
//!
//! Everything streams: memory does not grow with the file. Nothing is lost silently: a packet that does not
//! become a step is counted under the name of a [`SkipReason`], so that packets read = steps + skips.

pub mod datagrams;
pub mod error;
pub mod input;
pub mod link;
pub mod scenario;
pub mod skip;
pub mod trace_file;

pub use datagrams::{CaptureOptions, DatagramReader, Truncated};
pub use error::CaptureError;
pub use input::{CaptureReader, Packet};
pub use link::{Datagram, LinkClass};
pub use scenario::{Plan, Replay, RoleChoice, Survey};
pub use skip::{SkipReason, Skips};
pub use trace_file::{Observed, TraceHeader, TraceReader, TraceWriter, TracedStep, read_trace, write_trace};

#[cfg(test)]
pub(crate) mod test_file;
