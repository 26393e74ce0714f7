//! The points at which packet filter, connection tracking and NAT see every packet.
//!
//! [`Hooks`] holds what is registered. Nothing registered costs one test per hook.

use crate::config::Config;
use crate::counters::Counters;
use crate::drop_reason::DropReason;
use crate::ip::route::Router;
use crate::packet::{Attachment, Packet};
use crate::random::Random;
use crate::sink::Sink;
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

/// What is registered at the hooks.
#[derive(Clone, Debug, Default)]
pub struct Hooks {}

impl Hooks {
    /// Whether anything is registered; if not, [`Hooks::run`] is not called.
    #[inline]
    pub const fn is_active(&self) -> bool {
        false
    }

    /// Whether fragments are to be reassembled before `hook` sees them, and in which zone.
    #[inline]
    pub fn defragments(&self, hook: Hook, packet: &Packet) -> Option<DefragmentZone> {
        let _ = (hook, packet);
        None
    }

    /// Shows `packet` to everything registered at `hook`.
    pub fn run<S: Sink>(
        &mut self,
        hook: Hook,
        packet: &mut Packet,
        context: &mut HookContext<'_>,
        sink: &mut S,
    ) -> HookVerdict {
        let _ = (hook, packet, context, sink);
        HookVerdict::Accept
    }

    /// What an ICMP error about `offending` inherits from it.
    pub fn attachment_of_error(&self, offending: &Packet) -> Attachment {
        let _ = offending;
        Attachment::NONE
    }

    /// When something registered next has to be called.
    pub const fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Lets time pass for what is registered.
    pub fn handle_timeout<S: Sink>(&mut self, context: &mut HookContext<'_>, sink: &mut S) {
        let _ = (context, sink);
    }
}
