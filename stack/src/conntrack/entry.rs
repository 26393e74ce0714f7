//! One tracked connection: 64 octets, more only for TCP.

use core::num::NonZeroU16;
use core::ops::{BitOr, BitOrAssign};

use super::tcp::{TcpRecord, TcpState};
use super::tuple::{Direction, Tuple, protocol};

/// Jiffies of 4 ms: the unit in which Linux counts the life of an entry.
pub type Jiffies = u64;

/// Jiffies in a second.
pub const HZ: Jiffies = 250;

/// Status bits of an entry, numbered as `IPS_*` in Linux.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Status(u16);

impl Status {
    /// No bit.
    pub const NONE: Self = Self(0);
    /// A packet of the reply direction was accepted.
    pub const SEEN_REPLY: Self = Self(1 << 1);
    /// Not evicted when the table is full.
    pub const ASSURED: Self = Self(1 << 2);
    /// In the table.
    pub const CONFIRMED: Self = Self(1 << 3);
    /// The source of the original direction is rewritten.
    pub const SRC_NAT: Self = Self(1 << 4);
    /// The destination of the original direction is rewritten.
    pub const DST_NAT: Self = Self(1 << 5);
    /// It was decided whether to rewrite the source.
    pub const SRC_NAT_DONE: Self = Self(1 << 7);
    /// It was decided whether to rewrite the destination.
    pub const DST_NAT_DONE: Self = Self(1 << 8);
    /// On its way out.
    pub const DYING: Self = Self(1 << 9);
    /// Its life is never prolonged.
    pub const FIXED_TIMEOUT: Self = Self(1 << 10);
    /// Lost a clash: found by its reply tuple only, and not shown.
    pub const NAT_CLASH: Self = Self(1 << 12);
    /// Both kinds of translation.
    pub const NAT: Self = Self(Self::SRC_NAT.0 | Self::DST_NAT.0);
    /// Both decisions about translation.
    pub const NAT_DONE: Self = Self(Self::SRC_NAT_DONE.0 | Self::DST_NAT_DONE.0);

    /// The bits as ctnetlink shows them.
    pub const fn bits(self) -> u32 {
        self.0 as u32
    }

    /// Whether all bits of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any bit of `other` is set.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Status {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Status {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// What one protocol keeps in an entry: a single number, whose meaning depends on the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Detail(u64);

impl Detail {
    /// UDP: when its packets may count as a stream.
    pub(crate) const fn stream_after(at: Jiffies) -> Self {
        Self(at)
    }

    /// See [`Self::stream_after`].
    pub(crate) const fn as_stream_after(self) -> Jiffies {
        self.0
    }

    /// GRE: time-outs in seconds, read when the entry was made.
    pub(crate) const fn timeouts(one_way: u32, both_ways: u32) -> Self {
        Self((one_way as u64) << 32 | both_ways as u64)
    }

    /// See [`Self::timeouts`].
    pub(crate) const fn as_timeouts(self) -> (u32, u32) {
        ((self.0 >> 32) as u32, self.0 as u32)
    }

    /// TCP: slot of its record.
    pub(crate) const fn record(slot: u32) -> Self {
        Self(slot as u64)
    }

    /// See [`Self::record`].
    pub(crate) const fn as_record(self) -> u32 {
        self.0 as u32
    }
}

/// Packets and octets of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Packets.
    pub packets: u64,
    /// Octets, by IP total length.
    pub octets: u64,
}

/// A tracked connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Tuple of the direction that opened it.
    pub original: Tuple,
    /// Tuple of the answers as they arrive. Translation is stored by changing it.
    pub reply: Tuple,
    /// Zone it lives in.
    pub zone: u16,
    /// Status bits.
    pub status: Status,
    /// Tells users of one slot apart.
    pub(crate) generation: NonZeroU16,
    /// Whether its events are reported.
    pub(crate) reports: bool,
    /// Whether a change waits to be reported.
    pub(crate) changed: bool,
    /// Whether the change is one of a TCP state.
    pub(crate) new_state: bool,
    /// Whether it counts packets and octets.
    pub(crate) accounted: bool,
    /// Device whose address it borrowed for masquerading, plus one; 0 for none.
    pub(crate) masqueraded: u16,
    /// When its life ends. While it is not confirmed: how long it will live.
    pub(crate) expires: Jiffies,
    /// What its protocol keeps.
    pub(crate) detail: Detail,
    /// Neighbors among the entries of the same original source, newest first, plus one; 0 for none.
    pub(crate) newer: u32,
    /// See `newer`.
    pub(crate) older: u32,
}

impl Entry {
    /// A new entry of the two tuples, not yet in the table.
    pub(crate) const fn new(original: Tuple, reply: Tuple, zone: u16) -> Self {
        Self {
            original,
            reply,
            zone,
            status: Status::NONE,
            generation: NonZeroU16::MIN,
            reports: false,
            changed: false,
            new_state: false,
            accounted: false,
            masqueraded: 0,
            expires: 0,
            detail: Detail(0),
            newer: 0,
            older: 0,
        }
    }

    /// The tuple of one direction.
    pub const fn tuple(&self, direction: Direction) -> Tuple {
        match direction {
            Direction::Original => self.original,
            Direction::Reply => self.reply,
        }
    }

    /// Protocol number.
    pub const fn protocol(&self) -> u8 {
        self.original.protocol
    }

    /// Whether its life is over at `now`.
    pub(crate) const fn is_expired(&self, now: Jiffies) -> bool {
        now >= self.expires
    }

    /// Jiffies left at `now`; the whole life while it is not confirmed.
    pub(crate) const fn remaining(&self, now: Jiffies) -> Jiffies {
        if self.status.contains(Status::CONFIRMED) { self.expires.saturating_sub(now) } else { self.expires }
    }

    /// Prolongs its life to `span` jiffies from `now`, unless that is fixed.
    pub(crate) fn refresh(&mut self, now: Jiffies, span: Jiffies) {
        if self.status.contains(Status::CONFIRMED) {
            if !self.status.contains(Status::FIXED_TIMEOUT) {
                self.expires = now.saturating_add(span);
            }
        } else {
            self.expires = span;
        }
    }
}

/// An entry outside of the table: not yet confirmed, or already removed while its packet is still on the way.
/// Dropping it forgets it, so a packet that goes nowhere leaves nothing behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Detached {
    /// The entry.
    pub entry: Entry,
    /// What the TCP tracker keeps, if it is a TCP connection.
    pub(crate) tcp: Option<TcpRecord>,
    /// Packets and octets of both directions.
    pub(crate) accounts: [Account; 2],
}

/// What one shows of an entry: a copy that stays as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Tuple of the direction that opened it.
    pub original: Tuple,
    /// Tuple of the answers.
    pub reply: Tuple,
    /// Zone.
    pub zone: u16,
    /// Status bits.
    pub status: Status,
    /// Whole seconds of life left; `None` when its life is over.
    pub timeout_s: Option<u32>,
    /// State of a TCP connection.
    pub tcp_state: Option<TcpState>,
    /// Packets and octets, original then reply direction, if it counts them.
    pub accounts: Option<[Account; 2]>,
}

impl Snapshot {
    /// What `entry` looks like at `now`.
    pub(crate) fn of(entry: &Entry, tcp: Option<&TcpRecord>, accounts: [Account; 2], now: Jiffies) -> Self {
        let left = u32::try_from(entry.remaining(now) / HZ).unwrap_or(u32::MAX);
        let ends = entry.status.contains(Status::DYING) && left == 0;
        Self {
            original: entry.original,
            reply: entry.reply,
            zone: entry.zone,
            status: entry.status,
            timeout_s: (!ends).then_some(left),
            tcp_state: tcp.filter(|_| entry.protocol() == protocol::TCP).map(TcpRecord::state),
            accounts: entry.accounted.then_some(accounts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of `IPS_*` in `linux/netfilter/nf_conntrack_common.h`.
    #[test]
    fn status_bits_are_those_of_linux() {
        let bits = [
            (Status::SEEN_REPLY, 2),
            (Status::ASSURED, 4),
            (Status::CONFIRMED, 8),
            (Status::SRC_NAT, 16),
            (Status::DST_NAT, 32),
            (Status::NAT, 48),
            (Status::SRC_NAT_DONE, 128),
            (Status::DST_NAT_DONE, 256),
            (Status::NAT_DONE, 384),
            (Status::DYING, 512),
            (Status::FIXED_TIMEOUT, 1024),
            (Status::NAT_CLASH, 4096),
        ];
        for (status, number) in bits {
            assert_eq!(status.bits(), number);
        }
        assert!(Status::NAT.contains(Status::SRC_NAT) && !Status::SRC_NAT.contains(Status::NAT));
        assert!(Status::NAT.intersects(Status::SRC_NAT) && !Status::NAT.intersects(Status::NAT_DONE));
    }

    #[test]
    fn entry_fits_a_cache_line_and_tcp_adds_less_than_another() {
        assert_eq!(size_of::<Entry>(), 64);
        assert!(size_of::<TcpRecord>() <= 56, "{}", size_of::<TcpRecord>());
    }
}
