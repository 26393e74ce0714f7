//! IPv4 options: the walk of RFC 791 §3.1 once more, and what processing may and may not touch.

use std::net::Ipv4Addr;

use netassay_stack::ip::options::{
    BadOption, OptionContext, OptionRecord, OptionRules, blank_for_later_fragments, receive,
};
use netassay_stack::wire::Ipv4Options;

use super::{Objection, hold, same};

/// The clause of every rule here.
const CLAUSE: &str = "RFC 791 §3.1";

/// Octets of a header without options.
const FIXED: usize = 20;

/// Where each option stands and how long it is; the last entry may be broken. RFC 791 §3.1.
fn walk(options: &[u8]) -> (Vec<(usize, usize)>, Option<usize>) {
    let mut found = Vec::new();
    let mut at = 0;
    while at < options.len() {
        let len = match options[at] {
            0 => {
                found.push((at, 1));
                return (found, None);
            }
            1 => 1,
            _ if at + 1 == options.len() => return (found, Some(at)),
            _ => usize::from(options[at + 1]),
        };
        if (options[at] != 1 && len < 2) || at + len > options.len() {
            return (found, Some(at));
        }
        found.push((at, len));
        at += len;
    }
    (found, None)
}

/// Whether the stack's walk finds the options that are there, and stops where the first is broken.
///
/// # Errors
/// The first rule that is broken.
pub fn walks_agree(options: &[u8]) -> Result<(), Objection> {
    let (expected, broken) = walk(options);
    let items: Vec<_> = Ipv4Options::new(options).collect();
    let found: Vec<_> = items.iter().flatten().map(|option| (option.offset, option.octets.len())).collect();
    same(CLAUSE, "the walk finds every option", found, expected)?;
    for option in items.iter().flatten() {
        same(CLAUSE, "data follows the length", option.data(), option.octets.get(2..).unwrap_or_default())?;
        same(CLAUSE, "a pointer is the first of the data", option.pointer(), option.data().first().copied())?;
    }
    let error = items.last().and_then(|last| last.as_ref().err());
    let said = error.map(ToString::to_string);
    hold(CLAUSE, "an error says where", said.is_none_or(|said| !said.contains('\n')), String::new)?;
    same(CLAUSE, "the walk stops at the broken option", error.map(|error| error.offset), broken)
}

/// A host at 10.0.0.1 whose clock stands still.
struct Host;

impl OptionContext for Host {
    fn recorded_address(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, 0, 1)
    }

    fn is_unicast(&self, address: Ipv4Addr) -> bool {
        !address.is_multicast() && !address.is_broadcast() && address != self.recorded_address()
    }

    fn milliseconds_since_midnight(&self) -> u32 {
        0x0123_4567
    }
}

/// Whether receiving `options`, at most 40 octets, leaves everything but the options alone, tells of every change,
/// points into the header where it complains, and records places that exist.
///
/// # Errors
/// The first rule that is broken.
pub fn reception_keeps_its_place(options: &[u8]) -> Result<(), Objection> {
    let mut before = vec![0xa5; FIXED];
    before.extend(&options[..options.len().min(40)]);
    before.resize(before.len().next_multiple_of(4), 0);
    before[0] = 0x40 | (before.len() / 4) as u8;
    let mut after = before.clone();
    let mut record = OptionRecord::default();
    let outcome = receive(&mut after, OptionRules::default(), &Host, &mut record);
    same(CLAUSE, "the fixed header is left alone", &after[..FIXED], &before[..FIXED])?;
    same(CLAUSE, "a change is told, and only a change", record.changed, after != before)?;
    if let Err(BadOption { pointer }) = outcome {
        let inside = (FIXED..=before.len()).contains(&usize::from(pointer));
        hold(CLAUSE, "a complaint points into the options", inside, || {
            format!("{pointer} of {}", before.len())
        })?;
    }
    let source_route = record.source_route.map(|route| route.offset);
    for place in [record.record_route, record.timestamp, source_route, record.cipso].into_iter().flatten() {
        let inside = (FIXED..before.len()).contains(&usize::from(place));
        hold(CLAUSE, "what is recorded is there", inside, || format!("{place} of {}", before.len()))?;
    }
    let is_broken = walk(&before[FIXED..]).1.is_some();
    hold(CLAUSE, "broken options are never accepted", !(is_broken && outcome.is_ok()), || {
        format!("{before:02x?}")
    })?;
    same(CLAUSE, "lengths of options are left alone", walk_if(&after, outcome), walk_if(&before, outcome))?;
    if outcome.is_ok() { stamps_fit(&before[FIXED..], &after[FIXED..]) } else { Ok(()) }
}

/// Whether the pointers of record route and timestamp moved no further than right behind their option: what they
/// passed was written there. RFC 791 §3.1 "Record Route", "Internet Timestamp".
fn stamps_fit(before: &[u8], after: &[u8]) -> Result<(), Objection> {
    for (at, len) in walk(before).0.into_iter().filter(|(at, len)| matches!(before[*at], 7 | 68) && *len > 2)
    {
        let (old, new) = (before[at + 2], after[at + 2]);
        let fits = old == new || usize::from(new) <= len + 1;
        hold(CLAUSE, "what is recorded fits its option", fits, || format!("{new} of {len} octets"))?;
    }
    Ok(())
}

/// The walk over the options of a header that was accepted.
fn walk_if(header: &[u8], outcome: Result<(), BadOption>) -> Option<Vec<(usize, usize)>> {
    outcome.ok().map(|()| walk(&header[FIXED..]).0)
}

/// Whether blanking for later fragments keeps exactly the options with the copied flag. RFC 791 §3.1 "Options".
///
/// # Errors
/// The first rule that is broken.
pub fn later_fragments_keep_the_copied(options: &[u8]) -> Result<(), Objection> {
    let (places, broken) = walk(options);
    if broken.is_some() {
        // Options reach a fragment only after reception accepted them.
        return Ok(());
    }
    let mut blanked = options.to_vec();
    blank_for_later_fragments(&mut blanked);
    let mut expected = options.to_vec();
    for (at, len) in places {
        if options[at] & 0x80 == 0 && options[at] > 1 {
            expected[at..at + len].fill(1);
        }
    }
    same(CLAUSE, "only options with the copied flag go on", blanked, expected)
}

#[cfg(test)]
mod tests {
    use quickcheck::quickcheck;

    use super::*;
    use crate::generate::{Octets, option};

    fn holds(options: &[u8]) -> Result<(), Objection> {
        walks_agree(options)?;
        reception_keeps_its_place(options)?;
        later_fragments_keep_the_copied(&options[..options.len().min(40)])
    }

    #[test]
    fn a_stamp_beyond_its_option_is_seen() {
        let before = [7, 5, 4, 0, 0, 1, 1, 1];
        let mut after = before;
        assert_eq!(stamps_fit(&before, &after), Ok(()));
        after[2] = 8;
        assert!(stamps_fit(&before, &after).is_err());
    }

    quickcheck! {
        fn any_octets(octets: Vec<u8>) -> bool {
            holds(&octets[..octets.len().min(40)]).is_ok()
        }

        fn options_that_look_like_some(octets: Vec<u8>) -> bool {
            holds(&option::options(&mut Octets::new(&octets))).is_ok()
        }
    }
}
