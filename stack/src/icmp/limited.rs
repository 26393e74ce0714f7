//! The rate limits in their order: all messages, then the destination; and those of error routes and redirects.
//! RFC 1812 §4.3.2.8.

use core::net::Ipv4Addr;

use super::limit::{self, ErrorRouteRate, GlobalRate, RedirectRate};
use super::reply::EXTENDED_ECHO_REPLY;
use crate::counters::Counter;
use crate::interface::InterfaceId;
use crate::ip::route::OutputRoute;
use crate::outcome::Withheld;
use crate::stack::{Stack, UPTIME};
use crate::time::Instant;
use crate::wire::IcmpType;

/// Whether a message is subject to the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limited {
    /// It is, and the limit of all messages has admitted it.
    Yes,
    /// It is not.
    No,
}

impl Stack {
    /// Asks the limit of all messages; nothing is charged yet.
    #[inline]
    pub(super) fn admit_globally(&mut self, icmp_type: u8, code: u8) -> Result<Limited, Withheld> {
        let sysctls = &self.config.sysctls;
        let mask = sysctls.icmp_ratemask as u32;
        let is_probed = icmp_type == EXTENDED_ECHO_REPLY && self.config.departures.extended_echo_is_limited;
        if !is_probed && !limit::is_limited(IcmpType::from(icmp_type), code, mask) {
            return Ok(Limited::No);
        }
        let rate = GlobalRate {
            messages_per_second: u32::try_from(sysctls.icmp_msgs_per_sec).unwrap_or(0),
            burst: i32::try_from(sysctls.icmp_msgs_burst).unwrap_or(i32::MAX),
            refills_early: self.config.departures.global_bucket_refills,
        };
        let now = self.look_at_clock();
        let allowed = match &mut self.followed_credit {
            Some(followed) => followed.decide(now, &rate),
            None => self.global_bucket.allows(now, &rate),
        };
        if allowed {
            return Ok(Limited::Yes);
        }
        self.counters.bump(Counter::IcmpOutRateLimitGlobal);
        Err(Withheld::GlobalLimit)
    }

    /// From now on follows another stack in what its limit of all messages draws at random, which refuses `refusals`
    /// messages in the step that comes.
    pub fn follow_credit(&mut self, refusals: u64) {
        self.followed_credit.get_or_insert_default().expect_refusals(refusals);
    }

    /// Whether the limits stand as they do in `other`: whatever comes, they will decide alike.
    pub fn has_limits_of(&self, other: &Self) -> bool {
        self.peers == other.peers && self.followed_credit == other.followed_credit
    }

    /// Asks the limit of the destination, then charges the limit of all messages. What goes to this system itself is
    /// not limited by destination.
    #[inline]
    pub(super) fn admit_to_host(&mut self, limited: Limited, way: &OutputRoute) -> Result<(), Withheld> {
        if limited == Limited::No {
            return Ok(());
        }
        if way.route.outgoing != InterfaceId::LOOPBACK {
            let pace = limit::jiffies_from_milliseconds(self.config.sysctls.icmp_ratelimit);
            let now = self.look_at_clock();
            if !self.peers.allow_error(now, way.destination, pace) {
                self.counters.bump(Counter::IcmpOutRateLimitHost);
                return Err(Withheld::HostLimit);
            }
        }
        let random = &mut self.random;
        match &mut self.followed_credit {
            Some(followed) => followed.charge(),
            None => self.global_bucket.charge(|| random.below(3) as u8),
        }
        Ok(())
    }

    /// Whether a datagram from `source` that hit an error route is worth an error at all.
    pub(crate) fn error_route_allows(&mut self, source: Ipv4Addr) -> bool {
        if self.config.departures.error_route_is_charged_once {
            return true;
        }
        let sysctls = &self.config.sysctls;
        let rate = ErrorRouteRate {
            cost: u64::try_from(sysctls.route_error_cost).unwrap_or(0),
            burst: u64::try_from(sysctls.route_error_burst).unwrap_or(0),
        };
        let now = self.look_at_clock();
        self.peers.allow_error_route(now, source, &rate)
    }

    /// Whether `source` is to be told of a better gateway now.
    pub(crate) fn redirect_is_due(&mut self, source: Ipv4Addr) -> bool {
        let sysctls = &self.config.sysctls;
        let rate = RedirectRate {
            load: u64::try_from(sysctls.route_redirect_load).unwrap_or(0),
            number: u8::try_from(sysctls.route_redirect_number).unwrap_or(u8::MAX),
            silence: u64::try_from(sysctls.route_redirect_silence).unwrap_or(0),
        };
        let now = self.look_at_clock();
        self.peers.redirect_is_due(now, source, &rate)
    }

    /// A redirect to `source` went out, or another rule forbade it.
    pub(crate) fn redirect_sent(&mut self, source: Ipv4Addr) {
        let now = self.look_at_clock();
        self.peers.redirect_sent(now, source);
    }

    /// How often limits have looked at the clock since [`Stack::new`].
    pub const fn looks_at_clock(&self) -> u64 {
        self.looks
    }

    /// Has the clock move to `later` in the midst of a call, before limits look at it for the time with this number,
    /// counted from 0: another stack may see its clock tick while it is at work. `None` takes that back.
    pub fn tick_before_look(&mut self, tick: Option<(u64, Instant)>) {
        self.tick = tick.map(|(look, later)| (look, later + UPTIME));
    }

    /// What time it is to a limit.
    #[inline]
    fn look_at_clock(&mut self) -> Instant {
        if let Some((look, later)) = self.tick
            && look <= self.looks
        {
            self.now = self.now.max(later);
        }
        self.looks += 1;
        self.now
    }
}
