//! The options of a datagram that came in: checked, stamped and recorded in one walk.

use super::{OptionContext, OptionRecord, SourceRoute, address_at, put};
use crate::wire::OptionKind;
use crate::wire::ipv4::HEADER_LEN;

/// Where Linux departs from the RFCs in its reading of options; the default is Linux.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OptionRules {
    /// A bad length is pointed at itself. Linux points at the type octet. RFC 792 "Parameter Problem Message".
    pub points_at_bad_length: bool,
    /// Lengths and pointers fit slots, flags of timestamps are known, and Router Alert has 4 octets. Linux looks at them
    /// only so far that it stays within the option. RFC 6274 §3.13.2.
    pub checks_shapes: bool,
    /// CIPSO of a possible length passes unread. Linux refuses it while none is configured. RFC 7126 §4.14.5.
    pub leaves_cipso_alone: bool,
    /// A timestamp shows the address of the interface that the datagram leaves by. Linux shows the one towards the
    /// source.
    pub timestamp_names_outgoing: bool,
    /// A full timestamp option with prespecified addresses counts its overflow. Linux leaves it alone.
    /// RFC 791 "Internet Timestamp".
    pub counts_prespecified_overflow: bool,
}

/// An option that a Parameter Problem reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadOption {
    /// Octet that is at fault, counted from the start of the header.
    pub pointer: u8,
}

/// Reads the options of `header`, which is as long as its IHL says, and stamps them in place.
///
/// `record` is what was found; after an error it holds what came before it, which a reply still echoes.
/// The header checksum is left as it was.
///
/// # Errors
/// [`BadOption`] at the first option that is malformed.
pub fn receive(
    header: &mut [u8],
    rules: OptionRules,
    context: &impl OptionContext,
    record: &mut OptionRecord,
) -> Result<(), BadOption> {
    let mut at = HEADER_LEN;
    while let Some(&kind) = header.get(at) {
        let kind = OptionKind::from(kind);
        match kind {
            OptionKind::EndOfList => {
                blank_after_end(header, at + 1, record);
                return Ok(());
            }
            OptionKind::NoOperation => {
                at += 1;
                continue;
            }
            _ => {}
        }
        let Some(option) = option_at(header, at) else {
            let has_length = at + 1 < header.len();
            return Err(bad(at + usize::from(rules.points_at_bad_length && has_length)));
        };
        let len = option.len();
        let mut current = Current { at, option, rules, context, record };
        match kind {
            OptionKind::LooseSourceRoute | OptionKind::StrictSourceRoute => current.source_route(kind)?,
            OptionKind::RecordRoute => current.record_route()?,
            OptionKind::Timestamp => current.timestamp()?,
            OptionKind::RouterAlert => current.router_alert()?,
            OptionKind::Cipso => current.cipso()?,
            _ => {}
        }
        at += len;
    }
    Ok(())
}

/// The option whose type octet is at `at`, by its length octet.
fn option_at(header: &mut [u8], at: usize) -> Option<&mut [u8]> {
    let len = usize::from(*header.get(at + 1)?);
    if len < 2 { None } else { header.get_mut(at..at + len) }
}

/// Zeroes what follows the end of the list.
fn blank_after_end(header: &mut [u8], at: usize, record: &mut OptionRecord) {
    let rest = header.get_mut(at..).unwrap_or_default();
    if rest.iter().any(|octet| *octet != 0) {
        rest.fill(0);
        record.changed = true;
    }
}

fn bad(pointer: usize) -> BadOption {
    BadOption { pointer: pointer as u8 }
}

/// The option that the walk has reached, at least 2 octets long.
struct Current<'a, C> {
    at: usize,
    option: &'a mut [u8],
    rules: OptionRules,
    context: &'a C,
    record: &'a mut OptionRecord,
}

impl<C: OptionContext> Current<'_, C> {
    /// Error at `octet` of this option.
    fn bad(&self, octet: usize) -> BadOption {
        bad(self.at + octet)
    }

    /// The octet at `at`, zero beyond the end: callers have checked the length.
    fn octet(&self, at: usize) -> u8 {
        self.option.get(at).copied().unwrap_or(0)
    }

    /// Checks minimum length and minimum pointer; returns the pointer.
    fn pointer(&self, min_len: usize, min_pointer: u8) -> Result<usize, BadOption> {
        if self.option.len() < min_len {
            return Err(self.bad(1));
        }
        match self.octet(2) {
            pointer if pointer < min_pointer => Err(self.bad(2)),
            pointer => Ok(usize::from(pointer)),
        }
    }

    /// Whether length and pointer of the option, whose slots begin at octet `first`, counted from 1, leave no rest of
    /// one, as far as that is looked at.
    fn check_shape(&self, first: usize, slot: usize) -> Result<(), BadOption> {
        /// Octets of an address or a time.
        const WORD: usize = 4;
        if !self.rules.checks_shapes {
            return Ok(());
        }
        if !(self.option.len() + 1).saturating_sub(first).is_multiple_of(WORD) {
            return Err(self.bad(1));
        }
        let passed = usize::from(self.octet(2)).saturating_sub(first);
        if passed.is_multiple_of(slot) { Ok(()) } else { Err(self.bad(2)) }
    }

    /// Whether the option is full; an error if there is room but less than `needed` octets of it.
    fn is_full(&self, pointer: usize, needed: usize) -> Result<bool, BadOption> {
        let len = self.option.len();
        if pointer > len {
            Ok(true)
        } else if pointer + needed - 1 > len {
            Err(self.bad(2))
        } else {
            Ok(false)
        }
    }

    fn source_route(&mut self, kind: OptionKind) -> Result<(), BadOption> {
        self.pointer(3, 4)?;
        if self.record.source_route.is_some() {
            return Err(self.bad(0));
        }
        self.check_shape(4, 4)?;
        let is_strict = kind == OptionKind::StrictSourceRoute;
        self.record.source_route = Some(SourceRoute { offset: self.at as u8, is_strict, next_hop: None });
        Ok(())
    }

    fn record_route(&mut self) -> Result<(), BadOption> {
        if self.record.record_route.is_some() {
            return Err(self.bad(0));
        }
        let pointer = self.pointer(3, 4)?;
        let is_full = self.is_full(pointer, 4)?;
        self.check_shape(4, 4)?;
        if !is_full {
            put(self.option, pointer - 1, self.context.recorded_address().octets());
            put(self.option, 2, [pointer as u8 + 4]);
            self.record.record_route_stamped = true;
            self.record.changed = true;
        }
        self.record.record_route = Some(self.at as u8);
        Ok(())
    }

    fn timestamp(&mut self) -> Result<(), BadOption> {
        if self.record.timestamp.is_some() {
            return Err(self.bad(0));
        }
        let pointer = self.pointer(4, 5)?;
        let flag = self.octet(3) & 0xf;
        if self.rules.checks_shapes && !matches!(flag, 0 | 1 | 3) {
            return Err(self.bad(3));
        }
        let is_full = self.is_full(pointer, 4)?;
        self.check_shape(5, if flag == 0 { 4 } else { 8 })?;
        if is_full {
            self.count_overflow(flag)?;
        } else {
            self.stamp(flag, pointer)?;
        }
        self.record.timestamp = Some(self.at as u8);
        Ok(())
    }

    /// Writes what `flag` asks for at `pointer`; unknown flags are left alone.
    fn stamp(&mut self, flag: u8, pointer: usize) -> Result<(), BadOption> {
        let (time_at, next) = match flag {
            0 => (pointer - 1, pointer + 4),
            1 => {
                self.is_full(pointer, 8)?;
                put(self.option, pointer - 1, self.context.recorded_address().octets());
                self.record.timestamp_addressed = true;
                (pointer + 3, pointer + 8)
            }
            3 => {
                self.is_full(pointer, 8)?;
                if address_at(self.option, pointer - 1).is_none_or(|address| self.context.is_unicast(address))
                {
                    return Ok(());
                }
                (pointer + 3, pointer + 8)
            }
            _ => return Ok(()),
        };
        put(self.option, time_at, self.context.milliseconds_since_midnight().to_be_bytes());
        put(self.option, 2, [next as u8]);
        self.record.timestamp_stamped = true;
        self.record.changed = true;
        Ok(())
    }

    /// One more host that found no room. RFC 791 "Internet Timestamp".
    fn count_overflow(&mut self, flag: u8) -> Result<(), BadOption> {
        if flag == 3 && !self.rules.counts_prespecified_overflow {
            return Ok(());
        }
        let counted = self.octet(3);
        if counted >> 4 == 15 {
            return Err(self.bad(3));
        }
        put(self.option, 3, [counted + 0x10]);
        self.record.changed = true;
        Ok(())
    }

    fn router_alert(&mut self) -> Result<(), BadOption> {
        if self.option.len() < 4 || (self.rules.checks_shapes && self.option.len() > 4) {
            return Err(self.bad(1));
        }
        self.record.router_alert |= (self.octet(2), self.octet(3)) == (0, 0);
        Ok(())
    }

    fn cipso(&mut self) -> Result<(), BadOption> {
        if self.record.cipso.is_some() {
            return Err(self.bad(0));
        }
        self.record.cipso = Some(self.at as u8);
        match self.option.len() {
            // RFC 6274 §3.13.2.14: shorter than this it is none.
            ..8 => Err(self.bad(1)),
            _ if self.rules.leaves_cipso_alone => Ok(()),
            _ => Err(self.bad(2)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use quickcheck::quickcheck;
    use rstest::rstest;

    use super::super::testing::{Host, header, hex};
    use super::*;

    /// Rows are probes 108 to 173 of the specification: options received, and options as stamped.
    #[rstest]
    #[case::p108_end_of_list("00000000", "00000000")]
    #[case::p109_no_operation("01010101", "01010101")]
    #[case::p110_garbage_after_end("00ff0722", "00000000")]
    #[case::p111_garbage_after_end("01000707", "01000000")]
    #[case::p116_record_route_without_slots("07030400", "07030400")]
    #[case::p120_record_route("0707040000000000", "0707080a00000100")]
    #[case::p121_record_route_two_slots("070b04000000000000000000", "070b080a0000010000000000")]
    #[case::p122_record_route_second("070b08010203040000000000", "070b0c010203040a00000100")]
    #[case::p123_record_route_full("070b0c010203040506070800", "070b0c010203040506070800")]
    #[case::p127_unaligned_pointer("070b05000000000000000000", "070b09000a00000100000000")]
    #[case::p128_pointer_255("0707ff0000000000", "0707ff0000000000")]
    #[case::p130_time("4408050000000000", "4408090002b5d5f2")]
    #[case::p132_second_time("440c09000000000000000000", "440c0d000000000002b5d5f2")]
    #[case::p133_overflow("4408090001010101", "4408091001010101")]
    #[case::p134_overflow_14("440809e001010101", "440809f001010101")]
    #[case::p137_timestamp_without_slots("44040500", "44040510")]
    #[case::p140_address_and_time("440c05010000000000000000", "440c0d010a00000102b5d5f2")]
    #[case::p143_address_full("440c0d010101010101010101", "440c0d110101010101010101")]
    #[case::p144_prespecified_mine("440c05030a00000100000000", "440c0d030a00000102b5d5f2")]
    #[case::p147_prespecified_other("440c05030a00000900000000", "440c05030a00000900000000")]
    #[case::p148_prespecified_multicast("440c0503e000000100000000", "440c0d03e000000102b5d5f2")]
    #[case::p149_prespecified_broadcast("440c0503ffffffff00000000", "440c0d03ffffffff02b5d5f2")]
    #[case::p150_prespecified_zero("440c05030000000000000000", "440c0d030000000002b5d5f2")]
    #[case::p151_prespecified_full("440c0d230101010101010101", "440c0d230101010101010101")]
    #[case::p152_prespecified_full_15("440c0df30101010101010101", "440c0df30101010101010101")]
    #[case::p154_unknown_flag("440c05020000000000000000", "440c05020000000000000000")]
    #[case::p155_unknown_flag("440c050f0000000000000000", "440c050f0000000000000000")]
    #[case::p156_unknown_flag_full("440c0d020000000000000000", "440c0d120000000000000000")]
    #[case::p161_long_router_alert("9408000000000000", "9408000000000000")]
    #[case::p163_short_security("82020101", "82020101")]
    #[case::p164_stream("88040001", "88040001")]
    #[case::p165_unknown("1e040102", "1e040102")]
    #[case::p166_unknown_copied("9e040102", "9e040102")]
    #[case::p167_quick_start("1908000000000000", "1908000000000000")]
    #[case::p171_mix(
        "010707040000000001440805000000000094040000",
        "010707080a000001014408090002b5d5f294040000"
    )]
    #[case::p175_empty_source_route("83030400", "83030400")]
    fn accepted(#[case] options: &str, #[case] expected: &str) {
        let mut octets = header(options);
        let before = octets.clone();
        let mut record = OptionRecord::default();
        let mut expected = hex(expected);
        assert_eq!(receive(&mut octets, OptionRules::default(), &Host, &mut record), Ok(()));
        expected.resize(expected.len().next_multiple_of(4), 0);
        assert_eq!(octets[20..], expected);
        assert_eq!(record.changed, octets != before);
    }

    /// Rows are probes 112 to 189: options received, pointer of the parameter problem, options in the quote.
    #[rstest]
    #[case::p112_no_room_for_a_length("01010107", 0x17, "01010107")]
    #[case::p113_length_zero("07000000", 0x14, "07000000")]
    #[case::p114_length_one("07010000", 0x14, "07010000")]
    #[case::p115_length_past_the_end("07080400", 0x14, "07080400")]
    #[case::p117_record_route_of_two("07020101", 0x15, "07020101")]
    #[case::p118_pointer_three("0707030000000000", 0x16, "0707030000000000")]
    #[case::p119_pointer_zero("0707000000000000", 0x16, "0707000000000000")]
    #[case::p124_three_octets_left("070b09000000000000000000", 0x16, "070b09000000000000000000")]
    #[case::p126_three_octets_left("070a08000000000000000000", 0x16, "070a08000000000000000000")]
    #[case::p129_two_record_routes(
        "07070400000000070704000000000000",
        0x1b,
        "0707080a000001070704000000000000"
    )]
    #[case::p135_overflow_15("440809f001010101", 0x17, "440809f001010101")]
    #[case::p136_timestamp_of_three("44030500", 0x15, "44030500")]
    #[case::p138_pointer_four("4408040000000000", 0x16, "4408040000000000")]
    #[case::p139_three_octets_left("4408060000000000", 0x16, "4408060000000000")]
    #[case::p142_no_room_for_the_time("4408050100000000", 0x16, "4408050100000000")]
    #[case::p153_no_room_for_the_time("4408050300000000", 0x16, "4408050300000000")]
    #[case::p157_two_timestamps("4404050044040500", 0x18, "4404051044040500")]
    #[case::p160_router_alert_of_three("94030000", 0x15, "94030000")]
    #[case::p168_cipso_of_six("8606000000000000", 0x15, "8606000000000000")]
    #[case::p169_cipso_unknown_domain("860a00000001010400010000", 0x16, "860a00000001010400010000")]
    #[case::p170_cipso_of_four("86040000", 0x15, "86040000")]
    #[case::p176_source_route_of_two("83020000", 0x15, "83020000")]
    #[case::p177_source_route_pointer_three("8307030a00000900", 0x16, "8307030a00000900")]
    #[case::p188_two_source_routes(
        "8307080a0000078307080a0000070000",
        0x1b,
        "8307080a0000078307080a0000070000"
    )]
    #[case::p189_loose_and_strict(
        "8307080a0000078907080a0000070000",
        0x1b,
        "8307080a0000078907080a0000070000"
    )]
    fn rejected(#[case] options: &str, #[case] pointer: u8, #[case] quoted: &str) {
        let mut octets = header(options);
        let mut record = OptionRecord::default();
        let result = receive(&mut octets, OptionRules::default(), &Host, &mut record);
        assert_eq!((result, &octets[20..]), (Err(BadOption { pointer }), &hex(quoted)[..]));
    }

    #[rstest]
    #[case::length("07010000", Err(BadOption { pointer: 0x15 }), "07010000")]
    #[case::missing_length("01010107", Err(BadOption { pointer: 0x17 }), "01010107")]
    #[case::overflow("440c0d230101010101010101", Ok(()), "440c0d330101010101010101")]
    #[case::overflow_15("440c0df30101010101010101", Err(BadOption { pointer: 0x17 }), "440c0df30101010101010101")]
    fn by_the_rfcs(#[case] options: &str, #[case] expected: Result<(), BadOption>, #[case] left: &str) {
        let rules = OptionRules {
            points_at_bad_length: true,
            counts_prespecified_overflow: true,
            ..OptionRules::default()
        };
        let mut octets = header(options);
        assert_eq!(receive(&mut octets, rules, &Host, &mut OptionRecord::default()), expected);
        assert_eq!(octets[20..], hex(left));
    }

    /// RFC 791 "Internet Timestamp": a slot is a time, or with flags 1 and 3 an address and a time.
    #[rstest]
    #[case::second_time("440c09000000000000000000", Ok(()))]
    #[case::second_pair("44140d010000000000000000000000000000000000000000", Ok(()))]
    #[case::half_a_pair("441409010000000000000000000000000000000000000000", Err(BadOption { pointer: 0x16 }))]
    fn slots_of_a_timestamp(#[case] options: &str, #[case] expected: Result<(), BadOption>) {
        let rules = OptionRules { checks_shapes: true, ..OptionRules::default() };
        let mut octets = header(options);
        assert_eq!(receive(&mut octets, rules, &Host, &mut OptionRecord::default()), expected);
    }

    #[rstest]
    #[case::value_zero("94040000", true)]
    #[case::other_value("94040001", false)]
    fn router_alert_by_value(#[case] options: &str, #[case] expected: bool) {
        let mut record = OptionRecord::default();
        receive(&mut header(options), OptionRules::default(), &Host, &mut record).unwrap();
        assert_eq!(record.router_alert, expected);
    }

    quickcheck! {
        fn nothing_before_the_options_changes(options: Vec<u8>) -> bool {
            let mut octets = std::vec![0x45; 20];
            octets.extend(options.iter().take(40));
            let mut record = OptionRecord::default();
            let result = receive(&mut octets, OptionRules::default(), &Host, &mut record);
            octets[..20] == [0x45; 20]
                && result.err().is_none_or(|bad| (20..octets.len()).contains(&usize::from(bad.pointer)))
                && (record.changed || octets[20..] == options[..options.len().min(40)])
        }
    }
}
