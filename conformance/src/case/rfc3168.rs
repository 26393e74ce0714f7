//! RFC 3168: explicit congestion notification.

use super::definition::Section;

/// The sections of RFC 3168.
pub(super) fn sections() -> Vec<Section> {
    Vec::new()
}
