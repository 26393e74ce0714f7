//! What no single RFC section covers, by topic: aliases `idea/<id>`.

use super::definition::Section;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    Vec::new()
}
