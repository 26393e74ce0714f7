//! RFC 6864: the identification field.

use super::definition::Section;

/// The sections of RFC 6864.
pub(super) fn sections() -> Vec<Section> {
    Vec::new()
}
