//! RFC 792: the messages, one by one.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![
        introduction(),
        formats(),
        unreachable_messages(),
        time_exceeded_messages(),
        parameter_problems(),
        redirects(),
        echo(),
        timestamps(),
    ]
}

const ERRORS: [u8; 5] = [3, 4, 5, 11, 12];

fn introduction() -> Section {
    section("rfc0792/intro")
        .cases([case("icmp-is-there", ["rfc0792-intro-1"], |w| {
            send(w.echo())
                .answer(seen::reply_to(&w.echo()))
                .send(w.closed())
                .answer(seen::unreachable(3).quotes(&w.closed()))
        })])
        .cases(ERRORS.map(|number| {
            case(format!("error-of-type-{number}-draws-no-error"), ["rfc0792-intro-2"], move |w| {
                // It would draw one: its protocol is none that the quoted datagram speaks.
                let quoted = w.closed().source(w.far).destination(w.far2).build();
                send(w.transit(icmp(number, 0).quote(quoted)).ttl(1)).silence()
            })
            .on(router())
            .alias("idea/H07")
        }))
        .cases([
            case("later-fragment-with-ttl-1-draws-no-error", ["rfc0792-intro-3"], |w| {
                send(w.passing().ttl(1).fragment(16..20)).silence()
            })
            .on(router()),
            case("unroutable-later-fragment-draws-no-error", ["rfc0792-intro-3"], |w| {
                send(w.passing().destination([203, 0, 113, 9]).fragment(16..20)).silence()
            })
            .on(scenario("router-dead-ends")),
            case("later-fragment-to-a-closed-port-draws-no-error", ["rfc0792-intro-3"], |w| {
                send(w.closed().fragment(16..20)).silence()
            }),
        ])
}

fn formats() -> Section {
    section("rfc0792/formats").cases([
        case("unused-word-of-unreachable-is-zero", ["rfc0792-formats-1"], |w| {
            send(w.closed()).answer(seen::unreachable(3).word(0))
        }),
        case("unused-word-of-time-exceeded-is-zero", ["rfc0792-formats-1"], |w| {
            send(w.passing().ttl(1)).answer(seen::time_exceeded(0).word(0))
        })
        .on(router()),
        case("unused-octets-behind-the-pointer-are-zero", ["rfc0792-formats-1"], |w| {
            send(w.passing().options([7, 7, 3, 0, 0, 0, 0, 0])).answer(seen::icmp(12, 0).word(22 << 24))
        })
        .on(router()),
        case("unused-word-is-not-looked-at", ["rfc0792-formats-2"], |w| {
            let sent = w.ip(udp().source_port(7).destination_port(9).data(b"ping"));
            let quoted = sent.source(w.dut).destination(w.peer).build();
            socket_send(0, (w.peer, 9), b"ping")
                .answer(seen::udp(7, 9))
                .send(w.ip(icmp(11, 0).word(0xdead_beef).quote(quoted)))
                .reports(0, "EHOSTUNREACH")
        })
        .on(host().udp(7).option("recverr", 1)),
        case("tos-is-zero-or-internetwork-control", ["rfc0792-formats-3"], |w| {
            send(w.closed()).answer(seen::unreachable(3).that("ipv4.tos", "0, or precedence 6 or 7", |it| {
                it.tos() == 0 || it.tos() & 0x1f == 0 && it.tos() >> 5 >= 6
            }))
        }),
        case("tos-of-a-reply-to-tos-0-is-0", ["rfc0792-formats-3"], |w| {
            send(w.echo()).answer(seen::reply_to(&w.echo()).tos(0))
        })
        .alias("idea/G12"),
        case("ttl-suffices-to-come-back", ["rfc0792-formats-4"], |w| {
            send(w.echo().ttl(1)).answer(seen::reply_to(&w.echo()).ttl_within(32..=255))
        })
        .alias("idea/G12"),
        case("protocol-is-1", ["rfc0792-formats-5"], |w| {
            send(w.closed()).answer(seen::unreachable(3).protocol(1))
        }),
        case("an-error-goes-to-the-quoted-source", ["rfc0792-formats-6"], |w| {
            send(w.closed().source(w.other)).answer(seen::unreachable(3).destination(w.other))
        }),
        case("an-error-in-transit-goes-to-the-quoted-source", ["rfc0792-formats-6"], |w| {
            let transit = w.passing().source(w.other).ttl(1);
            send(transit).answer(seen::time_exceeded(0).destination(w.other))
        })
        .on(router()),
        case("checksum-covers-an-odd-octet", ["rfc0792-formats-7"], |w| {
            let request = w.ip(echo_request().identifier(7).data(octets(33)));
            send(request.clone()).answer(seen::reply_to(&request))
        }),
        case("wrong-checksum-over-an-odd-octet-is-dropped", ["rfc0792-formats-8"], |w| {
            send(w.ip(echo_request().data(octets(33)).checksum(0x0bad))).silence()
        }),
        case("wrong-checksum-is-counted", ["rfc0792-formats-8"], |w| {
            send(w.ip(echo_request().data(octets(8)).checksum(0x0bad))).counts("Icmp.InCsumErrors", 1)
        }),
    ])
}

fn unreachable_messages() -> Section {
    const OPTIONAL: &str = "RFC 792 \"Destination Unreachable Message\": it may be sent";
    let large = |w: &World| w.transit(to_port(CLOSED_PORT).data(octets(1000))).dont_fragment();
    section("rfc0792/dest-unreachable").on(scenario("router-dead-ends")).cases([
        case("no-way-to-the-network-may-be-code-0", ["rfc0792-dest-unreachable-1"], |w| {
            let lost = w.passing().destination([203, 0, 113, 9]);
            send(lost.clone())
                .may_answer(OPTIONAL, seen::unreachable(0).destination(w.peer).quotes_but_ttl(&lost))
        }),
        case("unreachable-host-may-be-code-1", ["rfc0792-dest-unreachable-2"], |w| {
            let lost = w.passing().destination([10, 2, 1, 9]);
            send(lost.clone())
                .may_answer(OPTIONAL, seen::unreachable(1).destination(w.peer).quotes_but_ttl(&lost))
        }),
        case("what-must-not-be-fragmented-is-discarded", ["rfc0792-dest-unreachable-4"], move |w| {
            send(large(w))
                .may_answer(OPTIONAL, seen::unreachable(4).destination(w.peer).quotes_but_ttl(&large(w)))
        })
        .on(scenario("router-narrow")),
        case("quote-is-the-header-and-64-bits", ["rfc0792-dest-unreachable-5"], |w| {
            send(w.closed()).answer(seen::unreachable(3).quotes_at_least(&w.closed(), 28))
        })
        .on(host()),
    ])
}

fn time_exceeded_messages() -> Section {
    const OPTIONAL: &str = "RFC 792 \"Time Exceeded Message\": it may be sent";
    let short = || host().sysctl("net.ipv4.ipfrag_time", 1);
    section("rfc0792/time-exceeded").on(router()).cases([
        case(
            "ttl-zero-is-discarded-and-may-be-told",
            ["rfc0792-time-exceeded-1", "rfc0792-time-exceeded-2"],
            |w| send(w.passing().ttl(1)).may_answer(OPTIONAL, seen::time_exceeded(0).destination(w.peer)),
        ),
        case(
            "unfinished-datagram-may-be-told-and-is-gone",
            ["rfc0792-time-exceeded-3", "rfc0792-time-exceeded-4"],
            |w| {
                let parts = w.echo().fragments(&[24]);
                send(parts[0].clone())
                    .silence()
                    .advance(seconds(3))
                    .may_answer(OPTIONAL, seen::time_exceeded(1).destination(w.peer).quotes(&parts[0]))
                    .send(parts[1].clone())
                    .silence()
            },
        )
        .on(short()),
        case("without-fragment-zero-nothing-is-told", ["rfc0792-time-exceeded-5"], |w| {
            send(w.echo().fragment(24..40)).advance(seconds(3)).silence()
        })
        .on(short()),
    ])
}

fn parameter_problems() -> Section {
    const OPTIONAL: &str = "RFC 792 \"Parameter Problem Message\": it may be sent";
    section("rfc0792/param-problem").on(router()).cases([
        case(
            "bad-option-to-the-stack-is-discarded",
            ["rfc0792-param-problem-1", "rfc0792-param-problem-2"],
            |w| {
                send(w.echo().options([7, 7, 3, 0, 0, 0, 0, 0]))
                    .may_answer(OPTIONAL, seen::parameter_problem(22))
            },
        ),
        case(
            "bad-option-in-transit-is-discarded",
            ["rfc0792-param-problem-1", "rfc0792-param-problem-2"],
            |w| {
                send(w.passing().options([7, 7, 3, 0, 0, 0, 0, 0]))
                    .may_answer(OPTIONAL, seen::parameter_problem(22))
            },
        ),
        case("tolerated-option-draws-none", ["rfc0792-param-problem-3"], |w| {
            let request = w.echo().options([0x5e, 4, 0, 0]);
            send(request.clone()).answer(seen::reply_to(&request))
        }),
        case("pointer-counts-from-the-first-octet-of-the-header", ["rfc0792-param-problem-4"], |w| {
            send(w.passing().options([1, 1, 1, 1, 7, 7, 3, 0, 0, 0, 0, 0]))
                .answer(seen::parameter_problem(26))
        })
        .alias("idea/B03"),
    ])
}

fn redirects() -> Section {
    let detour = || router().via("203.0.113.0/24", [10, 0, 0, 9], 0);
    let round = |w: &World| w.passing().destination([203, 0, 113, 9]);
    section("rfc0792/redirect").on(detour()).cases([
        case(
            "better-gateway-is-named-and-the-datagram-forwarded",
            ["rfc0792-redirect-1", "rfc0792-redirect-3"],
            move |w| {
                send(round(w)).answers([
                    seen::redirect(1, [10, 0, 0, 9].into()).destination(w.peer).quotes_but_ttl(&round(w)),
                    seen::forwarded(&round(w)).interface(0),
                ])
            },
        )
        .alias("idea/E07"),
        case("source-behind-a-gateway-gets-none", ["rfc0792-redirect-1"], move |w| {
            send(round(w).source([192, 0, 2, 7])).never(seen::icmp_type(5))
        })
        .alias("idea/E07"),
        case("source-routed-datagram-gets-none", ["rfc0792-redirect-2"], move |w| {
            let routed =
                round(w).destination(w.dut).options(options().loose_source_route(&[[203, 0, 113, 9].into()]));
            send(routed).never(seen::icmp_type(5))
        })
        .on(source_routing().via("203.0.113.0/24", [10, 0, 0, 9], 0)),
        case("congestion-may-not-be-told", ["rfc0792-source-quench-1"], |w| {
            send_all((0..64).map(|at| w.passing().identification(at))).law(
                "no Source Quench that is none",
                Dimension::Frames,
                |seen| {
                    let quenches =
                        seen.datagrams().filter(|it| it.icmp_type_and_code().is_some_and(|it| it.0 == 4));
                    match quenches.filter(|it| it.icmp_type_and_code() != Some((4, 0))).count() {
                        0 => Ok(()),
                        some => Err(format!("{some} of another code")),
                    }
                },
            )
        }),
    ])
}

fn echo() -> Section {
    section("rfc0792/echo")
        .cases([(0, 0), (0, 65_535), (65_535, 0), (65_535, 65_535), (0x1234, 0xabcd)].map(
            |(identifier, number)| {
                case(
                    format!("identifier-{identifier}-and-number-{number}-come-back"),
                    ["rfc0792-echo-1"],
                    move |w| {
                        let request = w.ip(echo_request()
                            .identifier(identifier)
                            .sequence_number(number)
                            .data(octets(20)));
                        send(request.clone()).answer(seen::reply_to(&request))
                    },
                )
                .alias("idea/G01")
            },
        ))
        .cases([1, 2, 127, 255].map(|code| {
            case(format!("code-{code}-is-answered-with-code-0-or-not-at-all"), ["rfc0792-echo-2"], move |w| {
                send(w.ip(icmp(8, code).identifier(7).sequence_number(1).data(octets(8)))).may_answer(
                    "RFC 792 \"Echo or Echo Reply Message\": only code 0 is defined",
                    seen::echo_reply().identifier(7),
                )
            })
            .alias("idea/G03")
        }))
}

fn timestamps() -> Section {
    const OPTIONAL: &str = "RFC 1122 §3.2.2.8: answering is optional";
    section("rfc0792/timestamp").cases([
        case("receive-is-not-after-transmit", ["rfc0792-timestamp-1"], |w| {
            send(w.ip(timestamp_request().identifier(9).sequence_number(77).timestamps([5, 0, 0])))
                .answer(seen::icmp(14, 0).identifier(9).sequence_number(77).that(
                    "icmp.transmit",
                    "originate kept, receive not after transmit",
                    |it| {
                        let Some(data) = it.icmp_data().filter(|data| data.len() == 12) else { return false };
                        let stamp = |at: usize| {
                            u32::from_be_bytes([data[at], data[at + 1], data[at + 2], data[at + 3]])
                        };
                        stamp(0) == 5 && stamp(4) <= stamp(8)
                    },
                ))
                .or_silence(OPTIONAL)
        }),
        case("a-stamp-that-is-not-the-time-says-so", ["rfc0792-timestamp-2", "rfc0792-timestamp-3"], |w| {
            send(w.ip(timestamp_request()))
                .answer(seen::icmp(14, 0).that(
                    "icmp.receive",
                    "the time of day or a non-standard value",
                    |it| it.is_time_of_day(it.icmp_data().and_then(|data| data.get(4..8))),
                ))
                .or_silence(OPTIONAL)
        }),
        case("information-request-may-be-answered-with-full-addresses", ["rfc0792-information-1"], |w| {
            send(w.ip(information_request().identifier(7)))
                .may_answer("RFC 6918 §3: deprecated", seen::icmp(16, 0).source(w.dut).destination(w.peer))
        }),
    ])
}
