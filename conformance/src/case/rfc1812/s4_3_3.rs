//! RFC 1812 §4.3.3: the ICMP messages of a router, one by one.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![
        unreachable_codes(),
        redirects_received(),
        source_quench_received(),
        time_exceeded_messages(),
        parameter_problems(),
        echo(),
        echo_data(),
        information(),
        timestamps(),
        masks(),
        discovery(),
    ]
}

fn unreachable_codes() -> Section {
    section("rfc1812/4.3.3.1").on(scenario("router-dead-ends")).cases([
        case(
            "no-route-is-net-unreachable",
            [
                "rfc1812-4.3.3.1-1",
                "rfc1812-5.2.4.3-7",
                "rfc1812-5.2.7.1-1",
                "rfc1812-5.2.7.1-2",
                "rfc1812-5.2.7.1-3",
            ],
            |w| {
                let transit = w.passing().destination([203, 0, 113, 1]);
                send(transit.clone())
                    .answer(seen::unreachable(0).source(w.dut).destination(w.peer).quotes(&transit))
            },
        )
        .alias("idea/E04"),
        case(
            "host-that-does-not-answer-the-link-is-host-unreachable",
            ["rfc1812-4.3.3.1-3", "rfc1812-5.2.7.1-9", "rfc1812-5.2.7.1-5"],
            |w| {
                let transit = w.passing().destination([10, 2, 1, 9]);
                send(transit.clone())
                    .answer(seen::unreachable(1).destination(w.peer).quotes_but_ttl(&transit))
            },
        )
        .alias("idea/E04"),
        case("prohibited-way-is-code-13", ["rfc1812-5.2.7.1-6", "rfc1812-5.2.7.1-2"], |w| {
            let transit = w.passing().destination([10, 2, 2, 9]);
            send(transit.clone()).answer(seen::unreachable(13).destination(w.peer).quotes_but_ttl(&transit))
        })
        .alias("idea/E04"),
        case("way-that-leads-nowhere-is-silent", ["rfc1812-4.3.2.7-7"], |w| {
            send(w.passing().destination([10, 2, 3, 9])).silence()
        })
        .alias("idea/E04"),
    ])
}

fn redirects_received() -> Section {
    section("rfc1812/4.3.3.2").on(router()).cases([case(
        "transit-keeps-its-way-after-a-redirect",
        ["rfc1812-4.3.3.2-1", "rfc1812-5.2.7.2-10"],
        |w| {
            let (dut, next, far) = (w.out, w.next, w.far);
            let quoted = w.transit(request()).source(dut).build();
            let redirect = redirect(RedirectCode::Host, w.peer).quote(quoted);
            send(Packet::new(redirect).source(next).destination(dut).on(1))
                .send(w.passing())
                .answer(seen::forwarded(&w.passing()).interface(1).destination(far))
        },
    )
    .alias("idea/G14")])
}

fn source_quench_received() -> Section {
    section("rfc1812/4.3.3.3").on(router()).cases([case(
        "source-quench-is-ignored",
        ["rfc1812-4.3.3.3-3"],
        |w| {
            let quoted = w.ip(request()).source(w.dut).destination(w.peer).build();
            send(w.ip(source_quench().quote(quoted)))
                .silence()
                .send(w.passing())
                .answer(seen::forwarded(&w.passing()).interface(1))
        },
    )])
}

fn time_exceeded_messages() -> Section {
    section("rfc1812/4.3.3.4").on(router()).cases([
        case("lost-fragments-of-its-own-are-reported", ["rfc1812-4.3.3.4-1"], |w| {
            let first = w.echo().fragment(0..24);
            send(first.clone())
                .advance(seconds(3))
                .answer(seen::time_exceeded(1).source(w.dut).destination(w.peer).quotes(&first))
        })
        .on(router().sysctl("net.ipv4.ipfrag_time", 1)),
        case("time-exceeded-reaches-the-application", ["rfc1812-4.3.3.4-2"], |w| {
            let sent = w.ip(udp().source_port(7).destination_port(9).data(b"ping"));
            let sent = sent.source(w.dut).destination(w.peer);
            let error = time_exceeded(TimeExceededCode::Transit).quote(sent.build());
            socket_send(0, (w.peer, 9), b"ping")
                .answer(seen::udp(7, 9))
                .send(w.ip(error))
                .reports(0, "EHOSTUNREACH")
        })
        .on(router().udp(7).option("recverr", 1)),
    ])
}

fn parameter_problems() -> Section {
    let broken: [(&str, [u8; 8], u8); 4] = [
        ("record-route-of-length-2", [7, 2, 0, 0, 0, 0, 0, 0], 21),
        ("record-route-with-pointer-3", [7, 7, 3, 0, 0, 0, 0, 0], 22),
        ("option-beyond-the-header", [7, 12, 4, 0, 0, 0, 0, 0], 21),
        ("timestamp-with-pointer-4", [68, 8, 4, 0, 0, 0, 0, 0], 22),
    ];
    section("rfc1812/4.3.3.5")
        .on(router())
        .cases(broken.map(|(name, option, pointer)| {
            case(format!("{name}-is-pointed-at"), ["rfc1812-4.3.3.5-1"], move |w| {
                let transit = w.passing().options(option);
                send(transit.clone()).answer(
                    seen::parameter_problem(pointer)
                        .source(w.dut)
                        .destination(w.peer)
                        .quotes_but_ttl(&transit),
                )
            })
            .alias("idea/B03")
        }))
        .cases([case("options-are-quoted-as-received", ["rfc1812-4.3.3.5-2"], |w| {
            let transit = w.passing().options(options().record_route(1).raw([7, 2]));
            send(transit.clone().options([7, 7, 4, 0, 0, 0, 0, 68, 2, 0, 0, 0])).answer(
                seen::icmp(12, 0).that("icmp.quote", "the record route as it came", |it| {
                    it.quote().and_then(|quote| quote.get(20..27)) == Some(&[7, 7, 4, 0, 0, 0, 0][..])
                }),
            )
        })])
}

fn echo() -> Section {
    section("rfc1812/4.3.3.6").on(router()).cases([
        case(
            "address-of-the-far-side-answers",
            ["rfc1812-4.3.3.6-1", "rfc1812-4.3.3.6-6", "rfc1812-5.2.3-3"],
            |w| {
                let request = w.echo().destination(w.out);
                send(request.clone()).answer(seen::reply_to(&request).source(w.out).interface(0))
            },
        ),
        case("each-side-is-answered", ["rfc1812-4.3.3.6-1"], |w| {
            let request = Packet::new(request()).source(w.next).destination(w.out).on(1);
            send(request.clone()).answer(seen::reply_to(&request))
        }),
        case("largest-datagram-of-the-link-is-answered", ["rfc1812-4.3.3.6-2"], |w| {
            let request = w.ip(echo_request().identifier(ECHO_IDENTIFIER).data(octets(w.links[0].mtu - 28)));
            send(request.clone()).answer(seen::reply_to(&request))
        }),
        case("fragmented-request-of-1500-octets-is-answered", ["rfc1812-4.3.3.6-2"], |w| {
            let request = w.ip(echo_request().identifier(ECHO_IDENTIFIER).data(octets(w.links[0].mtu - 28)));
            Script::default().send_quietly(request.fragments(&[800])).answer(seen::reply_to(&request))
        }),
        case("requests-are-answered-by-default", ["rfc1812-4.3.3.6-4"], |w| {
            send(w.echo()).answer(seen::reply_to(&w.echo()))
        }),
        case("requests-can-be-ignored", ["rfc1812-4.3.3.6-4"], |w| {
            send(w.echo())
                .silence()
                .probe(Probe::With(Box::new(w.passing()), Box::new(seen::forwarded(&w.passing()))))
        })
        .on(router().sysctl("net.ipv4.icmp_echo_ignore_all", 1)),
        case("replies-reach-the-diagnostic-interface", ["rfc1812-4.3.3.6-5", "rfc1812-4.3.3.6-10"], |w| {
            let message = [8, 0, 0, 0, 0, 0, 0, 1, 0xab];
            socket_send(0, (w.peer, 0), message)
                .answer(seen::icmp(8, 0).destination(w.peer))
                .react(|seen| {
                    let sent = seen.last()?;
                    let identifier = sent.identifier().ok_or("no identifier")?;
                    Ok(Packet::back_to(
                        sent,
                        echo_reply().identifier(identifier).sequence_number(1).data([0xab]),
                    ))
                })
                .deliveries([Wanted::new("the Echo Reply", |it: &Delivery| it.data.first() == Some(&0))])
        })
        .on(router().ping(77).sysctl("net.ipv4.ping_group_range", "0 2147483647")),
        case("recorded-route-comes-back-at-full-length", ["rfc1812-4.3.3.6-8"], |w| {
            let request = w.echo().options(options().record_route(9));
            let dut = w.dut.octets();
            send(request.clone()).answer(seen::reply_to(&request).that(
                "ipv4.options",
                "39 octets with the address of the router",
                move |it| it.options()[..2] == [7, 39] && it.options().windows(4).any(|it| it == dut),
            ))
        }),
        case("timestamps-come-back", ["rfc1812-4.3.3.6-8"], |w| {
            let request = w.echo().options(options().timestamp(0, 9));
            send(request.clone()).answer(seen::reply_to(&request).that(
                "ipv4.options",
                "40 octets with a stamp",
                |it| it.options()[..2] == [68, 40] && it.options()[2] >= 9,
            ))
        }),
    ])
}

fn echo_data() -> Section {
    section("rfc1812/4.3.3.6/data")
        .on(router())
        .cases([0, 1, 56, 1472].map(|len| {
            case(format!("{len}-octets-come-back"), ["rfc1812-4.3.3.6-7"], move |w| {
                let request = w.ip(echo_request().identifier(ECHO_IDENTIFIER).data(octets(len)));
                send(request.clone()).answer(seen::reply_to(&request))
            })
        }))
        .cases([8000usize, 65_507].map(|len| {
            case(format!("{len}-octets-come-back-in-fragments"), ["rfc1812-4.3.3.6-7"], move |w| {
                let request = w.ip(echo_request().identifier(ECHO_IDENTIFIER).data(octets(len)));
                let cuts: Vec<_> = (1480..len + 8).step_by(1480).collect();
                let data = octets(len);
                send_all(request.fragments(&cuts)).law(
                    "all octets in fragments",
                    Dimension::Frames,
                    move |seen| {
                        let mut came = vec![None; len + 8];
                        for piece in seen.datagrams() {
                            for (at, octet) in piece.payload().iter().enumerate() {
                                *came.get_mut(piece.fragment_offset() + at).ok_or("too long")? = Some(*octet);
                            }
                        }
                        let same = came[8..].iter().zip(&data).all(|(came, sent)| *came == Some(*sent));
                        if same && came[0] == Some(0) {
                            Ok(())
                        } else {
                            Err("octets are missing or differ".to_owned())
                        }
                    },
                )
            })
        }))
}

fn information() -> Section {
    section("rfc1812/4.3.3.7").on(router()).cases([case(
        "request-is-not-answered",
        ["rfc1812-4.3.3.7-1"],
        |w| send(w.ip(information_request().identifier(7))).silence(),
    )])
}

fn timestamps() -> Section {
    const OPTIONAL: &str = "RFC 1812 §4.3.3.8: answering is optional";
    let ask = |w: &World| w.ip(timestamp_request().identifier(9).sequence_number(3).timestamps([77, 0, 0]));
    section("rfc1812/4.3.3.8").on(router()).cases([
        case("request-may-be-answered", ["rfc1812-4.3.3.8-1"], move |w| {
            send(ask(w)).answer(seen::icmp(14, 0).identifier(9).sequence_number(3)).or_silence(OPTIONAL)
        }),
        case("every-request-is-answered", ["rfc1812-4.3.3.8-2"], move |w| {
            let all = (0..20).map(|at| w.ip(timestamp_request().identifier(9).sequence_number(at)));
            send_all(all).law("20 replies in order, or none", Dimension::Frames, |seen| {
                let numbers: Vec<_> = seen.datagrams().filter_map(Datagram::sequence_number).collect();
                let right = numbers.is_empty() || numbers.iter().copied().eq(0..20);
                if right { Ok(()) } else { Err(format!("{numbers:?}")) }
            })
        }),
        case("receive-and-transmit-lie-close-together", ["rfc1812-4.3.3.8-3"], move |w| {
            send(ask(w))
                .answer(seen::icmp(14, 0).that(
                    "icmp.transmit",
                    "within a few milliseconds of receive",
                    |it| {
                        let Some(data) = it.icmp_data().filter(|data| data.len() == 12) else { return false };
                        let stamp = |at: usize| {
                            u32::from_be_bytes([data[at], data[at + 1], data[at + 2], data[at + 3]])
                        };
                        stamp(8).wrapping_sub(stamp(4)) <= 5
                    },
                ))
                .or_silence(OPTIONAL)
        }),
        case("broadcast-request-may-be-dropped", ["rfc1812-4.3.3.8-4"], move |w| {
            send(ask(w).destination(w.broadcast)).may_answer(OPTIONAL, seen::icmp(14, 0).source(w.dut))
        }),
        case("reply-comes-from-the-address-that-was-asked", ["rfc1812-4.3.3.8-5"], move |w| {
            send(ask(w).destination(w.out))
                .answer(seen::icmp(14, 0).source(w.out).destination(w.peer))
                .or_silence(OPTIONAL)
        }),
        case("reply-takes-the-source-route-back", ["rfc1812-4.3.3.8-6"], move |w| {
            let completed = options().route(OptionKind::LooseSourceRoute, 8, &[w.other]);
            let back = options().loose_source_route(&[w.peer]);
            send(ask(w).options(completed))
                .answer(seen::icmp(14, 0).destination(w.other).options(back))
                .or_silence(OPTIONAL)
        })
        .on(source_routing()),
        case("recorded-route-comes-back", ["rfc1812-4.3.3.8-7"], move |w| {
            let dut = w.dut.octets();
            send(ask(w).options(options().record_route(2)))
                .answer(seen::icmp(14, 0).that("ipv4.options", "the router's address", move |it| {
                    it.options().windows(4).any(|it| it == dut)
                }))
                .or_silence(OPTIONAL)
        }),
        case("replies-reach-the-application", ["rfc1812-4.3.3.8-8"], |w| {
            let reply = w.ip(timestamp_reply().identifier(9).sequence_number(3));
            send(reply).deliveries([Wanted::new("the reply", |it: &Delivery| it.data.get(20) == Some(&14))])
        })
        .on(router().raw(1)),
        case("standard-value-moves-sixteen-times-a-second", ["rfc1812-4.3.3.8-9"], move |w| {
            let receive = |it: &Datagram| it.icmp_data().and_then(|data| data.get(4..8)).map(<[u8]>::to_vec);
            send(ask(w)).advance(std::time::Duration::from_millis(63)).send(ask(w)).law(
                "two values that differ, or no replies",
                Dimension::Frames,
                move |seen| {
                    let stamps: Vec<_> = seen.datagrams().filter_map(receive).collect();
                    match &stamps[..] {
                        [] => Ok(()),
                        [first, second] if first != second => Ok(()),
                        other => Err(format!("{other:?}")),
                    }
                },
            )
        }),
        case("standard-value-is-right-within-minutes", ["rfc1812-4.3.3.8-10"], move |w| {
            send(ask(w))
                .answer(seen::icmp(14, 0).that("icmp.receive", "the time of day", |it| {
                    it.is_time_of_day(it.icmp_data().and_then(|data| data.get(4..8)))
                }))
                .or_silence(OPTIONAL)
        }),
    ])
}

fn masks() -> Section {
    let ask = |w: &World| w.ip(address_mask_request().identifier(7));
    section("rfc1812/4.3.3.9").on(router()).cases([
        case("request-is-answered-with-the-mask", ["rfc1812-4.3.3.9-1"], move |w| {
            send(ask(w))
                .answer(seen::icmp(18, 0).identifier(7).data([255, 255, 255, 0]))
                .or_silence("RFC 6918 §3: address masks are deprecated")
        }),
        case("request-from-nowhere-is-not-answered-where-masks-differ", ["rfc1812-4.3.3.9-4"], move |w| {
            send(ask(w).source([0, 0, 0, 0]).destination([255, 255, 255, 255])).silence()
        })
        .on(router().address(0, "10.0.3.1/28")),
        case("without-an-address-there-is-no-mask-to-tell", ["rfc1812-4.3.3.9-3"], move |w| {
            // A stack without 0.0.0.0/8 cannot be asked over the unnumbered link whether it is alive.
            send(ask(w).destination([255, 255, 255, 255]).on(1)).silence().probe(Probe::EchoOnly)
        })
        .on(super::s4_2_2::unnumbered()),
        case("unasked-reply-changes-no-mask", ["rfc1812-4.3.3.9-7"], |w| {
            let transit = w.passing();
            send(w.ip(icmp(18, 0).data([255, 0, 0, 0])))
                .silence()
                .send(transit.clone())
                .answer(seen::forwarded(&transit).interface(1))
        }),
        case(
            "nobody-hears-of-a-mask-unasked",
            [
                "rfc1812-4.3.3.9-8",
                "rfc1812-4.3.3.9-9",
                "rfc1812-4.3.3.9-10",
                "rfc1812-4.3.3.9-11",
                "rfc1812-4.3.3.9-12",
            ],
            |_| advance(seconds(1)).never(seen::icmp_type(18)),
        )
        .on(router().address(0, "10.0.0.9/16")),
    ])
}

fn discovery() -> Section {
    section("rfc1812/4.3.3.10").on(scenario("router-ethernet")).cases([case(
        "solicitation-is-answered",
        ["rfc1812-4.3.3.10-1"],
        |w| {
            let solicitation =
                w.ip(icmp(10, 0)).destination([224, 0, 0, 2]).ttl(1).link(LinkDestination::Group);
            send(solicitation).some(seen::icmp_type(9))
        },
    )])
}
