//! Every divergence that was found and mended stays mended: `corpus/regressions` holds the smallest trace of each, with
//! what the kernel did. The reference is held against that record, and against the kernel of this machine if it can be.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use netassay::capture::trace_file::read_trace;
use netassay::differential::judge::{Collection, Judge, Place};
use netassay::differential::ledger::{Duts, Ledger};
use netassay::differential::pairing::{Drive, Replay, ReplayError, StepList};
use netassay::dut::linux::LinuxDut;
use netassay::dut::recorded::Recorded;
use netassay::dut::reference::ReferenceDut;
use netassay::dut::{Dut, DutError};
use netassay_stack::config::Profile;

fn main() {
    let arguments = Arguments::from_args();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/regressions");
    let mut trials = Vec::new();
    for path in traces(&folder) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (recorded, live) = (path.clone(), path);
        trials.push(Trial::test(format!("recorded/{name}"), move || {
            let mut dut = Recorded::new(&recorded).map_err(|error| error.to_string())?;
            check(&recorded, &mut dut).map(|_| ())
        }));
        trials
            .push(Trial::ignorable_test(format!("live/{name}"), move || check(&live, &mut LinuxDut::new())));
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn traces(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("the folder is readable").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "pcapng"));
    paths.sort();
    assert!(!paths.is_empty(), "no regressions in {}", folder.display());
    paths
}

/// Holds the reference against `other`, which must not differ in anything that the ledger does not explain.
fn check(path: &Path, other: &mut dyn Dut) -> Result<Completion, Failed> {
    let trace = read_trace(path).map_err(|error| error.to_string())?;
    let mut reference = ReferenceDut::new(Profile::Linux);
    let names = [reference.name(), reference.version(), other.name(), other.version()];
    let duts = Duts { a: (&names[0], &names[1]), b: (&names[2], &names[3]) };
    let ledger = Ledger::built_in().map_err(|error| error.to_string())?.for_duts(duts);
    let mut collection = Collection::new(ledger);
    let place = Place { position: 0, capture: trace.name.clone(), command: String::new() };
    let mut judge = Judge::new(&trace.scenario, &place, &mut collection);
    let mut replay = Replay::new(Drive::new(&mut reference, other));
    let dimensions = replay.drive().dimensions().relevant_in(&trace.scenario);
    let stop = AtomicBool::new(false);
    let mut steps = StepList::new(&trace.steps);
    let replayed = replay.run(&trace.scenario, dimensions, &mut steps, &mut judge, &stop);
    drop(judge.finish(replayed.compared, Vec::new(), Vec::new()));
    match replayed.error {
        Some(ReplayError::Dut(error)) if matches!(error.source, DutError::Environment { .. }) => {
            return Ok(Completion::ignored_with(error.to_string()));
        }
        Some(error) => return Err(error.to_string().into()),
        None => {}
    }
    let unexplained = collection.causes.finish().into_iter().filter(|cause| cause.ledger.is_empty());
    let titles: Vec<_> = unexplained.map(|cause| cause.title).collect();
    if titles.is_empty() { Ok(Completion::Completed) } else { Err(titles.join("; ").into()) }
}
