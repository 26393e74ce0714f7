//! The ledger: differences that are explained, each by a narrow predicate with a reason, a clause and an example.
//!
//! `conformance/deviations/*.toml` are built in; files are read strictly, and an entry that nothing matches although
//! its example was replayed is an error of the run. The ledger cannot rot.

mod entry;
mod file;
mod usage;

pub use entry::{Entry, StimulusPredicate, Subject};
pub use file::{LedgerError, load_directory, parse};
pub use usage::Usage;

use crate::model::LedgerNote;

/// The files that are built in, by name.
const BUILT_IN: &[(&str, &str)] = &[("deviations/sctp.toml", include_str!("../../deviations/sctp.toml"))];

/// The entries that hold for two DUTs.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    entries: Vec<Entry>,
}

/// What the ledger knows of the two DUTs of a run.
#[derive(Clone, Copy, Debug)]
pub struct Duts<'d> {
    /// Name and version of A.
    pub a: (&'d str, &'d str),
    /// Name and version of B.
    pub b: (&'d str, &'d str),
}

impl Ledger {
    /// The entries that are built in.
    ///
    /// # Errors
    /// If a file is wrong; a test reads them all.
    pub fn built_in() -> Result<Self, LedgerError> {
        parse(BUILT_IN.iter().copied()).map(Self::new)
    }

    /// The entries given.
    pub const fn new(entries: Vec<Entry>) -> Self {
        Self { entries }
    }

    /// Only what holds for these DUTs. A recorded DUT counts as the one that was recorded.
    #[must_use]
    pub fn for_duts(&self, duts: Duts<'_>) -> Self {
        let duts = Duts { a: recorded(duts.a), b: recorded(duts.b) };
        Self { entries: self.entries.iter().filter(|entry| entry.holds_for(duts)).cloned().collect() }
    }

    /// The entries, in the order of their files.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entries that explain all differences of `subject` together; none if one difference is left unexplained.
    pub fn explain(&self, subject: &Subject<'_>) -> Vec<&Entry> {
        let candidates: Vec<&Entry> = self.entries.iter().filter(|entry| entry.speaks_of(subject)).collect();
        let is_covered = |difference| candidates.iter().any(|entry| entry.covers(difference));
        if candidates.is_empty() || !subject.differences.iter().all(is_covered) {
            return Vec::new();
        }
        // An entry that covers nothing of this divergence has no part in explaining it.
        candidates
            .into_iter()
            .filter(|entry| subject.differences.iter().any(|each| entry.covers(each)))
            .collect()
    }

    /// What reports say of the entry called `id`.
    pub fn note(&self, id: &str) -> Option<LedgerNote> {
        let entry = self.entries.iter().find(|entry| entry.id == id)?;
        Some(LedgerNote { reason: entry.reason.clone(), clause: entry.clause.clone() })
    }
}

/// Name and version of whom a record is, or the two as they are: the version of a record begins with the name of the
/// DUT, see [`crate::dut::recorded`].
fn recorded<'d>((name, version): (&'d str, &'d str)) -> (&'d str, &'d str) {
    if name.starts_with("recorded:") {
        version.split_once(' ').unwrap_or((name, version))
    } else {
        (name, version)
    }
}

#[cfg(test)]
mod tests;
