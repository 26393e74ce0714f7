//! Several runs side by side: the same cases on different stacks.

pub mod terminal;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{CaseResult, CaseVerdict, SuiteResult};

/// Version of the JSON form of [`Matrix`].
pub const SCHEMA: u32 = 1;

/// Runs side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matrix {
    /// [`SCHEMA`].
    pub schema: u32,
    /// One per DUT, in the order asked for.
    pub runs: Vec<SuiteResult>,
    /// Level and summary of each requirement that a case covers.
    pub requirements: BTreeMap<String, (String, String)>,
}

/// What a reader sees of a case on a DUT: never a color alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// Passes, as expected.
    Pass,
    /// Fails, as the file of expected results says.
    Known,
    /// Fails.
    Fail,
    /// Passes, though it is expected to fail.
    UnexpectedPass,
    /// The DUT cannot sit it.
    Unsupported,
    /// Not tried.
    Skipped,
    /// Not part of that run.
    Absent,
}

impl Word {
    /// The word for `case`.
    pub fn of(case: Option<&CaseResult>) -> Self {
        match case.map(|case| (case.verdict, case.is_unexpected())) {
            None => Self::Absent,
            Some((CaseVerdict::Pass, false)) => Self::Pass,
            Some((CaseVerdict::Pass, true)) => Self::UnexpectedPass,
            Some((CaseVerdict::Fail, false)) => Self::Known,
            Some((CaseVerdict::Fail, true)) => Self::Fail,
            Some((CaseVerdict::Unsupported, _)) => Self::Unsupported,
            Some((CaseVerdict::Skipped, _)) => Self::Skipped,
        }
    }

    /// As printed.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Known => "known",
            Self::Fail => "FAIL",
            Self::UnexpectedPass => "PASS!",
            Self::Unsupported => "n/a",
            Self::Skipped => "skip",
            Self::Absent => "-",
        }
    }
}

/// One case on all DUTs.
#[derive(Clone, Debug)]
pub struct Row<'m> {
    /// Id of the case.
    pub id: &'m str,
    /// What a run says of it, if it was part of it.
    pub cells: Vec<Option<&'m CaseResult>>,
}

impl Row<'_> {
    /// The case as the first run that has it says.
    pub fn case(&self) -> Option<&CaseResult> {
        self.cells.iter().flatten().next().copied()
    }

    /// Whether DUTs that sat it differ.
    pub fn differs(&self) -> bool {
        let mut verdicts = self.cells.iter().flatten().map(|case| case.verdict).filter(is_tried);
        let first = verdicts.next();
        verdicts.any(|verdict| Some(verdict) != first)
    }
}

fn is_tried(verdict: &CaseVerdict) -> bool {
    matches!(verdict, CaseVerdict::Pass | CaseVerdict::Fail)
}

impl Matrix {
    /// All cases, in the order of the first run that has them.
    pub fn rows(&self) -> Vec<Row<'_>> {
        let tables: Vec<BTreeMap<&str, &CaseResult>> =
            self.runs.iter().map(|run| run.cases.iter().map(|case| (&case.id[..], case)).collect()).collect();
        let mut seen = std::collections::BTreeSet::new();
        let ids = self.runs.iter().flat_map(|run| &run.cases).map(|case| &case.id[..]);
        ids.filter(|id| seen.insert(*id))
            .map(|id| Row { id, cells: tables.iter().map(|table| table.get(id).copied()).collect() })
            .collect()
    }
}

#[cfg(test)]
pub(crate) mod sample {
    use super::*;

    /// Two runs that differ in one case.
    pub(crate) fn matrix() -> Matrix {
        let first = crate::report::suite::sample::result();
        let mut second = first.clone();
        second.dut = "other".to_owned();
        second.cases[1].verdict = CaseVerdict::Pass;
        second.cases[1].failure = None;
        second.sum_up();
        let requirement = ("MUST".to_owned(), "a host answers".to_owned());
        let requirements = [("rfc1122-3.2.2.6-1".to_owned(), requirement)].into_iter().collect();
        Matrix { schema: SCHEMA, runs: vec![first, second], requirements }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_aligned_and_differences_seen() {
        let matrix = sample::matrix();
        let rows = matrix.rows();
        let words: Vec<_> = rows[1].cells.iter().map(|cell| Word::of(*cell)).collect();
        assert_eq!((rows.len(), words), (6, vec![Word::Fail, Word::Pass]));
        assert_eq!(
            rows.iter().map(Row::differs).collect::<Vec<_>>(),
            [false, true, false, false, false, false]
        );
    }
}
