//! M5: when not to answer. Link class × destination × source × fragment × what the datagram is.

use super::Case;
use crate::generate::Choice;
use crate::generate::datagram::{Draft, filler, icmp_message, transport_checksum};

const LINKS: &[(&str, Option<[u8; 6]>)] = &[
    ("tun", None),
    ("host", Some([2, 0, 0, 0, 0, 1])),
    ("broadcast", Some([255; 6])),
    ("multicast", Some([1, 0, 0x5e, 0, 0, 1])),
    ("other", Some([2, 0, 0, 0, 0, 9])),
];

const DESTINATIONS: &[[u8; 4]] = &[
    [10, 0, 0, 1],
    [10, 2, 0, 1],
    [10, 2, 0, 255],
    [10, 0, 0, 255],
    [255, 255, 255, 255],
    [224, 0, 0, 1],
    [224, 0, 0, 251],
    [20, 0, 0, 1],
    [30, 1, 0, 1],
    [30, 2, 0, 1],
    [30, 3, 0, 1],
    [30, 4, 0, 1],
    [10, 2, 0, 77],
    [127, 0, 0, 1],
    [0, 0, 0, 0],
    [240, 0, 0, 1],
];

const SOURCES: &[[u8; 4]] = &[
    [10, 0, 0, 2],
    [10, 2, 0, 5],
    [10, 2, 0, 255],
    [255, 255, 255, 255],
    [0, 0, 0, 0],
    [127, 0, 0, 1],
    [224, 0, 0, 1],
    [239, 1, 1, 1],
    [10, 2, 0, 1],
    [240, 0, 0, 1],
    [20, 0, 0, 1],
    [30, 1, 0, 1],
];

const FRAGMENTS: &[(&str, u16)] = &[("whole", 0), ("first", 0x2000), ("later", 0x2001), ("last", 1)];

/// What the datagram is: an ICMP message of some type, UDP for a closed port, TCP, an unknown protocol, or expiring.
const KINDS: &[(&str, u8, u8, u8)] = &[
    ("echo", 1, 8, 64),
    ("echo-reply", 1, 0, 64),
    ("unreachable", 1, 3, 64),
    ("quench", 1, 4, 64),
    ("redirect", 1, 5, 64),
    ("exceeded", 1, 11, 64),
    ("problem", 1, 12, 64),
    ("timestamp", 1, 13, 64),
    ("mask", 1, 17, 64),
    ("unknown-icmp", 1, 99, 64),
    ("udp", 17, 0, 64),
    ("tcp", 6, 0, 64),
    ("protocol-253", 253, 0, 64),
    ("expiring-udp", 17, 0, 1),
    ("expiring-error", 1, 3, 1),
    ("expiring-echo", 1, 8, 1),
];

pub(super) fn cases(give: &mut dyn FnMut(Case)) {
    let mut serial = 0u16;
    for link in LINKS {
        for &destination in DESTINATIONS {
            for &source in SOURCES {
                for fragment in FRAGMENTS {
                    for kind in KINDS {
                        serial = serial.wrapping_add(1);
                        // Pairs of every two axes stay complete; of the fragments only every third combination runs.
                        if fragment.1 == 0 || serial.is_multiple_of(3) {
                            give(case(*link, destination, source, *fragment, *kind, serial));
                        }
                    }
                }
            }
        }
    }
}

type Link = (&'static str, Option<[u8; 6]>);

fn case(
    (link, mac): Link,
    destination: [u8; 4],
    source: [u8; 4],
    (part, flags): (&str, u16),
    (kind, protocol, icmp_type, ttl): (&str, u8, u8, u8),
    serial: u16,
) -> Case {
    let mut draft = Draft {
        tos: 0,
        identification: serial,
        flags_and_offset: flags,
        ttl,
        protocol,
        source: source.into(),
        destination: destination.into(),
        options: Vec::new(),
        payload: Vec::new(),
    };
    draft.payload = payload(&draft, icmp_type);
    let mut frame = Vec::new();
    if let Some(mac) = mac {
        frame.extend(mac);
        frame.extend([2, 0, 0, 0, 0, 2, 8, 0]);
    }
    frame.extend(draft.octets());
    let label = format!("link={link} {} > {} {part} {kind}", draft.source, draft.destination);
    Case::new(label, vec![(if mac.is_some() { 2 } else { 0 }, frame)])
}

pub(super) fn payload(draft: &Draft, icmp_type: u8) -> Vec<u8> {
    match draft.protocol {
        1 => right_icmp(icmp_type),
        17 => {
            let mut datagram = vec![3, 232, 0, 9, 0, 16, 0, 0];
            datagram.extend(filler(1, 8));
            let sum = transport_checksum(draft.source, draft.destination, 17, &datagram);
            datagram[6..8].copy_from_slice(&sum.to_be_bytes());
            datagram
        }
        6 => {
            let mut segment =
                vec![3, 232, 0, 80, 0, 0, 0, 9, 0, 0, 0, 0, 0x50, 2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            let sum = transport_checksum(draft.source, draft.destination, 6, &segment);
            segment[16..18].copy_from_slice(&sum.to_be_bytes());
            segment
        }
        _ => filler(7, 24).collect(),
    }
}

/// An ICMP message whose body serves its type: a quote for errors, a timestamp for type 13.
fn right_icmp(icmp_type: u8) -> Vec<u8> {
    let quote = Draft {
        tos: 0,
        identification: 1,
        flags_and_offset: 0,
        ttl: 1,
        protocol: 17,
        source: [10, 0, 0, 1].into(),
        destination: [20, 0, 0, 1].into(),
        options: Vec::new(),
        payload: filler(3, 8).collect(),
    };
    icmp_message(&mut Right, icmp_type, 0, [0; 4], &quote.octets())
}

/// Decisions that never bend anything: always the highest number.
struct Right;

impl Choice for Right {
    fn bits(&mut self) -> u32 {
        u32::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::Octets;

    #[test]
    fn messages_have_right_checksums() {
        let message = right_icmp(8);
        assert_eq!(netassay_stack::wire::checksum::checksum(&message), 0);
        // The contrast: a source that draws zeros breaks one bit.
        let broken = icmp_message(&mut Octets::new(&[]), 8, 0, [0; 4], &[]);
        assert_ne!(netassay_stack::wire::checksum::checksum(&broken), 0);
    }
}
