//! M11: rate limits. What is limited × how many destinations × pauses, in worlds of other rates, bursts and masks.

use std::time::Duration;

use super::Case;
use super::silence::payload;
use crate::generate::datagram::Draft;

const PER_SECOND: &str = "net.ipv4.icmp_msgs_per_sec";
const BURST: &str = "net.ipv4.icmp_msgs_burst";
const PER_HOST: &str = "net.ipv4.icmp_ratelimit";
const MASK: &str = "net.ipv4.icmp_ratemask";

/// Worlds: name of the family and its knobs.
pub(super) const WORLDS: &[(&str, &[(&str, &str)])] = &[
    ("m11-limits-default", &[]),
    ("m11-limits-host-fast", &[(PER_HOST, "20")]),
    ("m11-limits-host-slow", &[(PER_HOST, "2147483647")]),
    ("m11-limits-host-off", &[(PER_HOST, "0")]),
    ("m11-limits-all-masked", &[(MASK, "0")]),
    ("m11-limits-mask-echo", &[(MASK, "1"), (PER_HOST, "100")]),
    ("m11-limits-mask-all", &[(MASK, "-1"), (PER_HOST, "10")]),
    ("m11-limits-rate-0", &[(PER_SECOND, "0"), (PER_HOST, "0")]),
    ("m11-limits-rate-1", &[(PER_SECOND, "1"), (PER_HOST, "0")]),
    ("m11-limits-rate-50", &[(PER_SECOND, "50"), (PER_HOST, "0")]),
    ("m11-limits-rate-overflow", &[(PER_SECOND, "2147483647"), (BURST, "2147483647"), (PER_HOST, "0")]),
    ("m11-limits-rate-wraps", &[(PER_SECOND, "17179870"), (BURST, "9"), (PER_HOST, "0")]),
    ("m11-limits-burst-0", &[(BURST, "0"), (PER_HOST, "0")]),
    ("m11-limits-burst-3", &[(BURST, "3"), (PER_HOST, "0")]),
    ("m11-limits-burst-overflow", &[(BURST, "2147483647"), (PER_HOST, "50")]),
    ("m11-limits-error-cost", &[(PER_HOST, "40")]),
];

/// Destination, protocol, ICMP type if it is one, and TTL of what is sent; each is answered by another limited message,
/// or by one that only the mask limits.
const KINDS: &[(&str, [u8; 4], u8, u8, u8)] = &[
    ("port", [10, 0, 0, 1], 17, 0, 64),
    ("protocol", [10, 0, 0, 1], 253, 0, 64),
    ("ttl", [20, 0, 0, 1], 17, 0, 1),
    ("net", [30, 4, 0, 1], 17, 0, 64),
    ("prohibited", [30, 2, 0, 1], 17, 0, 64),
    ("redirect", [8, 8, 8, 8], 17, 0, 64),
    ("echo", [10, 0, 0, 1], 1, 8, 64),
    ("timestamp", [10, 0, 0, 1], 1, 13, 64),
];

/// How many datagrams there are before and after a pause.
const TRAINS: &[(usize, usize)] = &[(1, 0), (12, 0), (12, 4), (200, 40)];

/// Milliseconds between the two trains.
const PAUSES: &[u64] = &[0, 8, 24, 110];

pub(super) fn cases(give: &mut dyn FnMut(Case)) {
    for one in KINDS {
        for other in KINDS {
            for sources in [1, 2, 60] {
                for (index, train) in TRAINS.iter().enumerate() {
                    for &pause in PAUSES {
                        let is_pointless = train.1 == 0 && pause > 0;
                        // Pairs of kinds run with one train each; a kind alone runs with all.
                        let is_sampled =
                            one == other || (index + usize::from(one.3) + usize::from(other.2)) % 4 == 1;
                        if !is_pointless && is_sampled {
                            give(case([one, other], sources, *train, pause));
                        }
                    }
                }
            }
        }
    }
}

fn case(
    kinds: [&(&str, [u8; 4], u8, u8, u8); 2],
    sources: usize,
    (before, after): (usize, usize),
    pause: u64,
) -> Case {
    let frame = |number: usize| {
        let &(_, destination, protocol, icmp_type, ttl) = kinds[number % 2];
        let mut draft = Draft {
            tos: 0,
            identification: 0x4d11,
            flags_and_offset: 0,
            ttl,
            protocol,
            source: [10, 0, 0, 2 + (number / 2 % sources) as u8].into(),
            destination: destination.into(),
            options: Vec::new(),
            payload: Vec::new(),
        };
        draft.payload = payload(&draft, icmp_type);
        (0, draft.octets())
    };
    let label =
        format!("{}+{} sources={sources} {before} then {after} after {pause} ms", kinds[0].0, kinds[1].0);
    let mut case = Case::new(label, (0..before + after).map(frame).collect());
    if pause > 0 {
        case.pauses.push((before, Duration::from_millis(pause)));
    }
    case
}
