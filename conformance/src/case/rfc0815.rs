//! RFC 815: reassembly algorithm.

use super::definition::Section;

/// The sections of RFC 815.
pub(super) fn sections() -> Vec<Section> {
    Vec::new()
}
