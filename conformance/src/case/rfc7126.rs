//! RFC 7126: filtering of options.

use super::definition::Section;

/// The sections of RFC 7126.
pub(super) fn sections() -> Vec<Section> {
    Vec::new()
}
