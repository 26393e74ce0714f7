//! What a router writes into the options of a datagram as it leaves.

use core::net::Ipv4Addr;

use super::{OptionRecord, OptionRules, address_at, put};
use crate::wire::Ipv4Edit;

/// Writes the addresses that are known only once the outgoing route is, and mends the checksum if anything changed,
/// on reception or now.
///
/// `outgoing` is the source address this stack would use on the outgoing route, `recorded` what it would use there
/// towards the destination that the datagram came in with. Returns whether the header changed.
///
/// A timestamp shows `outgoing` if a source route is followed or `rules` say so, else what reception wrote.
pub fn forward(
    header: &mut [u8],
    record: &mut OptionRecord,
    rules: OptionRules,
    recorded: Ipv4Addr,
    outgoing: Ipv4Addr,
) -> bool {
    let mut names_outgoing = rules.timestamp_names_outgoing;
    if let Some(offset) = record.record_route.filter(|_| record.record_route_stamped) {
        put_last(header, offset, 5, recorded);
    }
    if let Some(route) = record.source_route
        && let Some(next_hop) = route.next_hop
    {
        move_along(header, usize::from(route.offset), next_hop, outgoing);
        names_outgoing = true;
    }
    if let Some(offset) = record.timestamp.filter(|_| record.timestamp_addressed && names_outgoing) {
        put_last(header, offset, 9, outgoing);
    }
    let changed = core::mem::take(&mut record.changed);
    if changed && let Some(mut edit) = Ipv4Edit::new(header) {
        edit.rewrite_checksum();
    }
    changed
}

/// Writes `address` over the entry that begins `back` octets before the one that the option's pointer names.
fn put_last(header: &mut [u8], offset: u8, back: usize, address: Ipv4Addr) {
    let offset = usize::from(offset);
    let pointer = header.get(offset + 2).copied().map_or(0, usize::from);
    if let Some(at) = (offset + pointer).checked_sub(back) {
        put(header, at, address.octets());
    }
}

/// Replaces the slot of `next_hop` by `outgoing`, moves the pointer past it and sends the datagram there.
fn move_along(header: &mut [u8], offset: usize, next_hop: Ipv4Addr, outgoing: Ipv4Addr) {
    let Some(&[len, first]) = header.get(offset + 1..).and_then(|rest| rest.first_chunk::<2>()) else {
        return;
    };
    let len = usize::from(len);
    let slot = (usize::from(first)..)
        .step_by(4)
        .take_while(|pointer| pointer + 3 <= len)
        .find(|pointer| address_at(header, offset + pointer - 1) == Some(next_hop));
    if let Some(pointer) = slot {
        put(header, offset + pointer - 1, outgoing.octets());
        put(header, offset + 2, [pointer as u8 + 4]);
        put(header, 16, next_hop.octets());
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::receive;
    use super::super::testing::{Host, header, hex};
    use super::*;
    use crate::wire::checksum;

    const IN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const OUT: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 1);

    fn check(options: &str, next_hop: Option<Ipv4Addr>, outgoing: Ipv4Addr, expected: &str) {
        check_by(OptionRules::default(), options, next_hop, outgoing, expected);
    }

    #[test]
    fn by_the_clause_a_timestamp_shows_the_way_out() {
        let rules = OptionRules { timestamp_names_outgoing: true, ..OptionRules::default() };
        check_by(rules, "440c05010000000000000000", None, OUT, "440c0d010a01000102b5d5f2");
        check_by(rules, "4408050000000000", None, OUT, "4408090002b5d5f2");
    }

    fn check_by(
        rules: OptionRules,
        options: &str,
        next_hop: Option<Ipv4Addr>,
        outgoing: Ipv4Addr,
        expected: &str,
    ) {
        let mut octets = header(options);
        let mut record = OptionRecord::default();
        receive(&mut octets, rules, &Host, &mut record).unwrap();
        if let Some(route) = &mut record.source_route {
            route.next_hop = next_hop;
            record.changed = next_hop.is_some();
        }
        let changed = forward(&mut octets, &mut record, rules, outgoing, outgoing);
        let mut expected = hex(expected);
        expected.resize(octets.len() - 20, 0);
        assert_eq!(octets[20..], expected);
        assert!(!changed || checksum::is_intact(&octets));
        if let Some(next_hop) = next_hop {
            assert_eq!(address_at(&octets, 16), Some(next_hop));
        }
    }

    /// Rows are probes 205 to 214, 532 and 533: options in, outgoing address, options out.
    #[rstest]
    #[case::p205_record_route("070b04000000000000000000", IN, "070b080a0000010000000000")]
    #[case::p206_full("0707080101010100", IN, "0707080101010100")]
    #[case::p207_time("4408050000000000", IN, "4408090002b5d5f2")]
    #[case::p208_address_and_time("440c05010000000000000000", IN, "440c0d010a00000102b5d5f2")]
    #[case::p211_router_alert("94040000", IN, "94040000")]
    #[case::p214_garbage_after_end("01000707", IN, "01000000")]
    #[case::p532_record_route_shows_the_way_out("070b04000000000000000000", OUT, "070b080a0100010000000000")]
    #[case::p533_timestamp_shows_the_way_in("440c05010000000000000000", OUT, "440c0d010a00000102b5d5f2")]
    fn forwarded(#[case] options: &str, #[case] outgoing: Ipv4Addr, #[case] expected: &str) {
        check(options, None, outgoing, expected);
    }

    /// Rows are probes 191 to 204 and 534: options in, next hop, outgoing address, options out.
    #[rstest]
    #[case::p191_loose("8307040a00000900", Ipv4Addr::new(10, 0, 0, 9), IN, "8307080a00000100")]
    #[case::p192_strict("8907040a00000900", Ipv4Addr::new(10, 0, 0, 9), IN, "8907080a00000100")]
    #[case::p195_self_then_next(
        "830b040a0000010a00000900",
        Ipv4Addr::new(10, 0, 0, 9),
        IN,
        "830b0c0a0000010a00000100"
    )]
    #[case::p203_all_three(
        "8307040a00000907070400000000440c050100000000000000000000",
        Ipv4Addr::new(10, 0, 0, 9),
        IN,
        "8307080a0000010707080a000001440c0d010a00000102b5d5f20000"
    )]
    #[case::p534_timestamp_shows_the_way_out(
        "8307040a010009440c05010000000000000000",
        Ipv4Addr::new(10, 1, 0, 9),
        OUT,
        "8307080a010001440c0d010a01000102b5d5f2"
    )]
    fn source_routed(
        #[case] options: &str,
        #[case] next_hop: Ipv4Addr,
        #[case] outgoing: Ipv4Addr,
        #[case] expected: &str,
    ) {
        check(options, Some(next_hop), outgoing, expected);
    }

    quickcheck::quickcheck! {
        fn no_options_panic(options: std::vec::Vec<u8>, next_hop: u32) -> bool {
            let mut octets = header("");
            octets.extend(options.iter().take(40));
            octets.resize(octets.len().next_multiple_of(4), 0);
            octets[0] = 0x40 | (octets.len() / 4) as u8;
            let mut record = OptionRecord::default();
            let _ = receive(&mut octets, OptionRules::default(), &Host, &mut record);
            if let Some(route) = &mut record.source_route {
                route.next_hop = Some(next_hop.into());
            }
            forward(&mut octets, &mut record, OptionRules::default(), OUT, OUT);
            !record.changed
        }
    }
}
