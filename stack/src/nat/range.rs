//! What a connection may be mapped to.

use core::net::Ipv4Addr;

use crate::conntrack::{Direction, Status, Tuple, protocol};
use crate::hook::Hook;

/// Which end of a connection is rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Manip {
    /// The source of the original direction.
    Source,
    /// The destination of the original direction.
    Destination,
}

impl Manip {
    /// What is decided, and rewritten in the packets, at a hook.
    pub const fn at(hook: Hook) -> Option<Self> {
        match hook {
            Hook::Prerouting | Hook::LocalOut => Some(Self::Destination),
            Hook::LocalIn | Hook::Postrouting => Some(Self::Source),
            Hook::Forward => None,
        }
    }

    /// The other end.
    pub const fn opposite(self) -> Self {
        match self {
            Self::Source => Self::Destination,
            Self::Destination => Self::Source,
        }
    }

    /// Status bit of an entry whose end is rewritten.
    pub const fn bit(self) -> Status {
        match self {
            Self::Source => Status::SRC_NAT,
            Self::Destination => Status::DST_NAT,
        }
    }

    /// Status bit of an entry for which it was decided.
    pub const fn done_bit(self) -> Status {
        match self {
            Self::Source => Status::SRC_NAT_DONE,
            Self::Destination => Status::DST_NAT_DONE,
        }
    }

    /// Status bit that makes packets of `direction` be rewritten at this end of theirs.
    pub const fn bit_towards(self, direction: Direction) -> Status {
        match direction {
            Direction::Original => self.bit(),
            Direction::Reply => self.opposite().bit(),
        }
    }
}

/// What a connection may be mapped to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// First and last address; `None` leaves the address.
    pub addresses: Option<(Ipv4Addr, Ipv4Addr)>,
    /// First and last port or identifier; `None` allows any that is close in kind.
    pub ids: Option<(u16, u16)>,
    /// Choose ports and identifiers at random.
    pub random: bool,
    /// Choose the same address of a pool for every destination.
    pub persistent: bool,
}

impl Range {
    /// The one address, any port.
    pub const fn address(address: Ipv4Addr) -> Self {
        Self { addresses: Some((address, address)), ids: None, random: false, persistent: false }
    }

    /// Whether the source of `tuple` lies inside.
    pub(super) fn has_source(&self, tuple: Tuple) -> bool {
        let is_address_inside =
            self.addresses.is_none_or(|(first, last)| (first..=last).contains(&tuple.source));
        is_address_inside && self.ids.is_none_or(|_| self.has_id(tuple, Manip::Source))
    }

    /// Whether the port or identifier lies inside of the range of those. Protocols without either always do.
    pub(super) fn has_id(&self, tuple: Tuple, manip: Manip) -> bool {
        let Some((first, last)) = self.ids else { return true };
        match tuple.protocol {
            protocol::ICMP => (first..=last).contains(&tuple.source_id),
            protocol::GRE | protocol::TCP | protocol::UDP | protocol::UDPLITE => {
                (first..=last).contains(match manip {
                    Manip::Source => &tuple.source_id,
                    Manip::Destination => &tuple.destination_id,
                })
            }
            _ => true,
        }
    }
}

/// What a rule binds a connection to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// Something of a range.
    To(Range),
    /// The address of the interface that it leaves by; only ports of the range count.
    Masquerade(Range),
    /// The address of the interface that it came in by; only ports of the range count.
    Redirect(Range),
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::conntrack::testing::{A, A2, B};

    /// First and last address, first and last port, and whether A port 15 lies inside as a source.
    #[rstest]
    #[case::anything(None, None, true)]
    #[case::address(Some((A, A)), None, true)]
    #[case::another_address(Some((A2, A2)), None, false)]
    #[case::addresses(Some((A, A2)), None, true)]
    #[case::port(None, Some((10, 15)), true)]
    #[case::another_port(None, Some((16, 20)), false)]
    #[case::both(Some((A, A)), Some((15, 15)), true)]
    #[case::address_without_the_port(Some((A, A)), Some((1, 14)), false)]
    #[case::port_without_the_address(Some((A2, A2)), Some((15, 15)), false)]
    fn source(
        #[case] addresses: Option<(Ipv4Addr, Ipv4Addr)>,
        #[case] ids: Option<(u16, u16)>,
        #[case] is_inside: bool,
    ) {
        let range = Range { addresses, ids, ..Range::default() };
        for protocol in [protocol::UDP, protocol::TCP, protocol::ICMP] {
            let tuple = Tuple { source: A, destination: B, source_id: 15, destination_id: 2048, protocol };
            assert_eq!(range.has_source(tuple), is_inside, "{protocol}");
        }
        let without = Tuple { source: A, destination: B, source_id: 0, destination_id: 0, protocol: 99 };
        assert_eq!(range.has_source(without), addresses.is_none_or(|(first, _)| first == A));
    }
}
