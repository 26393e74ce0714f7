//! Builders: said every field of a datagram they give its octets back, and what is not said they make right.
//!
//! Fields are read octet by octet, and what comes out is judged by [`frame`], [`message`] and sums of our own.

use std::error::Error;
use std::net::{Ipv4Addr, Ipv6Addr};

use netassay_stack::wire::build::{self, IcmpBuilder, TcpBuilder, UdpBuilder};
use netassay_stack::wire::icmp::{RedirectCode, TimeExceededCode, UnreachableCode};
use netassay_stack::wire::igmp::{self, IgmpType, IgmpView, RecordType};
use netassay_stack::wire::ipv4::Ipv4Edit;
use netassay_stack::wire::tcp::{TcpHeader, TcpOption, TcpView};
use netassay_stack::wire::udp::{UdpHeader, UdpView};
use netassay_stack::wire::{FragmentOffset, Ipv4Header, Ipv4View};

use super::{Objection, checksum, frame, header, hold, message, same};

/// The clause of every rule here.
const CLAUSE: &str = "RFC 791 §3.1";

fn word(octets: &[u8], at: usize) -> u16 {
    octets.get(at..at + 2).map_or(0, |pair| u16::from_be_bytes([pair[0], pair[1]]))
}

fn long(octets: &[u8], at: usize) -> u32 {
    u32::from(word(octets, at)) << 16 | u32::from(word(octets, at + 2))
}

/// Whether builders that are told every field of `octets` give them back, and editing a header changes what it says.
///
/// # Errors
/// The first rule that is broken.
pub fn datagram_comes_back(octets: &[u8]) -> Result<(), Objection> {
    if !header::is_datagram(octets) {
        return Ipv4View::new(octets).map_or_else(says_itself, |_| Ok(()));
    }
    let (header_len, total) = (usize::from(octets[0] & 15) * 4, usize::from(word(octets, 2)));
    let (fragment, payload) = (word(octets, 6), &octets[header_len..total]);
    let mut builder = build::ipv4()
        .version(4)
        .ihl(octets[0] & 15)
        .tos(octets[1])
        .total_length(total as u16)
        .identification(word(octets, 4))
        .fragment_offset(usize::from(fragment & 0x1fff) * 8)
        .ttl(octets[8])
        .protocol(octets[9])
        .header_checksum(word(octets, 10))
        .source(Ipv4Addr::from_bits(long(octets, 12)))
        .destination(Ipv4Addr::from_bits(long(octets, 16)))
        .options(&octets[20..header_len])
        .padding(octets.len() - total);
    for (bit, set) in [
        (0x8000, build::Ipv4Builder::reserved_flag as fn(_) -> _),
        (0x4000, build::Ipv4Builder::dont_fragment),
        (0x2000, build::Ipv4Builder::more_fragments),
    ] {
        if fragment & bit != 0 {
            builder = set(builder);
        }
    }
    let built = match octets[9] {
        1 if payload.len() >= 8 => builder.carry(icmp_of(payload)).build(),
        6 if tcp_header_len(payload).is_some() => builder.carry(tcp_of(payload)).build(),
        17 if payload.len() >= 8 => builder.carry(udp_of(payload)).build(),
        _ => builder.payload(payload).build(),
    };
    same(CLAUSE, "what is built has its padding", built.len(), octets.len())?;
    same(CLAUSE, "what is built is what was read", &built[..total], &octets[..total])?;
    header_is_edited(octets)?;
    header_is_written(octets)?;
    match octets[9] {
        2 => igmp_is_read(payload),
        6 => segment_is_read(payload),
        17 => udp_is_read(payload),
        _ => Ok(()),
    }
}

/// Whether an error about octets says what is wrong in one line.
fn says_itself(error: impl Error) -> Result<(), Objection> {
    let said = error.to_string();
    hold(CLAUSE, "an error is one line", !said.is_empty() && !said.contains('\n'), || said.clone())
}

fn icmp_of(message: &[u8]) -> IcmpBuilder {
    build::icmp(message[0], message[1]).checksum(word(message, 2)).word(long(message, 4)).data(&message[8..])
}

fn udp_of(datagram: &[u8]) -> UdpBuilder {
    build::udp()
        .source_port(word(datagram, 0))
        .destination_port(word(datagram, 2))
        .length(word(datagram, 4))
        .checksum(word(datagram, 6))
        .data(&datagram[8..])
}

/// Octets of the header of a segment, if all of them are there.
fn tcp_header_len(segment: &[u8]) -> Option<usize> {
    let len = usize::from(segment.get(12)? >> 4) * 4;
    (len >= 20 && len <= segment.len()).then_some(len)
}

fn tcp_of(segment: &[u8]) -> TcpBuilder {
    let header_len = tcp_header_len(segment).unwrap_or(20);
    build::tcp()
        .source_port(word(segment, 0))
        .destination_port(word(segment, 2))
        .sequence_number(long(segment, 4))
        .acknowledgment_number(long(segment, 8))
        .data_offset(segment[12] >> 4)
        .reserved(segment[12] & 15)
        .flags(segment[13])
        .window(word(segment, 14))
        .checksum(word(segment, 16))
        .urgent_pointer(word(segment, 18))
        .options(&segment[20..header_len])
        .data(&segment[header_len..])
}

/// Whether each setter changes its field alone, and patched checksums verify as fresh ones do.
fn header_is_edited(octets: &[u8]) -> Result<(), Objection> {
    let header_len = usize::from(octets[0] & 15) * 4;
    let mut edited = octets[..header_len].to_vec();
    let Some(mut edit) = Ipv4Edit::new(&mut edited) else {
        return Err(Objection::new(CLAUSE, "a header is not taken to be edited"));
    };
    edit.set_tos(octets[8]);
    edit.set_total_length(word(octets, 4));
    edit.set_identification(word(octets, 2));
    edit.set_fragment_word(word(octets, 10));
    edit.set_ttl(octets[1]);
    edit.set_source(Ipv4Addr::from_bits(long(octets, 16)));
    edit.set_destination(Ipv4Addr::from_bits(long(octets, 12)));
    edit.options_mut().fill(1);
    edit.rewrite_checksum();
    let mut expected = vec![octets[0], octets[8]];
    for part in [&octets[4..6], &octets[2..4], &octets[10..12], &octets[1..2], &octets[9..10], &[0, 0]] {
        expected.extend(part);
    }
    expected.extend(octets[16..20].iter().chain(&octets[12..16]));
    expected.resize(header_len, 1);
    let sum = checksum::naive(&expected);
    expected[10..12].copy_from_slice(&sum.to_be_bytes());
    same(CLAUSE, "a header is edited field by field", &edited, &expected)?;
    let Some(mut edit) = Ipv4Edit::new(&mut edited) else { return Ok(()) };
    edit.decrement_ttl();
    edit.translate_source(Ipv4Addr::from_bits(long(octets, 12)));
    edit.translate_destination(Ipv4Addr::from_bits(long(octets, 16)));
    same(CLAUSE, "one hop less", edited[8], octets[1].saturating_sub(1))?;
    hold(CLAUSE, "a patched checksum verifies", checksum::is_intact(&edited), || format!("{edited:02x?}"))
}

/// Whether an owned header writes itself with its checksum made right.
fn header_is_written(octets: &[u8]) -> Result<(), Objection> {
    let Ok(view) = Ipv4View::new(octets) else {
        return Err(Objection::new(CLAUSE, "a datagram is not taken for one"));
    };
    let (written, header_len) = (&mut [0; 60], usize::from(octets[0] & 15) * 4);
    let len = Ipv4Header::from(&view).write_with_checksum(written);
    same(CLAUSE, "a header is as long as it was", len, Some(header_len))?;
    hold(CLAUSE, "its checksum is right", checksum::is_intact(&written[..header_len]), || {
        format!("{written:02x?}")
    })?;
    let offset = view.fragment_offset();
    same(
        CLAUSE,
        "offsets are units of 8 octets",
        FragmentOffset::from_octets(offset.octets()),
        Some(offset),
    )?;
    same(CLAUSE, "offsets stand in 13 bits", offset.units(), word(octets, 6) & 0x1fff)
}

/// A segment read octet by octet. RFC 9293 §3.1.
fn segment_is_read(segment: &[u8]) -> Result<(), Objection> {
    let clause = "RFC 9293 §3.1";
    let header_len = tcp_header_len(segment);
    same(clause, "a view exists of whole headers", TcpView::new(segment).is_ok(), header_len.is_some())?;
    let (view, header_len) = match (TcpView::new(segment), header_len) {
        (Ok(view), Some(header_len)) => (view, header_len),
        (Err(error), _) => return says_itself(error),
        _ => return Ok(()),
    };
    let controls = u32::from(segment[13] & 1) + u32::from(segment[13] >> 1 & 1);
    let data = segment.len() - header_len;
    same(clause, "length in sequence space", view.segment_len(), data as u32 + controls)?;
    same(clause, "flags are asked for together", view.has(segment[13]), true)?;
    same(clause, "data follows", view.payload(), &segment[header_len..])?;
    same(clause, "the segment is what it was", view.octets(), segment)?;
    same(
        clause,
        "an owned header writes what was read",
        &TcpHeader::from(&view).octets()[..],
        &segment[..20],
    )?;
    // What each option takes; the walk stops at what is not sound.
    let mut at = 20;
    for option in view.option_list() {
        at += match option {
            TcpOption::NoOperation => 1,
            TcpOption::MaximumSegmentSize(_)
            | TcpOption::Unknown { .. }
            | TcpOption::Sack(_)
            | TcpOption::WindowScale(_)
            | TcpOption::SackPermitted
            | TcpOption::Timestamps { .. } => usize::from(segment[at + 1]),
        };
        if let TcpOption::Sack(blocks) = option {
            hold(clause, "blocks are there", !blocks.is_empty(), String::new)?;
            same(clause, "blocks are pairs", blocks.iter().count(), blocks.len())?;
        }
        hold(clause, "options end with the header", at <= header_len, || format!("{at}"))?;
    }
    Ok(())
}

/// A UDP datagram read octet by octet. RFC 768 "Fields".
fn udp_is_read(datagram: &[u8]) -> Result<(), Objection> {
    let clause = "RFC 768 \"Fields\"";
    let len = usize::from(word(datagram, 4));
    let view = UdpView::new(datagram);
    same(clause, "a view exists of whole datagrams", view.is_ok(), len >= 8 && len <= datagram.len())?;
    let view = match view {
        Ok(view) => view,
        Err(error) => return says_itself(error),
    };
    same(clause, "the datagram ends with its length", view.octets(), &datagram[..len])?;
    same(clause, "data follows", view.payload(), &datagram[8..len])?;
    same(clause, "an owned header writes what was read", &UdpHeader::from(&view).octets()[..], &datagram[..8])
}

/// An IGMP message read octet by octet, and its groups reported. RFC 3376 §4.
fn igmp_is_read(octets: &[u8]) -> Result<(), Objection> {
    let clause = "RFC 3376 §4";
    let view = IgmpView::new(octets);
    same(clause, "a message has 8 octets", view.is_some(), octets.len() >= 8)?;
    let Some(view) = view else { return Ok(()) };
    let fields =
        (u8::from(view.igmp_type()), view.max_response_code(), view.checksum(), view.group().to_bits());
    same(clause, "fields", fields, (octets[0], octets[1], word(octets, 2), long(octets, 4)))?;
    same(
        clause,
        "the checksum is judged as RFC 1071 does",
        view.is_checksum_valid(),
        checksum::is_intact(octets),
    )?;
    same(clause, "the body follows", (view.body(), view.octets()), (&octets[8..], octets))?;
    let version = if octets.len() > 8 { 3 } else { 1 + u8::from(octets[1] != 0) };
    same(clause, "a query has a version", view.query_version(), version)?;
    let written = igmp::message(view.igmp_type(), octets[1], view.group());
    same(
        clause,
        "a message says what it is told",
        (written[0], written[1], long(&written, 4)),
        (fields.0, fields.1, fields.3),
    )?;
    let records: Vec<(RecordType, Ipv4Addr)> =
        view.records().map(|record| (record.record_type, record.group)).collect();
    let report = igmp::report_v3(&records);
    let Some(again) = IgmpView::new(&report) else { return Err(Objection::new(clause, "a report is cut")) };
    same(clause, "a report is one", again.igmp_type(), IgmpType::ReportV3)?;
    let found: Vec<_> = again.records().map(|record| (record.record_type, record.group)).collect();
    same(clause, "a report holds what it is told", found, records)?;
    let are_right = checksum::is_intact(&written) && checksum::is_intact(&report);
    hold(clause, "checksums are computed", are_right, || format!("{written:02x?} {report:02x?}"))
}

/// Whether builders that are told nothing but `data` make lengths and checksums right.
///
/// # Errors
/// The first rule that is broken.
pub fn what_is_not_said_is_right(data: &[u8]) -> Result<(), Objection> {
    // What a length field of an extension can say: 255 words.
    let data = &data[..data.len().min(1020)];
    let ends = || build::ipv4().source([10, 0, 0, 1]).destination([10, 0, 0, 2]);
    let echo = build::echo_request().identifier(word(data, 0)).sequence_number(word(data, 2)).data(data);
    for datagram in [
        ends().payload(data).build(),
        ends().carry(build::udp().source_port(word(data, 0)).data(data)).build(),
        ends()
            .carry(build::tcp().source_port(word(data, 0)).options(&data[..data.len().min(40)]).data(data))
            .build(),
        ends().carry(echo).build(),
    ] {
        frame::judge(&datagram)?;
    }
    messages_are_right(data)?;
    options_are_right(data)
}

/// Every message that has a builder of its own: type, code, the word behind them, and the sum.
fn messages_are_right(data: &[u8]) -> Result<(), Objection> {
    let clause = "RFC 792";
    let times = [long(data, 0), long(data, 4), long(data, 8)];
    let gateway = Ipv4Addr::from_bits(long(data, 0));
    let mtu = word(data, 0);
    let name = &data[..data.len().min(60)];
    let probe = build::extended_echo_request()
        .extended_sequence_number(7)
        .extended_flags(1)
        .extension(build::interface_by_name(name));
    let by_address =
        build::extended_echo_request().extended_flags(1).extension(build::interface_by_address(gateway));
    let by_long_address = build::extended_echo_request()
        .extension(build::interface_by_address(Ipv6Addr::from_bits(u128::from(times[0]))));
    let odd = build::extension().version(1).checksum(0x1234).raw(name).build();
    same("RFC 4884 §7", "a checksum that is told is written", &odd[..4], &[0x10, 0, 0x12, 0x34][..])?;
    let objects = build::extension().version(2).object(2, 1, name).raw([]).object_of_length(4, 1, 1, []);
    let messages = [
        (build::echo_reply().code(1), 0, 1, 0),
        (build::timestamp_request().timestamps(times), 13, 0, 0),
        (build::timestamp_reply().timestamps(times), 14, 0, 0),
        (build::information_request(), 15, 0, 0),
        (build::address_mask_request(), 17, 0, 0),
        (probe, 42, 0, 0x0701),
        (by_address, 42, 0, 1),
        (by_long_address, 42, 0, 1),
        (build::extended_echo_request().extension(build::interface_by_index(times[0])), 42, 0, 1),
        (build::extended_echo_reply().extended_flags(0x20), 43, 0, 0x20),
        (build::unreachable(UnreachableCode::Port).quote(data), 3, 3, 0),
        (build::fragmentation_needed(mtu).quote_of(data, 28), 3, 4, u32::from(mtu)),
        (build::source_quench().quote(data), 4, 0, 0),
        (build::redirect(RedirectCode::Host, gateway).quote(data), 5, 1, gateway.to_bits()),
        (build::time_exceeded(TimeExceededCode::Reassembly).quote(data), 11, 1, 0),
        (build::parameter_problem(20).quote(data), 12, 0, 20 << 24),
    ];
    for (builder, icmp_type, code, word_behind) in messages {
        let octets = builder.build();
        message::view_reads_what_is_there(&octets)?;
        let found = (octets[0], octets[1], long(&octets, 4));
        same(clause, "a message says what it is", found, (icmp_type, code, word_behind))?;
        hold(clause, "its checksum is right", checksum::is_intact(&octets), || format!("{octets:02x?}"))?;
    }
    // Behind a quote, the structure stands where the length field says.
    let octets = build::unreachable(UnreachableCode::Port).quote(data).extension(objects).build();
    let start = 8 + usize::from(octets[5]) * 4;
    let least = data.len().next_multiple_of(4).max(128);
    same("RFC 4884 §4", "a quote is padded", start, 8 + least)?;
    hold("RFC 4884 §7", "a structure is whole", checksum::is_intact(&octets[start..]), || {
        format!("{octets:02x?}")
    })?;
    message::view_reads_what_is_there(&octets)
}

/// Every option that has a builder of its own, against its octets.
fn options_are_right(data: &[u8]) -> Result<(), Objection> {
    let hops: Vec<Ipv4Addr> =
        data.as_chunks::<4>().0.iter().take(3).map(|hop| Ipv4Addr::from(*hop)).collect();
    let (count, addresses) = (hops.len(), data[..hops.len() * 4].to_vec());
    let route = |kind: u8, slots: &[u8]| [&[kind, 3 + slots.len() as u8, 4][..], slots].concat();
    let stamped: Vec<u8> = hops.iter().flat_map(|hop| [hop.octets(), [0; 4]].concat()).collect();
    let stamps = |flag: u8, slots: &[u8]| [&[68, 4 + slots.len() as u8, 5, flag][..], slots].concat();
    let start = build::options;
    for (builder, expected) in [
        (start().end_of_list(), vec![0]),
        (start().no_operation().raw([1]), vec![1, 1]),
        (start().record_route(count), route(7, &vec![0; count * 4])),
        (start().loose_source_route(&hops), route(131, &addresses)),
        (start().strict_source_route(&hops), route(137, &addresses)),
        (start().timestamp(0, count), stamps(0, &vec![0; count * 4])),
        (start().timestamp(1, count), stamps(1, &vec![0; count * 8])),
        (start().prespecified_timestamp(&hops), stamps(3, &stamped)),
        (start().router_alert(), vec![148, 4, 0, 0]),
    ] {
        same(CLAUSE, "an option is built", &builder.build(), &expected)?;
        same(CLAUSE, "an option is what was built", Vec::from(builder), expected)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use quickcheck::quickcheck;

    use super::*;
    use crate::generate::{Seeded, datagram};

    quickcheck! {
        fn any_data(data: Vec<u8>) -> bool {
            what_is_not_said_is_right(&data) == Ok(())
        }
    }

    #[test]
    fn generated_datagrams_come_back() {
        for seed in 0..20_000 {
            let octets = datagram::datagram(&mut Seeded::new(seed), &[]);
            assert_eq!(datagram_comes_back(&octets), Ok(()), "seed {seed}: {octets:02x?}");
        }
    }

    #[test]
    fn segments_are_held_against_their_octets() {
        let mut segment = vec![0; 24];
        segment[12] = 0x60;
        segment[20..].copy_from_slice(&[1, 3, 3, 7]);
        assert_eq!(segment_is_read(&segment), Ok(()));
        segment[20..].copy_from_slice(&[2, 4, 5, 0xb4]);
        assert_eq!(segment_is_read(&segment), Ok(()));
    }
}
