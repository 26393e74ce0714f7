//! Choosing the tuple that a connection wears outside.

use core::net::Ipv4Addr;

use super::jenkins;
use super::range::{Manip, Range};
use crate::conntrack::{Conntrack, Jiffies, Newcomer, Tuple, protocol};
use crate::random::Random;

/// Candidates tried in a first round.
const MAX_TRIES: u32 = 128;
/// Fewer are not worth another round.
const MIN_TRIES: u32 = 16;
/// When so few tries are left, TCP connections that are over give way.
const LAST_TRIES: u32 = 32;

/// What the choice depends on.
pub(super) struct Choice<'a> {
    pub(super) conntrack: &'a mut Conntrack,
    pub(super) random: &'a mut Random,
    pub(super) now: Jiffies,
    /// The connection that asks.
    pub(super) newcomer: Newcomer,
    pub(super) range: Range,
    pub(super) manip: Manip,
}

impl Choice<'_> {
    /// The tuple of the original direction after translation, where `current` is that before it. When nothing is free
    /// it is one that is taken, and the connection fails when it is confirmed.
    pub(super) fn choose(&mut self, current: Tuple) -> Tuple {
        if self.manip == Manip::Source && !self.range.random {
            if self.range.has_source(current) {
                if !self.is_taken(current) {
                    return current;
                }
            } else if let Some(reused) = self.reuse(current)
                && !self.is_taken(reused)
            {
                return reused;
            }
        }
        let candidate = self.with_address(current);
        if !self.range.random && self.may_keep_id(candidate) {
            return candidate;
        }
        self.search(candidate)
    }

    /// Whether the answer to `tuple` already means another connection.
    fn is_taken(&mut self, tuple: Tuple) -> bool {
        tuple.invert().is_some_and(|reply| self.conntrack.is_taken(self.now, reply, &self.newcomer))
    }

    /// The mapping that the newest connection from the same source has, if it fits the range.
    fn reuse(&self, current: Tuple) -> Option<Tuple> {
        self.conntrack.mappings(current, self.newcomer.zone).find_map(|(address, id)| {
            let mut mapped = Tuple { source: address, ..current };
            mapped.source_id = id;
            self.range.has_source(mapped).then_some(mapped)
        })
    }

    /// `tuple` with an address of the range: the same one for the same pair of addresses.
    fn with_address(&self, tuple: Tuple) -> Tuple {
        let Some((first, last)) = self.range.addresses else { return tuple };
        // The words are loaded as they lie in memory, low octet first.
        let word = |address: Ipv4Addr| u32::from_le_bytes(address.octets());
        let address = if first == last {
            first
        } else {
            let initial = if self.range.persistent {
                0
            } else {
                word(tuple.destination) ^ u32::from(self.newcomer.zone)
            };
            let hash = u64::from(jenkins::hash(word(tuple.source), initial));
            let size = u64::from(last.to_bits().wrapping_sub(first.to_bits()).wrapping_add(1));
            Ipv4Addr::from_bits(first.to_bits().wrapping_add(((hash * size) >> 32) as u32))
        };
        match self.manip {
            Manip::Source => Tuple { source: address, ..tuple },
            Manip::Destination => Tuple { destination: address, ..tuple },
        }
    }

    /// Whether the port or identifier can stay as it is.
    fn may_keep_id(&mut self, candidate: Tuple) -> bool {
        match self.range.ids {
            Some((first, last)) => {
                self.range.has_id(candidate, self.manip) && (first == last || !self.is_taken(candidate))
            }
            None => !self.is_taken(candidate),
        }
    }

    /// Looks for a free port or identifier.
    fn search(&mut self, mut candidate: Tuple) -> Tuple {
        let Some((base, size)) = self.ids_to_search(candidate) else { return candidate };
        let mut offset =
            if self.range.random || self.manip == Manip::Source { self.random_offset() } else { 0 };
        let mut tries = size.min(MAX_TRIES);
        loop {
            for tried in 0..tries {
                *self.id_mut(&mut candidate) = base.wrapping_add((offset % size) as u16);
                if !self.is_taken_hard(candidate, tries - tried) {
                    return candidate;
                }
                offset = offset.wrapping_add(1) & 0xffff;
            }
            if tries >= size || tries < MIN_TRIES {
                return candidate;
            }
            tries /= 2;
            offset = self.random_offset();
        }
    }

    fn random_offset(&mut self) -> u32 {
        self.random.next_u32() & 0xffff
    }

    /// First one and number of the ports or identifiers among which to search; `None` if they cannot change.
    fn ids_to_search(&self, tuple: Tuple) -> Option<(u16, u32)> {
        let span = |first: u16, last: u16| (first, u32::from(last - first) + 1);
        match tuple.protocol {
            protocol::ICMP => Some(match self.range.ids {
                Some((first, last)) => (first, u32::from(last.wrapping_sub(first)) + 1),
                None => span(0, u16::MAX),
            }),
            protocol::TCP | protocol::UDP | protocol::UDPLITE => match self.range.ids {
                Some((first, last)) => Some(span(first.min(last), first.max(last))),
                None if self.manip == Manip::Destination => None,
                None => Some(match tuple.source_id {
                    0..512 => span(1, 511),
                    512..1024 => span(600, 1023),
                    1024.. => span(1024, u16::MAX),
                }),
            },
            _ => None,
        }
    }

    /// The port or identifier that may change.
    fn id_mut<'t>(&self, tuple: &'t mut Tuple) -> &'t mut u16 {
        match (tuple.protocol, self.manip) {
            (protocol::ICMP, _) | (_, Manip::Source) => &mut tuple.source_id,
            (_, Manip::Destination) => &mut tuple.destination_id,
        }
    }

    /// As [`Self::is_taken`], but near the end of the search a TCP connection that is over gives way.
    fn is_taken_hard(&mut self, tuple: Tuple, tries_left: u32) -> bool {
        if tries_left > LAST_TRIES || !self.newcomer.is_tcp_syn() {
            return self.is_taken(tuple);
        }
        tuple.invert().is_some_and(|reply| !self.conntrack.yields(self.now, reply, &self.newcomer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use std::collections::BTreeSet;

    use crate::conntrack::testing::{A, B, ip, udp};
    use crate::conntrack::{ConntrackConfig, Entrance, HashKey};

    /// Addresses of a pool of eight that the live kernel chose for four destinations, and with `persistent`
    /// (`stack/spec/linux-conntrack-nat.md` §7.4).
    #[rstest]
    #[case::first(10, [36, 39, 35, 39], 39)]
    #[case::second(11, [39, 32, 32, 36], 32)]
    #[case::third(12, [38, 33, 37, 32], 34)]
    fn pool_address_is_that_of_linux(#[case] host: u8, #[case] expected: [u8; 4], #[case] persistent: u8) {
        let mut conntrack = Conntrack::new(ConntrackConfig::default(), HashKey::from_seed(1));
        let mut chosen = |last: u8, persistent: bool| {
            let original = Tuple {
                source: Ipv4Addr::new(10, 0, 1, host),
                destination: Ipv4Addr::new(203, 0, 113, last),
                source_id: 5000,
                destination_id: 53,
                protocol: protocol::UDP,
            };
            let pool = (Ipv4Addr::new(203, 0, 113, 32), Ipv4Addr::new(203, 0, 113, 39));
            let mut choice = Choice {
                conntrack: &mut conntrack,
                random: &mut Random::new(1),
                now: 0,
                newcomer: Newcomer { original, zone: 0, tcp: None },
                range: Range { addresses: Some(pool), persistent, ..Range::default() },
                manip: Manip::Source,
            };
            choice.choose(original).source.octets()[3]
        };
        assert_eq!([100, 101, 102, 103].map(|last| chosen(last, false)), expected);
        assert_eq!([100, 101, 102, 103].map(|last| chosen(last, true)), [persistent; 4]);
    }

    /// Among which ports or identifiers Linux looks (`stack/spec/linux-conntrack-nat.md` §7.4).
    #[rstest]
    #[case::port_of_a_user(protocol::UDP, 1024, None, Manip::Source, Some((1024, 64_512)))]
    #[case::highest_reserved_port(protocol::TCP, 1023, None, Manip::Source, Some((600, 424)))]
    #[case::low_port(protocol::UDPLITE, 511, None, Manip::Source, Some((1, 511)))]
    #[case::ports_of_a_range(protocol::UDP, 5000, Some((7, 9)), Manip::Source, Some((7, 3)))]
    #[case::range_back_to_front(protocol::UDP, 5000, Some((9, 7)), Manip::Destination, Some((7, 3)))]
    #[case::destination_ports_stay(protocol::UDP, 5000, None, Manip::Destination, None)]
    #[case::any_identifier(protocol::ICMP, 5000, None, Manip::Source, Some((0, 65_536)))]
    #[case::identifiers_of_a_range(protocol::ICMP, 5000, Some((7, 9)), Manip::Source, Some((7, 3)))]
    #[case::no_ports(protocol::GRE, 0, Some((7, 9)), Manip::Source, None)]
    fn where_to_search(
        #[case] protocol: u8,
        #[case] source_id: u16,
        #[case] ids: Option<(u16, u16)>,
        #[case] manip: Manip,
        #[case] expected: Option<(u16, u32)>,
    ) {
        let original = Tuple { source: A, destination: B, source_id, destination_id: 53, protocol };
        let choice = Choice {
            conntrack: &mut Conntrack::new(ConntrackConfig::default(), HashKey::from_seed(1)),
            random: &mut Random::new(1),
            now: 0,
            newcomer: Newcomer { original, zone: 0, tcp: None },
            range: Range { ids, ..Range::default() },
            manip,
        };
        assert_eq!(choice.ids_to_search(original), expected);
    }

    /// Ports that 32 systems choose from 1000 to 1999 where nobody has any, by the port that the packet has. Linux: where a
    /// destination is translated the search begins with the first, unless it is to be at random
    /// (`stack/spec/linux-conntrack-nat.md` §7.4).
    #[rstest]
    #[case::source_inside(Manip::Source, false, 1500, Some(1500))]
    #[case::source_outside(Manip::Source, false, 5000, None)]
    #[case::random_source(Manip::Source, true, 1500, None)]
    #[case::destination_inside(Manip::Destination, false, 1500, Some(1500))]
    #[case::destination_outside(Manip::Destination, false, 5000, Some(1000))]
    #[case::random_destination(Manip::Destination, true, 1500, None)]
    fn where_a_search_begins(
        #[case] manip: Manip,
        #[case] random: bool,
        #[case] port: u16,
        #[case] expected: Option<u16>,
    ) {
        let original = Tuple {
            source: A,
            destination: B,
            source_id: port,
            destination_id: port,
            protocol: protocol::UDP,
        };
        let outside = Ipv4Addr::new(203, 0, 113, 1);
        let chosen: BTreeSet<u16> = (0..32)
            .map(|seed| {
                let mut choice = Choice {
                    conntrack: &mut Conntrack::new(ConntrackConfig::default(), HashKey::from_seed(1)),
                    random: &mut Random::new(seed),
                    now: 0,
                    newcomer: Newcomer { original, zone: 0, tcp: None },
                    range: Range { ids: Some((1000, 1999)), random, ..Range::address(outside) },
                    manip,
                };
                let mut chosen = choice.choose(original);
                *choice.id_mut(&mut chosen)
            })
            .collect();
        assert!(chosen.iter().all(|port| (1000..2000).contains(port)), "{chosen:?}");
        match expected {
            Some(port) => assert_eq!(chosen, BTreeSet::from([port])),
            None => assert!(chosen.len() > 16, "{chosen:?}"),
        }
    }

    /// As the live kernel, which looks at 128, 64, 32, 16 and 8 candidates and then gives up.
    #[test]
    fn search_of_a_full_range_ends() {
        let mut conntrack = Conntrack::new(ConntrackConfig::default(), HashKey::from_seed(1));
        let outside = Ipv4Addr::new(203, 0, 113, 1);
        let now = crate::time::Instant::from_micros(4000);
        for port in 3000..4000 {
            let datagram = ip(outside, B, 17, &udp(outside, B, (port, 53)));
            let mut attachment = crate::packet::Attachment::NONE;
            conntrack.classify(now, Entrance::LocalOut, &datagram, 0, &mut attachment);
            conntrack.confirm(now, &mut attachment);
        }
        let original =
            Tuple { source: A, destination: B, source_id: 5000, destination_id: 53, protocol: protocol::UDP };
        let mut choice = Choice {
            conntrack: &mut conntrack,
            random: &mut Random::new(1),
            now: now.jiffies(),
            newcomer: Newcomer { original, zone: 0, tcp: None },
            range: Range { ids: Some((3000, 3999)), ..Range::address(outside) },
            manip: Manip::Source,
        };
        let chosen = choice.choose(original);
        assert_eq!(chosen.source, outside);
        assert!((3000..4000).contains(&chosen.source_id));
        assert_eq!(conntrack.statistics.found, 248);
    }
}
