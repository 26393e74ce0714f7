//! Remaining life of tracked connections, which is told in whole seconds.

use super::RuleInfo;

/// What `netassay list rules` says.
pub const INFO: RuleInfo = RuleInfo {
    name: "conntrack-timeout-within-a-second",
    applies_to: "remaining life in connection tracking entries and events",
    demands: "both tell one or both tell none, and they are apart by one second at most, besides the time the step took",
    clause: "spec/linux-conntrack-nat.md §9: whole seconds, rounded",
};

/// Whether two remaining lives are the same but for rounding, a step having taken `elapsed` seconds.
pub fn agree(a: Option<u32>, b: Option<u32>, elapsed: u32) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.abs_diff(b) <= 1 + elapsed,
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Some(30), Some(29), true)]
    #[case(Some(30), Some(28), false)]
    #[case(Some(30), None, false)]
    #[case(None, None, true)]
    fn one_second_is_rounding(#[case] a: Option<u32>, #[case] b: Option<u32>, #[case] equal: bool) {
        assert_eq!(agree(a, b, 0), equal);
    }
}
