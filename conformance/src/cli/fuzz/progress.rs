//! How far a run of generated traces has come: a bar on a terminal, plain lines elsewhere. Both go to standard error.

use std::io::IsTerminal as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::model::CaptureResult;

/// Time between two plain lines, unless something is found.
const PAUSE: Duration = Duration::from_secs(10);

/// Shows how far a run has come; shared by its workers.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    quiet: bool,
    started: Instant,
    sums: Mutex<Sums>,
}

#[derive(Default)]
struct Sums {
    packets: u64,
    traces: u64,
    diverge: u64,
    said: Option<Instant>,
}

impl Progress {
    /// For a run of so many packets or so much time, as far as that is known.
    pub(super) fn new(packets: Option<u64>, time: Option<Duration>, quiet: bool) -> Self {
        let bar = (std::io::stderr().is_terminal() && !quiet).then(|| {
            let (bar, template) = match (packets, time) {
                (Some(packets), _) => {
                    (ProgressBar::new(packets), "{bar:30} {human_pos}/{human_len} {elapsed} {wide_msg}")
                }
                (None, Some(_)) => (ProgressBar::no_length(), "{spinner} {elapsed} {wide_msg}"),
                (None, None) => (ProgressBar::no_length(), "{spinner} {elapsed} {wide_msg}"),
            };
            // The templates are fixed; should one be wrong, the default one serves.
            bar.set_style(
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { bar, quiet, started: Instant::now(), sums: Mutex::default() }
    }

    /// A part is done.
    pub(super) fn done(&self, row: &CaptureResult) {
        // Sums stay whole whatever happened to the thread that held them.
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        sums.packets += row.compared;
        sums.traces += row.traces;
        sums.diverge += row.diverge;
        let per_second = sums.packets as f64 / self.started.elapsed().as_secs_f64().max(0.001);
        let line = format!(
            "{} traces, {} packets, {} diverge, {per_second:.0} packets/s; {}",
            sums.traces, sums.packets, sums.diverge, row.capture
        );
        match &self.bar {
            Some(bar) => {
                bar.set_position(sums.packets);
                bar.set_message(line);
            }
            None if self.quiet => {}
            None if sums.said.is_some_and(|said| said.elapsed() < PAUSE) => {}
            None => {
                sums.said = Some(Instant::now());
                eprintln!("{line}");
            }
        }
        if let Some(error) = &row.error {
            self.say(&format!("{} ended early: {error}", row.capture));
        }
    }

    /// Something worth a line.
    pub(super) fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None if self.quiet => {}
            None => eprintln!("{line}"),
        }
    }

    /// All is done: nothing of it stays on a terminal.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
