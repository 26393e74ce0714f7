//! RFC 1191: path MTU discovery.

use super::definition::Section;

/// The sections of RFC 1191.
pub(super) fn sections() -> Vec<Section> {
    Vec::new()
}
