//! The packet filter: rules that let pass, discard, refuse, or say how connections are tracked and translated.
//!
//! Rules stand in three tables (raw, filter, nat) at the five hooks; the first rule of a table and hook whose
//! conditions hold decides. What no rule speaks of passes.

pub(crate) mod clause;
mod reject;
mod rule;
mod rules;
mod view;

pub use reject::is_answerable;
pub use rule::{Action, Conditions, Rule, States, Table};
pub use rules::Rules;
pub use view::View;
