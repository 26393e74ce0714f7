//! Trace files from anybody: reading ends without a panic, and what was read is written and read again as it is.

#![no_main]

use std::io::Cursor;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use netassay::capture::CaptureError;
use netassay::capture::trace_file::{TraceHeader, TraceReader, TraceWriter, TracedStep};

/// What the octets are called in errors.
const NAME: &str = "fuzzed";

/// The trace in `octets`; `None` if they are something else or are broken.
fn read(octets: Vec<u8>) -> Option<(TraceHeader, Vec<TracedStep>)> {
    let reader = TraceReader::from_source(Path::new(NAME), Cursor::new(octets)).ok()??;
    let header = reader.header().clone();
    let steps = reader.collect::<Result<Vec<_>, CaptureError>>().ok()?;
    Some((header, steps))
}

fuzz_target!(|octets: &[u8]| {
    let Some((header, steps)) = read(octets.to_vec()) else { return };
    let mut writer = TraceWriter::new(Vec::new(), &header).expect("memory takes everything");
    for traced in &steps {
        // A comment can be too long to be written once more: numbers may be spelled shorter than we spell them.
        if writer.step(&traced.step, traced.observed.as_ref()).is_err() {
            return;
        }
    }
    let written = writer.finish().expect("memory takes everything");
    let (header_again, steps_again) = read(written).expect("what was written can be read");
    assert_eq!(header_again, header);
    assert_eq!(steps_again.len(), steps.len());
    for (again, before) in steps_again.iter().zip(&steps) {
        assert_eq!(again.step.action, before.step.action);
        assert_eq!(again.step.comment, before.step.comment);
        assert_eq!(again.observed, before.observed);
    }
});
