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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::address::Prefix;
    use crate::config::{self, Config, Profile};

    const LINK: InterfaceId = InterfaceId::configured(0);

    /// A host on the link of `prefix`, and with `is_shared` of other subnets as well.
    fn router(prefix: Prefix, is_shared: bool, routes: &[config::Route]) -> Router {
        let mut config = Config::new(Profile::Linux);
        config.add_interface("t0", [prefix]).unwrap();
        config.add_interface("t1", [Prefix::new([10, 1, 0, 1].into(), 24)]).unwrap();
        config.routes.extend_from_slice(routes);
        let is_shared = if is_shared { "1" } else { "0" };
        for device in ["all", "t0"] {
            config.set_sysctl(&std::format!("net.ipv4.conf.{device}.shared_media"), is_shared).unwrap();
        }
        Router::new(&config, 1).unwrap()
    }

    fn redirect(from: [u8; 4], gateway: [u8; 4], code: u8) -> Redirect {
        Redirect { from: from.into(), gateway: gateway.into(), code, incoming: LINK }
    }

    /// RFC 792 "Redirect Message": there are codes 0 to 3; Linux looks at the lowest three bits.
    #[rstest]
    #[case::last_code(3, true)]
    #[case::unknown_code(4, false)]
    #[case::last_code_under_linux(11, true)]
    fn code_of_a_redirect(#[case] code: u8, #[case] is_believed: bool) {
        let router = router(Prefix::new([10, 0, 0, 1].into(), 24), true, &[]);
        assert_eq!(router.believes(&redirect([10, 0, 0, 254], [10, 0, 0, 77], code)), is_believed);
    }

    /// RFC 1122 §3.2.2.2: a gateway is a host of the subnet that the redirect came in by.
    #[rstest]
    #[case::broadcast([240, 0, 0, 1], [240, 0, 0, 2], [255, 255, 255, 255], false)]
    #[case::unspecified([0, 0, 0, 1], [0, 0, 0, 2], [0, 0, 0, 0], false)]
    #[case::group([224, 0, 0, 1], [225, 0, 0, 2], [224, 0, 0, 9], false)]
    #[case::station([240, 0, 0, 1], [240, 0, 0, 2], [240, 0, 0, 3], true)]
    fn gateway_of_a_redirect(
        #[case] own: [u8; 4],
        #[case] from: [u8; 4],
        #[case] gateway: [u8; 4],
        #[case] is_believed: bool,
    ) {
        let mut router = router(Prefix::new(own.into(), 4), false, &[]);
        for device in &mut router.devices {
            device.policy.secure_redirects = false;
        }
        assert_eq!(router.believes(&redirect(from, gateway, 1)), is_believed);
    }

    /// Linux: without `shared_media`, `secure_redirects` wants the gateway of a default route by the same interface.
    #[rstest]
    #[case::default_route([10, 0, 0, 77], 0, 0, true)]
    #[case::another_gateway([10, 0, 0, 78], 0, 0, false)]
    #[case::another_interface([10, 0, 0, 77], 0, 1, false)]
    #[case::not_everywhere([10, 0, 0, 77], 8, 0, false)]
    fn secure_redirects(
        #[case] gateway: [u8; 4],
        #[case] length: u8,
        #[case] interface: u16,
        #[case] is_believed: bool,
    ) {
        let route = config::Route {
            to: Prefix::new(if length == 0 { [0; 4] } else { [20, 0, 0, 0] }.into(), length),
            via: Some([10, 0, 0, 77].into()),
            interface: Some(InterfaceId::configured(interface)),
            onlink: true,
            ..config::Route::default()
        };
        let router = router(Prefix::new([10, 0, 0, 1].into(), 24), false, &[route]);
        assert_eq!(router.believes(&redirect([10, 0, 0, 254], gateway, 1)), is_believed);
    }
}
