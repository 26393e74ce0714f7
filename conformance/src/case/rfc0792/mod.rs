//! RFC 792: Internet Control Message Protocol.

mod messages;

use super::definition::Section;

/// The sections of RFC 792.
pub(super) fn sections() -> Vec<Section> {
    [messages::sections()].into_iter().flatten().collect()
}
