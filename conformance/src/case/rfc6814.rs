//! RFC 6814: options deprecated.

use super::definition::Section;

/// The sections of RFC 6814.
pub(super) fn sections() -> Vec<Section> {
    Vec::new()
}
