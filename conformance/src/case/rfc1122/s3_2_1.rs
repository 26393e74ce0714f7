//! RFC 1122 §3.2.1: the Internet Protocol on hosts.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![
        version(),
        checksum(),
        checksum_bits(),
        addressing(),
        sources(),
        sent(),
        reassembly(),
        ttl(),
        options_on_hosts(),
        source_routes(),
    ]
}

fn version() -> Section {
    section("rfc1122/3.2.1.1").cases((0..16).filter(|it| *it != 4).map(|version| {
        case(format!("version-{version}-is-dropped"), ["rfc1122-3.2.1.1-1"], move |w| {
            send(w.echo().version(version)).silence()
        })
        .aliases(["idea/A03", "tc8/IPv4_VERSION_04"])
    }))
}

fn checksum() -> Section {
    section("rfc1122/3.2.1.2").cases([
        case("wrong-checksum-draws-no-error", ["rfc1122-3.2.1.2-1", "rfc1122-3.2.1.2-2"], |w| {
            send(w.closed().wrong_header_checksum()).silence()
        })
        .alias("idea/A11"),
        case("wrong-checksum-is-counted", ["rfc1122-3.2.1.2-2"], |w| {
            send(w.echo().wrong_header_checksum())
                .silence()
                .counts("Ip.InReceives", 1)
                .counts("Ip.InHdrErrors", 1)
                .counts("Ip.InDelivers", 0)
        })
        .aliases(["idea/A26", "idea/N03"]),
        case("wrong-checksum-is-the-reason", ["rfc1122-3.2.1.2-1"], |w| {
            send(w.echo().wrong_header_checksum()).drops(["IP_CSUM"])
        })
        .alias("idea/N04"),
    ])
}

fn addressing() -> Section {
    section("rfc1122/3.2.1.3").cases([
        case("somebody-elses-datagram-is-dropped", ["rfc1122-3.2.1.3-10"], |w| {
            send(w.echo().destination(w.other)).silence()
        })
        .aliases(["idea/F01", "tc8/IPv4_HEADER_04"]),
        case("every-own-address-answers", ["rfc1122-3.2.1.3-11", "rfc0791-2.3-1"], |w| {
            w.own.iter().fold(Script::default(), |script, own| {
                let request = w.echo().destination(*own);
                script.send(request.clone()).answer(seen::reply_to(&request))
            })
        })
        .on(host().address(0, "10.0.0.9/24").address(0, "192.0.2.1/24")),
        case("broadcast-is-delivered", ["rfc1122-3.2.1.3-12"], |w| {
            send(w.udp(7).destination(w.broadcast)).delivers(0, octets(12))
        })
        .on(host().udp_any(7))
        .aliases(["idea/F02", "tc8/IPv4_ADDRESSING_01"]),
        case("loopback-source-from-the-link-is-dropped", ["rfc1122-3.2.1.3-7"], |w| {
            send(w.echo().source([127, 0, 0, 1])).silence()
        })
        .alias("idea/F03"),
        case("multicast-source-is-dropped", ["rfc1122-3.2.1.3-15"], |w| {
            send(w.echo().source([224, 0, 0, 1])).silence()
        }),
        case("limited-broadcast-source-is-dropped", ["rfc1122-3.2.1.3-16"], |w| {
            send(w.echo().source([255, 255, 255, 255])).silence()
        }),
        case("directed-broadcast-source-is-dropped", ["rfc1122-3.2.1.3-16"], |w| {
            send(w.echo().source(w.broadcast)).silence()
        }),
    ])
}

fn ttl() -> Section {
    section("rfc1122/3.2.1.7").cases([0, 1].map(|ttl| {
        case(format!("ttl-{ttl}-is-received"), ["rfc1122-3.2.1.7-2"], move |w| {
            send(w.echo().ttl(ttl)).answer(seen::reply_to(&w.echo()).ttl_within(1..=255))
        })
        .aliases(["idea/A16", "tc8/IPv4_TTL_05"])
    }))
}

fn checksum_bits() -> Section {
    section("rfc1122/3.2.1.2/bit").cases((0..16).map(|bit| {
        case(format!("bit-{bit}-flipped-is-dropped"), ["rfc1122-3.2.1.2-1"], move |w| {
            let right = w.echo().build();
            let sum = u16::from_be_bytes([right[10], right[11]]);
            send(w.echo().header_checksum(sum ^ 1 << bit)).silence()
        })
        .alias("idea/A11")
    }))
}

fn sources() -> Section {
    let invalid: [(&str, [u8; 4], &str); 5] = [
        ("network-zero", [0, 1, 2, 3], "rfc1122-3.2.1.3-18"),
        ("unspecified", [0, 0, 0, 0], "rfc1122-3.2.1.3-18"),
        ("class-e", [240, 0, 0, 1], "rfc1122-3.2.1.3-17"),
        ("loopback", [127, 0, 0, 1], "rfc1122-3.2.1.3-7"),
        ("multicast", [224, 0, 0, 5], "rfc1122-3.2.1.3-15"),
    ];
    section("rfc1122/3.2.1.3/source")
        .cases(invalid.map(|(name, source, requirement)| {
            case(format!("echo-request-from-{name}-is-dropped"), [requirement], move |w| {
                send(w.echo().source(source)).silence()
            })
            .alias("idea/F01")
        }))
        .cases(invalid.map(|(name, source, requirement)| {
            let error = if name == "class-e" { "rfc1122-3.2.2-13" } else { "rfc1122-3.2.2-12" };
            case(format!("closed-port-is-not-told-to-{name}"), [requirement, error], move |w| {
                send(w.closed().source(source)).silence()
            })
            .aliases(["idea/F01", "idea/H07"])
        }))
        .cases([
            case("loopback-destination-from-the-link-is-dropped", ["rfc1122-3.2.1.3-7"], |w| {
                send(w.echo().destination([127, 0, 0, 1])).silence()
            })
            .alias("idea/F02"),
            case("subnet-broadcast-is-not-told-of-a-closed-port", ["rfc1122-3.2.2-12"], |w| {
                send(w.closed().source(w.broadcast)).silence()
            }),
        ])
}

fn sent() -> Section {
    let loud = || host().sysctl("net.ipv4.icmp_echo_ignore_broadcasts", 0);
    section("rfc1122/3.2.1.3/sent").on(loud()).cases([
        case("answers-come-from-an-own-unicast-address", ["rfc1122-3.2.1.3-9", "rfc1122-3.2.1.3-1"], |w| {
            send(w.closed()).answer(seen::unreachable(3).source_among(&w.own))
        }),
        case("answer-to-the-limited-broadcast-has-a-unicast-source", ["rfc1122-3.2.1.3-3"], |w| {
            send(w.echo().destination([255, 255, 255, 255]))
                .may_answer("RFC 1122 §3.2.2.6", seen::echo_reply().source_among(&w.own))
        })
        .alias("idea/F04"),
        case("answer-to-a-group-has-a-unicast-source", ["rfc1122-3.2.1.3-3"], |w| {
            send(w.echo().destination([224, 0, 0, 1]))
                .may_answer("RFC 1122 §3.2.2.6", seen::echo_reply().source_among(&w.own))
        })
        .alias("idea/F04"),
        case(
            "answer-to-the-subnet-broadcast-has-a-unicast-source",
            ["rfc1122-3.2.1.3-4", "rfc1122-3.2.1.3-5"],
            |w| {
                send(w.echo().destination(w.broadcast))
                    .may_answer("RFC 1122 §3.2.2.6", seen::echo_reply().source_among(&w.own))
            },
        )
        .alias("idea/F04"),
        case(
            "timestamp-answer-to-the-subnet-broadcast-has-a-unicast-source",
            ["rfc1122-3.2.1.3-5", "rfc1122-3.2.2.8-3"],
            |w| {
                send(w.ip(timestamp_request()).destination(w.broadcast))
                    .may_answer("RFC 1122 §3.2.2.8", seen::icmp(14, 0).source_among(&w.own))
            },
        ),
        case("nothing-is-sent-to-network-zero", ["rfc1122-3.2.1.3-2", "rfc1122-3.2.1.3-1"], |_| {
            socket_send(0, ([0, 0, 0, 5].into(), 9), b"zero").silence()
        })
        .on(host().udp(7)),
        case("loopback-stays-inside", ["rfc1122-3.2.1.3-6"], |_| {
            socket_send(0, ([127, 1, 2, 3].into(), 9), b"loop").silence()
        })
        .on(host().udp_any(7)),
        case("plain-datagrams-have-tos-zero", ["rfc1122-3.2.1.6-2"], |w| {
            socket_send(0, (w.peer, 9), b"plain").answer(seen::udp(7, 9).tos(0))
        })
        .on(host().udp(7)),
        case("ttl-of-what-is-sent-is-not-zero", ["rfc1122-3.2.1.7-1"], |w| {
            socket_send(0, (w.peer, 9), b"plain").answer(seen::udp(7, 9).ttl_within(1..=255))
        })
        .on(host().udp(7))
        .alias("idea/A15"),
        case("identification-of-equal-datagrams-may-be-any", ["rfc1122-3.2.1.5-1"], |w| {
            socket_send(0, (w.peer, 9), b"same")
                .answer(seen::udp(7, 9).udp_data(b"same"))
                .socket_send(0, (w.peer, 9), b"same")
                .answer(seen::udp(7, 9).udp_data(b"same"))
        })
        .on(host().udp(7)),
        case("group-of-another-link-is-not-received", ["rfc1122-3.2.1.3-13"], |w| {
            send(w.udp(7).destination([224, 0, 1, 98])).delivers_nothing()
        })
        .on(host().udp_any(7).group(0, [224, 0, 1, 99])),
        case("joined-group-is-received", ["rfc1122-3.2.1.3-13"], |w| {
            send(w.udp(7).destination([224, 0, 1, 99])).delivers(0, octets(12))
        })
        .on(host().udp_any(7).group(0, [224, 0, 1, 99])),
    ])
}

fn reassembly() -> Section {
    section("rfc1122/3.2.1.4").cases([case("two-fragments-make-a-datagram", ["rfc1122-3.2.1.4-1"], |w| {
        Script::default().send_quietly(w.echo().fragments(&[16])).answer(seen::reply_to(&w.echo()))
    })])
}

fn options_on_hosts() -> Section {
    let bogus: [(&str, [u8; 4]); 4] = [
        ("length-0", [7, 0, 4, 0]),
        ("length-1", [7, 1, 4, 0]),
        ("length-beyond-the-header", [7, 12, 4, 0]),
        ("length-255", [0x5e, 255, 0, 0]),
    ];
    section("rfc1122/3.2.1.8")
        .cases([0x5e, 0x9e, 0xde].map(|kind| {
            case(format!("unknown-option-{kind:#04x}-is-ignored"), ["rfc1122-3.2.1.8-3"], move |w| {
                let request = w.echo().options([kind, 4, 0, 0]);
                send(request.clone()).answer(seen::reply_to(&request))
            })
            .alias("idea/B02")
        }))
        .cases(bogus.map(|(name, option)| {
            case(format!("bogus-{name}-does-no-harm"), ["rfc1122-3.2.1.8-4"], move |w| {
                send(w.echo().options(option))
                    .may_answer("RFC 1122 §3.2.2.5", seen::icmp(12, 0))
                    .send(w.echo())
                    .answer(seen::reply_to(&w.echo()))
            })
            .alias("idea/B03")
        }))
        .cases([
            case("stream-identifier-is-not-sent", ["rfc1122-3.2.1.8.b-1"], |w| {
                send(w.echo()).answer(seen::reply_to(&w.echo()).header_len(20))
            }),
            case("stream-identifier-is-ignored", ["rfc1122-3.2.1.8.b-2"], |w| {
                let request = w.echo().options([136, 4, 0, 7]);
                send(request.clone()).answer(seen::reply_to(&request))
            }),
            case("record-route-is-optional", ["rfc1122-3.2.1.8.d-1"], |w| {
                let request = w.echo().options(options().record_route(3));
                send(request.clone()).answer(seen::reply_to(&request))
            }),
            case("timestamp-is-optional", ["rfc1122-3.2.1.8.e-1"], |w| {
                let request = w.echo().options(options().timestamp(0, 3));
                send(request.clone()).answer(seen::reply_to(&request))
            }),
            case("destination-adds-its-stamp", ["rfc1122-3.2.1.8.e-3"], |w| {
                let dut = w.dut.octets();
                let request = w.echo().options(options().timestamp(1, 2));
                send(request.clone()).answer(seen::reply_to(&request).that(
                    "ipv4.options",
                    "address and stamp",
                    move |it| it.options().get(4..8) == Some(&dut[..]) && it.options()[2] >= 13,
                ))
            })
            .alias("idea/B05"),
            case("stamp-is-the-time-of-day", ["rfc1122-3.2.1.8.e-4"], |w| {
                let request = w.echo().options(options().timestamp(0, 1));
                send(request.clone()).answer(seen::reply_to(&request).that(
                    "ipv4.options",
                    "the time of day",
                    |it| it.is_time_of_day(it.options().get(4..8)),
                ))
            }),
        ])
}

fn source_routes() -> Section {
    let honoring =
        || host().sysctl("net.ipv4.conf.all.accept_source_route", 1).conf(0, "accept_source_route", 1);
    let completed = |w: &World| options().route(OptionKind::LooseSourceRoute, 8, &[w.other]);
    section("rfc1122/3.2.1.8.c").on(honoring()).cases([
        case("final-destination-accepts", ["rfc1122-3.2.1.8.c-2"], move |w| {
            send(w.echo().options(completed(w))).answer(seen::echo_reply().source(w.dut))
        }),
        case("sender-that-listed-itself-stands-once", ["rfc1122-3.2.1.8.c-4"], |w| {
            let listed = options().route(OptionKind::LooseSourceRoute, 12, &[w.peer, w.other]);
            send(w.echo().options(listed)).answer(
                seen::echo_reply().destination(w.other).options(options().loose_source_route(&[w.peer])),
            )
        }),
        case("no-header-has-two", ["rfc1122-3.2.1.8.c-5"], |w| {
            let both = options().route(OptionKind::LooseSourceRoute, 8, &[w.other]).route(
                OptionKind::StrictSourceRoute,
                8,
                &[w.other],
            );
            send(w.echo().options(both)).never(seen::datagram().that("ipv4.options", "two routes", |it| {
                it.options().contains(&131) && it.options().contains(&137)
            }))
        }),
    ])
}
