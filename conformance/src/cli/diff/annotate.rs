//! Annotated captures: once all verdicts are known, each capture is gone through again and written with them.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::super::failure::Failure;
use super::super::steps::Prepared;
use crate::differential::pairing::{Finding, Listener, Replay};
use crate::model::{CaptureResult, Dimensions, Observation, RunResult, Step};
use crate::report::annotate::Annotator;

/// Writes the annotated capture of `row` into `directory`.
///
/// # Errors
/// If the file cannot be written.
pub(super) fn write(
    directory: &Path,
    result: &RunResult,
    row: &CaptureResult,
    mut prepared: Prepared,
    replay: &mut Replay<'_>,
    stop: &AtomicBool,
) -> Result<(), Failure> {
    let path = path(directory, row);
    let failed = |error: &io::Error| Failure::writing(&path, error);
    fs::create_dir_all(directory).map_err(|error| Failure::writing(directory, &error))?;
    let file = File::create(&path).map_err(|error| failed(&error))?;
    let annotator = Annotator::new(BufWriter::new(file), &prepared.scenario, result, row);
    let mut writer = Writer { annotator: annotator.map_err(|error| failed(&error))?, failure: None };
    // The verdicts are known: nothing is compared this time. A DUT that fails ends the file where it ended the row.
    replay.run(&prepared.scenario, Dimensions::NONE, &mut *prepared.steps, &mut writer, stop);
    let Writer { annotator, failure } = writer;
    failure.map_or_else(|| annotator.finish().map(drop), Err).map_err(|error| failed(&error))
}

/// A name for each row: its position keeps captures of the same name in different directories apart.
fn path(directory: &Path, row: &CaptureResult) -> PathBuf {
    let stem =
        Path::new(&row.capture).file_stem().map_or_else(|| "capture".into(), |stem| stem.to_string_lossy());
    directory.join(format!("{:04}-{stem}-{}.pcapng", row.position, row.scenario))
}

/// Passes steps on until writing fails.
struct Writer<'r, W: Write> {
    annotator: Annotator<'r, W>,
    failure: Option<io::Error>,
}

impl<W: Write> Listener for Writer<'_, W> {
    fn found(&mut self, _: &Finding<'_>) {}

    fn stepped(&mut self, _: u64, step: &Step, a: &Observation, b: &Observation) {
        if self.failure.is_none() {
            self.failure = self.annotator.step(step, a, b).err();
        }
    }
}
