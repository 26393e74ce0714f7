//! RFC 1122 §3.2.2: ICMP on hosts.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![
        unknown_types(),
        quotes(),
        suppression(),
        unreachable_codes(),
        echo(),
        information(),
        timestamps(),
        masks(),
        errors_about_errors(),
        tos(),
        transports(),
        redirects(),
        source_quench(),
        parameter_problems(),
        echo_on_hosts(),
        timestamps_on_hosts(),
        mask_discovery(),
    ]
}

fn unknown_types() -> Section {
    let known = [0, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 42, 43];
    section("rfc1122/3.2.2/unknown-type").cases((0..=255).filter(move |it| !known.contains(it)).map(
        |number| {
            case(format!("type-{number}-is-ignored"), ["rfc1122-3.2.2-1"], move |w| {
                send(w.ip(icmp(number, 0).data(octets(32)))).silence()
            })
            .aliases(["idea/G11", "tc8/ICMPv4_ERROR_05"])
        },
    ))
}

fn quotes() -> Section {
    section("rfc1122/3.2.2/quote").cases([
        case(
            "an-error-quotes-header-and-8-octets-as-received",
            ["rfc1122-3.2.2-2", "rfc1122-3.2.2-4"],
            |w| {
                let stimulus = w.closed().tos(0x20).identification(0xbeef).ttl(3);
                send(stimulus.clone())
                    .answer(seen::unreachable(3).source(w.dut).destination(w.peer).quotes(&stimulus))
            },
        ),
        case("options-are-part-of-the-quoted-header", ["rfc1122-3.2.2-2", "rfc1122-3.2.2-4"], |w| {
            let stimulus = w.closed().options(options().no_operation().no_operation());
            send(stimulus.clone()).answer(seen::unreachable(3).quotes(&stimulus))
        }),
    ])
}

/// Each rule that withholds an error, against each error that a host makes.
fn suppression() -> Section {
    type Provoke = fn(&World) -> Packet;
    type Spoil = fn(Packet, &World) -> Packet;
    let provocations: [(&str, Provoke); 3] = [
        ("port", |w| w.closed()),
        ("protocol", |w| w.ip(octets(16))),
        ("bad-option", |w| w.echo().options([7, 7, 3, 0, 0, 0, 0])),
    ];
    let rules: [(&str, &str, Spoil); 5] = [
        ("broadcast", "rfc1122-3.2.2-8", |it, w| it.destination(w.broadcast)),
        ("multicast", "rfc1122-3.2.2-9", |it, _| it.destination([224, 0, 0, 1])),
        ("link-broadcast", "rfc1122-3.2.2-10", |it, _| it.link_broadcast()),
        ("later-fragment", "rfc1122-3.2.2-11", |it, _| it.fragment_offset(8)),
        ("source-zero", "rfc1122-3.2.2-12", |it, _| it.source([0, 0, 0, 0])),
    ];
    let pairs = rules.into_iter().flat_map(move |rule| provocations.map(|provocation| (rule, provocation)));
    section("rfc1122/3.2.2/suppress").on(scenario("host-ethernet")).cases(pairs.map(
        |((rule, requirement, spoil), (provocation, provoke))| {
            case(format!("{rule}-draws-no-{provocation}-error"), [requirement], move |w| {
                send(provoke(w)).some(seen::icmp_error()).provided().send(spoil(provoke(w), w)).silence()
            })
            .alias("idea/H07")
        },
    ))
}

fn unreachable_codes() -> Section {
    section("rfc1122/3.2.2.1").cases([
        case("unknown-protocol-is-reported", ["rfc1122-3.2.2.1-1"], |w| {
            let stimulus = w.ip(octets(16));
            send(stimulus.clone()).answer(seen::unreachable(2).destination(w.peer).quotes(&stimulus))
        })
        .aliases(["idea/A17", "tc8/ICMPv4_TYPE_18"]),
        case("closed-port-is-reported", ["rfc1122-3.2.2.1-2"], |w| {
            send(w.closed()).answer(seen::unreachable(3).destination(w.peer).quotes(&w.closed()))
        })
        .alias("idea/H01"),
        case("port-unreachable-reaches-the-socket", ["rfc1122-3.2.2.1-3"], |w| {
            let sent = w.ip(udp().source_port(7).destination_port(9).data(b"ping"));
            let sent = sent.source(w.dut).destination(w.peer);
            let error = unreachable(UnreachableCode::Port).quote(sent.build());
            socket_send(0, (w.peer, 9), b"ping")
                .answer(seen::udp(7, 9).udp_data(b"ping"))
                .send(w.ip(error))
                .reports(0, "ECONNREFUSED")
        })
        .on(host().udp(7).option("recverr", 1))
        .alias("idea/I02"),
    ])
}

fn echo() -> Section {
    section("rfc1122/3.2.2.6")
        .cases([
            case("request-is-answered", ["rfc1122-3.2.2.6-1", "rfc1122-3.2.2.6-4"], |w| {
                send(w.echo()).answer(seen::reply_to(&w.echo()))
            })
            .aliases(["idea/G01", "tc8/ICMPv4_TYPE_22"]),
            case("broadcast-request-may-be-ignored", ["rfc1122-3.2.2.6-3"], |w| {
                send(w.echo().destination(w.broadcast))
                    .may_answer("RFC 1122 §3.2.2.6", seen::echo_reply().source(w.dut).destination(w.peer))
            })
            .alias("idea/F04"),
            case("recorded-route-comes-back-updated", ["rfc1122-3.2.2.6-8"], |w| {
                let request = w.echo().options(options().record_route(3));
                send(request.clone()).answer(seen::reply_to(&request).that(
                    "ipv4.options",
                    "the route with the address of the host",
                    {
                        let dut = w.dut.octets();
                        move |it| it.options().windows(4).any(|four| four == dut)
                    },
                ))
            })
            .alias("idea/B10"),
            case("wrong-icmp-checksum-is-dropped", ["rfc0792-formats-8"], |w| {
                send(w.ip(echo_request().data(octets(8)).checksum(0xdead))).silence()
            })
            .aliases(["idea/G02", "tc8/ICMPv4_TYPE_10"]),
        ])
        .cases([0, 1, 2, 7, 8, 9, 255, 547, 548, 549, 1471, 1472].map(|len| {
            case(format!("{len}-octets-of-data-come-back"), ["rfc1122-3.2.2.6-5"], move |w| {
                let request = w.ip(echo_request().identifier(ECHO_IDENTIFIER).data(octets(len)));
                send(request.clone()).answer(seen::reply_to(&request))
            })
            .aliases(["idea/G01", "idea/A24"])
        }))
}

fn information() -> Section {
    section("rfc1122/3.2.2.7").cases([case("request-is-not-answered", ["rfc1122-3.2.2.7-1"], |w| {
        send(w.ip(information_request().identifier(7))).silence()
    })
    .aliases(["idea/G07", "tc8/ICMPv4_TYPE_16"])])
}

fn timestamps() -> Section {
    section("rfc1122/3.2.2.8").cases([
        case("reply-keeps-originate-and-identifier", ["rfc0792-timestamp-1"], |w| {
            let request = w.ip(timestamp_request().identifier(9).sequence_number(3).timestamps([77, 0, 0]));
            send(request)
                .answer(
                    seen::icmp(14, 0)
                        .identifier(9)
                        .sequence_number(3)
                        .source(w.dut)
                        .destination(w.peer)
                        .that("icmp.originate", 77, |it| {
                            it.icmp_data().is_some_and(|data| data.len() == 12 && data[..4] == [0, 0, 0, 77])
                        }),
                )
                .or_silence("RFC 1122 §3.2.2.8: answering is optional")
        })
        .aliases(["idea/G06", "tc8/ICMPv4_TYPE_11"]),
        case("standard-value-is-right-within-minutes", ["rfc1122-3.2.2.8-9", "rfc0792-timestamp-2"], |w| {
            send(w.ip(timestamp_request()))
                .answer(seen::icmp(14, 0).that(
                    "icmp.receive",
                    "the time of day or a non-standard value",
                    |it| {
                        let Some(&[a, b, c, d]) = it.icmp_data().and_then(|data| data.get(4..8)) else {
                            return false;
                        };
                        let stamp = u32::from_be_bytes([a, b, c, d]);
                        let off = stamp.abs_diff(it.midnight_ms);
                        stamp & 0x8000_0000 != 0 || off.min(86_400_000 - off.min(86_400_000)) < 180_000
                    },
                ))
                .or_silence("RFC 1122 §3.2.2.8: answering is optional")
        }),
    ])
}

fn masks() -> Section {
    section("rfc1122/3.2.2.9").cases([
        case("request-is-not-answered", ["rfc1122-3.2.2.9-9"], |w| {
            send(w.ip(address_mask_request().identifier(7))).silence()
        })
        .alias("idea/G08"),
        case("unasked-reply-is-ignored", ["rfc1122-3.2.2.9-7"], |w| {
            send(w.ip(icmp(18, 0).data([255, 0, 0, 0])))
                .silence()
                .send(w.echo())
                .answer(seen::reply_to(&w.echo()))
        }),
    ])
}

fn errors_about_errors() -> Section {
    section("rfc1122/3.2.2/suppress/error").cases([3, 4, 5, 11, 12].map(|number| {
        case(format!("type-{number}-with-a-bad-option-draws-no-error"), ["rfc1122-3.2.2-7"], move |w| {
            let quoted = w.closed().source(w.dut).destination(w.peer).build();
            send(w.ip(icmp(number, 0).quote(quoted)).options([7, 7, 3, 0, 0, 0, 0, 0])).silence()
        })
        .alias("idea/H07")
    }))
}

fn tos() -> Section {
    section("rfc1122/3.2.2/tos")
        .cases([0x00, 0x28].map(|tos| {
            case(format!("error-about-tos-{tos:#04x}-has-tos-zero"), ["rfc1122-3.2.2-6"], move |w| {
                send(w.closed().tos(tos))
                    .answer(seen::unreachable(3).tos(0))
                    .under(Profile::Rfc1812, answer(seen::unreachable(3)))
                    .under(Profile::Linux, answer(seen::unreachable(3)))
            })
            .alias("idea/H09")
        }))
        .cases([case("more-than-8-octets-may-be-quoted", ["rfc1122-3.2.2-3"], |w| {
            let stimulus = w.ip(to_port(CLOSED_PORT).data(octets(300)));
            send(stimulus.clone()).answer(seen::unreachable(3).quotes_at_least(&stimulus, 28))
        })
        .alias("idea/H05")])
}

/// A segment that opens a connection to port 80.
fn syn(w: &World) -> Packet {
    w.ip(tcp().source_port(PEER_PORT).destination_port(80).sequence_number(1000).flags(2))
}

fn transports() -> Section {
    section("rfc1122/3.2.2.1/transport").cases([
        case("closed-tcp-port-is-reset", ["rfc1122-3.2.2.1-2"], |w| {
            send(syn(w)).answer(seen::protocol(6).destination(w.peer).ports(80, PEER_PORT).that(
                "tcp.flags",
                "RST",
                |it| it.tcp_flags().is_some_and(|flags| flags & 4 != 0),
            ))
        })
        .alias("idea/H02"),
        case("hints-do-not-end-a-listener", ["rfc1122-3.2.2.1-6"], |w| {
            let answered =
                w.ip(tcp().source_port(80).destination_port(PEER_PORT).sequence_number(1).flags(0x12));
            let quoted = answered.source(w.dut).destination(w.peer).build();
            let hints = [0, 1, 5].map(|code| w.ip(icmp(3, code).quote(quoted.clone())));
            send_all(hints).send(syn(w)).some(seen::protocol(6).destination(w.peer).ports(80, PEER_PORT))
        })
        .on(host().tcp(80))
        .alias("idea/I04"),
        case("unreachable-from-the-gateway-does-not-make-it-dead", ["rfc1122-3.2.2.1-7"], |w| {
            let sent = w.ip(udp().source_port(7).destination_port(9).data(b"ping")).source(w.dut);
            let quoted = sent.destination(w.far).build();
            socket_send(0, (w.far, 9), b"ping")
                .answer(seen::udp(7, 9))
                .send(w.ip(unreachable(UnreachableCode::Host).quote(quoted)))
                .socket_send(0, (w.far2, 9), b"ping")
                .some(seen::udp(7, 9).destination(w.far2))
        })
        .on(host().udp(7)),
    ])
}

fn redirects() -> Section {
    section("rfc1122/3.2.2.2").cases([
        case("hosts-send-none", ["rfc1122-3.2.2.2-1"], |w| send(w.transit(to_port(CLOSED_PORT))).silence())
            .alias("idea/G13"),
        case("redirect-from-a-stranger-disturbs-nothing", ["rfc1122-3.2.2.2-5"], |w| {
            let sent = w.ip(udp().source_port(7).destination_port(9).data(b"ping")).source(w.dut);
            let quoted = sent.destination(w.far).build();
            let stranger = w.ip(redirect(RedirectCode::Host, w.other).quote(quoted)).source(w.other);
            socket_send(0, (w.far, 9), b"ping")
                .answer(seen::udp(7, 9))
                .send(stranger)
                .silence()
                .socket_send(0, (w.far, 9), b"ping")
                .answer(seen::udp(7, 9).destination(w.far))
        })
        .on(host().udp(7))
        .alias("idea/G13"),
        case("redirect-to-a-gateway-of-another-network-disturbs-nothing", ["rfc1122-3.2.2.2-4"], |w| {
            let sent = w.ip(udp().source_port(7).destination_port(9).data(b"ping")).source(w.dut);
            let quoted = sent.destination(w.far).build();
            socket_send(0, (w.far, 9), b"ping")
                .answer(seen::udp(7, 9))
                .send(w.ip(redirect(RedirectCode::Host, [192, 0, 2, 77]).quote(quoted)))
                .silence()
                .socket_send(0, (w.far, 9), b"ping")
                .answer(seen::udp(7, 9).destination(w.far))
        })
        .on(host().udp(7).sysctl("net.ipv4.conf.all.shared_media", 0).conf(0, "shared_media", 0))
        .alias("idea/G13"),
    ])
}

fn source_quench() -> Section {
    section("rfc1122/3.2.2.3").cases([case(
        "a-flood-of-fragments-may-not-be-quenched",
        ["rfc1122-3.2.2.3-1"],
        |w| {
            send_all((0..200).map(|at| w.echo().identification(at).fragment(0..24))).law(
                "nothing but an ICMP error about them",
                Dimension::Frames,
                |seen| match seen.datagrams().find(|it| it.icmp_type_and_code().is_none_or(|it| it.0 == 0)) {
                    Some(it) => Err(format!("a datagram of protocol {}", it.protocol())),
                    None => Ok(()),
                },
            )
        },
    )])
}

fn parameter_problems() -> Section {
    section("rfc1122/3.2.2.5").cases([
        case("bad-option-is-pointed-at", ["rfc1122-3.2.2.5-1", "rfc1122-3.3.8-1"], |w| {
            let request = w.echo().options([7, 7, 3, 0, 0, 0, 0, 0]);
            send(request.clone()).answer(seen::parameter_problem(22).source(w.dut).destination(w.peer))
        })
        .alias("idea/B03"),
        case("code-1-is-an-error-of-its-flow", ["rfc1122-3.2.2.5-4"], |w| {
            let sent = w.ip(udp().source_port(7).destination_port(9).data(b"ping")).source(w.dut);
            let quoted = sent.destination(w.peer).build();
            socket_send(0, (w.peer, 9), b"ping")
                .answer(seen::udp(7, 9))
                .send(w.ip(icmp(12, 1).quote(quoted)))
                .law("an error, and where it is queued it says code 1", Dimension::SocketErrors, |seen| {
                    let errors: Vec<_> =
                        seen.steps.iter().flat_map(|step| &step.observation.socket_errors).collect();
                    let mut queued = errors.iter().filter_map(|it| it.queued.as_ref());
                    let right = queued.all(|it| (it.icmp_type, it.icmp_code) == (12, 1));
                    if right && !errors.is_empty() { Ok(()) } else { Err(format!("{errors:?}")) }
                })
        })
        .on(host().udp(7).option("recverr", 1))
        .alias("idea/I02"),
    ])
}

fn echo_on_hosts() -> Section {
    let two = || host().address(0, "10.0.0.21/24");
    section("rfc1122/3.2.2.6/host").cases([
        case("reply-comes-from-the-second-address", ["rfc1122-3.2.2.6-4"], |w| {
            let request = w.echo().destination([10, 0, 0, 21]);
            send(request.clone()).answer(seen::reply_to(&request))
        })
        .on(two()),
        case("large-reply-goes-in-fragments-or-cut", ["rfc1122-3.2.2.6-6"], |w| {
            let request = w.ip(echo_request().identifier(ECHO_IDENTIFIER).data(octets(3000)));
            send_all(request.fragments(&[1480, 2960])).law(
                "octets of the request",
                Dimension::Frames,
                |seen| {
                    let data = octets(3000);
                    let came: Vec<_> = seen.datagrams().collect();
                    let right = came.iter().all(|it| {
                        let skip = if it.fragment_offset() == 0 { 8 } else { 0 };
                        let at = (it.fragment_offset() + skip).saturating_sub(8);
                        data.get(at..).is_some_and(|rest| rest.starts_with(&it.payload()[skip..]))
                    });
                    if right && !came.is_empty() { Ok(()) } else { Err(format!("{} frames", came.len())) }
                },
            )
        }),
        case("source-route-comes-back-reversed", ["rfc1122-3.2.2.6-9"], |w| {
            let completed = options().route(OptionKind::LooseSourceRoute, 12, &[w.far, w.other]);
            send(w.echo().options(completed)).answer(
                seen::echo_reply()
                    .destination(w.other)
                    .options(options().loose_source_route(&[w.far, w.peer])),
            )
        })
        .on(host().sysctl("net.ipv4.conf.all.accept_source_route", 1).conf(0, "accept_source_route", 1))
        .alias("idea/B10"),
        case("record-route-comes-back-with-the-host-in-the-next-slot", ["rfc1122-3.2.2.6-8"], |w| {
            let used = options().route(OptionKind::RecordRoute, 8, &[w.far, w.dut, w.dut]);
            let dut = w.dut.octets();
            send(w.echo().options(used)).answer(seen::echo_reply().that(
                "ipv4.options",
                "the host in slot 2",
                move |it| it.options().get(7..11) == Some(&dut[..]) && it.options()[1] == 15,
            ))
        })
        .alias("idea/B10"),
    ])
}

fn timestamps_on_hosts() -> Section {
    const OPTIONAL: &str = "RFC 1122 §3.2.2.8: answering is optional";
    let ask = |w: &World| w.ip(timestamp_request().identifier(9).sequence_number(3));
    let honoring =
        || host().sysctl("net.ipv4.conf.all.accept_source_route", 1).conf(0, "accept_source_route", 1);
    section("rfc1122/3.2.2.8/host").cases([
        case("server-may-answer", ["rfc1122-3.2.2.8-1"], move |w| {
            send(ask(w)).may_answer(OPTIONAL, seen::icmp(14, 0).identifier(9).sequence_number(3))
        })
        .alias("idea/G06"),
        case("server-takes-a-few-milliseconds-at-most", ["rfc1122-3.2.2.8-2"], move |w| {
            send(ask(w))
                .answer(seen::icmp(14, 0).that("icmp.transmit", "close to receive", |it| {
                    let Some(data) = it.icmp_data().filter(|data| data.len() == 12) else { return false };
                    let stamp =
                        |at: usize| u32::from_be_bytes([data[at], data[at + 1], data[at + 2], data[at + 3]]);
                    stamp(8).wrapping_sub(stamp(4)) <= 5
                }))
                .or_silence(OPTIONAL)
        }),
        case("reply-comes-from-the-address-that-was-asked", ["rfc1122-3.2.2.8-4"], move |w| {
            send(ask(w).destination([10, 0, 0, 21]))
                .answer(seen::icmp(14, 0).source([10, 0, 0, 21].into()))
                .or_silence(OPTIONAL)
        })
        .on(host().address(0, "10.0.0.21/24")),
        case("source-route-comes-back-reversed", ["rfc1122-3.2.2.8-5"], move |w| {
            let completed = options().route(OptionKind::LooseSourceRoute, 8, &[w.other]);
            send(ask(w).options(completed))
                .answer(
                    seen::icmp(14, 0).destination(w.other).options(options().loose_source_route(&[w.peer])),
                )
                .or_silence(OPTIONAL)
        })
        .on(honoring()),
        case("record-route-comes-back-updated", ["rfc1122-3.2.2.8-6"], move |w| {
            let dut = w.dut.octets();
            send(ask(w).options(options().record_route(2)))
                .answer(seen::icmp(14, 0).that("ipv4.options", "the address of the host", move |it| {
                    it.options().windows(4).any(|it| it == dut)
                }))
                .or_silence(OPTIONAL)
        }),
        case("value-moves-fifteen-times-a-second", ["rfc1122-3.2.2.8-8"], move |w| {
            send(ask(w)).advance(std::time::Duration::from_millis(67)).send(ask(w)).law(
                "two values that differ, or no replies",
                Dimension::Frames,
                |seen| {
                    let receive =
                        |it: &Datagram| it.icmp_data().and_then(|it| it.get(4..8)).map(<[u8]>::to_vec);
                    match &seen.datagrams().filter_map(receive).collect::<Vec<_>>()[..] {
                        [] => Ok(()),
                        [first, second] if first != second => Ok(()),
                        other => Err(format!("{other:?}")),
                    }
                },
            )
        }),
    ])
}

fn mask_discovery() -> Section {
    section("rfc1122/3.2.2.9/discovery").cases([
        case("later-masks-are-ignored", ["rfc1122-3.2.2.9-6", "rfc1122-3.2.2.9-14"], |w| {
            // Under the second mask the destination would be on link 0; its route leads by link 1.
            let masks = [[255, 255, 0, 0], [255, 0, 0, 0]].map(|mask| w.ip(icmp(18, 0).data(mask)));
            send_all(masks)
                .socket_send(0, ([10, 9, 9, 9].into(), 9), b"where")
                .answer(seen::udp(7, 9).interface(1))
        })
        .on(super::s3_1::two_links().via("0.0.0.0/0", [10, 1, 0, 2], 1).udp_any(7))
        .alias("idea/G08"),
        case("masks-are-asked-for-a-few-times-at-most", ["rfc1122-3.2.2.9-4", "rfc1122-3.2.2.9-13"], |_| {
            advance(seconds(2)).law("five requests at most", Dimension::Frames, |seen| {
                match seen
                    .datagrams()
                    .filter(|it| it.icmp_type_and_code().is_some_and(|it| it.0 == 17))
                    .count()
                {
                    0..=5 => Ok(()),
                    many => Err(format!("{many} requests")),
                }
            })
        })
        .alias("idea/G08"),
        case("learned-mask-makes-no-authority", ["rfc1122-3.2.2.9-10"], |w| {
            send(w.ip(icmp(18, 0).data([255, 255, 0, 0])))
                .silence()
                .send(w.ip(address_mask_request().identifier(7)))
                .silence()
        })
        .alias("idea/G08"),
        case("masks-that-make-no-sense-change-nothing", ["rfc1122-3.2.2.9-8"], |w| {
            send_all([[255, 255, 255, 255], [0, 255, 0, 0]].map(|mask| w.ip(icmp(18, 0).data(mask))))
                .send(w.echo())
                .answer(seen::reply_to(&w.echo()))
        })
        .alias("idea/G08"),
    ])
}
