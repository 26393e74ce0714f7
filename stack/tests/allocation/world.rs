//! A router with two links and a few sockets, and datagrams for it.

use std::net::{Ipv4Addr, SocketAddrV4};

use netassay_stack::address::Prefix;
use netassay_stack::config::{Config, Profile};
use netassay_stack::filter::{Action, Conditions, Rule};
use netassay_stack::hook::Hook;
use netassay_stack::interface::{InterfaceId, LinkClass};
use netassay_stack::nat::{Binding, Range};
use netassay_stack::outcome::Outcome;
use netassay_stack::sink::{LinkDestination, Sink};
use netassay_stack::socket::{SocketConfig, SocketId, SocketKind};
use netassay_stack::stack::Stack;
use netassay_stack::time::Instant;
use netassay_stack::wire::build::{echo_request, ipv4, udp};

pub(crate) const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub(crate) const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
pub(crate) const FAR_OWN: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 1);
pub(crate) const FAR: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 2);
pub(crate) const NEAR_LINK: InterfaceId = InterfaceId::configured(0);
pub(crate) const FAR_LINK: InterfaceId = InterfaceId::configured(1);

/// Counts what comes out and keeps nothing.
#[derive(Default)]
pub(crate) struct Count {
    pub(crate) sent: u64,
    pub(crate) delivered: u64,
}

impl Sink for Count {
    fn transmit(&mut self, _: InterfaceId, _: LinkDestination, _: &[u8]) {
        self.sent += 1;
    }

    fn deliver(&mut self, _: SocketId, _: SocketAddrV4, _: &[u8]) {
        self.delivered += 1;
    }
}

/// What is between the two links.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Between {
    Nothing,
    Tracking,
    Masquerade,
}

pub(crate) fn config(between: Between) -> Config {
    let mut config = Config::new(Profile::Linux);
    config.set_sysctl("net.ipv4.ip_forward", "1").unwrap();
    config.set_sysctl("net.ipv4.icmp_ratemask", "0").unwrap();
    config.add_interface("t0", [Prefix::new(OWN, 24)]).unwrap();
    config.add_interface("t1", [Prefix::new(FAR_OWN, 24)]).unwrap();
    match between {
        Between::Nothing => {}
        Between::Tracking => config.netfilter.tracks = true,
        Between::Masquerade => config.netfilter.rules.push(Rule {
            hook: Hook::Postrouting,
            conditions: Conditions { outgoing: Some(FAR_LINK), ..Conditions::default() },
            action: Action::Translate(Binding::Masquerade(Range::default())),
        }),
    }
    config
}

/// A stack and the time that passes in it.
pub(crate) struct World {
    pub(crate) stack: Stack,
    pub(crate) sink: Count,
    micros: u64,
}

impl World {
    pub(crate) fn new(config: Config) -> Self {
        let mut stack = Stack::new(config, 3).unwrap();
        let local = Some(SocketAddrV4::new(OWN, 7));
        let wanted = SocketConfig { kind: SocketKind::Udp, local, peer: None, options: Vec::new() };
        let mut sink = Count::default();
        stack.open_socket(Instant::ZERO, 0, &wanted, &mut sink).unwrap();
        Self { stack, sink, micros: 0 }
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::from_micros(self.micros)
    }

    /// Takes a datagram in, `after` microseconds later than the last one.
    pub(crate) fn take(&mut self, after: u64, link: InterfaceId, datagram: &[u8]) -> Outcome {
        self.micros += after;
        let now = self.now();
        while self.stack.poll_timeout().is_some_and(|due| due <= now) {
            let due = self.stack.poll_timeout();
            self.stack.handle_timeout(now, 0, &mut self.sink);
            if self.stack.poll_timeout() == due {
                break;
            }
        }
        self.stack.receive(now, 0, link, LinkClass::Host, datagram, &mut self.sink)
    }
}

impl World {
    /// Takes a datagram in, whatever becomes of it.
    pub(crate) fn pour(&mut self, after: u64, link: InterfaceId, datagram: &[u8]) {
        self.take(after, link, datagram);
    }
}

pub(crate) fn echo(source: Ipv4Addr, destination: Ipv4Addr, len: usize) -> Vec<u8> {
    let request = echo_request().identifier(1).data(vec![0x5a; len - 28]);
    ipv4().source(source).destination(destination).carry(request).build()
}

pub(crate) fn datagram(source: (Ipv4Addr, u16), destination: (Ipv4Addr, u16)) -> Vec<u8> {
    let segment = udp().source_port(source.1).destination_port(destination.1).data(b"abcdefgh");
    ipv4().source(source.0).destination(destination.0).carry(segment).build()
}
