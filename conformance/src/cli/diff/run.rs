//! A run over captures and scenarios.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::super::dut::{Made, missing};
use super::super::failure::Failure;
use super::super::progress::Progress;
use super::super::scenario::ScenarioChoice;
use super::super::shell;
use super::super::steps::{self, Prepared};
use super::annotate;
use super::{Pair, Selection};
use crate::capture::CaptureError;
use crate::differential::judge::{Collection, Judge, Place};
use crate::differential::ledger::{Duts, Ledger};
use crate::differential::pairing::{Drive, Replay, ReplayError};
use crate::dut::DutError;
use crate::model::outcome::SCHEMA;
use crate::model::{CaptureResult, Dimensions, RunResult, Skip, Totals};
use crate::report::order;

/// One capture under one scenario.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job<'j> {
    /// Place in the whole run, however it is partitioned.
    pub(super) position: u64,
    pub(super) path: &'j Path,
    pub(super) scenario: &'j ScenarioChoice,
}

/// What is the same for all jobs of a run.
pub(super) struct Run<'r> {
    pub(super) selection: &'r Selection,
    pub(super) pair: &'r Pair,
    /// Where annotated captures go.
    pub(super) annotate: Option<&'r Path>,
    pub(super) stop: &'r AtomicBool,
}

/// What came of a run.
pub(super) struct RunOutcome {
    pub(super) result: RunResult,
    /// Why it ended before all jobs were done, or what was wrong with an input.
    pub(super) failure: Option<Failure>,
    pub(super) is_interrupted: bool,
}

impl Run<'_> {
    /// Does all jobs on two DUTs.
    pub(super) fn over(
        &self,
        jobs: &[Job<'_>],
        (a, b): (&mut Made, &mut Made),
        ledger: Ledger,
        progress: &mut Progress,
    ) -> RunOutcome {
        let names = [a.dut.name(), a.dut.version(), b.dut.name(), b.dut.version()];
        let missing = missing(a, b);
        let duts = Duts { a: (&names[0], &names[1]), b: (&names[2], &names[3]) };
        let mut collection = Collection::new(ledger.for_duts(duts));
        let mut replay = Replay::new(Drive::new(&mut *a.dut, &mut *b.dut));
        let dimensions = replay.drive().dimensions();
        let (mut rows, mut failure) = (Vec::new(), None);
        for job in jobs {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            progress.begin(&job.path.display().to_string(), job.scenario.name());
            let started = Instant::now();
            let (mut row, problem) = self.job(job, dimensions, &mut replay, &mut collection);
            row.elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            let is_fatal = matches!(problem, Some(Failure::Environment(_)));
            // Of several bad inputs the first is told at the end; each has its row.
            failure = if is_fatal { problem } else { failure.or(problem) };
            if !is_fatal || row.compared > 0 {
                progress.done(&row);
                rows.push(row);
            }
            if is_fatal {
                break;
            }
        }
        let is_interrupted = self.stop.load(Ordering::Relaxed);
        let result = self.result(rows, collection, dimensions, missing, &names);
        if let Some(directory) = self.annotate {
            let problem = self.annotated(directory, jobs, &result, &mut replay).err();
            failure = failure.or(problem);
        }
        RunOutcome { result, failure, is_interrupted }
    }

    /// Writes annotated captures of all rows.
    fn annotated(
        &self,
        directory: &Path,
        jobs: &[Job<'_>],
        result: &RunResult,
        replay: &mut Replay<'_>,
    ) -> Result<(), Failure> {
        for row in &result.captures {
            let Some(job) = jobs.iter().find(|job| job.position == row.position) else { continue };
            // What could not be read for its row cannot be read now either; the row says so.
            if let Ok(prepared) = self.prepare(job) {
                annotate::write(directory, result, row, prepared, replay, self.stop)?;
            }
        }
        Ok(())
    }

    fn prepare(&self, job: &Job<'_>) -> Result<Prepared, CaptureError> {
        steps::prepare(job.path, job.scenario, &self.selection.options(), self.selection.limits())
    }

    /// Does one job. A failure is that of an input or of the environment; everything else is in the row.
    fn job(
        &self,
        job: &Job<'_>,
        dimensions: Dimensions,
        replay: &mut Replay<'_>,
        collection: &mut Collection,
    ) -> (CaptureResult, Option<Failure>) {
        match self.prepare(job) {
            Ok(prepared) => self.prepared(job, prepared, dimensions, replay, collection),
            Err(error) => (unreadable(job, &error), Some(Failure::Input(error.to_string()))),
        }
    }

    fn prepared(
        &self,
        job: &Job<'_>,
        mut prepared: Prepared,
        dimensions: Dimensions,
        replay: &mut Replay<'_>,
        collection: &mut Collection,
    ) -> (CaptureResult, Option<Failure>) {
        let scenario = &*prepared.scenario;
        let capture = job.path.display().to_string();
        let place = Place { position: job.position, capture, command: self.command(job) };
        let dimensions = dimensions.relevant_in(scenario);
        let mut judge = Judge::new(scenario, &place, collection);
        let replayed = replay.run(scenario, dimensions, &mut *prepared.steps, &mut judge, self.stop);
        let tally = prepared.steps.tally();
        let mut skips = tally.skips;
        if replayed.left > 0 {
            skips.push(Skip { reason: "not-replayed".to_owned(), packets: replayed.left });
        }
        let notes = prepared.notes.into_iter().chain(tally.notes).collect();
        let mut row = judge.finish(replayed.compared, skips, notes);
        assert_eq!(row.packets, tally.packets, "every packet read is compared or skipped: {}", place.capture);
        row.error = replayed.error.as_ref().map(ToString::to_string);
        if replayed.error.is_none() && !replayed.stopped {
            collection.usage.replayed(&collection.ledger, &place.capture, scenario, dimensions);
        }
        let failure = match replayed.error {
            Some(ReplayError::Dut(error)) if matches!(error.source, DutError::Environment { .. }) => {
                Some(Failure::of_dut(&error.dut, &error.source))
            }
            Some(ReplayError::Source(error)) => Some(Failure::Input(error.to_string())),
            _ => None,
        };
        (row, failure)
    }

    /// The command that does one job again.
    fn command(&self, job: &Job<'_>) -> String {
        let mut words = vec!["netassay".to_owned(), "diff".to_owned()];
        for (option, name, default) in [("--a", &self.pair.a, "reference"), ("--b", &self.pair.b, "linux")] {
            let name = name.to_string();
            if name != default {
                words.extend([option.to_owned(), name]);
            }
        }
        words.extend(["--scenario".to_owned(), job.scenario.name().to_owned()]);
        words.extend(self.selection.arguments());
        words.push(job.path.display().to_string());
        shell::line(&words)
    }

    fn result(
        &self,
        rows: Vec<CaptureResult>,
        collection: Collection,
        dimensions: Dimensions,
        missing: BTreeMap<String, String>,
        [name_a, version_a, name_b, version_b]: &[String; 4],
    ) -> RunResult {
        let Collection { ledger, usage, causes, .. } = collection;
        let mut causes = causes.finish();
        causes.sort_by(order::causes);
        let mut totals = Totals::default();
        rows.iter().for_each(|row| order::add_row(&mut totals, row));
        RunResult {
            schema: SCHEMA,
            netassay: env!("CARGO_PKG_VERSION").to_owned(),
            a: format!("{name_a} {version_a}"),
            b: format!("{name_b} {version_b}"),
            dimensions: dimensions.iter().collect(),
            missing,
            totals,
            causes,
            captures: rows,
            ledger: usage.used().filter_map(|id| Some((id.to_owned(), ledger.note(id)?))).collect(),
            stale_ledger: usage.stale(),
            partition: None,
            elapsed_ms: 0,
        }
    }
}

/// The row of a capture that could not even be surveyed.
fn unreadable(job: &Job<'_>, error: &CaptureError) -> CaptureResult {
    CaptureResult {
        position: job.position,
        capture: job.path.display().to_string(),
        scenario: job.scenario.name().to_owned(),
        notes: Vec::new(),
        interfaces: Vec::new(),
        traces: 1,
        packets: 0,
        compared: 0,
        agree: 0,
        explained: 0,
        diverge: 0,
        skips: Vec::new(),
        verdicts: Vec::new(),
        error: Some(error.to_string()),
        elapsed_ms: 0,
    }
}
