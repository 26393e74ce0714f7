//! IPv4 options, from exemplary to absurd.

use super::address;
use super::choice::Choice;

/// Kinds with their own rules, and some without.
const KINDS: &[u8] = &[7, 7, 68, 68, 131, 137, 148, 130, 134, 136, 25, 30, 158, 1, 0];

/// Up to 40 octets of options, a multiple of 4 long.
pub fn options(choice: &mut impl Choice) -> Vec<u8> {
    let mut octets = Vec::with_capacity(40);
    for _ in 0..choice.between(1, 3) {
        one(choice, &mut octets);
    }
    octets.truncate(40);
    while octets.len() % 4 != 0 {
        octets.push(if choice.chance(1, 4) { 1 } else { 0 });
    }
    if choice.chance(1, 8) {
        let at = choice.below(octets.len() as u32) as usize;
        octets[at] = choice.octet();
    }
    octets
}

fn one(choice: &mut impl Choice, octets: &mut Vec<u8>) {
    match *choice.pick(KINDS) {
        kind @ (0 | 1) => octets.push(kind),
        kind @ (7 | 131 | 137) => route(choice, kind, octets),
        68 => timestamp(choice, octets),
        148 => octets.extend([148, 4, 0, choice.below(2) as u8]),
        kind => {
            let len = choice.between(2, 12) as u8;
            octets.extend([kind, len]);
            octets.extend((2..len).map(|_| choice.octet()));
        }
    }
}

/// Record Route, Loose or Strict Source Route: a pointer somewhere, slots from the pools.
fn route(choice: &mut impl Choice, kind: u8, octets: &mut Vec<u8>) {
    let slots = choice.between(0, 4) as u8;
    let len = 3 + 4 * slots + if choice.chance(1, 12) { choice.below(4) as u8 } else { 0 };
    let pointer = match choice.below(8) {
        0..=5 => 4 + 4 * choice.below(u32::from(slots) + 1) as u8,
        6 => choice.below(u32::from(len) + 3) as u8,
        _ => choice.octet(),
    };
    octets.extend([kind, len, pointer]);
    for _ in 0..slots {
        octets.extend(address::any(choice).octets());
    }
    octets.extend((3 + 4 * slots..len).map(|_| 0));
}

/// Timestamp with every flag value, overflow counts around their limit.
fn timestamp(choice: &mut impl Choice, octets: &mut Vec<u8>) {
    let flag = *choice.pick(&[0, 0, 1, 1, 3, 3, 2, 15]);
    let slots = choice.between(0, 4) as u8;
    let len = 4 + 4 * slots + if choice.chance(1, 12) { choice.below(4) as u8 } else { 0 };
    let pointer = match choice.below(8) {
        0..=5 => 5 + 4 * choice.below(u32::from(slots) + 1) as u8,
        6 => choice.below(u32::from(len) + 3) as u8,
        _ => choice.octet(),
    };
    let overflow = *choice.pick(&[0, 0, 1, 14, 15]);
    octets.extend([68, len, pointer, overflow << 4 | flag]);
    for _ in 0..slots {
        octets.extend(address::any(choice).octets());
    }
    octets.extend((4 + 4 * slots..len).map(|_| 0));
}
