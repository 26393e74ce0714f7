//! From the stack's effects to observations.

use std::net::SocketAddrV4;

use netassay_stack::decision::Decision;
use netassay_stack::drop_reason::DropReason;
use netassay_stack::interface::InterfaceId;
use netassay_stack::sink::{self, LinkDestination, Sink};
use netassay_stack::socket::SocketId;

use super::Link;
use crate::model::observation::QueuedError;
use crate::model::{Delivery, Drop, EmittedFrame, LinkKind, Observation, SocketError};

/// Writes what the stack lets out into an observation.
pub(super) struct Collector<'c> {
    links: &'c [Link],
    sockets: &'c [Option<SocketId>],
    observation: &'c mut Observation,
    log: Option<&'c mut Vec<Decision>>,
}

impl<'c> Collector<'c> {
    pub(super) fn new(
        links: &'c [Link],
        sockets: &'c [Option<SocketId>],
        observation: &'c mut Observation,
        log: Option<&'c mut Vec<Decision>>,
    ) -> Self {
        Self { links, sockets, observation, log }
    }

    /// The scenario's number of a socket.
    fn number(&self, socket: SocketId) -> usize {
        // A socket that was accepted from a listener has none of its own and speaks for the last one opened.
        self.sockets
            .iter()
            .position(|known| *known == Some(socket))
            .unwrap_or(self.sockets.len().saturating_sub(1))
    }
}

impl Sink for Collector<'_> {
    fn transmit(&mut self, interface: InterfaceId, destination: LinkDestination, datagram: &[u8]) {
        let Some(position) = interface.position() else { return };
        let link = self.links[position];
        let mut octets = Vec::with_capacity(datagram.len() + super::ETHERNET);
        if link.kind == LinkKind::Ethernet {
            octets.extend(link_address(destination, link.address));
            octets.extend(link.address);
            octets.extend([8, 0]);
        }
        octets.extend_from_slice(datagram);
        self.observation.frames.push(EmittedFrame { interface: position, octets });
    }

    fn discard(&mut self, reason: DropReason, _: &[u8]) {
        if let Some(name) = reason.linux_name() {
            let location = Some(reason.name().into());
            self.observation.drops.push(Drop { reason: name.into(), location });
        }
    }

    fn deliver(&mut self, socket: SocketId, source: SocketAddrV4, data: &[u8]) {
        let socket = self.number(socket);
        self.observation.deliveries.push(Delivery { socket, source, data: data.to_vec() });
    }

    fn socket_error(&mut self, socket: SocketId, error: &sink::SocketError) {
        let queued = error.queued.as_ref().map(|queued| QueuedError {
            origin: queued.origin as u8,
            icmp_type: queued.icmp_type,
            icmp_code: queued.icmp_code,
            info: queued.info,
            data: queued.data,
            offender: queued.offender,
            name: queued.name,
            payload: queued.payload.clone(),
        });
        let (socket, errno) = (self.number(socket), error.errno.name().to_owned());
        self.observation.socket_errors.push(SocketError { socket, errno, queued });
    }

    fn conntrack_event(&mut self, event: &sink::ConntrackEvent) {
        self.observation.conntrack_events.push(super::tracking::event(event));
    }

    fn wants_decisions(&self) -> bool {
        self.log.is_some()
    }

    fn decide(&mut self, decision: Decision) {
        if let Some(log) = &mut self.log {
            log.push(decision);
        }
    }
}

/// The hardware address that a frame is sent to. Without ARP every station has the interface's own address, as in
/// Linux; groups have theirs. RFC 1112 §6.4.
fn link_address(destination: LinkDestination, own: [u8; 6]) -> [u8; 6] {
    match destination {
        LinkDestination::Station(_) | LinkDestination::Broadcast => own,
        LinkDestination::Multicast(group) => {
            let [_, b, c, d] = group.octets();
            [0x01, 0x00, 0x5e, b & 0x7f, c, d]
        }
    }
}
