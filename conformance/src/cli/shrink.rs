//! `netassay shrink TRACE`: the smallest trace with the same divergence.

use std::path::PathBuf;

use super::diff::{Pair, load_ledger};
use super::failure::Failure;
use super::fuzz::record;
use super::scenario::ScenarioChoice;
use super::{ALL_WELL, interrupt, output, steps};
use crate::capture::{CaptureOptions, RoleChoice};
use crate::differential::campaign::smallest;
use crate::differential::ledger::Duts;
use crate::differential::pairing::{Drive, Replay};
use crate::model::Trace;

/// Find the smallest trace that still shows a divergence of two DUTs: fewer steps, then shorter and plainer datagrams.
/// It is written with what the second DUT does.
///
/// Interrupted, it writes what it has reached. Exit status 2 if the two do not diverge.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The trace or capture.
    trace: PathBuf,
    #[command(flatten)]
    pair: Pair,
    /// Which divergence, by its fingerprint; otherwise the first that no ledger entry explains.
    #[arg(long, value_name = "FINGERPRINT")]
    fingerprint: Option<String>,
    /// World around the DUTs if it is a capture, as for `diff`.
    #[arg(long, value_name = "NAME|FILE")]
    scenario: Option<ScenarioChoice>,
    /// Where the smallest trace goes; otherwise beside TRACE, ending in `.min.pcapng`.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Read explained differences from this directory instead of those that are built in.
    #[arg(long, value_name = "DIR")]
    deviations: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let bad = |what: &dyn std::fmt::Display| Failure::Input(format!("{}: {what}", args.trace.display()));
    let choice = args.scenario.clone().unwrap_or(ScenarioChoice::Role(RoleChoice::Auto));
    let mut prepared = steps::prepare(&args.trace, &choice, &CaptureOptions::default(), None)
        .map_err(|error| Failure::Input(error.to_string()))?;
    let mut steps = Vec::new();
    while let Some(step) = prepared.steps.next_step().map_err(|error| bad(&error))? {
        steps.push(step.clone());
    }
    let (mut a, mut b) = (args.pair.a.make()?, args.pair.b.make()?);
    let names = [a.dut.name(), a.dut.version(), b.dut.name(), b.dut.version()];
    let duts = Duts { a: (&names[0], &names[1]), b: (&names[2], &names[3]) };
    let ledger = load_ledger(args.deviations.as_deref())?.for_duts(duts);
    let of_dut = |error: &crate::dut::DutError| Failure::of_dut(&names[2], error);
    let mut replay = Replay::new(Drive::new(&mut *a.dut, &mut *b.dut));
    // Whether the DUTs are there at all is not for the search to find out.
    replay.open(&prepared.scenario).map_err(|error| Failure::of_dut(&error.dut, &error.source))?;
    let scenario = &prepared.scenario;
    let found =
        smallest(&mut replay, &ledger, scenario, &steps, args.fingerprint.as_deref(), &interrupt::flag());
    let Some((cause, small)) = found else {
        return Err(bad(&"the two do not diverge so from a fresh start"));
    };
    let path = args.output.clone().unwrap_or_else(|| args.trace.with_extension("min.pcapng"));
    let name = path.file_stem().map_or("smallest".to_owned(), |stem| stem.to_string_lossy().into_owned());
    let trace = Trace { name, scenario: scenario.clone(), steps: small };
    record(&path, &trace.name, &trace, replay.second()).map_err(|error| of_dut(&error))?;
    output::print(&format!(
        "{} {}\n{} of {} steps in {}\n",
        cause.fingerprint,
        cause.title,
        trace.steps.len(),
        steps.len(),
        path.display()
    ));
    Ok(ALL_WELL)
}
