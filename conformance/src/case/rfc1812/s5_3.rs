//! RFC 1812 §5.3: what else a router does with a datagram that it forwards.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![
        ttl(),
        type_of_service(),
        precedence(),
        bursts(),
        link_broadcast(),
        directed_broadcast(),
        martians(),
        reverse_path(),
        filters(),
        switches(),
        dead_interfaces(),
        source_routes(),
        timestamps(),
    ]
}

fn ttl() -> Section {
    section("rfc1812/5.3.1")
        .on(router())
        .cases([2, 3, 64, 255].map(|ttl| {
            case(format!("ttl-{ttl}-is-lowered"), ["rfc1812-5.3.1-1", "rfc1812-5.3.1-2"], move |w| {
                send(w.passing().ttl(ttl)).answer(seen::forwarded(&w.passing()).ttl(ttl - 1).interface(1))
            })
            .alias("idea/E01")
        }))
        .cases([
            case("ttl-2-passes", ["rfc1812-5.3.1-5"], |w| {
                send(w.passing().ttl(2)).answer(seen::forwarded(&w.passing().ttl(2)).interface(1))
            })
            .alias("idea/E01"),
            case("back-to-where-it-came-from-is-forwarded-as-well", ["rfc1812-5.3.1-1"], |w| {
                let inbound = w.inbound(to_port(CLOSED_PORT));
                send(inbound.clone()).answer(seen::forwarded(&inbound).interface(0))
            }),
            case("wrong-transport-checksum-is-none-of-its-business", [], |w| {
                let transit = w.transit(to_port(CLOSED_PORT).checksum(0xdead));
                send(transit.clone()).answer(seen::forwarded(&transit).interface(1))
            })
            .alias("idea/E12"),
            case("multicast-may-be-dropped-early", ["rfc1812-5.3.1-6"], |w| {
                let group = w.passing().destination([239, 1, 1, 1]).ttl(9);
                send(group.clone()).may_answer("RFC 1812 §5.3.1", seen::forwarded(&group).interface(1))
            }),
        ])
        .cases([0, 1].map(|ttl| {
            case(format!("ttl-{ttl}-is-reported"), ["rfc1812-5.3.1-3", "rfc1812-5.3.1-4"], move |w| {
                let transit = w.passing().ttl(ttl);
                send(transit.clone())
                    .answer(seen::time_exceeded(0).source(w.dut).destination(w.peer).quotes_but_ttl(&transit))
            })
            .alias("idea/E01")
        }))
}

fn type_of_service() -> Section {
    section("rfc1812/5.3.2").on(router()).cases([0x00, 0x02, 0x04, 0x08, 0x10].map(|tos| {
        case(format!("plain-route-serves-tos-{tos:#04x}"), ["rfc1812-5.3.2-2", "rfc1812-5.3.2-4"], move |w| {
            let transit = w.passing().tos(tos);
            send(transit.clone()).answer(seen::forwarded(&transit).interface(1))
        })
    }))
}

fn precedence() -> Section {
    section("rfc1812/5.3.3.3")
        .on(router())
        .cases((0..8).map(|precedence| {
            case(
                format!("precedence-{precedence}-passes-unchanged"),
                ["rfc1812-5.3.3.3-1", "rfc1812-5.3.3.3-6", "rfc1812-5.3.3.3-7"],
                move |w| {
                    let transit = w.passing().tos(precedence << 5);
                    send(transit.clone()).answer(seen::forwarded(&transit).interface(1))
                },
            )
        }))
        .cases([0x04, 0x1c, 0x48, 0xb8, 0xfc].map(|tos| {
            case(format!("tos-{tos:#04x}-passes-unchanged"), ["rfc1812-5.3.3.3-7"], move |w| {
                let transit = w.passing().tos(tos);
                send(transit.clone()).answer(seen::forwarded(&transit).interface(1))
            })
        }))
        .cases([3, 5, 11, 12].map(|number| {
            case(
                format!("error-of-type-{number}-and-precedence-6-passes"),
                ["rfc1812-5.3.3.3-2", "rfc1812-5.3.3.3-11"],
                move |w| {
                    let quoted = w.inbound(to_port(CLOSED_PORT)).build();
                    let transit = w.transit(icmp(number, 1).quote(quoted)).tos(0xc0);
                    send(transit.clone()).answer(seen::forwarded(&transit).interface(1))
                },
            )
        }))
}

/// A burst in which precedence 0 and 7 take turns. An idle stack passes all of it; one that drops has rules to obey.
fn burst(w: &World) -> Vec<Packet> {
    (0..200u16).map(|at| w.passing().identification(at).tos(if at % 2 == 0 { 0 } else { 0xe0 })).collect()
}

/// Identifications of what came through with a type of service, in the order in which it came.
fn passed(seen: &History, tos: u8) -> Vec<u16> {
    let through = seen.datagrams().filter(|it| it.interface == 1 && it.tos() == tos);
    through.map(Datagram::identification).collect()
}

fn bursts() -> Section {
    section("rfc1812/5.3.6").on(router()).cases([
        case("what-passes-a-burst-is-in-order", ["rfc1812-5.3.6-1", "rfc1812-5.3.6-6"], |w| {
            send_all(burst(w)).law("order within each precedence", Dimension::Frames, |seen| {
                let (low, high) = (passed(seen, 0), passed(seen, 0xe0));
                let right = low.is_sorted() && high.is_sorted() && !high.is_empty();
                if right { Ok(()) } else { Err("out of order, or nothing".to_owned()) }
            })
        }),
        case(
            "higher-precedence-loses-no-more-than-lower",
            [
                "rfc1812-5.3.6-2",
                "rfc1812-5.3.3.1-1",
                "rfc2474-4.2.2.2-1",
                "rfc2474-4.2.2.2-2",
                "rfc2474-4.2.2.2-3",
            ],
            |w| {
                send_all(burst(w)).law("as much of precedence 7 as of 0", Dimension::Frames, |seen| {
                    let (low, high) = (passed(seen, 0).len(), passed(seen, 0xe0).len());
                    if high >= low && high > 0 { Ok(()) } else { Err(format!("{high} of 7, {low} of 0")) }
                })
            },
        ),
        case("filtered-precedence-can-be-told-code-14", ["rfc1812-5.3.3.3-3"], |w| {
            send(w.passing().tos(5 << 5))
                .answer(seen::unreachable(14).destination(w.peer))
                .probe(Probe::EchoOnly)
        })
        .on(router()
            .rule(Rule { protocol: Some(17), ..rule(Hook::Forward, RuleAction::Reject { code: 14 }) })),
        case("cut-off-precedence-can-be-told-code-15", ["rfc1812-5.3.3.3-5"], |w| {
            send(w.passing().tos(1 << 5))
                .answer(seen::unreachable(15).destination(w.peer))
                .probe(Probe::EchoOnly)
        })
        .on(router()
            .rule(Rule { protocol: Some(17), ..rule(Hook::Forward, RuleAction::Reject { code: 15 }) })),
    ])
}

fn link_broadcast() -> Section {
    let group = LinkDestination::Other([1, 0, 0x5e, 0, 0, 1]);
    section("rfc1812/5.3.4").on(scenario("router-ethernet")).cases([
        case("a-link-broadcast-is-not-forwarded", ["rfc1812-5.3.4-1"], |w| {
            send(w.passing().link_broadcast()).silence()
        })
        .aliases(["idea/E09", "idea/F06", "bug/lwip-forward-ll-bcast"]),
        case("a-link-multicast-is-not-forwarded", ["rfc1812-5.3.4-2"], move |w| {
            send(w.passing().link(group)).silence()
        })
        .alias("idea/E09"),
        case("unicast-in-a-link-broadcast-is-not-received", ["rfc1812-5.3.4-3"], |w| {
            send(w.echo().link_broadcast()).silence()
        })
        .alias("idea/F05"),
        case("a-frame-for-somebody-else-is-not-forwarded", [], |w| {
            send(w.passing().link(LinkDestination::Other([2, 0, 0, 0, 0, 0x77]))).silence()
        })
        .alias("idea/E09"),
        case("link-broadcasts-carry-ip-broadcasts", ["rfc1812-5.3.4-4"], |_| {
            let everybody = [255, 255, 255, 255].into();
            socket_send(0, (everybody, 9), b"all").law(
                "no unicast datagram in a link broadcast",
                Dimension::Frames,
                |seen| {
                    let wrong = seen.datagrams().find(|it| {
                        it.link_destination == Some([0xff; 6])
                            && !it.destination().is_broadcast()
                            && !it.destination().is_multicast()
                    });
                    wrong.map_or(Ok(()), |it| Err(format!("to {}", it.destination())))
                },
            )
        })
        .on(scenario("router-ethernet").udp_any(9).option("broadcast", 1)),
    ])
}

fn directed_broadcast() -> Section {
    let forwarding = || {
        router().sysctl("net.ipv4.conf.all.bc_forwarding", 1).conf(0, "bc_forwarding", 1).conf(
            1,
            "bc_forwarding",
            1,
        )
    };
    let to_the_far_link = |w: &World| w.passing().destination(w.links[1].prefix.broadcast());
    section("rfc1812/5.3.5").on(router()).cases([
        case("limited-broadcast-is-not-forwarded", ["rfc1812-5.3.5.1-1"], |w| {
            send(w.passing().destination([255, 255, 255, 255])).never(seen::datagram().interface(1))
        }),
        case("broadcast-of-a-remote-network-is-forwarded-as-any-other", ["rfc1812-5.3.5.2-1"], |w| {
            let remote = w.passing().destination([198, 51, 100, 255]);
            send(remote.clone()).answer(seen::forwarded(&remote).interface(1))
        }),
        case("directed-broadcast-is-forwarded-by-default", ["rfc1812-5.3.5.2-2"], move |w| {
            send(to_the_far_link(w))
                .answer(seen::forwarded(&to_the_far_link(w)).interface(1))
                .or_silence("RFC 2644 §2: by default it is not")
        }),
        case("directed-broadcast-can-be-switched-on", ["rfc1812-5.3.5.2-3"], move |w| {
            send(to_the_far_link(w)).some(seen::forwarded(&to_the_far_link(w)).interface(1))
        })
        .on(forwarding())
        .alias("idea/E08"),
        case("directed-broadcast-can-be-switched-off", ["rfc1812-5.3.5.2-3"], move |w| {
            send(to_the_far_link(w)).never(seen::datagram().interface(1))
        })
        .on(router().conf(0, "bc_forwarding", 0).conf(1, "bc_forwarding", 0))
        .alias("idea/E08"),
        case("router-may-send-to-a-remote-broadcast", ["rfc1812-5.3.5.2-5"], |_| {
            let remote = [198, 51, 100, 255].into();
            socket_send(0, (remote, 9), b"all").answer(seen::udp(9, 9).interface(1).destination(remote))
        })
        .on(router().udp_any(9).option("broadcast", 1)),
    ])
}

fn martians() -> Section {
    section("rfc1812/5.3.7").on(router()).cases([
        case("destination-class-e-is-not-forwarded", ["rfc1812-5.3.7-4"], |w| {
            send(w.passing().destination([240, 0, 0, 1])).never(seen::datagram().interface(1))
        }),
        case("destination-255-255-255-254-is-not-forwarded", ["rfc1812-5.3.7-4"], |w| {
            send(w.passing().destination([255, 255, 255, 254])).never(seen::datagram().interface(1))
        }),
        case("destination-unspecified-is-not-forwarded", ["rfc1812-5.3.7-5"], |w| {
            send(w.passing().destination([0, 0, 0, 0])).never(seen::datagram().interface(1))
        }),
        case("destination-on-network-zero-is-not-forwarded", ["rfc1812-5.3.7-5"], |w| {
            send(w.passing().destination([0, 1, 2, 3])).never(seen::datagram().interface(1))
        }),
        case("source-at-the-end-of-network-127-is-not-forwarded", ["rfc1812-5.3.7-3"], |w| {
            send(w.passing().source([127, 255, 255, 254])).silence()
        }),
        case("source-on-network-zero-is-not-forwarded", ["rfc1812-5.3.7-2"], |w| {
            send(w.passing().source([0, 1, 2, 3])).silence()
        }),
        case("source-that-is-the-far-broadcast-is-not-forwarded", ["rfc1812-5.3.7-1"], |w| {
            send(w.passing().source(w.links[1].prefix.broadcast())).silence()
        }),
    ])
}

fn reverse_path() -> Section {
    let astray = |w: &World| w.passing().source(w.far2);
    section("rfc1812/5.3.8").on(scenario("router-reverse-path")).cases([
        case(
            "source-of-another-link-is-dropped-silently",
            ["rfc1812-5.3.8-1", "rfc1812-5.3.8-2"],
            move |w| send(astray(w)).silence(),
        )
        .alias("idea/E10"),
        case("source-of-this-link-passes", ["rfc1812-5.3.8-1"], |w| {
            send(w.passing()).answer(seen::forwarded(&w.passing()).interface(1))
        }),
        case("off-by-default", ["rfc1812-5.3.8-3"], move |w| {
            send(astray(w)).some(seen::forwarded(&astray(w)))
        })
        .on(router()),
    ])
}

fn filters() -> Section {
    let drop_to_53 = || rule_for(17, 53, RuleAction::Drop);
    let to = |port: u16| move |w: &World| w.transit(to_port(port));
    let only_far = || Rule {
        from: Some("10.0.0.0/24".parse().expect("a prefix")),
        to: Some("198.51.100.1/32".parse().expect("a prefix")),
        ..rule(Hook::Forward, RuleAction::Drop)
    };
    let everything = || Rule {
        from: Some("0.0.0.0/0".parse().expect("a prefix")),
        to: Some("0.0.0.0/0".parse().expect("a prefix")),
        ..rule(Hook::Forward, RuleAction::Drop)
    };
    let prohibited = || router().rule(rule_for(17, 53, RuleAction::Reject { code: 13 }));
    section("rfc1812/5.3.9").on(router().rule(drop_to_53())).cases([
        case(
            "filtered-port-is-dropped-without-a-word",
            ["rfc1812-5.3.9-2", "rfc1812-5.3.9-6", "rfc1812-5.3.9-11", "rfc1812-5.2.7.1-7"],
            move |w| send(to(53)(w)).silence(),
        ),
        case("next-port-passes", ["rfc1812-5.3.9-2", "rfc1812-5.3.9-11"], move |w| {
            send(to(54)(w)).answer(seen::forwarded(&to(54)(w)).interface(1))
        }),
        case("same-port-of-another-protocol-passes", ["rfc1812-5.3.9-2", "rfc1812-5.3.9-11"], |w| {
            let segment = w.transit(tcp().source_port(PEER_PORT).destination_port(53));
            send(segment.clone()).answer(seen::forwarded(&segment).interface(1))
        }),
        case("filtered-pair-is-dropped", ["rfc1812-5.3.9-1"], |w| {
            send(w.passing()).silence().probe(Probe::EchoOnly)
        })
        .on(router().rule(only_far())),
        case("another-destination-passes", ["rfc1812-5.3.9-1"], |w| {
            let other = w.passing().destination(w.far2);
            send(other.clone()).answer(seen::forwarded(&other).interface(1)).probe(Probe::EchoOnly)
        })
        .on(router().rule(only_far())),
        case("any-address-is-a-prefix", ["rfc1812-5.3.9-5", "rfc1812-5.3.9-3"], |w| {
            send(w.passing()).silence().probe(Probe::EchoOnly)
        })
        .on(router().rule(everything())),
        case(
            "filtered-datagram-can-be-answered-with-code-13",
            ["rfc1812-5.3.9-7", "rfc1812-5.3.9-8", "rfc1812-5.3.9-12"],
            move |w| {
                send(to(53)(w)).answer(seen::unreachable(13).destination(w.peer).quotes_but_ttl(&to(53)(w)))
            },
        )
        .on(prohibited()),
        case("include-list-passes-what-it-names", ["rfc1812-5.3.9-4", "rfc1812-5.3.9-10"], move |w| {
            send(to(53)(w)).answer(seen::forwarded(&to(53)(w)).interface(1)).probe(Probe::EchoOnly)
        })
        .on(router().rule(rule_for(17, 53, RuleAction::Accept)).rule(everything())),
        case("include-list-drops-the-rest", ["rfc1812-5.3.9-4", "rfc1812-5.3.9-10"], move |w| {
            send(to(54)(w)).silence().probe(Probe::EchoOnly)
        })
        .on(router().rule(rule_for(17, 53, RuleAction::Accept)).rule(everything())),
    ])
}

/// A rule for forwarded datagrams of a protocol to a port.
fn rule_for(protocol: u8, port: u16, action: RuleAction) -> Rule {
    Rule { protocol: Some(protocol), destination_port: Some(port), ..rule(Hook::Forward, action) }
}

fn switches() -> Section {
    section("rfc1812/5.3.11").on(router()).cases([
        case(
            "forwarding-off-on-one-link-stops-what-comes-there",
            ["rfc1812-5.3.11-1", "rfc1812-5.3.11-2"],
            |w| send(w.passing()).silence().probe(Probe::EchoOnly),
        )
        .on(router().conf(0, "forwarding", 0)),
        // What leaves by the link that is switched off is another matter: only what the router originates may.
        case("forwarding-off-on-one-link-leaves-the-others-alone", ["rfc1812-5.3.11-1"], |w| {
            send(w.passing()).answer(seen::forwarded(&w.passing()).interface(1))
        })
        .on(three_legged().conf(2, "forwarding", 0)),
        case("forwarding-off-on-the-outgoing-link-lets-nothing-out", ["rfc1812-5.3.11-3"], |w| {
            send(w.passing()).never(seen::protocol(17).interface(1)).probe(Probe::EchoOnly)
        })
        .on(router().conf(1, "forwarding", 0)),
        case("host-that-does-not-forward-may-say-host-unreachable", ["rfc1812-5.3.12.1-1"], |w| {
            send(w.passing())
                .may_answer("RFC 1812 §5.3.12.1", seen::unreachable(1).destination(w.peer))
                .probe(Probe::EchoOnly)
        })
        .on(router().conf(0, "forwarding", 0).conf(1, "forwarding", 0)),
    ])
}

/// A router with a third link.
fn three_legged() -> Setting {
    router().edit(|scenario| {
        let mut third = scenario.interfaces[1].clone();
        third.name = "third".to_owned();
        third.addresses = vec!["10.2.0.1/24".parse().expect("a prefix")];
        scenario.interfaces.push(third);
    })
}

/// A router whose second link is down.
fn one_legged() -> Setting {
    router().edit(|scenario| {
        scenario.interfaces[1].up = false;
        scenario.routes.clear();
    })
}

fn dead_interfaces() -> Section {
    section("rfc1812/5.3.12.3").on(one_legged()).cases([
        case("datagram-for-a-dead-link-is-unreachable", ["rfc1812-5.3.12.3-1", "rfc1812-5.3.12.3-3"], |w| {
            let lost = w.passing().destination(w.links[1].other);
            send(lost.clone())
                .answer(seen::icmp_type(3).destination(w.peer).quotes_but_ttl(&lost).that(
                    "icmp.code",
                    "0 or 1",
                    |it| matches!(it.icmp_type_and_code(), Some((3, 0 | 1))),
                ))
                .probe(Probe::EchoOnly)
        }),
        case("another-way-is-taken", ["rfc1812-5.3.12.3-2", "rfc1812-5.3.12.3-4"], |w| {
            let detour = w.passing().destination(w.links[1].other);
            send(detour.clone()).some(seen::forwarded(&detour).interface(0)).probe(Probe::EchoOnly)
        })
        .on(one_legged().via("0.0.0.0/0", [10, 0, 0, 9], 0)),
    ])
}

fn source_routes() -> Section {
    let routed = |w: &World| w.passing().destination(w.dut).options(options().loose_source_route(&[w.far]));
    section("rfc1812/5.3.13.4").on(router()).cases([
        case("source-routes-are-followed-by-default", ["rfc1812-5.3.13.4-2"], move |w| {
            send(routed(w))
                .answer(seen::protocol(17).interface(1).destination(w.far))
                .or("RFC 7126 §4.3.5: by default it is dropped", [seen::icmp_error()])
                .or_silence("RFC 7126 §4.3.5: by default it is dropped")
        }),
        case("source-routes-can-be-refused", ["rfc1812-5.3.13.4-3"], move |w| {
            send(routed(w)).never(seen::protocol(17).interface(1))
        })
        .on(router().sysctl("net.ipv4.conf.all.accept_source_route", 0).conf(
            0,
            "accept_source_route",
            0,
        )),
        case("source-routes-can-be-followed", ["rfc1812-5.3.13.4-1"], move |w| {
            send(routed(w)).answer(seen::protocol(17).interface(1).destination(w.far))
        })
        .on(source_routing()),
    ])
}

fn timestamps() -> Section {
    section("rfc1812/5.3.13.6")
        .on(router())
        .cases([
            case("time-alone-is-added", ["rfc1812-5.3.13.6-1", "rfc1812-5.3.13.6-3"], |w| {
                let transit = w.passing().options(options().timestamp(0, 1));
                send(transit.clone()).answer(seen::forwarded(&transit).interface(1).that(
                    "ipv4.options",
                    "the time in the first slot, pointer 9",
                    |it| it.options()[..3] == [68, 8, 9] && it.is_time_of_day(it.options().get(4..8)),
                ))
            }),
            case("own-address-of-a-prespecified-list-is-stamped", ["rfc1812-5.3.13.6-2"], |w| {
                let transit = w.passing().options(options().prespecified_timestamp(&[w.out]));
                let out = w.out.octets();
                send(transit.clone()).answer(seen::forwarded(&transit).interface(1).that(
                    "ipv4.options",
                    "the time behind the address, pointer 13",
                    move |it| {
                        it.options()[2] == 13
                            && it.options()[4..8] == out
                            && it.is_time_of_day(it.options().get(8..12))
                    },
                ))
            }),
            case("somebody-elses-address-is-not-stamped", ["rfc1812-5.3.13.6-2"], |w| {
                let transit = w.passing().options(options().prespecified_timestamp(&[w.other]));
                send(transit.clone()).answer(seen::forwarded(&transit).interface(1))
            }),
        ])
        .cases([0u8, 1, 13, 14].map(|overflow| {
            case(format!("overflow-{overflow}-is-raised"), ["rfc1812-5.3.13.6-4"], move |w| {
                let full = |overflow: u8| [68, 8, 9, overflow << 4, 1, 2, 3, 4];
                let transit = w.passing().options(full(overflow));
                send(transit.clone())
                    .answer(seen::forwarded(&transit).interface(1).options(full(overflow + 1)))
            })
            .alias("idea/B07")
        }))
}
