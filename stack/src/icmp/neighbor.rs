//! The neighbors that were heard: what a cache of link addresses would know. RFC 8335 §4.
//!
//! This stack resolves no link addresses, so that what it knows of a neighbor is when a datagram last came from it.
//! Limits: [`MAX_NEIGHBORS`]; the one that was silent for longest makes room.

use alloc::collections::BTreeMap;
use core::net::Ipv4Addr;
use core::time::Duration;

use crate::time::Instant;

/// Neighbors that are remembered.
pub(crate) const MAX_NEIGHBORS: usize = 256;
/// How long a neighbor counts as reachable after it was heard: REACHABLE_TIME of RFC 4861 §10.
const REACHABLE_TIME: Duration = Duration::from_secs(30);

/// State of a neighbor, as RFC 8335 §3 numbers them. Those of a resolution under way do not arise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum NeighborState {
    /// It was heard a short while ago.
    Reachable = 2,
    /// It was heard once.
    Stale = 3,
}

/// When each neighbor was last heard.
#[derive(Clone, Debug, Default)]
pub(crate) struct Neighbors {
    heard: BTreeMap<Ipv4Addr, Instant>,
}

impl Neighbors {
    /// A datagram came from `address`, which is on the link.
    pub(crate) fn hear(&mut self, address: Ipv4Addr, now: Instant) {
        if self.heard.len() >= MAX_NEIGHBORS && !self.heard.contains_key(&address) {
            let quietest = self.heard.iter().min_by_key(|(_, heard)| **heard).map(|(address, _)| *address);
            quietest.map(|address| self.heard.remove(&address));
        }
        self.heard.insert(address, now);
    }

    /// What is known of `address` now.
    pub(crate) fn state(&self, address: Ipv4Addr, now: Instant) -> Option<NeighborState> {
        let heard = *self.heard.get(&address)?;
        let is_recent = now.since(heard) <= REACHABLE_TIME;
        Some(if is_recent { NeighborState::Reachable } else { NeighborState::Stale })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

    #[test]
    fn a_neighbor_goes_stale() {
        let mut neighbors = Neighbors::default();
        assert_eq!(neighbors.state(PEER, Instant::ZERO), None);
        neighbors.hear(PEER, Instant::ZERO);
        let state = |seconds| neighbors.state(PEER, Instant::ZERO + Duration::from_secs(seconds));
        assert_eq!((state(30), state(31)), (Some(NeighborState::Reachable), Some(NeighborState::Stale)));
    }

    #[test]
    fn the_quietest_neighbor_makes_room() {
        let mut neighbors = Neighbors::default();
        let at = |number: usize| Instant::from_micros(number as u64);
        let address = |number: usize| Ipv4Addr::from_bits(0x0a00_0100 + number as u32);
        neighbors.hear(PEER, at(0));
        (0..MAX_NEIGHBORS).for_each(|number| neighbors.hear(address(number), at(number + 1)));
        assert_eq!(neighbors.state(PEER, at(MAX_NEIGHBORS + 1)), None);
        assert!(neighbors.state(address(0), at(MAX_NEIGHBORS + 1)).is_some());
        assert_eq!(neighbors.heard.len(), MAX_NEIGHBORS);
    }
}
