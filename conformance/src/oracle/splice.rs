//! The stack's reassembler against the map of octets: what comes out was sent for its place, and nothing is kept back.

use std::collections::BTreeMap;

use netassay_stack::ip::reassembly::{
    Fate, FragmentUser, OverlapPolicy, Reassembler, ReassemblyConfig, ReassemblyKey,
};
use netassay_stack::time::Instant;
use netassay_stack::wire::Ipv4View;

use super::reassembly::{OctetMap, Repeated};
use super::{Objection, checksum, hold, same};

/// The clause of every rule here.
const CLAUSE: &str = "RFC 791 §3.2";

/// Octets in use above which the reassembler under test refuses fragments.
const THRESHOLD: usize = 1 << 16;

/// Whether the reassembler, under `policy`, delivers what a map of the same fragments holds, and when it holds it.
///
/// Octets that are no datagram are passed over: they never reach reassembly.
///
/// # Errors
/// The first fragment whose fate the map does not explain.
pub fn reassembler_agrees(policy: OverlapPolicy, train: &[Vec<u8>]) -> Result<(), Objection> {
    let config = ReassemblyConfig {
        overlap: policy,
        max_distance: 0,
        high_threshold: THRESHOLD,
        ..ReassemblyConfig::default()
    };
    let mut reassembler = Reassembler::new(config);
    let mut maps: BTreeMap<ReassemblyKey, OctetMap> = BTreeMap::new();
    for fragment in train.iter().filter_map(|octets| Ipv4View::new(octets).ok()) {
        let added = reassembler.add(Instant::ZERO, FragmentUser::LocalDelivery, &fragment, 0, ());
        hold(
            CLAUSE,
            "memory stays below the threshold and one fragment",
            reassembler.memory() < 3 * THRESHOLD,
            || reassembler.memory().to_string(),
        )?;
        let key = ReassemblyKey::of(&fragment, FragmentUser::LocalDelivery);
        match added.fate {
            Fate::Refused => {}
            Fate::Duplicate | Fate::Held => {
                let whole = mapped(&mut maps, key, policy, &fragment);
                // Linux ignores a last fragment that it holds already, but believes its end: whole, yet never delivered.
                let is_kept_back = whole.is_some() && policy != OverlapPolicy::DiscardDatagram;
                hold(CLAUSE, "what is whole is delivered", !is_kept_back, || format!("{key:?}"))?;
            }
            Fate::Killed(_) | Fate::Unfit(_) => drop(maps.remove(&key)),
            Fate::Complete(datagram) => {
                let whole = mapped(&mut maps, key, policy, &fragment);
                maps.remove(&key);
                is_that_datagram(&datagram.octets, whole)?;
            }
        }
    }
    Ok(())
}

/// Adds `fragment` to the map of its datagram and gives the payload if that is whole.
fn mapped(
    maps: &mut BTreeMap<ReassemblyKey, OctetMap>,
    key: ReassemblyKey,
    policy: OverlapPolicy,
    fragment: &Ipv4View<'_>,
) -> Option<Vec<u8>> {
    let repeated = match policy {
        OverlapPolicy::KeepLast => Repeated::KeepLast,
        OverlapPolicy::DiscardDatagram | OverlapPolicy::KeepFirst => Repeated::KeepFirst,
    };
    let is_last = !fragment.more_fragments();
    // What is behind a multiple of 8 cannot have a fragment after it, so Linux cuts it off.
    let len = if is_last { fragment.payload().len() } else { fragment.payload().len() & !7 };
    let map = maps.entry(key).or_insert_with(|| OctetMap::new(repeated));
    map.add(fragment.fragment_offset().octets(), is_last, &fragment.payload()[..len])
}

/// Whether `octets` is a whole datagram with the payload that the map gives.
fn is_that_datagram(octets: &[u8], payload: Option<Vec<u8>>) -> Result<(), Objection> {
    let view = Ipv4View::new(octets)
        .map_err(|error| Objection::new(CLAUSE, format!("what is put together is no datagram: {error}")))?;
    same(CLAUSE, "the payload is what was sent", Some(view.payload()), payload.as_deref())?;
    same(CLAUSE, "a whole datagram is no fragment", view.is_fragment(), false)?;
    same(CLAUSE, "the total length covers it", usize::from(view.total_length()), octets.len())?;
    hold(CLAUSE, "the header checksum is right", checksum::is_intact(view.header()), || {
        format!("{:02x?}", view.header())
    })
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
        assert_eq!(is_that_datagram(&whole, Some(vec![1; 24])), Ok(()));
        assert!(is_that_datagram(&whole, Some(vec![2; 24])).is_err());
        assert!(is_that_datagram(&whole, None).is_err());
    }
}
