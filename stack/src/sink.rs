//! Where the effects of a call go.

use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddrV4};

use crate::decision::Decision;
use crate::drop_reason::DropReason;
use crate::errno::Errno;
use crate::interface::InterfaceId;
use crate::socket::SocketId;

/// Receives everything that the stack lets out.
///
/// Octets are borrowed for the time of the call. Every method but [`Sink::transmit`] may be left out.
pub trait Sink {
    /// A datagram leaves by `interface` for the station that `destination` names.
    fn transmit(&mut self, interface: InterfaceId, destination: LinkDestination, datagram: &[u8]);

    /// A datagram was discarded. `datagram` starts with the IP header as it stood at that moment; it may be malformed.
    fn discard(&mut self, reason: DropReason, datagram: &[u8]) {
        let _ = (reason, datagram);
    }

    /// A socket received `data` from `source` (port 0 where the protocol has none): the payload of UDP, the whole
    /// datagram for a raw socket, the ICMP message for a ping socket.
    fn deliver(&mut self, socket: SocketId, source: SocketAddrV4, data: &[u8]) {
        let _ = (socket, source, data);
    }

    /// A socket has an error to report.
    fn socket_error(&mut self, socket: SocketId, error: &SocketError) {
        let _ = (socket, error);
    }

    /// Whether [`Sink::decide`] is to be called. Without it the decision log costs nothing.
    fn wants_decisions(&self) -> bool {
        false
    }

    /// A rule fired.
    fn decide(&mut self, decision: Decision) {
        let _ = decision;
    }

    /// A tracked connection entered, changed or left the table.
    fn conntrack_event(&mut self, event: &ConntrackEvent) {
        let _ = event;
    }
}

/// A sink that lets everything go.
#[derive(Clone, Copy, Debug, Default)]
pub struct Void;

impl Sink for Void {
    fn transmit(&mut self, _: InterfaceId, _: LinkDestination, _: &[u8]) {}
}

/// The station on the link that a datagram is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkDestination {
    /// The station with this address on the link.
    Station(Ipv4Addr),
    /// All stations.
    Broadcast,
    /// The stations of this group.
    Multicast(Ipv4Addr),
}

/// An error that a socket reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketError {
    /// What `SO_ERROR` or the failing call gives.
    pub errno: Errno,
    /// The entry of the error queue, when the socket asked for one (`IP_RECVERR`).
    pub queued: Option<QueuedError>,
}

/// Who made the error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ErrorOrigin {
    /// This system.
    Local = 1,
    /// An ICMP message.
    Icmp = 2,
}

/// An entry of a socket's error queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedError {
    /// Who made it.
    pub origin: ErrorOrigin,
    /// ICMP type; 0 for a local error.
    pub icmp_type: u8,
    /// ICMP code; 0 for a local error.
    pub icmp_code: u8,
    /// MTU, pointer or gateway.
    pub info: u32,
    /// Where an RFC 4884 extension structure starts (low 16 bits) and flags.
    pub data: u32,
    /// Source of the ICMP message; 0.0.0.0 for a local error.
    pub offender: Ipv4Addr,
    /// Destination of the quoted datagram, or of the one that could not be sent.
    pub name: SocketAddrV4,
    /// Quoted octets.
    pub payload: Vec<u8>,
}

/// What happened to a tracked connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConntrackEventKind {
    /// Entered the table.
    New,
    /// Changed.
    Update,
    /// Left the table.
    Destroy,
}

/// One half of a tracked connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConntrackTuple {
    /// Source address.
    pub source: Ipv4Addr,
    /// Destination address.
    pub destination: Ipv4Addr,
    /// Source port, ICMP identifier or GRE key.
    pub source_id: u16,
    /// Destination port, ICMP type × 256 + code, or GRE key.
    pub destination_id: u16,
}

/// A change of a tracked connection, as ctnetlink would tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConntrackEvent {
    /// What happened.
    pub kind: ConntrackEventKind,
    /// Protocol number.
    pub protocol: u8,
    /// Tuple of the direction that opened it.
    pub original: ConntrackTuple,
    /// Tuple of the answers, after translation.
    pub reply: ConntrackTuple,
    /// Remaining life in whole seconds; `None` when it left.
    pub timeout_s: Option<u32>,
    /// Status bits `IPS_*`.
    pub status: u32,
    /// TCP state by name.
    pub tcp_state: Option<&'static str>,
    /// Zone.
    pub zone: u16,
    /// Packets and octets, original then reply direction, when accounting is on.
    pub accounting: Option<[(u64, u64); 2]>,
}
