//! RFC 1812: requirements for routers.

mod s4_2_2;
mod s4_2_3;
mod s4_3_2;
mod s4_3_3;
mod s5_2;
mod s5_2_7;
mod s5_3;

use super::definition::Section;

/// The sections of RFC 1812.
pub(super) fn sections() -> Vec<Section> {
    [
        s4_2_2::sections(),
        s4_2_3::sections(),
        s4_3_2::sections(),
        s4_3_3::sections(),
        s5_2::sections(),
        s5_2_7::sections(),
        s5_3::sections(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
