//! `netassay compare OLD.json NEW.json`: what changed between two runs.

mod suite;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::failure::Failure;
use super::matrix::read as read_suite;
use super::{ALL_WELL, FOUND_SOMETHING, output};
use crate::model::{Cause, RunResult};
use crate::report::json;

/// Tell what changed between two runs of `diff`, `fuzz` or `run`. Exit status 1 if something new diverges or fails.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The earlier result (JSON).
    old: PathBuf,
    /// The later result (JSON).
    new: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    if is_suite(&args.old) && is_suite(&args.new) {
        let (old, new) = (read_suite(&args.old)?, read_suite(&args.new)?);
        output::print(&suite::render(&old, &new));
        return Ok(if suite::is_worse(&old, &new) { FOUND_SOMETHING } else { ALL_WELL });
    }
    let (old, new) = (read(&args.old)?, read(&args.new)?);
    output::print(&render(&old, &new));
    Ok(if is_worse(&old, &new) { FOUND_SOMETHING } else { ALL_WELL })
}

/// Whether a file holds the result of `netassay run`, which has one DUT, and not that of a comparison, which has two.
fn is_suite(path: &Path) -> bool {
    #[derive(serde::Deserialize)]
    struct Head {
        dut: Option<String>,
    }
    let head = File::open(path).ok().map(|file| serde_json::from_reader(std::io::BufReader::new(file)));
    matches!(head, Some(Ok(Head { dut: Some(_) })))
}

/// Reads a stored result.
pub(super) fn read(path: &Path) -> Result<RunResult, Failure> {
    let bad = |what: String| Failure::Input(format!("{}: {what}", path.display()));
    let file = File::open(path).map_err(|error| bad(error.to_string()))?;
    json::read(std::io::BufReader::new(file)).map_err(|error| bad(error.to_string()))
}

/// Causes that no ledger entry explains, by fingerprint.
fn unexplained(result: &RunResult) -> BTreeMap<&str, &Cause> {
    let open = result.causes.iter().filter(|cause| cause.ledger.is_empty());
    open.map(|cause| (&cause.fingerprint[..], cause)).collect()
}

fn is_worse(old: &RunResult, new: &RunResult) -> bool {
    let known = unexplained(old);
    unexplained(new).keys().any(|fingerprint| !known.contains_key(fingerprint))
        || !broken(new).is_subset(&broken(old))
}

/// Captures that ended early.
fn broken(result: &RunResult) -> std::collections::BTreeSet<(&str, &str)> {
    let rows = result.captures.iter().filter(|row| row.error.is_some());
    rows.map(|row| (&row.capture[..], &row.scenario[..])).collect()
}

fn render(old: &RunResult, new: &RunResult) -> String {
    let mut text = String::new();
    for (what, one, other) in
        [("A", &old.a, &new.a), ("B", &old.b, &new.b), ("netassay", &old.netassay, &new.netassay)]
    {
        if one != other {
            let _ = writeln!(text, "{what}: {one} → {other}");
        }
    }
    let (before, after) = (unexplained(old), unexplained(new));
    for (fingerprint, cause) in &after {
        match before.get(fingerprint) {
            None => {
                let _ = writeln!(text, "new      {fingerprint} {} ({} packets)", cause.title, cause.count);
            }
            Some(known) if known.count != cause.count => {
                let _ = writeln!(
                    text,
                    "changed  {fingerprint} {} ({} → {} packets)",
                    cause.title, known.count, cause.count
                );
            }
            Some(_) => {}
        }
    }
    for (fingerprint, cause) in before.iter().filter(|(fingerprint, _)| !after.contains_key(*fingerprint)) {
        let _ = writeln!(text, "gone     {fingerprint} {} ({} packets)", cause.title, cause.count);
    }
    let (was_broken, is_broken) = (broken(old), broken(new));
    for (capture, scenario) in is_broken.difference(&was_broken) {
        let _ = writeln!(text, "ends early now  {capture} ({scenario})");
    }
    for (capture, scenario) in was_broken.difference(&is_broken) {
        let _ = writeln!(text, "no longer ends early  {capture} ({scenario})");
    }
    let totals = [
        ("traces", old.totals.traces, new.totals.traces),
        ("packets", old.totals.packets, new.totals.packets),
        ("agree", old.totals.agree, new.totals.agree),
        ("explained", old.totals.explained, new.totals.explained),
        ("diverge", old.totals.diverge, new.totals.diverge),
        ("skipped", old.totals.skipped, new.totals.skipped),
    ];
    for (what, one, other) in totals.into_iter().filter(|(_, one, other)| one != other) {
        let _ = writeln!(text, "{what}: {one} → {other}");
    }
    if text.is_empty() {
        text.push_str("nothing changed\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::Sample;

    #[test]
    fn equal_runs_have_not_changed() {
        let result = Sample::default().result();
        assert_eq!(render(&result, &result), "nothing changed\n");
        assert!(!is_worse(&result, &result));
    }

    #[test]
    fn a_new_cause_is_worse_and_a_gone_one_is_not() {
        let new = Sample::default().result();
        let mut old = new.clone();
        let at = old.causes.iter().position(|cause| cause.ledger.is_empty()).unwrap();
        let cause = old.causes.remove(at);
        assert!(is_worse(&old, &new));
        assert!(!is_worse(&new, &old));
        assert!(render(&old, &new).starts_with(&format!("new      {}", cause.fingerprint)));
        assert!(render(&new, &old).starts_with(&format!("gone     {}", cause.fingerprint)));
    }
}
