//! The bucket that all limited ICMP messages share.

use super::HZ;
use crate::time::Instant;

/// `icmp_msgs_per_sec` and `icmp_msgs_burst`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlobalRate {
    /// Messages in a second.
    pub messages_per_second: u32,
    /// Most credit that a refill leaves.
    pub burst: i32,
    /// Refill while credit is left. Linux waits until it is used up. RFC 1812 §4.3.2.8.
    pub refills_early: bool,
}

impl Default for GlobalRate {
    /// As in a fresh Linux namespace.
    fn default() -> Self {
        Self { messages_per_second: 1000, burst: 50, refills_early: false }
    }
}

impl GlobalRate {
    /// The credit of so many jiffies, at most a second of them.
    pub(super) fn credit_of(&self, jiffies: u64) -> i32 {
        i32::try_from(u64::from(self.messages_per_second) * jiffies / HZ).unwrap_or(i32::MAX)
    }
}

/// Credit for messages, and when it was last refilled.
///
/// Linux draws the price of each message from 0, 1 and 2, so the credit of a live kernel is not known exactly:
/// [`PossibleCredit`](super::PossibleCredit) follows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GlobalBucket {
    credit: i32,
    /// Jiffy of the last refill; none yet is as good as long ago.
    refilled: Option<u64>,
}

/// Jiffies between refills: 20 ms.
pub(super) const MIN_REFILL: u64 = HZ / 50;

impl GlobalBucket {
    /// A bucket without credit that was never refilled, as a fresh namespace has it.
    pub const fn new() -> Self {
        Self { credit: 0, refilled: None }
    }

    /// Whether a message may go out now. Refills if due; charges nothing.
    pub fn allows(&mut self, now: Instant, rate: &GlobalRate) -> bool {
        if self.credit > 0 && !rate.refills_early {
            return true;
        }
        self.refill(now.jiffies(), rate) || self.credit > 0
    }

    /// Takes the price of a message that was sent. `draw` gives a number that is uniform in 0, 1 and 2.
    pub fn charge(&mut self, draw: impl FnOnce() -> u8) {
        self.credit = self.credit.saturating_sub(i32::from(draw().min(2)));
    }

    /// What is left; negative after an expensive last message.
    pub const fn credit(&self) -> i32 {
        self.credit
    }

    /// Sets what is left, to follow a DUT whose draws have shown.
    pub const fn set_credit(&mut self, credit: i32) {
        self.credit = credit;
    }

    /// Adds the credit of the time since the last refill, if that is worth it. A refill allows one message whatever
    /// credit it leaves.
    fn refill(&mut self, now: u64, rate: &GlobalRate) -> bool {
        let elapsed = self.refilled.map_or(HZ, |refilled| now.saturating_sub(refilled).min(HZ));
        if elapsed < MIN_REFILL {
            return false;
        }
        let increment = rate.credit_of(elapsed);
        if increment == 0 {
            return false;
        }
        self.refilled = Some(now);
        self.credit = self.credit.saturating_add(increment).min(rate.burst);
        true
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::time::MICROS_PER_JIFFY;

    /// How many of `attempts` messages at `jiffies` go out, each for `price`.
    fn burst(
        bucket: &mut GlobalBucket,
        jiffies: u64,
        rate: &GlobalRate,
        price: u8,
        attempts: usize,
    ) -> usize {
        let now = Instant::from_micros(jiffies * MICROS_PER_JIFFY);
        (0..attempts)
            .filter(|_| {
                let allowed = bucket.allows(now, rate);
                if allowed {
                    bucket.charge(|| price);
                }
                allowed
            })
            .count()
    }

    #[rstest]
    #[case::one_each(1, 50)]
    #[case::two_each(2, 25)]
    fn fresh_namespace_has_one_burst(#[case] price: u8, #[case] expected: usize) {
        assert_eq!(burst(&mut GlobalBucket::new(), 0, &GlobalRate::default(), price, 150), expected);
    }

    /// Rows of §8.2: messages per second, burst, and how many of 20 go out at once.
    #[rstest]
    #[case::no_rate(0, 50, 0)]
    #[case::no_burst(1000, 0, 1)]
    #[case::burst_of_three(1000, 3, 3)]
    fn unusual_rates(#[case] messages_per_second: u32, #[case] burst_size: i32, #[case] expected: usize) {
        let rate = GlobalRate { messages_per_second, burst: burst_size, ..GlobalRate::default() };
        assert_eq!(burst(&mut GlobalBucket::new(), 100, &rate, 1, 20), expected);
    }

    #[test]
    fn free_messages_are_why_a_burst_of_three_measured_four() {
        let rate = GlobalRate { burst: 3, ..GlobalRate::default() };
        let mut bucket = GlobalBucket::new();
        let mut prices = [0, 1, 1, 1].into_iter();
        let sent = (0..10)
            .filter(|_| {
                bucket.allows(Instant::ZERO, &rate) && {
                    bucket.charge(|| prices.next().unwrap_or(1));
                    true
                }
            })
            .count();
        assert_eq!(sent, 4);
    }

    #[test]
    fn refill_needs_five_jiffies_and_gives_twenty() {
        let (mut bucket, rate) = (GlobalBucket::new(), GlobalRate::default());
        assert_eq!(burst(&mut bucket, 1000, &rate, 1, 100), 50);
        assert_eq!(burst(&mut bucket, 1004, &rate, 1, 100), 0);
        assert_eq!(burst(&mut bucket, 1005, &rate, 1, 100), 20);
    }

    #[test]
    fn credit_that_is_left_is_not_refilled_until_it_is_used_up() {
        let (mut bucket, rate) = (GlobalBucket::new(), GlobalRate::default());
        assert_eq!(burst(&mut bucket, 1000, &rate, 1, 20), 20);
        // 30 left, then a refill to 50 at the moment it runs out: the 76 of appendix A.2, give or take the draws.
        assert_eq!(burst(&mut bucket, 1500, &rate, 1, 200), 80);
        let early = GlobalRate { refills_early: true, ..rate };
        let mut bucket = GlobalBucket::new();
        burst(&mut bucket, 1000, &early, 1, 20);
        assert_eq!(burst(&mut bucket, 1500, &early, 1, 200), 50);
    }

    #[test]
    fn negative_credit_is_paid_back_by_the_refill() {
        let (mut bucket, rate) = (GlobalBucket::new(), GlobalRate::default());
        bucket.allows(Instant::ZERO, &rate);
        bucket.set_credit(1);
        bucket.charge(|| 2);
        assert_eq!(bucket.credit(), -1);
        assert_eq!(burst(&mut bucket, 5, &rate, 1, 100), 19);
    }
}
