//! M6: what an error quotes. Cause × payload length × options × padding × source × type of service.

use super::Case;
use crate::generate::datagram::{Draft, filler, transport_checksum};

/// Destination, protocol, TTL, flags: each makes the stack send another error.
const CAUSES: &[(&str, [u8; 4], u8, u8, u16)] = &[
    ("port", [10, 0, 0, 1], 17, 64, 0),
    ("protocol", [10, 0, 0, 1], 253, 64, 0),
    ("ttl", [20, 0, 0, 1], 17, 1, 0),
    ("ttl-first-fragment", [20, 0, 0, 1], 17, 1, 0x2000),
    ("net", [30, 4, 0, 1], 17, 64, 0),
    ("host", [30, 1, 0, 1], 17, 64, 0),
    ("prohibited", [30, 2, 0, 1], 17, 64, 0),
    ("too-big", [40, 0, 0, 1], 17, 64, 0x4000),
    ("too-big-locked", [40, 1, 0, 1], 253, 64, 0x4000),
    ("option", [10, 0, 0, 1], 17, 64, 0),
    ("redirect", [8, 8, 8, 8], 17, 64, 0),
];

const LENGTHS: &[usize] = &[
    0, 1, 2, 3, 4, 7, 8, 9, 279, 280, 281, 519, 520, 521, 527, 528, 529, 547, 548, 549, 579, 580, 581, 1400,
    1472,
];

const OPTIONS: &[(&str, &[u8])] = &[
    ("none", &[]),
    ("nop", &[1, 1, 1, 1]),
    ("record-route", &[7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    ("timestamp", &[68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
    ("unknown", &[30, 4, 1, 2]),
    (
        "longest",
        &[
            7, 39, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0,
        ],
    ),
];

const SOURCES: &[(usize, [u8; 4])] =
    &[(0, [10, 0, 0, 2]), (1, [10, 1, 0, 5]), (0, [10, 1, 0, 5]), (1, [20, 0, 0, 9]), (0, [50, 0, 0, 1])];

pub(super) fn cases(give: &mut dyn FnMut(Case)) {
    for cause in CAUSES {
        for &len in LENGTHS {
            for options in OPTIONS {
                for (index, source) in SOURCES.iter().enumerate() {
                    for padding in [0, 5] {
                        let tos = [0, 0xff, 0xb8, 3, 2][(len + index + padding) % 5];
                        give(case(*cause, len, *options, *source, padding, tos));
                    }
                }
            }
        }
    }
}

fn case(
    (cause, destination, protocol, ttl, flags): (&str, [u8; 4], u8, u8, u16),
    len: usize,
    (option_name, options): (&str, &[u8]),
    (interface, source): (usize, [u8; 4]),
    padding: usize,
    tos: u8,
) -> Case {
    let mut draft = Draft {
        tos,
        identification: 0x4d36,
        flags_and_offset: flags,
        ttl,
        protocol,
        source: source.into(),
        destination: destination.into(),
        options: options.to_vec(),
        payload: filler(0x36, len).collect(),
    };
    if cause == "option" {
        draft.options.truncate(36);
        draft.options.splice(0..0, [7, 2, 4, 0]);
    }
    if protocol == 17 {
        draft.payload = udp(&draft, len);
    }
    let mut octets = draft.octets();
    octets.extend(filler(0xee, padding));
    let label = format!(
        "cause={cause} len={len} options={option_name} in={interface} from={} padding={padding} tos={tos:#04x}",
        draft.source
    );
    Case::new(label, vec![(interface, octets)])
}

fn udp(draft: &Draft, len: usize) -> Vec<u8> {
    let mut datagram = vec![3, 232, 0, 9];
    datagram.extend((8 + len as u16).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(&draft.payload);
    let sum = transport_checksum(draft.source, draft.destination, 17, &datagram);
    datagram[6..8].copy_from_slice(&sum.to_be_bytes());
    datagram
}
