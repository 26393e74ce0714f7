//! Addresses worth aiming at in a random [`super::World`]: its own, its neighbors', its routes' and the special ones.

use std::net::Ipv4Addr;

use super::choice::Choice;

/// Addresses of the stack itself.
const OWN: &[[u8; 4]] =
    &[[10, 0, 0, 1], [10, 0, 0, 1], [10, 0, 0, 11], [10, 1, 0, 1], [10, 2, 0, 1], [30, 7, 0, 1]];

/// Stations on its subnets.
const NEIGHBORS: &[[u8; 4]] = &[
    [10, 0, 0, 2],
    [10, 0, 0, 2],
    [10, 0, 0, 9],
    [10, 0, 0, 254],
    [10, 1, 0, 5],
    [10, 1, 0, 9],
    [10, 2, 0, 5],
];

/// Stations behind routes of each kind.
const REMOTE: &[[u8; 4]] = &[
    [20, 0, 0, 1],
    [8, 8, 8, 8],
    [30, 1, 0, 1],
    [30, 2, 0, 1],
    [30, 3, 0, 1],
    [30, 4, 0, 1],
    [40, 0, 0, 1],
    [40, 1, 0, 1],
    [50, 0, 0, 1],
    [60, 0, 0, 1],
    [169, 254, 1, 1],
];

/// Addresses with a meaning of their own, or that once had one.
const SPECIAL: &[[u8; 4]] = &[
    [0, 0, 0, 0],
    [0, 1, 2, 3],
    [127, 0, 0, 1],
    [127, 5, 5, 5],
    [224, 0, 0, 1],
    [224, 0, 0, 251],
    [239, 1, 1, 1],
    [240, 0, 0, 1],
    [255, 255, 255, 255],
    [10, 0, 0, 0],
    [10, 0, 0, 255],
    [10, 1, 0, 255],
    [10, 2, 0, 255],
    [10, 1, 0, 0],
];

/// A source address: mostly a neighbor or remote station, now and then one that should not be there.
pub fn source(choice: &mut impl Choice) -> Ipv4Addr {
    match choice.below(16) {
        0..=9 => from(choice, NEIGHBORS),
        10..=12 => from(choice, REMOTE),
        13 => from(choice, OWN),
        14 => from(choice, SPECIAL),
        _ => Ipv4Addr::from_bits(choice.bits()),
    }
}

/// A destination address: mostly the stack's own or one it would forward to.
pub fn destination(choice: &mut impl Choice) -> Ipv4Addr {
    match choice.below(16) {
        0..=7 => from(choice, OWN),
        8..=9 => from(choice, NEIGHBORS),
        10..=12 => from(choice, REMOTE),
        13..=14 => from(choice, SPECIAL),
        _ => Ipv4Addr::from_bits(choice.bits()),
    }
}

/// One of the stack's own addresses.
pub fn own(choice: &mut impl Choice) -> Ipv4Addr {
    from(choice, OWN)
}

/// A station on a subnet or behind a route, or a broadcast.
pub fn station(choice: &mut impl Choice) -> Ipv4Addr {
    const BROADCASTS: &[[u8; 4]] = &[[255, 255, 255, 255], [10, 0, 0, 255], [10, 1, 0, 255], [224, 0, 0, 1]];
    let pool = *choice.pick(&[NEIGHBORS, NEIGHBORS, REMOTE, BROADCASTS]);
    from(choice, pool)
}

/// Any address of the pools, each pool as likely.
pub fn any(choice: &mut impl Choice) -> Ipv4Addr {
    let pool = *choice.pick(&[OWN, NEIGHBORS, REMOTE, SPECIAL]);
    from(choice, pool)
}

fn from(choice: &mut impl Choice, pool: &[[u8; 4]]) -> Ipv4Addr {
    Ipv4Addr::from(*choice.pick(pool))
}
