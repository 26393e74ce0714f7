//! What a run of conformance cases found, as data: the reports print it, JSON stores it, `compare` reads it back.

use serde::{Deserialize, Serialize};

use super::observation::Dimension;
use super::scenario::Interface;

/// Version of the JSON form of [`SuiteResult`].
pub const SCHEMA: u32 = 1;

/// The result of `netassay run`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuiteResult {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Version of netassay.
    pub netassay: String,
    /// Name of the DUT, as on the command line.
    pub dut: String,
    /// What exactly it was: a kernel's release, a crate's version.
    pub version: String,
    /// Whose reading was asked for; empty if that which fits each scenario.
    pub profile: String,
    /// What the DUT shows.
    pub dimensions: Vec<Dimension>,
    /// Sums.
    pub totals: SuiteTotals,
    /// One row per case, in the order of the registry.
    pub cases: Vec<CaseResult>,
    /// Wall-clock time in milliseconds. Not part of any comparison.
    pub elapsed_ms: u64,
}

/// Sums over a run of cases: `cases` is the sum of all the verdicts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuiteTotals {
    /// Cases scheduled.
    pub cases: u64,
    /// Those that passed.
    pub pass: u64,
    /// Those that failed, expected or not.
    pub fail: u64,
    /// Those that the DUT cannot sit.
    pub unsupported: u64,
    /// Those that were not tried, each with a reason.
    pub skipped: u64,
    /// Failures that the file of expected results knows.
    pub expected: u64,
    /// Failures that it does not know, and passes that it says fail.
    pub unexpected: u64,
}

/// The word for how a case went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaseVerdict {
    /// All expectations are met.
    Pass,
    /// One is not.
    Fail,
    /// The DUT cannot be what the case needs, or does not show it.
    Unsupported,
    /// Not tried.
    Skipped,
}

impl CaseVerdict {
    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unsupported => "unsupported",
            Self::Skipped => "skipped",
        }
    }
}

/// One case on one DUT.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseResult {
    /// `rfc1122/3.2.2.6/request-is-answered`.
    pub id: String,
    /// Its other names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// The requirements that it covers.
    pub requirements: Vec<String>,
    /// Their clauses.
    pub clauses: Vec<String>,
    /// `MUST`, `SHOULD`, `MAY`, …: the most binding of them.
    pub level: String,
    /// Name of the scenario that it plays in, changed or not.
    pub scenario: String,
    /// Whose reading counted.
    pub profile: String,
    /// How it went.
    pub verdict: CaseVerdict,
    /// Why it is unsupported or was skipped.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// What is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureNote>,
    /// What the file of expected results says of it, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<ExpectedNote>,
    /// The links, so that frames can be named and read.
    pub interfaces: Vec<Interface>,
    /// What was done and seen.
    pub steps: Vec<StepNote>,
    /// Command that plays it again.
    pub command: String,
    /// Wall-clock time in milliseconds. Not part of any comparison.
    pub elapsed_ms: u64,
}

impl CaseResult {
    /// Whether nobody expected it to go as it went: a failure that is not known, or a pass where a failure is.
    pub fn is_unexpected(&self) -> bool {
        match self.verdict {
            CaseVerdict::Fail => self.expected.is_none(),
            CaseVerdict::Pass => self.expected.is_some(),
            CaseVerdict::Unsupported | CaseVerdict::Skipped => false,
        }
    }
}

/// What is wrong with a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureNote {
    /// Number of the step among those of the case, from 0; none for liveness probes and the DUT itself.
    pub step: Option<usize>,
    /// What is wrong, as a word that can be counted: the field that differs, `missing`, `unexpected`, …
    pub reason: String,
    /// What was expected.
    pub expected: String,
    /// What was seen instead.
    pub seen: String,
}

/// Why a failure is expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectedNote {
    /// Why the stack does so.
    pub reason: String,
    /// Where that can be checked.
    pub evidence: String,
}

/// One step as it was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepNote {
    /// Virtual time since the start, in microseconds.
    pub at_us: u64,
    /// What was done, in words; `liveness probe …` for the player's own steps.
    pub what: String,
    /// The frame that went in: interface name and octets in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stimulus: Option<(String, String)>,
    /// What was expected, one line each.
    pub expected: Vec<String>,
    /// Frames that came out: interface name and octets in hexadecimal.
    pub frames: Vec<(String, String)>,
    /// What else was seen: deliveries, socket errors, drop reasons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
    /// Whether this is where it failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
}

impl SuiteResult {
    /// Sums up the cases.
    pub fn sum_up(&mut self) {
        let mut totals = SuiteTotals::default();
        for case in &self.cases {
            totals.cases += 1;
            match case.verdict {
                CaseVerdict::Pass => totals.pass += 1,
                CaseVerdict::Fail => totals.fail += 1,
                CaseVerdict::Unsupported => totals.unsupported += 1,
                CaseVerdict::Skipped => totals.skipped += 1,
            }
            totals.expected += u64::from(case.verdict == CaseVerdict::Fail && case.expected.is_some());
            totals.unexpected += u64::from(case.is_unexpected());
        }
        self.totals = totals;
    }

    /// Whether a CI job passes: nothing unexpected.
    pub fn is_as_expected(&self) -> bool {
        self.totals.unexpected == 0
    }
}
