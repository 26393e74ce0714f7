//! RFC 3021: 31-bit prefixes.

use super::definition::Section;

/// The sections of RFC 3021.
pub(super) fn sections() -> Vec<Section> {
    Vec::new()
}
