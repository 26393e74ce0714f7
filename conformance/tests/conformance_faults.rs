//! The suite tests itself: the reference stack with one fault must turn at least one case red, for the right reason.
//!
//! `cargo test -p netassay --test conformance_faults` prints the score and the survivors.

#[path = "conformance_faults/assertions.rs"]
mod assertions;
#[path = "conformance_faults/wrapper.rs"]
mod wrapper;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{LazyLock, Mutex};

use libtest_mimic::{Arguments, Failed, Trial};
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

fn main() {
    let arguments = Arguments::from_args();
    let faults: Vec<_> = assertions::all().collect();
    let count = faults.len();
    let names: BTreeSet<_> = faults.iter().map(|fault| fault.name).collect();
    assert_eq!(names.len(), count, "faults have names of their own");
    let trials = faults.into_iter().map(|fault| Trial::test(fault.name, || is_seen(fault))).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !arguments.list && conclusion.num_filtered_out == 0 {
        let survivors = SURVIVORS.lock().map(|it| it.clone()).unwrap_or_default();
        println!("score: {} of {count} planted faults are seen", count - survivors.len());
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
        if failure.reason.split('+').any(|reason| fault.reasons.contains(&reason)) {
            return Ok(());
        }
        others.insert(failure.reason);
    }
    if let Ok(mut survivors) = SURVIVORS.lock() {
        survivors.insert(fault.name);
    }
    Err(Failed::from(format!("no case complains of {:?}; complaints are {others:?}", fault.reasons)))
}
