//! RFC 1122 §3.3: routing, reassembly and fragmentation on hosts.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![
        routing(),
        gateways(),
        reassembly(),
        sizes(),
        timeout(),
        timers(),
        fragmentation(),
        multihoming(),
        source_routes(),
        broadcasts(),
        multicast(),
        errors(),
    ]
}

fn reassembly() -> Section {
    section("rfc1122/3.3.2").cases([case(
        "a-datagram-of-576-octets-is-reassembled",
        ["rfc1122-3.3.2-1", "rfc1122-3.3.2-2"],
        |w| {
            let request = w.ip(echo_request().identifier(ECHO_IDENTIFIER).data(octets(548)));
            Script::default().send_quietly(request.fragments(&[272, 400])).answer(seen::reply_to(&request))
        },
    )
    .alias("idea/A14")])
}

/// What happens when the rest never comes; the timer itself is short here, its length has a case of its own.
fn timeout() -> Section {
    let short = || host().sysctl("net.ipv4.ipfrag_time", 1);
    section("rfc1122/3.3.2/timeout").on(short()).cases([
        case("first-fragment-draws-time-exceeded", ["rfc1122-3.3.2-6", "rfc1122-3.3.2-9"], |w| {
            let first = w.echo().fragment(0..24);
            send(first.clone())
                .silence()
                .advance(seconds(3))
                .answer(seen::time_exceeded(1).source(w.dut).destination(w.peer).quotes(&first))
        })
        .alias("idea/H03")
        .alias("idea/C20"),
        case("without-the-first-fragment-there-is-silence", ["rfc1122-3.3.2-11"], |w| {
            send(w.echo().fragment(24..40)).silence().advance(seconds(3)).silence()
        })
        .aliases(["idea/C21", "tc8/ICMPv4_TYPE_04"]),
        case("what-timed-out-is-gone", ["rfc1122-3.3.2-10"], |w| {
            let parts = w.echo().fragments(&[24]);
            send(parts[0].clone()).advance(seconds(3)).send(parts[1].clone()).silence()
        })
        .aliases(["idea/C22", "tc8/IPv4_REASSEMBLY_10"]),
        case("timer-lies-between-60-and-120-seconds", ["rfc1122-3.3.2-8"], |w| {
            send(w.echo().fragment(0..24))
                .silence()
                .advance(seconds(59))
                .silence()
                .advance(seconds(62))
                .answer(seen::time_exceeded(1))
        })
        .on(host())
        .alias("idea/C23"),
    ])
}

fn routing() -> Section {
    let quarter = || {
        super::s3_1::two_links().only_address(0, "10.0.0.1/26").only_address(1, "10.0.0.129/26").udp_any(7)
    };
    section("rfc1122/3.3.1.1").on(quarter()).cases([
        case("destination-under-the-mask-is-on-its-link", ["rfc1122-3.3.1.1-1"], |_| {
            socket_send(0, ([10, 0, 0, 62].into(), 9), b"on").answer(seen::udp(7, 9).interface(0))
        }),
        case("destination-under-the-other-mask-is-on-the-other-link", ["rfc1122-3.3.1.1-1"], |_| {
            socket_send(0, ([10, 0, 0, 190].into(), 9), b"on").answer(seen::udp(7, 9).interface(1))
        }),
        case(
            "destination-under-no-mask-goes-to-a-gateway",
            ["rfc1122-3.3.1.1-2", "rfc1122-3.3.1.2-3"],
            |w| socket_send(0, (w.far, 9), b"off").answer(seen::udp(7, 9).interface(0).destination(w.far)),
        )
        .on(host().udp(7)),
        case("without-a-gateway-neighbors-are-reached", ["rfc1122-3.3.1.1-4"], |w| {
            let request = w.echo();
            send(request.clone()).answer(seen::reply_to(&request))
        })
        .on(host().no_routes()),
        case("without-a-gateway-nothing-goes-far", ["rfc1122-3.3.1.1-4"], |_| {
            socket_send(0, ([198, 51, 100, 9].into(), 9), b"far").silence()
        })
        .on(host().no_routes().udp(7)),
        case(
            "limited-broadcast-is-sent-and-link-broadcasts-carry-nothing-else",
            ["rfc1122-3.3.1.1-3", "rfc1122-3.3.6-4", "rfc1122-3.3.6-5"],
            |_| {
                let everybody = [255, 255, 255, 255].into();
                socket_send(0, (everybody, 9), b"all").some(seen::udp(7, 9).destination(everybody)).never(
                    seen::datagram().link_destination([0xff; 6]).that(
                        "ipv4.destination",
                        "a unicast address",
                        |it| !it.destination().is_broadcast() && !it.destination().is_multicast(),
                    ),
                )
            },
        )
        .on(scenario("host-ethernet").udp_any(7).option("broadcast", 1)),
        case("group-goes-to-its-link-address", ["rfc1122-3.3.1.1-3"], |_| {
            let group = [224, 0, 1, 99].into();
            socket_send(0, (group, 9), b"group")
                .some(seen::udp(7, 9).destination(group).link_destination([1, 0, 0x5e, 0, 1, 0x63]))
        })
        .on(scenario("host-ethernet").udp_any(7))
        .alias("idea/F09"),
    ])
}

fn gateways() -> Section {
    section("rfc1122/3.3.1.4").cases([case(
        "gateways-are-not-pinged",
        ["rfc1122-3.3.1.4-3", "rfc1122-3.3.1.4-4", "rfc1122-3.3.1.4-5"],
        |_| advance(seconds(2)).never(seen::icmp_type(8)),
    )])
}

fn sizes() -> Section {
    section("rfc1122/3.3.2/size").cases([1500usize, 8 * 1024, 32 * 1024, 65_535].map(|len| {
        let requirement = if len == 1500 { "rfc1122-3.3.2-4" } else { "rfc1122-3.3.2-3" };
        case(format!("{len}-octets-are-reassembled"), [requirement], move |w| {
            let request = w.ip(echo_request().identifier(ECHO_IDENTIFIER).data(octets(len - 28)));
            let cuts: Vec<_> = (1024..len - 20).step_by(1024).collect();
            send_all(request.fragments(&cuts)).law("a reply", Dimension::Frames, |seen| {
                let first = seen.datagrams().find(|it| it.fragment_offset() == 0);
                match first.map(|it| it.payload().first() == Some(&0)) {
                    Some(true) => Ok(()),
                    _ => Err("no Echo Reply".to_owned()),
                }
            })
        })
        .alias("idea/A24")
    }))
}

fn timers() -> Section {
    let short = || host().sysctl("net.ipv4.ipfrag_time", 2);
    section("rfc1122/3.3.2/timer").on(short()).cases([1, 64, 255].map(|ttl| {
        case(format!("timer-does-not-depend-on-ttl-{ttl}"), ["rfc1122-3.3.2-7"], move |w| {
            send(w.echo().ttl(ttl).fragment(0..24))
                .silence()
                .advance(seconds(1))
                .silence()
                .advance(seconds(3))
                .answer(seen::time_exceeded(1))
        })
        .alias("idea/C23")
    }))
}

fn fragmentation() -> Section {
    section("rfc1122/3.3.3").cases([
        case("large-datagrams-may-be-fragmented", ["rfc1122-3.3.3-1"], |w| {
            socket_send(0, (w.peer, 9), octets(4000)).law(
                "one identification, offsets of eight",
                Dimension::Frames,
                |seen| {
                    let pieces: Vec<_> =
                        seen.datagrams().map(|it| (it.identification(), it.fragment_offset())).collect();
                    let right = pieces.iter().all(|it| it.0 == pieces[0].0 && it.1 % 8 == 0);
                    if right { Ok(()) } else { Err(format!("{pieces:?}")) }
                },
            )
        })
        .on(host().udp(7).option("pmtudisc", 0))
        .alias("idea/D01"),
        case("off-link-datagrams-keep-to-576-octets-or-discover-the-path", ["rfc1122-3.3.3-4"], |w| {
            socket_send(0, (w.far, 9), octets(1000)).law(
                "576 octets at most, or dont fragment (RFC 1191 §2)",
                Dimension::Frames,
                |seen| {
                    let wrong = seen.datagrams().find(|it| it.total_length() > 576 && !it.dont_fragment());
                    wrong.map_or(Ok(()), |it| Err(format!("{} octets", it.total_length())))
                },
            )
        })
        .on(host().udp(7)),
        case("without-fragmentation-nothing-exceeds-the-mtu", ["rfc1122-3.3.3-3"], |w| {
            socket_send(0, (w.peer, 9), octets(2000)).silence()
        })
        .on(host().udp(7).option("pmtudisc", 2))
        .alias("idea/D17"),
    ])
}

fn multihoming() -> Section {
    let two = || super::s3_1::two_links().udp_any(7);
    section("rfc1122/3.3.4.2").on(two()).cases([
        case("answer-comes-from-the-address-that-was-asked", ["rfc1122-3.3.4.2-1"], |w| {
            let request = w.echo().destination(w.links[1].dut);
            send(request.clone())
                .answer(seen::reply_to(&request))
                .or_silence("RFC 1122 §3.3.4.2: the strong model drops it")
        })
        .alias("idea/F07"),
        case("unbound-socket-sends-from-the-address-of-the-link", ["rfc1122-3.3.4.2-3"], |w| {
            let (to, from) = (w.links[1].peer, w.links[1].dut);
            socket_send(0, (to, 9), b"which").answer(seen::udp(7, 9).interface(1).source(from))
        })
        .alias("idea/F08"),
        case("address-of-another-link-may-be-answered", ["rfc1122-3.3.4.2-4"], |w| {
            let request = w.echo().destination(w.links[1].dut);
            send(request.clone()).may_answer("RFC 1122 §3.3.4.2", seen::reply_to(&request))
        })
        .alias("idea/F07"),
        case("bound-address-may-leave-by-another-link", ["rfc1122-3.3.4.2-5"], |w| {
            let (to, from) = (w.links[1].peer, w.links[0].dut);
            socket_send(0, (to, 9), b"which").may_answer("RFC 1122 §3.3.4.2", seen::udp(7, 9).source(from))
        })
        .on(super::s3_1::two_links().udp(7)),
    ])
}

fn source_routes() -> Section {
    let routed = |w: &World| w.passing().destination(w.dut).options(options().loose_source_route(&[w.far]));
    let with = |w: &World, more: Vec<u8>| {
        w.passing()
            .destination(w.dut)
            .options(options().loose_source_route(&[w.far]).no_operation().raw(more))
    };
    section("rfc1122/3.3.5").on(source_routing()).cases([
        case(
            "source-routed-datagram-loses-a-hop",
            ["rfc1122-3.3.5-2", "rfc1122-3.3.5-5", "rfc1122-3.3.5-1"],
            move |w| {
                send(routed(w).ttl(5))
                    .answer(seen::protocol(17).interface(1).ttl(4).source(w.peer).destination(w.far))
            },
        )
        .alias("idea/B11"),
        case("expired-source-routed-datagram-is-reported", ["rfc1122-3.3.5-2"], move |w| {
            send(routed(w).ttl(1)).answer(seen::time_exceeded(0))
        }),
        case("too-large-source-routed-datagram-is-reported", ["rfc1122-3.3.5-3"], |w| {
            let large = w.transit(to_port(CLOSED_PORT).data(octets(1000))).destination(w.dut);
            send(large.options(options().loose_source_route(&[w.far]).end_of_list()).dont_fragment())
                .answer(seen::unreachable(4).mtu(576))
        })
        .on(source_routing().mtu(1, 576)),
        case("strict-route-to-a-stranger-fails", ["rfc1122-3.3.5-4"], |w| {
            let strict = w.passing().destination(w.dut).options(options().strict_source_route(&[w.far]));
            send(strict).answer(seen::unreachable(5).destination(w.peer))
        }),
        case("record-route-is-filled-on-the-way", ["rfc1122-3.3.5-6"], move |w| {
            let out = w.out.octets();
            send(with(w, options().record_route(1).end_of_list().build())).answer(
                seen::protocol(17).interface(1).that(
                    "ipv4.options",
                    "the outgoing address in the record",
                    move |it| {
                        it.options().get(8..15).is_some_and(|it| it[..3] == [7, 7, 8] && it[3..] == out)
                    },
                ),
            )
        }),
        case("timestamp-is-filled-on-the-way", ["rfc1122-3.3.5-7"], move |w| {
            let own: Vec<_> = w.own.iter().map(|it| it.octets()).collect();
            send(with(w, options().timestamp(1, 1).build())).answer(seen::protocol(17).interface(1).that(
                "ipv4.options",
                "address and stamp",
                move |it| {
                    it.options()
                        .get(8..20)
                        .is_some_and(|it| it[2] == 13 && own.iter().any(|own| it[4..8] == *own))
                },
            ))
        }),
        case("between-links-it-is-off-at-first", ["rfc1122-3.3.5-8"], move |w| {
            send(routed(w)).never(seen::protocol(17).interface(1))
        })
        .on(super::s3_1::two_links().via("0.0.0.0/0", [10, 1, 0, 2], 1)),
        case("refusal-says-source-route-failed", ["rfc1122-3.3.5-10"], move |w| {
            send(routed(w)).answer(seen::unreachable(5).destination(w.peer))
        })
        .on(host())
        .alias("idea/B11"),
        case("refusal-of-an-error-is-silent", ["rfc1122-3.3.5-10"], |w| {
            let quoted = w.closed().source(w.dut).destination(w.peer).build();
            let error = w.ip(unreachable(UnreachableCode::Host).quote(quoted));
            send(error.options(options().loose_source_route(&[w.far]))).silence()
        })
        .on(host()),
        case("out-by-the-same-link-may-pass", ["rfc1122-3.3.5-11"], |w| {
            let back = w.passing().destination(w.dut).options(options().loose_source_route(&[w.other]));
            send(back).may_answer("RFC 1122 §3.3.5", seen::protocol(17).interface(0).destination(w.other))
        }),
    ])
}

fn broadcasts() -> Section {
    section("rfc1122/3.3.6").on(host().udp_any(7)).cases([
        case("limited-form-is-received", ["rfc1122-3.3.6-1"], |w| {
            send(w.udp(7).destination([255, 255, 255, 255])).delivers(0, octets(12))
        })
        .alias("idea/F03"),
        case("subnet-form-is-received", ["rfc1122-3.3.6-1"], |w| {
            send(w.udp(7).destination(w.broadcast)).delivers(0, octets(12))
        })
        .alias("idea/F03"),
        case("zero-form-of-the-subnet-is-received", ["rfc1122-3.3.6-2"], |w| {
            send(w.udp(7).destination(w.network).link_broadcast()).delivers(0, octets(12))
        })
        .on(scenario("host-ethernet").udp_any(7))
        .alias("idea/F03"),
        case("unicast-in-a-link-broadcast-is-dropped", ["rfc1122-3.3.6-6"], |w| {
            send(w.echo().link_broadcast()).silence()
        })
        .on(scenario("host-ethernet"))
        .alias("idea/F05"),
    ])
}

fn multicast() -> Section {
    section("rfc1122/3.3.7").on(host().udp_any(7)).cases([
        case("all-systems-group-is-joined-from-the-start", ["rfc1122-3.3.7-2"], |w| {
            send(w.udp(7).destination([224, 0, 0, 1])).delivers(0, octets(12))
        })
        .alias("idea/F09"),
        case("joined-group-is-received", ["rfc1122-3.3.7-1"], |w| {
            send(w.udp(7).destination([239, 1, 2, 3])).delivers(0, octets(12))
        })
        .on(host().udp_any(7).group(0, [239, 1, 2, 3]))
        .alias("idea/F09"),
        case("membership-may-be-reported", ["rfc1122-3.2.3-1"], |_| {
            advance(seconds(1)).never(
                seen::protocol(2)
                    .that("ipv4.destination", "a unicast address", |it| !it.destination().is_multicast()),
            )
        })
        .on(host().udp_any(7).group(0, [239, 1, 2, 3])),
    ])
}

fn errors() -> Section {
    section("rfc1122/3.3.8").cases([
        case("closed-port-is-reported", ["rfc1122-3.3.8-1"], |w| {
            send(w.closed()).answer(seen::unreachable(3))
        }),
        case("unknown-protocol-is-reported", ["rfc1122-3.3.8-1"], |w| {
            send(w.ip(octets(16))).answer(seen::unreachable(2))
        }),
    ])
}
