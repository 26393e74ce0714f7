//! M1: header length × total length × frame length × protocol, every combination.

use super::Case;
use crate::generate::datagram::{Draft, filler, repair_header_checksum};

const PROTOCOLS: &[u8] = &[1, 6, 17, 253];

pub(super) fn cases(give: &mut dyn FnMut(Case)) {
    for &protocol in PROTOCOLS {
        for ihl in 0..16u8 {
            for frame_len in 0..=68u16 {
                for (name, total) in totals(ihl, frame_len) {
                    give(case(protocol, ihl, frame_len, name, total));
                }
            }
        }
    }
}

fn totals(ihl: u8, frame_len: u16) -> [(&'static str, u16); 10] {
    let header = u16::from(ihl) * 4;
    [
        ("0", 0),
        ("19", 19),
        ("20", 20),
        ("header-1", header.wrapping_sub(1)),
        ("header", header),
        ("header+1", header + 1),
        ("frame-1", frame_len.wrapping_sub(1)),
        ("frame", frame_len),
        ("frame+1", frame_len + 1),
        ("65535", 65535),
    ]
}

fn case(protocol: u8, ihl: u8, frame_len: u16, name: &str, total: u16) -> Case {
    let draft = Draft {
        tos: 0,
        identification: 0x4d31,
        flags_and_offset: 0,
        ttl: 64,
        protocol,
        source: [10, 0, 0, 2].into(),
        destination: [10, 0, 0, 1].into(),
        options: Vec::new(),
        // NOPs first, so that a long header holds harmless options; then octets that no protocol takes for its own.
        payload: std::iter::repeat_n(1, 40).chain(filler(0x21, 8)).collect(),
    };
    let mut octets = draft.octets();
    octets[0] = 0x40 | ihl;
    octets[2..4].copy_from_slice(&total.to_be_bytes());
    octets.truncate(usize::from(frame_len));
    if octets.len() >= 20 {
        repair_header_checksum(&mut octets);
    }
    Case::new(format!("protocol={protocol} ihl={ihl} frame={frame_len} total={name}"), vec![(0, octets)])
}
