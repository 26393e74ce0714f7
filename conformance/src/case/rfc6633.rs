//! RFC 6633: Source Quench deprecated.

use super::definition::Section;

/// The sections of RFC 6633.
pub(super) fn sections() -> Vec<Section> {
    Vec::new()
}
