//! RFC 3704: ingress filtering.

use super::definition::Section;

/// The sections of RFC 3704.
pub(super) fn sections() -> Vec<Section> {
    Vec::new()
}
