//! RFC 791: Internet Protocol.

mod fragments;
mod header;
mod options;
mod s3_1;
mod s3_2;

use super::definition::Section;

/// The sections of RFC 791.
pub(super) fn sections() -> Vec<Section> {
    [header::sections(), s3_1::sections(), options::sections(), s3_2::sections(), fragments::sections()]
        .into_iter()
        .flatten()
        .collect()
}
