//! Fewer steps: delta debugging.

use crate::model::Step;

/// The fewest steps that `shows` still holds for, by leaving out ever smaller pieces.
pub(super) fn fewest(mut steps: Vec<Step>, shows: &mut dyn FnMut(&[Step]) -> bool) -> Vec<Step> {
    let mut piece = steps.len().div_ceil(2);
    while piece > 0 {
        let mut from = 0;
        let mut has_shrunk = false;
        while from < steps.len() && steps.len() > 1 {
            let until = (from + piece).min(steps.len());
            let candidate: Vec<Step> = steps[..from].iter().chain(&steps[until..]).cloned().collect();
            if !candidate.is_empty() && shows(&candidate) {
                steps = candidate;
                has_shrunk = true;
            } else {
                from = until;
            }
        }
        // A single step left out may make another one needless.
        piece = if piece == 1 && has_shrunk { 1 } else { piece / 2 };
    }
    steps
}
