//! Which entries of the ledger were of use in a run.

use std::collections::BTreeSet;

use super::{Entry, Ledger};
use crate::model::{Dimensions, Scenario};

/// What was matched, and what was run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    matched: BTreeSet<String>,
    /// Entries whose example was replayed in a scenario of which they speak.
    replayed: BTreeSet<String>,
}

impl Usage {
    /// The entry explained something.
    pub fn matched(&mut self, entry: &Entry) {
        if !self.matched.contains(&entry.id) {
            self.matched.insert(entry.id.clone());
        }
    }

    /// `capture` was replayed to its end in `scenario` and compared in `dimensions`.
    pub fn replayed(&mut self, ledger: &Ledger, capture: &str, scenario: &Scenario, dimensions: Dimensions) {
        for entry in ledger.entries() {
            let is_in_scope = dimensions.contains(entry.dimension)
                && (entry.roles.is_empty() || entry.roles.contains(&scenario.role))
                && entry.limits.is_none_or(|limits| limits == scenario.limits);
            if is_in_scope && is_path_end(&entry.example, capture) {
                self.replayed.insert(entry.id.clone());
            }
        }
    }

    /// Adds what `other` knows.
    pub fn absorb(&mut self, mut other: Self) {
        self.matched.append(&mut other.matched);
        self.replayed.append(&mut other.replayed);
    }

    /// Entries that explained nothing although their example was replayed.
    pub fn stale(&self) -> Vec<String> {
        self.replayed.difference(&self.matched).cloned().collect()
    }

    /// Entries that explained something.
    pub fn used(&self) -> impl Iterator<Item = &str> {
        self.matched.iter().map(|id| &id[..])
    }
}

/// Whether the components of `path` end with those of `end`.
fn is_path_end(end: &str, path: &str) -> bool {
    path.strip_suffix(end).is_some_and(|before| before.is_empty() || before.ends_with('/'))
}
