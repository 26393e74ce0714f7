//! Trace files from anybody: reading ends, what was read is written and read again as it is, and the stack takes it.

use std::io::Cursor;
use std::path::Path;
use std::time::Duration;

use netassay_stack::config::Profile;

use super::{Finding, sequence};
use crate::capture::CaptureError;
use crate::capture::input::pcapng::BlockReader;
use crate::capture::trace_file::{TraceHeader, TraceReader, TraceWriter, TracedStep};
use crate::dut::Dut;
use crate::dut::reference::ReferenceDut;
use crate::model::{Step, scenario_file};

/// What the octets are called in errors.
const NAME: &str = "fuzzed";

/// The longest that a trace is played, in its own time: conntrack forgets the last entry after five days.
const LONGEST: Duration = Duration::from_secs(6 * 86_400);

/// Reads `octets` as a trace, as a scenario file, and plays what was read.
pub(super) fn trace_file(octets: &[u8]) -> Result<(), Finding> {
    if let Ok(text) = std::str::from_utf8(octets)
        && let Ok(scenario) = scenario_file::parse(NAME, text)
    {
        let again = scenario_file::parse(NAME, &scenario_file::to_toml(&scenario));
        return if again.as_ref() == Ok(&scenario) {
            Ok(())
        } else {
            Err(Finding::new(format!("a scenario is read back as {again:?}")))
        };
    }
    let Some((header, steps)) = read(octets.to_vec()) else { return capture(octets) };
    is_written_as_it_is(&header, &steps)?;
    let mut dut = ReferenceDut::new(Profile::Linux);
    if dut.open(&header.scenario).is_err() {
        return Ok(());
    }
    let steps: Vec<Step> =
        steps.into_iter().map(|traced| traced.step).take_while(|step| step.at < LONGEST).collect();
    sequence::replay(&mut dut, &header.scenario, &steps)
}

/// The trace in `octets`; `None` if they are something else or are broken.
fn read(octets: Vec<u8>) -> Option<(TraceHeader, Vec<TracedStep>)> {
    let reader = TraceReader::from_source(Path::new(NAME), Cursor::new(octets)).ok()??;
    let header = reader.header().clone();
    let steps = reader.collect::<Result<Vec<_>, CaptureError>>().ok()?;
    Some((header, steps))
}

/// Whether a trace is written and read again as it is.
fn is_written_as_it_is(header: &TraceHeader, steps: &[TracedStep]) -> Result<(), Finding> {
    let broken = |what: &str| Err(Finding::new(format!("{what} is read back as something else")));
    let Ok(mut writer) = TraceWriter::new(Vec::new(), header) else { return broken("a header") };
    for traced in steps {
        // A comment can be too long to be written once more: numbers may be spelled shorter than we spell them.
        if writer.step(&traced.step, traced.observed.as_ref()).is_err() {
            return Ok(());
        }
    }
    let again = writer.finish().ok().and_then(read);
    let Some((header_again, steps_again)) = again else { return broken("a trace") };
    if header_again != *header || steps_again.len() != steps.len() {
        return broken("a header");
    }
    for (again, before) in steps_again.iter().zip(steps) {
        let is_same = again.step.action == before.step.action
            && again.step.comment == before.step.comment
            && again.observed == before.observed;
        if !is_same {
            return Err(Finding::new(format!("{before:?} is read back as {again:?}")));
        }
    }
    Ok(())
}

/// Reads `octets` as a pcapng capture to its end.
fn capture(octets: &[u8]) -> Result<(), Finding> {
    let mut blocks = BlockReader::new(Path::new(NAME), Cursor::new(octets.to_vec()));
    while let Ok(Some(_)) = blocks.next_block() {}
    Ok(())
}
