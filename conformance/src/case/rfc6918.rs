//! RFC 6918: ICMP types deprecated.

use super::definition::Section;

/// The sections of RFC 6918.
pub(super) fn sections() -> Vec<Section> {
    Vec::new()
}
