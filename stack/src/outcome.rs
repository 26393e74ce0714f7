//! The fate of a datagram, as a value.

use core::fmt;

use crate::drop_reason::DropReason;
use crate::errno::Errno;

/// What became of a datagram that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Given to a local protocol, which took it.
    Delivered,
    /// Sent on.
    Forwarded,
    /// A fragment was kept; its datagram still has a hole.
    Held,
    /// A hook took it.
    Stolen,
    /// Discarded, and what its source is told: an ICMP error, or the rule that forbids one.
    Dropped {
        /// Why.
        reason: DropReason,
        /// What the source is told.
        notice: NoticeFate,
    },
}

/// What the source of a discarded datagram is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeFate {
    /// Nothing: no clause asks for an error.
    NotDue,
    /// This error.
    Sent(Notice),
    /// An error was due, and this rule withheld it.
    Withheld(Notice, Withheld),
}

/// An ICMP error to be sent about a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Notice {
    /// ICMP type.
    pub icmp_type: u8,
    /// ICMP code.
    pub code: u8,
    /// The word behind the checksum: MTU, pointer or gateway.
    pub word: u32,
}

impl Notice {
    /// A Destination Unreachable.
    pub const fn unreachable(code: u8) -> Self {
        Self { icmp_type: 3, code, word: 0 }
    }

    /// Protocol Unreachable. RFC 1122 §3.2.2.1.
    pub const PROTOCOL_UNREACHABLE: Self = Self::unreachable(2);
    /// Port Unreachable. RFC 1122 §4.1.3.1.
    pub const PORT_UNREACHABLE: Self = Self::unreachable(3);
    /// Source Route Failed. RFC 792 "Destination Unreachable Message".
    pub const SOURCE_ROUTE_FAILED: Self = Self::unreachable(5);
    /// Time to Live exceeded in Transit. RFC 1812 §5.3.1.
    pub const TTL_EXCEEDED: Self = Self { icmp_type: 11, code: 0, word: 0 };
    /// Fragment Reassembly Time Exceeded. RFC 1122 §3.3.2.
    pub const REASSEMBLY_TIMEOUT: Self = Self { icmp_type: 11, code: 1, word: 0 };

    /// Fragmentation Needed, with the MTU of the next hop. RFC 1191 §4.
    pub const fn fragmentation_needed(mtu: u32) -> Self {
        Self { icmp_type: 3, code: 4, word: mtu & 0xffff }
    }

    /// Parameter Problem pointing at an octet of the header. RFC 792 "Parameter Problem Message".
    pub const fn parameter_problem(pointer: u8) -> Self {
        Self { icmp_type: 12, code: 0, word: (pointer as u32) << 24 }
    }

    /// Redirect for the host. RFC 1812 §5.2.7.2.
    pub const fn redirect(gateway: core::net::Ipv4Addr) -> Self {
        Self { icmp_type: 5, code: 1, word: gateway.to_bits() }
    }
}

macro_rules! withheld {
    ($($variant:ident, $clause:literal, $text:literal;)*) => {
        /// The rule that withheld an ICMP error.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Withheld { $(#[doc = concat!($text, ". ", $clause, ".")] $variant,)* }

        impl Withheld {
            /// Every rule.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The variant's name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)* }
            }

            /// The clause it comes from.
            pub const fn clause(self) -> &'static str {
                match self { $(Self::$variant => $clause,)* }
            }

            /// The rule, in one line.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

withheld! {
    NotRouted, "RFC 1812 §4.3.2.7", "the offending datagram has no route";
    LinkMulticast, "RFC 1122 §3.2.2", "the offending datagram came in a link-layer broadcast or multicast";
    ToBroadcast, "RFC 1122 §3.2.2", "the offending datagram was addressed to broadcast or multicast";
    LaterFragment, "RFC 1122 §3.2.2", "the offending datagram is a fragment other than the first";
    AboutError, "RFC 1122 §3.2.2", "the offending datagram is an ICMP error or of an unknown ICMP type";
    FromBroadcast, "RFC 1122 §3.2.2", "the source of the offending datagram is no single host";
    ErrorRouteLimit, "RFC 1812 §4.3.2.8", "the limit for error routes is used up";
    GlobalLimit, "RFC 1812 §4.3.2.8", "the limit of all messages is used up";
    HostLimit, "RFC 1812 §4.3.2.8", "the limit of this destination is used up";
    OptionsDoNotFit, "RFC 1122 §3.2.2.6", "the options of the offending datagram cannot be answered";
    NoWayBack, "RFC 1812 §4.3.2.4", "there is no route to the source";
    NoRoomToQuote, "RFC 1122 §3.2.2", "the path is too narrow for a quote";
    NoBuffer, "RFC 1122 §3.2.2.6", "the reply needs more fragments than there is memory for";
    Filtered, "RFC 2979 §1", "a rule discarded the error itself";
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// A refusal on the way: the reason, and the error that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: DropReason,
    pub(crate) notice: Option<Notice>,
    /// What a socket that sent it is told, where the reason alone does not tell.
    pub(crate) errno: Option<Errno>,
}

impl Refusal {
    /// A refusal whose source is told.
    pub(crate) const fn with(reason: DropReason, notice: Notice) -> Self {
        Self { reason, notice: Some(notice), errno: None }
    }

    /// A refusal of which the socket that sent the datagram is told `errno`.
    pub(crate) const fn told(reason: DropReason, errno: Errno) -> Self {
        Self { reason, notice: None, errno: Some(errno) }
    }

    /// What sending comes to for a socket.
    ///
    /// # Errors
    /// What the socket is told, if it is.
    pub(crate) fn of_sending(self) -> Result<(), Errno> {
        match self.reason {
            // That it stays here was wished.
            DropReason::MulticastStaysHere => Ok(()),
            DropReason::OutputFragmentationNeeded => Err(Errno::MessageSize),
            _ => Err(self.errno.unwrap_or(Errno::NotPermitted)),
        }
    }
}

impl From<DropReason> for Refusal {
    fn from(reason: DropReason) -> Self {
        Self { reason, notice: None, errno: None }
    }
}
