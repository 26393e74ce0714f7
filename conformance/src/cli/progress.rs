//! How far long work has come: a bar on a terminal, plain lines elsewhere. Both go to standard error.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::model::CaptureResult;

/// Shows how far a run over captures has come.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    rows: u64,
    done: u64,
    quiet: bool,
}

/// Shows how far a DUT has come with its cases, on a terminal.
pub(super) struct CaseProgress(Option<ProgressBar>);

impl CaseProgress {
    /// For `cases` cases on the DUT called `dut`.
    pub(super) fn new(dut: &str, cases: usize) -> Self {
        let bar = bar(cases as u64);
        bar.iter().for_each(|bar| bar.set_message(dut.to_owned()));
        Self(bar)
    }

    /// A case is done.
    pub(super) fn done(&self) {
        self.0.iter().for_each(|bar| bar.inc(1));
    }

    /// All is done: nothing of it stays.
    pub(super) fn finish(&self) {
        self.0.iter().for_each(ProgressBar::finish_and_clear);
    }
}

/// A bar of so many steps, if standard error is a terminal.
fn bar(steps: u64) -> Option<ProgressBar> {
    std::io::stderr().is_terminal().then(|| {
        let bar = ProgressBar::new(steps);
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {wide_msg}");
        // The template is fixed; should it be wrong, the default one serves.
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    })
}

impl Progress {
    /// For `rows` rows. A quiet one shows nothing.
    pub(super) fn new(rows: u64, quiet: bool) -> Self {
        let bar = if quiet { None } else { bar(rows) };
        Self { bar, rows, done: 0, quiet }
    }

    /// Work on a row begins.
    pub(super) fn begin(&self, capture: &str, scenario: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{capture} ({scenario})"));
        }
    }

    /// A row is done.
    pub(super) fn done(&mut self, row: &CaptureResult) {
        self.done += 1;
        let line = line(row);
        match &self.bar {
            Some(bar) => {
                bar.inc(1);
                if row.diverge > 0 || row.error.is_some() {
                    bar.println(line);
                }
            }
            None if self.quiet => {}
            None => eprintln!("[{}/{}] {line}", self.done, self.rows),
        }
    }

    /// All is done: nothing of it stays on a terminal.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn line(row: &CaptureResult) -> String {
    let skipped: u64 = row.skips.iter().map(|skip| skip.packets).sum();
    let mut line =
        format!("{} ({}): {} packets, {} agree", row.capture, row.scenario, row.packets, row.agree);
    for (count, what) in [(row.explained, "explained"), (row.diverge, "diverge"), (skipped, "skipped")] {
        if count > 0 {
            line.push_str(&format!(", {count} {what}"));
        }
    }
    if let Some(error) = &row.error {
        line.push_str(&format!("; ended early: {error}"));
    }
    line
}
