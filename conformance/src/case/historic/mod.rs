//! Published bugs of other stacks, each as a case that it would fail: aliases `bug/<id>` of the checklist.
//!
//! Where a clause forbids what the bug does, the case stands in the section of the clause and has the alias there.

mod fragments;
mod headers;
mod messages;
mod translation;

use super::definition::Section;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    [fragments::sections(), headers::sections(), messages::sections(), translation::sections()]
        .into_iter()
        .flatten()
        .collect()
}
