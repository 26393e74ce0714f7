//! One interface of smoltcp with its device and its sockets.

use std::net::Ipv4Addr;

use smoltcp::iface::{Interface, PollResult, SocketSet};
use smoltcp::time::Instant;

use super::link::Link;
use crate::dut::DutError;
use crate::dut::foreign::{self, ETHERNET};
use crate::model::{LinkKind, Prefix};

/// How often one interface may be asked to go on within a step: more than any answer takes.
const ROUNDS: usize = 10_000;

/// An interface.
pub(super) struct Port {
    pub(super) stack: Interface,
    pub(super) link: Link,
    pub(super) sockets: SocketSet<'static>,
    pub(super) addresses: Vec<Prefix>,
    /// Destinations beyond the subnets, with the gateway where there is one.
    pub(super) gateways: Vec<(Prefix, Option<Ipv4Addr>)>,
    pub(super) is_up: bool,
    /// When it was last asked to go on.
    pub(super) last: Instant,
}

impl Port {
    /// Puts `frame` where the stack will find it; tells why the link layer would not take it.
    pub(super) fn inject(&mut self, frame: &[u8]) -> Option<String> {
        let refusal =
            if self.is_up { foreign::refusal(self.link.kind, frame) } else { Some("EIO".to_owned()) };
        if refusal.is_none() {
            if self.link.kind == LinkKind::Ethernet
                && let Some(source) = frame.get(ETHERNET + 12..ETHERNET + 16)
                && frame[12..ETHERNET] == [8, 0]
            {
                self.introduce(Ipv4Addr::new(source[0], source[1], source[2], source[3]));
            }
            self.link.incoming.push_back(frame.to_vec());
        }
        refusal
    }

    /// Makes `destination`, or the gateway on the way there, known as a neighbor.
    pub(super) fn introduce(&mut self, destination: Ipv4Addr) {
        let is_direct = self.addresses.iter().any(|prefix| prefix.contains(destination));
        let hop = if is_direct { Some(destination) } else { self.gateway(destination) };
        let own = hop.and_then(|hop| self.addresses.iter().find(|prefix| prefix.contains(hop)));
        if let (Some(hop), Some(own)) = (hop, own) {
            self.link.introduce(hop, *own);
        }
    }

    /// The length of the longest prefix by which this interface reaches `destination`.
    pub(super) fn reach(&self, destination: Ipv4Addr) -> Option<u8> {
        let prefixes = self.addresses.iter().chain(self.gateways.iter().map(|(to, _)| to));
        prefixes.filter(|prefix| prefix.contains(destination)).map(|prefix| prefix.length).max()
    }

    fn gateway(&self, destination: Ipv4Addr) -> Option<Ipv4Addr> {
        let fitting = self.gateways.iter().filter(|(to, _)| to.contains(destination));
        fitting.max_by_key(|(to, _)| to.length).and_then(|(_, via)| *via)
    }

    /// Lets the stack go on until `now`, each timer at its own moment, and takes the frames that it sent.
    pub(super) fn run(&mut self, now: Instant) -> Result<Vec<Vec<u8>>, DutError> {
        let mut frames = Vec::new();
        if !self.is_up {
            return Ok(frames);
        }
        // Time does not go back for a stack.
        let now = now.max(self.last);
        for _ in 0..ROUNDS {
            let due = self.stack.poll_at(self.last, &self.sockets).filter(|due| *due <= now);
            let has_input = !self.link.incoming.is_empty();
            let moment = match due {
                _ if has_input => now,
                Some(due) => due.max(self.last),
                None => now,
            };
            self.last = moment;
            let polled = self.stack.poll(moment, &mut self.link, &mut self.sockets);
            let sent = self.link.take();
            let is_idle = sent.is_empty() && polled == PollResult::None && self.link.incoming.is_empty();
            frames.extend(sent);
            let is_stuck = due.is_none_or(|due| due <= moment);
            if moment == now && is_idle && is_stuck {
                return Ok(frames);
            }
        }
        Err(DutError::Gone(format!("smoltcp does not come to rest: it went on {ROUNDS} times in one step")))
    }
}
