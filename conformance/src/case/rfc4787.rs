//! RFC 4787: NAT behavior for UDP, as far as ICMP and fragments go.

use super::definition::Section;

/// The sections of RFC 4787.
pub(super) fn sections() -> Vec<Section> {
    Vec::new()
}
