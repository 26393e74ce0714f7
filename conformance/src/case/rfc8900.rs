//! RFC 8900: fragmentation considered fragile.

use super::definition::Section;

/// The sections of RFC 8900.
pub(super) fn sections() -> Vec<Section> {
    Vec::new()
}
