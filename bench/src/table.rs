//! The connection tracking table at rest: finding the connection of a datagram among many, beside a plain hash map.

use std::hint::black_box;

use hashbrown::HashMap;
use netassay_stack::conntrack::{Conntrack, ConntrackConfig, Entrance, HashKey};
use netassay_stack::packet::Attachment;
use netassay_stack::time::Instant;

use crate::datagram::udp;
use crate::measure::Case;

pub(crate) fn thousand() -> Vec<Case> {
    among(1000)
}

pub(crate) fn hundred_thousand() -> Vec<Case> {
    among(100_000)
}

pub(crate) fn million() -> Vec<Case> {
    among(1_000_000)
}

/// The source address of a flow. Sources are spread, so that neighbors in time are not neighbors in memory.
fn source(flow: u32) -> std::net::Ipv4Addr {
    std::net::Ipv4Addr::from_bits(0x0a00_0000 | flow)
}

fn datagram(flow: u32) -> Vec<u8> {
    udp((source(flow), 5000), ([203, 0, 113, 9].into(), 53), 28)
}

/// A flow of `flows`, all over the table.
fn any(turn: &mut u32, flows: u32) -> u32 {
    *turn = turn.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    ((u64::from(*turn) * u64::from(flows)) >> 32) as u32
}

fn among(flows: u32) -> Vec<Case> {
    let subject = format!("flows {flows}");
    let plain: HashMap<(u64, u64), u32> =
        (0..flows).map(|flow| ((u64::from(source(flow).to_bits()), 5000 << 16 | 53), flow)).collect();
    let config = ConntrackConfig { max: 0, checksum: false, ..ConntrackConfig::default() };
    let mut conntrack = Conntrack::new(config, HashKey::from_seed(7));
    for flow in 0..flows {
        let mut attachment = Attachment::NONE;
        conntrack.classify(Instant::ZERO, Entrance::Prerouting, &datagram(flow), 0, &mut attachment);
        conntrack.confirm(Instant::ZERO, &mut attachment);
    }
    assert_eq!(conntrack.len(), flows as usize, "all of them are tracked");
    let (mut turn, mut turn_too) = (1, 1);
    let mut octets = datagram(0);
    vec![
        Case::new(&subject, "hashbrown, lookup only", move |times| {
            for _ in 0..times {
                let key = (u64::from(source(any(&mut turn, flows)).to_bits()), 5000 << 16 | 53);
                black_box(plain.get(black_box(&key)));
            }
        }),
        Case::new(&subject, "reference, whole datagram", move |times| {
            for _ in 0..times {
                octets[12..16].copy_from_slice(&source(any(&mut turn_too, flows)).octets());
                let mut attachment = Attachment::NONE;
                let now = Instant::ZERO;
                black_box(conntrack.classify(now, Entrance::Prerouting, &octets, 0, &mut attachment));
            }
        }),
    ]
}
