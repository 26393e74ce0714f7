//! Local sockets: raw, ping, UDP and a minimal TCP endpoint, each with an error queue.
//!
//! What arrives goes to the sink at once: a socket holds no received data.

mod deliver;
mod operate;
mod report;
mod send;
mod table;
pub(crate) mod tcp;

use alloc::vec::Vec;
use core::net::SocketAddrV4;

pub(crate) use table::{Socket, SocketOptions, Sockets};

use crate::errno::Errno;
use crate::wire::Protocol;

/// The protocol number of a raw socket that makes its own headers (`IPPROTO_RAW`).
const ANY_PROTOCOL: u8 = 255;

/// A socket of one stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u16);

/// Kind of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SocketKind {
    /// Datagrams over UDP.
    Udp,
    /// A TCP endpoint: listens unless it connects.
    Tcp,
    /// Echo requests and their replies.
    Ping,
    /// Whole datagrams of a protocol number.
    Raw(u8),
}

/// When path MTU discovery sets DF and what happens to what is too big (`IP_MTU_DISCOVER`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PathMtuDiscovery {
    /// Never DF; fragmented.
    Dont = 0,
    /// DF while it fits; fragmented otherwise.
    Want = 1,
    /// Always DF; refused when too big.
    Do = 2,
    /// Always DF; only the interface MTU counts.
    Probe = 3,
    /// Never DF; only the interface MTU counts, refused when too big.
    Interface = 4,
    /// Never DF; only the interface MTU counts, fragmented.
    Omit = 5,
}

/// An option of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SocketOption {
    /// `IP_RECVERR`: keep an error queue.
    ReceiveErrors(bool),
    /// `IP_RECVERR_RFC4884`: tell where extension structures start.
    ReceiveErrorsRfc4884(bool),
    /// `IP_MTU_DISCOVER`.
    PathMtuDiscovery(PathMtuDiscovery),
    /// `IP_TTL`; `None` is the default.
    Ttl(Option<u8>),
    /// `IP_TOS`.
    Tos(u8),
    /// `IP_HDRINCL`: the caller makes the header.
    HeaderIncluded(bool),
    /// `IP_ROUTER_ALERT`.
    RouterAlert(bool),
    /// `ICMP_FILTER`: types to leave out, one bit each.
    IcmpFilter(u32),
    /// `SO_BROADCAST`.
    Broadcast(bool),
    /// `IP_MULTICAST_TTL`.
    MulticastTtl(u8),
    /// `IP_MULTICAST_LOOP`.
    MulticastLoop(bool),
    /// `IP_NODEFRAG`.
    NoDefragment(bool),
}

impl SocketOption {
    /// The option that the scenario calls `name`, set to `value`.
    ///
    /// # Errors
    /// `Errno::NoProtocolOption` if there is none, `Errno::Invalid` if it does not take the value.
    pub fn by_name(name: &str, value: i64) -> Result<Self, Errno> {
        let octet = u8::try_from(value).map_err(|_| Errno::Invalid);
        let flag = value != 0;
        Ok(match name {
            "recverr" => Self::ReceiveErrors(flag),
            "recverr-rfc4884" if (0..=1).contains(&value) => Self::ReceiveErrorsRfc4884(flag),
            "pmtudisc" => Self::PathMtuDiscovery(PathMtuDiscovery::try_from(value)?),
            "ttl" if value == -1 => Self::Ttl(None),
            "ttl" if (1..=255).contains(&value) => Self::Ttl(Some(octet?)),
            "tos" => Self::Tos(value as u8),
            "hdrincl" => Self::HeaderIncluded(flag),
            "router-alert" => Self::RouterAlert(flag),
            "icmp-filter" => Self::IcmpFilter(value as u32),
            "broadcast" => Self::Broadcast(flag),
            "multicast-ttl" if value == -1 => Self::MulticastTtl(1),
            "multicast-ttl" => Self::MulticastTtl(octet?),
            "multicast-loop" => Self::MulticastLoop(flag),
            "nodefrag" => Self::NoDefragment(flag),
            "recverr-rfc4884" | "ttl" => return Err(Errno::Invalid),
            _ => return Err(Errno::NoProtocolOption),
        })
    }
}

impl SocketOption {
    /// Whether a socket of `kind` with `options` takes it.
    ///
    /// # Errors
    /// What setting it gives instead.
    pub(crate) fn check(self, kind: SocketKind, options: &SocketOptions) -> Result<(), Errno> {
        let is_raw = matches!(kind, SocketKind::Raw(_));
        match self {
            Self::HeaderIncluded(_) | Self::NoDefragment(_) | Self::IcmpFilter(_) if !is_raw => {
                Err(Errno::NoProtocolOption)
            }
            Self::IcmpFilter(_) if kind != SocketKind::Raw(Protocol::Icmp.into()) => Err(Errno::NotSupported),
            // Who has no protocol of his own is handed nothing. Those that wait stand in a list, each once.
            Self::RouterAlert(_) if !is_raw || kind == SocketKind::Raw(ANY_PROTOCOL) => Err(Errno::Invalid),
            Self::RouterAlert(true) if options.router_alert => Err(Errno::AddressInUse),
            Self::RouterAlert(false) if !options.router_alert => Err(Errno::NoBuffers),
            _ => Ok(()),
        }
    }
}

impl TryFrom<i64> for PathMtuDiscovery {
    type Error = Errno;

    fn try_from(value: i64) -> Result<Self, Errno> {
        Ok(match value {
            0 => Self::Dont,
            1 => Self::Want,
            2 => Self::Do,
            3 => Self::Probe,
            4 => Self::Interface,
            5 => Self::Omit,
            _ => return Err(Errno::Invalid),
        })
    }
}

/// How to open a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketConfig {
    /// Kind.
    pub kind: SocketKind,
    /// Bound to.
    pub local: Option<SocketAddrV4>,
    /// Connected to.
    pub peer: Option<SocketAddrV4>,
    /// Options, set in order before it is bound and connected.
    pub options: Vec<SocketOption>,
}
