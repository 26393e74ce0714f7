//! What a run found, as data: the reports print it, JSON stores it, `compare` reads it back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::observation::Dimension;
use super::scenario::Interface;

/// Version of the JSON form of [`RunResult`].
pub const SCHEMA: u32 = 1;

/// What an oracle says of two DUTs' answers to one packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Same in every dimension both offer, up to the named comparison rules.
    Agree,
    /// Different, and the ledger says why: identifiers of the entries.
    Explained(Vec<String>),
    /// Different: fingerprints of the divergences.
    Diverge(Vec<String>),
}

/// The verdict on one packet or step of a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketVerdict {
    /// Number of the packet in its capture, from 1.
    pub packet: u64,
    /// What was found.
    pub verdict: Verdict,
}

/// One field in which two answers differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldDifference {
    /// Where: `frames[0].ipv4.ttl`, `counters.Ip.InReceives`, `drops[0].reason`, …
    pub field: String,
    /// What DUT A showed; empty if nothing.
    pub a: String,
    /// What DUT B showed; empty if nothing.
    pub b: String,
}

/// One difference between two DUTs, localised to the first packet that shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Divergence {
    /// Stable over runs and machines: made from scenario role, dimension, fields and kind of stimulus, not from values
    /// that vary. 16 hexadecimal digits.
    pub fingerprint: String,
    /// One line: what differs, for which kind of stimulus.
    pub title: String,
    /// Where it shows.
    pub dimension: Dimension,
    /// Capture or trace it was found in.
    pub capture: String,
    /// Scenario it was found under.
    pub scenario: String,
    /// Number of the packet in the capture, from 1; 0 for the end of the trace.
    pub packet: u64,
    /// Virtual time of the stimulus since the start of the trace, in microseconds.
    #[serde(default)]
    pub at_us: u64,
    /// The fields that differ.
    pub fields: Vec<FieldDifference>,
    /// Interface that the stimulus went in by.
    pub interface: String,
    /// The stimulus, in hexadecimal.
    pub stimulus: String,
    /// Frames of DUT A as (interface name, octets in hexadecimal).
    pub frames_a: Vec<(String, String)>,
    /// Frames of DUT B likewise.
    pub frames_b: Vec<(String, String)>,
    /// Counter differences of A and of B by name, where known for this packet.
    pub counters_a: BTreeMap<String, i64>,
    /// See `counters_a`.
    pub counters_b: BTreeMap<String, i64>,
    /// Drop reasons of A.
    pub drops_a: Vec<String>,
    /// Drop reasons of B.
    pub drops_b: Vec<String>,
    /// Ledger entries that explain it; empty if unexplained.
    pub ledger: Vec<String>,
    /// Command that reproduces it.
    pub command: String,
}

/// All divergences of one fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The fingerprint.
    pub fingerprint: String,
    /// One line.
    pub title: String,
    /// How many packets showed it.
    pub count: u64,
    /// How many captures showed it.
    pub captures: u64,
    /// Ledger entries that explain it; empty if unexplained.
    pub ledger: Vec<String>,
    /// The first examples, whole, in the order in which they came; at most [`Cause::EXAMPLES`].
    pub examples: Vec<Divergence>,
}

impl Cause {
    /// How many examples a cause keeps, so that a result stays small however often a cause shows.
    pub const EXAMPLES: usize = 3;
}

/// Packets of a capture that were not replayed, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skip {
    /// Named reason (`not-ipv4`, `truncated-by-snaplen`, `link-type 147`, `not-to-the-dut`, …).
    pub reason: String,
    /// How many packets.
    pub packets: u64,
}

/// One capture or trace under one scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureResult {
    /// Place of the row in the whole run, from 0, the same however the run was partitioned: merging sorts by it.
    #[serde(default)]
    pub position: u64,
    /// Path as given, or name of the trace.
    pub capture: String,
    /// Scenario name.
    pub scenario: String,
    /// How the scenario was chosen and what was done with special addresses, for people.
    pub notes: Vec<String>,
    /// The scenario's interfaces as they were for this capture: what the reports need to decode and to name frames.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interfaces: Vec<Interface>,
    /// Traces it stands for: one for a capture, all their cases for parts of a generated run.
    #[serde(default = "one")]
    pub traces: u64,
    /// Packets in the capture. Always the sum of `compared` and all skips.
    pub packets: u64,
    /// Packets replayed and compared.
    pub compared: u64,
    /// Packets that agreed.
    pub agree: u64,
    /// Packets whose differences the ledger explains.
    pub explained: u64,
    /// Packets that diverged.
    pub diverge: u64,
    /// Packets not replayed.
    pub skips: Vec<Skip>,
    /// Verdicts that are not plain agreement.
    pub verdicts: Vec<PacketVerdict>,
    /// Why the run ended early (a DUT died, the file is cut off); what was done before stands.
    pub error: Option<String>,
    /// Wall-clock time in milliseconds. Not part of any comparison.
    pub elapsed_ms: u64,
}

/// A row of a result that does not say for how many traces it stands.
const fn one() -> u64 {
    1
}

/// Sums over a run, with the meaning of the fields in [`CaptureResult`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Captures × scenarios, or generated traces.
    pub traces: u64,
    /// Packets read.
    pub packets: u64,
    /// Packets that agreed.
    pub agree: u64,
    /// Packets explained by the ledger.
    pub explained: u64,
    /// Packets that diverged.
    pub diverge: u64,
    /// Packets not replayed.
    pub skipped: u64,
}

/// What the reports say of a ledger entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerNote {
    /// Why the difference is no defect of the stack.
    pub reason: String,
    /// The clause that permits or forbids it (`RFC 1122 §3.2.2`), or where the behavior is described.
    pub clause: String,
}

/// One part of a run that was split by `--partition k/n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// Which part, from 1.
    pub part: u64,
    /// Of how many.
    pub of: u64,
}

/// The result of `netassay diff` or `netassay fuzz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunResult {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Version of netassay.
    pub netassay: String,
    /// Name and version of DUT A.
    pub a: String,
    /// Name and version of DUT B; a kernel's release.
    pub b: String,
    /// Dimensions compared.
    pub dimensions: Vec<Dimension>,
    /// Dimensions not compared, and why.
    pub missing: BTreeMap<String, String>,
    /// Sums.
    pub totals: Totals,
    /// Divergences by cause: unexplained first, then by count, then by fingerprint.
    pub causes: Vec<Cause>,
    /// One row per capture and scenario, in the order given.
    pub captures: Vec<CaptureResult>,
    /// What the ledger entries named in `causes` say, by identifier.
    #[serde(default)]
    pub ledger: BTreeMap<String, LedgerNote>,
    /// Ledger entries that nothing matched, where all they speak of was run.
    pub stale_ledger: Vec<String>,
    /// Which part of a run this is; none for a whole one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<Partition>,
    /// Wall-clock time in milliseconds. Not part of any comparison.
    pub elapsed_ms: u64,
}
