//! The whole stack as the router of the recordings.

use std::net::Ipv4Addr;

use netassay_stack::address::Prefix;
use netassay_stack::config::{Config, Profile, Route};
use netassay_stack::interface::{InterfaceId, LinkClass};
use netassay_stack::sink::{LinkDestination, Sink};
use netassay_stack::time::Instant;
use netassay_stack::{Stack, counters::Counters};

use crate::probe::{Router, Seen};
use crate::rules::{L, LAN, T, T2, WAN, config_of};

/// The whole stack.
pub(crate) struct Whole {
    stack: Stack,
    now: Instant,
    counted: Counters,
    /// An MTU other than that of the configuration was asked for; what depends on it is not compared.
    has_other_mtu: bool,
}

#[derive(Default)]
struct Emitted(Vec<(String, Vec<u8>)>);

impl Sink for Emitted {
    fn transmit(&mut self, interface: InterfaceId, _: LinkDestination, datagram: &[u8]) {
        self.0.push((if interface == LAN { "lan" } else { "wan" }.to_owned(), datagram.to_vec()));
    }
}

fn config(scenario: &str) -> Config {
    let mut config = Config::new(Profile::Linux);
    config.add_interface("lan", [Prefix::new(L, 24)]).unwrap();
    config.add_interface("wan", [Prefix::new(T, 24), Prefix::new(T2, 24)]).unwrap();
    if scenario.ends_with("narrow") {
        config.interfaces[1].mtu = 600;
    }
    let redirects = if scenario.ends_with("redirecting") { "1" } else { "0" };
    for (name, value) in [
        ("net.ipv4.ip_forward", "1"),
        ("net.ipv4.icmp_ratelimit", "0"),
        ("net.ipv4.icmp_ratemask", "0"),
        ("net.ipv4.conf.all.send_redirects", redirects),
        ("net.ipv4.conf.lan.send_redirects", redirects),
        ("net.ipv4.conf.wan.send_redirects", "0"),
        ("net.ipv4.conf.all.accept_redirects", "0"),
    ] {
        config.set_sysctl(name, value).unwrap();
    }
    let to = |a, b, c| Prefix::new(Ipv4Addr::new(a, b, c, 0), 24);
    config.routes = vec![
        Route { to: to(198, 51, 100), interface: Some(WAN), ..Route::default() },
        Route { to: to(10, 0, 2), via: Some(Ipv4Addr::new(10, 0, 1, 3)), ..Route::default() },
    ];
    config.netfilter = config_of(scenario);
    config
}

/// Hides the identification of a datagram that the router made.
fn hide_identification(datagram: &mut [u8]) {
    if datagram[8] == 64 {
        datagram[4..6].fill(0);
        datagram[10..12].fill(0);
    }
}

impl Router for Whole {
    fn of(scenario: &str) -> Self {
        let stack = Stack::new(config(scenario), 1).unwrap();
        Self { now: Instant::ZERO, counted: stack.counters().clone(), stack, has_other_mtu: false }
    }

    fn flush(&mut self) {
        if let Some(netfilter) = self.stack.hooks_mut().netfilter_mut() {
            netfilter.conntrack_mut().flush(self.now);
        }
    }

    fn set_mtu(&mut self, words: &str) {
        self.has_other_mtu = !words.ends_with("1500");
    }

    fn pass(&mut self, now: Instant, device: &str, datagram: &[u8], expected: &mut Seen) -> Seen {
        expected.states.clear();
        if self.has_other_mtu {
            *expected = Seen::default();
            return Seen::default();
        }
        let interface = if device == "lan" { LAN } else { WAN };
        let mut sink = Emitted::default();
        self.now = now;
        self.stack.receive(self.now, 0, interface, LinkClass::Host, datagram, &mut sink);
        for (_, datagram) in sink.0.iter_mut().chain(&mut expected.emitted) {
            hide_identification(datagram);
        }
        let counters = changes(&self.counted, self.stack.counters());
        self.counted = self.stack.counters().clone();
        Seen { states: String::new(), emitted: sink.0, counters }
    }
}

/// What connection tracking counted between two moments, sorted by name.
fn changes(before: &Counters, after: &Counters) -> String {
    let before: std::collections::HashMap<_, _> =
        before.nonzero().map(|(name, value)| (name.to_string(), value)).collect();
    let mut changes: Vec<_> = after
        .nonzero()
        .filter_map(|(name, value)| {
            let name = name.to_string();
            let added = value - before.get(&name).copied().unwrap_or(0);
            let own = name.strip_prefix("Conntrack.")?;
            (added > 0).then(|| format!("{own}={added}"))
        })
        .collect();
    changes.sort();
    changes.join(" ")
}
