//! RFC 1858: tiny fragments.

use super::definition::Section;

/// The sections of RFC 1858.
pub(super) fn sections() -> Vec<Section> {
    Vec::new()
}
