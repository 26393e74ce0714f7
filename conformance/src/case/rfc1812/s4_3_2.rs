//! RFC 1812 §4.3.2: what all ICMP messages of a router have in common.

use super::s4_2_2::unnumbered;
use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![
        unknown_types(),
        own_ttl(),
        quoted(),
        source(),
        tos_of_errors(),
        tos_of_replies(),
        source_routes(),
        suppressed_by_datagram(),
        suppressed_by_source(),
        limits(),
    ]
}

/// A way to make a router send an error.
type Provoke = fn(&World) -> Packet;

/// One datagram for each kind of error, with what it draws.
fn provocations() -> [(&'static str, Setting, Provoke, u8, u8); 6] {
    [
        ("time-exceeded", router(), |w| w.passing().ttl(1), 11, 0),
        (
            "net-unreachable",
            scenario("router-dead-ends"),
            |w| w.passing().destination([203, 0, 113, 9]),
            3,
            0,
        ),
        ("host-unreachable", scenario("router-dead-ends"), |w| w.passing().destination([10, 2, 1, 9]), 3, 1),
        ("prohibited", scenario("router-dead-ends"), |w| w.passing().destination([10, 2, 2, 9]), 3, 13),
        (
            "fragmentation-needed",
            scenario("router-narrow"),
            |w| w.transit(to_port(CLOSED_PORT).data(octets(1000))).dont_fragment(),
            3,
            4,
        ),
        ("parameter-problem", router(), |w| w.passing().options([7, 7, 3, 0, 0, 0, 0, 0]), 12, 0),
    ]
}

fn unknown_types() -> Section {
    section("rfc1812/4.3.2.1").on(router()).cases([1, 2, 7, 44, 252].map(|number| {
        case(format!("type-{number}-is-silent"), ["rfc1812-4.3.2.1-1"], move |w| {
            send(w.ip(icmp(number, 0).data(octets(32)))).silence()
        })
    }))
}

fn own_ttl() -> Section {
    section("rfc1812/4.3.2.2").on(router()).cases([
        case("ttl-of-errors-does-not-depend-on-the-datagram", ["rfc1812-4.3.2.2-1"], |w| {
            send_all([1, 2, 64, 255].map(|ttl| w.closed().ttl(ttl).identification(ttl.into()))).law(
                "four errors of one TTL",
                Dimension::Frames,
                |seen| {
                    let ttls: Vec<_> = seen.datagrams().map(Datagram::ttl).collect();
                    let same = ttls.len() == 4 && ttls.iter().all(|ttl| *ttl == ttls[0] && *ttl > 1);
                    if same { Ok(()) } else { Err(format!("{ttls:?}")) }
                },
            )
        }),
        case("ttl-of-replies-does-not-depend-on-the-request", ["rfc1812-4.3.2.2-1"], |w| {
            send_all([1, 2, 64, 255].map(|ttl| w.echo().ttl(ttl).identification(ttl.into()))).law(
                "four replies of one TTL",
                Dimension::Frames,
                |seen| {
                    let ttls: Vec<_> = seen.datagrams().map(Datagram::ttl).collect();
                    let same = ttls.len() == 4 && ttls.iter().all(|ttl| *ttl == ttls[0] && *ttl > 1);
                    if same { Ok(()) } else { Err(format!("{ttls:?}")) }
                },
            )
        }),
    ])
}

fn quoted() -> Section {
    section("rfc1812/4.3.2.3")
        .on(router())
        .cases([case("an-error-quotes-up-to-576-octets", ["rfc1812-4.3.2.3-1", "rfc1812-4.3.2.3-2"], |w| {
            let transit = w.transit(to_port(CLOSED_PORT).data(octets(1000))).ttl(1);
            send(transit.clone()).answer(seen::time_exceeded(0).quotes_at_least(&transit, 500).at_most(576))
        })
        .alias("idea/H05")])
        .cases(provocations().map(|(name, setting, provoke, icmp_type, code)| {
            case(format!("{name}-quotes-what-came"), ["rfc1812-4.3.2.3-2"], move |w| {
                let transit = provoke(w);
                send(transit.clone()).answer(seen::icmp(icmp_type, code).quotes_but_ttl(&transit))
            })
            .on(setting)
        }))
}

fn source() -> Section {
    section("rfc1812/4.3.2.4").on(router()).cases([
        case("source-is-an-address-of-the-interface-it-leaves-by", ["rfc1812-4.3.2.4-1"], |w| {
            // The way back to `far2` is link 1, though the datagram came by link 0.
            let astray = w.passing().source(w.far2).destination(w.far).ttl(1);
            send(astray).answer(seen::time_exceeded(0).interface(1).source(w.out).destination(w.far2))
        })
        .alias("idea/E03"),
        case("without-an-address-there-it-is-another-of-the-router", ["rfc1812-4.3.2.4-2"], |w| {
            let from = [198, 51, 100, 77];
            let expiring =
                w.ip(to_port(CLOSED_PORT)).source(from).destination([198, 51, 100, 78]).ttl(1).on(1);
            send(expiring).answer(seen::time_exceeded(0).interface(1).source_among(&w.own))
        })
        .on(unnumbered())
        .alias("idea/E03"),
    ])
}

fn tos_of_errors() -> Section {
    section("rfc1812/4.3.2.5/errors")
        .on(router())
        .cases([0x00, 0x10, 0x08, 0x04, 0x1c].map(|tos| {
            case(format!("tos-{tos:#04x}-is-copied"), ["rfc1812-4.3.2.5-1", "rfc1812-4.3.2.5-2"], move |w| {
                send(w.passing().ttl(1).tos(tos)).answer(seen::time_exceeded(0).that(
                    "ipv4.tos",
                    format!("type of service {tos:#04x}"),
                    move |it| it.tos() & 0x1c == tos,
                ))
            })
        }))
        .cases([0x10, 0x08, 0x1c].map(|tos| {
            case(format!("tos-{tos:#04x}-is-copied-or-zero"), ["rfc1812-4.3.2.5-2"], move |w| {
                send(w.closed().tos(tos)).answer(seen::unreachable(3).that(
                    "ipv4.tos",
                    format!("type of service {tos:#04x} or 0"),
                    move |it| it.tos() & 0x1c == tos || it.tos() & 0x1c == 0,
                ))
            })
        }))
        .cases(provocations().map(|(name, setting, provoke, icmp_type, code)| {
            case(format!("{name}-has-precedence-6-or-7"), ["rfc1812-4.3.2.5-4"], move |w| {
                send(provoke(w).tos(0x20)).answer(seen::icmp(icmp_type, code).that(
                    "ipv4.precedence",
                    "6 or 7",
                    |it| it.tos() >> 5 >= 6,
                ))
            })
            .on(setting)
            .alias("idea/H09")
        }))
}

fn tos_of_replies() -> Section {
    section("rfc1812/4.3.2.5/replies")
        .on(router())
        .cases([case("tos-of-the-request-is-copied", ["rfc1812-4.3.2.5-3"], |w| {
            send(w.echo().tos(0x10)).answer(seen::reply_to(&w.echo()).tos(0x10))
        })])
        .cases((0..8).map(|precedence| {
            case(
                format!("echo-reply-has-precedence-{precedence}-of-the-request"),
                ["rfc1812-4.3.2.5-7"],
                move |w| {
                    let request = w.echo().tos(precedence << 5);
                    send(request.clone()).answer(seen::reply_to(&request).precedence(precedence))
                },
            )
        }))
        .cases([1, 6].map(|precedence| {
            case(
                format!("timestamp-reply-has-precedence-{precedence}-of-the-request"),
                ["rfc1812-4.3.2.5-7"],
                move |w| {
                    send(w.ip(timestamp_request()).tos(precedence << 5))
                        .answer(seen::icmp(14, 0).precedence(precedence))
                        .or_silence("RFC 1812 §4.3.3.8: answering is optional")
                },
            )
        }))
}

fn source_routes() -> Section {
    let kinds = [("loose", OptionKind::LooseSourceRoute), ("strict", OptionKind::StrictSourceRoute)];
    section("rfc1812/4.3.2.6")
        .on(source_routing())
        .cases(kinds.map(|(name, kind)| {
            case(format!("error-goes-back-by-the-{name}-route"), ["rfc1812-4.3.2.6-1"], move |w| {
                // Visited: the other neighbor; the rest of the way expires here.
                let visited = options().route(kind, 8, &[w.other, w.next]);
                let transit = w.transit(to_port(CLOSED_PORT)).destination(w.dut).options(visited).ttl(1);
                let back = options().route(kind, 4, &[w.peer]);
                send(transit).answer(seen::time_exceeded(0).destination(w.other).options(back))
            })
        }))
        .cases([case("parameter-problem-about-the-route-has-none", ["rfc1812-4.3.2.6-2"], |w| {
            let broken = [131, 7, 5, 10, 0, 0, 9, 0];
            send(w.passing().destination(w.dut).options(broken)).answer(seen::icmp(12, 0).that(
                "ipv4.options",
                "no source route",
                |it| !it.options().contains(&131),
            ))
        })])
}

fn suppressed_by_datagram() -> Section {
    let errors: [(&str, u8); 5] = [
        ("unreachable", 3),
        ("source-quench", 4),
        ("redirect", 5),
        ("time-exceeded", 11),
        ("parameter-problem", 12),
    ];
    let quote = |w: &World| w.inbound(to_port(CLOSED_PORT)).build();
    section("rfc1812/4.3.2.7/datagram")
        .on(router())
        .cases(errors.map(|(name, number)| {
            case(format!("expired-{name}-draws-no-error"), ["rfc1812-4.3.2.7-1"], move |w| {
                send(w.transit(icmp(number, 0).quote(quote(w))).ttl(1)).silence()
            })
            .alias("idea/H07")
        }))
        .cases(errors.map(|(name, number)| {
            case(format!("unroutable-{name}-draws-no-error"), ["rfc1812-4.3.2.7-1"], move |w| {
                let lost = w.transit(icmp(number, 0).quote(quote(w))).destination([203, 0, 113, 9]);
                send(lost).silence()
            })
            .on(scenario("router-dead-ends"))
        }))
        .cases([
            case("expired-query-draws-an-error", ["rfc1812-4.3.2.7-1", "rfc1812-4.3.1-1"], |w| {
                send(w.transit(request()).ttl(1)).answer(seen::time_exceeded(0))
            }),
            case(
                "wrong-checksum-draws-no-error",
                ["rfc1812-4.3.2.7-2", "rfc1812-4.3.2.7-7", "rfc1812-5.2.1-1"],
                |w| send(w.passing().ttl(1).wrong_header_checksum()).silence(),
            ),
            case("wrong-version-draws-no-error", ["rfc1812-4.3.2.7-2", "rfc1812-4.3.2.7-7"], |w| {
                send(w.passing().ttl(1).version(5)).silence()
            }),
            case(
                "expired-multicast-draws-no-error",
                ["rfc1812-4.3.2.7-3", "rfc1812-5.3.1-4", "rfc1812-5.2.1.3-1"],
                |w| send(w.passing().destination([239, 1, 1, 1]).ttl(1)).silence(),
            ),
            case("expired-directed-broadcast-draws-no-error", ["rfc1812-4.3.2.7-3"], |w| {
                send(w.passing().destination(w.links[1].prefix.broadcast()).ttl(1)).silence()
            })
            .on(router()
                .sysctl("net.ipv4.conf.all.bc_forwarding", 1)
                .conf(0, "bc_forwarding", 1)
                .conf(1, "bc_forwarding", 1)),
            case("expired-later-fragment-draws-no-error", ["rfc1812-4.3.2.7-6"], |w| {
                let parts = w.transit(to_port(CLOSED_PORT).data(octets(40))).ttl(1).fragments(&[16, 32]);
                let first = parts[0].clone();
                send_all(parts).law("one error, about the first fragment", Dimension::Frames, move |seen| {
                    let errors: Vec<_> = seen.datagrams().collect();
                    match &errors[..] {
                        [one] if seen::time_exceeded(0).quotes(&first).mismatches(one).is_empty() => Ok(()),
                        more => Err(format!("{} datagrams", more.len())),
                    }
                })
            }),
            case("link-broadcast-draws-no-error", ["rfc1812-4.3.2.7-4"], |w| {
                send(w.passing().ttl(1).link_broadcast()).silence()
            })
            .on(scenario("router-ethernet")),
            case("link-multicast-draws-no-error", ["rfc1812-4.3.2.7-4"], |w| {
                send(w.passing().ttl(1).link(LinkDestination::Other([1, 0, 0x5e, 0, 0, 1]))).silence()
            })
            .on(scenario("router-ethernet")),
        ])
}

fn suppressed_by_source() -> Section {
    let sources: [(&str, [u8; 4]); 5] = [
        ("network-zero", [0, 0, 0, 1]),
        ("loopback", [127, 0, 0, 1]),
        ("multicast", [224, 0, 0, 1]),
        ("limited-broadcast", [255, 255, 255, 255]),
        ("class-e", [240, 0, 0, 1]),
    ];
    section("rfc1812/4.3.2.7/source").on(router()).cases(sources.map(|(name, source)| {
        case(format!("{name}-is-told-nothing"), ["rfc1812-4.3.2.7-5"], move |w| {
            send(w.passing().source(source).ttl(1)).silence()
        })
        .alias("idea/H07")
    }))
}

fn limits() -> Section {
    section("rfc1812/4.3.2.8").on(scenario("router-default-limits")).cases([
        case("a-burst-of-errors-is-limited", ["rfc1812-4.3.2.8-2"], |w| {
            let burst = (0..40).map(|at| w.passing().ttl(1).identification(at));
            send_all(burst)
                .law("fewer than 40 errors about 40 datagrams", Dimension::Frames, |seen| {
                    let errors =
                        seen.datagrams().filter(|it| it.icmp_type_and_code() == Some((11, 0))).count();
                    if (1..40).contains(&errors) { Ok(()) } else { Err(format!("{errors} errors")) }
                })
                .advance(seconds(2))
                .send(w.passing().ttl(1))
                .answer(seen::time_exceeded(0))
        })
        .alias("idea/J01"),
        case("limit-can-be-lifted", ["rfc1812-4.3.2.8-3"], |w| {
            send_all((0..40).map(|at| w.passing().ttl(1).identification(at))).law(
                "an error about each of 40 datagrams",
                Dimension::Frames,
                |seen| match seen.datagrams().count() {
                    40 => Ok(()),
                    other => Err(format!("{other} errors")),
                },
            )
        })
        .on(router())
        .alias("idea/J02"),
        case(
            "overload-brings-no-source-quench",
            [
                "rfc1812-4.3.2.8-1",
                "rfc1812-4.3.2.5-5",
                "rfc1812-4.3.3.3-1",
                "rfc1812-4.3.3.3-2",
                "rfc1812-5.3.6-4",
            ],
            |w| {
                send_all((0..200).map(|at| w.passing().identification(at))).law(
                    "no Source Quench",
                    Dimension::Frames,
                    |seen| match seen
                        .datagrams()
                        .filter(|it| it.icmp_type_and_code().is_some_and(|it| it.0 == 4))
                        .count()
                    {
                        0 => Ok(()),
                        some => Err(format!("{some} of them")),
                    },
                )
            },
        ),
    ])
}
