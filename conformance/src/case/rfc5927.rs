//! RFC 5927: ICMP attacks against TCP.

use super::definition::Section;

/// The sections of RFC 5927.
pub(super) fn sections() -> Vec<Section> {
    Vec::new()
}
