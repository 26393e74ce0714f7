//! One record for each peer, shared by three limits: ICMP messages to it, unreachable routes that it asked for, and
//! redirects it was sent. Sharing one record is what Linux does, and it shows.

use alloc::collections::BTreeMap;
use core::net::Ipv4Addr;

use super::HZ;
use crate::time::Instant;

/// Most messages in a burst, in units of the limit.
const BURST_FACTOR: u64 = 6;

/// Cost and burst of ICMP errors for unreachable routes, in jiffies: `route/error_cost` and `route/error_burst`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorRouteRate {
    /// Jiffies that one error costs.
    pub cost: u64,
    /// Most jiffies that are saved up.
    pub burst: u64,
}

impl Default for ErrorRouteRate {
    fn default() -> Self {
        Self { cost: HZ, burst: 5 * HZ }
    }
}

/// Pace of redirects: `route/redirect_load`, `redirect_number` and `redirect_silence`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedirectRate {
    /// Jiffies after the first redirect; doubled after each.
    pub load: u64,
    /// Redirects before giving up.
    pub number: u8,
    /// Jiffies without a datagram worth a redirect after which all begins anew.
    pub silence: u64,
}

impl Default for RedirectRate {
    fn default() -> Self {
        Self { load: HZ / 50, number: 9, silence: (HZ / 50) << 10 }
    }
}

/// What is remembered of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerRecord {
    /// Jiffies saved up.
    pub tokens: u64,
    /// Jiffy of the last change; may lie before the start of time.
    pub last: i64,
    /// Redirects sent.
    pub redirects: u8,
}

impl PeerRecord {
    /// Of a peer seen for the first time: as if it had been silent for a minute.
    const fn new(now: i64) -> Self {
        Self { tokens: 0, last: now - 60 * HZ as i64, redirects: 0 }
    }

    /// Jiffies since the last change.
    const fn elapsed(&self, now: i64) -> u64 {
        now.saturating_sub(self.last).unsigned_abs()
    }

    /// Admits a message to the peer at one in `limit` jiffies. A limit of 0 admits all, and empties the record.
    fn allow_error(&mut self, now: i64, limit: u64) -> bool {
        let elapsed = self.elapsed(now);
        if elapsed != 0 {
            self.last = now;
            self.tokens = self.tokens.saturating_add(elapsed).min(BURST_FACTOR.saturating_mul(limit));
        }
        let allowed = self.tokens >= limit;
        if allowed {
            self.tokens -= limit;
        }
        allowed
    }

    fn allow_error_route(&mut self, now: i64, rate: &ErrorRouteRate) -> bool {
        self.tokens = self.tokens.saturating_add(self.elapsed(now)).min(rate.burst);
        self.last = now;
        let allowed = self.tokens >= rate.cost;
        if allowed {
            self.tokens -= rate.cost;
        }
        allowed
    }

    fn redirect_is_due(&mut self, now: i64, rate: &RedirectRate) -> bool {
        if self.elapsed(now) > rate.silence {
            self.tokens = 0;
            self.redirects = 0;
        }
        if self.redirects >= rate.number {
            self.last = now;
            return false;
        }
        let pause = rate.load.checked_shl(u32::from(self.redirects)).unwrap_or(u64::MAX);
        self.redirects == 0 || self.elapsed(now) > pause
    }

    const fn redirect_sent(&mut self, now: i64) {
        self.last = now;
        self.redirects = self.redirects.saturating_add(1);
    }
}

/// The records of all peers, at most `capacity` of them.
///
/// Records stand in two generations. A new record enters the younger one, and so does one that is used; when that
/// is full, the older generation is forgotten and the younger one takes its place. So the last `capacity / 2`
/// peers are always remembered, and no datagram costs more than the logarithm of the capacity, dropping aside.
/// Forgetting a peer that was silent for a minute changes nothing under the default limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peers {
    young: BTreeMap<Ipv4Addr, PeerRecord>,
    old: BTreeMap<Ipv4Addr, PeerRecord>,
    generation: usize,
}

impl Peers {
    /// No peers yet, and never more than `capacity`, which counts as at least 2.
    pub const fn new(capacity: usize) -> Self {
        let generation = if capacity < 2 { 1 } else { capacity / 2 };
        Self { young: BTreeMap::new(), old: BTreeMap::new(), generation }
    }

    /// Whether an ICMP message may go to `destination`, at one in `limit` jiffies and bursts of six.
    ///
    /// [`jiffies_from_milliseconds`](super::jiffies_from_milliseconds) turns `icmp_ratelimit` into the limit.
    pub fn allow_error(&mut self, now: Instant, destination: Ipv4Addr, limit: u64) -> bool {
        let now = jiffies(now);
        self.record_mut(destination, now).allow_error(now, limit)
    }

    /// Whether a datagram from `source` that hit an unreachable route is worth an error; to be asked before
    /// [`Peers::allow_error`].
    pub fn allow_error_route(&mut self, now: Instant, source: Ipv4Addr, rate: &ErrorRouteRate) -> bool {
        let now = jiffies(now);
        self.record_mut(source, now).allow_error_route(now, rate)
    }

    /// Whether a redirect to `source` is due now. If it is, it is to be sent and then reported by
    /// [`Peers::redirect_sent`]: in between, [`Peers::allow_error`] sees the record as it was.
    pub fn redirect_is_due(&mut self, now: Instant, source: Ipv4Addr, rate: &RedirectRate) -> bool {
        let now = jiffies(now);
        self.record_mut(source, now).redirect_is_due(now, rate)
    }

    /// A redirect to `source` went out, or another rule forbade it: it counts either way.
    pub fn redirect_sent(&mut self, now: Instant, source: Ipv4Addr) {
        let now = jiffies(now);
        self.record_mut(source, now).redirect_sent(now);
    }

    /// What is remembered of `peer`.
    pub fn record(&self, peer: Ipv4Addr) -> Option<&PeerRecord> {
        self.young.get(&peer).or_else(|| self.old.get(&peer))
    }

    /// How many peers are remembered.
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.young.is_empty() && self.old.is_empty()
    }

    /// Forgets all peers.
    pub fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }

    /// The record of `peer` in the younger generation, made if need be.
    fn record_mut(&mut self, peer: Ipv4Addr, now: i64) -> &mut PeerRecord {
        if !self.young.contains_key(&peer) && self.young.len() >= self.generation {
            // What stands in both would be counted twice; it cannot, for a record moves when it is used.
            self.old = core::mem::take(&mut self.young);
        }
        let old = &mut self.old;
        self.young.entry(peer).or_insert_with(|| old.remove(&peer).unwrap_or_else(|| PeerRecord::new(now)))
    }
}

impl Default for Peers {
    /// Room for 8192 peers.
    fn default() -> Self {
        Self::new(8192)
    }
}

fn jiffies(now: Instant) -> i64 {
    now.jiffies() as i64
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use rstest::rstest;

    use super::*;

    /// Sends a redirect if one is due.
    fn redirect(peers: &mut Peers, now: Instant, rate: &RedirectRate) -> bool {
        let is_due = peers.redirect_is_due(now, PEER, rate);
        if is_due {
            peers.redirect_sent(now, PEER);
        }
        is_due
    }
    use crate::time::MICROS_PER_JIFFY;

    const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
    const LIMIT: u64 = 250;

    fn at(jiffies: u64) -> Instant {
        Instant::from_micros(jiffies * MICROS_PER_JIFFY)
    }

    /// How many of `attempts` messages at `jiffies` are admitted.
    fn errors(peers: &mut Peers, jiffies: u64, limit: u64, attempts: usize) -> usize {
        (0..attempts).filter(|_| peers.allow_error(at(jiffies), PEER, limit)).count()
    }

    /// How many of `attempts` unreachable messages pass both their own bucket and the peer's.
    fn unreachable(peers: &mut Peers, jiffies: u64, limit: u64, attempts: usize) -> usize {
        let rate = ErrorRouteRate::default();
        (0..attempts)
            .filter(|_| {
                peers.allow_error_route(at(jiffies), PEER, &rate)
                    && peers.allow_error(at(jiffies), PEER, limit)
            })
            .count()
    }

    #[rstest]
    #[case(249, 0)]
    #[case(250, 1)]
    #[case(505, 2)]
    fn six_in_a_burst_then_one_a_second(#[case] later: u64, #[case] expected: usize) {
        let mut peers = Peers::default();
        assert_eq!(errors(&mut peers, 0, LIMIT, 20), 6);
        assert_eq!(errors(&mut peers, later, LIMIT, 20), expected);
    }

    #[test]
    fn tries_that_are_refused_cost_nothing() {
        let mut peers = Peers::default();
        errors(&mut peers, 0, LIMIT, 6);
        let sent: Vec<u64> = (1..=500).filter(|jiffy| errors(&mut peers, *jiffy, LIMIT, 1) == 1).collect();
        assert_eq!(sent, [250, 500]);
    }

    #[test]
    fn limit_of_a_tenth_of_a_second() {
        let mut peers = Peers::default();
        assert_eq!(errors(&mut peers, 0, 25, 20), 6);
        assert_eq!(errors(&mut peers, 87, 25, 20), 3);
    }

    #[test]
    fn unreachable_is_charged_twice() {
        // Appendix A.2: two of twenty, and a second later the try is eaten.
        let mut peers = Peers::default();
        assert_eq!(unreachable(&mut peers, 0, LIMIT, 20), 2);
        assert_eq!(unreachable(&mut peers, 255, LIMIT, 20), 0);
    }

    #[rstest]
    #[case::fresh(0, 5)]
    #[case::after_a_port_unreachable(1, 0)]
    fn limit_zero_empties_the_record(#[case] errors_before: usize, #[case] expected: usize) {
        let mut peers = Peers::default();
        assert_eq!(errors(&mut peers, 0, 0, errors_before), errors_before);
        assert_eq!(unreachable(&mut peers, 0, 0, 20), expected);
    }

    #[test]
    fn port_and_net_unreachable_share_the_record() {
        let mut peers = Peers::default();
        assert_eq!((unreachable(&mut peers, 0, LIMIT, 3), errors(&mut peers, 0, LIMIT, 10)), (2, 0));
        let mut peers = Peers::default();
        assert_eq!((errors(&mut peers, 0, LIMIT, 3), unreachable(&mut peers, 0, LIMIT, 10)), (3, 1));
    }

    #[test]
    fn redirect_to_a_fresh_peer_empties_its_tokens() {
        let mut peers = Peers::default();
        assert!(redirect(&mut peers, at(0), &RedirectRate::default()));
        assert_eq!(errors(&mut peers, 0, LIMIT, 5), 0);
        assert_eq!(errors(&mut peers, 250, LIMIT, 5), 1);
    }

    #[test]
    fn redirect_after_silence_empties_tokens_saved_up() {
        let mut peers = Peers::default();
        assert_eq!(errors(&mut peers, 0, LIMIT, 1), 1);
        assert!(redirect(&mut peers, at(6000), &RedirectRate::default()));
        assert_eq!(errors(&mut peers, 6000, LIMIT, 5), 0);
    }

    #[test]
    fn redirects_slow_down_and_stop() {
        let (mut peers, rate) = (Peers::default(), RedirectRate::default());
        let sent: Vec<u64> = (0..6000).filter(|jiffy| redirect(&mut peers, at(*jiffy), &rate)).collect();
        // 5 << n jiffies and one more after each: 0, 44, 128, 292, 616 ms, …
        assert_eq!(sent, [0, 11, 32, 73, 154, 315, 636, 1277, 2558]);
        assert!(!redirect(&mut peers, at(5999 + 5120), &rate));
        assert!(redirect(&mut peers, at(5999 + 5120 + 5121), &rate));
    }

    #[test]
    fn no_flood_of_peers_exceeds_the_capacity_or_drops_a_busy_one() {
        let mut peers = Peers::new(8);
        assert_eq!(errors(&mut peers, 0, LIMIT, 20), 6);
        for host in 0..1000u32 {
            peers.allow_error(at(1), Ipv4Addr::from(0x0b00_0000 + host), LIMIT);
            assert!(peers.len() <= 8);
            if host % 3 == 0 {
                assert_eq!(errors(&mut peers, 1, LIMIT, 1), 0, "forgotten after {host}");
            }
        }
    }
}
