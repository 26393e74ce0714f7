//! Rate limits of ICMP messages: one bucket for all of them, one record for each peer.
//!
//! All arithmetic is in whole jiffies, as in Linux. A message is first admitted by the global bucket, then by the
//! record of its destination, and only then charged to the global bucket: [`GlobalBucket::allows`],
//! [`Peers::allow_error`], [`GlobalBucket::charge`].

mod credit;
mod global;
mod peer;

pub use credit::PossibleCredit;
pub use global::{GlobalBucket, GlobalRate};
pub use peer::{ErrorRouteRate, PeerRecord, Peers, RedirectRate};

use crate::time::MICROS_PER_JIFFY;
use crate::wire::IcmpType;
use crate::wire::icmp::UnreachableCode;

/// Jiffies in a second.
pub const HZ: u64 = 1_000_000 / MICROS_PER_JIFFY;

/// Whether a message of this type and code is limited at all, by `mask` with one bit for each type.
///
/// Types above 18 and Fragmentation Needed never are.
pub fn is_limited(icmp_type: IcmpType, code: u8, mask: u32) -> bool {
    let is_fragmentation_needed = icmp_type == IcmpType::DestinationUnreachable
        && UnreachableCode::from(code) == UnreachableCode::FragmentationNeeded;
    let number = u8::from(icmp_type);
    number <= 18 && !is_fragmentation_needed && mask & (1 << number) != 0
}

/// `milliseconds` in jiffies, rounded up: how Linux reads `icmp_ratelimit`. Negative values count as 0.
pub const fn jiffies_from_milliseconds(milliseconds: i64) -> u64 {
    let milliseconds = if milliseconds < 0 { 0 } else { milliseconds as u64 };
    milliseconds.div_ceil(MICROS_PER_JIFFY / 1000)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::port_unreachable(3, 3, true)]
    #[case::fragmentation_needed(3, 4, false)]
    #[case::source_quench(4, 0, true)]
    #[case::redirect(5, 1, false)]
    #[case::echo_reply(0, 0, false)]
    #[case::time_exceeded(11, 4, true)]
    #[case::parameter_problem(12, 0, true)]
    #[case::extended_echo_reply(43, 0, false)]
    fn limited_by_the_default_mask(#[case] icmp_type: u8, #[case] code: u8, #[case] expected: bool) {
        assert_eq!(is_limited(icmp_type.into(), code, 6168), expected);
    }

    #[test]
    fn types_above_eighteen_are_never_limited() {
        let limited = (0..=255).filter(|number| is_limited(IcmpType::from(*number), 0, u32::MAX)).count();
        assert_eq!(limited, 19);
    }

    #[rstest]
    #[case(0, 0)]
    #[case(1, 1)]
    #[case(1000, 250)]
    #[case(1001, 251)]
    #[case(-5, 0)]
    fn milliseconds_round_up(#[case] milliseconds: i64, #[case] jiffies: u64) {
        assert_eq!(jiffies_from_milliseconds(milliseconds), jiffies);
    }
}
