//! The routing table: the longest prefix wins, then the local table, then the lowest metric, then the oldest route.
//!
//! Linux keeps the tables `local` and `main` apart only once there are rules; until then a longer prefix of `main` wins
//! over a shorter one of `local`, and what `main` holds counts wherever an address is classified.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use crate::address::Prefix;
use crate::config::{RouteKind, RouteTable, Scope};
use crate::interface::InterfaceId;

/// A route as it stands in a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// Destinations it covers; the address is the network's.
    pub(crate) to: Prefix,
    /// What it does.
    pub(crate) kind: RouteKind,
    /// Table it was put into.
    pub(crate) table: RouteTable,
    /// How far its destinations are.
    pub(crate) scope: Scope,
    /// Interface; the loopback interface for routes that refuse.
    pub(crate) outgoing: InterfaceId,
    /// Gateway.
    pub(crate) gateway: Option<Ipv4Addr>,
    /// Preferred source as given.
    pub(crate) given_source: Option<Ipv4Addr>,
    /// Preferred source as it comes out of the addresses; 0.0.0.0 if there is none.
    pub(crate) source: Ipv4Addr,
    /// The lowest wins among routes of the same prefix.
    pub(crate) metric: u32,
    /// MTU metric; 0 if none.
    pub(crate) mtu: u32,
    /// Whether path MTU discovery leaves it alone.
    pub(crate) mtu_locked: bool,
    /// TTL.
    pub(crate) hoplimit: Option<u8>,
}

/// The entries of one prefix length: a range of [`Table::entries`], sorted by network.
#[derive(Clone, Copy, Debug)]
struct Group {
    mask: u32,
    start: usize,
    end: usize,
}

/// A routing table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// Longest prefix first, then by network, table, metric and age.
    entries: Vec<Entry>,
    groups: Vec<Group>,
}

impl Table {
    /// The table that holds `entries`, given in order of age.
    pub(crate) fn new(mut entries: Vec<Entry>) -> Self {
        entries
            .sort_by_key(|entry| (u8::MAX - entry.to.length, entry.to.network(), entry.table, entry.metric));
        let mut groups: Vec<Group> = Vec::new();
        for (position, entry) in entries.iter().enumerate() {
            match groups.last_mut() {
                Some(group) if group.mask == entry.to.mask() => group.end = position + 1,
                _ => groups.push(Group { mask: entry.to.mask(), start: position, end: position + 1 }),
            }
        }
        Self { entries, groups }
    }

    /// All entries.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// All entries, to complete them; prefixes and metrics must stay.
    pub(crate) fn entries_mut(&mut self) -> &mut [Entry] {
        &mut self.entries
    }

    /// The best route to `destination`.
    #[inline]
    pub(crate) fn lookup(&self, destination: Ipv4Addr) -> Option<&Entry> {
        self.lookup_where(destination, |_| true)
    }

    /// The best route to `destination` among those that `admits` lets pass.
    #[inline]
    pub(crate) fn lookup_where(
        &self,
        destination: Ipv4Addr,
        mut admits: impl FnMut(&Entry) -> bool,
    ) -> Option<&Entry> {
        for group in &self.groups {
            let network = Ipv4Addr::from_bits(destination.to_bits() & group.mask);
            let entries = self.entries.get(group.start..group.end).unwrap_or(&[]);
            let first = entries.partition_point(|entry| entry.to.address < network);
            let same = entries.iter().skip(first).take_while(|entry| entry.to.address == network);
            if let Some(entry) = same.into_iter().find(|entry| admits(entry)) {
                return Some(entry);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use std::vec;

    use super::*;

    fn entry(network: [u8; 4], length: u8, metric: u32, outgoing: u16) -> Entry {
        Entry {
            to: Prefix::new(network.into(), length),
            kind: RouteKind::Unicast,
            table: RouteTable::Main,
            scope: Scope::Global,
            outgoing: InterfaceId(outgoing),
            gateway: None,
            given_source: None,
            source: Ipv4Addr::UNSPECIFIED,
            metric,
            mtu: 0,
            mtu_locked: false,
            hoplimit: None,
        }
    }

    #[rstest]
    #[case::host_route([10, 0, 0, 7], Some(1))]
    #[case::lowest_metric_of_the_subnet([10, 0, 0, 8], Some(3))]
    #[case::oldest_of_equals([10, 1, 0, 1], Some(4))]
    #[case::default([8, 8, 8, 8], Some(6))]
    fn longest_prefix_then_metric_then_age(#[case] destination: [u8; 4], #[case] expected: Option<u16>) {
        let table = Table::new(vec![
            entry([10, 0, 0, 0], 24, 9, 2),
            entry([10, 0, 0, 0], 24, 1, 3),
            entry([10, 0, 0, 7], 32, 0, 1),
            entry([10, 1, 0, 0], 16, 0, 4),
            entry([10, 1, 0, 0], 16, 0, 5),
            entry([0, 0, 0, 0], 0, 0, 6),
        ]);
        assert_eq!(table.lookup(destination.into()).map(|entry| entry.outgoing.0), expected);
    }

    #[test]
    fn an_empty_table_has_no_route() {
        assert!(Table::default().lookup(Ipv4Addr::LOCALHOST).is_none());
    }
}
