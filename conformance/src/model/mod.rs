//! The five words that carry the system: scenario, trace, observation, verdict (a DUT is a trait in [`crate::dut`]).
//!
//! This module knows no other module of the harness.

pub mod address;
pub mod counter;
pub mod observation;
pub mod outcome;
pub mod scenario;
pub mod scenario_file;
pub mod suite;
pub mod trace;

pub use address::Prefix;
pub use counter::{CounterId, Counters};
pub use observation::{
    ConntrackEntry, ConntrackEvent, ConntrackEventKind, Delivery, Dimension, Dimensions, Drop, EmittedFrame,
    Observation, SocketError,
};
pub use outcome::{
    CaptureResult, Cause, Divergence, FieldDifference, LedgerNote, PacketVerdict, Partition, RunResult, Skip,
    Totals, Verdict,
};
pub use scenario::{
    Hook, Interface, Limits, LinkKind, Role, Route, RouteKind, Rule, RuleAction, Scenario, Socket, SocketKind,
};
pub use suite::{CaseResult, CaseVerdict, ExpectedNote, FailureNote, StepNote, SuiteResult, SuiteTotals};
pub use trace::{Action, SocketAction, Step, Trace};
