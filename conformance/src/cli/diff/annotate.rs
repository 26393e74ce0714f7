//! Annotated captures: the stimuli, what DUT B emitted, and what was found, as trace files that Wireshark opens.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::failure::Failure;
use crate::capture::trace_file::RecordedDut;
use crate::capture::{Observed, TraceHeader, TraceWriter};
use crate::differential::pairing::{Finding, Listener};
use crate::model::{Dimensions, Observation, Scenario, Step};

/// Writes one annotated capture while it is replayed.
pub(super) struct Annotator {
    path: PathBuf,
    writer: Option<TraceWriter<BufWriter<File>>>,
    /// What was found at the step that is about to be written.
    lines: Vec<String>,
    /// The first thing that went wrong; nothing is written after it.
    failure: Option<io::Error>,
}

impl Annotator {
    /// Begins the file for `capture` in `directory`.
    pub(super) fn create(
        directory: &Path,
        position: u64,
        capture: &Path,
        scenario: &Arc<Scenario>,
        (dut, version, dimensions): (&str, &str, Dimensions),
    ) -> Self {
        let stem = capture.file_stem().map_or_else(|| "capture".into(), |stem| stem.to_string_lossy());
        // The position keeps captures of the same name in different directories apart.
        let path = directory.join(format!("{position:04}-{stem}-{}.pcapng", scenario.name));
        let recorded = RecordedDut { dut: dut.to_owned(), version: version.to_owned(), dimensions };
        let header = TraceHeader {
            name: format!("{stem}/{}", scenario.name),
            scenario: Arc::clone(scenario),
            recorded: Some(recorded),
        };
        let begun = std::fs::create_dir_all(directory)
            .and_then(|()| File::create(&path))
            .and_then(|file| TraceWriter::new(BufWriter::new(file), &header));
        let (writer, failure) = match begun {
            Ok(writer) => (Some(writer), None),
            Err(error) => (None, Some(error)),
        };
        Self { path, writer, lines: Vec::new(), failure }
    }

    /// Ends the file.
    pub(super) fn finish(self) -> Result<(), Failure> {
        let flushed = self.writer.map_or(Ok(()), |writer| writer.finish().map(drop));
        self.failure.map_or(flushed, Err).map_err(|error| Failure::writing(&self.path, &error))
    }
}

impl Listener for Annotator {
    fn found(&mut self, finding: &Finding<'_>) {
        // What is found when the trace is run again concerns steps that are written already.
        if finding.step.is_some() {
            let lines = finding.differences.iter().map(|difference| {
                let field = &difference.field;
                format!("{}: A {} B {}", field.field, or_nothing(&field.a), or_nothing(&field.b))
            });
            self.lines.extend(lines);
        }
    }

    fn stepped(&mut self, _: u64, step: &Step, _: &Observation, b: &Observation) {
        let verdicts = match self.lines.is_empty() {
            true => vec!["agree".to_owned()],
            false => std::mem::take(&mut self.lines),
        };
        let observed = Observed { observation: b.clone(), verdicts, ..Observed::default() };
        if let Some(writer) = &mut self.writer
            && let Err(error) = writer.step(step, Some(&observed))
        {
            self.writer = None;
            self.failure = Some(error);
        }
    }
}

fn or_nothing(value: &str) -> &str {
    if value.is_empty() { "nothing" } else { value }
}
