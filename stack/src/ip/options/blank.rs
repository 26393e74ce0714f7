//! The options of all fragments but the first.

use crate::wire::OptionKind;

/// Overwrites every option of `options` that is not to be copied with no-operations, up to the end of the list or
/// the first option whose length is bad. RFC 791 §3.1 "Options".
///
/// The length stays, so that all fragments have headers of one length.
pub fn blank_for_later_fragments(options: &mut [u8]) {
    let mut at = 0;
    while let Some(&kind) = options.get(at) {
        let kind = OptionKind::from(kind);
        match kind {
            OptionKind::EndOfList => return,
            OptionKind::NoOperation => {
                at += 1;
                continue;
            }
            _ => {}
        }
        let len = options.get(at + 1).copied().map_or(0, usize::from);
        let Some(option) = options.get_mut(at..at + len).filter(|option| option.len() >= 2) else { return };
        if !kind.is_copied() {
            option.fill(OptionKind::NoOperation.into());
        }
        at += len;
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::testing::hex;
    use super::*;

    #[rstest]
    #[case::p451_record_route_goes_copied_stays(
        "070b080a010001000000009e04010200",
        "01010101010101010101019e04010200"
    )]
    #[case::p453_end_of_list("1e04010200000000", "0101010100000000")]
    #[case::after_the_end_nothing_is_read("001e0401", "001e0401")]
    #[case::bad_length_stops("1e0401021e0100", "010101011e0100")]
    #[case::length_cut_off("010107", "010107")]
    fn blanked(#[case] options: &str, #[case] expected: &str) {
        let mut octets = hex(options);
        blank_for_later_fragments(&mut octets);
        assert_eq!(octets, hex(expected));
    }

    quickcheck::quickcheck! {
        fn blanking_twice_is_blanking_once(options: std::vec::Vec<u8>) -> bool {
            let mut once = options;
            blank_for_later_fragments(&mut once);
            let mut twice = once.clone();
            blank_for_later_fragments(&mut twice);
            once == twice
        }
    }
}
