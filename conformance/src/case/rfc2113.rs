//! RFC 2113: Router Alert.

use super::definition::Section;

/// The sections of RFC 2113.
pub(super) fn sections() -> Vec<Section> {
    Vec::new()
}
