//! What fragments of one datagram have in common.

use core::net::Ipv4Addr;

use crate::wire::{Ipv4View, Protocol};

/// For whom a datagram is put together: each user has queues of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FragmentUser {
    /// Local delivery.
    LocalDelivery,
    /// Delivery to sockets that asked for router alerts.
    RouterAlert,
    /// Connection tracking of what comes in, by zone.
    ConntrackIn(u16),
    /// Connection tracking of what goes out, by zone.
    ConntrackOut(u16),
}

/// Identifies the datagram that a fragment belongs to. RFC 791 §2.3, §3.2. Interface, TOS and TTL do not matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReassemblyKey {
    /// Source address.
    pub source: Ipv4Addr,
    /// Destination address.
    pub destination: Ipv4Addr,
    /// Identification.
    pub identification: u16,
    /// Protocol.
    pub protocol: Protocol,
    /// For whom.
    pub user: FragmentUser,
}

impl ReassemblyKey {
    /// Of a fragment.
    pub fn of(fragment: &Ipv4View<'_>, user: FragmentUser) -> Self {
        Self {
            source: fragment.source(),
            destination: fragment.destination(),
            identification: fragment.identification(),
            protocol: fragment.protocol(),
            user,
        }
    }
}
