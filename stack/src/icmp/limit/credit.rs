//! What the credit of another stack's bucket can be.
//!
//! Linux draws the price of each limited message from 0, 1 and 2, and nobody sees what it drew. Whoever holds this stack
//! against another one therefore follows all credits that the other can have: a message that some of them allow and
//! others refuse may go either way, and what the other did then tells which of them are left. What no possible credit
//! allows, or refuses, is decided as ever: a stack that does otherwise is seen to.

use alloc::vec::Vec;

use super::HZ;
use super::global::{GlobalRate, MIN_REFILL};
use crate::time::Instant;

/// The largest price of a message; the smallest is nothing.
const HIGHEST_PRICE: i32 = 2;

/// Credits from `low` to `high`, last refilled at the same jiffy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    refilled: Option<u64>,
    low: i32,
    high: i32,
}

/// All credits that a bucket can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PossibleCredit {
    ranges: Vec<Range>,
    /// How many messages the other refuses in this step.
    refusals: u64,
}

impl Default for PossibleCredit {
    /// Of a fresh bucket, whose credit is known.
    fn default() -> Self {
        Self { ranges: Vec::from([Range { refilled: None, low: 0, high: 0 }]), refusals: 0 }
    }
}

impl PossibleCredit {
    /// The other refuses so many messages in the step that comes.
    pub const fn expect_refusals(&mut self, refusals: u64) {
        self.refusals = refusals;
    }

    /// Whether a message may go out now: as every possible credit says, or as the other did where they disagree.
    pub fn decide(&mut self, now: Instant, rate: &GlobalRate) -> bool {
        let (mut allowing, mut refusing) = (Vec::new(), Vec::new());
        // A refill longer ago than a second is as good as none, so there are never more ranges than jiffies in one.
        let forgotten = now.jiffies().checked_sub(HZ);
        for range in &mut self.ranges {
            range.refilled = range.refilled.filter(|refilled| Some(*refilled) > forgotten);
            range.divide(now.jiffies(), rate, &mut allowing, &mut refusing);
        }
        let allowed = refusing.is_empty() || (!allowing.is_empty() && self.refusals == 0);
        if !allowed {
            self.refusals = self.refusals.saturating_sub(1);
        }
        self.ranges = if allowed { allowing } else { refusing };
        allowed
    }

    /// A message was sent, whatever its price.
    pub fn charge(&mut self) {
        for range in &mut self.ranges {
            range.low = range.low.saturating_sub(HIGHEST_PRICE);
        }
    }
}

impl Range {
    /// Adds to the two lists what becomes of those credits that allow a message and of those that refuse it.
    fn divide(self, now: u64, rate: &GlobalRate, allowing: &mut Vec<Self>, refusing: &mut Vec<Self>) {
        let Self { refilled, low, high } = self;
        if high > 0 && !rate.refills_early {
            add(allowing, Self { low: low.max(1), ..self });
        }
        let (empty_low, empty_high) = if rate.refills_early { (low, high) } else { (low, high.min(0)) };
        if empty_low > empty_high {
            return;
        }
        let elapsed = refilled.map_or(HZ, |refilled| now.saturating_sub(refilled).min(HZ));
        let increment = rate.credit_of(elapsed);
        if elapsed >= MIN_REFILL && increment > 0 {
            let fill = |credit: i32| credit.saturating_add(increment).min(rate.burst);
            add(allowing, Self { refilled: Some(now), low: fill(empty_low), high: fill(empty_high) });
        } else if empty_high > 0 {
            add(allowing, Self { low: empty_low.max(1), ..self });
            if empty_low <= 0 {
                add(refusing, Self { high: 0, ..self });
            }
        } else {
            add(refusing, Self { low: empty_low, high: empty_high, refilled });
        }
    }
}

/// Adds a range, to one of the same refill where there is one: together they have no gap, because they come of one range.
fn add(ranges: &mut Vec<Range>, range: Range) {
    match ranges.iter_mut().find(|known| known.refilled == range.refilled) {
        Some(known) => {
            known.low = known.low.min(range.low);
            known.high = known.high.max(range.high);
        }
        None => ranges.push(range),
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::icmp::limit::GlobalBucket;
    use crate::random::Random;

    const RATE: GlobalRate = GlobalRate { messages_per_second: 1000, burst: 50, refills_early: false };

    fn moment(ms: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(100) + Duration::from_millis(ms)
    }

    /// How often the follower was wrong about a bucket that draws for itself, asked `rounds` times `pause` apart.
    fn disagreements(seed: u64, rounds: u64, pause: u64, price: impl Fn(&mut Random) -> u8) -> u64 {
        let (mut bucket, mut follower, mut random) =
            (GlobalBucket::new(), PossibleCredit::default(), Random::new(seed));
        let mut wrong = 0;
        for round in 0..rounds {
            let now = moment(round * pause / 10);
            let allowed = bucket.allows(now, &RATE);
            if allowed {
                // Not by `charge`, which takes no price that Linux does not.
                bucket.set_credit(bucket.credit() - i32::from(price(&mut random)));
            }
            follower.expect_refusals(u64::from(!allowed));
            let followed = follower.decide(now, &RATE);
            if followed {
                follower.charge();
            }
            wrong += u64::from(followed != allowed);
        }
        wrong
    }

    #[test]
    fn a_bucket_that_draws_fairly_is_always_followed() {
        for seed in 0..4 {
            for pause in [0, 1, 3, 17, 40, 250] {
                assert_eq!(disagreements(seed, 1000, pause, |random| random.below(3) as u8), 0);
            }
        }
    }

    #[test]
    fn a_price_that_linux_never_takes_is_seen() {
        assert!(disagreements(1, 2000, 3, |_| 3) > 0, "too dear");
        // Nothing is refused if nothing costs anything, which a bucket of Linux may do as well, however seldom.
        assert_eq!(disagreements(1, 2000, 3, |_| 0), 0);
    }

    #[test]
    fn credits_part_where_they_decide_differently() {
        let rate = GlobalRate { refills_early: true, ..RATE };
        let now = moment(0).jiffies();
        let range = |low, high| Range { refilled: Some(now), low, high };
        let (mut allowing, mut refusing) = (Vec::new(), Vec::new());
        range(-1, 3).divide(now, &rate, &mut allowing, &mut refusing);
        assert_eq!((allowing, refusing), (Vec::from([range(1, 3)]), Vec::from([range(-1, 0)])));
        let (mut allowing, mut refusing) = (Vec::new(), Vec::new());
        range(1, 3).divide(now, &rate, &mut allowing, &mut refusing);
        assert_eq!((allowing, refusing), (Vec::from([range(1, 3)]), Vec::new()));
    }

    #[test]
    fn a_burst_beyond_what_is_possible_is_refused() {
        let mut follower = PossibleCredit::default();
        let mut refused = 0;
        for round in 0..200 {
            follower.expect_refusals(u64::from(round >= 25));
            if follower.decide(moment(0), &RATE) {
                follower.charge();
            } else {
                refused += 1;
            }
        }
        assert_eq!(refused, 175, "50 credits at two each");
    }
}
