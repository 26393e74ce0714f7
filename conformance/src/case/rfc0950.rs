//! RFC 950: subnets.

use super::definition::Section;

/// The sections of RFC 950.
pub(super) fn sections() -> Vec<Section> {
    Vec::new()
}
