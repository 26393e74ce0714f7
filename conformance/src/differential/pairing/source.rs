//! Where the steps come from.

use crate::model::Step;

/// Why no more steps come; says itself in which file and at which packet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);

/// A sequence of steps that can be taken more than once.
pub trait StepSource {
    /// The next step; `None` at the end. Once it failed it is not called again before [`StepSource::rewind`].
    ///
    /// # Errors
    /// When what is behind cannot be read any further.
    fn next_step(&mut self) -> Result<Option<&Step>, SourceError>;

    /// Goes back to the first step. The same steps come again.
    ///
    /// # Errors
    /// When what is behind cannot be read again.
    fn rewind(&mut self) -> Result<(), SourceError>;
}

/// Steps that are all in memory.
#[derive(Clone, Debug)]
pub struct StepList<'s> {
    steps: &'s [Step],
    next: usize,
}

impl<'s> StepList<'s> {
    /// The steps of `steps`, from the first.
    pub const fn new(steps: &'s [Step]) -> Self {
        Self { steps, next: 0 }
    }
}

impl StepSource for StepList<'_> {
    fn next_step(&mut self) -> Result<Option<&Step>, SourceError> {
        let step = self.steps.get(self.next);
        self.next += usize::from(step.is_some());
        Ok(step)
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        self.next = 0;
        Ok(())
    }
}
