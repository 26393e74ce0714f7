//! RFC 1122: requirements for hosts, the internet layer.

mod s3_1;
mod s3_2_1;
mod s3_2_2;
mod s3_3;

use super::definition::Section;

/// The sections of RFC 1122.
pub(super) fn sections() -> Vec<Section> {
    [s3_1::sections(), s3_2_1::sections(), s3_2_2::sections(), s3_3::sections()]
        .into_iter()
        .flatten()
        .collect()
}
