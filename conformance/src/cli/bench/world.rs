//! What is measured: a scenario and a few packets, each of which is answered by one.

use std::net::Ipv4Addr;
use std::time::Duration;

use netassay_stack::wire::build::{echo_request, ipv4, udp};

use crate::model::{Action, Dimension, Dimensions, Scenario, Step, scenario_file};

const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
/// A station behind the router, and one beyond it.
const INSIDE: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 2);
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);

/// Different packets, so that no cache of a single flow decides.
const FLOWS: u16 = 64;

/// A packet and where it comes out again.
pub(super) struct Packet {
    pub(super) into: usize,
    pub(super) out_of: usize,
    pub(super) frame: Vec<u8>,
}

/// A scenario and packets for it.
pub(super) struct World {
    pub(super) name: &'static str,
    pub(super) scenario: Scenario,
    pub(super) packets: Vec<Packet>,
    /// What `netassay diff` compares there.
    pub(super) dimensions: Dimensions,
}

impl World {
    /// A host that answers echo requests of `size` octets.
    pub(super) fn host(size: u16) -> Self {
        let packet = |flow: u16| {
            let request = echo_request().identifier(flow).data(vec![0xa5; usize::from(size) - 28]);
            let datagram = ipv4().source(PEER).destination(OWN).identification(flow).carry(request);
            Packet { into: 0, out_of: 0, frame: datagram.build() }
        };
        Self {
            name: "host, echo requests",
            scenario: built_in("host"),
            packets: (1..=FLOWS).map(packet).collect(),
            dimensions: Dimensions::ALL.without(Dimension::Conntrack),
        }
    }

    /// A router that tracks UDP both ways, in datagrams of `size` octets.
    pub(super) fn conntrack(size: u16) -> Self {
        let data = vec![0xa5; usize::from(size) - 28];
        let packets = (1..=FLOWS).flat_map(|flow| {
            let there = udp().source_port(5000 + flow).destination_port(53).data(&data);
            let there = ipv4().source(INSIDE).destination(OUTSIDE).identification(flow).carry(there);
            let back = udp().source_port(53).destination_port(5000 + flow).data(&data);
            let back = ipv4().source(OUTSIDE).destination(INSIDE).identification(flow).carry(back);
            [
                Packet { into: 0, out_of: 1, frame: there.build() },
                Packet { into: 1, out_of: 0, frame: back.build() },
            ]
        });
        Self {
            name: "router that tracks, UDP both ways",
            scenario: built_in("conntrack"),
            packets: packets.collect(),
            dimensions: Dimensions::ALL,
        }
    }

    /// The packets as steps.
    pub(super) fn steps(&self) -> Vec<Step> {
        let step = |packet: &Packet| {
            let action = Action::Inject { interface: packet.into, frame: packet.frame.clone() };
            Step { at: Duration::ZERO, action, packet: 0, comment: None }
        };
        self.packets.iter().map(step).collect()
    }
}

/// A scenario that comes with the program.
fn built_in(name: &str) -> Scenario {
    scenario_file::by_name(name).expect("it comes with the program").scenario()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_have_the_length_asked_for() {
        for world in [World::host(84), World::conntrack(84)] {
            assert!(world.packets.iter().all(|packet| packet.frame.len() == 84), "{}", world.name);
        }
    }
}
