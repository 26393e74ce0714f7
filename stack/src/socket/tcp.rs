//! A minimal TCP endpoint: handshakes, resets, data in order, and what ICMP does to a connection. RFC 9293 §3.10.
//!
//! There is no congestion control, no retransmission of data and no reordering: enough to see how IPv4 and ICMP
//! treat a connection, and no more.

use core::net::SocketAddrV4;
use core::time::Duration;

use super::report::{endpoints, queued, verdict};
use super::{PathMtuDiscovery, Socket, SocketId, SocketKind};
use crate::counters::Counter;
use crate::drop_reason::DropReason;
use crate::errno::Errno;
use crate::icmp::ErrorReport;
use crate::ip::options::EchoedOptions;
use crate::ip::output::{HeaderChoice, IdentificationChoice};
use crate::ip::route::OutputRoute;
use crate::outcome::Outcome;
use crate::sink::{Sink, SocketError};
use crate::stack::Stack;
use crate::time::Instant;
use crate::transport::append_segment;
use crate::wire::Protocol;
use crate::wire::icmp::IcmpType;
use crate::wire::tcp::{ACK, FIN, PSH, RST, SYN, TcpHeader, TcpOption, TcpView};

/// Connections that wait to be completed or used, at one listening socket.
const MAX_CONNECTIONS: usize = 128;
/// First wait before a handshake segment is sent again. RFC 6298 §2.
const FIRST_TIMEOUT: Duration = Duration::from_secs(1);
/// How often it is: `tcp_syn_retries`, `tcp_synack_retries`.
const SYN_RETRIES: u8 = 6;
const SYN_ACK_RETRIES: u8 = 5;
/// Largest segment where the peer told none. RFC 9293 §3.7.1.
const DEFAULT_MSS: u16 = 536;
/// The greatest code of Destination Unreachable by which there is no way: net is 0, host 1. RFC 792.
const HOST_UNREACHABLE: u8 = 1;
/// Octets of the headers of IP and TCP.
const HEADERS_LEN: u32 = 40;
/// Window announced at all times.
const WINDOW: u16 = 64_240;

/// State of a connection. RFC 9293 §3.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    SynSent,
    SynReceived,
    Established,
    CloseWait,
}

/// A connection.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    local: SocketAddrV4,
    remote: SocketAddrV4,
    state: State,
    /// Oldest octet that is not acknowledged.
    unacknowledged: u32,
    /// Next octet to send.
    next: u32,
    /// Next octet expected.
    expected: u32,
    mss: u16,
    identification: u16,
    /// When the handshake segment is sent again, and how often it was.
    deadline: Option<Instant>,
    retries: u8,
}

/// Which connection: its socket, and its place there.
type Place = (SocketId, usize);

impl Stack {
    /// Starts a handshake. RFC 9293 §3.10.1.
    pub(super) fn connect_tcp<S: Sink>(
        &mut self,
        id: SocketId,
        to: SocketAddrV4,
        way: &OutputRoute,
        sink: &mut S,
    ) -> Result<(), Errno> {
        let port = self.ensure_port(id)?;
        let start = self.random.next_u32();
        let mut connection = self.connection(
            SocketAddrV4::new(way.source, port),
            SocketAddrV4::new(way.destination, to.port()),
            State::SynSent,
            start,
        );
        let Some(socket) = self.sockets.get_mut(id) else { return Err(Errno::BadDescriptor) };
        if !socket.connections.is_empty() {
            return Err(Errno::IsConnected);
        }
        socket.is_listening = false;
        socket.peer = Some(connection.remote);
        self.counters.bump(Counter::TcpActiveOpens);
        self.send_segment(id, &mut connection, SYN, &[], sink)?;
        connection.next = start.wrapping_add(1);
        if let Some(socket) = self.sockets.get_mut(id) {
            socket.connections.push(connection);
        }
        Err(Errno::InProgress)
    }

    fn connection(
        &mut self,
        local: SocketAddrV4,
        remote: SocketAddrV4,
        state: State,
        start: u32,
    ) -> Connection {
        Connection {
            local,
            remote,
            state,
            unacknowledged: start,
            next: start,
            expected: 0,
            mss: DEFAULT_MSS,
            identification: self.random.next_u32() as u16,
            deadline: Some(self.now + FIRST_TIMEOUT),
            retries: 0,
        }
    }

    /// Sends one segment of a connection, starting at its next octet.
    fn send_segment<S: Sink>(
        &mut self,
        id: SocketId,
        connection: &mut Connection,
        flags: u8,
        data: &[u8],
        sink: &mut S,
    ) -> Result<(), Errno> {
        let way = self
            .router
            .route_output(*connection.remote.ip(), *connection.local.ip(), self.now)
            .map_err(|error| error.errno())?;
        let (tos, ttl, mode) = self.sockets.get(id).map_or((0, None, PathMtuDiscovery::Want), |socket| {
            (socket.options.tos, socket.options.ttl, socket.options.path_mtu_discovery)
        });
        let is_syn_ack = flags & (SYN | ACK) == SYN | ACK;
        let identification = if is_syn_ack {
            0
        } else {
            connection.identification = connection.identification.wrapping_add(1);
            connection.identification
        };
        let choice = HeaderChoice {
            protocol: Protocol::Tcp,
            tos,
            ttl,
            dont_fragment: mode != PathMtuDiscovery::Dont && !way.route.mtu_locked,
            identification: IdentificationChoice::Given(identification),
        };
        let options = if flags & SYN != 0 { mss_option(way.route.mtu()) } else { [0; 4] };
        let options = if flags & SYN != 0 { &options[..] } else { &[] };
        let header = TcpHeader {
            source_port: connection.local.port(),
            destination_port: connection.remote.port(),
            sequence_number: connection.next,
            acknowledgment_number: if flags & ACK != 0 { connection.expected } else { 0 },
            flags,
            window: WINDOW,
            ..TcpHeader::default()
        };
        let payload_len = crate::wire::tcp::HEADER_LEN + options.len() + data.len();
        let mut packet = self.make_packet(&way, &choice, &EchoedOptions::EMPTY, payload_len);
        packet.ignore_df = true;
        append_segment(&mut packet, &way, &header, options, data);
        self.counters.bump(Counter::TcpOutSegs);
        self.output_uncounted(packet, sink).map_err(|_| Errno::Access)
    }

    /// Gives a segment to its connection or to a listening socket; `None` if there is neither.
    pub(crate) fn deliver_tcp<S: Sink>(
        &mut self,
        local: SocketAddrV4,
        remote: SocketAddrV4,
        segment: &TcpView<'_>,
        sink: &mut S,
    ) -> Option<Result<Outcome, DropReason>> {
        if let Some(place) = self.find_connection(local, remote) {
            return Some(self.advance(place, segment, sink));
        }
        let id = self
            .sockets
            .find_all(SocketKind::Tcp, local, remote)
            .find(|(_, socket)| socket.is_listening)
            .map(|(id, _)| id)?;
        if segment.has(RST) || (segment.has(ACK) && !segment.has(SYN)) || !segment.has(SYN) {
            return None;
        }
        Some(self.accept(id, local, remote, segment, sink))
    }

    fn find_connection(&self, local: SocketAddrV4, remote: SocketAddrV4) -> Option<Place> {
        self.sockets.iter().filter(|(_, socket)| socket.kind == SocketKind::Tcp).find_map(|(id, socket)| {
            let is_it = |connection: &Connection| connection.local == local && connection.remote == remote;
            socket.connections.iter().position(is_it).map(|place| (id, place))
        })
    }

    /// Answers a SYN. RFC 9293 §3.10.7.2.
    fn accept<S: Sink>(
        &mut self,
        id: SocketId,
        local: SocketAddrV4,
        remote: SocketAddrV4,
        segment: &TcpView<'_>,
        sink: &mut S,
    ) -> Result<Outcome, DropReason> {
        if self.sockets.get(id).is_none_or(|socket| socket.connections.len() >= MAX_CONNECTIONS) {
            self.counters.bump(Counter::TcpExtListenDrops);
            return Err(DropReason::TcpBacklogFull);
        }
        let start = self.random.next_u32();
        let mut connection = self.connection(local, remote, State::SynReceived, start);
        connection.expected = segment.sequence_number().wrapping_add(1);
        connection.mss = mss_of(segment);
        let _ = self.send_segment(id, &mut connection, SYN | ACK, &[], sink);
        connection.next = start.wrapping_add(1);
        if let Some(socket) = self.sockets.get_mut(id) {
            socket.connections.push(connection);
        }
        Ok(Outcome::Delivered)
    }

    /// Moves a connection on by one segment. RFC 9293 §3.10.7.3, §3.10.7.4.
    fn advance<S: Sink>(
        &mut self,
        place: Place,
        segment: &TcpView<'_>,
        sink: &mut S,
    ) -> Result<Outcome, DropReason> {
        let Some(mut connection) = self.take_connection(place) else {
            return Err(DropReason::TcpUnexpectedSegment);
        };
        let keeps = match connection.state {
            State::SynSent => self.finish_active_open(place.0, &mut connection, segment, sink)?,
            _ => self.receive_segment(place.0, &mut connection, segment, sink),
        };
        if keeps {
            self.put_connection(place, connection);
        }
        Ok(Outcome::Delivered)
    }

    fn take_connection(&mut self, (id, place): Place) -> Option<Connection> {
        let connections = &mut self.sockets.get_mut(id)?.connections;
        (place < connections.len()).then(|| connections.swap_remove(place))
    }

    fn put_connection(&mut self, (id, _): Place, connection: Connection) {
        if let Some(socket) = self.sockets.get_mut(id) {
            socket.connections.push(connection);
        }
    }

    /// Tells whether the connection lives on.
    fn finish_active_open<S: Sink>(
        &mut self,
        id: SocketId,
        connection: &mut Connection,
        segment: &TcpView<'_>,
        sink: &mut S,
    ) -> Result<bool, DropReason> {
        let acknowledges = segment.has(ACK) && segment.acknowledgment_number() == connection.next;
        if segment.has(RST) && acknowledges {
            self.counters.bump(Counter::TcpAttemptFails);
            sink.socket_error(id, &SocketError { errno: Errno::ConnectionRefused, queued: None });
            return Ok(false);
        }
        if segment.has(SYN) && acknowledges {
            connection.state = State::Established;
            connection.unacknowledged = connection.next;
            connection.expected = segment.sequence_number().wrapping_add(1);
            connection.mss = mss_of(segment);
            connection.deadline = None;
            let _ = self.send_segment(id, connection, ACK, &[], sink);
        }
        Ok(true)
    }

    /// Tells whether the connection lives on.
    fn receive_segment<S: Sink>(
        &mut self,
        id: SocketId,
        connection: &mut Connection,
        segment: &TcpView<'_>,
        sink: &mut S,
    ) -> bool {
        if segment.has(RST) {
            return segment.sequence_number() != connection.expected || self.be_reset(id, connection, sink);
        }
        if segment.has(SYN) {
            let flags = if connection.state == State::SynReceived { SYN | ACK } else { ACK };
            self.send_again(id, connection, flags, sink);
            return true;
        }
        let acknowledged = segment.acknowledgment_number();
        if segment.has(ACK) && is_between(acknowledged, connection.unacknowledged, connection.next) {
            connection.unacknowledged = acknowledged;
            if connection.state == State::SynReceived {
                connection.state = State::Established;
                connection.deadline = None;
                self.counters.bump(Counter::TcpPassiveOpens);
            }
        }
        if segment.sequence_number() == connection.expected && segment.segment_len() != 0 {
            connection.expected = connection.expected.wrapping_add(segment.segment_len());
            if !segment.payload().is_empty() {
                sink.deliver(id, connection.remote, segment.payload());
            }
            if segment.has(FIN) {
                connection.state = State::CloseWait;
            }
            let _ = self.send_segment(id, connection, ACK, &[], sink);
        } else if segment.segment_len() != 0 {
            let _ = self.send_segment(id, connection, ACK, &[], sink);
        }
        true
    }

    fn be_reset<S: Sink>(&mut self, id: SocketId, connection: &Connection, sink: &mut S) -> bool {
        if connection.state == State::SynReceived {
            self.counters.bump(Counter::TcpAttemptFails);
        } else {
            self.counters.bump(Counter::TcpEstabResets);
            sink.socket_error(id, &SocketError { errno: Errno::ConnectionReset, queued: None });
        }
        false
    }

    /// Sends the segment that opened the connection, or a bare acknowledgment, once more.
    fn send_again<S: Sink>(&mut self, id: SocketId, connection: &mut Connection, flags: u8, sink: &mut S) {
        let next = connection.next;
        if flags & SYN != 0 {
            connection.next = connection.unacknowledged;
            self.counters.bump(Counter::TcpRetransSegs);
        }
        let _ = self.send_segment(id, connection, flags, &[], sink);
        connection.next = next;
    }

    /// Sends `data` on the connection of a socket, in segments that its peer takes.
    pub(super) fn send_tcp<S: Sink>(&mut self, id: SocketId, data: &[u8], sink: &mut S) -> Result<(), Errno> {
        let is_open =
            |connection: &Connection| matches!(connection.state, State::Established | State::CloseWait);
        let connections = &self.sockets.get(id).ok_or(Errno::BadDescriptor)?.connections;
        let place = connections.iter().position(is_open).ok_or(Errno::NotConnected)?;
        let Some(mut connection) = self.take_connection((id, place)) else { return Err(Errno::NotConnected) };
        let mut result = Ok(());
        for part in data.chunks(usize::from(connection.mss.max(1))) {
            result = self.send_segment(id, &mut connection, ACK | PSH, part, sink);
            if result.is_err() {
                break;
            }
            connection.next = connection.next.wrapping_add(part.len() as u32);
        }
        self.put_connection((id, place), connection);
        result
    }

    /// Ends the connections of a socket that was closed.
    pub(super) fn abandon_connections<S: Sink>(&mut self, socket: Socket, sink: &mut S) {
        for mut connection in socket.connections {
            let flags = match connection.state {
                State::SynSent => continue,
                State::SynReceived => RST | ACK,
                State::Established | State::CloseWait => FIN | ACK,
            };
            // The socket is gone; what its options said is not known any more.
            let _ = self.send_segment(SocketId(u16::MAX), &mut connection, flags, &[], sink);
        }
    }

    /// When the next handshake segment is sent again.
    pub(crate) fn tcp_timeout(&self) -> Option<Instant> {
        let sockets = self.sockets.iter().filter(|(_, socket)| socket.kind == SocketKind::Tcp);
        sockets
            .flat_map(|(_, socket)| socket.connections.iter().filter_map(|connection| connection.deadline))
            .min()
    }

    /// Sends the handshake segments that are due again, or gives up. RFC 9293 §3.8.3.
    pub(crate) fn handle_tcp_timeout<S: Sink>(&mut self, sink: &mut S) {
        while let Some(place) = self.overdue_connection() {
            let Some(mut connection) = self.take_connection(place) else { return };
            let (flags, retries) = match connection.state {
                State::SynSent => (SYN, SYN_RETRIES),
                _ => (SYN | ACK, SYN_ACK_RETRIES),
            };
            if connection.retries >= retries {
                if connection.state == State::SynSent {
                    self.counters.bump(Counter::TcpAttemptFails);
                    sink.socket_error(place.0, &SocketError { errno: Errno::TimedOut, queued: None });
                }
                continue;
            }
            self.send_again(place.0, &mut connection, flags, sink);
            connection.retries += 1;
            connection.deadline =
                connection.deadline.map(|due| due + FIRST_TIMEOUT * (1 << connection.retries));
            self.put_connection(place, connection);
        }
    }

    fn overdue_connection(&self) -> Option<Place> {
        let now = self.now;
        self.sockets.iter().filter(|(_, socket)| socket.kind == SocketKind::Tcp).find_map(|(id, socket)| {
            let is_due = |connection: &Connection| connection.deadline.is_some_and(|due| due <= now);
            socket.connections.iter().position(is_due).map(|place| (id, place))
        })
    }

    /// Tells the connection that sent what `report` quotes; tells whether there is one. RFC 1122 §4.2.3.9.
    pub(crate) fn report_to_tcp<S: Sink>(&mut self, report: &ErrorReport<'_>, sink: &mut S) -> bool {
        let Some((local, remote)) = endpoints(report) else { return false };
        let Some(place) = self.find_connection(local, remote) else { return false };
        let Some(connection) = self.take_connection(place) else { return false };
        let keeps = self.report_to_connection(place.0, &connection, report, sink);
        if keeps {
            self.put_connection(place, connection);
        }
        true
    }

    /// Whether a connection that a peer began to open outlives an error about its SYN-ACK. The application has not heard of
    /// it, and hears nothing of its end. RFC 1122 §4.2.3.9 would have it live where the way back is gone.
    fn keeps_half_open(&mut self, report: &ErrorReport<'_>) -> bool {
        let has_no_way = match report.icmp_type {
            IcmpType::DestinationUnreachable => report.code <= HOST_UNREACHABLE,
            kind => matches!(kind, IcmpType::TimeExceeded | IcmpType::ParameterProblem),
        };
        if has_no_way {
            self.counters.bump(Counter::TcpExtListenDrops);
        }
        !has_no_way
    }

    /// Tells whether the connection lives on.
    fn report_to_connection<S: Sink>(
        &mut self,
        id: SocketId,
        connection: &Connection,
        report: &ErrorReport<'_>,
        sink: &mut S,
    ) -> bool {
        let quoted_number = report.quoted.payload().get(4..).and_then(|rest| rest.first_chunk::<4>());
        let number = quoted_number.map_or(0, |octets| u32::from_be_bytes(*octets));
        let is_unsent = number == connection.next && self.config.departures.quoted_sequence_is_in_flight;
        if is_unsent || !is_between(number, connection.unacknowledged, connection.next) {
            self.counters.bump(Counter::TcpExtOutOfWindowIcmps);
            return true;
        }
        if connection.state == State::SynReceived {
            return self.keeps_half_open(report);
        }
        self.learn_for(id, report);
        let Some(socket) = self.sockets.get(id) else { return true };
        if report.is_fragmentation_needed() {
            return true;
        }
        let Some(verdict) = verdict(report, SocketKind::Tcp, socket.options.path_mtu_discovery) else {
            return true;
        };
        let options = socket.options;
        let is_opening = connection.state == State::SynSent;
        if !is_opening && !options.receive_errors {
            return true;
        }
        let queued = (is_opening && options.receive_errors).then(|| {
            queued(
                report,
                connection.remote.port(),
                report.quoted.header_len(),
                options.receive_errors_rfc4884,
            )
        });
        sink.socket_error(id, &SocketError { errno: verdict.errno, queued });
        if is_opening {
            self.counters.bump(Counter::TcpAttemptFails);
        }
        !is_opening
    }
}

/// Whether `number` lies from `low` to `high`, in the arithmetic of sequence numbers. RFC 9293 §3.4.
const fn is_between(number: u32, low: u32, high: u32) -> bool {
    number.wrapping_sub(low) <= high.wrapping_sub(low)
}

/// The maximum segment size option for a path with this MTU. RFC 9293 §3.7.1.
fn mss_option(mtu: u32) -> [u8; 4] {
    let mss = u16::try_from(mtu.saturating_sub(HEADERS_LEN)).unwrap_or(u16::MAX);
    let [high, low] = mss.to_be_bytes();
    [2, 4, high, low]
}

fn mss_of(segment: &TcpView<'_>) -> u16 {
    segment
        .option_list()
        .find_map(|option| match option {
            TcpOption::MaximumSegmentSize(mss) => Some(mss),
            _ => None,
        })
        .unwrap_or(DEFAULT_MSS)
        .clamp(48, 65_495)
}
