//! What NAT asks of the tracker: which tuples are taken, which mappings a source has; and what it decides.

use core::net::Ipv4Addr;

use super::attachment::{Place, Tracked};
use super::entry::{Entry, Jiffies, Status};
use super::pending::Pending;
use super::table::Source;
use super::tcp::TcpState;
use super::tracker::Conntrack;
use super::tuple::Tuple;
use crate::interface::InterfaceId;

/// A connection that is about to enter the table, as those already there see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Newcomer {
    /// Tuple of its original direction.
    pub original: Tuple,
    /// Its zone.
    pub zone: u16,
    /// For TCP: its state and the sequence number after its first segment.
    pub tcp: Option<(TcpState, u32)>,
}

impl Newcomer {
    /// Whether it is a TCP connection that begins with a SYN.
    pub fn is_tcp_syn(&self) -> bool {
        matches!(self.tcp, Some((TcpState::SynSent, _)))
    }
}

impl Entry {
    /// Interface whose address a masqueraded connection wears.
    pub fn masqueraded_from(&self) -> Option<InterfaceId> {
        self.masqueraded.checked_sub(1).map(InterfaceId)
    }

    /// Makes the connection remember that it wears the address of `interface`.
    pub fn masquerade_from(&mut self, interface: InterfaceId) {
        self.masqueraded = interface.0.saturating_add(1);
    }
}

impl Conntrack {
    /// The connection of a packet as long as it is not in the table.
    pub fn newcomer(&self, tracked: Tracked) -> Option<Newcomer> {
        let Place::Pending(id) = tracked.place else { return None };
        let Some(Pending::Here(detached)) = self.pending.get(id) else { return None };
        let tcp = detached.tcp.as_ref().map(|record| (record.state(), record.original_end()));
        Some(Newcomer { original: detached.entry.original, zone: detached.entry.zone, tcp })
    }

    /// Writes down what was decided about the translation of a packet's connection, as long as it is not in the table.
    pub fn settle_translation(&mut self, tracked: Tracked, done: Status, change: impl FnOnce(&mut Entry)) {
        let Place::Pending(id) = tracked.place else { return };
        if let Some(Pending::Here(detached)) = self.pending.get_mut(id) {
            change(&mut detached.entry);
            detached.entry.status |= done;
        }
    }

    /// Whether `tuple` already means another connection than that of the newcomer.
    pub fn is_taken(&mut self, now: Jiffies, tuple: Tuple, newcomer: &Newcomer) -> bool {
        let Some((id, _)) = self.find(now, tuple, newcomer.zone) else { return false };
        let is_other = self.table.get(id).is_some_and(|entry| entry.original != newcomer.original);
        self.statistics.found += u64::from(is_other);
        is_other
    }

    /// Whether `tuple` is free, or becomes free because its TCP connection is over and that of the newcomer begins
    /// above it in sequence space.
    pub fn yields(&mut self, now: Jiffies, tuple: Tuple, newcomer: &Newcomer) -> bool {
        let Some((id, direction)) = self.find(now, tuple, newcomer.zone) else { return true };
        let Some(entry) = self.table.get(id) else { return true };
        let (Some(record), Some((_, end))) = (self.table.tcp_of(entry), newcomer.tcp) else { return false };
        // That both sides sent a SYN is no end, but Linux counts this state among those that come after one.
        let is_over = matches!(record.state(), TcpState::TimeWait | TcpState::Close | TcpState::SynSent2);
        let has_advanced = end.wrapping_sub(record.original_end()) as i32 > 0;
        let may_go = direction == super::Direction::Reply
            && entry.status.contains(Status::SRC_NAT)
            && !entry.status.contains(Status::FIXED_TIMEOUT);
        if may_go && is_over && has_advanced {
            self.remove(now, id);
            return true;
        }
        false
    }

    /// Addresses and ports or identifiers that connections from the source of `tuple` wear, newest first.
    pub fn mappings(&self, tuple: Tuple, zone: u16) -> impl Iterator<Item = (Ipv4Addr, u16)> {
        self.table.of_source(Source::of(tuple, zone)).filter_map(|entry| {
            let mapped = entry.reply.invert()?;
            Some((mapped.source, mapped.source_id))
        })
    }
}
