//! `netassay record TRACE… --dut D`: what a DUT does with traces, kept so that it can be replayed without that DUT.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::diff::Selection;
use super::dut::DutName;
use super::failure::Failure;
use super::scenario::ScenarioChoice;
use super::steps::Prepared;
use super::{ALL_WELL, INTERRUPTED, inputs, interrupt, output, steps};
use crate::capture::RoleChoice;
use crate::differential::pairing::virtual_clock;
use crate::dut::recorded::Recorder;
use crate::dut::{Dut, DutError};

/// Store what a DUT does with traces and captures, to be replayed as the DUT `recorded:DIR` without any privilege.
///
/// Each record is a trace that Wireshark opens: the stimuli as inbound packets, the answers as outbound packets,
/// counters, drop reasons, deliveries and connection tracking in the packet comments. Records keep the folders of
/// what was named: `record probes --out DIR` makes DIR/probes/….
///
/// A record that is there already is replaced once its trace is through; a trace that the DUT does not take leaves
/// the old one as it was.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Traces, captures, and directories of them.
    #[arg(required = true, value_name = "TRACE|DIR")]
    traces: Vec<PathBuf>,
    /// The DUT to watch.
    #[arg(long, default_value = "linux", value_name = "DUT")]
    dut: DutName,
    /// Where the records go.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// World around the DUT for captures, as for `diff`; a trace brings its own.
    #[arg(long, value_name = "NAME|FILE")]
    scenario: Option<ScenarioChoice>,
    #[command(flatten)]
    selection: Selection,
    /// Say nothing of records that were made.
    #[arg(long, short)]
    quiet: bool,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let stop = interrupt::flag();
    let mut jobs = Vec::new();
    for named in &args.traces {
        for path in inputs::captures(std::slice::from_ref(named))? {
            jobs.push((record_path(&args.out, named, &path), path));
        }
    }
    let mut made = args.dut.make()?;
    let (mut text, mut failure) = (String::new(), None);
    for (record, trace) in jobs {
        let outcome = args.record(&trace, &record, &mut *made.dut, &stop);
        match outcome {
            Ok(None) => return Ok(INTERRUPTED),
            Ok(Some((path, steps))) if !args.quiet => {
                let _ = writeln!(text, "{}: {steps} steps", path.display());
                output::print(&std::mem::take(&mut text));
            }
            Ok(Some(_)) => {}
            // The machine will not be another one for the next trace.
            Err(error @ Failure::Environment(_)) => return Err(error),
            Err(error) => {
                eprintln!("netassay: {error}");
                failure = failure.or(Some(error));
            }
        }
    }
    failure.map_or(Ok(ALL_WELL), Err)
}

impl Args {
    /// Makes one record, and says where it is and of how many steps; `None` if it was interrupted.
    fn record(
        &self,
        trace: &Path,
        record: &Path,
        dut: &mut dyn Dut,
        stop: &AtomicBool,
    ) -> Result<Option<(PathBuf, u64)>, Failure> {
        let choice = self.scenario.clone().unwrap_or(ScenarioChoice::Role(RoleChoice::Auto));
        let prepared = steps::prepare(trace, &choice, &self.selection.options(), self.selection.limits())
            .map_err(|error| Failure::Input(error.to_string()))?;
        let name = match steps::trace_name(trace) {
            Some(name) => name,
            None => stem(trace),
        };
        let record = if steps::is_trace(trace) {
            record.with_extension("pcapng")
        } else {
            record.with_file_name(format!("{}-{}.pcapng", stem(trace), choice.name()))
        };
        // A record is whole or not there: what is half done has another name.
        let unfinished = record.with_extension("unfinished");
        let outcome = write(prepared, &name, &unfinished, dut, stop);
        let finished = match outcome {
            Ok(Some(steps)) => std::fs::rename(&unfinished, &record)
                .map(|()| Some((record.clone(), steps)))
                .map_err(|error| Failure::writing(&record, &error)),
            Ok(None) => Ok(None),
            Err(error) => Err(Failure::of_dut(&format!("{}: {}", trace.display(), dut.name()), &error)),
        };
        if !matches!(finished, Ok(Some(_))) {
            let _ = std::fs::remove_file(&unfinished);
        }
        finished
    }
}

/// Has `dut` take all steps and writes what it does into `path`. The number of steps; `None` if interrupted.
fn write(
    mut prepared: Prepared,
    name: &str,
    path: &Path,
    dut: &mut dyn Dut,
    stop: &AtomicBool,
) -> Result<Option<u64>, DutError> {
    let mut recorder = Recorder::create(path, name, &prepared.scenario, dut)?;
    let mut steps = 0;
    while let Some(step) = prepared
        .steps
        .next_step()
        .map_err(|error| DutError::Record(format!("the trace ends early: {error}")))?
    {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        recorder.step(dut, step, virtual_clock(step.at))?;
        steps += 1;
    }
    recorder.finish()?;
    Ok(Some(steps))
}

/// Where the record of `path` goes, which was found at or below `named`: folders stay, as `cp -r` keeps them.
fn record_path(out: &Path, named: &Path, path: &Path) -> PathBuf {
    let above = named.parent().unwrap_or(Path::new(""));
    out.join(path.strip_prefix(above).unwrap_or(path))
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(|| "trace".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_keep_the_folders_of_what_was_named() {
        let path = |named: &str, path: &str| record_path(Path::new("out"), Path::new(named), Path::new(path));
        assert_eq!(path("a/probes", "a/probes/b/c.pcapng"), Path::new("out/probes/b/c.pcapng"));
        assert_eq!(path("probes", "probes/b/c.pcapng"), Path::new("out/probes/b/c.pcapng"));
        assert_eq!(path("a/c.pcap", "a/c.pcap"), Path::new("out/c.pcap"));
    }
}
