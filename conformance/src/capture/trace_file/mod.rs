//! Trace files: a trace, and what a DUT did with it, as pcapng that Wireshark opens.
//!
//! * The section comment begins with `netassay trace 1` and names the trace and, for a recorded behavior, the DUT, its
//!   version (a kernel's release) and the dimensions that were observed. Further section comments beginning with
//!   `scenario:` hold the scenario file.
//! * The interfaces are those of the scenario, by name and link type, and one more called `netassay`.
//! * Each step is a packet. A frame handed to the DUT is an inbound packet on its interface. What is no frame (letting
//!   time pass, an operation on a socket) is an empty packet on the interface `netassay`, because every tool lists
//!   packets with their comments while custom blocks are passed over silently.
//! * Frames that the DUT emitted follow their step as outbound packets.
//! * Packet comments say everything else, one fact a line, see [`lines`]: `drop: IP_CSUM at ip_rcv_core`,
//!   `counter: Ip.InReceives +1`, `verdict: …`.

pub mod lines;
pub(crate) mod octets;
mod reader;
mod writer;

use std::sync::Arc;

use crate::dut::Clock;
use crate::model::{ConntrackEntry, Counters, Dimensions, Observation, Scenario, Step, Trace};

pub use reader::{TraceReader, read_trace};
pub use writer::{TraceWriter, write_trace};

/// Version of the form of trace files.
pub const SCHEMA: u32 = 1;

/// What a trace file says before its first step.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceHeader {
    /// Name of the trace.
    pub name: String,
    /// Its scenario.
    pub scenario: Arc<Scenario>,
    /// Whose behavior the file holds, if any.
    pub recorded: Option<RecordedDut>,
}

/// A DUT whose behavior was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedDut {
    /// Its name.
    pub dut: String,
    /// What exactly it was: a kernel's release, a crate's version.
    pub version: String,
    /// What was observed of it.
    pub dimensions: Dimensions,
}

/// Everything known of what a DUT did in a step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// Frames, deliveries, errors, drops, connection tracking events.
    pub observation: Observation,
    /// When it was by the DUT's own clock, if it has one.
    pub clock: Option<Clock>,
    /// By how much the counters moved since they were last read, if they were read.
    pub counters: Option<Counters>,
    /// The connection tracking table after the step, if it was read and had changed.
    pub conntrack: Option<Vec<ConntrackEntry>>,
    /// What an oracle said of it, one line each.
    pub verdicts: Vec<String>,
}

/// A step and what was observed.
#[derive(Clone, Debug, PartialEq)]
pub struct TracedStep {
    /// The step.
    pub step: Step,
    /// `None` in a file that holds stimuli only.
    pub observed: Option<Observed>,
}

/// The name of the interface that carries the steps that are no frames.
pub(crate) const OWN_INTERFACE: &str = "netassay";

/// Splits a trace from what was observed.
pub(crate) fn trace_of(header: &TraceHeader, steps: Vec<TracedStep>) -> Trace {
    Trace {
        name: header.name.clone(),
        scenario: Arc::clone(&header.scenario),
        steps: steps.into_iter().map(|traced| traced.step).collect(),
    }
}

#[cfg(test)]
mod tests;
