//! The stack's reassembler against the map of octets: what comes out was sent for its place, and nothing is kept back.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use netassay_stack::ip::reassembly::{Fate, FragmentUser, OverlapPolicy, Reassembler, ReassemblyConfig};
use netassay_stack::time::Instant;
use netassay_stack::wire::Ipv4View;

use super::reassembly::{OctetMap, Repeated};
use super::{Objection, checksum, hold, same};

/// The clause of every rule here.
const CLAUSE: &str = "RFC 791 §3.2";

/// Octets in use above which the reassembler under test refuses fragments, unless the train is longer.
const THRESHOLD: usize = 1 << 16;

/// What tells datagrams apart: source and destination, protocol, identification. Read here, not by the stack.
type Key = ([u8; 8], u8, [u8; 2]);

/// The fragments of one datagram: their octets, and the header of the first one.
struct Known {
    map: OctetMap,
    header: Option<Vec<u8>>,
}

/// Whether the reassembler, under `policy`, delivers what a map of the same fragments holds, and when it holds it.
///
/// Octets that are no datagram are passed over: they never reach reassembly.
///
/// # Errors
/// The first fragment whose fate the map does not explain.
pub fn reassembler_agrees(policy: OverlapPolicy, train: &[Vec<u8>]) -> Result<(), Objection> {
    let len: usize = train.iter().map(Vec::len).sum();
    let threshold = if len < THRESHOLD { THRESHOLD } else { 8 * len };
    let config = ReassemblyConfig {
        overlap: policy,
        max_distance: 0,
        high_threshold: threshold,
        ..ReassemblyConfig::default()
    };
    let mut reassembler = Reassembler::new(config);
    let mut maps: BTreeMap<Key, Known> = BTreeMap::new();
    for fragment in train.iter().filter_map(|octets| Ipv4View::new(octets).ok()) {
        let added = reassembler.add(Instant::ZERO, FragmentUser::LocalDelivery, &fragment, 0, ());
        hold(
            CLAUSE,
            "memory stays below the threshold and one fragment",
            reassembler.memory() < 3 * threshold,
            || reassembler.memory().to_string(),
        )?;
        let key = key_of(&fragment);
        match added.fate {
            Fate::Refused => {}
            Fate::Duplicate | Fate::Held => {
                let is_new = matches!(added.fate, Fate::Held);
                let whole = mapped(maps.entry(key), policy, &fragment, is_new)?;
                // Linux ignores a last fragment that it holds already, but believes its end: whole, yet never delivered.
                let is_kept_back = whole.is_some() && policy != OverlapPolicy::DiscardDatagram;
                hold(CLAUSE, "what is whole is delivered", !is_kept_back, || format!("{key:?}"))?;
            }
            Fate::Killed(_) | Fate::Unfit(_) => drop(maps.remove(&key)),
            Fate::Complete(datagram) => {
                let whole = mapped(maps.entry(key), policy, &fragment, true)?;
                let header = maps.remove(&key).and_then(|known| known.header);
                is_that_datagram(&datagram.octets, whole, header.as_deref())?;
            }
        }
    }
    reassembler.clear();
    let is_empty = reassembler.is_empty() && reassembler.memory() == 0;
    hold(CLAUSE, "nothing is left of what was thrown away", is_empty, || reassembler.memory().to_string())
}

fn key_of(fragment: &Ipv4View<'_>) -> Key {
    let header = fragment.header();
    let mut ends = [0; 8];
    ends.copy_from_slice(&header[12..20]);
    (ends, header[9], [header[4], header[5]])
}

/// Adds `fragment`, which was taken, to the map of its datagram and gives the payload if that is whole. `is_new` says
/// that it brought something.
fn mapped(
    entry: Entry<'_, Key, Known>,
    policy: OverlapPolicy,
    fragment: &Ipv4View<'_>,
    is_new: bool,
) -> Result<Option<Vec<u8>>, Objection> {
    let repeated = match policy {
        OverlapPolicy::KeepLast => Repeated::KeepLast,
        OverlapPolicy::DiscardDatagram | OverlapPolicy::KeepFirst => Repeated::KeepFirst,
    };
    let known = entry.or_insert_with(|| Known { map: OctetMap::new(repeated), header: None });
    let offset = fragment.fragment_offset().octets();
    let is_last = !fragment.more_fragments();
    // What is behind a multiple of 8 cannot have a fragment after it, so Linux cuts it off.
    let len = if is_last { fragment.payload().len() } else { fragment.payload().len() & !7 };
    if is_new && offset == 0 && (known.header.is_none() || repeated == Repeated::KeepLast) {
        known.header = Some(fragment.header().to_vec());
    }
    let end = known.map.total();
    let whole = known.map.add(offset, is_last, &fragment.payload()[..len]);
    let stays = end.is_none() || known.map.total() == end;
    hold(CLAUSE, "a datagram that has an end keeps it", stays, || {
        format!("{end:?}, {:?}", known.map.total())
    })?;
    Ok(whole)
}

/// Whether `octets` is a whole datagram with the payload that the map gives, behind the header of its first fragment.
fn is_that_datagram(octets: &[u8], payload: Option<Vec<u8>>, first: Option<&[u8]>) -> Result<(), Objection> {
    let view = Ipv4View::new(octets)
        .map_err(|error| Objection::new(CLAUSE, format!("what is put together is no datagram: {error}")))?;
    same(CLAUSE, "the payload is what was sent", Some(view.payload()), payload.as_deref())?;
    same(CLAUSE, "a whole datagram is no fragment", view.is_fragment(), false)?;
    same(CLAUSE, "the total length covers it", usize::from(view.total_length()), octets.len())?;
    hold(CLAUSE, "the header checksum is right", checksum::is_intact(view.header()), || {
        format!("{:02x?}", view.header())
    })?;
    // Lengths, fragmentation, checksum and congestion are of the whole.
    let kept = |header: &[u8]| {
        let mut kept = header.to_vec();
        kept[1] &= 0xfc;
        kept[2..4].fill(0);
        kept[6..8].fill(0);
        kept[10..12].fill(0);
        kept
    };
    same(CLAUSE, "the header is that of the first fragment", Some(kept(view.header())), first.map(kept))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::{Seeded, datagram, fragment};

    const POLICIES: [OverlapPolicy; 3] =
        [OverlapPolicy::DiscardDatagram, OverlapPolicy::KeepFirst, OverlapPolicy::KeepLast];

    #[test]
    fn trains_of_a_seeded_run_are_explained() {
        for seed in 0..3_000 {
            let mut choice = Seeded::new(seed);
            let first = datagram::datagram(&mut choice, &[]);
            let mut train = fragment::train(&mut choice, &first);
            let second = datagram::datagram(&mut choice, &[]);
            train.extend(fragment::train(&mut choice, &second));
            for policy in POLICIES {
                if let Err(objection) = reassembler_agrees(policy, &train) {
                    panic!("seed {seed}, {policy:?}: {objection}");
                }
            }
        }
    }

    #[test]
    fn a_wrong_splice_is_seen() {
        let header = [0x45, 0, 0, 0, 0, 1, 0, 0, 64, 253, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1];
        let whole = fragment::piece(&header, 0, false, &[1; 24]);
        assert_eq!(is_that_datagram(&whole, Some(vec![1; 24]), Some(&header)), Ok(()));
        assert!(is_that_datagram(&whole, Some(vec![2; 24]), Some(&header)).is_err());
        assert!(is_that_datagram(&whole, None, Some(&header)).is_err());
        let mut other = header;
        other[8] = 1;
        assert!(is_that_datagram(&whole, Some(vec![1; 24]), Some(&other)).is_err());
    }

    #[test]
    fn an_end_that_moves_is_seen() {
        let header = [0x45, 0, 0, 0, 0, 1, 0, 0, 64, 253, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1];
        let mut maps: BTreeMap<Key, Known> = BTreeMap::new();
        let mut add = |offset, more, len| {
            let octets = fragment::piece(&header, offset, more, &vec![1; len]);
            let view = Ipv4View::new(&octets).unwrap();
            mapped(maps.entry(key_of(&view)), OverlapPolicy::KeepFirst, &view, true)
        };
        assert_eq!(add(16, false, 8), Ok(None));
        assert!(add(24, false, 8).is_err());
    }

    #[test]
    fn the_longest_datagrams_are_explained() {
        for seed in 0..40 {
            let train = fragment::giant(&mut Seeded::new(seed));
            for policy in POLICIES {
                assert_eq!(reassembler_agrees(policy, &train), Ok(()), "seed {seed}, {policy:?}");
            }
        }
    }
}
