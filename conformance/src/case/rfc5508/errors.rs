//! RFC 5508 §4: errors through a translator.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![validation(), from_outside(), kept(), from_inside(), sessions(), hairpin()]
}

/// A datagram on its way out; the one that left is the first seen.
fn sent(w: &World, packet: &Packet) -> Script {
    send(packet.clone()).answer(seen::translated(packet, w.out).interface(1))
}

/// An error from the outside router about what left first.
fn about_first(
    w: &World,
    make: impl Fn(&Datagram) -> Packet + Send + Sync + 'static,
) -> impl Fn(&History) -> Result<Packet, String> + Send + Sync + 'static {
    let router = w.next;
    move |seen| Ok(make(seen.of_step(0)?).source(router))
}

/// A datagram with options, all of them no-operations.
fn optioned(w: &World, words: usize) -> Packet {
    w.passing().options(vec![1; words * 4])
}

fn validation() -> Section {
    section("rfc5508/4.1")
        .on(nat())
        .cases([
            case("error-with-a-bad-checksum-is-dropped", ["rfc5508-4.1-1"], |w| {
                sent(w, &w.passing())
                    .react(about_first(w, |out| {
                        Packet::back_to(
                            out,
                            unreachable(UnreachableCode::Port).quote(&out.octets).checksum(0x0bad),
                        )
                    }))
                    .silence()
            })
            .alias("idea/M05"),
            case("quote-with-a-bad-header-checksum-is-dropped", ["rfc5508-4.1-2"], |w| {
                sent(w, &w.passing())
                    .react(about_first(w, |out| {
                        let mut quoted = out.octets.clone();
                        quoted[10] ^= 0xff;
                        Packet::back_to(out, unreachable(UnreachableCode::Port).quote(quoted))
                    }))
                    .silence()
            }),
            case("bad-transport-checksum-in-the-quote-is-not-looked-at", ["rfc5508-4.1-4"], |w| {
                sent(w, &w.passing())
                    .react(about_first(w, |out| {
                        let mut quoted = out.octets.clone();
                        // The checksum of UDP.
                        quoted[26] ^= 0xff;
                        Packet::back_to(out, time_exceeded(TimeExceededCode::Transit).quote(quoted))
                    }))
                    .answer(seen::time_exceeded(0).interface(0).destination(w.peer))
            })
            .alias("idea/M13"),
            case("extensions-behind-the-quote-stay", ["rfc5508-4.1-5"], |w| {
                let large = w.transit(to_port(CLOSED_PORT).data(octets(120)));
                let label = extension().object(1, 1, [0x12, 0x34, 0x51, 0x40]);
                let expected = label.build();
                sent(w, &large)
                    .react(about_first(w, move |out| {
                        let error = time_exceeded(TimeExceededCode::Transit).quote_of(&out.octets, 128);
                        Packet::back_to(out, error.extension(label.clone()))
                    }))
                    .answer(seen::time_exceeded(0).interface(0).destination(w.peer).that(
                        "icmp.extension",
                        "the label as it came",
                        move |it| it.icmp_data().and_then(|data| data.get(128..)) == Some(&expected[..]),
                    ))
            }),
        ])
        .cases((1..=10).map(|words| {
            case(format!("quote-with-{words}-words-of-options-is-translated"), ["rfc5508-4.1-3"], move |w| {
                sent(w, &optioned(w, words))
                    .react(about_first(w, |out| {
                        Packet::back_to(out, time_exceeded(TimeExceededCode::Transit).quote(&out.octets))
                    }))
                    .answer(
                        seen::time_exceeded(0)
                            .interface(0)
                            .destination(w.peer)
                            .quotes_translated(&optioned(w, words)),
                    )
            })
            .alias("idea/M05")
        }))
}

fn from_outside() -> Section {
    section("rfc5508/4.2.1").on(nat()).cases([
        case(
            "quoted-datagram-is-translated-back",
            ["rfc5508-4.2.1-2", "rfc5508-4.2.1-3", "rfc5508-4.2.1-5", "rfc5508-7.1.2-1"],
            |w| {
                sent(w, &w.passing())
                    .react(about_first(w, |out| {
                        Packet::back_to(out, time_exceeded(TimeExceededCode::Transit).quote(&out.octets))
                    }))
                    .answer(
                        seen::time_exceeded(0)
                            .interface(0)
                            .source(w.next)
                            .destination(w.peer)
                            .quotes_translated(&w.passing()),
                    )
            },
        )
        .aliases(["idea/M03", "idea/M14"]),
        case("quoted-query-is-translated-back", ["rfc5508-4.2.1-2"], |w| {
            let query = w.transit(request());
            sent(w, &query)
                .react(about_first(w, |out| {
                    Packet::back_to(out, time_exceeded(TimeExceededCode::Transit).quote(&out.octets))
                }))
                .answer(seen::time_exceeded(0).interface(0).destination(w.peer).quotes_translated(&query))
        })
        .alias("idea/M03"),
        case("quoted-segment-is-translated-back", ["rfc5508-4.2.1-2"], |w| {
            let syn =
                w.transit(tcp().source_port(PEER_PORT).destination_port(80).sequence_number(1).flags(2));
            sent(w, &syn)
                .react(about_first(w, |out| {
                    Packet::back_to(out, time_exceeded(TimeExceededCode::Transit).quote(&out.octets))
                }))
                .answer(seen::time_exceeded(0).interface(0).destination(w.peer).quotes_translated(&syn))
        })
        .alias("idea/M03"),
        case("fragmentation-needed-keeps-its-mtu", ["rfc5508-7.1.2-1"], |w| {
            let large = w.transit(to_port(CLOSED_PORT).data(octets(1400))).dont_fragment();
            sent(w, &large)
                .react(about_first(w, |out| {
                    Packet::back_to(out, fragmentation_needed(1300).quote(&out.octets))
                }))
                .answer(
                    seen::unreachable(4).interface(0).mtu(1300).destination(w.peer).quotes_translated(&large),
                )
        })
        .alias("idea/M03"),
        case("error-without-a-mapping-is-dropped", ["rfc5508-4.2.1-1"], |w| {
            let never_sent = w.passing().source(w.out).build();
            let error = time_exceeded(TimeExceededCode::Transit).quote(never_sent);
            send(w.inbound(error).destination(w.out)).silence()
        })
        .alias("idea/M05"),
    ])
}

fn kept() -> Section {
    let kinds = (0..=15).map(|code| (3u8, code)).chain([(11, 0), (11, 1), (12, 0)]);
    section("rfc5508/4.2.1/kept").on(nat()).cases(kinds.map(|(number, code)| {
        case(format!("type-{number}-code-{code}-stays"), ["rfc5508-4.2.1-4"], move |w| {
            sent(w, &w.passing())
                .react(about_first(w, move |out| Packet::back_to(out, icmp(number, code).quote(&out.octets))))
                .answer(seen::icmp(number, code).interface(0).source(w.next).destination(w.peer))
        })
        .alias("idea/M14")
    }))
}

/// Opens a mapping from inside, and lets the outside answer; what came in is the last seen.
fn answered(w: &World) -> Script {
    let (far, peer) = (w.far, w.peer);
    sent(w, &w.passing())
        .react(|seen| {
            let out = seen.of_step(0)?;
            let (from, to) = out.ports().ok_or("no ports")?;
            Ok(Packet::back_to(out, udp().source_port(to).destination_port(from).data(octets(12))))
        })
        .answer(seen::udp(CLOSED_PORT, PEER_PORT).interface(0).source(far).destination(peer))
}

fn from_inside() -> Section {
    let kinds = (0..=15).map(|code| (3u8, code)).chain([(11, 0), (11, 1), (12, 0)]);
    section("rfc5508/4.2.2")
        .on(nat())
        .cases(kinds.map(|(number, code)| {
            case(
                format!("type-{number}-code-{code}-goes-out-translated"),
                ["rfc5508-4.2.2-2", "rfc5508-4.2.2-3", "rfc5508-4.2.2-4"],
                move |w| {
                    let (peer, out) = (w.peer, w.out);
                    answered(w)
                        .react(move |seen| {
                            let came = seen.last()?;
                            Ok(Packet::back_to(came, icmp(number, code).quote(&came.octets)).source(peer))
                        })
                        .answer(seen::icmp(number, code).interface(1).source(out).destination(w.far).that(
                            "icmp.quote",
                            "the outside address",
                            move |it| {
                                it.quote().and_then(|quote| quote.get(16..20)) == Some(&out.octets()[..])
                            },
                        ))
                },
            )
            .alias("idea/M04")
        }))
        .cases([
            case("error-from-an-inside-router-has-a-public-source", ["rfc5508-4.2.2-4"], |w| {
                let (router, out) = (w.other, w.out);
                answered(w)
                    .react(move |seen| {
                        let came = seen.last()?;
                        let error = time_exceeded(TimeExceededCode::Transit).quote(&came.octets);
                        Ok(Packet::back_to(came, error).source(router))
                    })
                    .answer(seen::time_exceeded(0).interface(1).source(out))
            })
            .alias("idea/M04"),
            case("error-without-a-mapping-does-not-go-out", ["rfc5508-4.2.2-1"], |w| {
                let never_came = w.inbound(to_port(CLOSED_PORT)).build();
                send(w.transit(unreachable(UnreachableCode::Port).quote(never_came))).silence()
            })
            .alias("idea/M05"),
        ])
}

fn sessions() -> Section {
    section("rfc5508/4.3").on(nat()).cases([case(
        "error-about-a-query-does-not-end-its-session",
        ["rfc5508-4.3-1"],
        |w| {
            let query = w.transit(request());
            sent(w, &query)
                .react(about_first(w, |out| {
                    Packet::back_to(out, unreachable(UnreachableCode::Host).quote(&out.octets))
                }))
                .some(seen::unreachable(1).interface(0))
                .react(|seen| {
                    let out = seen.of_step(0)?;
                    let identifier = out.identifier().ok_or("no identifier")?;
                    Ok(Packet::back_to(
                        out,
                        echo_reply().identifier(identifier).sequence_number(1).data(octets(32)),
                    ))
                })
                .answer(seen::echo_reply().interface(0).destination(w.peer).identifier(ECHO_IDENTIFIER))
        },
    )
    .alias("idea/M06")])
}

fn hairpin() -> Section {
    // The port-forwarding scenario maps 203.0.113.2:8080 to 10.0.1.2:80, also for those inside.
    let public = [203, 0, 113, 2];
    let inside = [10, 0, 1, 2];
    let knock = move |w: &World| Packet::new(to_port(8080)).source(w.other).destination(public);
    section("rfc5508/5").on(scenario("nat-port-forward")).cases([
        case("hairpinned-datagram-reaches-its-host", ["rfc5508-5-1"], move |w| {
            send(knock(w)).answer(seen::protocol(17).interface(0).destination(inside.into()))
        })
        .aliases(["idea/M01", "idea/M07"]),
        case("hairpinned-error-comes-back", ["rfc5508-5-2", "rfc5508-5-3"], move |w| {
            let asker = w.other;
            let asked = knock(w);
            send(knock(w))
                .answer(seen::protocol(17).interface(0).destination(inside.into()))
                .react(|seen| {
                    let came = seen.last()?;
                    Ok(Packet::back_to(came, unreachable(UnreachableCode::Port).quote(&came.octets)))
                })
                .answer(
                    seen::unreachable(3)
                        .interface(0)
                        .source(public.into())
                        .destination(asker)
                        .quotes_translated(&asked),
                )
        })
        .alias("idea/M01"),
    ])
}
