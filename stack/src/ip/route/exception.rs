//! What was learned about single destinations: path MTUs and better gateways.
//!
//! Bounded as in the kernel: a fixed number of chains, each with a few entries, the oldest of which gives way.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use crate::time::Instant;

const CHAINS: usize = 2048;

/// What was learned about one destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Path MTU; 0 if none was learned.
    pub mtu: u32,
    /// Whether the path MTU is below what discovery may go to, so that DF is not set any more.
    pub locked: bool,
    /// Gateway that a redirect named.
    pub gateway: Option<Ipv4Addr>,
    /// Jiffy after which it is forgotten.
    pub expires: u64,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    destination: Ipv4Addr,
    touched: Instant,
    exception: Exception,
}

/// The table of exceptions.
#[derive(Clone, Debug)]
pub(crate) struct Exceptions {
    /// Empty until something is learned.
    chains: Vec<Vec<Slot>>,
    chain_len: usize,
    key: u64,
}

impl Default for Exceptions {
    fn default() -> Self {
        Self::new(5 * CHAINS, 0)
    }
}

impl Exceptions {
    /// An empty table for at most `capacity` destinations; `key` spreads them over the chains.
    pub(crate) fn new(capacity: usize, key: u64) -> Self {
        Self { chains: Vec::new(), chain_len: (capacity / CHAINS).max(1), key: key | 1 }
    }

    /// What is known about `destination` at `now`.
    #[inline]
    pub(crate) fn lookup(&self, destination: Ipv4Addr, now: Instant) -> Option<Exception> {
        if self.chains.is_empty() {
            return None;
        }
        let slot =
            self.chains.get(self.chain(destination))?.iter().find(|slot| slot.destination == destination)?;
        (now.jiffies() <= slot.exception.expires).then_some(slot.exception)
    }

    /// Changes what is known about `destination`; starts from nothing if that is unknown or forgotten.
    pub(crate) fn update(
        &mut self,
        destination: Ipv4Addr,
        now: Instant,
        change: impl FnOnce(&mut Exception),
    ) {
        if self.chains.is_empty() {
            self.chains.resize_with(CHAINS, Vec::new);
        }
        let (place, chain_len) = (self.chain(destination), self.chain_len);
        let Some(chain) = self.chains.get_mut(place) else { return };
        chain.retain(|slot| now.jiffies() <= slot.exception.expires);
        if let Some(slot) = chain.iter_mut().find(|slot| slot.destination == destination) {
            slot.touched = now;
            change(&mut slot.exception);
            return;
        }
        if chain.len() >= chain_len {
            let oldest =
                chain.iter().enumerate().min_by_key(|(_, slot)| slot.touched).map(|(place, _)| place);
            if let Some(oldest) = oldest {
                chain.swap_remove(oldest);
            }
        }
        let mut exception = Exception { mtu: 0, locked: false, gateway: None, expires: 0 };
        change(&mut exception);
        chain.push(Slot { destination, touched: now, exception });
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.chains.clear();
    }

    fn chain(&self, destination: Ipv4Addr) -> usize {
        let mixed =
            u64::from(destination.to_bits()).wrapping_mul(self.key).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 53) as usize
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn learn(exceptions: &mut Exceptions, destination: u32, now: Instant) {
        exceptions.update(Ipv4Addr::from_bits(destination), now, |exception| {
            exception.mtu = 1000;
            exception.expires = now.jiffies() + 250;
        });
    }

    #[test]
    fn an_exception_is_forgotten_after_its_last_jiffy() {
        let mut exceptions = Exceptions::new(10_240, 7);
        let start = Instant::ZERO + Duration::from_secs(5);
        learn(&mut exceptions, 1, start);
        let destination = Ipv4Addr::from_bits(1);
        assert!(exceptions.lookup(destination, start + Duration::from_millis(1000)).is_some());
        assert!(exceptions.lookup(destination, start + Duration::from_millis(1004)).is_none());
    }

    #[test]
    fn a_chain_holds_more_than_one() {
        let destinations = 0..4 * CHAINS as u32;
        let mut exceptions = Exceptions::new(8 * CHAINS, 7);
        for destination in destinations.clone() {
            learn(&mut exceptions, destination, Instant::ZERO);
        }
        let known =
            |destination: &u32| exceptions.lookup(Ipv4Addr::from_bits(*destination), Instant::ZERO).is_some();
        // Four a chain on average: hardly any has had to give way for a ninth.
        assert!(destinations.filter(known).count() > CHAINS * 4 * 9 / 10);
    }

    #[test]
    fn nothing_is_left_of_what_is_cleared() {
        let mut exceptions = Exceptions::new(10_240, 7);
        learn(&mut exceptions, 1, Instant::ZERO);
        exceptions.clear();
        assert!(exceptions.lookup(Ipv4Addr::from_bits(1), Instant::ZERO).is_none());
    }

    #[test]
    fn the_table_never_exceeds_its_capacity() {
        let mut exceptions = Exceptions::new(10_240, 7);
        for destination in 0..50_000 {
            learn(&mut exceptions, destination, Instant::from_micros(u64::from(destination)));
        }
        let held: usize = exceptions.chains.iter().map(Vec::len).sum();
        assert!(held <= 10_240 && exceptions.lookup(Ipv4Addr::from_bits(49_999), Instant::ZERO).is_some());
    }
}
