//! How many candidates a search for a free port rejects, which depends on where chance lets it begin.

use super::RuleInfo;
use crate::model::CounterId;

/// What `netassay list rules` says.
pub const INFO: RuleInfo = RuleInfo {
    name: "nat-search-count",
    applies_to: "Conntrack.found in a stretch in which NAT drew a port or query identifier",
    demands: "for each number drawn the two sides are apart by no more than the flows that could have it, at most 248, \
              and two, likewise for one that a destination rule draws at random for a packet that is dropped before its \
              connection is told of; without a draw the counts are equal",
    clause: "spec/linux-conntrack-nat.md §7.4e: the search begins at random",
};

/// Whether `counter` may be `a` on one side and `b` on the other, the searches having met up to `rejections` numbers
/// that were taken.
pub fn agree(counter: CounterId, a: i64, b: i64, rejections: u64) -> bool {
    a == b || (a.abs_diff(b) <= rejections && CounterId::by_name("Conntrack.found") == Some(counter))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::no_draw("Conntrack.found", 1, 0, 0, false)]
    #[case::within("Conntrack.found", 3, 1, 2, true)]
    #[case::beyond("Conntrack.found", 1, 4, 2, false)]
    #[case::another_counter("Conntrack.drop", 1, 0, 2, false)]
    fn only_what_searches_account_for(
        #[case] counter: &str,
        #[case] a: i64,
        #[case] b: i64,
        #[case] rejections: u64,
        #[case] equal: bool,
    ) {
        assert_eq!(agree(CounterId::by_name(counter).unwrap(), a, b, rejections), equal);
    }
}
