//! How one conversation looks on both links of a router, and the datagrams of it.

use std::net::Ipv4Addr;

use netassay_stack::wire::checksum;

use crate::generate::datagram::{Draft, filler, transport_checksum};

/// Interfaces of the worlds in [`super::world`].
pub(super) const LAN: usize = 0;
pub(super) const WAN: usize = 1;

/// A host inside, and another one.
pub(super) const A: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 2);
pub(super) const A2: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 5);
/// The router's inside address.
pub(super) const L: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 1);
/// An inner router.
pub(super) const R: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 3);
/// The router's outside addresses; what is sent to the second one goes to A where a router translates.
pub(super) const T: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
pub(super) const T2: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 2);
/// Hosts outside.
pub(super) const B: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);
pub(super) const B2: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
/// A router outside.
pub(super) const M: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);

/// A conversation on one link: who sends its first datagram, and who answers, as they are called there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Interface of that link.
    pub(super) interface: usize,
    pub(super) opener: Ipv4Addr,
    pub(super) answerer: Ipv4Addr,
}

/// A conversation through the stack, or with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Where the first datagram comes in.
    pub(super) near: Seen,
    /// Where the answer comes in; `None` if the stack itself answers.
    pub(super) far: Option<Seen>,
}

/// From A to B, unchanged.
pub(super) const THROUGH: Layout = Layout {
    near: Seen { interface: LAN, opener: A, answerer: B },
    far: Some(Seen { interface: WAN, opener: A, answerer: B }),
};
/// From A to B, wearing T outside.
pub(super) const OUTWARD: Layout = Layout {
    near: Seen { interface: LAN, opener: A, answerer: B },
    far: Some(Seen { interface: WAN, opener: T, answerer: B }),
};
/// From B to T2, which is A inside.
pub(super) const INWARD: Layout = Layout {
    near: Seen { interface: WAN, opener: B, answerer: T2 },
    far: Some(Seen { interface: LAN, opener: B, answerer: A }),
};
/// From A2 to T2, which is A again; A sees the router ask.
pub(super) const HAIRPIN: Layout = Layout {
    near: Seen { interface: LAN, opener: A2, answerer: T2 },
    far: Some(Seen { interface: LAN, opener: L, answerer: A }),
};
/// From B to the router itself.
pub(super) const LOCAL: Layout = Layout { near: Seen { interface: WAN, opener: B, answerer: T }, far: None };

/// What tells one conversation of a protocol from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flow {
    pub(super) protocol: u8,
    /// Port of the opener, or ICMP identifier.
    pub(super) id: u16,
    /// Port of the answerer.
    pub(super) port: u16,
}

impl Flow {
    /// Conversation number `n` of a protocol; numbers below 60 000 are all different.
    pub(super) const fn number(protocol: u8, n: usize) -> Self {
        Self { protocol, id: 1024 + (n % 60_000) as u16, port: 53 }
    }
}

/// A draft with nothing odd.
pub(super) fn draft(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8, payload: Vec<u8>) -> Draft {
    Draft {
        tos: 0,
        identification: 0x4d37,
        flags_and_offset: 0,
        ttl: 64,
        protocol,
        source,
        destination,
        options: Vec::new(),
        payload,
    }
}

/// An ICMP message with its checksum.
pub(super) fn icmp(icmp_type: u8, code: u8, word: [u8; 4], body: &[u8]) -> Vec<u8> {
    let mut message = vec![icmp_type, code, 0, 0];
    message.extend(word);
    message.extend(body);
    let sum = checksum::checksum(&message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    message
}

impl Seen {
    /// The first datagram as it is on this link.
    pub(super) fn first(&self, flow: Flow) -> Draft {
        let payload = payload(self.opener, self.answerer, flow, true);
        draft(self.opener, self.answerer, flow.protocol, payload)
    }

    /// The answer as it is on this link.
    pub(super) fn answer(&self, flow: Flow) -> Draft {
        let payload = payload(self.answerer, self.opener, flow, false);
        draft(self.answerer, self.opener, flow.protocol, payload)
    }
}

fn payload(source: Ipv4Addr, destination: Ipv4Addr, flow: Flow, is_first: bool) -> Vec<u8> {
    let (from, to) = if is_first { (flow.id, flow.port) } else { (flow.port, flow.id) };
    let ports: Vec<u8> = [from.to_be_bytes(), to.to_be_bytes()].concat();
    match flow.protocol {
        1 => {
            let [high, low] = flow.id.to_be_bytes();
            icmp(if is_first { 8 } else { 0 }, 0, [high, low, 0, 1], &filler(7, 8).collect::<Vec<_>>())
        }
        6 => {
            let (sequence, acknowledgment, flags) = if is_first { (100, 0, 2) } else { (500, 101, 0x12) };
            segment(source, destination, flow.protocol, &ports, sequence, acknowledgment, flags)
        }
        17 | 136 => {
            let len: u16 = if flow.protocol == 17 { 16 } else { 0 };
            let mut octets = [&ports[..], &len.to_be_bytes(), &[0, 0]].concat();
            octets.extend(filler(5, 8));
            // As Linux verifies it, the sum of UDP-Lite names UDP.
            let sum = transport_checksum(source, destination, 17, &octets);
            octets[6..8].copy_from_slice(&sum.to_be_bytes());
            octets
        }
        47 => [&[0, 0, 8, 0][..], &filler(9, 12).collect::<Vec<_>>()].concat(),
        132 => [&ports[..], &filler(3, 12).collect::<Vec<_>>()].concat(),
        _ => filler(11, 16).collect(),
    }
}

/// A TCP segment without options or data, window 8192.
pub(super) fn segment(
    source: Ipv4Addr,
    destination: Ipv4Addr,
    protocol: u8,
    ports: &[u8],
    sequence: u32,
    acknowledgment: u32,
    flags: u8,
) -> Vec<u8> {
    let mut octets = ports.to_vec();
    octets.extend(sequence.to_be_bytes());
    octets.extend(acknowledgment.to_be_bytes());
    octets.extend([0x50, flags, 0x20, 0, 0, 0, 0, 0]);
    let sum = transport_checksum(source, destination, protocol, &octets);
    octets[16..18].copy_from_slice(&sum.to_be_bytes());
    octets
}
