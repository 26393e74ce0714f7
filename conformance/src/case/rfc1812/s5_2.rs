//! RFC 1812.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    Vec::new()
}
