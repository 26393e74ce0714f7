//! Which octets are held, and whether a fragment overlaps them.

use alloc::collections::BTreeMap;

/// Stretches of octets that are held, disjoint, by their start.
///
/// Under the rule of Linux a run grows only by a fragment that begins exactly where the highest run ends; fragments
/// that become adjacent otherwise stay apart, and a duplicate across two runs is an overlap.
#[derive(Clone, Debug, Default)]
pub(super) struct Runs(BTreeMap<u32, u32>);

/// What [`Runs::insert`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Insertion {
    /// All of it is new, and now held.
    New,
    /// All of it is held by one run.
    Duplicate,
    /// Anything else; nothing changed.
    Overlap,
}

impl Runs {
    pub(super) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds `start..end`, which is not empty, by the rule of Linux.
    pub(super) fn insert(&mut self, start: u32, end: u32) -> Insertion {
        debug_assert!(start < end);
        if let Some(mut highest) = self.0.last_entry()
            && *highest.get() == start
        {
            *highest.get_mut() = end;
            return Insertion::New;
        }
        // Of all runs that begin before the end, the highest decides: if it stops short, so do those below it.
        match self.0.range(..end).next_back() {
            Some((&run_start, &run_end)) if run_end > start => {
                if run_start <= start && end <= run_end {
                    Insertion::Duplicate
                } else {
                    Insertion::Overlap
                }
            }
            _ => {
                self.0.insert(start, end);
                Insertion::New
            }
        }
    }

    /// Adds `start..end`, merging what it touches. Returns how many of its octets were not held before.
    pub(super) fn merge(&mut self, start: u32, end: u32) -> u32 {
        let (mut merged_start, mut merged_end) = (start, end);
        let mut held = 0;
        while let Some((&run_start, &run_end)) = self.0.range(..=merged_end).next_back() {
            if run_end < merged_start {
                break;
            }
            held += run_end.min(end).saturating_sub(run_start.max(start));
            merged_start = merged_start.min(run_start);
            merged_end = merged_end.max(run_end);
            self.0.remove(&run_start);
        }
        self.0.insert(merged_start, merged_end);
        end - start - held
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use rstest::rstest;

    use super::Insertion::{Duplicate, New, Overlap};
    use super::*;

    /// Rows of §4.3: what came before, the fragment, what it is.
    #[rstest]
    #[case::exact_duplicate(&[(0, 24)], (0, 24), Duplicate)]
    #[case::subset(&[(0, 24)], (8, 16), Duplicate)]
    #[case::superset(&[(0, 24)], (0, 32), Overlap)]
    #[case::partial(&[(0, 24)], (8, 32), Overlap)]
    #[case::across_two_in_order(&[(0, 16), (16, 32)], (8, 24), Duplicate)]
    #[case::across_two_out_of_order(&[(16, 32), (0, 16)], (8, 24), Overlap)]
    #[case::across_a_hole(&[(0, 8), (16, 24)], (0, 24), Overlap)]
    #[case::fills_a_hole(&[(0, 8), (16, 24)], (8, 16), New)]
    #[case::fill_of_a_hole_is_its_own_run(&[(0, 16), (32, 40), (16, 32)], (8, 24), Overlap)]
    #[case::up_to_the_end_of_a_run(&[(0, 16), (16, 32)], (8, 32), Duplicate)]
    #[case::below_all(&[(16, 24)], (0, 8), New)]
    #[case::below_all_but_too_long(&[(16, 24)], (0, 20), Overlap)]
    fn insertion(#[case] before: &[(u32, u32)], #[case] fragment: (u32, u32), #[case] expected: Insertion) {
        let mut runs = Runs::new();
        for (start, end) in before {
            assert_eq!(runs.insert(*start, *end), New);
        }
        assert_eq!(runs.insert(fragment.0, fragment.1), expected);
    }

    #[test]
    fn stretches_that_touch_become_one() {
        let mut runs = Runs::new();
        let counts = [(16, 24), (0, 8), (8, 16)].map(|(start, end)| (runs.merge(start, end), runs.0.len()));
        assert_eq!(counts, [(8, 1), (8, 2), (8, 1)]);
    }

    quickcheck::quickcheck! {
        fn merging_counts_each_octet_once(ranges: Vec<(u8, u8)>) -> bool {
            let mut runs = Runs::new();
            let mut held = [false; 512];
            ranges.iter().all(|(start, len)| {
                let (start, end) = (u32::from(*start), u32::from(*start) + u32::from(*len).max(1));
                let range = &mut held[start as usize..end as usize];
                let new = range.iter().filter(|held| !**held).count();
                range.fill(true);
                runs.merge(start, end) as usize == new
            })
        }
    }
}
