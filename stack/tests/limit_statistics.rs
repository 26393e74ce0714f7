//! The random credit of the limit of all ICMP messages, against runs of the live kernel.
//!
//! In a fresh namespace 150 sources each send one datagram to a closed port, all within 15 ms, so that nothing is
//! refilled. How many errors come back is the number of draws from 0, 1 and 2 until the 50 credits are used up. Linux was
//! watched doing so 118 times; the distribution that follows from the draws is computed exactly. The two, and the stack's
//! own bucket, are compared by Kolmogorov's test at a confidence of 99.9 %.

use std::collections::BTreeMap;

use netassay_stack::icmp::limit::{GlobalBucket, GlobalRate};
use netassay_stack::random::Random;
use netassay_stack::time::Instant;

/// Errors sent, and in how many runs: Linux 6.18.44.
const RECORDED: &[(usize, usize)] = &[
    (38, 1),
    (39, 2),
    (41, 5),
    (42, 3),
    (43, 9),
    (44, 5),
    (45, 4),
    (46, 7),
    (47, 8),
    (48, 6),
    (49, 7),
    (50, 5),
    (51, 15),
    (52, 7),
    (53, 2),
    (54, 8),
    (55, 6),
    (56, 3),
    (57, 4),
    (58, 2),
    (59, 2),
    (60, 2),
    (61, 3),
    (63, 1),
    (64, 1),
];

const SOURCES: usize = 150;
const BURST: usize = 50;
/// √n · D exceeds this once in a thousand times if the distributions are the same; less often for whole numbers.
const CRITICAL: f64 = 1.95;

/// The chance that at most so many errors are sent, for each number up to all.
fn distribution() -> Vec<f64> {
    let mut left = vec![0.0; BURST + 1];
    left[BURST] = 1.0;
    let mut at_most = vec![0.0];
    for _ in 0..SOURCES {
        let mut next = vec![0.0; BURST + 1];
        for (credit, chance) in left.iter().enumerate().skip(1) {
            for price in 0..3 {
                next[credit.saturating_sub(price)] += chance / 3.0;
            }
        }
        next[0] += left[0];
        at_most.push(next[0]);
        left = next;
    }
    at_most
}

#[track_caller]
fn check(runs: &BTreeMap<usize, usize>) {
    let expected = distribution();
    let count: usize = runs.values().sum();
    let mut seen = 0;
    let mut apart: f64 = 0.0;
    for (sent, chance) in expected.iter().enumerate() {
        seen += runs.get(&sent).copied().unwrap_or(0);
        apart = apart.max((seen as f64 / count as f64 - chance).abs());
    }
    let statistic = apart * (count as f64).sqrt();
    assert!(statistic < CRITICAL, "√n·D = {statistic:.2} over {count} runs");
}

#[test]
fn linux_draws_from_zero_one_and_two() {
    check(&RECORDED.iter().copied().collect());
}

#[test]
fn the_bucket_of_the_stack_draws_alike() {
    let mut random = Random::new(7);
    let mut runs = BTreeMap::new();
    for _ in 0..2000 {
        let mut bucket = GlobalBucket::new();
        let sent = (0..SOURCES).filter(|_| {
            let allowed = bucket.allows(Instant::ZERO, &GlobalRate::default());
            if allowed {
                bucket.charge(|| random.below(3) as u8);
            }
            allowed
        });
        *runs.entry(sent.count()).or_default() += 1;
    }
    check(&runs);
}

#[test]
#[should_panic(expected = "√n·D")]
fn a_price_of_one_is_told_from_it() {
    check(&BTreeMap::from([(BURST, 118)]));
}
