//! The strict view of a datagram against RFC 791 §3.1: raw octets, and the same as a generated datagram.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netassay::generate::{Octets, datagram};
use netassay::oracle::header;

fuzz_target!(|octets: &[u8]| {
    let datagram = datagram::datagram(&mut Octets::new(octets), &[]);
    for octets in [octets, &datagram] {
        header::view_reads_what_is_there(octets).unwrap_or_else(|objection| panic!("{objection}"));
    }
});
