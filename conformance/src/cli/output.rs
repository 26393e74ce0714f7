//! Where results go. What cannot be written is told at the end and does not keep the rest from being written.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::failure::Failure;
use crate::model::RunResult;
use crate::report::{badge, html, json, junit, terminal};

/// Options that say where results go.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Output {
    /// Write all reports into this directory: result.json, report.html, junit.xml, badge.json.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write the result as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the result as one HTML page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the result as JUnit XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

type Render = fn(&RunResult, &mut dyn Write) -> io::Result<()>;

const FORMS: [(&str, Render); 4] = [
    ("result.json", |result, file| json::write(result, file)),
    ("report.html", |result, file| file.write_all(html::render(result).as_bytes())),
    ("junit.xml", |result, file| file.write_all(junit::render(result).as_bytes())),
    ("badge.json", |result, file| file.write_all(badge::render(result).as_bytes())),
];

impl Output {
    /// Prints the summary and writes every file asked for.
    ///
    /// # Errors
    /// The first file that could not be written; all others have been tried, and the summary is out.
    pub(super) fn write(&self, result: &RunResult) -> Result<(), Failure> {
        print(&terminal::render(result, terminal::Style::of_stdout()));
        let mut failures = Vec::new();
        let mut note = |outcome: Result<(), Failure>| failures.extend(outcome.err());
        if let Some(directory) = &self.out {
            match fs::create_dir_all(directory) {
                Ok(()) => FORMS
                    .iter()
                    .for_each(|(name, render)| note(write(&directory.join(name), result, *render))),
                Err(error) => note(Err(Failure::writing(directory, &error))),
            }
        }
        for (path, (_, render)) in [&self.json, &self.html, &self.junit].into_iter().zip(FORMS) {
            if let Some(path) = path {
                note(write(path, result, render));
            }
        }
        failures.into_iter().next().map_or(Ok(()), Err)
    }
}

fn write(path: &Path, result: &RunResult, render: Render) -> Result<(), Failure> {
    let outcome = File::create(path).and_then(|file| {
        let mut file = BufWriter::new(file);
        render(result, &mut file)?;
        file.flush()
    });
    outcome.map_err(|error| Failure::writing(path, &error))
}

/// Prints to standard output. A reader that has gone away (`| head`) wants no more, which is no failure.
pub(super) fn print(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
