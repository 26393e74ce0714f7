//! RFC 6398: Router Alert considered.

use super::definition::Section;

/// The sections of RFC 6398.
pub(super) fn sections() -> Vec<Section> {
    Vec::new()
}
