//! GRE: seen one way, seen both ways.

use super::entry::{Entry, Status};
use super::judgment::{Judgment, Progress};

/// Follows a packet of the entry. The time-outs are those of the moment the entry was made.
pub(crate) fn track(entry: &Entry) -> Judgment {
    let (one_way, both_ways) = entry.detail.as_timeouts();
    if !entry.status.contains(Status::SEEN_REPLY) {
        return Judgment::Accept(Progress::lives(one_way));
    }
    let assured = !entry.status.contains(Status::ASSURED);
    Judgment::Accept(Progress { assured, changed: assured, ..Progress::lives(both_ways) })
}
