//! What ICMP teaches about destinations: path MTUs and better gateways.

use core::net::Ipv4Addr;

use super::{Route, Router};
use crate::address;
use crate::config::{RouteKind, Sysctls};
use crate::interface::InterfaceId;
use crate::time::{Instant, MICROS_PER_JIFFY};

/// Jiffies in a second.
const JIFFIES_PER_SECOND: u64 = 1_000_000 / MICROS_PER_JIFFY;

/// A redirect that arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Redirect {
    /// Who sent it.
    pub(crate) from: Ipv4Addr,
    /// Where it leads.
    pub(crate) gateway: Ipv4Addr,
    /// Code of the message.
    pub(crate) code: u8,
    /// Interface it came in by.
    pub(crate) incoming: InterfaceId,
}

impl Router {
    /// Takes over what `other` has learned.
    pub(crate) fn keep_exceptions_of(&mut self, other: &mut Self) {
        self.exceptions = core::mem::take(&mut other.exceptions);
    }

    /// Forgets all that was learned.
    pub(crate) fn flush_exceptions(&mut self) {
        self.exceptions.clear();
    }

    /// Takes in that datagrams of `mtu` octets go through to `destination`, whose route is `route`. RFC 1191 §6.3.
    pub(crate) fn learn_mtu(
        &mut self,
        route: &Route,
        destination: Ipv4Addr,
        mtu: u32,
        sysctls: &Sysctls,
        now: Instant,
    ) -> bool {
        let current = route.mtu();
        if route.mtu_locked || current < mtu || self.is_beyond_learning(destination) {
            return false;
        }
        let minimum = u32::try_from(sysctls.route_min_pmtu).unwrap_or(u32::MAX);
        let locked = mtu < minimum;
        let mtu = if locked { current.min(minimum) } else { mtu };
        let life = u64::try_from(sysctls.route_mtu_expires).unwrap_or(0).saturating_mul(JIFFIES_PER_SECOND);
        if let Some(known) = self.exception(destination, now)
            && known.mtu == mtu
            && !locked
            && now.jiffies() < known.expires.saturating_sub(life / 2)
        {
            return false;
        }
        self.exceptions.update(destination, now, |exception| {
            exception.mtu = mtu;
            exception.locked = locked;
            exception.expires = now.jiffies().saturating_add(life);
        });
        true
    }

    /// Whether `destination` is this system by an address of another interface than the loopback one: nothing can be
    /// learned about the way to it, which is not that of the route that makes it local.
    fn is_beyond_learning(&self, destination: Ipv4Addr) -> bool {
        self.lookup(destination)
            .is_ok_and(|entry| entry.kind == RouteKind::Local && entry.outgoing != InterfaceId::LOOPBACK)
    }

    /// Takes in a redirect about `destination`, whose route is `route`, if it may be believed. RFC 1122 §3.2.2.2.
    pub(crate) fn learn_redirect(
        &mut self,
        redirect: &Redirect,
        route: &Route,
        destination: Ipv4Addr,
        sysctls: &Sysctls,
        now: Instant,
    ) -> bool {
        // What something was learned about counts as its own gateway, also on the link.
        let gateway = route.gateway.or_else(|| self.exception(destination, now).map(|_| destination));
        if gateway != Some(redirect.from) || !self.believes(redirect) {
            return false;
        }
        let life = u64::try_from(sysctls.route_gc_timeout).unwrap_or(0).saturating_mul(JIFFIES_PER_SECOND);
        self.exceptions.update(destination, now, |exception| {
            exception.gateway = Some(redirect.gateway);
            exception.expires = now.jiffies().saturating_add(life);
        });
        true
    }

    fn believes(&self, redirect: &Redirect) -> bool {
        let code = if self.departures.redirect_code_is_checked { redirect.code } else { redirect.code & 7 };
        let Some(device) = self.device(redirect.incoming) else { return false };
        let gateway = redirect.gateway;
        let impossible =
            gateway.is_multicast() || address::is_limited_broadcast(gateway) || gateway.is_unspecified();
        if code > 3 || gateway == redirect.from || impossible || !device.policy.accept_redirects {
            return false;
        }
        if device.policy.shared_media {
            return self.kind_of(gateway) == RouteKind::Unicast;
        }
        device.is_on_link(gateway, Some(redirect.from))
            && (!device.policy.secure_redirects || self.is_default_gateway(gateway, redirect.incoming))
    }

    /// Whether a default route leads to `gateway`.
    fn is_default_gateway(&self, gateway: Ipv4Addr, interface: InterfaceId) -> bool {
        self.table.entries().iter().any(|entry| {
            entry.to.length == 0 && entry.gateway == Some(gateway) && entry.outgoing == interface
        })
    }
}
