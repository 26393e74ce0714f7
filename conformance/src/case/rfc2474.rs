//! RFC 2474: differentiated services.

use super::definition::Section;

/// The sections of RFC 2474.
pub(super) fn sections() -> Vec<Section> {
    Vec::new()
}
