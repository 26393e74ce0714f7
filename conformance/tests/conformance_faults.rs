//! The suite tests itself: the reference stack with one fault must turn at least one case red, for the right reason.
//!
//! `cargo test -p netassay --test conformance_faults` prints the score and the survivors.

#[path = "conformance_faults/assertions.rs"]
mod assertions;
#[path = "conformance_faults/bugs.rs"]
mod bugs;
#[path = "conformance_faults/translation_bugs.rs"]
mod translation_bugs;
#[path = "conformance_faults/wrapper.rs"]
mod wrapper;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{LazyLock, Mutex};

use libtest_mimic::{Arguments, Failed, Trial};
use netassay::case::checklist::CHECKLISTS;
use netassay::case::definition::Case;
use netassay::case::play::{Verdict, play};
use netassay::case::registry::registry;
use netassay::dut::reference::ReferenceDut;
use netassay_stack::config::Profile;
use wrapper::{Faulty, Warp};

/// A fault, and what a case that sees it may complain of.
pub(crate) struct Fault {
    name: &'static str,
    reasons: &'static [&'static str],
    warp: Warp,
}

/// Cases that the stack without a fault passes.
static SOUND: LazyLock<Vec<&'static Case>> = LazyLock::new(|| {
    let mut dut = ReferenceDut::new(Profile::Linux);
    registry().iter().filter(|case| play(case, &mut dut, None).verdict == Verdict::Pass).collect()
});

/// Faults that no case saw.
static SURVIVORS: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());

/// In a hundred planted bugs of other stacks, as many must be seen.
const LEAST_PERCENT: usize = 95;

fn main() {
    let arguments = Arguments::from_args();
    let faults: Vec<_> = assertions::all().collect();
    let bugs: Vec<_> = bugs::all().collect();
    let (faults_len, bugs_len) = (faults.len(), bugs.len());
    let mut trials: Vec<_> =
        faults.into_iter().map(|fault| Trial::test(fault.name, || is_seen(fault))).collect();
    trials.push(Trial::test("every_bug_is_planted_or_says_why_not", every_bug));
    trials.push(Trial::test("planted_bugs_are_seen", planted_bugs));
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !arguments.list && conclusion.num_filtered_out == 0 {
        let survivors = SURVIVORS.lock().map(|it| it.clone()).unwrap_or_default();
        let (of_bugs, of_kinds): (Vec<_>, Vec<_>) =
            survivors.iter().copied().partition(|name| bugs.iter().any(|bug| bug.name == *name));
        println!("score: {} of {faults_len} kinds of fault are seen", faults_len - of_kinds.len());
        println!("score: {} of {bugs_len} planted bugs are seen", bugs_len - of_bugs.len());
        survivors.iter().for_each(|name| println!("survivor: {name}"));
    }
    conclusion.exit();
}

fn is_seen(fault: &'static Fault) -> Result<(), Failed> {
    let mut dut = Faulty::new(fault.warp);
    let mut others = BTreeSet::new();
    for case in SOUND.iter() {
        // A fault can go too far for the stack below it; that is no finding.
        let played = catch_unwind(AssertUnwindSafe(|| play(case, &mut dut, None)));
        let Ok(Verdict::Fail(failure)) = played.map(|it| it.verdict) else { continue };
        let fits = |reason: &str| fault.reasons.is_empty() || fault.reasons.contains(&reason);
        if failure.reason.split('+').any(fits) {
            return Ok(());
        }
        others.insert(failure.reason);
    }
    if let Ok(mut survivors) = SURVIVORS.lock() {
        survivors.insert(fault.name);
    }
    Err(Failed::from(format!("no case complains of {:?}; complaints are {others:?}", fault.reasons)))
}

/// Every bug of the checklist is planted, once, or listed with the reason why it cannot be.
fn every_bug() -> Result<(), Failed> {
    let list = CHECKLISTS.iter().find(|list| list.name == "bug").ok_or("there is no list of bugs")?;
    let mut listed: Vec<_> = list.tick(registry()).rows.into_iter().map(|(item, _)| item.id).collect();
    let mut known: Vec<_> = bugs::all().map(|bug| bug.name.to_owned()).collect();
    known.extend(bugs::NOT_PLANTED.iter().filter(|(_, why)| !why.is_empty()).map(|(id, _)| (*id).to_owned()));
    listed.sort();
    known.sort();
    if listed == known {
        return Ok(());
    }
    let missing: Vec<_> = listed.iter().filter(|id| !known.contains(id)).collect();
    let strange: Vec<_> = known.iter().filter(|id| !listed.contains(id)).collect();
    Err(Failed::from(format!("neither planted nor excused: {missing:?}; not in the list: {strange:?}")))
}

fn planted_bugs() -> Result<(), Failed> {
    let bugs: Vec<_> = bugs::all().collect();
    let missed: Vec<_> = bugs.iter().filter(|bug| is_seen(bug).is_err()).map(|bug| bug.name).collect();
    let seen = bugs.len() - missed.len();
    if seen * 100 >= bugs.len() * LEAST_PERCENT {
        Ok(())
    } else {
        Err(Failed::from(format!("{seen} of {} are seen; not {missed:?}", bugs.len())))
    }
}
