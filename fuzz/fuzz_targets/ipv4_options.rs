//! Options: the walk, reception and blanking, over raw octets and over generated options.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netassay::generate::{Octets, option};
use netassay::oracle::options;

fuzz_target!(|octets: &[u8]| {
    let generated = option::options(&mut Octets::new(octets));
    for options in [&octets[..octets.len().min(40)], &generated] {
        options::walks_agree(options)
            .and_then(|()| options::reception_keeps_its_place(options))
            .and_then(|()| options::later_fragments_keep_the_copied(options))
            .unwrap_or_else(|objection| panic!("{objection}"));
    }
});
