//! Fragment trains of two datagrams through the reassembler, under each overlap policy, against a map of octets.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netassay::generate::{Octets, datagram, fragment};
use netassay::oracle::splice;
use netassay_stack::ip::reassembly::OverlapPolicy;

fuzz_target!(|octets: &[u8]| {
    let mut choice = Octets::new(octets);
    let mut train = Vec::new();
    for _ in 0..2 {
        let whole = datagram::datagram(&mut choice, &[]);
        train.extend(fragment::train(&mut choice, &whole));
    }
    for policy in [OverlapPolicy::DiscardDatagram, OverlapPolicy::KeepFirst, OverlapPolicy::KeepLast] {
        splice::reassembler_agrees(policy, &train).unwrap_or_else(|objection| panic!("{policy:?}: {objection}"));
    }
});
