//! The result of a run of conformance cases for readers: terminal, JSON, JUnit, TAP, SARIF, badge.

pub mod badge;
pub mod json;
pub mod junit;
pub mod sarif;
pub mod tap;
pub mod terminal;

use crate::model::{CaseResult, FailureNote};

/// One line about a failure.
fn one_line(failure: &FailureNote) -> String {
    let step = failure.step.map_or(String::new(), |step| format!("step {step}: "));
    format!("{step}[{}] expected {}, saw {}", failure.reason, failure.expected, failure.seen)
}

/// What a case says that failed or passed against expectation.
fn complaint(case: &CaseResult) -> Option<String> {
    match (&case.failure, &case.expected) {
        (Some(failure), None) => Some(one_line(failure)),
        (None, Some(note)) if case.is_unexpected() => {
            Some(format!("passes, though it is expected to fail: {}", note.reason.trim()))
        }
        _ => None,
    }
}

#[cfg(test)]
pub(crate) mod sample {
    //! A small result with every verdict in it.

    use crate::model::suite::SCHEMA;
    use crate::model::*;

    fn case(id: &str, verdict: CaseVerdict) -> CaseResult {
        CaseResult {
            id: id.to_owned(),
            aliases: vec!["tc8/X".to_owned()],
            requirements: vec!["rfc1122-3.2.2.6-1".to_owned()],
            clauses: vec!["RFC 1122 §3.2.2.6".to_owned()],
            level: "MUST".to_owned(),
            scenario: "host".to_owned(),
            profile: "rfc1122".to_owned(),
            verdict,
            why: String::new(),
            failure: None,
            expected: None,
            interfaces: Vec::new(),
            steps: Vec::new(),
            command: format!("netassay run {id} --dut toy"),
            elapsed_ms: 3,
        }
    }

    /// One case of each kind, in order: pass, fail, expected failure, unexpected pass, unsupported, skipped.
    pub(crate) fn result() -> SuiteResult {
        let failure = || {
            Some(FailureNote {
                step: Some(1),
                reason: "ipv4.ttl".to_owned(),
                expected: "an Echo Reply <with> TTL".to_owned(),
                seen: "silence".to_owned(),
            })
        };
        let note = || Some(ExpectedNote { reason: "known".to_owned(), evidence: "seen".to_owned() });
        let mut cases = vec![
            case("a/pass", CaseVerdict::Pass),
            CaseResult { failure: failure(), ..case("a/fail", CaseVerdict::Fail) },
            CaseResult { failure: failure(), expected: note(), ..case("a/known", CaseVerdict::Fail) },
            CaseResult { expected: note(), ..case("a/better", CaseVerdict::Pass) },
            CaseResult {
                why: "counters are not observed".to_owned(),
                ..case("a/unsupported", CaseVerdict::Unsupported)
            },
            CaseResult { why: "late".to_owned(), ..case("a/skipped", CaseVerdict::Skipped) },
        ];
        cases[1].steps.push(StepNote {
            at_us: 0,
            what: "inject a frame".to_owned(),
            stimulus: Some(("t0".to_owned(), "45".to_owned())),
            expected: vec!["an Echo Reply".to_owned()],
            frames: Vec::new(),
            others: Vec::new(),
            failed: true,
        });
        let mut result = SuiteResult {
            schema: SCHEMA,
            netassay: "0".to_owned(),
            dut: "toy".to_owned(),
            version: "toy 1".to_owned(),
            profile: String::new(),
            dimensions: vec![Dimension::Frames],
            totals: SuiteTotals::default(),
            cases,
            elapsed_ms: 5,
        };
        result.sum_up();
        result
    }
}
