//! RFC 4884: extended ICMP messages.

use super::prelude::*;

/// The sections of RFC 4884.
pub(super) fn sections() -> Vec<Section> {
    vec![plain(), extended(), translated(), received()]
}

/// A router that tells in its errors by which interface a datagram came. RFC 5837.
fn extending() -> Setting {
    router().sysctl("net.ipv4.icmp_errors_extension_mask", 1)
}

/// The octets of an extended error: quote, structure.
fn split(it: &Datagram) -> Option<(&[u8], &[u8])> {
    let words = usize::from(it.icmp()?.get(5).copied()?);
    let data = it.icmp_data()?;
    (words > 0).then(|| data.split_at_checked(words * 4))?
}

/// Whether the word behind the checksum and what follows the quote are as without extensions.
fn is_plain(it: &Datagram) -> bool {
    it.icmp().and_then(|icmp| icmp.get(5)) == Some(&0)
}

fn plain() -> Section {
    section("rfc4884/4/plain").on(router()).cases([
        case("unreachable-without-structure-has-length-0", ["rfc4884-4-5"], |w| {
            send(w.closed()).answer(seen::unreachable(3).that("icmp.length", 0, is_plain))
        }),
        case("time-exceeded-without-structure-has-length-0", ["rfc4884-4-5", "rfc4884-3-1"], |w| {
            send(w.passing().ttl(1)).answer(seen::time_exceeded(0).that("icmp.length", 0, is_plain))
        }),
        case("parameter-problem-without-structure-has-length-0", ["rfc4884-4-5", "rfc4884-4.3-1"], |w| {
            send(w.passing().options([7, 7, 3, 0, 0, 0, 0, 0])).answer(seen::icmp(12, 0).word(22 << 24))
        }),
        case("mtu-stays-beside-the-length", ["rfc4884-4.1-1"], |w| {
            send(w.transit(octets(1000)).dont_fragment()).answer(seen::unreachable(4).mtu(576).that(
                "icmp.octet-4",
                0,
                |it| it.icmp().is_some_and(|it| it[4] == 0),
            ))
        })
        .on(scenario("router-narrow")),
        case("error-stays-within-576-octets", ["rfc4884-7-2"], |w| {
            send(w.transit(octets(1400)).ttl(1)).answer(seen::time_exceeded(0).at_most(576))
        }),
        case("echo-reply-has-no-structure", ["rfc4884-4.6-1"], |w| {
            send(w.echo()).answer(seen::reply_to(&w.echo()).total_length(60))
        })
        .on(extending()),
        case("redirect-has-no-structure", ["rfc4884-4.6-1"], |w| {
            let round = w.passing().destination([203, 0, 113, 9]);
            send(round.clone()).some(seen::icmp_type(5).quotes_translated(&round))
        })
        .on(extending().via("203.0.113.0/24", [10, 0, 0, 9], 0)),
    ])
}

fn extended() -> Section {
    type Check = fn(&Datagram) -> bool;
    let short: [(&str, &str, &str, Check); 7] = [
        ("length-tells-where-the-structure-begins", "rfc4884-4-1", "a structure behind the quote", |it| {
            split(it).is_some_and(|(_, structure)| structure.first() == Some(&0x20))
        }),
        ("quote-has-128-octets", "rfc4884-4-2", "128 octets or more", |it| {
            split(it).is_some_and(|(quote, _)| quote.len() >= 128)
        }),
        ("short-quote-is-padded-with-zeros", "rfc4884-4-3", "zeros behind the datagram", |it| {
            split(it).is_some_and(|(quote, _)| quote[40..].iter().all(|octet| *octet == 0))
        }),
        ("structure-has-a-header-and-an-object", "rfc4884-7-1", "a header and an object or more", |it| {
            split(it).is_some_and(|(_, structure)| structure.len() >= 8)
        }),
        (
            "structure-has-version-2-and-a-right-checksum",
            "rfc4884-7-3",
            "version 2, sum right or none",
            |it| {
                split(it).is_some_and(|(_, structure)| {
                    let stated = u16::from_be_bytes([structure[2], structure[3]]);
                    structure[0] == 0x20 && structure[1] == 0 && (stated == 0 || sums_up(structure))
                })
            },
        ),
        ("objects-are-multiples-of-4", "rfc4884-8-1", "lengths that add up", |it| {
            split(it).is_some_and(|(_, structure)| objects_add_up(&structure[4..]))
        }),
        ("extended-error-stays-within-576-octets", "rfc4884-7-2", "576 octets at most", |it| {
            it.total_length() <= 576
        }),
    ];
    section("rfc4884/4/extended")
        .on(extending())
        .cases(short.map(|(name, requirement, what, check)| {
            case(name, [requirement], move |w| {
                send(w.passing().ttl(1))
                    .answer(seen::time_exceeded(0).that("icmp.extension", what, check))
                    .or(
                        "RFC 4884 §3: a structure is optional",
                        [seen::time_exceeded(0).that("icmp.length", 0, is_plain)],
                    )
            })
        }))
        .cases([case("odd-quote-is-padded-to-a-word", ["rfc4884-4-4"], |w| {
            let transit = w.transit(octets(181)).ttl(1);
            send(transit)
                .answer(seen::time_exceeded(0).that("icmp.quote", "zeros up to the next word", |it| {
                    split(it).is_some_and(|(quote, _)| {
                        quote.len() % 4 == 0 && quote.get(201..204).is_none_or(|it| it == [0; 3])
                    })
                }))
                .or(
                    "RFC 4884 §3: a structure is optional",
                    [seen::time_exceeded(0).that("icmp.length", 0, is_plain)],
                )
        })])
        .cases([case("mtu-and-pointer-keep-their-places", ["rfc4884-4.3-1"], |w| {
            send(w.passing().options([7, 7, 3, 0, 0, 0, 0, 0])).answer(seen::icmp(12, 0).that(
                "icmp.word",
                "the pointer, a length, zeros",
                |it| it.icmp_word().is_some_and(|word| word >> 24 == 22 && word & 0xffff == 0),
            ))
        })])
}

/// Whether the words of `octets` add up to all ones. RFC 1071 §1.
fn sums_up(octets: &[u8]) -> bool {
    let sum: u32 =
        octets.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    (folded & 0xffff) + (folded >> 16) == 0xffff
}

fn objects_add_up(mut objects: &[u8]) -> bool {
    while let [high, low, ..] = *objects {
        let len = usize::from(u16::from_be_bytes([high, low]));
        match objects.get(len..) {
            Some(rest) if len >= 4 && len % 4 == 0 => objects = rest,
            _ => return false,
        }
    }
    objects.is_empty()
}

fn translated() -> Section {
    section("rfc4884/6").on(nat()).cases([case(
        "translator-leaves-the-structure-alone",
        ["rfc4884-6-1"],
        |w| {
            let (sent, router) = (w.transit(to_port(CLOSED_PORT).data(octets(120))), w.next);
            let label = extension().object(1, 1, [0x12, 0x34, 0x51, 0x40]);
            let expected = label.build();
            send(sent.clone())
                .answer(seen::translated(&sent, w.out).interface(1))
                .react(move |seen| {
                    let out = seen.last()?;
                    let error = time_exceeded(TimeExceededCode::Transit)
                        .quote_of(&out.octets, 128)
                        .extension(label.clone());
                    Ok(Packet::back_to(out, error).source(router))
                })
                .answer(seen::time_exceeded(0).interface(0).destination(w.peer).that(
                    "icmp.extension",
                    "the label as it came",
                    move |it| {
                        split(it)
                            .is_some_and(|(quote, structure)| quote.len() == 128 && structure == expected)
                    },
                ))
        },
    )
    .alias("idea/H06")])
}

fn received() -> Section {
    let about = |w: &World| {
        let sent =
            w.ip(udp().source_port(7).destination_port(9).data(octets(1400))).source(w.dut).dont_fragment();
        sent.destination(w.far).build()
    };
    let wrong: [(&str, u8, u16); 3] =
        [("length-255", 255, 8), ("object-of-length-0", 32, 0), ("object-of-length-65535", 32, 65_535)];
    section("rfc4884/9")
        .on(host().udp(7).option("pmtudisc", 1))
        .cases(wrong.map(|(name, words, len)| {
            case(format!("{name}-overruns-nothing"), ["rfc4884-9-1"], move |w| {
                let structure = extension().object_of_length(len, 1, 1, [1, 2, 3, 4]).build();
                let mut data = about(w)[..128].to_vec();
                data.extend(structure);
                send(w.ip(icmp(11, 0).word(u32::from(words) << 16).data(data)))
                    .silence()
                    .send(w.echo())
                    .answer(seen::reply_to(&w.echo()))
            })
            .alias("idea/I10")
        }))
        .cases([case("unknown-object-does-not-spoil-the-message", ["rfc4884-7-5"], move |w| {
            let quoted = about(w);
            let error = fragmentation_needed(1000)
                .quote_of(quoted, 128)
                .extension(extension().object(250, 1, [9; 8]));
            socket_send(0, (w.far, 9), octets(1400))
                .answer(seen::udp(7, 9).dont_fragment(true))
                .send(w.ip(error))
                .socket_send(0, (w.far, 9), octets(1400))
                .never(
                    seen::protocol(17)
                        .that("ipv4.total_length", "more than 1000", |it| it.total_length() > 1000),
                )
        })])
}
