//! The translator at a hook: binds first packets, rewrites all.

use core::net::Ipv4Addr;

use super::choose::Choice;
use super::range::{Binding, Manip, Range};
use super::{related, rewrite};
use crate::conntrack::{Conntrack, Direction, Entry, Relation, Status, Tracked, protocol};
use crate::hook::Hook;
use crate::interface::InterfaceId;
use crate::random::Random;
use crate::time::Instant;

/// The addresses of this system, as far as translation needs them.
pub trait Addresses {
    /// Address that a packet wears that leaves by `outgoing` for the station `next_hop`; `None` if there is none at
    /// all.
    fn towards(&self, outgoing: InterfaceId, next_hop: Ipv4Addr) -> Option<Ipv4Addr>;

    /// First address of an interface.
    fn first_of(&self, interface: InterfaceId) -> Option<Ipv4Addr>;
}

/// A packet of a connection at a hook.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Now.
    pub now: Instant,
    /// The hook.
    pub hook: Hook,
    /// What the packet belongs to.
    pub tracked: Tracked,
    /// Interface it came in by.
    pub incoming: Option<InterfaceId>,
    /// Interface it leaves by, and the station it is sent to there.
    pub outgoing: Option<(InterfaceId, Ipv4Addr)>,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Translation {
    /// It stays as it is.
    Unchanged,
    /// It was rewritten.
    Rewritten,
    /// It has to be discarded.
    Drop,
}

/// The translator: what it borrows for a packet.
pub struct Nat<'a> {
    /// The connections.
    pub conntrack: &'a mut Conntrack,
    /// What chance decides.
    pub random: &'a mut Random,
    /// This system's addresses.
    pub addresses: &'a dyn Addresses,
}

/// The connection has to be refused.
struct Refused;

impl Nat<'_> {
    /// Translates a packet at a hook. The first packet of a connection is bound to what `rule` says.
    pub fn translate(&mut self, request: &Request, octets: &mut [u8], rule: Option<Binding>) -> Translation {
        let Some(manip) = Manip::at(request.hook) else { return Translation::Unchanged };
        let tracked = request.tracked;
        let Some(entry) = self.conntrack.entry(tracked) else { return Translation::Unchanged };
        if tracked.relation == Relation::Related && octets.get(9) == Some(&protocol::ICMP) {
            return match related::translate(entry, tracked.direction, request.hook, manip, octets) {
                Ok(true) => Translation::Rewritten,
                Ok(false) => Translation::Unchanged,
                Err(_) => Translation::Drop,
            };
        }
        let is_decided = entry.status.intersects(manip.done_bit() | Status::CONFIRMED);
        if tracked.relation == Relation::New && !is_decided {
            if self.bind(request, manip, rule).is_err() {
                return Translation::Drop;
            }
        } else if self.has_moved(entry, request) {
            self.conntrack.kill(request.now, tracked);
            return Translation::Drop;
        }
        self.rewrite(tracked, manip, octets)
    }

    /// Whether a masqueraded connection leaves by another interface than the one whose address it wears.
    fn has_moved(&self, entry: &Entry, request: &Request) -> bool {
        let Some(borrowed) = entry.masqueraded_from() else { return false };
        request.hook == Hook::Postrouting
            && request.tracked.direction == Direction::Original
            && request.outgoing.is_some_and(|(interface, _)| interface != borrowed)
    }

    /// Rewrites one end of the packet if the entry says so.
    fn rewrite(&self, tracked: Tracked, manip: Manip, octets: &mut [u8]) -> Translation {
        let Some(entry) = self.conntrack.entry(tracked) else { return Translation::Unchanged };
        if !entry.status.intersects(manip.bit_towards(tracked.direction)) {
            return Translation::Unchanged;
        }
        let Some(target) = entry.tuple(tracked.direction.opposite()).invert() else {
            return Translation::Drop;
        };
        match rewrite::rewrite(octets, 0, target, manip) {
            Ok(()) => Translation::Rewritten,
            Err(rewrite::Unwritable) => Translation::Drop,
        }
    }

    /// Decides for a new connection: by the rule, or that it stays as it is as long as that is unique.
    fn bind(&mut self, request: &Request, manip: Manip, rule: Option<Binding>) -> Result<(), Refused> {
        let mut masquerades = None;
        let range = match rule {
            Some(Binding::To(range)) => Some(range),
            Some(Binding::Masquerade(range)) => {
                let chosen = self.masquerade(request, range)?;
                masquerades = request.outgoing.map(|(interface, _)| interface).filter(|_| chosen.is_some());
                chosen
            }
            Some(Binding::Redirect(range)) => Some(self.redirect(request, range)?),
            None => None,
        };
        let Some(newcomer) = self.conntrack.newcomer(request.tracked) else { return Ok(()) };
        let Some(current) = self.conntrack.entry(request.tracked).and_then(|entry| entry.reply.invert())
        else {
            return Ok(());
        };
        let range = range.unwrap_or_else(|| {
            Range::address(match manip {
                Manip::Source => current.source,
                Manip::Destination => current.destination,
            })
        });
        let mut choice = Choice {
            conntrack: self.conntrack,
            random: self.random,
            now: request.now.jiffies(),
            newcomer,
            range,
            manip,
        };
        let chosen = choice.choose(current);
        self.conntrack.settle_translation(request.tracked, manip.done_bit(), |entry| {
            if chosen != current
                && let Some(reply) = chosen.invert()
            {
                entry.reply = reply;
                entry.status |= manip.bit();
            }
            if let Some(interface) = masquerades {
                entry.masquerade_from(interface);
            }
        });
        Ok(())
    }

    /// The address to masquerade as. A packet without a source is left alone.
    fn masquerade(&self, request: &Request, range: Range) -> Result<Option<Range>, Refused> {
        let source = self.conntrack.entry(request.tracked).map(|entry| entry.original.source);
        if source == Some(Ipv4Addr::UNSPECIFIED) {
            return Ok(None);
        }
        let (interface, next_hop) = request.outgoing.ok_or(Refused)?;
        let address = self.addresses.towards(interface, next_hop).ok_or(Refused)?;
        Ok(Some(Range { addresses: Some((address, address)), ..range }))
    }

    /// The address to redirect to: what is sent from here stays here.
    fn redirect(&self, request: &Request, range: Range) -> Result<Range, Refused> {
        let address = match request.hook {
            Hook::LocalOut => Ipv4Addr::LOCALHOST,
            _ => {
                let interface = request.incoming.ok_or(Refused)?;
                self.addresses.first_of(interface).ok_or(Refused)?
            }
        };
        Ok(Range { addresses: Some((address, address)), ..range })
    }
}
