//! The namespace of a recording as a configuration of the stack, and the stack in it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use netassay_stack::address::Prefix;
use netassay_stack::config::{Address, Config, Interface, Profile, Route, RouteKind, RouteTable, Scope};
use netassay_stack::drop_reason::DropReason;
use netassay_stack::interface::{InterfaceId, LinkClass};
use netassay_stack::sink::{LinkDestination, Sink, Void};
use netassay_stack::socket::{SocketConfig, SocketKind};
use netassay_stack::stack::Stack;
use netassay_stack::time::Instant;

use super::recording::{Event, Probe};

/// All that one probe made the stack let out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) emitted: Vec<(String, Vec<u8>)>,
    pub(crate) counters: Vec<String>,
    pub(crate) drops: Vec<String>,
}

/// The world around the stack so far; the stack is made anew when it changed.
pub(crate) struct World {
    config: Config,
    is_tap: BTreeMap<String, bool>,
    /// Hardware address of each TAP device: where its first unicast frame goes.
    macs: BTreeMap<String, [u8; 6]>,
    stack: Option<Stack>,
    /// Commands that mean nothing to the stack.
    pub(crate) ignored: Vec<String>,
}

struct Recorder<'a> {
    names: &'a [String],
    answer: &'a mut Answer,
}

impl Sink for Recorder<'_> {
    fn transmit(&mut self, interface: InterfaceId, _: LinkDestination, datagram: &[u8]) {
        let name = self.names[interface.position().unwrap()].clone();
        self.answer.emitted.push((name, datagram.to_vec()));
    }

    fn discard(&mut self, reason: DropReason, _: &[u8]) {
        self.answer.drops.extend(reason.linux_name().map(str::to_owned));
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            config: Config::new(Profile::Linux),
            is_tap: BTreeMap::new(),
            macs: BTreeMap::new(),
            stack: None,
            ignored: Vec::new(),
        }
    }

    pub(crate) fn apply(&mut self, event: &Event) {
        match event {
            Event::Fresh => *self = Self { ignored: std::mem::take(&mut self.ignored), ..Self::new() },
            Event::Device { name, is_tap, is_up, mtu, addresses } => {
                let prefixes: Vec<Prefix> = addresses.iter().map(|text| prefix(text)).collect();
                let interface = self.config.add_interface(name, prefixes).unwrap();
                interface.is_up = *is_up;
                interface.mtu = *mtu;
                self.is_tap.insert(name.clone(), *is_tap);
            }
            Event::Sysctl { name, value } => self.sysctl(name, value),
            Event::Join { device, group } => self.interface(device).groups.push(group.parse().unwrap()),
            Event::Socket { local } => self.open_socket(local),
            Event::Shell(command) => self.shell(command),
            Event::Probe(_) => unreachable!("probes are no changes"),
        }
        if let Some(stack) = &mut self.stack {
            stack.reconfigure(self.config.clone()).unwrap();
        }
    }

    fn open_socket(&mut self, local: &str) {
        let config = &self.config;
        let stack = self.stack.get_or_insert_with(|| Stack::new(config.clone(), 1).unwrap());
        let socket = SocketConfig {
            kind: SocketKind::Udp,
            local: Some(local.parse().unwrap()),
            peer: None,
            options: Vec::new(),
        };
        stack.open_socket(Instant::ZERO, 0, &socket, &mut Void).unwrap();
    }

    fn sysctl(&mut self, name: &str, value: &str) {
        if self.config.set_sysctl(name, value).is_err() {
            self.ignored.push(format!("{name}={value}"));
        }
    }

    fn interface(&mut self, name: &str) -> &mut Interface {
        if name != "lo" && self.config.interface_id(name).is_none() {
            self.config.add_interface(name, []).unwrap();
        }
        self.config.interfaces.iter_mut().find(|interface| interface.name == name).unwrap()
    }

    fn shell(&mut self, command: &str) {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words[..] {
            ["ip", "addr", "add", address, "dev", "lo"] => {
                self.config.loopback_addresses.push(prefix(address).into());
            }
            ["ip", "addr", "add", address, "dev", device] => {
                self.interface(device).addresses.push(prefix(address).into());
            }
            ["ip", "addr", "add", address, "scope", scope, "dev", device] => {
                let scope = if scope == "link" { Scope::Link } else { Scope::Global };
                self.interface(device).addresses.push(Address { prefix: prefix(address), scope });
            }
            ["ip", "addr", "del", address, "dev", device] => {
                let gone = prefix(address);
                self.interface(device).addresses.retain(|own| own.prefix != gone);
            }
            ["ip", "-6", "addr", "add", address, "dev", device, "nodad"] => {
                let address = address.split('/').next().unwrap().parse().unwrap();
                self.interface(device).ipv6_addresses.push(address);
            }
            ["ip", "link", "add", device, "type", "dummy"] => self.interface(device).is_up = false,
            ["ip", "link", "set", device, "mtu", mtu] => self.interface(device).mtu = mtu.parse().unwrap(),
            ["ip", "link", "set", device, "up"] => self.interface(device).is_up = true,
            ["ip", "link", "set", device, "down"] => self.take_down(device),
            ["ip", "route", "flush", "cache"] => {
                if let Some(stack) = &mut self.stack {
                    stack.flush_exceptions();
                }
            }
            ["ip", "route", "del", ref route @ ..] => {
                let gone = self.route(route).to;
                self.config.routes.retain(|route| route.to != gone);
            }
            ["ip", "route", "add", "nat", ..] => {}
            ["ip", "route", "add", ref route @ ..] => {
                let route = self.route(route);
                self.config.routes.push(route);
            }
            _ => self.ignored.push(command.to_owned()),
        }
    }

    /// An interface that goes down takes the routes through it along.
    fn take_down(&mut self, device: &str) {
        let interface = self.interface(device);
        interface.is_up = false;
        let subnets = interface.addresses.clone();
        let is_there = |gateway| subnets.iter().any(|own| own.prefix.contains(gateway));
        self.config.routes.retain(|route| !route.via.is_some_and(is_there));
    }

    /// A route as `ip route add` takes it.
    fn route(&self, words: &[&str]) -> Route {
        let mut words = words.iter().copied().peekable();
        let kind = match words.peek() {
            Some(&"unreachable") => RouteKind::Unreachable,
            Some(&"prohibit") => RouteKind::Prohibit,
            Some(&"blackhole") => RouteKind::Blackhole,
            Some(&"throw") => RouteKind::Throw,
            Some(&"multicast") => RouteKind::Multicast,
            Some(&"broadcast") => RouteKind::Broadcast,
            Some(&"local") => RouteKind::Local,
            _ => RouteKind::Unicast,
        };
        if kind != RouteKind::Unicast {
            words.next();
        }
        let to = match words.next().unwrap() {
            "default" => Prefix::default(),
            text => prefix(text),
        };
        let table = if matches!(kind, RouteKind::Local | RouteKind::Broadcast) {
            RouteTable::Local
        } else {
            RouteTable::Main
        };
        let mut route = Route { to, kind, table, ..Route::default() };
        while let Some(word) = words.next() {
            match word {
                "via" => route.via = Some(words.next().unwrap().parse().unwrap()),
                "dev" => route.interface = self.config.interface_id(words.next().unwrap()),
                "src" => route.source = Some(words.next().unwrap().parse().unwrap()),
                "hoplimit" => route.hoplimit = Some(words.next().unwrap().parse().unwrap()),
                "mtu" => {
                    route.mtu_locked = words.peek() == Some(&"lock") && words.next().is_some();
                    route.mtu = Some(words.next().unwrap().parse().unwrap());
                }
                _ => panic!("`{word}` of a route is not understood"),
            }
        }
        route
    }

    /// Replays one probe; `None` if the device would not have taken it.
    pub(crate) fn probe(&mut self, probe: &Probe) -> Option<Answer> {
        let interface = self.config.interface_id(&probe.device).unwrap();
        let is_tap = self.is_tap[&probe.device];
        let names: Vec<String> =
            self.config.interfaces.iter().map(|interface| interface.name.clone()).collect();
        let config = &self.config;
        let stack = self.stack.get_or_insert_with(|| Stack::new(config.clone(), 1).unwrap());
        let before = stack.counters().clone();
        let mut answer = Answer::default();
        let mut sink = Recorder { names: &names, answer: &mut answer };
        let now = Instant::from_micros(probe.at_us);
        stack.handle_timeout(now, probe.midnight_ms, &mut sink);
        for frame in &probe.injected {
            let (link, datagram) = if is_tap {
                ethernet(frame, &mut self.macs, &probe.device)?
            } else {
                (LinkClass::Host, &frame[..])
            };
            if !is_tap && datagram.first().is_none_or(|first| first >> 4 != 4) {
                return None;
            }
            stack.receive(now, probe.midnight_ms, interface, link, datagram, &mut sink);
        }
        let end = Instant::from_micros(probe.at_us + probe.wait_us);
        stack.handle_timeout(end, probe.midnight_ms, &mut sink);
        let moved: BTreeMap<String, u64> =
            before.nonzero().map(|(name, value)| (name.to_string(), value)).collect();
        for (name, value) in stack.counters().nonzero() {
            let name = name.to_string();
            let difference = value - moved.get(&name).copied().unwrap_or(0);
            if difference != 0 && name != "Ip.OutTransmits" {
                answer.counters.push(format!("{name}+{difference}"));
            }
        }
        answer.counters.sort();
        Some(answer)
    }
}

/// Splits an Ethernet frame to `device`; `None` if the device would not take it.
fn ethernet<'a>(
    frame: &'a [u8],
    macs: &mut BTreeMap<String, [u8; 6]>,
    device: &str,
) -> Option<(LinkClass, &'a [u8])> {
    let (header, datagram) = frame.split_first_chunk::<14>()?;
    let destination = *header.first_chunk::<6>()?;
    let link = match destination {
        [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] => LinkClass::Broadcast,
        [first, ..] if first & 1 == 1 => LinkClass::Multicast,
        _ if *macs.entry(device.to_owned()).or_insert(destination) == destination => LinkClass::Host,
        _ => LinkClass::Otherhost,
    };
    Some((link, datagram))
}

fn prefix(text: &str) -> Prefix {
    let (address, length) = text.split_once('/').unwrap_or((text, "32"));
    Prefix::new(address.parse::<Ipv4Addr>().unwrap(), length.parse().unwrap())
}
