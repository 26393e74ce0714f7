//! What rules see of a packet.

use core::net::Ipv4Addr;

use crate::conntrack::{Tracking, protocol};
use crate::interface::InterfaceId;
use crate::packet::Packet;

/// What rules see of a packet at a hook.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    packet: &'a Packet,
    /// Interface it came in by, as far as the hook knows.
    pub incoming: Option<InterfaceId>,
    /// Interface it leaves by, as far as the hook knows.
    pub outgoing: Option<InterfaceId>,
    /// What connection tracking says.
    pub tracking: Tracking,
}

impl<'a> View<'a> {
    /// The view of `packet` with the interfaces that the hook knows.
    pub fn new(packet: &'a Packet, incoming: Option<InterfaceId>, outgoing: Option<InterfaceId>) -> Self {
        Self { packet, incoming, outgoing, tracking: Tracking::of(packet.conntrack) }
    }

    /// Source address.
    pub fn source(&self) -> Ipv4Addr {
        self.packet.source()
    }

    /// Destination address.
    pub fn destination(&self) -> Ipv4Addr {
        self.packet.destination()
    }

    /// Protocol number.
    pub fn protocol(&self) -> u8 {
        self.packet.protocol()
    }

    /// The 16-bit field at `at` behind the IP header.
    pub fn transport_u16(&self, at: usize) -> Option<u16> {
        match self.transport()?.get(at..at + 2) {
            Some(&[high, low]) => Some(u16::from_be_bytes([high, low])),
            _ => None,
        }
    }

    /// Type of an ICMP message.
    pub fn icmp_type(&self) -> Option<u8> {
        if self.protocol() != protocol::ICMP {
            return None;
        }
        self.transport()?.first().copied()
    }

    /// What follows the IP header, unless the packet is a fragment other than the first.
    fn transport(&self) -> Option<&'a [u8]> {
        (!self.packet.has_offset()).then(|| self.packet.payload())
    }
}
