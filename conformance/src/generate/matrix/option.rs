//! M2: option kind × length × pointer × place × repetition, per cause of an answer.

use super::Case;
use crate::generate::datagram::{Draft, filler};

const KINDS: &[u8] = &[0, 1, 7, 68, 130, 131, 134, 136, 137, 148, 200];

/// To the stack: an echo request and a datagram for a closed port carry the options.
pub(super) fn to_the_stack(give: &mut dyn FnMut(Case)) {
    walk(give, &[("echo", [10, 0, 0, 1], 1, 64), ("closed-port", [10, 0, 0, 1], 17, 64)]);
}

/// Through it: forwarded, and expiring on the way.
pub(super) fn through_it(give: &mut dyn FnMut(Case)) {
    walk(
        give,
        &[
            ("forward", [20, 0, 0, 1], 253, 64),
            ("expire", [20, 0, 0, 1], 253, 1),
            ("routed", [10, 0, 0, 1], 1, 64),
        ],
    );
}

type Cause = (&'static str, [u8; 4], u8, u8);

fn walk(give: &mut dyn FnMut(Case), causes: &[Cause]) {
    for &cause in causes {
        for &kind in KINDS {
            for len in 0..=40u8 {
                for pointer in 0..=41u8 {
                    let place = Place::of(kind, len, pointer);
                    give(case(cause, kind, len, pointer, place));
                }
            }
        }
    }
}

/// Where the option stands and whether it comes twice: three more axes, sampled so that every pair of values meets.
#[derive(Clone, Copy)]
struct Place {
    nops_before: u8,
    twice: bool,
    flag: u8,
}

impl Place {
    fn of(kind: u8, len: u8, pointer: u8) -> Self {
        let turn = u32::from(kind) * 31 + u32::from(len) * 7 + u32::from(pointer) * 3;
        Self {
            nops_before: (turn % 5) as u8 % 4,
            twice: turn % 7 == 3,
            flag: [0, 1, 3, 2, 0xf0, 0xe1, 0x10, 0xf3][(turn / 5 % 8) as usize],
        }
    }
}

fn case((cause, destination, protocol, ttl): Cause, kind: u8, len: u8, pointer: u8, place: Place) -> Case {
    let mut options = vec![1; usize::from(place.nops_before)];
    for _ in 0..=u8::from(place.twice) {
        options.extend(option(kind, len, pointer, place.flag));
    }
    options.truncate(40);
    options.resize(options.len().next_multiple_of(4), 0);
    let draft = Draft {
        tos: 0,
        identification: 0x4d32,
        flags_and_offset: 0,
        ttl,
        protocol,
        source: [10, 0, 0, 2].into(),
        destination: destination.into(),
        options,
        payload: payload(protocol),
    };
    let Place { nops_before, twice, flag } = place;
    let label = format!(
        "{cause} kind={kind} len={len} pointer={pointer} nops={nops_before} twice={twice} flag={flag:#04x}"
    );
    Case::new(label, vec![(0, draft.octets())])
}

/// The option, its slots filled with addresses that a stack can tell apart: its own, a neighbor, a remote one, a group.
fn option(kind: u8, len: u8, pointer: u8, flag: u8) -> Vec<u8> {
    const SLOTS: [[u8; 4]; 5] = [[10, 0, 0, 1], [10, 0, 0, 9], [20, 0, 0, 7], [224, 0, 0, 1], [10, 1, 0, 1]];
    if kind < 2 {
        return vec![kind];
    }
    let mut octets = vec![kind, len, pointer];
    if kind == 68 {
        octets.push(flag);
    }
    octets.extend(SLOTS.into_iter().cycle().skip(usize::from(flag & 3)).take(10).flatten());
    octets.truncate(usize::from(len).max(2));
    octets
}

fn payload(protocol: u8) -> Vec<u8> {
    match protocol {
        1 => vec![8, 0, 0xf7, 0xfd, 0, 1, 0, 1],
        17 => vec![3, 232, 0, 9, 0, 12, 0, 0, 1, 2, 3, 4],
        _ => filler(0x32, 12).collect(),
    }
}
