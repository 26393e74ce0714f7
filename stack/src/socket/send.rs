//! Sending from UDP, ping and raw sockets. RFC 1122 §3.4, §4.1.4.

use core::net::{Ipv4Addr, SocketAddrV4};

use super::report::local_error;
use super::{PathMtuDiscovery, SocketId, SocketKind, SocketOptions};
use crate::config::RouteKind;
use crate::counters::Counter;
use crate::drop_reason::DropReason;
use crate::errno::Errno;
use crate::ip::options::EchoedOptions;
use crate::ip::output::{HeaderChoice, IdentificationChoice};
use crate::ip::route::{OutputRoute, Route, RouteError};
use crate::outcome::Refusal;
use crate::packet::{Packet, PacketLink};
use crate::sink::{Sink, SocketError};
use crate::stack::Stack;
use crate::wire::icmp::IcmpType;
use crate::wire::{Ipv4Edit, Protocol, udp};

/// Octets of the longest datagram.
const MAX_DATAGRAM_LEN: usize = 0xffff;
const HEADER_LEN: usize = 20;

impl Stack {
    pub(crate) fn send_from<S: Sink>(
        &mut self,
        id: SocketId,
        to: Option<SocketAddrV4>,
        data: &[u8],
        sink: &mut S,
    ) -> Result<(), Errno> {
        let socket = self.sockets.get(id).ok_or(Errno::BadDescriptor)?;
        let kind = socket.kind;
        if kind == SocketKind::Tcp {
            return self.send_tcp(id, data, sink);
        }
        if data.len() > MAX_DATAGRAM_LEN {
            return Err(Errno::MessageSize);
        }
        // What is no request is not sent, wherever to.
        if kind == SocketKind::Ping && !is_request(data) {
            return Err(Errno::Invalid);
        }
        // A socket may be connected to port 0, and sends there.
        if kind == SocketKind::Udp && to.is_some_and(|to| to.port() == 0) {
            return Err(Errno::Invalid);
        }
        let to = to.or(socket.peer).ok_or(Errno::DestinationRequired)?;
        match kind {
            SocketKind::Udp => self.send_udp(id, to, data, sink),
            SocketKind::Ping => self.send_ping(id, to, data, sink),
            SocketKind::Raw(protocol) => self.send_raw(id, to, protocol, data, sink),
            SocketKind::Tcp => Ok(()),
        }
    }

    fn send_udp<S: Sink>(
        &mut self,
        id: SocketId,
        to: SocketAddrV4,
        data: &[u8],
        sink: &mut S,
    ) -> Result<(), Errno> {
        let source_port = self.ensure_port(id)?;
        let way = self.way_to(id, *to.ip())?;
        let len = udp::HEADER_LEN + data.len();
        let mut packet = self.socket_packet(id, &way, Protocol::Udp, len, sink)?;
        let header = udp::UdpHeader {
            source_port,
            destination_port: to.port(),
            length: u16::try_from(len).map_err(|_| Errno::MessageSize)?,
            checksum: 0,
        };
        let start = packet.octets.len();
        packet.octets.extend_from_slice(&header.octets());
        packet.octets.extend_from_slice(data);
        if let Some(datagram) = packet.octets.get_mut(start..) {
            let sum = udp::checksum(way.source, way.destination, datagram);
            if let Some(place) = datagram.get_mut(6..8) {
                place.copy_from_slice(&sum.to_be_bytes());
            }
        }
        self.output_from_socket(packet, sink)?;
        self.counters.bump(Counter::UdpOutDatagrams);
        Ok(())
    }

    /// Sends an echo request under the identifier of the socket.
    fn send_ping<S: Sink>(
        &mut self,
        id: SocketId,
        to: SocketAddrV4,
        message: &[u8],
        sink: &mut S,
    ) -> Result<(), Errno> {
        let Some((&[icmp_type, code, _, _, _, _, high, low], body)) = message.split_first_chunk::<8>() else {
            return Err(Errno::Invalid);
        };
        let [id_high, id_low] = self.ensure_port(id)?.to_be_bytes();
        let way = self.way_to(id, *to.ip())?;
        let mut packet = self.socket_packet(id, &way, Protocol::Icmp, message.len(), sink)?;
        crate::icmp::append_message(&mut packet, [icmp_type, code, 0, 0, id_high, id_low, high, low], body);
        self.count_icmp_out(icmp_type);
        self.output_from_socket(packet, sink)
    }

    fn send_raw<S: Sink>(
        &mut self,
        id: SocketId,
        to: SocketAddrV4,
        protocol: u8,
        data: &[u8],
        sink: &mut S,
    ) -> Result<(), Errno> {
        let Some(socket) = self.sockets.get(id) else { return Err(Errno::BadDescriptor) };
        let has_header = socket.options.header_included;
        // Type and code of an ICMP message are read before anybody asks for the way.
        if Protocol::from(protocol) == Protocol::Icmp && !has_header && data.len() < 2 {
            return Err(Errno::Fault);
        }
        let way = self.way_to(id, *to.ip())?;
        if has_header {
            return self.send_with_header(id, &way, data, sink);
        }
        let mut packet = self.socket_packet(id, &way, Protocol::from(protocol), data.len(), sink)?;
        packet.octets.extend_from_slice(data);
        if Protocol::from(protocol) == Protocol::Icmp {
            self.count_icmp_out(data.first().copied().unwrap_or(0));
        }
        self.output_from_socket(packet, sink)
    }

    /// The caller has made the header; lengths, checksum, and what it left open are filled in.
    fn send_with_header<S: Sink>(
        &mut self,
        id: SocketId,
        way: &OutputRoute,
        data: &[u8],
        sink: &mut S,
    ) -> Result<(), Errno> {
        let mtu = usize::try_from(way.route.device_mtu).unwrap_or(usize::MAX);
        if data.len() > mtu {
            return Err(self.refuse_size(id, way, way.route.device_mtu, sink));
        }
        let header_len = data.first().map_or(0, |first| usize::from(first & 0x0f) * 4);
        if data.len() < HEADER_LEN {
            return Err(Errno::Invalid);
        }
        if header_len < HEADER_LEN || header_len > data.len() {
            // RFC 4293 §5: prepared, and not sent.
            self.counters.bump(Counter::IpOutDiscards);
            sink.discard(DropReason::OutputHeaderInvalid, data);
            return Err(Errno::Invalid);
        }
        let mut octets = self.take_buffer();
        octets.extend_from_slice(data);
        let mut packet =
            Packet { octets, route: Some(way.route), link: PacketLink::Made, ..Packet::default() };
        packet.nodefrag = self.sockets.get(id).is_some_and(|socket| socket.options.nodefrag);
        let (source, identification) = (packet.source(), packet.identification());
        let fresh =
            if identification == 0 { self.identification_for_header(&packet, way) } else { identification };
        if let Some(mut edit) = Ipv4Edit::new(&mut packet.octets) {
            edit.set_total_length(u16::try_from(data.len()).unwrap_or(u16::MAX));
            edit.set_identification(fresh);
            if source.is_unspecified() {
                edit.set_source(way.source);
            }
            edit.rewrite_checksum();
        }
        if packet.protocol() == u8::from(Protocol::Icmp) {
            let icmp_type = packet.payload().first().copied().unwrap_or(0);
            self.count_icmp_out(icmp_type);
        }
        self.output_prepared(packet, sink).or_else(Refusal::of_sending)
    }

    fn identification_for_header(&mut self, packet: &Packet, way: &OutputRoute) -> u16 {
        if packet.dont_fragment() {
            return 0;
        }
        let source = if packet.source().is_unspecified() { way.source } else { packet.source() };
        let random = &mut self.random;
        let protocol = Protocol::from(packet.protocol());
        self.identifications
            .next(self.now, packet.destination(), source, protocol, |below| random.below(below))
    }

    /// The way to `destination`, if the socket may go there.
    fn way_to(&mut self, id: SocketId, destination: Ipv4Addr) -> Result<OutputRoute, Errno> {
        let is_raw = self.sockets.get(id).is_some_and(|socket| matches!(socket.kind, SocketKind::Raw(_)));
        let way = if is_raw {
            self.route_for(id, destination).map_err(RouteError::errno)?
        } else {
            self.way_for(id, destination)?
        };
        let may_broadcast = self.sockets.get(id).is_some_and(|socket| socket.options.broadcast);
        if way.route.kind == RouteKind::Broadcast && !may_broadcast {
            return Err(Errno::Access); // RFC 1122 §3.3.6
        }
        Ok(way)
    }

    /// A packet with the header that the options of the socket ask for; `payload_len` octets will follow.
    fn socket_packet<S: Sink>(
        &mut self,
        id: SocketId,
        way: &OutputRoute,
        protocol: Protocol,
        payload_len: usize,
        sink: &mut S,
    ) -> Result<Packet, Errno> {
        let socket = self.sockets.get_mut(id).ok_or(Errno::BadDescriptor)?;
        let options = socket.options;
        let mode = options.path_mtu_discovery;
        let len = HEADER_LEN + payload_len;
        let mtu = mtu_of(&way.route, mode);
        let may_fragment =
            matches!(mode, PathMtuDiscovery::Dont | PathMtuDiscovery::Want | PathMtuDiscovery::Omit);
        let longest =
            if may_fragment { MAX_DATAGRAM_LEN } else { usize::try_from(mtu).unwrap_or(MAX_DATAGRAM_LEN) };
        if len > longest {
            return Err(self.refuse_size(id, way, mtu, sink));
        }
        let fits = len <= usize::try_from(way.route.mtu()).unwrap_or(usize::MAX);
        let dont_fragment = match mode {
            PathMtuDiscovery::Do | PathMtuDiscovery::Probe => true,
            PathMtuDiscovery::Want => fits && !way.route.mtu_locked,
            PathMtuDiscovery::Dont | PathMtuDiscovery::Interface | PathMtuDiscovery::Omit => false,
        };
        let identification = if socket.peer.is_some() {
            socket.identification = socket.identification.wrapping_add(1);
            IdentificationChoice::Given(socket.identification)
        } else if dont_fragment && !may_fragment {
            IdentificationChoice::Given(0)
        } else {
            IdentificationChoice::Hashed
        };
        let choice = HeaderChoice {
            protocol,
            tos: options.tos,
            ttl: ttl_of(&options, &way.route),
            dont_fragment,
            identification,
        };
        let mut packet = self.make_packet(way, &choice, &EchoedOptions::EMPTY, payload_len);
        packet.no_loop_back = way.route.kind == RouteKind::Multicast && !options.multicast_loop;
        packet.probes_mtu =
            matches!(mode, PathMtuDiscovery::Probe | PathMtuDiscovery::Interface | PathMtuDiscovery::Omit);
        packet.ignore_df = may_fragment;
        packet.nodefrag = options.nodefrag;
        Ok(packet)
    }

    /// Reports that a datagram is too big for its path. RFC 1191 §6.
    fn refuse_size<S: Sink>(&mut self, id: SocketId, way: &OutputRoute, mtu: u32, sink: &mut S) -> Errno {
        if let Some(socket) = self.sockets.get(id)
            && socket.options.receive_errors
        {
            let port = socket.peer.map_or(0, |peer| peer.port());
            let queued = Some(local_error(mtu, way.destination, port));
            sink.socket_error(id, &SocketError { errno: Errno::MessageSize, queued });
        }
        Errno::MessageSize
    }

    fn output_from_socket<S: Sink>(&mut self, packet: Packet, sink: &mut S) -> Result<(), Errno> {
        self.output_own(packet, sink).or_else(Refusal::of_sending)
    }
}

/// Whether `message` is one that a ping socket sends.
fn is_request(message: &[u8]) -> bool {
    let is_echo =
        |icmp_type: u8| matches!(IcmpType::from(icmp_type), IcmpType::Echo | IcmpType::ExtendedEchoRequest);
    matches!(message, [icmp_type, 0, _, _, _, _, _, _, ..] if is_echo(*icmp_type))
}

/// The MTU that counts in this mode of path MTU discovery.
fn mtu_of(route: &Route, mode: PathMtuDiscovery) -> u32 {
    match mode {
        PathMtuDiscovery::Probe | PathMtuDiscovery::Interface | PathMtuDiscovery::Omit => route.device_mtu,
        PathMtuDiscovery::Dont | PathMtuDiscovery::Want | PathMtuDiscovery::Do => route.mtu(),
    }
}

/// TTL that the options ask for. RFC 1112 §6.1.
fn ttl_of(options: &SocketOptions, route: &Route) -> Option<u8> {
    if route.kind == RouteKind::Multicast { Some(options.multicast_ttl) } else { options.ttl }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Prefix;
    use crate::config::{Config, Profile};
    use crate::sink::Void;
    use crate::socket::SocketConfig;
    use crate::time::Instant;

    const NOWHERE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(20, 0, 0, 1), 7);

    /// What sending `len` octets to where no route leads comes to, and whether it counts.
    fn send_nowhere(kind: SocketKind, len: usize) -> (Result<(), Errno>, u64) {
        let mut config = Config::new(Profile::Linux);
        config.add_interface("t0", [Prefix::new(Ipv4Addr::new(10, 0, 0, 1), 24)]).unwrap();
        let mut stack = Stack::new(config, 1).unwrap();
        let wanted = SocketConfig { kind, local: None, peer: None, options: std::vec::Vec::new() };
        let socket = stack.open_socket(Instant::ZERO, 0, &wanted, &mut Void).unwrap();
        let sent = stack.send(Instant::ZERO, 0, socket, Some(NOWHERE), &[8, 0][..len], &mut Void);
        (sent, stack.counters().value(Counter::IpOutNoRoutes))
    }

    #[test]
    fn no_route_counts_unless_a_raw_socket_asked() {
        assert_eq!(send_nowhere(SocketKind::Udp, 2), (Err(Errno::NetworkUnreachable), 1));
        assert_eq!(send_nowhere(SocketKind::Raw(253), 2), (Err(Errno::NetworkUnreachable), 0));
    }

    #[test]
    fn a_raw_icmp_message_has_type_and_code() {
        assert_eq!(send_nowhere(SocketKind::Raw(1), 1), (Err(Errno::Fault), 0));
        assert_eq!(send_nowhere(SocketKind::Raw(1), 2), (Err(Errno::NetworkUnreachable), 0));
        assert_eq!(send_nowhere(SocketKind::Raw(253), 1), (Err(Errno::NetworkUnreachable), 0));
    }
}
