//! M3 and M4: fragments in every order and overlap; residues, holes, oversize ends, and fields outside the key.

use std::sync::atomic::{AtomicU16, Ordering};

use netassay_stack::wire::checksum;

use super::Case;
use crate::generate::datagram::Draft;
use crate::generate::fragment::piece;

/// Octets of payload in the datagram that is cut: five blocks of 8.
const BLOCKS: usize = 5;

pub(super) fn cases(give: &mut dyn FnMut(Case)) {
    every_order(give);
    every_triple(give);
}

/// All 120 orders of the five one-block fragments, each as it is, with one missing, and with one repeated.
fn every_order(give: &mut dyn FnMut(Case)) {
    for (index, order) in permutations().into_iter().enumerate() {
        let ranges: Vec<Range> = order
            .iter()
            .map(|block| Range { start: *block, end: block + 1, last: *block == BLOCKS - 1 })
            .collect();
        give(case(format!("order={order:?}"), index as u16, &ranges));
        for extra in 0..BLOCKS {
            let mut without = ranges.clone();
            without.remove(extra);
            give(case(
                format!("order={order:?} without={extra}"),
                (1000 + index * 8 + extra) as u16,
                &without,
            ));
            let mut again = ranges.clone();
            again.insert((extra * 2) % BLOCKS, ranges[extra]);
            give(case(format!("order={order:?} again={extra}"), (3000 + index * 8 + extra) as u16, &again));
        }
    }
}

/// Every sequence of three ranges of blocks, then whatever is missing in order: left, right, inside, cover and equal
/// overlaps, conflicting ends, gaps.
fn every_triple(give: &mut dyn FnMut(Case)) {
    let ranges = all_ranges();
    let mut serial = 8000u16;
    for &one in &ranges {
        for &two in &ranges {
            for &three in &ranges {
                serial = serial.wrapping_add(1).max(8000);
                give(case(format!("ranges={one} {two} {three}"), serial, &[one, two, three]));
            }
        }
    }
}

/// Blocks `start..end`, and whether More Fragments is clear.
#[derive(Clone, Copy)]
struct Range {
    start: usize,
    end: usize,
    last: bool,
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}..{}{}", self.start, self.end, if self.last { "." } else { "" })
    }
}

fn all_ranges() -> Vec<Range> {
    let mut ranges = Vec::new();
    for start in 0..4 {
        for end in start + 1..=4 {
            for last in [false, true] {
                ranges.push(Range { start, end, last });
            }
        }
    }
    ranges
}

fn permutations() -> Vec<Vec<usize>> {
    let mut all = vec![vec![]];
    for block in 0..BLOCKS {
        all = all
            .into_iter()
            .flat_map(|order: Vec<usize>| {
                (0..=order.len()).map(move |at| {
                    let mut order = order.clone();
                    order.insert(at, block);
                    order
                })
            })
            .collect();
    }
    all
}

/// An echo request of `blocks` blocks. Every case has a source and identification of its own, so that what one leaves in
/// the reassembly queues cannot meet the next.
fn echo(serial: u16, blocks: usize) -> Draft {
    let mut payload = vec![8, 0, 0, 0, 0, 1, 0, 1];
    payload.extend((8..blocks * 8).map(|position| position as u8 ^ serial as u8));
    let sum = checksum::checksum(&payload);
    payload[2..4].copy_from_slice(&sum.to_be_bytes());
    let [high, low] = serial.to_be_bytes();
    Draft {
        tos: 0,
        identification: serial,
        flags_and_offset: 0,
        ttl: 64,
        protocol: 1,
        source: [10, 0, 0, 100 + high % 100].into(),
        destination: [10, 0, 0, if low & 1 == 0 { 1 } else { 11 }].into(),
        options: Vec::new(),
        payload,
    }
}

fn case(label: String, serial: u16, ranges: &[Range]) -> Case {
    let whole = echo(serial, BLOCKS).octets();
    let (header, payload) = whole.split_at(20);
    let frames = ranges
        .iter()
        .map(|range| {
            (0, piece(header, range.start * 8, !range.last, &payload[range.start * 8..range.end * 8]))
        })
        .collect();
    Case::new(label, frames)
}

pub(super) fn limits(give: &mut dyn FnMut(Case)) {
    let serial = AtomicU16::new(100);
    let mut pair =
        |label: String, first: (usize, usize, bool), second: (usize, usize, bool), change: fn(&mut [u8])| {
            let whole = echo(serial.fetch_add(1, Ordering::Relaxed), 40).octets();
            let (header, payload) = whole.split_at(20);
            let cut = |(start, end, more): (usize, usize, bool)| {
                piece(header, start & !7, more, &payload[start.min(320)..end.min(320)])
            };
            let mut other = cut(second);
            change(&mut other);
            crate::generate::datagram::repair_header_checksum(&mut other);
            give(Case::new(label, vec![(0, cut(first)), (0, other)]));
        };
    for residue in 0..32 {
        for start in [0, 8, 16, 24] {
            pair(format!("residue={residue} then={start}"), (0, residue, true), (start, 320, false), |_| {});
            pair(
                format!("last={start} then residue={residue}"),
                (start, 320, false),
                (0, residue, true),
                |_| {},
            );
        }
    }
    for (name, change) in CHANGES {
        pair(format!("second differs in {name}"), (0, 160, true), (160, 320, false), *change);
        pair(format!("first differs in {name}"), (160, 320, false), (0, 160, true), *change);
    }
    for offset in [65528usize, 65520, 65512, 65504, 65496] {
        for len in [0usize, 1, 8, 12, 16, 24] {
            for more in [false, true] {
                let whole = echo(serial_for(offset, len), 8).octets();
                let (header, payload) = whole.split_at(20);
                let far = piece(header, offset, more, &payload[..len.min(payload.len())]);
                let near = piece(header, 0, true, &payload[..16]);
                give(Case::new(
                    format!("far={offset} len={len} more={more}"),
                    vec![(0, far.clone()), (0, near.clone())],
                ));
                give(Case::new(
                    format!("near, far={offset} len={len} more={more}"),
                    vec![(0, near), (0, far)],
                ));
            }
        }
    }
}

fn serial_for(offset: usize, len: usize) -> u16 {
    (20_000 + (offset & 0x7ff) * 7 + len) as u16
}

/// Changes something in a header.
type Change = fn(&mut [u8]);

/// Changes that do or do not belong to the reassembly key.
const CHANGES: &[(&str, Change)] = &[
    ("nothing", |_| {}),
    ("tos", |octets| octets[1] = 0xb8),
    ("ecn=1", |octets| octets[1] = 1),
    ("ecn=2", |octets| octets[1] = 2),
    ("ecn=3", |octets| octets[1] = 3),
    ("identification", |octets| octets[5] ^= 1),
    ("reserved flag", |octets| octets[6] |= 0x80),
    ("don't fragment", |octets| octets[6] |= 0x40),
    ("ttl", |octets| octets[8] = 1),
    ("protocol", |octets| octets[9] = 17),
    ("source", |octets| octets[15] ^= 1),
    ("destination", |octets| octets[19] ^= 10),
];
