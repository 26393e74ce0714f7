//! What arrives for raw and ping sockets.

use alloc::vec::Vec;
use core::net::SocketAddrV4;

use super::SocketId;
use crate::drop_reason::DropReason;
use crate::outcome::Outcome;
use crate::packet::Packet;
use crate::sink::Sink;
use crate::stack::Stack;
use crate::wire::{IcmpView, Protocol};

/// Octets of ICMP that a raw ICMP socket wants to see.
const MIN_FILTERED_LEN: usize = 8;

impl Stack {
    /// Gives a copy of the datagram to every raw socket that wants it; tells whether there was one, even if its filter
    /// then left the datagram out.
    pub(crate) fn deliver_raw<S: Sink>(&mut self, packet: &Packet, sink: &mut S) -> bool {
        if !self.sockets.has_raw() {
            return false;
        }
        let source = SocketAddrV4::new(packet.source(), 0);
        let mut matched = false;
        for (id, socket) in self.sockets.raw(packet.protocol(), packet.destination(), packet.source()) {
            matched = true;
            if packet.protocol() != u8::from(Protocol::Icmp) || passes(packet, socket.options.icmp_filter) {
                sink.deliver(id, source, &packet.octets);
            }
        }
        matched
    }

    /// Shows a datagram with a router alert to the raw sockets that asked for them; tells whether one took it.
    /// RFC 2113 §2.1.
    pub(crate) fn deliver_router_alert<S: Sink>(&mut self, packet: &Packet, sink: &mut S) -> bool {
        let source = SocketAddrV4::new(packet.source(), 0);
        let takers: Vec<SocketId> = self
            .sockets
            .iter()
            .filter(|(_, socket)| {
                socket.kind == super::SocketKind::Raw(packet.protocol()) && socket.options.router_alert
            })
            .map(|(id, _)| id)
            .collect();
        for id in &takers {
            sink.deliver(*id, source, &packet.octets);
        }
        !takers.is_empty()
    }

    /// Whether a raw socket asked for router alerts of this protocol.
    pub(crate) fn wants_router_alert(&self, protocol: u8) -> bool {
        self.sockets.has_raw()
            && self.sockets.iter().any(|(_, socket)| {
                socket.kind == super::SocketKind::Raw(protocol) && socket.options.router_alert
            })
    }

    /// Gives an echo reply to the ping socket that waits for it.
    pub(crate) fn deliver_ping<S: Sink>(
        &mut self,
        packet: &Packet,
        message: &IcmpView<'_>,
        sink: &mut S,
    ) -> Result<Outcome, DropReason> {
        match self.sockets.find_ping(message.identifier(), packet.destination()) {
            Some(id) => {
                sink.deliver(id, SocketAddrV4::new(packet.source(), 0), message.octets());
                Ok(Outcome::Delivered)
            }
            None => Err(DropReason::IcmpNoSocket),
        }
    }
}

/// Whether a raw ICMP socket with this filter sees the message: whole header, and the type not left out.
fn passes(packet: &Packet, filter: u32) -> bool {
    let message = packet.payload();
    message.len() >= MIN_FILTERED_LEN
        && message.first().is_some_and(|icmp_type| *icmp_type >= 32 || filter >> icmp_type & 1 == 0)
}
