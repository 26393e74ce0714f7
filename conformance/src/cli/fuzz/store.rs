//! Findings as files: the smallest trace, with what the second DUT did.

use std::path::{Path, PathBuf};

use crate::differential::campaign::NewCause;
use crate::differential::pairing::virtual_clock;
use crate::dut::recorded::Recorder;
use crate::dut::{Dut, DutError};
use crate::model::Trace;

/// How long the part of a file's name that says what it is about may be.
const SLUG: usize = 60;

/// Records what `dut` does with the trace of `cause` in a file in `directory`, and says which file it is.
pub(super) fn store(
    directory: &Path,
    cause: &NewCause,
    trace: &Trace,
    dut: &mut dyn Dut,
) -> Result<PathBuf, DutError> {
    let name = format!("{}-{}", slug(&cause.title), &cause.fingerprint[..cause.fingerprint.len().min(8)]);
    let path = directory.join(format!("{name}.pcapng"));
    record(&path, &format!("regressions/{name}"), trace, dut)?;
    Ok(path)
}

/// Records what `dut` does with `trace` in the file `path`.
pub(in super::super) fn record(
    path: &Path,
    name: &str,
    trace: &Trace,
    dut: &mut dyn Dut,
) -> Result<(), DutError> {
    let mut recorder = Recorder::create(path, name, &trace.scenario, dut)?;
    for step in &trace.steps {
        recorder.step(dut, step, virtual_clock(step.at))?;
    }
    recorder.finish().map(drop)
}

/// Words of a title, as a file name takes them.
fn slug(title: &str) -> String {
    let mut slug = String::new();
    for c in title.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() >= SLUG {
            break;
        }
    }
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_become_names() {
        assert_eq!(slug("frames[0]: only A (icmp 3/1) – for UDP"), "frames-0-only-a-icmp-3-1-for-udp");
        assert!(slug(&"x".repeat(200)).len() <= SLUG);
    }
}
