//! RFC 5508: NAT behavior for ICMP.

mod errors;
mod queries;
mod translator;

use super::definition::Section;

/// The sections of RFC 5508.
pub(super) fn sections() -> Vec<Section> {
    [queries::sections(), errors::sections(), translator::sections()].into_iter().flatten().collect()
}
