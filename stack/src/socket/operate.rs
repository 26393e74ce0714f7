//! Opening, binding, connecting and closing sockets.

use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddrV4};

use super::{
    ANY_PROTOCOL, PathMtuDiscovery, Socket, SocketConfig, SocketId, SocketKind, SocketOption, SocketOptions,
};
use crate::address;
use crate::config::RouteKind;
use crate::counters::Counter;
use crate::errno::Errno;
use crate::ip::route::{OutputRoute, RouteError};
use crate::sink::Sink;
use crate::stack::Stack;

/// Ports that the system gives out: `net.ipv4.ip_local_port_range`.
const FIRST_EPHEMERAL_PORT: u16 = 32_768;
const EPHEMERAL_PORTS: u32 = 28_232;
/// How often a random port is tried.
const PORT_TRIES: u32 = 64;

impl Stack {
    pub(crate) fn open<S: Sink>(&mut self, wanted: &SocketConfig, sink: &mut S) -> Result<SocketId, Errno> {
        let range = self.config.sysctls.ping_group_range;
        if wanted.kind == SocketKind::Ping && range.first > range.last {
            return Err(Errno::Access);
        }
        let mode = if self.config.sysctls.ip_no_pmtu_disc == 0 {
            PathMtuDiscovery::Want
        } else {
            PathMtuDiscovery::Dont
        };
        let mut options = SocketOptions::new(mode);
        options.header_included = wanted.kind == SocketKind::Raw(ANY_PROTOCOL);
        for option in &wanted.options {
            option.check(wanted.kind, &options)?;
            options.set(*option);
        }
        let local = wanted.local.unwrap_or(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));
        self.check_bind(wanted.kind, local)?;
        let socket = Socket {
            kind: wanted.kind,
            address: *local.ip(),
            port: local.port(),
            peer: None,
            options,
            identification: self.random.next_u32() as u16,
            inward: None,
            is_listening: wanted.kind == SocketKind::Tcp && wanted.local.is_some() && wanted.peer.is_none(),
            connections: Vec::new(),
        };
        let id = self.sockets.insert(socket, self.config.bounds.sockets).ok_or(Errno::NoBuffers)?;
        let connected = match wanted.peer {
            Some(peer) => self.connect_socket(id, peer, sink),
            None => Ok(()),
        };
        match connected {
            Ok(()) | Err(Errno::InProgress) => Ok(id),
            Err(errno) => {
                self.sockets.remove(id);
                Err(errno)
            }
        }
    }

    /// RFC 1122 §4.1.3.5: a socket is bound to an address of this system, or to none.
    fn check_bind(&self, kind: SocketKind, local: SocketAddrV4) -> Result<(), Errno> {
        let address = *local.ip();
        let is_possible = match self.router.kind_of(address) {
            RouteKind::Local => true,
            RouteKind::Broadcast | RouteKind::Multicast => {
                address.is_unspecified() || kind != SocketKind::Tcp
            }
            _ => self.config.sysctls.ip_nonlocal_bind != 0,
        };
        if !is_possible {
            return Err(Errno::AddressNotAvailable);
        }
        let has_port = local.port() != 0 && !matches!(kind, SocketKind::Raw(_));
        if has_port && !self.sockets.is_free(kind, address, local.port()) {
            return Err(Errno::AddressInUse);
        }
        Ok(())
    }

    /// Gives a socket a port, or a ping socket an identifier, if it has none.
    pub(super) fn ensure_port(&mut self, id: SocketId) -> Result<u16, Errno> {
        let socket = self.sockets.get(id).ok_or(Errno::BadDescriptor)?;
        if socket.port != 0 || matches!(socket.kind, SocketKind::Raw(_)) {
            return Ok(socket.port);
        }
        let (kind, address) = (socket.kind, socket.address);
        for _ in 0..PORT_TRIES {
            let port = FIRST_EPHEMERAL_PORT + self.random.below(EPHEMERAL_PORTS) as u16;
            if self.sockets.is_free(kind, address, port) {
                if let Some(socket) = self.sockets.get_mut(id) {
                    socket.port = port;
                }
                return Ok(port);
            }
        }
        Err(Errno::AddressInUse)
    }

    pub(crate) fn connect_socket<S: Sink>(
        &mut self,
        id: SocketId,
        to: SocketAddrV4,
        sink: &mut S,
    ) -> Result<(), Errno> {
        let socket = self.sockets.get(id).ok_or(Errno::BadDescriptor)?;
        let (kind, may_broadcast) = (socket.kind, socket.options.broadcast);
        let way = self.way_for(id, *to.ip())?;
        if way.route.kind == RouteKind::Broadcast && !may_broadcast {
            return Err(Errno::Access);
        }
        if kind == SocketKind::Tcp {
            return self.connect_tcp(id, to, &way, sink);
        }
        let peer = SocketAddrV4::new(way.destination, to.port());
        self.ensure_port(id)?;
        let fresh = self.random.next_u32() as u16;
        if let Some(socket) = self.sockets.get_mut(id) {
            if socket.address.is_unspecified() {
                socket.address = way.source;
            }
            socket.peer = Some(peer);
            socket.identification = fresh;
        }
        Ok(())
    }

    /// The way of what a socket sends to `destination`; that there is no route counts.
    pub(super) fn way_for(&mut self, id: SocketId, destination: Ipv4Addr) -> Result<OutputRoute, Errno> {
        self.route_for(id, destination).map_err(|error| {
            if error == RouteError::Unreachable {
                self.counters.bump(Counter::IpOutNoRoutes);
            }
            error.errno()
        })
    }

    /// The same, and nothing counts.
    pub(super) fn route_for(&self, id: SocketId, destination: Ipv4Addr) -> Result<OutputRoute, RouteError> {
        let source = self.sockets.get(id).map_or(Ipv4Addr::UNSPECIFIED, |socket| socket.address);
        let is_group = source.is_multicast()
            || address::is_limited_broadcast(source)
            || self.router.kind_of(source) == RouteKind::Broadcast;
        let source = if is_group { Ipv4Addr::UNSPECIFIED } else { source };
        self.router.route_output(destination, source, self.now)
    }

    pub(crate) fn set_socket_option(&mut self, id: SocketId, option: SocketOption) -> Result<(), Errno> {
        let socket = self.sockets.get_mut(id).ok_or(Errno::BadDescriptor)?;
        option.check(socket.kind, &socket.options)?;
        socket.options.set(option);
        Ok(())
    }

    pub(crate) fn close<S: Sink>(&mut self, id: SocketId, sink: &mut S) -> Result<(), Errno> {
        let socket = self.sockets.remove(id).ok_or(Errno::BadDescriptor)?;
        self.abandon_connections(socket, sink);
        Ok(())
    }
}
