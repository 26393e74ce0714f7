//! The active cases of the automotive test plan TC8 that no section of an RFC covers: aliases `tc8/<id>`.

use super::definition::Section;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    Vec::new()
}
