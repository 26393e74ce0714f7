//! Few prefixes that hold many addresses and none of others.

use std::net::Ipv4Addr;

use crate::model::Prefix;

/// Disjoint prefixes in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cover(Vec<Prefix>);

impl Cover {
    /// The fewest prefixes of at least `shortest` bits that hold all of `members` and none of `others`. Both slices
    /// are ascending and have no address in common; the result has at most as many prefixes as there are members.
    pub(super) fn of(members: &[Ipv4Addr], others: &[Ipv4Addr], shortest: u8) -> Self {
        let mut prefixes = Vec::new();
        divide(members, others, shortest, &mut prefixes);
        Self(prefixes)
    }

    pub(super) fn prefixes(&self) -> &[Prefix] {
        &self.0
    }

    /// Keeps the `most` prefixes that weigh most. Returns how many were left out.
    pub(super) fn keep_heaviest(&mut self, most: usize, weight: impl Fn(Prefix) -> u64) -> usize {
        if self.0.len() <= most {
            return 0;
        }
        let dropped = self.0.len() - most;
        self.0.sort_by_key(|prefix| (std::cmp::Reverse(weight(*prefix)), *prefix));
        self.0.truncate(most);
        self.0.sort();
        dropped
    }

    pub(super) fn contains(&self, address: Ipv4Addr) -> bool {
        let after = self.0.partition_point(|prefix| prefix.address <= address);
        after > 0 && self.0[after - 1].contains(address)
    }
}

/// Divides until a part has no foreign address in it.
fn divide(members: &[Ipv4Addr], others: &[Ipv4Addr], shortest: u8, prefixes: &mut Vec<Prefix>) {
    let (Some(first), Some(last)) = (members.first(), members.last()) else { return };
    let common = (first.to_bits() ^ last.to_bits()).leading_zeros() as u8;
    let common = Prefix::new(*first, common);
    let common = Prefix::new(common.network(), common.length);
    let inside = &others[others.partition_point(|other| *other < common.network())..];
    let inside = &inside[..inside.partition_point(|other| *other <= common.broadcast())];
    if inside.is_empty() && common.length >= shortest {
        prefixes.push(common);
        return;
    }
    // A single member is its own prefix of 32 bits and has no other in it, so here are two at least, and they part at
    // the bit after the common ones.
    let middle = common.network().to_bits() | 1 << (31 - common.length);
    let at = members.partition_point(|member| member.to_bits() < middle);
    divide(&members[..at], inside, shortest, prefixes);
    divide(&members[at..], inside, shortest, prefixes);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use quickcheck::quickcheck;

    use super::*;

    fn addresses(texts: &[&str]) -> Vec<Ipv4Addr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn neighbors_share_a_prefix_and_a_stranger_divides_them() {
        let members = addresses(&["10.0.0.1", "10.0.0.2", "10.0.0.9"]);
        let together = Cover::of(&members, &[], 8);
        assert_eq!(together.prefixes(), ["10.0.0.0/28".parse().unwrap()]);
        let apart = Cover::of(&members, &addresses(&["10.0.0.3"]), 8);
        let expected: Vec<Prefix> =
            ["10.0.0.1", "10.0.0.2", "10.0.0.9"].iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(apart.prefixes(), expected);
    }

    #[test]
    fn the_heaviest_are_kept_in_order() {
        let members = addresses(&["1.0.0.1", "2.0.0.1", "3.0.0.1"]);
        let mut cover = Cover::of(&members, &[], 16);
        let weight = |prefix: Prefix| if prefix.address.octets()[0] == 2 { 0 } else { 5 };
        assert_eq!(cover.keep_heaviest(2, weight), 1);
        assert!(cover.contains(members[0]) && !cover.contains(members[1]) && cover.contains(members[2]));
    }

    quickcheck! {
        fn all_members_and_no_others(members: BTreeSet<u16>, others: BTreeSet<u16>, spread: bool) -> bool {
            let address = |n: &u16| Ipv4Addr::from_bits(u32::from(*n) << if spread { 16 } else { 3 });
            let others: Vec<_> = others.difference(&members).map(address).collect();
            let members: Vec<_> = members.iter().map(address).collect();
            let cover = Cover::of(&members, &others, 8);
            members.iter().all(|member| cover.contains(*member))
                && !others.iter().any(|other| cover.contains(*other))
                && cover.prefixes().len() <= members.len()
        }
    }
}
