//! The smallest trace that shows one divergence, from a fresh start of both DUTs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::differential::judge::{Collection, Judge, Place};
use crate::differential::ledger::Ledger;
use crate::differential::pairing::{Replay, StepList};
use crate::differential::shrink::shrink;
use crate::model::{Cause, Scenario, Step};

/// The fewest and plainest steps that still show `fingerprint`, or the first unexplained divergence there is if none is
/// given. `None` if `steps` do not show it from a fresh start.
pub fn smallest(
    replay: &mut Replay<'_>,
    ledger: &Ledger,
    scenario: &Arc<Scenario>,
    steps: &[Step],
    fingerprint: Option<&str>,
    stop: &AtomicBool,
) -> Option<(Cause, Vec<Step>)> {
    // Most findings need only the last few steps; what came long before is tried last.
    let lens = [1, 2, 4, 16, 64, 256, 1024, 4096].into_iter().filter(|len| *len < steps.len());
    let mut tails = lens.chain([steps.len()]).map(|len| &steps[steps.len() - len..]);
    let (wanted, tail) = match fingerprint {
        Some(wanted) => {
            let tail =
                tails.find(|tail| shown(replay, ledger, scenario, tail, Some(wanted), stop).is_some())?;
            (wanted.to_owned(), tail)
        }
        None => (shown(replay, ledger, scenario, steps, None, stop)?.fingerprint, steps),
    };
    let smallest = shrink(scenario, tail.to_vec(), &mut |candidate| {
        // Asked to stop, what was reached so far is the answer.
        !stop.load(Ordering::Relaxed)
            && shown(replay, ledger, scenario, candidate, Some(&wanted), stop).is_some()
    });
    let cause = shown(replay, ledger, scenario, &smallest, Some(&wanted), stop)?;
    Some((cause, smallest))
}

/// The unexplained cause with `fingerprint`, or the first one, that `steps` show from a fresh start.
fn shown(
    replay: &mut Replay<'_>,
    ledger: &Ledger,
    scenario: &Arc<Scenario>,
    steps: &[Step],
    fingerprint: Option<&str>,
    stop: &AtomicBool,
) -> Option<Cause> {
    let place = Place { position: 0, capture: String::new(), command: String::new() };
    let mut collection = Collection::new(ledger.clone());
    let mut judge = Judge::new(scenario, &place, &mut collection);
    let dimensions = replay.drive().dimensions().relevant_in(scenario);
    let replayed = replay.run(scenario, dimensions, &mut StepList::new(steps), &mut judge, stop);
    drop(judge.finish(replayed.compared, Vec::new(), Vec::new()));
    let unexplained = collection.causes.finish().into_iter().filter(|cause| cause.ledger.is_empty());
    let mut wanted =
        unexplained.filter(|cause| fingerprint.is_none_or(|fingerprint| cause.fingerprint == fingerprint));
    wanted.next()
}
