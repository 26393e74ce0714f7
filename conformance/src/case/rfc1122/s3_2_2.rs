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
