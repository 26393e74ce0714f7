//! A planned capture as a source of steps.

use crate::capture::{CaptureError, Plan, Replay};
use crate::differential::pairing::{SourceError, StepSource};
use crate::model::{Action, Skip, Step};

/// The steps of a capture, in one buffer.
pub(super) struct CaptureSteps {
    plan: Plan,
    replay: Replay,
    step: Step,
    /// What the first pass came to; later ones need not reach the end.
    first_pass: Option<Tally>,
}

/// What a pass over a capture came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// Packets read.
    pub(super) packets: u64,
    /// Packets that became no step.
    pub(super) skips: Vec<Skip>,
    /// What is to be known of the file.
    pub(super) notes: Vec<String>,
}

impl CaptureSteps {
    /// From the first packet.
    pub(super) fn new(plan: Plan) -> Result<Self, CaptureError> {
        let replay = plan.replay()?;
        let step = Step { at: Default::default(), action: Action::Advance, packet: 0, comment: None };
        Ok(Self { plan, replay, step, first_pass: None })
    }

    /// What the first pass came to.
    pub(super) fn tally(&self) -> Tally {
        self.first_pass.clone().unwrap_or_else(|| self.tally_now())
    }

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
