//! A world in which a rule can be tried on two frames.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use super::{Context, FramePair, Rules};
use crate::differential::layout::Layout;
use crate::model::scenario::Hook;
use crate::model::{
    Action, Interface, Limits, LinkKind, Role, Route, RouteKind, Rule, RuleAction, Scenario, Socket,
    SocketAction, SocketKind, Step,
};

/// A scenario with the interface 10.0.0.1/24, one stimulus, and the rules under test.
pub(crate) struct World {
    scenario: Scenario,
    step: Step,
    rules: Rules,
}

impl Default for World {
    fn default() -> Self {
        let stimulus = identified(1, 3, 0, &[]);
        Self { scenario: scenario(), step: inject(0, stimulus), rules: Rules::default() }
    }
}

impl World {
    pub(crate) fn with_role(mut self, role: Role) -> Self {
        self.scenario.role = role;
        self.rules.reset(&self.scenario);
        self
    }

    pub(crate) fn with_rule(mut self, action: RuleAction) -> Self {
        self.scenario.rules.push(Rule::new(Hook::Postrouting, action));
        self.rules.reset(&self.scenario);
        self
    }

    pub(crate) fn with_socket(mut self, kind: SocketKind) -> Self {
        let socket = Socket { kind, protocol: None, local: None, peer: None, options: Default::default() };
        self.scenario.sockets.push(socket);
        self
    }

    pub(crate) fn with_local_route(mut self, to: &str) -> Self {
        let to = to.parse().expect("a prefix");
        self.scenario.routes.push(Route::new(to, RouteKind::Local));
        self
    }

    pub(crate) fn with_stimulus(mut self, frame: Vec<u8>) -> Self {
        self.step = inject(0, frame);
        self
    }

    /// The step is that the first socket sends something somewhere.
    pub(crate) fn with_sending(mut self) -> Self {
        let to = Some(SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 0));
        let action = SocketAction::Send { to, data: Vec::new() };
        self.step.action = Action::Socket { socket: 0, action };
        self
    }

    /// Whether the rules make these two frames equal. All calls are one step.
    pub(crate) fn equal(&mut self, a: &[u8], b: &[u8]) -> bool {
        let context = Context::new(&self.scenario, &self.step, Duration::ZERO);
        let (mut a, mut b) = (a.to_vec(), b.to_vec());
        let layout = Layout::of(&a, LinkKind::Ip).expect("tests give whole headers");
        self.rules.apply(&context, &mut FramePair { a: &mut a, b: &mut b, layout });
        a == b
    }
}

/// A host with one interface, `net0`, of bare datagrams.
pub(crate) fn scenario() -> Scenario {
    let interface = Interface {
        name: "net0".to_owned(),
        link: LinkKind::Ip,
        mac: None,
        addresses: vec!["10.0.0.1/24".parse().expect("a prefix")],
        mtu: 1500,
        up: true,
        sysctl: Default::default(),
        groups: Vec::new(),
    };
    Scenario {
        name: "test".to_owned(),
        summary: String::new(),
        role: Role::Host,
        limits: Limits::Open,
        sysctl: Default::default(),
        interfaces: vec![interface],
        routes: Vec::new(),
        rules: Vec::new(),
        sockets: Vec::new(),
    }
}

/// A step that injects `frame` at `ms` milliseconds.
pub(crate) fn inject(ms: u64, frame: Vec<u8>) -> Step {
    Step {
        at: Duration::from_millis(ms),
        action: Action::Inject { interface: 0, frame },
        packet: 1,
        comment: None,
    }
}

/// A datagram from 10.0.0.1 to 10.0.0.2.
pub(crate) fn identified(protocol: u8, id: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x45, 0, 0, 20 + payload.len() as u8];
    frame.extend(id.to_be_bytes());
    frame.extend(flags.to_be_bytes());
    frame.extend([64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    frame.extend(payload);
    with_checksum(frame)
}

/// An ICMP message from 10.0.0.1 to 10.0.0.2, with right checksums.
pub(crate) fn icmp(message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    put_checksum(&mut message, 2);
    identified(1, 5, 0, &message)
}

/// An ICMP message whose IP header has options, a multiple of 4 octets.
pub(crate) fn with_options(options: &[u8], message: &[u8]) -> Vec<u8> {
    let plain = icmp(message);
    let mut frame = plain[..20].to_vec();
    frame[0] += (options.len() / 4) as u8;
    frame[3] += options.len() as u8;
    frame.extend(options);
    frame.extend(&plain[20..]);
    with_checksum(frame)
}

/// `frame` with the header checksum repaired.
pub(crate) fn with_checksum(mut frame: Vec<u8>) -> Vec<u8> {
    let header_len = usize::from(frame[0] & 0x0f) * 4;
    put_checksum(&mut frame[..header_len], 10);
    frame
}

/// Writes the Internet checksum of `octets` into place `at` of them.
fn put_checksum(octets: &mut [u8], at: usize) {
    octets[at..at + 2].fill(0);
    let mut sum: u32 = octets
        .chunks(2)
        .map(|word| u32::from(word[0]) << 8 | word.get(1).map_or(0, |low| u32::from(*low)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    octets[at..at + 2].copy_from_slice(&(!(sum as u16)).to_be_bytes());
}
