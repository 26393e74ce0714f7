//! Identifications for datagrams that no connection numbers: counters shared by many flows.
//!
//! Linux picks a counter by a keyed hash of destination, source and protocol, and adds a random extra for the time
//! that it was idle. Here the key is a seed and the extra is handed in, so a run can be repeated.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use crate::time::Instant;
use crate::wire::Protocol;

/// Counters there are: a power of two.
const BUCKETS: usize = 2048;

/// One counter.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    /// Identifications handed out, extras included; its start comes from the seed.
    count: u32,
    /// Jiffy of the last use, its low 32 bits.
    used: u32,
}

/// The source of hashed identifications.
#[derive(Clone, Debug)]
pub struct Identifications {
    seed: u64,
    /// Empty until the first datagram is numbered.
    buckets: Vec<Bucket>,
}

impl Identifications {
    /// The counters that `seed` selects and starts.
    pub const fn new(seed: u64) -> Self {
        Self { seed, buckets: Vec::new() }
    }

    /// The identification of one datagram. `extra` is asked for a number below its argument when at least one jiffy
    /// has passed since the counter was last used.
    pub fn next(
        &mut self,
        now: Instant,
        destination: Ipv4Addr,
        source: Ipv4Addr,
        protocol: Protocol,
        extra: impl FnOnce(u32) -> u32,
    ) -> u16 {
        self.reserve(now, destination, source, protocol, 1, extra)
    }

    /// The first of `count` identifications in a row.
    pub fn reserve(
        &mut self,
        now: Instant,
        destination: Ipv4Addr,
        source: Ipv4Addr,
        protocol: Protocol,
        count: u16,
        extra: impl FnOnce(u32) -> u32,
    ) -> u16 {
        let flow = u64::from(destination.to_bits()) << 32 | u64::from(source.to_bits());
        let at =
            spread(flow ^ self.seed, u64::from(u8::from(protocol)) ^ self.seed.rotate_left(32)) % BUCKETS;
        if self.buckets.is_empty() {
            self.buckets = alloc::vec![Bucket::default(); BUCKETS];
        }
        let Some(bucket) = self.buckets.get_mut(at) else { return 0 };
        let now = now.jiffies() as u32;
        let elapsed = now.wrapping_sub(bucket.used);
        if elapsed != 0 {
            bucket.used = now;
            bucket.count = bucket.count.wrapping_add(extra(elapsed).min(elapsed - 1));
        }
        let start = spread(self.seed, at as u64) as u16;
        let first = start.wrapping_add(bucket.count as u16);
        bucket.count = bucket.count.wrapping_add(u32::from(count));
        first
    }

    /// Starts over, as [`Identifications::new`] would, without giving back memory.
    pub fn reset(&mut self) {
        self.buckets.fill(Bucket::default());
    }
}

/// Spreads the bits of two numbers: the halves of their product, each first made unlike zero.
const fn spread(first: u64, second: u64) -> usize {
    let product = (first ^ 0x9e37_79b9_7f4a_7c15) as u128 * (second ^ 0xbf58_476d_1ce4_e5b9) as u128;
    (product as u64 ^ (product >> 64) as u64) as usize
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use rstest::rstest;

    use super::*;
    use crate::time::MICROS_PER_JIFFY;

    /// Flows that differ in a single bit fall together no more than others do.
    #[test]
    fn every_bit_is_spread() {
        for bit in 0..64 {
            assert_ne!(spread(1 << bit, 7), spread(0, 7), "bit {bit} of the first");
            assert_ne!(spread(7, 1 << bit), spread(7, 0), "bit {bit} of the second");
        }
        for bit in 0..16 {
            let times = (0..1000).filter(|first| spread(*first, 7) >> bit & 1 != 0).count();
            assert!((400..600).contains(&times), "bit {bit} is set {times} times");
        }
    }

    const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

    fn next(source: &mut Identifications, jiffies: u64, protocol: Protocol, extra: u32) -> u16 {
        source.next(Instant::from_micros(jiffies * MICROS_PER_JIFFY), A, B, protocol, |_| extra)
    }

    /// With 2048 buckets some 240 of 256 pairs of hosts are alone in theirs.
    #[rstest]
    fn hosts_seldom_share_a_bucket(#[values(1, u64::MAX)] seed: u64) {
        let mut source = Identifications::new(seed);
        let pair = |host: u8| Ipv4Addr::new(10, 0, 0, host);
        let mut starts: Vec<_> = (0..=u8::MAX)
            .map(|host| source.next(Instant::ZERO, A, pair(host), Protocol::Icmp, |_| 0))
            .collect();
        starts.sort_unstable();
        starts.dedup();
        assert!(starts.len() > 225, "{}", starts.len());
    }

    #[test]
    fn each_destination_is_counted_for_itself() {
        let mut source = Identifications::new(1);
        let mut to = |destination| source.next(Instant::ZERO, destination, B, Protocol::Icmp, |_| 0);
        let (first, _, second) = (to(A), to(Ipv4Addr::new(10, 0, 0, 3)), to(A));
        assert_eq!(second, first.wrapping_add(1));
    }

    #[test]
    fn within_a_jiffy_they_count_by_one() {
        let mut source = Identifications::new(1);
        let first = next(&mut source, 9, Protocol::Icmp, 0);
        assert_eq!(next(&mut source, 9, Protocol::Icmp, 77), first.wrapping_add(1));
    }

    #[test]
    fn extra_is_below_the_jiffies_that_passed() {
        let mut source = Identifications::new(1);
        let first = next(&mut source, 9, Protocol::Icmp, 0);
        assert_eq!(next(&mut source, 10, Protocol::Icmp, 5), first.wrapping_add(1));
        assert_eq!(next(&mut source, 14, Protocol::Icmp, 3), first.wrapping_add(5));
    }

    #[test]
    fn protocols_and_seeds_are_unrelated_and_runs_repeat() {
        let (mut one, mut two) = (Identifications::new(1), Identifications::new(2));
        let first = next(&mut one, 0, Protocol::Icmp, 0);
        assert_ne!(first, next(&mut one, 0, Protocol::Udp, 0));
        assert_ne!(first, next(&mut two, 0, Protocol::Icmp, 0));
        assert_eq!(first, next(&mut Identifications::new(1), 0, Protocol::Icmp, 0));
        one.reset();
        assert_eq!(first, next(&mut one, 0, Protocol::Icmp, 0));
    }

    #[test]
    fn a_reserved_run_is_not_handed_out_again() {
        let mut source = Identifications::new(1);
        let first = source.reserve(Instant::ZERO, A, B, Protocol::Icmp, 10, |_| 0);
        assert_eq!(next(&mut source, 0, Protocol::Icmp, 0), first.wrapping_add(10));
    }
}
