//! Smaller scripts: what is left of one when every record goes that is not needed for what it shows.

use super::record::{self, Record, records};
use super::{MAGIC, Script};

/// Leaves out records of the script that `octets` stand for as long as what is left `still` shows what it is kept for;
/// none of what comes back can go alone. Halves are tried before quarters, down to single records.
///
/// What does not show it as a script of records comes back as it is.
pub fn smaller(octets: &[u8], mut still: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    let encoded = Script::decode(octets).encode();
    let mut kept: Vec<Record<'_>> = records(encoded.strip_prefix(&MAGIC).unwrap_or_default()).collect();
    if !still(&joined(&kept)) {
        return octets.to_vec();
    }
    let mut count = kept.len().div_ceil(2);
    loop {
        let mut at = 0;
        let before = kept.len();
        while at < kept.len() {
            let rest = [&kept[..at], &kept[kept.len().min(at + count)..]].concat();
            if still(&joined(&rest)) {
                kept = rest;
            } else {
                at += count;
            }
        }
        match count {
            0 | 1 if kept.len() == before => return joined(&kept),
            0 | 1 => {}
            _ => count = count.div_ceil(2),
        }
    }
}

fn joined(records: &[Record<'_>]) -> Vec<u8> {
    let mut octets = MAGIC.to_vec();
    records.iter().for_each(|one| record::append(&mut octets, one.kind, one.content));
    octets
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::generate::script::Move;

    #[test]
    fn only_what_is_needed_is_left() {
        let moves = (0..50).map(|by| Move::Advance { by: Duration::from_millis(by) }).collect();
        let script = Script { moves, ..Script::decode(&MAGIC) };
        let has = |octets: &[u8], by: u64| {
            Script::decode(octets).moves.contains(&Move::Advance { by: Duration::from_millis(by) })
        };
        let small = smaller(&script.encode(), |octets| has(octets, 7) && has(octets, 31));
        assert_eq!(small.len(), 4 + 2 * 7);
        assert!(has(&small, 7) && has(&small, 31));
    }

    #[test]
    fn what_shows_nothing_stays() {
        assert_eq!(smaller(b"no script", |_| false), b"no script");
        assert_eq!(smaller(&MAGIC, |_| true), MAGIC);
    }
}
