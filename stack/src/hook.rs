//! The points at which packet filter, connection tracking and NAT see every packet.
//!
//! [`Hooks`] holds what is registered. Nothing registered costs one test per hook.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;
use core::net::Ipv4Addr;

use crate::config::{Config, Departures, Scope};
use crate::conntrack::{COLLECT_STEP, EventKind, HashKey, Snapshot, Statistics, TcpState, Tracking, Tuple};
use crate::counters::{Counter, Counters};
use crate::drop_reason::DropReason;
use crate::interface::InterfaceId;
use crate::ip::route::Router;
use crate::nat::Addresses;
use crate::netfilter::{Netfilter, NetfilterConfig, Surroundings};
use crate::packet::{Attachment, Packet};
use crate::random::Random;
use crate::sink::{ConntrackEvent, ConntrackEventKind, ConntrackTuple, Sink};
use crate::time::Instant;

/// Where in its passage a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    /// On arrival, validated, before routing. Loopback and looped-back packets come by here as well.
    Prerouting,
    /// Before local delivery, reassembled.
    LocalIn,
    /// Between two interfaces: TTL decremented, MTU checked, options not yet finished.
    Forward,
    /// Made here, routed, header complete.
    LocalOut,
    /// Before leaving, forwarded or made here, not yet fragmented.
    Postrouting,
}

/// What a hook says of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookVerdict {
    /// Go on. The packet may have been rewritten; at [`Hook::LocalOut`] a changed destination is routed anew.
    Accept,
    /// Discard it.
    Drop(DropReason),
    /// Discard it and send its source a Destination Unreachable with this code.
    Reject {
        /// Why it is discarded.
        reason: DropReason,
        /// Code of the Destination Unreachable.
        code: u8,
    },
    /// The hook has taken the octets out of the packet and says nothing more.
    Stolen,
}

/// What a hook may use of the stack around it.
pub struct HookContext<'a> {
    /// Now.
    pub now: Instant,
    /// The configuration.
    pub config: &'a Config,
    /// Addresses and routes, to choose sources for masquerading and the like.
    pub router: &'a Router,
    /// The counters.
    pub counters: &'a mut Counters,
    /// Randomness.
    pub random: &'a mut Random,
}

/// Who takes a look at a packet in connection tracking's reassembly; part of the key of a reassembly queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DefragmentZone(pub u16);

/// What is registered at the hooks: packet filter, connection tracking and NAT, or nothing.
#[derive(Clone, Debug, Default)]
pub struct Hooks {
    netfilter: Option<Box<Netfilter>>,
}

impl Hooks {
    /// What `config` asks for, with `departures` from Linux. `random` gives the secret of the connection table.
    pub fn new(config: &NetfilterConfig, departures: Departures, random: &mut Random) -> Self {
        if config.is_empty() {
            return Self::default();
        }
        let key = HashKey { k0: random.next_u64(), k1: random.next_u64() };
        let renews = departures.translation_renews_identification;
        let first_identification = if renews { random.next_u64() as u16 } else { 0 };
        let netfilter = Netfilter::new(config, key).following(departures, first_identification);
        Self { netfilter: Some(Box::new(netfilter)) }
    }

    /// Packet filter, connection tracking and NAT, if there are any.
    pub fn netfilter(&self) -> Option<&Netfilter> {
        self.netfilter.as_deref()
    }

    /// The same, to change.
    pub fn netfilter_mut(&mut self) -> Option<&mut Netfilter> {
        self.netfilter.as_deref_mut()
    }

    /// Whether anything is registered; if not, [`Hooks::run`] is not called.
    #[inline]
    pub const fn is_active(&self) -> bool {
        self.netfilter.is_some()
    }

    /// Whether fragments are to be reassembled before `hook` sees them, and in which zone.
    #[inline]
    pub fn defragments(&self, hook: Hook, packet: &Packet) -> Option<DefragmentZone> {
        let is_entrance = matches!(hook, Hook::Prerouting | Hook::LocalOut);
        let is_tracked = Tracking::of(packet.conntrack) != Tracking::Untracked;
        let netfilter = self.netfilter.as_ref().filter(|_| is_entrance && is_tracked)?;
        netfilter.defragments().then_some(DefragmentZone(packet.zone))
    }

    /// Shows `packet` to everything registered at `hook`.
    pub fn run<S: Sink>(
        &mut self,
        hook: Hook,
        packet: &mut Packet,
        context: &mut HookContext<'_>,
        sink: &mut S,
    ) -> HookVerdict {
        let Some(netfilter) = self.netfilter.as_deref_mut() else { return HookVerdict::Accept };
        let mut log = Vec::new();
        let outgoing = packet.route.map(|route| (route.outgoing, route.next_hop(packet.destination())));
        let mut around = Surroundings {
            now: context.now,
            random: context.random,
            addresses: context.router,
            outgoing,
            log: sink.wants_decisions().then_some(&mut log),
        };
        let verdict = netfilter.pass(hook, packet, &mut around);
        log.into_iter().for_each(|decision| sink.decide(decision));
        publish(netfilter, context.counters, sink);
        verdict
    }

    /// Whether connection tracking summed up the transport part of a packet when it came in.
    pub fn has_summed(&self, packet: &Packet) -> bool {
        self.netfilter.as_ref().is_some_and(|netfilter| netfilter.has_summed(packet))
    }

    /// Whether translation sends a datagram of ours to another address than it was made for.
    pub fn sends_elsewhere(&self, packet: &Packet) -> bool {
        self.netfilter.as_ref().is_some_and(|netfilter| netfilter.sends_elsewhere(packet))
    }

    /// What an ICMP error about `offending` inherits from it.
    pub fn attachment_of_error(&self, offending: &Packet) -> Attachment {
        Tracking::inherited(offending.conntrack)
    }

    /// When something registered next has to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.netfilter.as_ref()?.conntrack().next_collection()
    }

    /// Lets time pass for what is registered.
    pub fn handle_timeout<S: Sink>(&mut self, context: &mut HookContext<'_>, sink: &mut S) {
        let Some(netfilter) = self.netfilter.as_deref_mut() else { return };
        while !netfilter.conntrack_mut().collect(context.now, COLLECT_STEP) {}
        publish(netfilter, context.counters, sink);
    }
}

impl Addresses for Router {
    fn towards(&self, outgoing: InterfaceId, next_hop: Ipv4Addr) -> Option<Ipv4Addr> {
        let address = self.select_source(outgoing, Some(next_hop), Scope::Global);
        (!address.is_unspecified()).then_some(address)
    }

    fn first_of(&self, interface: InterfaceId) -> Option<Ipv4Addr> {
        self.device(interface)?.primary_address()
    }
}

/// Hands over what connection tracking counted, and its events.
fn publish<S: Sink>(netfilter: &mut Netfilter, counters: &mut Counters, sink: &mut S) {
    let conntrack = netfilter.conntrack_mut();
    if conntrack.statistics != Statistics::default() {
        let counted = mem::take(&mut conntrack.statistics);
        for (counter, amount) in COUNTERS.into_iter().zip(counted.named()) {
            counters.add(counter, amount.1);
        }
    }
    while let Some(event) = conntrack.next_event() {
        sink.conntrack_event(&ConntrackEvent::of(event.kind.into(), &event.entry));
    }
}

/// The counters in the order of [`Statistics::named`].
const COUNTERS: [Counter; 9] = [
    Counter::ConntrackFound,
    Counter::ConntrackInvalid,
    Counter::ConntrackInsert,
    Counter::ConntrackInsertFailed,
    Counter::ConntrackDrop,
    Counter::ConntrackEarlyDrop,
    Counter::ConntrackIcmpError,
    Counter::ConntrackClashResolve,
    Counter::ConntrackChainToolong,
];

impl From<Tuple> for ConntrackTuple {
    fn from(tuple: Tuple) -> Self {
        let Tuple { source, destination, source_id, destination_id, .. } = tuple;
        Self { source, destination, source_id, destination_id }
    }
}

impl From<EventKind> for ConntrackEventKind {
    fn from(kind: EventKind) -> Self {
        match kind {
            EventKind::New => Self::New,
            EventKind::Update => Self::Update,
            EventKind::Destroy => Self::Destroy,
        }
    }
}

impl ConntrackEvent {
    /// What is told of an entry.
    pub fn of(kind: ConntrackEventKind, entry: &Snapshot) -> Self {
        Self {
            kind,
            protocol: entry.original.protocol,
            original: entry.original.into(),
            reply: entry.reply.into(),
            timeout_s: entry.timeout_s,
            status: entry.status.bits(),
            tcp_state: entry.tcp_state.map(TcpState::name),
            zone: entry.zone,
            accounting: entry.accounts.map(|sides| sides.map(|side| (side.packets, side.octets))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_handed_over_by_name() {
        for (counter, (name, _)) in COUNTERS.into_iter().zip(Statistics::default().named()) {
            assert_eq!(counter.name().strip_prefix("Conntrack."), Some(name));
        }
    }
}
