//! The active cases of the automotive test plan TC8 that no section of an RFC covers as they stand: aliases `tc8/<id>`.

use super::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![header(), addressing(), fragments(), timers(), errors(), messages()]
}

fn header() -> Section {
    section("tc8/header").cases([
        case("plain-request-gets-a-sound-reply", ["rfc0791-3.1-1", "rfc0791-3.1-12"], |w| {
            send(w.echo()).answer(
                seen::reply_to(&w.echo())
                    .header_len(20)
                    .total_length(60)
                    .ttl_within(1..=255)
                    .that("ipv4.version", 4, |it| it.octets[0] >> 4 == 4)
                    .that("ipv4.header_checksum", "right", |it| {
                        crate::oracle::checksum::is_intact(&it.octets[..it.header_len()])
                    }),
            )
        })
        .aliases([
            "tc8/IPv4_HEADER_01",
            "tc8/IPv4_HEADER_03",
            "tc8/IPv4_CHECKSUM_05",
            "tc8/IPv4_TTL_01",
            "tc8/IPv4_VERSION_01",
            "tc8/IPv4_VERSION_03",
            "idea/A01",
            "idea/A02",
            "idea/A12",
            "idea/A15",
        ]),
        case("a-datagram-of-576-octets-is-received", ["rfc0791-3.1-5"], |w| {
            let request = w.ip(echo_request().identifier(ECHO_IDENTIFIER).data(octets(548)));
            send(request.clone()).answer(seen::reply_to(&request).total_length(576))
        })
        .aliases(["tc8/IPv4_HEADER_05", "idea/A14"]),
    ])
}

fn addressing() -> Section {
    const GROUP: [u8; 4] = [239, 1, 2, 3];
    section("tc8/addressing").on(host().udp_any(7).group(0, GROUP)).cases([
        case("directed-broadcast-is-received", ["rfc1122-3.2.1.3-12"], |w| {
            send(w.udp(7).destination(w.broadcast)).delivers(0, octets(12))
        })
        .alias("tc8/IPv4_ADDRESSING_02"),
        case("joined-group-is-received-and-another-is-not", ["rfc1122-3.2.1.3-13"], |w| {
            send(w.udp(7).destination(GROUP))
                .delivers(0, octets(12))
                .send(w.udp(7).destination([239, 1, 2, 4]))
                .delivers_nothing()
        })
        .aliases(["tc8/IPv4_ADDRESSING_03", "idea/F02"]),
    ])
}

fn fragments() -> Section {
    section("tc8/fragments").cases([
        case("two-fragments-make-a-datagram", ["rfc1122-3.2.1.4-1"], |w| {
            Script::default().send_quietly(w.echo().fragments(&[24])).answer(seen::reply_to(&w.echo()))
        })
        .alias("tc8/IPv4_FRAGMENTS_01"),
        case("another-source-does-not-fit", ["rfc0791-2.3-3"], |w| {
            let parts = w.echo().fragments(&[24]);
            send(parts[0].clone())
                .silence()
                .send(parts[1].clone().source(w.other))
                .silence()
                .send(parts[1].clone())
                .answer(seen::reply_to(&w.echo()))
        })
        .alias("tc8/IPv4_FRAGMENTS_03"),
        case("another-protocol-does-not-fit", ["rfc0791-2.3-3"], |w| {
            let parts = w.echo().fragments(&[24]);
            send(parts[0].clone())
                .silence()
                .send(parts[1].clone().protocol(17))
                .silence()
                .send(parts[1].clone())
                .answer(seen::reply_to(&w.echo()))
        })
        .alias("tc8/IPv4_FRAGMENTS_04"),
        case("a-large-payload-is-sent-in-fragments", ["rfc0791-3.2-2"], |w| {
            socket_send(0, (w.peer, 9), octets(4000)).law(
                "three fragments of one datagram",
                Dimension::Frames,
                |seen| {
                    let frames: Vec<_> = seen.datagrams().collect();
                    let first = frames.first().ok_or("nothing is sent")?;
                    let is_one = frames.iter().all(|it| it.identification() == first.identification());
                    let len: usize = frames.iter().map(|it| it.payload().len()).sum();
                    let is_cut =
                        frames.iter().filter(|it| it.more_fragments()).all(|it| it.payload().len() % 8 == 0);
                    if frames.len() == 3 && is_one && is_cut && len == 4008 {
                        Ok(())
                    } else {
                        Err(format!("{} frames with {len} octets", frames.len()))
                    }
                },
            )
        })
        .on(host().udp(7))
        .aliases(["tc8/IPv4_FRAGMENTS_05", "idea/D01", "idea/D03"]),
        case("a-missing-middle-is-a-hole", ["rfc0815-3-4"], |w| {
            let parts = w.echo().fragments(&[16, 32]);
            send(parts[0].clone()).silence().send(parts[2].clone()).silence()
        })
        .aliases(["tc8/IPv4_REASSEMBLY_07", "idea/C09"]),
        case("newer-data-overwrites-older", ["rfc0791-3.2-7"], |w| {
            let request = w.echo();
            let mut stale = request.payload()[..24].to_vec();
            stale[16..].fill(0xee);
            let first = w.ip(stale).protocol(1).more_fragments();
            send(first).silence().send(request.fragment(16..40)).answer(seen::reply_to(&request))
        })
        .only([Profile::Tc8])
        .aliases(["tc8/IPv4_REASSEMBLY_13", "idea/C05"]),
    ])
}

/// The timer of RFC 791 §3.2 that counts from the TTL of the fragments.
fn timers() -> Section {
    section("tc8/timer").cases([
        case("the-ttl-bounds-the-wait", ["rfc0791-3.2-8"], |w| {
            let parts = w.echo().ttl(3).fragments(&[24]);
            send(parts[0].clone()).advance(seconds(20)).send(parts[1].clone()).never(seen::echo_reply())
        })
        .only([Profile::Tc8])
        .aliases(["tc8/IPv4_REASSEMBLY_11", "idea/C23"]),
        case("a-larger-ttl-extends-the-wait", ["rfc0791-3.2-8"], |w| {
            let parts = w.echo().fragments(&[16, 32]);
            send(parts[0].clone().ttl(16))
                .silence()
                .send(parts[1].clone().ttl(40))
                .silence()
                .advance(seconds(20))
                .send(parts[2].clone())
                .answer(seen::reply_to(&w.echo()))
        })
        .only([Profile::Tc8])
        .aliases(["tc8/IPv4_REASSEMBLY_12", "idea/C23"]),
    ])
}

fn errors() -> Section {
    const BAD: [u8; 8] = [68, 8, 4, 0, 0, 0, 0, 0];
    section("tc8/error").cases([
        case("a-bad-option-in-the-first-fragment-is-reported", ["rfc1122-3.2.2.5-1"], |w| {
            let first = w.echo().options(BAD).fragment(0..24);
            send(first.clone()).answer(seen::parameter_problem(22).destination(w.peer).quotes(&first))
        })
        .aliases(["tc8/ICMPv4_ERROR_02", "idea/B16"]),
        case("a-bad-option-in-a-later-fragment-is-not", ["rfc1122-3.2.2-11"], |w| {
            send(w.echo().options(BAD).fragment(24..40)).silence()
        })
        .aliases(["tc8/ICMPv4_ERROR_03", "idea/B16"]),
        case("a-bad-option-to-a-broadcast-is-not", ["rfc1122-3.2.2-8"], |w| {
            send(w.echo().options(BAD).destination(w.broadcast)).silence()
        })
        .aliases(["tc8/ICMPv4_ERROR_04", "idea/B16"]),
        case("a-request-with-a-bad-option-is-not-answered", ["rfc1122-3.2.1.8-4"], |w| {
            send(w.echo().options(BAD)).never(seen::echo_reply())
        })
        .alias("tc8/ICMPv4_TYPE_05"),
    ])
}

fn messages() -> Section {
    section("tc8/message").cases([
        case("reply-has-identifier-and-sequence-number-of-the-request", ["rfc0792-echo-1"], |w| {
            let request = w.ip(echo_request().identifier(0xabcd).sequence_number(0x1234).data(octets(8)));
            send(request).answer(seen::echo_reply().identifier(0xabcd).sequence_number(0x1234))
        })
        .alias("tc8/ICMPv4_TYPE_08"),
        case("reply-has-the-data-of-the-request", ["rfc0792-echo-1"], |w| {
            send(w.ip(echo_request().data(octets(100)))).answer(seen::echo_reply().data(octets(100)))
        })
        .alias("tc8/ICMPv4_TYPE_09"),
        case(
            "timestamp-reply-has-identifier-and-sequence-number-of-the-request",
            ["rfc0792-timestamp-1"],
            |w| {
                send(w.ip(timestamp_request().identifier(0xabcd).sequence_number(0x1234)))
                    .answer(seen::icmp(14, 0).identifier(0xabcd).sequence_number(0x1234))
                    .or_silence("RFC 1122 §3.2.2.8: answering is optional")
            },
        )
        .aliases(["tc8/ICMPv4_TYPE_12", "idea/G06"]),
    ])
}
