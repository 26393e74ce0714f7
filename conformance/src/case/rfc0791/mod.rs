//! RFC 791: Internet Protocol.

mod s3_1;
mod s3_2;

use super::definition::Section;

/// The sections of RFC 791.
pub(super) fn sections() -> Vec<Section> {
    [s3_1::sections(), s3_2::sections()].into_iter().flatten().collect()
}
