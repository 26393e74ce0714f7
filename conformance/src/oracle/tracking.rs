//! Laws of the connection table: tuples are unique, and the two of an entry say of each other what its status says.

use std::collections::BTreeMap;

use super::{Objection, hold};
use crate::model::ConntrackEntry;
use crate::model::observation::TrackedTuple;

/// The clause of every rule here. RFC 5382 and RFC 5508 ask for the same of their protocols.
const CLAUSE: &str = "RFC 4787 §4";

/// Status bits as in Linux.
const SEEN_REPLY: u32 = 1 << 1;
const ASSURED: u32 = 1 << 2;
const CONFIRMED: u32 = 1 << 3;
const TRANSLATED: u32 = 1 << 4 | 1 << 5;

/// Judges a table.
///
/// # Errors
/// The first entry that breaks a law.
pub fn judge(entries: &[ConntrackEntry]) -> Result<(), Objection> {
    let mut seen: BTreeMap<(u16, u8, TrackedTuple), usize> = BTreeMap::new();
    for (number, entry) in entries.iter().enumerate() {
        states_agree(entry)?;
        for tuple in [entry.original, entry.reply] {
            let other = seen.insert((entry.zone, entry.protocol, tuple), number);
            let is_unique = other.is_none_or(|other| other == number);
            hold(CLAUSE, "a tuple stands for one connection", is_unique, || {
                format!("{entry:?} and another")
            })?;
        }
    }
    Ok(())
}

/// Whether the status of `entry` is one that there can be, and fits its tuples.
fn states_agree(entry: &ConntrackEntry) -> Result<(), Objection> {
    let has = |bits: u32| entry.status & bits != 0;
    hold(CLAUSE, "what is in the table is confirmed", has(CONFIRMED), || format!("{entry:?}"))?;
    let is_heard = has(SEEN_REPLY) || !has(ASSURED);
    hold(CLAUSE, "nothing is assured before it was answered", is_heard, || format!("{entry:?}"))?;
    let is_begun = entry.protocol != 1 || matches!(entry.original.destination_id >> 8, 8 | 13 | 15 | 17);
    hold(CLAUSE, "a connection of ICMP begins with a query", is_begun, || format!("{entry:?}"))?;
    let is_inverse = entry.reply.source == entry.original.destination
        && entry.reply.destination == entry.original.source
        && (entry.protocol == 1
            || (entry.reply.source_id, entry.reply.destination_id)
                == (entry.original.destination_id, entry.original.source_id));
    hold(
        CLAUSE,
        "what is not translated is answered where it came from",
        is_inverse || has(TRANSLATED),
        || format!("{entry:?}"),
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn entry(port: u16, status: u32) -> ConntrackEntry {
        let original = TrackedTuple {
            source: [192, 168, 1, 10].into(),
            destination: [8, 8, 8, 8].into(),
            source_id: port,
            destination_id: 53,
        };
        let reply = TrackedTuple {
            source: original.destination,
            destination: original.source,
            source_id: 53,
            destination_id: port,
        };
        ConntrackEntry {
            protocol: 17,
            original,
            reply,
            timeout_s: Some(30),
            status,
            tcp_state: None,
            zone: 0,
            accounting: None,
        }
    }

    fn translated(port: u16, to: u16) -> ConntrackEntry {
        let mut entry = entry(port, CONFIRMED | 1 << 4);
        entry.reply.destination = [203, 0, 113, 1].into();
        entry.reply.destination_id = to;
        entry
    }

    #[rstest]
    #[case::two(&[entry(1, CONFIRMED), entry(2, CONFIRMED)], true)]
    #[case::twice_the_same(&[entry(1, CONFIRMED), entry(1, CONFIRMED)], false)]
    #[case::not_confirmed(&[entry(1, 0)], false)]
    #[case::assured_unheard(&[entry(1, CONFIRMED | ASSURED)], false)]
    #[case::begun_by_a_reply(&[ConntrackEntry { protocol: 1, ..entry(1, CONFIRMED) }], false)]
    #[case::translated(&[translated(1, 1), translated(2, 2)], true)]
    #[case::translated_alike(&[translated(1, 5), translated(2, 5)], false)]
    #[case::translated_unsaid(&[ConntrackEntry { status: CONFIRMED, ..translated(1, 5) }], false)]
    fn tables(#[case] entries: &[ConntrackEntry], #[case] is_right: bool) {
        let verdict = judge(entries);
        assert_eq!(verdict.is_ok(), is_right, "{verdict:?}");
    }
}
