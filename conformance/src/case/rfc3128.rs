//! RFC 3128: tiny fragment variant.

use super::definition::Section;

/// The sections of RFC 3128.
pub(super) fn sections() -> Vec<Section> {
    Vec::new()
}
