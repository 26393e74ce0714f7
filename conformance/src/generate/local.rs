//! Local sockets of random worlds, and what they send.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::address;
use super::choice::Choice;
use super::datagram::filler;
use crate::model::{Action, Socket, SocketAction, SocketKind};

/// Kind, protocol, local address and peer.
type Kind = (SocketKind, Option<u8>, Option<Place>, Option<Place>);

/// Sockets worth having. Ports and identifiers are those that generated datagrams name.
const SOCKETS: &[Kind] = &[
    (SocketKind::Udp, None, Some(([10, 0, 0, 1], 7)), None),
    (SocketKind::Udp, None, Some(([0, 0, 0, 0], 53)), None),
    (SocketKind::Udp, None, Some(([10, 1, 0, 1], 9)), Some(([10, 1, 0, 5], 1000))),
    (SocketKind::Ping, None, Some(([10, 0, 0, 1], 0x4242)), None),
    (SocketKind::Raw, Some(1), None, None),
    (SocketKind::Raw, Some(17), Some(([10, 0, 0, 1], 0)), None),
    (SocketKind::Raw, Some(253), None, None),
    (SocketKind::Raw, Some(89), None, Some(([10, 0, 0, 2], 0))),
];

/// Address and port.
type Place = ([u8; 4], u16);

/// An option and the values worth trying.
const OPTIONS: &[(&str, &[i64])] = &[
    ("recverr", &[1]),
    ("recverr", &[1]),
    ("recverr-rfc4884", &[1]),
    ("pmtudisc", &[0, 1, 2, 3, 4, 5]),
    ("ttl", &[1, 64, 255]),
    ("tos", &[0, 0x10, 0xff]),
    ("broadcast", &[1]),
];

/// Some of the sockets, with options.
pub(super) fn sockets(choice: &mut impl Choice) -> Vec<Socket> {
    let mut sockets = Vec::new();
    for (kind, protocol, local, peer) in SOCKETS {
        if choice.chance(1, 2) {
            let options = OPTIONS.iter().filter(|_| choice.chance(1, 4)).collect::<Vec<_>>();
            let options =
                options.into_iter().map(|(name, values)| ((*name).to_owned(), *choice.pick(values)));
            sockets.push(Socket {
                kind: *kind,
                protocol: *protocol,
                local: local.map(place),
                peer: peer.map(place),
                options: options.collect::<BTreeMap<_, _>>(),
            });
        }
    }
    sockets
}

/// One of `sockets`, of which there are some, sends something.
pub(super) fn send(choice: &mut impl Choice, sockets: &[Socket]) -> Action {
    let index = choice.below(sockets.len() as u32) as usize;
    let socket = &sockets[index];
    let (seed, len) = (choice.octet(), *choice.pick(&[0, 1, 8, 40, 548, 1472, 1473, 3000]));
    let mut data: Vec<u8> = filler(seed, len).collect();
    if socket.kind == SocketKind::Ping {
        data.splice(0..0, [8, 0, 0, 0, 0, 0, 0, seed]);
    }
    // To itself a kernel sends UDP without summing it up, which shows in what raw sockets read.
    let destination =
        if socket.kind == SocketKind::Udp { address::station(choice) } else { address::any(choice) };
    let to = SocketAddrV4::new(destination, *choice.pick(&[7, 53, 1000]));
    Action::Socket {
        socket: index,
        action: SocketAction::Send { to: socket.peer.is_none().then_some(to), data },
    }
}

fn place((address, port): Place) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::from(address), port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::Seeded;

    #[test]
    fn connected_sockets_send_to_their_peer_only() {
        let mut choice = Seeded::new(1);
        for _ in 0..200 {
            let sockets = sockets(&mut choice);
            if sockets.is_empty() {
                continue;
            }
            let Action::Socket { socket, action: SocketAction::Send { to, .. } } =
                send(&mut choice, &sockets)
            else {
                panic!("sockets send")
            };
            assert_eq!(to.is_some(), sockets[socket].peer.is_none());
        }
    }
}
