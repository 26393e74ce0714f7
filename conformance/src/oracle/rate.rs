//! Rate limits of ICMP messages against plain arithmetic, written from `stack/spec/linux-ipv4-icmp.md` §8.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use netassay_stack::icmp::limit::{
    ErrorRouteRate, GlobalBucket, GlobalRate, Peers, RedirectRate, is_limited, jiffies_from_milliseconds,
};
use netassay_stack::time::Instant;

use super::{Objection, hold, same};

/// The clause of every rule here.
const CLAUSE: &str = "RFC 1812 §4.3.2.8";

/// Jiffies in a second, and milliseconds in a jiffy.
const HZ: i64 = 250;
const JIFFY_MS: i64 = 4;

/// The knobs of all limits.
#[derive(Clone, Copy, Debug)]
pub struct Knobs {
    /// `icmp_ratelimit`, in milliseconds.
    pub limit_ms: i64,
    /// `icmp_ratemask`.
    pub mask: u32,
    /// `icmp_msgs_per_sec`.
    pub per_second: u32,
    /// `icmp_msgs_burst`.
    pub burst: i32,
}

/// Something that a limit is asked about.
#[derive(Clone, Copy, Debug)]
pub enum Asked {
    /// May a message of this type and code go to a peer? The number is the price drawn if it goes.
    Message {
        /// ICMP type.
        icmp_type: u8,
        /// ICMP code.
        code: u8,
        /// 0, 1 or 2.
        price: u8,
    },
    /// Is a datagram of a peer that hit an unreachable route worth a message?
    ErrorRoute,
    /// Is a redirect to a peer due?
    Redirect,
}

/// One question: after this many jiffies, about this peer.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// Jiffies since the question before.
    pub after: u32,
    /// Which peer.
    pub peer: u8,
    /// What is asked.
    pub asked: Asked,
}

/// What a peer is owed and what it was sent.
#[derive(Clone, Copy, Debug)]
struct Account {
    tokens: i64,
    last: i64,
    redirects: u32,
}

/// All limits in plain arithmetic over jiffies.
#[derive(Debug, Default)]
struct Model {
    credit: i64,
    stamp: Option<i64>,
    peers: BTreeMap<u8, Account>,
}

impl Model {
    fn account(&mut self, peer: u8, now: i64) -> &mut Account {
        self.peers.entry(peer).or_insert(Account { tokens: 0, last: now - 60 * HZ, redirects: 0 })
    }

    /// §8.1 to §8.3.
    fn message(&mut self, knobs: &Knobs, now: i64, peer: u8, icmp_type: u8, code: u8, price: u8) -> bool {
        let is_masked = icmp_type <= 18 && knobs.mask >> icmp_type & 1 == 1;
        if !is_masked || (icmp_type, code) == (3, 4) {
            return true;
        }
        if self.credit <= 0 {
            let elapsed = self.stamp.map_or(HZ, |stamp| (now - stamp).min(HZ));
            let more = (i64::from(knobs.per_second) * elapsed / HZ).min(i64::from(i32::MAX));
            if elapsed < HZ / 50 || more == 0 {
                return false;
            }
            self.stamp = Some(now);
            self.credit = (self.credit + more).min(i64::from(knobs.burst));
        }
        let limit = (knobs.limit_ms + JIFFY_MS - 1) / JIFFY_MS;
        let account = self.account(peer, now);
        if now != account.last {
            account.tokens = (account.tokens + now - account.last).min(6 * limit);
            account.last = now;
        }
        if account.tokens < limit {
            return false;
        }
        account.tokens -= limit;
        self.credit -= i64::from(price);
        true
    }

    /// §8.4, with the default cost and burst.
    fn error_route(&mut self, now: i64, peer: u8) -> bool {
        let account = self.account(peer, now);
        account.tokens = (account.tokens + now - account.last).min(5 * HZ);
        account.last = now;
        let is_worth_it = account.tokens >= HZ;
        account.tokens -= if is_worth_it { HZ } else { 0 };
        is_worth_it
    }

    /// §8.5, with the default pace.
    fn redirect(&mut self, now: i64, peer: u8) -> bool {
        let account = self.account(peer, now);
        if now - account.last > 5 << 10 {
            (account.tokens, account.redirects) = (0, 0);
        }
        if account.redirects >= 9 {
            account.last = now;
            return false;
        }
        let is_due = account.redirects == 0 || now - account.last > 5 << account.redirects;
        if is_due {
            account.last = now;
            account.redirects += 1;
        }
        is_due
    }
}

/// The limits of the stack, asked as the stack asks them.
struct Limits {
    bucket: GlobalBucket,
    peers: Peers,
}

impl Limits {
    fn message(&mut self, knobs: &Knobs, now: Instant, peer: Ipv4Addr, asked: (u8, u8, u8)) -> bool {
        let (icmp_type, code, price) = asked;
        if !is_limited(icmp_type.into(), code, knobs.mask) {
            return true;
        }
        let rate =
            GlobalRate { messages_per_second: knobs.per_second, burst: knobs.burst, ..GlobalRate::default() };
        let limit = jiffies_from_milliseconds(knobs.limit_ms);
        let is_allowed = self.bucket.allows(now, &rate) && self.peers.allow_error(now, peer, limit);
        if is_allowed {
            self.bucket.charge(|| price);
        }
        is_allowed
    }

    fn redirect(&mut self, now: Instant, peer: Ipv4Addr) -> bool {
        let is_due = self.peers.redirect_is_due(now, peer, &RedirectRate::default());
        if is_due {
            self.peers.redirect_sent(now, peer);
        }
        is_due
    }
}

/// Whether the stack's limits answer `questions` as arithmetic does.
///
/// # Errors
/// The first question that is answered otherwise.
pub fn limits_agree(knobs: &Knobs, questions: &[Question]) -> Result<(), Objection> {
    // Time begins an hour in, as it does in the stack.
    let mut now = 3600 * HZ;
    let mut model = Model::default();
    let mut limits = Limits { bucket: GlobalBucket::new(), peers: Peers::default() };
    for (number, question) in questions.iter().enumerate() {
        now += i64::from(question.after);
        let instant = Instant::ZERO + Duration::from_millis((now * JIFFY_MS) as u64);
        let peer = Ipv4Addr::new(10, 0, 0, question.peer);
        let (found, expected) = match question.asked {
            Asked::Message { icmp_type, code, price } => (
                limits.message(knobs, instant, peer, (icmp_type, code, price)),
                model.message(knobs, now, question.peer, icmp_type, code, price.min(2)),
            ),
            Asked::ErrorRoute => (
                limits.peers.allow_error_route(instant, peer, &ErrorRouteRate::default()),
                model.error_route(now, question.peer),
            ),
            Asked::Redirect => (limits.redirect(instant, peer), model.redirect(now, question.peer)),
        };
        same(CLAUSE, &format!("answer {number} to {question:?} with {knobs:?}"), found, expected)?;
    }
    limits.peers.clear();
    hold(CLAUSE, "peers can be forgotten", limits.peers.is_empty(), String::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOBS: Knobs = Knobs { limit_ms: 1000, mask: 6168, per_second: 1000, burst: 50 };

    /// How many of `attempts` port unreachables to one peer the model lets go at once.
    fn burst(model: &mut Model, now: i64, attempts: usize) -> usize {
        (0..attempts).filter(|_| model.message(&KNOBS, now, 1, 3, 3, 1)).count()
    }

    #[test]
    fn the_model_does_what_was_measured() {
        let mut model = Model::default();
        assert_eq!(burst(&mut model, 3600 * HZ, 10), 6);
        assert_eq!(burst(&mut model, 3600 * HZ + 249, 10), 0);
        assert_eq!(burst(&mut model, 3600 * HZ + 250, 10), 1);
    }

    #[test]
    fn the_model_is_stricter_than_no_limit() {
        let mut model = Model::default();
        let knobs = Knobs { per_second: 0, ..KNOBS };
        assert!(!model.message(&knobs, 3600 * HZ, 1, 3, 3, 1));
        assert!(model.message(&knobs, 3600 * HZ, 1, 3, 4, 1));
    }

    #[test]
    fn redirects_come_ever_more_slowly() {
        let mut model = Model::default();
        let sent: Vec<i64> = (0..3000).filter(|jiffy| model.redirect(3600 * HZ + jiffy, 1)).collect();
        assert_eq!(sent[..5], [0, 11, 32, 73, 154]);
        assert_eq!(sent.len(), 9);
    }
}
