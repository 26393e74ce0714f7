//! Forwarding from one link to another, and the error when it cannot be.

use crate::datagram::{FAR, PEER, udp};
use crate::echo::{NEAR_LINK, Reference, world};
use crate::measure::Case;

pub(crate) fn cases() -> Vec<Case> {
    let datagram = udp((PEER, 5000), (FAR, 53), 64);
    let mut expired = udp((PEER, 5000), (FAR, 53), 64);
    // The sum stays right: what the TTL loses the protocol field's neighbor octet gains.
    let ttl = u16::from(expired[8]) - 1;
    expired[8] = 1;
    let sum = u16::from_be_bytes([expired[10], expired[11]]);
    let (sum, carry) = sum.overflowing_add(ttl << 8);
    expired[10..12].copy_from_slice(&(sum + u16::from(carry)).to_be_bytes());
    let mut forwarder = Reference::new(world());
    forwarder.take(NEAR_LINK, &datagram);
    assert_eq!(forwarder.sink.0[8], 63, "it was forwarded");
    let mut complainer = Reference::new(world());
    complainer.take(NEAR_LINK, &expired);
    assert_eq!(complainer.sink.0[20], 11, "an error was sent");
    let mut copy = vec![0; datagram.len()];
    let copied = datagram.clone();
    vec![
        Case::new("forward 64", "memcpy", move |times| {
            for _ in 0..times {
                copy.copy_from_slice(std::hint::black_box(&copied));
                std::hint::black_box(&copy);
            }
        }),
        Case::new("forward 64", "reference", move |times| {
            (0..times).for_each(|_| forwarder.take(NEAR_LINK, &datagram));
        }),
        Case::new("forward 64", "reference, TTL exceeded", move |times| {
            (0..times).for_each(|_| complainer.take(NEAR_LINK, &expired));
        }),
    ]
}
