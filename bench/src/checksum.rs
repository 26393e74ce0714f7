//! The Internet checksum by length, beside copying the same octets.

use std::hint::black_box;

use netassay_stack::wire::checksum;
use smoltcp::wire::checksum as neighbor;

use crate::datagram::filling;
use crate::measure::Case;

pub(crate) fn cases() -> Vec<Case> {
    [20, 64, 576, 1500, 9000, 65_535].into_iter().flat_map(of_length).collect()
}

fn of_length(len: usize) -> Vec<Case> {
    let subject = format!("checksum {len}");
    let octets = filling(len);
    assert_eq!(checksum::checksum(&octets), !neighbor::data(&octets), "both sum up to the same");
    let sum = |sum: fn(&[u8]) -> u16| {
        let octets = octets.clone();
        move |times| {
            (0..times).for_each(|_| {
                black_box(sum(black_box(&octets)));
            });
        }
    };
    let (from, mut to) = (octets.clone(), vec![0; len]);
    let copy = move |times| {
        for _ in 0..times {
            to.copy_from_slice(black_box(&from));
            black_box(&to);
        }
    };
    let mut cases = vec![
        Case::new(&subject, "smoltcp", sum(neighbor::data)).on(len),
        Case::new(&subject, "reference", sum(checksum::checksum)).on(len),
        Case::new(&subject, "memcpy", copy).on(len),
    ];
    if let Ok(header) = <[u8; 20]>::try_from(&octets[..]) {
        let fixed = move |times| {
            (0..times).for_each(|_| {
                black_box(checksum::is_header_intact(black_box(&header), &[]));
            });
        };
        cases.push(Case::new(&subject, "reference, header form", fixed).on(len));
    }
    cases
}
