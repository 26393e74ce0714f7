//! One result out of the results of the parts that `--partition k/n` made.
//!
//! Merging all parts of a run gives the result of the whole run, but for the times. A part that is missing is an error:
//! a job that was lost must not look like one that found nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::order;
use crate::model::{Cause, Partition, RunResult, Totals, Verdict};

/// Why results do not merge.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// There is nothing to merge.
    #[error("no results to merge")]
    Nothing,
    /// The parts come from different DUTs or versions.
    #[error("results differ in {what}: `{one}` and `{other}`")]
    Unlike {
        /// What they differ in.
        what: &'static str,
        /// The value in the first result.
        one: String,
        /// The value that differs.
        other: String,
    },
    /// A part of the run is not there.
    #[error("part {part} of {of} is missing")]
    MissingPart {
        /// Which.
        part: u64,
        /// Of how many.
        of: u64,
    },
    /// A capture was replayed under the same scenario in two results.
    #[error("`{capture}` under `{scenario}` is in two results")]
    Twice {
        /// The capture.
        capture: String,
        /// The scenario.
        scenario: String,
    },
}

/// Merges the results of the parts of one run, in any order. Elapsed times add up, so that the sum is machine time.
///
/// A dimension that was not compared in one part counts as not compared.
///
/// # Errors
/// When the parts do not belong together, overlap or leave a gap.
pub fn merge(parts: Vec<RunResult>) -> Result<RunResult, MergeError> {
    check_alike(&parts)?;
    check_complete(&parts)?;
    let stale = stale_ledger(&parts);
    let mut parts = parts.into_iter();
    let mut whole = parts.next().ok_or(MergeError::Nothing)?;
    whole.partition = None;
    let mut causes = BTreeMap::new();
    add_causes(&mut causes, std::mem::take(&mut whole.causes));
    for part in parts {
        whole.dimensions.retain(|dimension| part.dimensions.contains(dimension));
        part.missing.into_iter().for_each(|(dimension, why)| {
            whole.missing.entry(dimension).or_insert(why);
        });
        add_causes(&mut causes, part.causes);
        whole.captures.extend(part.captures);
        whole.ledger.extend(part.ledger);
        whole.elapsed_ms += part.elapsed_ms;
    }
    sort_rows(&mut whole)?;
    whole.causes = finish_causes(causes, &whole);
    whole.totals = Totals::default();
    for row in &whole.captures {
        order::add_row(&mut whole.totals, row);
    }
    whole.stale_ledger = stale;
    Ok(whole)
}

fn check_alike(parts: &[RunResult]) -> Result<(), MergeError> {
    let Some((first, others)) = parts.split_first() else { return Err(MergeError::Nothing) };
    for other in others {
        let properties = [
            ("the version of netassay", &first.netassay, &other.netassay),
            ("DUT A", &first.a, &other.a),
            ("DUT B", &first.b, &other.b),
        ];
        if let Some((what, one, other)) = properties.into_iter().find(|(_, one, other)| one != other) {
            return Err(MergeError::Unlike { what, one: one.clone(), other: other.clone() });
        }
    }
    Ok(())
}

fn check_complete(parts: &[RunResult]) -> Result<(), MergeError> {
    let present: Vec<Partition> = parts.iter().filter_map(|part| part.partition).collect();
    let Some(Partition { of, .. }) = present.first().copied() else { return Ok(()) };
    if let Some(other) = present.iter().find(|partition| partition.of != of) {
        let (one, other) = (of.to_string(), other.of.to_string());
        return Err(MergeError::Unlike { what: "the number of parts", one, other });
    }
    let missing = (1..=of).find(|part| present.iter().all(|partition| partition.part != *part));
    missing.map_or(Ok(()), |part| Err(MergeError::MissingPart { part, of }))
}

/// Entries that some part found stale and that matched in no part.
fn stale_ledger(parts: &[RunResult]) -> Vec<String> {
    let matched: BTreeSet<&String> = parts.iter().flat_map(matched_ledger).collect();
    let stale: BTreeSet<&String> = parts.iter().flat_map(|part| &part.stale_ledger).collect();
    stale.difference(&matched).map(|id| (*id).clone()).collect()
}

fn matched_ledger(part: &RunResult) -> impl Iterator<Item = &String> {
    let verdicts = part.captures.iter().flat_map(|row| &row.verdicts);
    let in_verdicts = verdicts.flat_map(|packet| match &packet.verdict {
        Verdict::Explained(ids) => ids.as_slice(),
        Verdict::Agree | Verdict::Diverge(_) => &[],
    });
    in_verdicts.chain(part.causes.iter().flat_map(|cause| &cause.ledger))
}

fn add_causes(all: &mut BTreeMap<String, Cause>, causes: Vec<Cause>) {
    for cause in causes {
        match all.get_mut(&cause.fingerprint) {
            None => {
                all.insert(cause.fingerprint.clone(), cause);
            }
            Some(known) => {
                known.count += cause.count;
                known.captures += cause.captures;
                known.examples.extend(cause.examples);
            }
        }
    }
}

fn sort_rows(whole: &mut RunResult) -> Result<(), MergeError> {
    whole.captures.sort_by(|one, other| {
        (one.position, &one.capture, &one.scenario).cmp(&(other.position, &other.capture, &other.scenario))
    });
    let mut seen = BTreeSet::new();
    let twice = whole.captures.iter().find(|row| !seen.insert((&row.capture, &row.scenario)));
    twice.map_or(Ok(()), |row| {
        Err(MergeError::Twice { capture: row.capture.clone(), scenario: row.scenario.clone() })
    })
}

/// Keeps of each cause the examples that an undivided run would have kept: the first ones in the order of the rows.
fn finish_causes(causes: BTreeMap<String, Cause>, whole: &RunResult) -> Vec<Cause> {
    let position: BTreeMap<_, _> =
        whole.captures.iter().map(|row| ((&row.capture, &row.scenario), row.position)).collect();
    let mut causes: Vec<_> = causes.into_values().collect();
    for cause in &mut causes {
        cause.examples.sort_by_key(|example| {
            (position.get(&(&example.capture, &example.scenario)).copied(), example.packet)
        });
        cause.examples.truncate(Cause::EXAMPLES);
        if let Some(first) = cause.examples.first() {
            cause.title.clone_from(&first.title);
        }
    }
    causes.sort_by(order::causes);
    causes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::json::without_times;
    use crate::report::sample::Sample;

    /// Splits a result by capture, round robin, as a partitioned run would have produced it.
    fn split(whole: &RunResult, of: u64) -> Vec<RunResult> {
        (1..=of).map(|part| split_part(whole, part, of)).collect()
    }

    fn split_part(whole: &RunResult, part: u64, of: u64) -> RunResult {
        let mut names: Vec<_> = whole.captures.iter().map(|row| &row.capture).collect();
        names.dedup();
        let mine: BTreeSet<_> = names.into_iter().skip(part as usize - 1).step_by(of as usize).collect();
        let mut result = whole.clone();
        result.partition = Some(Partition { part, of });
        result.captures.retain(|row| mine.contains(&row.capture));
        for cause in &mut result.causes {
            cause.examples.retain(|example| mine.contains(&example.capture));
            cause.count = cause.examples.len() as u64;
            cause.captures = cause.count;
        }
        result.causes.retain(|cause| cause.count > 0);
        result
    }

    /// A result in which each packet of a cause is an example, so that the parts know all of theirs.
    fn sample() -> RunResult {
        let mut whole = Sample { verdicts: 60, causes: 30, captures: 9, seed: 5 }.result();
        for cause in &mut whole.causes {
            cause.count = cause.examples.len() as u64;
            cause.captures = cause.count;
            cause.title.clone_from(&cause.examples[0].title);
        }
        whole.causes.sort_by(order::causes);
        whole
    }

    #[test]
    fn merged_parts_are_the_whole_in_any_order() {
        let whole = without_times(sample());
        let mut parts = split(&whole, 3);
        assert!(parts.iter().all(|part| part.captures.len() < whole.captures.len()));
        assert_eq!(merge(parts.clone()).map(without_times), Ok(whole.clone()));
        parts.reverse();
        assert_eq!(merge(parts).map(without_times), Ok(whole));
    }

    #[test]
    fn lost_part_is_an_error() {
        let mut parts = split(&sample(), 3);
        parts.remove(1);
        assert_eq!(merge(parts), Err(MergeError::MissingPart { part: 2, of: 3 }));
    }

    #[test]
    fn same_rows_twice_are_an_error() {
        let whole = Sample::default().result();
        assert!(matches!(merge(vec![whole.clone(), whole]), Err(MergeError::Twice { .. })));
        assert_eq!(merge(Vec::new()), Err(MergeError::Nothing));
    }

    #[test]
    fn parts_of_different_kernels_do_not_merge() {
        let mut parts = split(&sample(), 2);
        parts[1].b = "linux 6.1.0".to_owned();
        let error = merge(parts).unwrap_err();
        assert_eq!(error.to_string(), "results differ in DUT B: `linux 6.18.44` and `linux 6.1.0`");
    }

    #[test]
    fn entry_that_matched_in_one_part_is_not_stale() {
        let mut parts = split(&sample(), 2);
        let matched = parts[0].causes.iter().find_map(|cause| cause.ledger.first()).unwrap().clone();
        parts[1].causes.retain(|cause| !cause.ledger.contains(&matched));
        parts[1].stale_ledger = vec![matched, "never-matched".to_owned()];
        let merged = merge(parts).unwrap();
        assert_eq!(merged.stale_ledger, ["never-matched", "rate-limit-token-rounding"]);
    }

    #[test]
    fn dimension_missing_in_one_part_is_missing() {
        let mut parts = split(&sample(), 2);
        let lost = parts[1].dimensions.pop().unwrap();
        parts[1].missing.insert(lost.name().to_owned(), "no privilege".to_owned());
        let merged = merge(parts).unwrap();
        assert!(!merged.dimensions.contains(&lost));
        assert_eq!(merged.missing[lost.name()], "no privilege");
    }
}
