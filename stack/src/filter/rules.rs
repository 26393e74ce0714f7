//! All rules of a system.

use alloc::vec::Vec;

use super::rule::{Action, Rule, Table};
use super::view::View;
use crate::hook::Hook;

/// All rules, in the order given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    rules: Vec<Rule>,
}

impl From<Vec<Rule>> for Rules {
    fn from(rules: Vec<Rule>) -> Self {
        Self { rules }
    }
}

impl Rules {
    /// What the first rule of `table` at `hook` does whose conditions hold.
    pub fn decide(&self, table: Table, hook: Hook, view: &View<'_>) -> Option<Action> {
        self.rules
            .iter()
            .filter(|rule| rule.hook == hook && rule.action.table() == table)
            .find(|rule| rule.conditions.hold(view))
            .map(|rule| rule.action)
    }

    /// Whether there is no rule at all.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether some rule asks for the state of a connection, so that connections are tracked.
    pub fn needs_tracking(&self) -> bool {
        self.needs_translation()
            || self
                .rules
                .iter()
                .any(|rule| !rule.conditions.states.is_empty() || matches!(rule.action, Action::Zone(_)))
    }

    /// Whether some rule translates, so that every connection gets its bindings.
    pub fn needs_translation(&self) -> bool {
        self.rules.iter().any(|rule| rule.action.table() == Table::Nat)
    }
}
