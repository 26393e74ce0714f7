//! M10: path MTU and redirects. An error about our own echo reply, then a big echo request that shows what was learned.

use super::Case;
use crate::generate::datagram::{Draft, filler};
use netassay_stack::wire::checksum;

const MTUS: &[u32] =
    &[0, 1, 67, 68, 296, 500, 551, 552, 1000, 1400, 1499, 1500, 1501, 9000, 65535, 0x0001_0400];

/// Peers of the stack, each reached in another way, and the interface that leads to them.
const PEERS: &[(&str, usize, [u8; 4])] = &[
    ("on-link", 0, [10, 0, 0, 2]),
    ("by-default", 0, [8, 8, 8, 8]),
    ("by-gateway", 1, [20, 0, 0, 1]),
    ("mtu-route", 1, [40, 0, 0, 1]),
    ("locked-route", 1, [40, 1, 0, 1]),
];

/// Types that the quoted ICMP message may have; only our echo reply proves that we sent it.
const QUOTED: &[(&str, u8, u8)] = &[("echo-reply", 1, 0), ("echo", 1, 8), ("udp", 17, 0), ("raw", 253, 0)];

pub(super) fn cases(give: &mut dyn FnMut(Case)) {
    for peer in PEERS {
        for quoted in QUOTED {
            for &mtu in MTUS {
                for code in [4, 20, 1] {
                    give(too_big(*peer, *quoted, mtu, code));
                }
            }
            redirects(give, *peer, *quoted);
        }
        twice(give, *peer);
    }
}

fn too_big(peer: Peer, quoted: (&str, u8, u8), mtu: u32, code: u8) -> Case {
    let error = error(peer, quoted, 3, code, mtu.to_be_bytes(), [10, 0, 0, 254]);
    let label = format!("peer={} quoted={} code={code} mtu={mtu}", peer.0, quoted.0);
    Case::new(label, vec![error, echo(peer, 1400), echo(peer, 40)])
}

/// Two learned values, the second larger or smaller.
fn twice(give: &mut dyn FnMut(Case), peer: Peer) {
    for first in [0, 552, 900, 1400] {
        for second in [0, 300, 551, 800, 900, 1000, 1500] {
            let error = |mtu: u32| error(peer, QUOTED[0], 3, 4, mtu.to_be_bytes(), [10, 0, 0, 254]);
            let label = format!("peer={} mtu={first} then {second}", peer.0);
            give(Case::new(label, vec![error(first), error(second), echo(peer, 1400)]));
        }
    }
}

/// Redirects from every kind of sender to every kind of gateway.
fn redirects(give: &mut dyn FnMut(Case), peer: Peer, quoted: (&str, u8, u8)) {
    const SENDERS: &[[u8; 4]] = &[[10, 0, 0, 254], [10, 1, 0, 9], [10, 0, 0, 2]];
    const GATEWAYS: &[[u8; 4]] = &[
        [10, 0, 0, 9],
        [10, 0, 0, 254],
        [10, 1, 0, 9],
        [10, 1, 0, 5],
        [10, 0, 0, 1],
        [10, 0, 0, 255],
        [224, 0, 0, 1],
        [0, 0, 0, 0],
        [255, 255, 255, 255],
        [20, 0, 0, 1],
        [127, 0, 0, 1],
    ];
    for &sender in SENDERS {
        for &gateway in GATEWAYS {
            for code in [0, 1, 4, 9] {
                let redirect = error(peer, quoted, 5, code, gateway, sender);
                let label = format!(
                    "peer={} quoted={} redirect={code} from={sender:?} to={gateway:?}",
                    peer.0, quoted.0
                );
                give(Case::new(label, vec![redirect, echo(peer, 40)]));
            }
        }
    }
}

type Peer = (&'static str, usize, [u8; 4]);

fn draft(source: [u8; 4], destination: [u8; 4], protocol: u8, payload: Vec<u8>) -> Draft {
    Draft {
        tos: 0,
        identification: 0x4d10,
        flags_and_offset: 0,
        ttl: 64,
        protocol,
        source: source.into(),
        destination: destination.into(),
        options: Vec::new(),
        payload,
    }
}

/// An echo request with `len` octets of data from the peer.
fn echo((_, interface, address): Peer, len: usize) -> (usize, Vec<u8>) {
    let mut message = vec![8, 0, 0, 0, 0, 1, 0, 1];
    message.extend(filler(0x10, len));
    fill_checksum(&mut message);
    (interface, draft(address, [10, 0, 0, 1], 1, message).octets())
}

/// An ICMP error from `sender` about a datagram from us to the peer.
fn error(
    peer: Peer,
    (_, protocol, quoted_type): (&str, u8, u8),
    icmp_type: u8,
    code: u8,
    word: [u8; 4],
    sender: [u8; 4],
) -> (usize, Vec<u8>) {
    let quote = draft([10, 0, 0, 1], peer.2, protocol, vec![quoted_type, 0, 0, 0, 0, 1, 0, 1]).octets();
    let mut message = vec![icmp_type, code, 0, 0];
    message.extend(word);
    message.extend(quote);
    fill_checksum(&mut message);
    (peer.1, draft(sender, [10, 0, 0, 1], 1, message).octets())
}

fn fill_checksum(message: &mut [u8]) {
    let sum = checksum::checksum(message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
}
