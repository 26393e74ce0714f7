//! The order of causes and the sums of rows, the same for runs and for merged runs.

use std::cmp::Ordering;

use crate::model::{CaptureResult, Cause, Totals};

/// Unexplained first, then by count from the largest, then by fingerprint.
pub fn causes(one: &Cause, other: &Cause) -> Ordering {
    let is_explained = |cause: &Cause| !cause.ledger.is_empty();
    is_explained(one)
        .cmp(&is_explained(other))
        .then_with(|| other.count.cmp(&one.count))
        .then_with(|| one.fingerprint.cmp(&other.fingerprint))
}

/// Adds a row to the totals.
pub fn add_row(totals: &mut Totals, row: &CaptureResult) {
    totals.traces += row.traces;
    totals.packets += row.packets;
    totals.agree += row.agree;
    totals.explained += row.explained;
    totals.diverge += row.diverge;
    totals.skipped += row.skips.iter().map(|skip| skip.packets).sum::<u64>();
}
