//! `netassay diff [CAPTURE|DIR]…`: the main job.

mod annotate;
mod run;

use std::path::PathBuf;
use std::time::Instant;

use clap::ValueEnum;

use super::dut::DutName;
use super::failure::Failure;
use super::output::Output;
use super::progress::Progress;
use super::scenario::ScenarioChoice;
use super::{ALL_WELL, FOUND_SOMETHING, INTERRUPTED, inputs, interrupt, steps};
use crate::capture::{CaptureOptions, RoleChoice, Truncated};
use crate::differential::ledger::{self, Ledger};
use crate::model::{Limits, Partition, RunResult};
use run::{Job, Run};

/// Replay captures on two DUTs, compare everything they let out, and report.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Captures (pcap, pcapng) or traces, and directories of them.
    #[arg(required = true, value_name = "CAPTURE|DIR")]
    captures: Vec<PathBuf>,
    #[command(flatten)]
    pair: Pair,
    /// World around the DUTs: `auto`, `host`, `router`, `conntrack`, `nat` (made for each capture), or a scenario by
    /// name or file. May be given more than once.
    #[arg(long = "scenario", value_name = "NAME|FILE")]
    scenarios: Vec<ScenarioChoice>,
    #[command(flatten)]
    selection: Selection,
    /// Do only part K of N, for splitting a run over machines; `netassay merge` joins the results.
    #[arg(long, value_name = "K/N", value_parser = partition)]
    partition: Option<Partition>,
    /// Read explained differences from this directory instead of those that are built in.
    #[arg(long, value_name = "DIR")]
    deviations: Option<PathBuf>,
    /// Write each capture with what DUT B emitted and what differs, as pcapng that Wireshark opens.
    #[arg(long, value_name = "DIR")]
    annotate: Option<PathBuf>,
    /// Show no progress.
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    output: Output,
}

/// The two DUTs of a comparison.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Pair {
    /// First DUT.
    #[arg(long, default_value = "reference", value_name = "DUT")]
    pub(super) a: DutName,
    /// Second DUT.
    #[arg(long, default_value = "linux", value_name = "DUT")]
    pub(super) b: DutName,
}

/// Which packets of a capture are replayed, and under which limits.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Selection {
    /// Take only packets that this libpcap filter selects.
    #[arg(long, value_name = "BPF")]
    filter: Option<String>,
    /// Fill datagrams that the capture does not hold whole with zeros, instead of skipping them.
    #[arg(long)]
    zero_fill: bool,
    /// ICMP rate limits of the DUTs: lifted (`open`), or as out of the box (`default`).
    #[arg(long, value_name = "LIMITS")]
    pub(super) limits: Option<LimitsChoice>,
}

/// [`Limits`] on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LimitsChoice {
    /// Lifted, so that every packet is judged alone.
    Open,
    /// What the DUT does out of the box.
    Default,
}

impl LimitsChoice {
    /// The limits.
    pub(super) const fn limits(self) -> Limits {
        match self {
            Self::Open => Limits::Open,
            Self::Default => Limits::Default,
        }
    }
}

impl Selection {
    /// As the capture readers take it.
    pub(super) fn options(&self) -> CaptureOptions {
        let truncated = if self.zero_fill { Truncated::ZeroFill } else { Truncated::Skip };
        CaptureOptions { filter: self.filter.clone(), truncated }
    }

    /// The limits, if they were given.
    pub(super) fn limits(&self) -> Option<Limits> {
        self.limits.map(LimitsChoice::limits)
    }

    /// The options that select the same again.
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        if let Some(filter) = &self.filter {
            arguments.extend(["--filter".to_owned(), filter.clone()]);
        }
        if self.zero_fill {
            arguments.push("--zero-fill".to_owned());
        }
        if let Some(limits) = self.limits {
            let name = if limits == LimitsChoice::Open { "open" } else { "default" };
            arguments.extend(["--limits".to_owned(), name.to_owned()]);
        }
        arguments
    }
}

pub(super) fn partition(text: &str) -> Result<Partition, String> {
    let parts = text.split_once('/').and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
    match parts {
        Some((part, of)) if 1 <= part && part <= of => Ok(Partition { part, of }),
        _ => Err("a partition is K/N with 1 ≤ K ≤ N, such as 2/5".to_owned()),
    }
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let started = Instant::now();
    let stop = interrupt::flag();
    let captures = inputs::captures(&args.captures)?;
    let auto = [ScenarioChoice::Role(RoleChoice::Auto)];
    let scenarios = if args.scenarios.is_empty() { &auto[..] } else { &args.scenarios };
    let ledger = load_ledger(args.deviations.as_deref())?;
    let (mut a, mut b) = (args.pair.a.make()?, args.pair.b.make()?);
    let jobs: Vec<Job<'_>> = captures
        .iter()
        .flat_map(|path| {
            // A trace brings its own scenario, so one run of it is enough.
            let scenarios = if steps::is_trace(path) { &scenarios[..1] } else { scenarios };
            scenarios.iter().map(move |scenario| (path, scenario))
        })
        .enumerate()
        .map(|(position, (path, scenario))| Job { position: position as u64, path, scenario })
        .filter(|job| args.partition.is_none_or(|it| job.position % it.of == it.part - 1))
        .collect();
    let mut progress = Progress::new(jobs.len() as u64, args.quiet);
    let run =
        Run { selection: &args.selection, pair: &args.pair, annotate: args.annotate.as_deref(), stop: &stop };
    let mut outcome = run.over(&jobs, (&mut a, &mut b), ledger, &mut progress);
    progress.finish();
    outcome.result.partition = args.partition;
    outcome.result.elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    // What was found is kept whatever happened: an environment that lacks something from the start has found nothing.
    let is_empty = outcome.result.captures.is_empty();
    let written =
        if is_empty && outcome.failure.is_some() { Ok(()) } else { args.output.write(&outcome.result) };
    if let Some(failure) = outcome.failure {
        if let Err(error) = written {
            eprintln!("netassay: {error}");
        }
        return Err(failure);
    }
    written?;
    Ok(if outcome.is_interrupted { INTERRUPTED } else { exit_code(&outcome.result) })
}

/// The ledger in `directory`, or the one that is built in.
pub(super) fn load_ledger(directory: Option<&std::path::Path>) -> Result<Ledger, Failure> {
    let ledger = match directory {
        Some(directory) => ledger::load_directory(directory).map(Ledger::new),
        None => Ledger::built_in(),
    };
    ledger.map_err(|error| Failure::Input(error.to_string()))
}

/// The exit status for a result: divergences, stale ledger entries and rows that ended early are findings.
pub(super) fn exit_code(result: &RunResult) -> u8 {
    let is_well = result.totals.diverge == 0
        && result.causes.iter().all(|cause| !cause.ledger.is_empty())
        && result.stale_ledger.is_empty()
        && result.captures.iter().all(|row| row.error.is_none());
    if is_well { ALL_WELL } else { FOUND_SOMETHING }
}

#[cfg(test)]
mod tests;
