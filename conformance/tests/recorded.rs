//! The reference against what Linux 6.18 was recorded to do with the whole corpus, and the record against the kernel
//! that runs here.
//!
//! `recorded::…` needs no privilege. `live::…` replays the steps of the record on the live kernel; a live kernel's clock
//! cannot be set to that of the record, so both are compared with the reference, which is given the clock of each: the
//! record holds if the same differs, which is nothing at all nearly everywhere.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use netassay::capture::trace_file::{TraceReader, read_trace};
use netassay::capture::{CaptureOptions, Plan, RoleChoice, Survey};
use netassay::differential::judge::{Collection, Judge, Place};
use netassay::differential::ledger::{Duts, Ledger};
use netassay::differential::pairing::{Drive, Replay, ReplayError, StepList};
use netassay::dut::linux::LinuxDut;
use netassay::dut::recorded::Recorded;
use netassay::dut::reference::ReferenceDut;
use netassay::dut::{Dut, DutError};
use netassay::model::{Dimension, Dimensions, Limits, Role, Scenario, Step, Trace};
use netassay_stack::config::Profile;

/// Folder of the records below `corpus/recorded`, and the beginning of the kernel releases that they hold for.
const RECORDS: &str = "linux-6.18";
const KERNELS: &str = "Linux 6.18.";

/// What there is to do about a record that does not fit.
const AGAIN: &str =
    "make it afresh: netassay record corpus/probes corpus/captures --out corpus/recorded/linux-6.18";

fn main() {
    let arguments = Arguments::from_args();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    let known: Arc<Vec<String>> = Arc::new(known_divergences());
    let mut trials = Vec::new();
    for file in ["probes", "captures"].iter().flat_map(|folder| files_below(&corpus.join(folder))) {
        let name = file.strip_prefix(&corpus).expect("it is below").to_owned();
        let entry = Arc::new(Entry {
            record: record_of(&corpus, &name),
            is_known: known.iter().any(|known| name.starts_with(known)),
            file,
        });
        let title = name.with_extension("").display().to_string();
        let (replayed, live) = (Arc::clone(&entry), entry);
        trials.push(Trial::ignorable_test(format!("recorded::{title}"), move || replayed.agrees()));
        trials.push(Trial::ignorable_test(format!("live::{title}"), move || live.still_holds()));
    }
    libtest_mimic::run(&arguments, trials).exit();
}

/// A file of the corpus, and what Linux was seen to do with it.
struct Entry {
    file: PathBuf,
    record: PathBuf,
    /// Whether it is known that the reference does something else, see `ci/known-divergences`.
    is_known: bool,
}

/// What came of a comparison: titles of unexplained causes, with their fingerprints.
type Causes = BTreeSet<String>;

impl Entry {
    fn agrees(&self) -> Result<Completion, Failed> {
        let Some(trace) = self.recorded_trace()? else { return Ok(self.unrecorded()) };
        if trace != self.trace()? {
            return Err(format!("the record is of other steps or another scenario; {AGAIN}").into());
        }
        let causes = self.compare_record(&trace, Dimensions::ALL)?;
        match (causes.is_empty(), self.is_known) {
            (true, _) => Ok(Completion::Completed),
            (false, true) => Ok(Completion::ignored_with(format!("known to differ: {}", listed(&causes)))),
            (false, false) => Err(format!("the reference does something else: {}", listed(&causes)).into()),
        }
    }

    fn still_holds(&self) -> Result<Completion, Failed> {
        let Some(trace) = self.recorded_trace()? else { return Ok(self.unrecorded()) };
        let linux = &mut LinuxDut::new();
        if !linux.version().starts_with(KERNELS) {
            return Ok(Completion::ignored_with(format!("this kernel is {}", linux.version())));
        }
        let dimensions = linux.dimensions();
        let recorded = self.compare_record(&trace, dimensions)?;
        let mut live = Causes::new();
        // As everywhere, what a live kernel shows counts when it shows it again from a fresh start: a drop that a timer
        // causes may be told of while the next step is on its way.
        for _ in 0..2 {
            live = match compare(linux, &trace, dimensions) {
                Ok(causes) => causes,
                Err(error @ DutError::Environment { .. }) => {
                    return Ok(Completion::ignored_with(error.to_string()));
                }
                Err(error) => return Err(error.into()),
            };
            if live == recorded {
                return Ok(Completion::Completed);
            }
        }
        let only =
            |these: &Causes, others: &Causes| listed(&these.difference(others).cloned().collect::<Causes>());
        let what = format!(
            "against the reference, only the live kernel shows: {}; only the record shows: {}",
            only(&live, &recorded),
            only(&recorded, &live)
        );
        if self.is_known { Ok(Completion::ignored_with(what)) } else { Err(what.into()) }
    }

    fn unrecorded(&self) -> Completion {
        Completion::ignored_with(format!("there is no {}; {AGAIN}", self.record.display()))
    }

    fn compare_record(&self, trace: &Trace, dimensions: Dimensions) -> Result<Causes, DutError> {
        compare(&mut Recorded::new(&self.record)?, trace, dimensions)
    }

    /// The steps of the record; `None` if there is none.
    fn recorded_trace(&self) -> Result<Option<Trace>, Failed> {
        Ok(if self.record.exists() { Some(read_trace(&self.record)?) } else { None })
    }

    /// The steps of the file now.
    fn trace(&self) -> Result<Trace, Failed> {
        if TraceReader::open(&self.file)?.is_some() {
            return Ok(read_trace(&self.file)?);
        }
        let survey = Survey::of(&self.file, &CaptureOptions::default())?;
        let plan = Plan::new(&survey, RoleChoice::Auto, Limits::default());
        let mut replay = plan.replay()?;
        let mut steps = Vec::new();
        let mut step = Step {
            at: Default::default(),
            action: netassay::model::Action::Advance,
            packet: 0,
            comment: None,
        };
        while replay.next_into(&mut step)? {
            steps.push(step.clone());
        }
        let name = self.file.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        Ok(Trace { name, scenario: Arc::clone(plan.scenario()), steps })
    }
}

/// What differs between the reference and `dut` and no ledger entry explains.
fn compare(dut: &mut dyn Dut, trace: &Trace, dimensions: Dimensions) -> Result<Causes, DutError> {
    let mut reference = ReferenceDut::new(Profile::Linux);
    let names = [reference.name(), reference.version(), dut.name(), dut.version()];
    let duts = Duts { a: (&names[0], &names[1]), b: (&names[2], &names[3]) };
    let ledger = Ledger::built_in().expect("the ledger is well formed").for_duts(duts);
    let mut collection = Collection::new(ledger);
    let place = Place { position: 0, capture: trace.name.clone(), command: String::new() };
    let mut judge = Judge::new(&trace.scenario, &place, &mut collection);
    let mut replay = Replay::new(Drive::new(&mut reference, dut));
    let dimensions = relevant(replay.drive().dimensions().both(dimensions), &trace.scenario);
    let mut steps = StepList::new(&trace.steps);
    let replayed = replay.run(&trace.scenario, dimensions, &mut steps, &mut judge, &AtomicBool::new(false));
    judge.finish(replayed.compared, Vec::new(), Vec::new());
    match replayed.error {
        Some(ReplayError::Dut(error)) => return Err(error.source),
        Some(ReplayError::Source(error)) => return Err(DutError::Record(error.to_string())),
        None => {}
    }
    let causes = collection.causes.finish().into_iter().filter(|cause| cause.ledger.is_empty());
    Ok(causes.map(|cause| format!("{} [{}]", cause.title, cause.fingerprint)).collect())
}

/// Connection tracking only where there is any, as `netassay diff` does it.
fn relevant(dimensions: Dimensions, scenario: &Scenario) -> Dimensions {
    let tracks = matches!(scenario.role, Role::Conntrack | Role::Nat) || !scenario.rules.is_empty();
    if tracks { dimensions } else { dimensions.without(Dimension::Conntrack) }
}

fn listed(causes: &Causes) -> String {
    if causes.is_empty() {
        "nothing".to_owned()
    } else {
        causes.iter().cloned().collect::<Vec<_>>().join("; ")
    }
}

/// Where the record of the corpus file `name` is: captures have the scenario in the name that was made for them.
fn record_of(corpus: &Path, name: &Path) -> PathBuf {
    let records = corpus.join("recorded").join(RECORDS);
    if name.starts_with("probes") {
        return records.join(name);
    }
    let stem = name.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    records.join(name.with_file_name(format!("{stem}-auto.pcapng")))
}

/// Paths below the corpus of files, or of folders with files, on which the reference is known to differ from Linux.
fn known_divergences() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ci/known-divergences");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// All captures and traces below `folder`, sorted.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("the folder is readable").path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else if path.extension().is_some_and(|extension| extension == "pcap" || extension == "pcapng") {
            files.push(path);
        }
    }
    files.sort();
    files
}
