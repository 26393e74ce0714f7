//! RFC 6274: security assessment of IPv4.

use super::definition::Section;

/// The sections of RFC 6274.
pub(super) fn sections() -> Vec<Section> {
    Vec::new()
}
