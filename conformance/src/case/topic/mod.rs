//! What no single RFC section covers, by topic: aliases `idea/<id>`.

mod filter;
mod fragments;
mod headers;
mod messages;
mod sockets;

use super::definition::Section;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    [
        headers::sections(),
        fragments::sections(),
        messages::sections(),
        sockets::sections(),
        filter::sections(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
