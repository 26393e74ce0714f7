//! RFC 8335: PROBE.

use super::definition::Section;

/// The sections of RFC 8335.
pub(super) fn sections() -> Vec<Section> {
    Vec::new()
}
