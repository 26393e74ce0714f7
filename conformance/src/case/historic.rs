//! Published bugs of other stacks, each as a case that it would fail: aliases `bug/<id>`.

use super::definition::Section;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    Vec::new()
}
