//! Published bugs of translators and trackers, planted.

use super::Fault;
use super::bugs::bug;
use super::wrapper::{Warp, answer, header_len, icmp_type, is_error, is_later_fragment, seal};

/// The inside address, the outside address and the neighbor outside of the scenario `nat`.
const INSIDE: [u8; 4] = [10, 0, 1, 2];
const OUTSIDE: [u8; 4] = [203, 0, 113, 1];
const NEIGHBOR: [u8; 4] = [203, 0, 113, 9];

/// Translation and tracking.
pub(crate) const TRANSLATION: &[Fault] = &[
    bug(
        "linux-icmp-ndo-nat-source",
        Warp::Emitted(|it| {
            if is_error(it) && it[16..20] == INSIDE {
                it[16..20].copy_from_slice(&OUTSIDE);
                seal(it);
            }
        }),
    ),
    bug("linux-icmp-ndo-reply-dir", Warp::Emitted(|it| tell_inside_address(it))),
    bug("netfilter-inner-leak-2002", Warp::Emitted(|it| tell_inside_address(it))),
    bug(
        "cilium-inner-not-reversed",
        Warp::Emitted(|it| {
            if is_error(it) && it[16..20] == INSIDE {
                let at = header_len(it) + 8;
                it[at + 12..at + 16].copy_from_slice(&OUTSIDE);
                seal(it);
            }
        }),
    ),
    bug(
        "cilium-outer-checksum",
        Warp::Emitted(|it| {
            if is_error(it) && it[16..20] == INSIDE {
                let at = header_len(it);
                it[at + 2] ^= 1;
            }
        }),
    ),
    bug("cilium-icmp-fragments", Warp::Arriving(|_, it| !(it[9] == 1 && is_later_fragment(it)))),
    bug(
        "nuttx-nat-errors",
        Warp::Emitted(|it| {
            if is_error(it) && it[16..20] == INSIDE && it[12..16] == NEIGHBOR {
                it[12..16].copy_from_slice(&OUTSIDE);
                seal(it);
            }
        }),
    ),
    bug(
        "jool-4884-strict",
        Warp::Arriving(|_, it| !(is_error(it) && matches!(it[header_len(it) + 5], 1..32))),
    ),
    bug(
        "pf-icmpv6-state",
        Warp::Arriving(|_, it| {
            if icmp_type(it).is_some_and(|it| matches!(it.0, 14 | 16 | 18)) {
                let at = header_len(it);
                it[at] = 0;
                seal(it);
            }
            true
        }),
    ),
    bug(
        "pf-state-from-reply",
        Warp::Arriving(|_, it| {
            if icmp_type(it) == Some((0, 0)) && it[16..18] != [203, 0] {
                let at = header_len(it);
                it[at] = 8;
                seal(it);
            }
            true
        }),
    ),
    bug("nf-reject-icmp-error", Warp::Besides(|_, it| is_error(it).then(|| answer(it, 3, 13, it)))),
    bug(
        "gvisor-conntrack-reply-clash",
        Warp::Emitted(|it| {
            if icmp_type(it) == Some((8, 0)) && it[12..16] == OUTSIDE {
                let at = header_len(it);
                it[at + 4..at + 6].copy_from_slice(&[0x4e, 0x41]);
                seal(it);
            }
        }),
    ),
];

/// Two bugs that show alike: the quote in an error to the outside names the inside address.
fn tell_inside_address(it: &mut [u8]) {
    if is_error(it) && it[16..18] != [10, 0] {
        let at = header_len(it) + 8;
        if it.len() >= at + 20 && it[at + 16..at + 20] == OUTSIDE {
            it[at + 16..at + 20].copy_from_slice(&INSIDE);
            seal(it);
        }
    }
}
