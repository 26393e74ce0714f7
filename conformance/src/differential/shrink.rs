//! The smallest trace that still shows something: first fewer steps, then smaller and plainer datagrams.
//!
//! The search knows nothing of DUTs: it asks whether a candidate still shows what it is about.

mod octets;
mod steps;

use crate::model::{Action, Scenario, Step};

/// How many candidates are tried at most, so that shrinking ends in minutes on any DUT.
const CANDIDATES: usize = 20_000;

/// Shrinks `steps` for as long as `shows` holds; `shows` holds for `steps` as they are.
///
/// The result is no larger: no step can be left out, and no simplification that is known here can be made.
pub fn shrink(scenario: &Scenario, steps: Vec<Step>, shows: &mut dyn FnMut(&[Step]) -> bool) -> Vec<Step> {
    let mut left = CANDIDATES;
    let mut ask = |candidate: &[Step]| {
        left = left.saturating_sub(1);
        left > 0 && shows(candidate)
    };
    let mut steps = steps::fewest(steps, &mut ask);
    loop {
        let before = size(&steps);
        for index in 0..steps.len() {
            octets::simplify(scenario, &mut steps, index, &mut ask);
        }
        steps = steps::fewest(steps, &mut ask);
        if size(&steps) == before {
            return steps;
        }
    }
}

/// What shrinking makes smaller: steps, octets, octets that are not zero.
fn size(steps: &[Step]) -> (usize, usize, usize) {
    let frames = || {
        steps.iter().filter_map(|step| match &step.action {
            Action::Inject { frame, .. } => Some(frame),
            _ => None,
        })
    };
    let octets = frames().map(Vec::len).sum();
    let set = frames().flatten().filter(|octet| **octet != 0).count();
    (steps.len(), octets, set)
}

#[cfg(test)]
mod tests;
