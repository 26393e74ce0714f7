//! The tuple by which connection tracking knows a datagram, and where its parts are in a frame.

use std::net::Ipv4Addr;

use super::layout::{Layout, protocol};
use super::rule::checksum::Covered;
use crate::model::observation::TrackedTuple;

/// UDP-Lite: ports and checksum where UDP has them.
const UDP_LITE: u8 = 136;

/// A tuple and the places of its ports or its identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located {
    /// Protocol number.
    pub protocol: u8,
    /// The tuple, in the direction of the datagram.
    pub tuple: TrackedTuple,
    /// Where the source port or the query identifier is.
    pub source_id: usize,
    /// Where the destination port is; ICMP has none.
    pub destination_id: Option<usize>,
    /// The checksum over both, if the datagram is long enough to have one.
    pub sum: Option<Covered>,
}

impl Located {
    /// The tuple of the datagram that `layout` describes; `None` if it has no ports and no query identifier.
    pub fn of(frame: &[u8], layout: &Layout) -> Option<Self> {
        let at = layout.payload();
        if layout.fragment_offset(frame) != 0 || layout.end < at + 8 {
            return None;
        }
        let number = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
        let protocol = layout.protocol(frame);
        let (source_id, destination_id, sum) = match protocol {
            protocol::UDP => (at, at + 2, Covered { zero_is_none: true, ..Covered::new(at, at + 6) }),
            UDP_LITE => (at, at + 2, Covered::new(at, at + 6)),
            protocol::TCP => (at, at + 2, Covered::new(at, at + 16)),
            protocol::ICMP if is_query(frame[at]) => (at + 4, at, Covered::new(at, at + 2)),
            _ => return None,
        };
        let tuple = TrackedTuple {
            source: layout.source(frame),
            destination: layout.destination(frame),
            source_id: number(source_id),
            destination_id: number(destination_id),
        };
        // Translation leaves the checksum alone where the header is cut off (spec/linux-conntrack-nat.md §7.2).
        let is_whole = protocol != protocol::TCP || layout.end >= at + 20;
        Some(Self {
            protocol,
            tuple,
            source_id,
            destination_id: (protocol != protocol::ICMP).then_some(destination_id),
            sum: is_whole.then_some(sum),
        })
    }
}

/// The tuple of what answers `tuple`; of an ICMP type that asks for nothing, the addresses are swapped.
pub fn inverse(protocol: u8, tuple: TrackedTuple) -> TrackedTuple {
    let TrackedTuple { source, destination, source_id, destination_id } = tuple;
    let (source_id, destination_id) = if protocol == protocol::ICMP {
        let [icmp_type, code] = destination_id.to_be_bytes();
        (source_id, u16::from_be_bytes([counterpart(icmp_type), code]))
    } else {
        (destination_id, source_id)
    };
    TrackedTuple { source: destination, destination: source, source_id, destination_id }
}

/// Query types come in pairs, request and reply (spec/linux-conntrack-nat.md §2.3).
const fn counterpart(icmp_type: u8) -> u8 {
    match icmp_type {
        0 => 8,
        8 => 0,
        13 | 15 | 17 => icmp_type + 1,
        14 | 16 | 18 => icmp_type - 1,
        _ => icmp_type,
    }
}

const fn is_query(icmp_type: u8) -> bool {
    matches!(icmp_type, 0 | 8 | 13..=18)
}

/// Whether the two have the same addresses.
pub fn same_addresses(a: TrackedTuple, b: TrackedTuple) -> bool {
    let addresses = |tuple: TrackedTuple| -> [Ipv4Addr; 2] { [tuple.source, tuple.destination] };
    addresses(a) == addresses(b)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::rule::tests_support::identified;
    use super::*;
    use crate::model::LinkKind;

    fn located(protocol: u8, payload: &[u8]) -> Option<Located> {
        let frame = identified(protocol, 1, 0, payload);
        Located::of(&frame, &Layout::of(&frame, LinkKind::Ip)?)
    }

    #[rstest]
    #[case::udp(17, &[1, 2, 3, 4, 0, 8, 0, 0], Some((0x102, 0x304)))]
    #[case::tcp_cut_off(6, &[1, 2, 3, 4, 0, 8, 0, 0], Some((0x102, 0x304)))]
    #[case::echo(1, &[8, 5, 0, 0, 0, 9, 0, 1], Some((9, 0x805)))]
    #[case::error(1, &[3, 5, 0, 0, 0, 9, 0, 1], None)]
    #[case::too_short(17, &[1, 2, 3, 4, 0, 8, 0], None)]
    #[case::no_ports(47, &[1, 2, 3, 4, 0, 8, 0, 0], None)]
    fn ports_and_identifiers(
        #[case] protocol: u8,
        #[case] payload: &[u8],
        #[case] expected: Option<(u16, u16)>,
    ) {
        let found = located(protocol, payload).map(|it| (it.tuple.source_id, it.tuple.destination_id));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_tcp_header_that_is_cut_off_has_no_checksum() {
        assert_eq!(located(6, &[0; 19]).unwrap().sum, None);
        assert!(located(6, &[0; 20]).unwrap().sum.is_some());
    }

    #[test]
    fn inverse_of_the_inverse_is_the_tuple() {
        let echo = located(1, &[8, 5, 0, 0, 0, 9, 0, 1]).unwrap().tuple;
        assert_eq!(inverse(1, echo).destination_id, 5);
        assert_eq!(inverse(1, inverse(1, echo)), echo);
        let datagram = located(17, &[1, 2, 3, 4, 0, 8, 0, 0]).unwrap().tuple;
        assert_eq!(inverse(17, datagram).source_id, datagram.destination_id);
        assert_eq!(inverse(17, inverse(17, datagram)), datagram);
    }
}
