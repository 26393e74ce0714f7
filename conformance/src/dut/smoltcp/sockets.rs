//! The scenario's sockets in smoltcp.

use std::net::{Ipv4Addr, SocketAddrV4};

use smoltcp::iface::SocketHandle;
use smoltcp::socket::{icmp, raw, tcp, udp};
use smoltcp::wire::{IpAddress, IpEndpoint, IpListenEndpoint, IpProtocol, IpVersion};

use super::port::Port;
use crate::dut::DutError;
use crate::model::{Delivery, Observation, Socket, SocketAction, SocketKind};

/// Datagrams and octets that a socket holds in each direction.
const DATAGRAMS: usize = 64;
const OCTETS: usize = 1 << 17;
/// Octets that a TCP socket holds in each direction: what fits into the window without scaling.
const TCP_OCTETS: usize = 65_535;
/// Connections that one listening socket takes: each needs a socket of smoltcp that waits for it.
const BACKLOG: usize = 4;
/// First of the ports for sockets that the scenario does not bind. RFC 6335 §6.
const EPHEMERAL: u16 = 49_152;

/// One socket of the scenario: on each interface that it belongs to, one of smoltcp, or several that listen.
pub(super) struct LocalSocket {
    kind: SocketKind,
    local: SocketAddrV4,
    has_header: bool,
    hop_limit: Option<u8>,
    /// Interface and handle; empty once it is closed.
    handles: Vec<(usize, SocketHandle)>,
}

impl LocalSocket {
    /// Opens socket `number` on the interfaces that its address belongs to.
    pub(super) fn open(number: usize, wanted: &Socket, ports: &mut [Port]) -> Result<Self, DutError> {
        if wanted.peer.is_some() && wanted.kind != SocketKind::Tcp {
            return unsupported("has no sockets that are connected, other than of TCP");
        }
        if wanted.kind == SocketKind::Tcp && wanted.local.is_none_or(|local| local.port() == 0) {
            return unsupported("leaves the port of a TCP client to whoever uses it");
        }
        let ephemeral = EPHEMERAL.saturating_add(u16::try_from(number).unwrap_or(u16::MAX));
        let mut local = wanted.local.unwrap_or(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));
        if local.port() == 0 {
            local.set_port(ephemeral);
        }
        let mut socket =
            Self { kind: wanted.kind, local, has_header: false, hop_limit: None, handles: Vec::new() };
        for (name, value) in &wanted.options {
            socket.set_option(name, *value, ports)?;
        }
        let is_listening = wanted.kind == SocketKind::Tcp && wanted.local.is_some() && wanted.peer.is_none();
        for (index, port) in ports.iter_mut().enumerate() {
            let is_here = port.addresses.iter().any(|prefix| prefix.address == *local.ip());
            if local.ip().is_unspecified() || is_here {
                let count = if is_listening { BACKLOG } else { 1 };
                for _ in 0..count {
                    let handle = socket.add(wanted.protocol, is_listening, port)?;
                    socket.handles.push((index, handle));
                }
            }
        }
        if let Some(peer) = wanted.peer {
            socket.connect(peer, ports)?;
        }
        Ok(socket)
    }

    /// Where smoltcp is to listen.
    fn endpoint(&self) -> IpListenEndpoint {
        let address = *self.local.ip();
        let addr = (!address.is_unspecified()).then_some(IpAddress::Ipv4(address));
        IpListenEndpoint { addr, port: self.local.port() }
    }

    fn add(
        &self,
        protocol: Option<u8>,
        is_listening: bool,
        port: &mut Port,
    ) -> Result<SocketHandle, DutError> {
        let sockets = &mut port.sockets;
        let failed = |error: &dyn std::fmt::Display| DutError::Unsupported(format!("smoltcp: {error}"));
        Ok(match self.kind {
            SocketKind::Udp => {
                let room =
                    || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; DATAGRAMS], vec![0; OCTETS]);
                let mut socket = udp::Socket::new(room(), room());
                socket.set_hop_limit(self.hop_limit);
                socket.bind(self.endpoint()).map_err(|error| failed(&error))?;
                sockets.add(socket)
            }
            SocketKind::Ping => {
                let room =
                    || icmp::PacketBuffer::new(vec![icmp::PacketMetadata::EMPTY; DATAGRAMS], vec![0; OCTETS]);
                let mut socket = icmp::Socket::new(room(), room());
                socket.set_hop_limit(self.hop_limit);
                let endpoint = icmp::Endpoint::Ident(self.local.port());
                socket.bind(endpoint).map_err(|error| failed(&error))?;
                sockets.add(socket)
            }
            SocketKind::Raw => {
                let room =
                    || raw::PacketBuffer::new(vec![raw::PacketMetadata::EMPTY; DATAGRAMS], vec![0; OCTETS]);
                let protocol = IpProtocol::from(protocol.unwrap_or(u8::MAX));
                sockets.add(raw::Socket::new(Some(IpVersion::Ipv4), Some(protocol), room(), room()))
            }
            SocketKind::Tcp => {
                let room = || tcp::SocketBuffer::new(vec![0; TCP_OCTETS]);
                let mut socket = tcp::Socket::new(room(), room());
                socket.set_hop_limit(self.hop_limit);
                if is_listening {
                    socket.listen(self.endpoint()).map_err(|error| failed(&error))?;
                }
                sockets.add(socket)
            }
        })
    }

    /// Carries out `action`. What the stack refuses is not seen: it has no error numbers.
    pub(super) fn act(&mut self, action: &SocketAction, ports: &mut [Port]) -> Result<(), DutError> {
        match action {
            SocketAction::Send { to, data } => self.send(*to, data, ports),
            SocketAction::Connect { to } => self.connect(*to, ports),
            SocketAction::SetOption { name, value } => self.set_option(name, *value, ports),
            SocketAction::Close => {
                self.close(ports);
                Ok(())
            }
        }
    }

    fn connect(&mut self, to: SocketAddrV4, ports: &mut [Port]) -> Result<(), DutError> {
        if self.kind != SocketKind::Tcp {
            return unsupported("has no sockets that are connected, other than of TCP");
        }
        let Some((index, handle)) = self.towards(*to.ip(), ports) else { return Ok(()) };
        let (port, endpoint) = (&mut ports[index], self.endpoint());
        port.introduce(*to.ip());
        let socket = port.sockets.get_mut::<tcp::Socket<'_>>(handle);
        if socket.is_listening() {
            socket.abort();
        }
        let _ = socket.connect(port.stack.context(), IpEndpoint::from(to), endpoint);
        Ok(())
    }

    fn send(&mut self, to: Option<SocketAddrV4>, data: &[u8], ports: &mut [Port]) -> Result<(), DutError> {
        if self.kind == SocketKind::Tcp {
            return self.send_stream(data, ports);
        }
        let destination = match (self.kind, to) {
            (SocketKind::Raw, _) if !self.has_header => {
                return unsupported("has raw sockets only for datagrams with their header (`hdrincl`)");
            }
            (SocketKind::Raw, _) => {
                let Some(octets) = data.get(16..20) else { return Ok(()) };
                SocketAddrV4::new(Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]), 0)
            }
            (_, Some(to)) => to,
            (_, None) => return Ok(()),
        };
        let Some((index, handle)) = self.towards(*destination.ip(), ports) else { return Ok(()) };
        let port = &mut ports[index];
        port.introduce(*destination.ip());
        let address = IpAddress::Ipv4(*destination.ip());
        match self.kind {
            SocketKind::Udp => {
                let socket = port.sockets.get_mut::<udp::Socket<'_>>(handle);
                let _ = socket.send_slice(data, IpEndpoint::from(destination));
            }
            SocketKind::Ping => {
                let mut message = data.to_vec();
                if let Some(identifier) = message.get_mut(4..6) {
                    // The identifier is the socket's, whatever the caller wrote.
                    identifier.copy_from_slice(&self.local.port().to_be_bytes());
                }
                let _ = port.sockets.get_mut::<icmp::Socket<'_>>(handle).send_slice(&message, address);
            }
            SocketKind::Raw => {
                let _ = port.sockets.get_mut::<raw::Socket<'_>>(handle).send_slice(data);
            }
            SocketKind::Tcp => {}
        }
        Ok(())
    }

    /// Sends on the connection that was made last.
    fn send_stream(&mut self, data: &[u8], ports: &mut [Port]) -> Result<(), DutError> {
        for (index, handle) in self.handles.iter().rev() {
            let socket = ports[*index].sockets.get_mut::<tcp::Socket<'_>>(*handle);
            if socket.may_send() {
                let sent = socket.send_slice(data).unwrap_or(0);
                return if sent == data.len() { Ok(()) } else { unsupported("took only part of the data") };
            }
        }
        Ok(())
    }

    fn set_option(&mut self, name: &str, value: i64, ports: &mut [Port]) -> Result<(), DutError> {
        match (name, u8::try_from(value)) {
            ("ttl", Ok(ttl @ 1..)) => self.hop_limit = Some(ttl),
            ("hdrincl", _) => self.has_header = value != 0,
            // These make Linux tell more or allow what smoltcp always allows.
            ("recverr" | "recverr-rfc4884", _) | ("broadcast", Ok(1)) | ("tos", Ok(0)) => {}
            _ => {
                let what = format!("smoltcp has no socket option {name} = {value}");
                return Err(DutError::Unsupported(what));
            }
        }
        for (index, handle) in &self.handles {
            let sockets = &mut ports[*index].sockets;
            match self.kind {
                SocketKind::Udp => sockets.get_mut::<udp::Socket<'_>>(*handle).set_hop_limit(self.hop_limit),
                SocketKind::Tcp => sockets.get_mut::<tcp::Socket<'_>>(*handle).set_hop_limit(self.hop_limit),
                SocketKind::Ping => {
                    sockets.get_mut::<icmp::Socket<'_>>(*handle).set_hop_limit(self.hop_limit)
                }
                SocketKind::Raw => {}
            }
        }
        Ok(())
    }

    fn close(&mut self, ports: &mut [Port]) {
        for (index, handle) in std::mem::take(&mut self.handles) {
            let sockets = &mut ports[index].sockets;
            if self.kind == SocketKind::Tcp {
                // It stays until the connection has come to its end.
                sockets.get_mut::<tcp::Socket<'_>>(handle).close();
            } else {
                sockets.remove(handle);
            }
        }
    }

    /// The socket on the interface that leads to `destination`.
    fn towards(&self, destination: Ipv4Addr, ports: &[Port]) -> Option<(usize, SocketHandle)> {
        let reach = |(index, _): &&(usize, SocketHandle)| ports[*index].reach(destination);
        self.handles.iter().filter(|handle| reach(handle).is_some()).max_by_key(reach).copied()
    }

    /// Takes everything that there is to be read.
    pub(super) fn collect(&mut self, number: usize, ports: &mut [Port], observation: &mut Observation) {
        let mut deliver = |source: SocketAddrV4, data: &[u8]| {
            observation.deliveries.push(Delivery { socket: number, source, data: data.to_vec() });
        };
        for (index, handle) in &self.handles {
            let sockets = &mut ports[*index].sockets;
            match self.kind {
                SocketKind::Udp => {
                    let socket = sockets.get_mut::<udp::Socket<'_>>(*handle);
                    while let Ok((data, about)) = socket.recv() {
                        deliver(source(about.endpoint.addr, about.endpoint.port), data);
                    }
                }
                SocketKind::Ping => {
                    let socket = sockets.get_mut::<icmp::Socket<'_>>(*handle);
                    while let Ok((data, address)) = socket.recv() {
                        deliver(source(address, 0), data);
                    }
                }
                SocketKind::Raw => {
                    let socket = sockets.get_mut::<raw::Socket<'_>>(*handle);
                    while let Ok(data) = socket.recv() {
                        let octets = data
                            .get(12..16)
                            .map_or([0; 4], |octets| [octets[0], octets[1], octets[2], octets[3]]);
                        deliver(SocketAddrV4::new(octets.into(), 0), data);
                    }
                }
                SocketKind::Tcp => {
                    let socket = sockets.get_mut::<tcp::Socket<'_>>(*handle);
                    let peer = socket.remote_endpoint();
                    let mut buffer = vec![0; socket.recv_queue()];
                    if let (Some(peer), Ok(len @ 1..)) = (peer, socket.recv_slice(&mut buffer)) {
                        deliver(source(peer.addr, peer.port), &buffer[..len]);
                    }
                }
            }
        }
    }
}

fn source(address: IpAddress, port: u16) -> SocketAddrV4 {
    let IpAddress::Ipv4(address) = address;
    SocketAddrV4::new(address, port)
}

fn unsupported<T>(what: &str) -> Result<T, DutError> {
    Err(DutError::Unsupported(format!("smoltcp {what}")))
}
