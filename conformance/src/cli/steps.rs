//! What a file on the command line holds, as a scenario and a source of steps: a capture, or a trace with its own
//! scenario.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::scenario::ScenarioChoice;
use crate::capture::{CaptureError, CaptureOptions, Plan, Replay, TraceReader};
use crate::differential::pairing::{SourceError, StepSource};
use crate::model::{Action, Limits, Scenario, Skip, Step};

/// A source of steps that counts what it reads.
pub(super) trait CountedSteps: StepSource {
    /// What the first pass came to.
    fn tally(&self) -> Tally;
}

/// What a pass over a file came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// Packets of a capture, or steps of a trace.
    pub(super) packets: u64,
    /// Packets that became no step.
    pub(super) skips: Vec<Skip>,
    /// What is to be known of the file.
    pub(super) notes: Vec<String>,
}

/// A file that is ready to be replayed.
pub(super) struct Prepared {
    pub(super) scenario: Arc<Scenario>,
    pub(super) notes: Vec<String>,
    pub(super) steps: Box<dyn CountedSteps>,
}

/// Whether `path` is a trace, which brings its own scenario. What cannot be read is none.
pub(super) fn is_trace(path: &Path) -> bool {
    matches!(TraceReader::open(path), Ok(Some(_)))
}

/// The name that a trace file gives itself; `None` if it is a capture.
pub(super) fn trace_name(path: &Path) -> Option<String> {
    TraceReader::open(path).ok().flatten().map(|reader| reader.header().name.clone())
}

/// Makes ready what is in `path`: a trace in its own scenario, a capture in the one that `choice` makes.
pub(super) fn prepare(
    path: &Path,
    choice: &ScenarioChoice,
    options: &CaptureOptions,
    limits: Option<Limits>,
) -> Result<Prepared, CaptureError> {
    if let Some(reader) = TraceReader::open(path)? {
        let mut scenario = Arc::clone(&reader.header().scenario);
        let mut notes = vec!["a trace with a scenario of its own".to_owned()];
        if let Some(limits) = limits.filter(|limits| *limits != scenario.limits) {
            Arc::make_mut(&mut scenario).limits = limits;
            notes.push("rate limits of the scenario overridden".to_owned());
        }
        let steps = Box::new(TraceSteps {
            path: path.to_owned(),
            reader,
            step: nothing(),
            read: 0,
            first_pass: None,
        });
        return Ok(Prepared { scenario, notes, steps });
    }
    let plan = choice.plan(path, options, limits)?;
    let replay = plan.replay()?;
    Ok(Prepared {
        scenario: Arc::clone(plan.scenario()),
        notes: plan.notes().to_vec(),
        steps: Box::new(CaptureSteps { plan, replay, step: nothing(), first_pass: None }),
    })
}

/// A step before the first one.
fn nothing() -> Step {
    Step { at: Default::default(), action: Action::Advance, packet: 0, comment: None }
}

/// The steps of a capture, in one buffer.
struct CaptureSteps {
    plan: Plan,
    replay: Replay,
    step: Step,
    /// Later passes need not reach the end.
    first_pass: Option<Tally>,
}

impl CaptureSteps {
    fn tally_now(&self) -> Tally {
        let mut notes = Vec::new();
        notes.extend(self.replay.cut_off().map(ToString::to_string));
        if self.replay.turned_back() > 0 {
            notes.push(format!(
                "{} packets are older than one before them; they come at the time of that one",
                self.replay.turned_back()
            ));
        }
        Tally { packets: self.replay.packets(), skips: self.replay.skips().to_model(), notes }
    }
}

impl CountedSteps for CaptureSteps {
    fn tally(&self) -> Tally {
        self.first_pass.clone().unwrap_or_else(|| self.tally_now())
    }
}

impl StepSource for CaptureSteps {
    fn next_step(&mut self) -> Result<Option<&Step>, SourceError> {
        match self.replay.next_into(&mut self.step) {
            Ok(true) => Ok(Some(&self.step)),
            Ok(false) => Ok(None),
            Err(error) => Err(SourceError(error.to_string())),
        }
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        if self.first_pass.is_none() {
            self.first_pass = Some(self.tally_now());
        }
        self.replay = self.plan.replay().map_err(|error| SourceError(error.to_string()))?;
        Ok(())
    }
}

/// The steps of a trace file. What was observed when it was recorded is not looked at.
struct TraceSteps {
    path: PathBuf,
    reader: TraceReader,
    step: Step,
    read: u64,
    first_pass: Option<u64>,
}

impl CountedSteps for TraceSteps {
    fn tally(&self) -> Tally {
        Tally { packets: self.first_pass.unwrap_or(self.read), ..Tally::default() }
    }
}

impl StepSource for TraceSteps {
    fn next_step(&mut self) -> Result<Option<&Step>, SourceError> {
        match self.reader.next() {
            Some(Ok(traced)) => {
                self.step = traced.step;
                self.read += 1;
                Ok(Some(&self.step))
            }
            Some(Err(error)) => Err(SourceError(error.to_string())),
            None => Ok(None),
        }
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        self.first_pass.get_or_insert(self.read);
        self.read = 0;
        let failed = |what: String| SourceError(format!("{}: {what}", self.path.display()));
        match TraceReader::open(&self.path) {
            Ok(Some(reader)) => self.reader = reader,
            Ok(None) => return Err(failed("it is no trace any more".to_owned())),
            Err(error) => return Err(SourceError(error.to_string())),
        }
        Ok(())
    }
}
