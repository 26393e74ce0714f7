//! The open sockets.

use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddrV4};

use super::tcp::Connection;
use crate::ip::route::Route;

use super::{PathMtuDiscovery, SocketId, SocketKind, SocketOption};

/// Options of a socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SocketOptions {
    pub(crate) receive_errors: bool,
    pub(crate) receive_errors_rfc4884: bool,
    pub(crate) path_mtu_discovery: PathMtuDiscovery,
    pub(crate) ttl: Option<u8>,
    pub(crate) tos: u8,
    pub(crate) header_included: bool,
    pub(crate) router_alert: bool,
    pub(crate) icmp_filter: u32,
    pub(crate) broadcast: bool,
    pub(crate) multicast_ttl: u8,
    pub(crate) multicast_loop: bool,
    pub(crate) nodefrag: bool,
}

impl SocketOptions {
    pub(crate) const fn new(path_mtu_discovery: PathMtuDiscovery) -> Self {
        Self {
            receive_errors: false,
            receive_errors_rfc4884: false,
            path_mtu_discovery,
            ttl: None,
            tos: 0,
            header_included: false,
            router_alert: false,
            icmp_filter: 0,
            broadcast: false,
            multicast_ttl: 1,
            multicast_loop: true,
            nodefrag: false,
        }
    }

    pub(crate) const fn set(&mut self, option: SocketOption) {
        match option {
            SocketOption::ReceiveErrors(on) => self.receive_errors = on,
            SocketOption::ReceiveErrorsRfc4884(on) => self.receive_errors_rfc4884 = on,
            SocketOption::PathMtuDiscovery(mode) => self.path_mtu_discovery = mode,
            SocketOption::Ttl(ttl) => self.ttl = ttl,
            SocketOption::Tos(tos) => self.tos = tos,
            SocketOption::HeaderIncluded(on) => self.header_included = on,
            SocketOption::RouterAlert(on) => self.router_alert = on,
            SocketOption::IcmpFilter(mask) => self.icmp_filter = mask,
            SocketOption::Broadcast(on) => self.broadcast = on,
            SocketOption::MulticastTtl(ttl) => self.multicast_ttl = ttl,
            SocketOption::MulticastLoop(on) => self.multicast_loop = on,
            SocketOption::NoDefragment(on) => self.nodefrag = on,
        }
    }
}

/// An open socket.
#[derive(Clone, Debug)]
pub(crate) struct Socket {
    pub(crate) kind: SocketKind,
    /// Address it receives at; 0.0.0.0 is any.
    pub(crate) address: Ipv4Addr,
    /// Port, or identifier of a ping socket; 0 while there is none.
    pub(crate) port: u16,
    /// Peer it is connected to.
    pub(crate) peer: Option<SocketAddrV4>,
    pub(crate) options: SocketOptions,
    /// Next identification of a connected socket.
    pub(crate) identification: u16,
    /// The way that a datagram from its peer was found to reach it by.
    pub(crate) inward: Option<Route>,
    /// TCP connections: the one that was opened, or those that were accepted.
    /// Whether a TCP socket waits for connections.
    pub(crate) is_listening: bool,
    pub(crate) connections: Vec<Connection>,
}

impl Socket {
    /// Whether it receives at `local` what comes from `remote`. A ping or raw socket looks at addresses only.
    fn takes(&self, local: SocketAddrV4, remote: SocketAddrV4) -> bool {
        let address_fits = self.address.is_unspecified() || self.address == *local.ip();
        let port_fits = self.port == local.port();
        // Who is connected to port 0 hears any port of that peer.
        let is_peer = |peer: SocketAddrV4| peer.ip() == remote.ip() && (peer.port() == 0 || peer == remote);
        address_fits && port_fits && self.peer.is_none_or(is_peer)
    }

    /// How closely it is bound: the closest of several sockets wins.
    fn closeness(&self) -> u8 {
        u8::from(!self.address.is_unspecified()) + 2 * u8::from(self.peer.is_some())
    }

    /// Whether a raw socket takes datagrams of `protocol` from `remote` to `local`.
    pub(crate) fn takes_raw(&self, protocol: u8, local: Ipv4Addr, remote: Ipv4Addr) -> bool {
        self.kind == SocketKind::Raw(protocol)
            && (self.address.is_unspecified() || self.address == local)
            && self.peer.is_none_or(|peer| *peer.ip() == remote)
    }
}

/// The table of sockets. Places of closed ones stay empty, so that an identity never means another socket.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sockets {
    slots: Vec<Option<Socket>>,
    /// How many raw sockets are open: most packets have none to look for.
    raw: usize,
    /// How many others.
    others: usize,
}

impl Sockets {
    /// Takes in `socket`, unless there are `capacity` already.
    pub(crate) fn insert(&mut self, socket: Socket, capacity: usize) -> Option<SocketId> {
        let id = SocketId(u16::try_from(self.slots.len()).ok()?);
        if self.slots.len() >= capacity {
            return None;
        }
        *self.count_of(socket.kind) += 1;
        self.slots.push(Some(socket));
        Some(id)
    }

    fn count_of(&mut self, kind: SocketKind) -> &mut usize {
        match kind {
            SocketKind::Raw(_) => &mut self.raw,
            _ => &mut self.others,
        }
    }

    /// Closes a socket.
    pub(crate) fn remove(&mut self, id: SocketId) -> Option<Socket> {
        let socket = self.slots.get_mut(usize::from(id.0))?.take()?;
        *self.count_of(socket.kind) -= 1;
        Some(socket)
    }

    pub(crate) fn get(&self, id: SocketId) -> Option<&Socket> {
        self.slots.get(usize::from(id.0))?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: SocketId) -> Option<&mut Socket> {
        self.slots.get_mut(usize::from(id.0))?.as_mut()
    }

    /// Whether any raw socket is open.
    #[inline]
    pub(crate) const fn has_raw(&self) -> bool {
        self.raw != 0
    }

    /// Whether any other socket is open.
    #[inline]
    pub(crate) const fn has_others(&self) -> bool {
        self.others != 0
    }

    /// Forgets by which ways datagrams reach the sockets.
    pub(crate) fn forget_ways(&mut self) {
        self.slots.iter_mut().flatten().for_each(|socket| socket.inward = None);
    }

    /// The open sockets.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SocketId, &Socket)> {
        let empty = self.raw + self.others == 0;
        let slots = if empty { &[] } else { &self.slots[..] };
        slots
            .iter()
            .enumerate()
            .filter_map(|(place, socket)| Some((SocketId(place as u16), socket.as_ref()?)))
    }

    /// The raw sockets that take datagrams of `protocol` from `remote` to `local`.
    pub(crate) fn raw(
        &self,
        protocol: u8,
        local: Ipv4Addr,
        remote: Ipv4Addr,
    ) -> impl Iterator<Item = (SocketId, &Socket)> {
        self.iter().filter(move |(_, socket)| socket.takes_raw(protocol, local, remote))
    }

    /// The socket of `kind` that takes what comes from `remote` to `local`: the most closely bound one.
    pub(crate) fn find(
        &self,
        kind: SocketKind,
        local: SocketAddrV4,
        remote: SocketAddrV4,
    ) -> Option<SocketId> {
        self.find_all(kind, local, remote)
            .max_by_key(|(id, socket)| (socket.closeness(), u16::MAX - id.0))
            .map(|(id, _)| id)
    }

    /// All sockets of `kind` that take what comes from `remote` to `local`.
    pub(crate) fn find_all(
        &self,
        kind: SocketKind,
        local: SocketAddrV4,
        remote: SocketAddrV4,
    ) -> impl Iterator<Item = (SocketId, &Socket)> {
        self.iter().filter(move |(_, socket)| socket.kind == kind && socket.takes(local, remote))
    }

    /// The ping socket with `identifier` that receives at `local`.
    pub(crate) fn find_ping(&self, identifier: u16, local: Ipv4Addr) -> Option<SocketId> {
        self.iter()
            .find(|(_, socket)| {
                socket.kind == SocketKind::Ping
                    && socket.port == identifier
                    && (socket.address.is_unspecified() || socket.address == local)
            })
            .map(|(id, _)| id)
    }

    /// Whether `port` is free for another socket of `kind` at `address`.
    pub(crate) fn is_free(&self, kind: SocketKind, address: Ipv4Addr, port: u16) -> bool {
        !self.iter().any(|(_, socket)| {
            socket.kind == kind
                && socket.port == port
                && (socket.address == address || socket.address.is_unspecified() || address.is_unspecified())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
    const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

    fn udp(address: Ipv4Addr, peer: Option<SocketAddrV4>) -> Socket {
        Socket {
            kind: SocketKind::Udp,
            address,
            port: 53,
            peer,
            options: SocketOptions::new(PathMtuDiscovery::Want),
            identification: 0,
            inward: None,
            is_listening: false,
            connections: Vec::new(),
        }
    }

    #[test]
    fn the_most_closely_bound_socket_wins() {
        let remote = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 2), 9);
        let mut sockets = Sockets::default();
        let any = sockets.insert(udp(ANY, None), 8).unwrap();
        let bound = sockets.insert(udp(OWN, None), 8).unwrap();
        let connected = sockets.insert(udp(ANY, Some(remote)), 8).unwrap();
        let local = SocketAddrV4::new(OWN, 53);
        let stranger = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 3), 9);
        let find = |sockets: &Sockets, remote| sockets.find(SocketKind::Udp, local, remote);
        assert_eq!(find(&sockets, remote), Some(connected));
        assert_eq!(find(&sockets, stranger), Some(bound));
        sockets.remove(bound);
        assert_eq!(find(&sockets, stranger), Some(any));
    }

    #[test]
    fn the_table_has_a_cap() {
        let mut sockets = Sockets::default();
        assert!(sockets.insert(udp(ANY, None), 1).is_some());
        assert!(sockets.insert(udp(ANY, None), 1).is_none());
    }
}
