//! What a protocol's tracker says of a packet. It decides; the connection tracker acts.

/// Why a packet belongs to no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Invalidity {
    /// The transport header does not lie inside the datagram.
    NoTransport,
    /// The protocol's header is too short or malformed to tell the conversation.
    NoTuple,
    /// Nothing answers such a message, and it answers nothing.
    NotInvertible,
    /// An ICMP message of less than 8 octets.
    IcmpShort,
    /// An ICMP message with a wrong checksum.
    IcmpChecksum,
    /// An ICMP type beyond 18.
    IcmpType,
    /// An ICMP error whose quoted datagram is cut off, not a first fragment or not invertible.
    QuoteUnusable,
    /// An ICMP error about a connection that is not known.
    QuoteUnknown,
    /// An ICMP error that is not addressed to the source of the quoted datagram.
    QuoteMisdirected,
    /// An ICMP answer that nobody asked for.
    UnsolicitedAnswer,
    /// UDP or UDP-Lite with an impossible length.
    UdpMalformed,
    /// UDP with a wrong checksum.
    UdpChecksum,
    /// UDP-Lite with a wrong checksum or none.
    UdpLiteChecksum,
    /// SCTP is not tracked.
    Sctp,
    /// ICMPv6 has no place in IPv4.
    Icmpv6,
    /// A TCP header that does not fit its datagram.
    TcpMalformed,
    /// TCP with a wrong checksum.
    TcpChecksum,
    /// TCP flags that do not go together.
    TcpFlags,
    /// A TCP segment that starts no connection.
    TcpNotFirst,
    /// A TCP connection in its middle, and they are not picked up.
    TcpNotLoose,
    /// A TCP segment that the connection's state does not allow.
    TcpState,
    /// A TCP reset below the highest acknowledgment.
    TcpReset,
    /// A TCP segment outside of the window.
    TcpWindow,
}

impl Invalidity {
    /// Whether the checksum over the whole transport part is wrong.
    pub const fn is_checksum(self) -> bool {
        matches!(self, Self::IcmpChecksum | Self::UdpChecksum | Self::TcpChecksum)
    }

    /// The reason in a few words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoTransport => "no transport header",
            Self::NoTuple => "transport header too short",
            Self::NotInvertible => "a message without answer",
            Self::IcmpShort => "short ICMP message",
            Self::IcmpChecksum => "bad ICMP checksum",
            Self::IcmpType => "invalid ICMP type",
            Self::QuoteUnusable => "quoted datagram unusable",
            Self::QuoteUnknown => "error about an unknown connection",
            Self::QuoteMisdirected => "error not addressed to the quoted source",
            Self::UnsolicitedAnswer => "unsolicited ICMP answer",
            Self::UdpMalformed => "truncated or malformed UDP",
            Self::UdpChecksum => "bad UDP checksum",
            Self::UdpLiteChecksum => "bad UDP-Lite checksum",
            Self::Sctp => "SCTP is not tracked",
            Self::Icmpv6 => "ICMPv6 over IPv4",
            Self::TcpMalformed => "truncated TCP",
            Self::TcpChecksum => "bad TCP checksum",
            Self::TcpFlags => "invalid TCP flag combination",
            Self::TcpNotFirst => "TCP segment starts no connection",
            Self::TcpNotLoose => "TCP connection in its middle",
            Self::TcpState => "TCP segment invalid in this state",
            Self::TcpReset => "invalid TCP reset",
            Self::TcpWindow => "TCP segment outside of the window",
        }
    }
}

/// What a protocol's tracker says of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgment {
    /// It belongs to the connection.
    Accept(Progress),
    /// It does not.
    Invalid(Invalidity),
    /// It does not, and what it tells shortens the entry's life.
    Shorten {
        /// New life in seconds.
        seconds: u32,
        /// Why it is invalid.
        why: Invalidity,
    },
    /// The connection is over, and the packet begins a new one.
    Reopen,
}

/// What a packet does to its entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// New life in seconds; `None` leaves it as it is, and the packet is not counted.
    pub(crate) refresh: Option<u32>,
    /// The entry is assured from now on.
    pub(crate) assured: bool,
    /// Something changed that an event reports.
    pub(crate) changed: bool,
    /// The state of a TCP connection changed, which an event reports with it.
    pub(crate) new_state: bool,
    /// The entry ends with this packet.
    pub(crate) ends: bool,
}

impl Progress {
    /// The entry lives `seconds` from now.
    pub(crate) const fn lives(seconds: u32) -> Self {
        Self { refresh: Some(seconds), assured: false, changed: false, new_state: false, ends: false }
    }

    /// The packet passes and leaves no trace.
    pub(crate) const UNTOUCHED: Self =
        Self { refresh: None, assured: false, changed: false, new_state: false, ends: false };
}
