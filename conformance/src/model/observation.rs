//! What a DUT lets out at a step, as data.

use std::borrow::Cow;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::scenario::{Role, Scenario};

/// One kind of thing that can be observed. Each DUT says which it offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dimension {
    /// Frames emitted, per interface.
    Frames,
    /// Payloads delivered to local sockets.
    Deliveries,
    /// Errors reported on local sockets and their error queues.
    SocketErrors,
    /// MIB counter differences.
    Counters,
    /// Reasons for which packets were dropped.
    Drops,
    /// Connection tracking entries and events.
    Conntrack,
}

impl Dimension {
    /// All six.
    pub const ALL: [Self; 6] =
        [Self::Frames, Self::Deliveries, Self::SocketErrors, Self::Counters, Self::Drops, Self::Conntrack];

    /// The name used in files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Frames => "frames",
            Self::Deliveries => "deliveries",
            Self::SocketErrors => "socket-errors",
            Self::Counters => "counters",
            Self::Drops => "drops",
            Self::Conntrack => "conntrack",
        }
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of [`Dimension`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dimensions(u8);

impl Dimensions {
    /// None.
    pub const NONE: Self = Self(0);
    /// All six.
    pub const ALL: Self = Self(0b11_1111);

    /// The set with `dimension` added.
    #[must_use]
    pub const fn with(self, dimension: Dimension) -> Self {
        Self(self.0 | 1 << dimension as u8)
    }

    /// The set with `dimension` removed.
    #[must_use]
    pub const fn without(self, dimension: Dimension) -> Self {
        Self(self.0 & !(1 << dimension as u8))
    }

    /// What both sets have.
    #[must_use]
    pub const fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether `dimension` is in the set.
    pub const fn contains(self, dimension: Dimension) -> bool {
        self.0 & 1 << dimension as u8 != 0
    }

    /// The members that say something in `scenario`: connection tracking only where there is any.
    #[must_use]
    pub fn relevant_in(self, scenario: &Scenario) -> Self {
        let tracks = matches!(scenario.role, Role::Conntrack | Role::Nat) || !scenario.rules.is_empty();
        if tracks { self } else { self.without(Dimension::Conntrack) }
    }

    /// The members, in the order of [`Dimension::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Dimension> {
        Dimension::ALL.into_iter().filter(move |dimension| self.contains(*dimension))
    }
}

/// Everything a DUT let out in one step. Counters and conntrack tables are read separately, because they are dear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// Frames emitted, in the order in which each interface gave them; interfaces in scenario order.
    pub frames: Vec<EmittedFrame>,
    /// Payloads that local sockets received.
    pub deliveries: Vec<Delivery>,
    /// Errors that local sockets reported.
    pub socket_errors: Vec<SocketError>,
    /// Packets dropped, in order.
    pub drops: Vec<Drop>,
    /// Connection tracking events, in order.
    pub conntrack_events: Vec<ConntrackEvent>,
    /// The DUT's link layer would not take the frame (a TUN device refuses an empty datagram), with the reason.
    pub refused: Option<String>,
}

impl Observation {
    /// Forgets everything but keeps the buffers.
    pub fn clear(&mut self) {
        self.frames.clear();
        self.deliveries.clear();
        self.socket_errors.clear();
        self.drops.clear();
        self.conntrack_events.clear();
        self.refused = None;
    }
}

/// A frame that left the DUT.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EmittedFrame {
    /// Index of the interface in the scenario, from 0.
    pub interface: usize,
    /// Octets as on that link, see [`super::Action::Inject`].
    pub octets: Vec<u8>,
}

/// A packet that the DUT dropped.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Drop {
    /// The reason's name as the tracepoint `skb:kfree_skb` prints it (`IP_CSUM`, `NOT_SPECIFIED`, …).
    pub reason: Cow<'static, str>,
    /// Where it happened, if the DUT tells (a kernel function); never compared.
    pub location: Option<Cow<'static, str>>,
}

/// A payload that a local socket received.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Delivery {
    /// Index of the socket in the scenario, from 0.
    pub socket: usize,
    /// Where it came from; port 0 where the protocol has none.
    pub source: SocketAddrV4,
    /// What `recvmsg` gave: UDP payload, whole datagram for a raw socket, ICMP message for a ping socket.
    pub data: Vec<u8>,
}

/// An error that a local socket reported, from `SO_ERROR`, a failing call or the error queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SocketError {
    /// Index of the socket in the scenario, from 0.
    pub socket: usize,
    /// Error number by its Linux name (`ECONNREFUSED`, …).
    pub errno: String,
    /// The error queue entry, when the error came from there.
    pub queued: Option<QueuedError>,
}

/// An entry of a socket's error queue (`IP_RECVERR`), field by field as in `struct sock_extended_err`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QueuedError {
    /// 1 local, 2 ICMP.
    pub origin: u8,
    /// ICMP type.
    pub icmp_type: u8,
    /// ICMP code.
    pub icmp_code: u8,
    /// MTU, pointer or gateway, in host order.
    pub info: u32,
    /// RFC 4884 data.
    pub data: u32,
    /// Who sent the ICMP message.
    pub offender: Ipv4Addr,
    /// Destination of the quoted datagram.
    pub name: SocketAddrV4,
    /// Quoted octets handed to the socket.
    pub payload: Vec<u8>,
}

/// One half of a tracked connection: addresses and, by protocol, ports or ICMP type, code and identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackedTuple {
    /// Source address.
    pub source: Ipv4Addr,
    /// Destination address.
    pub destination: Ipv4Addr,
    /// Source port, or ICMP identifier, or GRE key; 0 where the protocol has none.
    pub source_id: u16,
    /// Destination port, or ICMP type × 256 + code, or GRE key; 0 where the protocol has none.
    pub destination_id: u16,
}

/// A tracked connection, as ctnetlink shows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConntrackEntry {
    /// Protocol number.
    pub protocol: u8,
    /// Tuple of the direction that opened it.
    pub original: TrackedTuple,
    /// Tuple of the answers, after translation.
    pub reply: TrackedTuple,
    /// Remaining life in whole seconds; `None` where the DUT does not tell (a DESTROY event).
    pub timeout_s: Option<u32>,
    /// Status bits `IPS_*` as in `nf_conntrack_common.h`.
    pub status: u32,
    /// TCP state by name (`SYN_SENT`, …).
    pub tcp_state: Option<String>,
    /// Zone.
    pub zone: u16,
    /// Packets and octets, original then reply direction, when accounting is on.
    pub accounting: Option<[(u64, u64); 2]>,
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

/// A ctnetlink event.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConntrackEvent {
    /// What happened.
    pub kind: ConntrackEventKind,
    /// To which connection, as it was then.
    pub entry: ConntrackEntry,
}
