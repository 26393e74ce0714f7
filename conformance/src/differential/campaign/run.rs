//! Taking the parts of a campaign on two DUTs, and making the smallest trace of each new finding.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::generated::Generated;
use super::part::Part;
use super::smallest::smallest;
use crate::differential::judge::{Both, Collection, Judge, Place};
use crate::differential::ledger::Ledger;
use crate::differential::pairing::{Drive, Replay, ReplayError, StepList};
use crate::dut::Dut;
use crate::generate::World;
use crate::model::{CaptureResult, Dimensions, Scenario, Step, Trace};

/// Steps of one random part: enough to fill tables, few enough to look through.
pub const STEPS_PER_PART: usize = 20_000;

/// Fingerprints that some worker of a campaign has seen already: each is confirmed and shrunk once.
#[derive(Clone, Debug, Default)]
pub struct Known(Arc<Mutex<BTreeSet<String>>>);

impl Known {
    /// Whether `fingerprint` is new; it is known from now on.
    fn is_new(&self, fingerprint: &str) -> bool {
        // A set of strings stays whole whatever happened to the thread that held it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(fingerprint.to_owned())
    }
}

/// The two DUTs of a campaign, and what was found so far.
pub struct Campaign<'c> {
    replay: Replay<'c>,
    dimensions: Dimensions,
    collection: Collection,
    known: Known,
    /// Whether findings are shown again from a fresh start and shrunk, which takes seconds for each.
    pub shrinks: bool,
}

/// A new cause, with the smallest trace that still shows it in a fresh world.
#[derive(Clone, Debug)]
pub struct NewCause {
    /// Its fingerprint.
    pub fingerprint: String,
    /// One line.
    pub title: String,
    /// The smallest trace; `None` if it could not be shown again from a fresh start.
    pub trace: Option<Trace>,
}

/// What came of one part.
#[derive(Debug)]
pub struct PartOutcome {
    /// The row for the result.
    pub row: CaptureResult,
    /// Causes seen for the first time, none of which the ledger explains.
    pub new_causes: Vec<NewCause>,
    /// Why the part ended early.
    pub error: Option<ReplayError>,
}

impl<'c> Campaign<'c> {
    /// A campaign on `a` and `b`, comparing what both show; what `ledger` explains is no finding, nor is what another
    /// campaign with the same `known` has found.
    pub fn new(a: &'c mut dyn Dut, b: &'c mut dyn Dut, ledger: Ledger, known: Known) -> Self {
        let replay = Replay::new(Drive::new(a, b));
        let dimensions = replay.drive().dimensions();
        Self { replay, dimensions, collection: Collection::new(ledger), known, shrinks: true }
    }

    /// The second DUT, for recording what it does with a trace.
    pub fn second(&mut self) -> &mut dyn Dut {
        self.replay.second()
    }

    /// Takes one part, at most `limit` steps of it. Findings are confirmed and shrunk right after.
    pub fn take(&mut self, part: &Part, limit: usize, command: &str, stop: &AtomicBool) -> PartOutcome {
        let started = Instant::now();
        let place = Place { position: part.index, capture: part.name.clone(), command: command.to_owned() };
        let world = World { scenario: Arc::clone(&part.scenario) };
        let mut judge = Judge::new(&part.scenario, &place, &mut self.collection);
        let (scenario, dimensions) = (&part.scenario, self.dimensions.relevant_in(&part.scenario));
        let (steps, replayed);
        if let Some(sequence) = part.sequence(&world) {
            let (mut source, mut hearing) = Generated::new(sequence, STEPS_PER_PART.min(limit));
            let mut listener = Both(&mut judge, &mut hearing);
            replayed = self.replay.run(scenario, dimensions, &mut source, &mut listener, stop);
            steps = source.into_steps();
        } else {
            steps = part.steps[..part.steps.len().min(limit)].to_vec();
            replayed = self.replay.run(scenario, dimensions, &mut StepList::new(&steps), &mut judge, stop);
        }
        let mut row = judge.finish(replayed.compared, Vec::new(), Vec::new());
        row.error = replayed.error.as_ref().map(ToString::to_string);
        row.traces = part.traces;
        let new_causes = self.new_causes(scenario, &steps, stop);
        row.elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        PartOutcome { row, new_causes, error: replayed.error }
    }

    /// Everything found, for the result.
    pub fn finish(self) -> Collection {
        self.collection
    }

    fn new_causes(&mut self, scenario: &Arc<Scenario>, steps: &[Step], stop: &AtomicBool) -> Vec<NewCause> {
        let unexplained = self.collection.causes.iter().filter(|cause| cause.ledger.is_empty());
        let fresh: Vec<(String, String, u64)> = unexplained
            .filter(|cause| self.known.is_new(&cause.fingerprint))
            .map(|cause| {
                let packet = cause.examples.first().map_or(0, |example| example.packet);
                (cause.fingerprint.clone(), cause.title.clone(), packet)
            })
            .collect();
        let mut causes = Vec::new();
        for (fingerprint, title, packet) in fresh {
            let end = if packet == 0 { steps.len() } else { (packet as usize).min(steps.len()) };
            let trace = if self.shrinks {
                let ledger = &self.collection.ledger;
                smallest(&mut self.replay, ledger, scenario, &steps[..end], Some(&fingerprint), stop)
            } else {
                None
            };
            let trace = trace.map(|(_, steps)| Trace {
                name: format!("fuzz-{fingerprint}"),
                scenario: Arc::clone(scenario),
                steps,
            });
            causes.push(NewCause { fingerprint, title, trace });
        }
        causes
    }
}
