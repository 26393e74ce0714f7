//! Who is where in a scenario: the addresses that stimuli and expectations speak of.
//!
//! Cases take every address from here, so that they run wherever a DUT happens to live.

use std::net::Ipv4Addr;

use netassay_stack::wire::build::{echo_request, udp};

use super::packet::{Body, Packet};
use crate::model::{LinkKind, Prefix, Scenario};

/// Identifier of the echo requests that cases send.
pub const ECHO_IDENTIFIER: u16 = 0x4e41;
/// Port of the peer that UDP datagrams of cases come from.
pub const PEER_PORT: u16 = 40_000;
/// A port on which nobody listens.
pub const CLOSED_PORT: u16 = 40_001;

/// One link of the DUT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The DUT's address there.
    pub dut: Ipv4Addr,
    /// Address and prefix of the DUT there.
    pub prefix: Prefix,
    /// A neighbor: the gateway if there is one, else the first free address.
    pub peer: Ipv4Addr,
    /// Another neighbor.
    pub other: Ipv4Addr,
    /// Form of its frames.
    pub kind: LinkKind,
    /// Hardware address of the DUT.
    pub mac: [u8; 6],
    /// Largest datagram.
    pub mtu: usize,
}

/// The places of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    /// The links, by number.
    pub links: Vec<Link>,
    /// The names of their interfaces.
    pub names: Vec<String>,
    /// The DUT on link 0.
    pub dut: Ipv4Addr,
    /// Its neighbor on link 0, from which most stimuli come.
    pub peer: Ipv4Addr,
    /// Another neighbor on link 0.
    pub other: Ipv4Addr,
    /// Directed broadcast of link 0.
    pub broadcast: Ipv4Addr,
    /// Address of the subnet of link 0, all host bits zero.
    pub network: Ipv4Addr,
    /// The DUT on link 1; on link 0 if there is only one.
    pub out: Ipv4Addr,
    /// Its neighbor on link 1, the gateway to `far`.
    pub next: Ipv4Addr,
    /// A host that is reached by the default route, behind link 1 if there are two.
    pub far: Ipv4Addr,
    /// Another such host.
    pub far2: Ipv4Addr,
    /// All addresses of the DUT.
    pub own: Vec<Ipv4Addr>,
}

/// Documentation prefix 198.51.100.0/24. RFC 5737 §3.
const FAR: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const FAR2: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);

impl World {
    /// The places of `scenario`.
    pub fn of(scenario: &Scenario) -> Self {
        let gateways: Vec<_> = scenario.routes.iter().filter_map(|route| route.via).collect();
        let default = scenario.routes.iter().find(|route| route.to.length == 0).and_then(|route| route.via);
        let links: Vec<_> = scenario
            .interfaces
            .iter()
            .map(|interface| {
                let nowhere = Prefix::new(Ipv4Addr::UNSPECIFIED, 0);
                let prefix = interface.addresses.first().copied().unwrap_or(nowhere);
                let own: Vec<_> = interface.addresses.iter().map(|it| it.address).collect();
                let gateway = default.filter(|via| prefix.length > 0 && prefix.contains(*via));
                let mut free = neighbors(prefix).filter(|it| !own.contains(it) && !gateways.contains(it));
                let peer = gateway.or_else(|| free.next()).unwrap_or(Ipv4Addr::UNSPECIFIED);
                Link {
                    dut: prefix.address,
                    prefix,
                    peer,
                    other: free.next().unwrap_or(peer),
                    kind: interface.link,
                    mac: interface.mac.as_deref().and_then(hardware_address).unwrap_or([2, 0, 0, 0, 0, 1]),
                    mtu: interface.mtu as usize,
                }
            })
            .collect();
        let (first, last) = (&links[0], &links[1.min(links.len() - 1)]);
        let (far, far2) = if default.is_some() { (FAR, FAR2) } else { (last.other, last.peer) };
        Self {
            dut: first.dut,
            peer: first.peer,
            other: first.other,
            broadcast: first.prefix.broadcast(),
            network: first.prefix.network(),
            out: last.dut,
            next: last.peer,
            far,
            far2,
            own: scenario.interfaces.iter().flat_map(|it| &it.addresses).map(|it| it.address).collect(),
            names: scenario.interfaces.iter().map(|it| it.name.clone()).collect(),
            links,
        }
    }

    /// A datagram from the peer to the DUT, on link 0.
    pub fn ip(&self, body: impl Into<Body>) -> Packet {
        Packet::new(body).source(self.peer).destination(self.dut)
    }

    /// A datagram from the peer on link 0 to `far`, which a router forwards to link 1.
    pub fn transit(&self, body: impl Into<Body>) -> Packet {
        Packet::new(body).source(self.peer).destination(self.far)
    }

    /// A datagram from `far` to the peer, arriving on link 1.
    pub fn inbound(&self, body: impl Into<Body>) -> Packet {
        Packet::new(body).source(self.far).destination(self.peer).on(1)
    }

    /// An echo request of 32 octets of data from the peer to the DUT.
    pub fn echo(&self) -> Packet {
        self.ip(request())
    }

    /// A UDP datagram from the peer to a port of the DUT, with 12 octets of data.
    pub fn udp(&self, port: u16) -> Packet {
        self.ip(to_port(port))
    }

    /// A UDP datagram to a port on which nobody listens.
    pub fn closed(&self) -> Packet {
        self.udp(CLOSED_PORT)
    }

    /// A UDP datagram from the peer to `far`.
    pub fn passing(&self) -> Packet {
        self.transit(to_port(CLOSED_PORT))
    }
}

/// An echo request with 32 octets of data that differ from each other.
pub fn request() -> netassay_stack::wire::build::IcmpBuilder {
    echo_request().identifier(ECHO_IDENTIFIER).sequence_number(1).data(octets(32))
}

/// A UDP datagram with 12 octets of data from the peer's port to `port`.
pub fn to_port(port: u16) -> netassay_stack::wire::build::UdpBuilder {
    udp().source_port(PEER_PORT).destination_port(port).data(octets(12))
}

/// `len` octets that are a function of their position, so that a wrong splice shows.
pub fn octets(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at ^ at >> 8) as u8).collect()
}

/// The addresses that a neighbor in `prefix` can have, in order.
fn neighbors(prefix: Prefix) -> impl Iterator<Item = Ipv4Addr> {
    let (network, broadcast) = (prefix.network().to_bits(), prefix.broadcast().to_bits());
    let inner =
        if prefix.length < 31 { network + 1..broadcast } else { network..broadcast.saturating_add(1) };
    inner.map(Ipv4Addr::from_bits)
}

fn hardware_address(text: &str) -> Option<[u8; 6]> {
    let octets: Option<Vec<u8>> = text.split(':').map(|octet| u8::from_str_radix(octet, 16).ok()).collect();
    octets?.try_into().ok()
}
