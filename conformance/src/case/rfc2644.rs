//! RFC 2644: directed broadcasts.

use super::definition::Section;

/// The sections of RFC 2644.
pub(super) fn sections() -> Vec<Section> {
    Vec::new()
}
