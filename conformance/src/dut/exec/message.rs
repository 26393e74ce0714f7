//! The messages of the protocol: what a datagram holds.
//!
//! `PROTOCOL.md` beside this file says the same to those who write a program in another language.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::dut::Clock;
use crate::model::observation::{QueuedError, TrackedTuple};
use crate::model::{
    ConntrackEntry, ConntrackEvent, ConntrackEventKind, Delivery, Dimension, Drop, Observation, Scenario,
    SocketAction, SocketError,
};

/// Version of the protocol.
pub(super) const VERSION: u32 = 1;

/// First octet of a datagram that holds a frame. One that holds JSON begins with `{`.
pub(super) const FRAME: u8 = 0;
/// Octets before a frame: kind, interface, two of zero, milliseconds since midnight, nanoseconds of the clock.
pub(super) const FRAME_HEADER: usize = 16;

/// The header of a frame on `interface` at `clock`.
pub(super) fn frame_header(interface: u8, clock: Clock) -> [u8; FRAME_HEADER] {
    let mut header = [0; FRAME_HEADER];
    (header[0], header[1]) = (FRAME, interface);
    header[4..8].copy_from_slice(&clock.midnight_ms.to_be_bytes());
    header[8..].copy_from_slice(&nanoseconds(clock.monotonic).to_be_bytes());
    header
}

/// Interface, clock and octets of a datagram that holds a frame; `None` if it does not.
pub(super) fn parse_frame(datagram: &[u8]) -> Option<(u8, Clock, &[u8])> {
    let (header, octets) = datagram.split_first_chunk::<FRAME_HEADER>()?;
    let [FRAME, interface, _, _, a, b, c, d, rest @ ..] = *header else { return None };
    let monotonic = Duration::from_nanos(u64::from_be_bytes(rest));
    Some((interface, Clock { monotonic, midnight_ms: u32::from_be_bytes([a, b, c, d]) }, octets))
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// What the harness asks for, other than by sending a frame.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Request {
    /// Who are you?
    Hello {
        /// Version of the protocol that the harness speaks.
        protocol: u32,
    },
    /// Start afresh in a scenario.
    Open(Box<Scenario>),
    /// Let time pass.
    Advance {
        /// Since `open`, for those whose clock cannot be set.
        at_ns: u64,
        /// Until when.
        clock: Moment,
    },
    /// Do something on a socket.
    Socket {
        /// Number in the scenario.
        socket: usize,
        /// When.
        clock: Moment,
        /// What.
        action: Action,
    },
    /// Tell all counters.
    Counters {},
    /// Tell the tracking table.
    Conntrack {},
}

impl Request {
    /// The request in a few words.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "who it is",
            Self::Open(_) => "to open a scenario",
            Self::Advance { .. } => "to let time pass",
            Self::Socket { .. } => "to use a socket",
            Self::Counters {} => "for its counters",
            Self::Conntrack {} => "for its tracked connections",
        }
    }
}

/// Who a program is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Hello {
    /// Version of the protocol that the program speaks.
    pub(super) protocol: u32,
    /// Name of the stack.
    pub(super) name: String,
    /// Its version.
    pub(super) version: String,
    /// What can be observed; frames if it does not say.
    #[serde(default = "frames_only")]
    pub(super) dimensions: Vec<Dimension>,
    /// Whether its counters may be asked for after every frame.
    #[serde(default)]
    pub(super) cheap_counters: bool,
}

fn frames_only() -> Vec<Dimension> {
    vec![Dimension::Frames]
}

/// A [`Clock`].
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Moment {
    monotonic_ns: u64,
    midnight_ms: u32,
}

impl From<Clock> for Moment {
    fn from(clock: Clock) -> Self {
        Self { monotonic_ns: nanoseconds(clock.monotonic), midnight_ms: clock.midnight_ms }
    }
}

impl From<Moment> for Clock {
    fn from(moment: Moment) -> Self {
        Self { monotonic: Duration::from_nanos(moment.monotonic_ns), midnight_ms: moment.midnight_ms }
    }
}

/// A [`SocketAction`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) enum Action {
    /// Send to `to`, or to the peer.
    Send {
        /// Destination.
        to: Option<SocketAddrV4>,
        /// Payload.
        data: Hex,
    },
    /// Connect.
    Connect {
        /// The peer.
        to: SocketAddrV4,
    },
    /// Set an option.
    SetOption {
        /// Name.
        name: String,
        /// New value.
        value: i64,
    },
    /// Close.
    Close,
}

impl From<&SocketAction> for Action {
    fn from(action: &SocketAction) -> Self {
        match action {
            SocketAction::Send { to, data } => Self::Send { to: *to, data: Hex(data.clone()) },
            SocketAction::Connect { to } => Self::Connect { to: *to },
            SocketAction::SetOption { name, value } => Self::SetOption { name: name.clone(), value: *value },
            SocketAction::Close => Self::Close,
        }
    }
}

impl From<Action> for SocketAction {
    fn from(action: Action) -> Self {
        match action {
            Action::Send { to, data } => Self::Send { to, data: data.0 },
            Action::Connect { to } => Self::Connect { to },
            Action::SetOption { name, value } => Self::SetOption { name, value },
            Action::Close => Self::Close,
        }
    }
}

/// The end of every answer.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Answer {
    /// It cannot do what was asked, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unsupported: Option<String>,
    /// It should be able to but failed, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failed: Option<String>,
    /// The link layer would not take the frame, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refused: Option<String>,
    /// What sockets received.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) deliveries: Vec<WireDelivery>,
    /// What sockets reported.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) socket_errors: Vec<WireSocketError>,
    /// What was dropped.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) drops: Vec<WireDrop>,
    /// What happened to tracked connections.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) conntrack_events: Vec<WireEvent>,
    /// When it took the step, by its own clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) clock: Option<Moment>,
    /// All counters that are not zero.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) counters: Option<BTreeMap<String, i64>>,
    /// The tracking table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) conntrack: Option<Vec<WireEntry>>,
}

impl Answer {
    /// What `observation` holds besides frames.
    pub(super) fn of(observation: &Observation) -> Self {
        Self {
            refused: observation.refused.clone(),
            deliveries: observation.deliveries.iter().map(WireDelivery::from).collect(),
            socket_errors: observation.socket_errors.iter().map(WireSocketError::from).collect(),
            drops: observation.drops.iter().map(WireDrop::from).collect(),
            conntrack_events: observation.conntrack_events.iter().map(WireEvent::from).collect(),
            ..Self::default()
        }
    }

    /// An answer with a tracking table.
    pub(super) fn with_table(table: &[ConntrackEntry]) -> Self {
        Self { conntrack: Some(table.iter().map(WireEntry::from).collect()), ..Self::default() }
    }

    /// Adds to `observation` what the answer holds besides frames.
    pub(super) fn put_into(self, observation: &mut Observation) {
        observation.refused = self.refused.or(observation.refused.take());
        observation.deliveries.extend(self.deliveries.into_iter().map(Delivery::from));
        observation.socket_errors.extend(self.socket_errors.into_iter().map(SocketError::from));
        observation.drops.extend(self.drops.into_iter().map(Drop::from));
        observation.conntrack_events.extend(self.conntrack_events.into_iter().map(ConntrackEvent::from));
    }

    /// The tracking table, if there is one in the answer.
    pub(super) fn table(self) -> Option<Vec<ConntrackEntry>> {
        Some(self.conntrack?.into_iter().map(ConntrackEntry::from).collect())
    }
}

/// Octets, written as hexadecimal digits.
#[derive(Debug, Default)]
pub(super) struct Hex(pub(super) Vec<u8>);

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(2 * self.0.len());
        for octet in &self.0 {
            let _ = write!(text, "{octet:02x}");
        }
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digit = |octet: u8| char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let pair = |pair: &[u8]| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        };
        let octets: Option<Vec<u8>> = text.as_bytes().chunks(2).map(pair).collect();
        octets.map(Self).ok_or_else(|| de::Error::custom("octets are pairs of hexadecimal digits"))
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WireDelivery {
    socket: usize,
    source: SocketAddrV4,
    data: Hex,
}

impl From<&Delivery> for WireDelivery {
    fn from(it: &Delivery) -> Self {
        Self { socket: it.socket, source: it.source, data: Hex(it.data.clone()) }
    }
}

impl From<WireDelivery> for Delivery {
    fn from(it: WireDelivery) -> Self {
        Self { socket: it.socket, source: it.source, data: it.data.0 }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WireSocketError {
    socket: usize,
    errno: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    queued: Option<WireQueued>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WireQueued {
    origin: u8,
    icmp_type: u8,
    icmp_code: u8,
    info: u32,
    data: u32,
    offender: Ipv4Addr,
    name: SocketAddrV4,
    payload: Hex,
}

impl From<&SocketError> for WireSocketError {
    fn from(it: &SocketError) -> Self {
        let queued = it.queued.as_ref().map(|queued| WireQueued {
            origin: queued.origin,
            icmp_type: queued.icmp_type,
            icmp_code: queued.icmp_code,
            info: queued.info,
            data: queued.data,
            offender: queued.offender,
            name: queued.name,
            payload: Hex(queued.payload.clone()),
        });
        Self { socket: it.socket, errno: it.errno.clone(), queued }
    }
}

impl From<WireSocketError> for SocketError {
    fn from(it: WireSocketError) -> Self {
        let queued = it.queued.map(|queued| QueuedError {
            origin: queued.origin,
            icmp_type: queued.icmp_type,
            icmp_code: queued.icmp_code,
            info: queued.info,
            data: queued.data,
            offender: queued.offender,
            name: queued.name,
            payload: queued.payload.0,
        });
        Self { socket: it.socket, errno: it.errno, queued }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WireDrop {
    reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    location: Option<String>,
}

impl From<&Drop> for WireDrop {
    fn from(it: &Drop) -> Self {
        Self { reason: it.reason.to_string(), location: it.location.as_ref().map(ToString::to_string) }
    }
}

impl From<WireDrop> for Drop {
    fn from(it: WireDrop) -> Self {
        Self { reason: it.reason.into(), location: it.location.map(Into::into) }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WireTuple {
    source: Ipv4Addr,
    destination: Ipv4Addr,
    source_id: u16,
    destination_id: u16,
}

impl From<TrackedTuple> for WireTuple {
    fn from(it: TrackedTuple) -> Self {
        let TrackedTuple { source, destination, source_id, destination_id } = it;
        Self { source, destination, source_id, destination_id }
    }
}

impl From<WireTuple> for TrackedTuple {
    fn from(it: WireTuple) -> Self {
        let WireTuple { source, destination, source_id, destination_id } = it;
        Self { source, destination, source_id, destination_id }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WireEntry {
    protocol: u8,
    original: WireTuple,
    reply: WireTuple,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout_s: Option<u32>,
    status: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tcp_state: Option<String>,
    #[serde(default)]
    zone: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accounting: Option<[(u64, u64); 2]>,
}

impl From<&ConntrackEntry> for WireEntry {
    fn from(it: &ConntrackEntry) -> Self {
        Self {
            protocol: it.protocol,
            original: it.original.into(),
            reply: it.reply.into(),
            timeout_s: it.timeout_s,
            status: it.status,
            tcp_state: it.tcp_state.clone(),
            zone: it.zone,
            accounting: it.accounting,
        }
    }
}

impl From<WireEntry> for ConntrackEntry {
    fn from(it: WireEntry) -> Self {
        Self {
            protocol: it.protocol,
            original: it.original.into(),
            reply: it.reply.into(),
            timeout_s: it.timeout_s,
            status: it.status,
            tcp_state: it.tcp_state,
            zone: it.zone,
            accounting: it.accounting,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum WireEvent {
    New(WireEntry),
    Update(WireEntry),
    Destroy(WireEntry),
}

impl From<&ConntrackEvent> for WireEvent {
    fn from(it: &ConntrackEvent) -> Self {
        let entry = WireEntry::from(&it.entry);
        match it.kind {
            ConntrackEventKind::New => Self::New(entry),
            ConntrackEventKind::Update => Self::Update(entry),
            ConntrackEventKind::Destroy => Self::Destroy(entry),
        }
    }
}

impl From<WireEvent> for ConntrackEvent {
    fn from(it: WireEvent) -> Self {
        let (kind, entry) = match it {
            WireEvent::New(entry) => (ConntrackEventKind::New, entry),
            WireEvent::Update(entry) => (ConntrackEventKind::Update, entry),
            WireEvent::Destroy(entry) => (ConntrackEventKind::Destroy, entry),
        };
        Self { kind, entry: entry.into() }
    }
}
