//! What a tracked connection takes of memory, both directions and the index over them, by the allocator's own account.

use std::net::Ipv4Addr;

use netassay_stack::conntrack::{Conntrack, ConntrackConfig, Entrance, HashKey};
use netassay_stack::packet::Attachment;
use netassay_stack::time::Instant;
use netassay_stack::wire::build::{ipv4, tcp, udp};
use rstest::rstest;

use crate::counting::counted;

const FLOWS: u32 = 1_000_000;
/// Linux takes 256 octets and its share of the buckets.
const MOST_PER_FLOW: i64 = 155;

fn first_datagram(n: u32, is_tcp: bool) -> Vec<u8> {
    let header = ipv4().source(Ipv4Addr::from_bits(0x0a00_0000 + n)).destination([203, 0, 113, 9]);
    if is_tcp {
        header.carry(tcp().source_port(5000).destination_port(80).flags(2)).build()
    } else {
        header.carry(udp().source_port(5000).destination_port(53)).build()
    }
}

#[rstest]
#[case::udp(false)]
#[case::tcp(true)]
fn a_million_flows_take_what_was_promised(#[case] is_tcp: bool) {
    let config = ConntrackConfig { max: 0, checksum: false, ..ConntrackConfig::default() };
    let mut conntrack = Conntrack::new(config, HashKey::from_seed(7));
    let mut datagram = first_datagram(0, is_tcp);
    let (_, held, ()) = counted(|| {
        for n in 0..FLOWS {
            datagram[12..16].copy_from_slice(&Ipv4Addr::from_bits(0x0a00_0000 + n).octets());
            let mut attachment = Attachment::NONE;
            conntrack.classify(Instant::ZERO, Entrance::Prerouting, &datagram, 0, &mut attachment);
            conntrack.confirm(Instant::ZERO, &mut attachment);
        }
    });
    assert_eq!(conntrack.len(), FLOWS as usize);
    let per_flow = held / i64::from(FLOWS);
    assert!(per_flow <= MOST_PER_FLOW, "{per_flow} octets per flow");
    println!("{per_flow} octets per flow");
}
