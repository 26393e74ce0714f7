//! Echo request in, echo reply out.

use std::hint::black_box;

use netassay_stack::config::{Config, Profile};
use netassay_stack::interface::{InterfaceId, LinkClass};
use netassay_stack::sink::{LinkDestination, Sink};
use netassay_stack::stack::Stack;
use netassay_stack::time::Instant;

use crate::datagram::{FAR_OWN, OWN, echo_request};
use crate::measure::Case;
use crate::neighbor::Neighbor;
use netassay_stack::address::Prefix;

/// Keeps the last datagram, in the same buffer.
#[derive(Default)]
pub(crate) struct Last(pub(crate) Vec<u8>);

impl Sink for Last {
    fn transmit(&mut self, _: InterfaceId, _: LinkDestination, datagram: &[u8]) {
        self.0.clear();
        self.0.extend_from_slice(datagram);
        black_box(&self.0);
    }
}

/// A world of two links in which the stack forwards, with the ICMP limits lifted.
pub(crate) fn world() -> Config {
    let mut config = Config::new(Profile::Linux);
    for (name, value) in
        [("net.ipv4.icmp_ratemask", "0"), ("net.ipv4.icmp_msgs_per_sec", "0"), ("net.ipv4.ip_forward", "1")]
    {
        config.set_sysctl(name, value).expect("these knobs exist");
    }
    config.add_interface("t0", [Prefix::new(OWN, 24)]).expect("the name is short");
    config.add_interface("t1", [Prefix::new(FAR_OWN, 24)]).expect("the name is short");
    config
}

/// The interface that datagrams come in by.
pub(crate) const NEAR_LINK: InterfaceId = InterfaceId::configured(0);

/// The reference stack that gets the same datagram again and again.
pub(crate) struct Reference {
    pub(crate) stack: Stack,
    pub(crate) sink: Last,
    taken: u64,
}

impl Reference {
    /// The stack in the world of `config`.
    pub(crate) fn new(config: Config) -> Self {
        let stack = Stack::new(config, 1).expect("the world is sound");
        Self { stack, sink: Last::default(), taken: 0 }
    }

    /// Takes in a datagram.
    pub(crate) fn take(&mut self, link: InterfaceId, datagram: &[u8]) {
        self.taken += 1;
        let now = Instant::from_micros(self.taken);
        black_box(self.stack.receive(now, 0, link, LinkClass::Host, black_box(datagram), &mut self.sink));
    }
}

pub(crate) fn cases() -> Vec<Case> {
    [64, 1500].into_iter().flat_map(of_length).collect()
}

fn of_length(len: usize) -> [Case; 2] {
    let request = echo_request(OWN, len);
    let mut neighbor = Neighbor::new(request.clone());
    let mut reference = Reference::new(world());
    neighbor.poll();
    reference.take(NEAR_LINK, &request);
    assert_eq!(neighbor.sent()[20..], reference.sink.0[20..], "both send the same reply");
    let subject = format!("echo {len}");
    [
        Case::new(&subject, "smoltcp", move |times| (0..times).for_each(|_| neighbor.poll())),
        Case::new(&subject, "reference", move |times| {
            (0..times).for_each(|_| reference.take(NEAR_LINK, &request));
        }),
    ]
}
