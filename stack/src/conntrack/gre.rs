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

#[cfg(test)]
mod tests {
    use super::super::entry::Detail;
    use super::super::testing::{A, B};
    use super::super::tuple::{Tuple, protocol};
    use super::*;

    #[test]
    fn an_answer_makes_it_assured_and_live_longer() {
        let original =
            Tuple { source: A, destination: B, source_id: 0, destination_id: 0, protocol: protocol::GRE };
        let mut entry = Entry::new(original, original.invert().unwrap(), 0);
        entry.detail = Detail::timeouts(30, 180);
        assert_eq!(track(&entry), Judgment::Accept(Progress::lives(30)));
        entry.status |= Status::SEEN_REPLY;
        let first = Progress { assured: true, changed: true, ..Progress::lives(180) };
        assert_eq!(track(&entry), Judgment::Accept(first));
        entry.status |= Status::ASSURED;
        assert_eq!(track(&entry), Judgment::Accept(Progress::lives(180)));
    }
}
