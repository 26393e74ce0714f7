//! Taking the parts of a campaign on two DUTs, and making the smallest trace of each new finding.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::generated::Generated;
use super::part::Part;
use crate::differential::judge::{Both, Collection, Judge, Place};
use crate::differential::ledger::Ledger;
use crate::differential::pairing::{Drive, Replay, ReplayError, StepList};
use crate::differential::shrink::shrink;
use crate::dut::Dut;
use crate::generate::World;
use crate::model::{CaptureResult, Dimensions, Scenario, Step, Trace};

/// Steps of one random part: enough to fill tables, few enough to look through.
pub const STEPS_PER_PART: usize = 20_000;

/// The two DUTs of a campaign, and what was found so far.
pub struct Campaign<'c> {
    replay: Replay<'c>,
    dimensions: Dimensions,
    collection: Collection,
    known: BTreeSet<String>,
    position: u64,
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
    /// A campaign on `a` and `b`, comparing `dimensions`; what `ledger` explains is no finding.
    pub fn new(a: &'c mut dyn Dut, b: &'c mut dyn Dut, dimensions: Dimensions, ledger: Ledger) -> Self {
        Self {
            replay: Replay::new(Drive::new(a, b)),
            dimensions,
            collection: Collection::new(ledger),
            known: BTreeSet::new(),
            position: 0,
            shrinks: true,
        }
    }

    /// Takes one part, at most `limit` steps of it. Findings are confirmed and shrunk right after.
    pub fn take(&mut self, part: &Part, limit: usize, command: &str, stop: &AtomicBool) -> PartOutcome {
        let started = Instant::now();
        let place =
            Place { position: self.position, capture: part.name.clone(), command: command.to_owned() };
        self.position += 1;
        let world = World { scenario: Arc::clone(&part.scenario) };
        let mut judge = Judge::new(&part.scenario, &place, &mut self.collection);
        let (scenario, dimensions) = (&part.scenario, self.dimensions);
        let (steps, replayed);
        if let Some(sequence) = part.sequence(&world) {
            let (mut source, mut hearing) = Generated::new(sequence, STEPS_PER_PART.min(limit));
            let mut listener = Both(&mut judge, &mut hearing);
            replayed = self.replay.run(scenario, dimensions, &mut source, &mut listener, stop);
            steps = source.steps().to_vec();
        } else {
            steps = part.steps[..part.steps.len().min(limit)].to_vec();
            replayed = self.replay.run(scenario, dimensions, &mut StepList::new(&steps), &mut judge, stop);
        }
        let mut row = judge.finish(replayed.compared, Vec::new(), Vec::new());
        row.error = replayed.error.as_ref().map(ToString::to_string);
        let new_causes = self.new_causes(scenario, &steps, stop);
        row.elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        PartOutcome { row, new_causes, error: replayed.error }
    }

    /// Everything found, for the result.
    pub fn finish(self) -> Collection {
        self.collection
    }

    fn new_causes(&mut self, scenario: &Arc<Scenario>, steps: &[Step], stop: &AtomicBool) -> Vec<NewCause> {
        let fresh: Vec<(String, String, u64)> = self
            .collection
            .causes
            .iter()
            .filter(|cause| cause.ledger.is_empty() && !self.known.contains(&cause.fingerprint))
            .map(|cause| {
                let packet = cause.examples.first().map_or(0, |example| example.packet);
                (cause.fingerprint.clone(), cause.title.clone(), packet)
            })
            .collect();
        let mut causes = Vec::new();
        for (fingerprint, title, packet) in fresh {
            self.known.insert(fingerprint.clone());
            let end = if packet == 0 { steps.len() } else { (packet as usize).min(steps.len()) };
            let trace =
                if self.shrinks { self.smallest(scenario, &steps[..end], &fingerprint, stop) } else { None };
            causes.push(NewCause { fingerprint, title, trace });
        }
        causes
    }

    /// The smallest trace that shows `fingerprint` from a fresh start, if any does.
    fn smallest(
        &mut self,
        scenario: &Arc<Scenario>,
        steps: &[Step],
        fingerprint: &str,
        stop: &AtomicBool,
    ) -> Option<Trace> {
        let ledger = self.collection.ledger.clone();
        let (replay, dimensions) = (&mut self.replay, self.dimensions);
        let mut shows = |candidate: &[Step]| {
            let place = Place { position: 0, capture: String::new(), command: String::new() };
            let mut collection = Collection::new(ledger.clone());
            let mut judge = Judge::new(scenario, &place, &mut collection);
            let replayed = replay.run(scenario, dimensions, &mut StepList::new(candidate), &mut judge, stop);
            drop(judge.finish(replayed.compared, Vec::new(), Vec::new()));
            collection.causes.iter().any(|cause| cause.fingerprint == fingerprint)
        };
        // Most findings need only the last few steps; what came long before is tried last.
        let tail = [1, 2, 4, 16, 64, 256, 1024, 4096, steps.len()]
            .into_iter()
            .map(|len| &steps[steps.len().saturating_sub(len)..])
            .find(|tail| shows(tail))?;
        let steps = shrink(scenario, tail.to_vec(), &mut shows);
        Some(Trace { name: format!("fuzz-{fingerprint}"), scenario: Arc::clone(scenario), steps })
    }
}
