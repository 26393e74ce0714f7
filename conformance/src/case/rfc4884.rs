//! RFC 4884: extended ICMP.

use super::definition::Section;

/// The sections of RFC 4884.
pub(super) fn sections() -> Vec<Section> {
    Vec::new()
}
