//! What connection tracking and NAT add to forwarding.

use netassay_stack::filter::{Action, Conditions, Rule};
use netassay_stack::hook::Hook;
use netassay_stack::interface::InterfaceId;
use netassay_stack::nat::{Binding, Range};
use netassay_stack::netfilter::NetfilterConfig;

use crate::datagram::{FAR, FAR_OWN, PEER, udp};
use crate::echo::{NEAR_LINK, Reference, world};
use crate::measure::Case;

const FAR_LINK: InterfaceId = InterfaceId::configured(1);

pub(crate) fn cases() -> Vec<Case> {
    let there = udp((PEER, 5000), (FAR, 53), 64);
    let tracking = NetfilterConfig { tracks: true, ..NetfilterConfig::default() };
    let masquerade = Rule {
        hook: Hook::Postrouting,
        conditions: Conditions { outgoing: Some(FAR_LINK), ..Conditions::default() },
        action: Action::Translate(Binding::Masquerade(Range::default())),
    };
    let translating = NetfilterConfig { rules: vec![masquerade], ..NetfilterConfig::default() };
    vec![
        case("forward", NetfilterConfig::default(), &there, &udp((FAR, 53), (PEER, 5000), 64)),
        case("established", tracking, &there, &udp((FAR, 53), (PEER, 5000), 64)),
        case("NAT", translating, &there, &udp((FAR, 53), (FAR_OWN, 5000), 64)),
    ]
}

/// One datagram each way; times count single datagrams.
fn case(who: &str, netfilter: NetfilterConfig, there: &[u8], back: &[u8]) -> Case {
    let mut config = world();
    config.netfilter = netfilter;
    let mut reference = Reference::new(config);
    let (there, back) = (there.to_vec(), back.to_vec());
    reference.take(NEAR_LINK, &there);
    reference.take(FAR_LINK, &back);
    assert_eq!(reference.sink.0[16..20], PEER.octets(), "the answer was forwarded: {who}");
    Case::new("conntrack 64", who, move |times| {
        for time in 0..times {
            let (link, datagram) = if time % 2 == 0 { (NEAR_LINK, &there) } else { (FAR_LINK, &back) };
            reference.take(link, datagram);
        }
    })
}
