//! RFC 1812 §5.2: the forwarding of a datagram, from validation to the choice of a way.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![
        order(),
        no_reassembly(),
        multicast(),
        validation(),
        truncation(),
        strict_source_routes(),
        local_or_not(),
        source_routed(),
        next_hop(),
        choice_of_route(),
        reserved(),
    ]
}

/// What a router may do where routes leave it a choice, and must not do in any case.
fn choice_of_route() -> Section {
    section("rfc1812/5.2.4/choice").on(router()).cases([
        case("another-tos-falls-back-on-the-route-of-tos-0", ["rfc1812-5.2.4.3-4"], |w| {
            let transit = w.passing().tos(0x08);
            send(transit.clone()).answer(seen::forwarded(&transit).interface(1))
        }),
        case("a-flow-is-sent-on-once-each-however-routes-are-shared", ["rfc1812-5.2.4.5-1"], |w| {
            (0..8).fold(Script::default(), |script, number| {
                let transit = w.passing().identification(number);
                script.send(transit.clone()).answer(seen::forwarded(&transit))
            })
        }),
    ])
}

fn order() -> Section {
    section("rfc1812/5.2.1").on(router()).cases([
        case("invalid-and-expired-is-silent", ["rfc1812-5.2.1-1"], |w| {
            send(w.passing().wrong_header_checksum().ttl(1)).silence()
        }),
        case("invalid-and-unroutable-is-silent", ["rfc1812-5.2.1-1"], |w| {
            send(w.passing().wrong_header_checksum().destination([203, 0, 113, 9])).silence()
        })
        .on(scenario("router-dead-ends")),
        case("delivered-header-is-as-it-came", ["rfc1812-5.2.1-3"], |w| {
            let local = w.closed().ttl(1).tos(0x3c).identification(0xabcd);
            let header = local.build()[..20].to_vec();
            send(local).deliveries([Wanted::new("the header as it came", move |it: &Delivery| {
                it.data.get(..20) == Some(&header[..])
            })])
        })
        .on(router().raw(17)),
        case("expired-and-unroutable-is-unroutable", ["rfc1812-5.2.1.2-1"], |w| {
            send(w.passing().destination([203, 0, 113, 9]).ttl(1)).answer(seen::unreachable(0))
        })
        .on(scenario("router-dead-ends")),
        case("expired-and-too-large-is-expired", ["rfc1812-5.2.1.2-1"], |w| {
            let large = w.transit(to_port(CLOSED_PORT).data(octets(1000))).dont_fragment().ttl(1);
            send(large).answer(seen::time_exceeded(0))
        })
        .on(scenario("router-narrow")),
    ])
}

fn no_reassembly() -> Section {
    let parts = |w: &World| w.transit(to_port(CLOSED_PORT).data(octets(40))).fragments(&[16, 32]);
    section("rfc1812/5.2.1.1").on(router()).cases([
        case("second-fragment-alone-is-forwarded", ["rfc1812-5.2.1.1-1"], move |w| {
            let second = parts(w).remove(1);
            send(second.clone()).answer(seen::forwarded(&second).interface(1))
        }),
        case("each-fragment-leaves-before-the-next-comes", ["rfc1812-5.2.6-1"], move |w| {
            parts(w).into_iter().fold(Script::default(), |script, part| {
                script.send(part.clone()).answer(seen::forwarded(&part).interface(1))
            })
        }),
    ])
}

fn multicast() -> Section {
    section("rfc1812/5.2.1.3").on(router()).cases([
        case("bad-option-to-a-group-draws-no-error", ["rfc1812-5.2.1.3-1"], |w| {
            send(w.passing().destination([239, 1, 1, 1]).options([7, 2, 0, 0])).silence()
        }),
        case("too-large-for-the-next-link-to-a-group-draws-no-error", ["rfc1812-5.2.1.3-1"], |w| {
            let large = w.transit(to_port(CLOSED_PORT).data(octets(1000))).destination([239, 1, 1, 1]);
            send(large.dont_fragment()).silence()
        })
        .on(scenario("router-narrow")),
        case("group-without-a-way-may-be-dropped", ["rfc1812-5.2.1.3-2", "rfc1812-5.2.1.3-3"], |w| {
            let group = w.passing().destination([239, 1, 1, 1]);
            send(group.clone()).may_answer("RFC 1812 §5.2.1.3", seen::forwarded(&group).interface(1))
        }),
    ])
}

fn validation() -> Section {
    section("rfc1812/5.2.2")
        .on(router())
        .cases([
            case("19-octets-are-dropped", ["rfc1812-5.2.2-1"], |w| send(w.passing().cut(19)).silence()),
            case("ihl-6-and-total-length-20-is-dropped", ["rfc1812-5.2.2-5"], |w| {
                send(w.passing().options([1, 1, 1, 0]).total_length(20)).silence()
            }),
            case(
                "total-length-below-the-header-is-answered-at-most-by-a-pointer-to-2",
                ["rfc1812-5.2.2-8", "rfc1812-5.2.2-9"],
                |w| {
                    send(w.passing().total_length(19))
                        .may_answer("RFC 1812 §5.2.2", seen::parameter_problem(2))
                },
            ),
            case(
                "ihl-4-is-answered-at-most-by-a-pointer-to-0",
                ["rfc1812-5.2.2-8", "rfc1812-5.2.2-9"],
                |w| send(w.passing().ihl(4)).may_answer("RFC 1812 §5.2.2", seen::parameter_problem(0)),
            ),
        ])
        .cases((0..16).filter(|version| *version != 4).map(|version| {
            case(format!("version-{version}-is-dropped"), ["rfc1812-5.2.2-3"], move |w| {
                send(w.passing().version(version)).silence()
            })
        }))
        .cases((0..5).map(|ihl| {
            case(format!("ihl-{ihl}-is-not-forwarded"), ["rfc1812-5.2.2-4"], move |w| {
                send(w.passing().ihl(ihl)).never(seen::datagram().interface(1))
            })
        }))
        .cases([0, 1, 19].map(|len| {
            case(format!("total-length-{len}-is-not-forwarded"), ["rfc1812-5.2.2-5"], move |w| {
                send(w.passing().total_length(len)).never(seen::datagram().interface(1))
            })
        }))
}

fn truncation() -> Section {
    section("rfc1812/5.2.2/truncated").on(router()).cases([
        case(
            "total-length-beyond-the-frame-is-not-forwarded",
            ["rfc1812-5.2.2-10", "rfc1812-5.2.2-11"],
            |w| send(w.transit(octets(40)).total_length(100)).never(seen::datagram().interface(1)),
        ),
        case("total-length-beyond-the-frame-is-not-delivered", ["rfc1812-5.2.2-11"], |w| {
            send(w.echo().total_length(100)).never(seen::echo_reply())
        }),
        case("truncation-is-pointed-at", ["rfc1812-5.2.2-12"], |w| {
            let transit = w.transit(octets(40)).total_length(100);
            send(transit).answer(seen::parameter_problem(2))
        }),
    ])
}

fn strict_source_routes() -> Section {
    let astray = |w: &World| w.passing().options(options().strict_source_route(&[w.far2]));
    section("rfc1812/5.2.2/strict-route").on(source_routing()).cases([
        case("strict-route-to-somebody-else-is-an-error", ["rfc1812-5.2.2-13"], move |w| {
            send(astray(w)).never(seen::datagram().interface(1))
        }),
        case("destination-of-the-strict-route-is-pointed-at", ["rfc1812-5.2.2-14"], move |w| {
            send(astray(w)).answer(seen::parameter_problem(16))
        }),
    ])
}

fn local_or_not() -> Section {
    section("rfc1812/5.2.3").on(router().udp_any(9)).cases([
        case(
            "limited-broadcast-is-delivered-and-not-forwarded",
            ["rfc1812-5.2.3-4", "rfc1812-5.3.5.1-1"],
            |w| {
                let everybody = w.udp(9).destination([255, 255, 255, 255]);
                send(everybody).delivers(0, octets(12)).never(seen::datagram().interface(1))
            },
        ),
        case("all-systems-group-is-delivered-and-not-forwarded", ["rfc1812-5.2.3-5"], |w| {
            send(w.udp(9).destination([224, 0, 0, 1]))
                .delivers(0, octets(12))
                .never(seen::protocol(17).interface(1))
        }),
        case("link-local-group-that-nobody-joined-stays-here", ["rfc1812-5.2.3-5"], |w| {
            send(w.udp(9).destination([224, 0, 0, 5]))
                .delivers_nothing()
                .never(seen::protocol(17).interface(1))
        }),
        case("directed-broadcast-of-the-other-link-is-delivered-as-well", ["rfc1812-5.2.3-6"], |w| {
            send(w.udp(9).destination(w.links[1].prefix.broadcast()))
                .delivers(0, octets(12))
                .some(seen::protocol(17).interface(1))
        })
        .on(router()
            .udp_any(9)
            .sysctl("net.ipv4.conf.all.bc_forwarding", 1)
            .conf(0, "bc_forwarding", 1)
            .conf(1, "bc_forwarding", 1)),
        case("datagram-of-others-reaches-no-socket", ["rfc1812-5.2.3-9"], |w| {
            let others = w.transit(to_port(9)).destination(w.next);
            send(others).delivers_nothing()
        }),
    ])
}

fn source_routed() -> Section {
    let routed = |w: &World, hops: &[std::net::Ipv4Addr]| {
        w.passing().destination(w.dut).options(options().loose_source_route(hops))
    };
    section("rfc1812/5.2.3/source-route")
        .on(source_routing())
        .cases([
            case(
                "unexpired-route-is-followed",
                ["rfc1812-5.2.3-1", "rfc1812-5.3.13.4-1", "rfc1812-5.2.4.1-1"],
                move |w| {
                    let recorded = options().route(OptionKind::LooseSourceRoute, 8, &[w.out]);
                    send(routed(w, &[w.far])).answer(
                        seen::protocol(17)
                            .interface(1)
                            .source(w.peer)
                            .destination(w.far)
                            .ttl(63)
                            .options(recorded),
                    )
                },
            )
            .alias("idea/B11"),
            case("strict-route-to-a-neighbor-is-followed", ["rfc1812-5.3.13.4-1"], |w| {
                let routed = w.passing().destination(w.dut).options(options().strict_source_route(&[w.next]));
                let recorded = options().route(OptionKind::StrictSourceRoute, 8, &[w.out]);
                send(routed).answer(seen::protocol(17).interface(1).destination(w.next).options(recorded))
            }),
            case("own-addresses-in-a-row-are-skipped", ["rfc1812-5.2.3-2"], move |w| {
                send(routed(w, &[w.out, w.dut, w.far])).answer(
                    seen::protocol(17).interface(1).destination(w.far).that(
                        "ipv4.options",
                        "the pointer behind all three",
                        |it| it.options().get(..3) == Some(&[131, 15, 16]),
                    ),
                )
            }),
            case("the-next-entry-decides-and-not-the-last", ["rfc1812-5.2.4.1-1"], move |w| {
                send(routed(w, &[w.far, w.other])).answer(seen::protocol(17).interface(1).destination(w.far))
            }),
            case("second-source-route-is-pointed-at", ["rfc1812-5.2.4.1-2"], |w| {
                let both =
                    options().loose_source_route(&[w.far]).no_operation().strict_source_route(&[w.far]);
                send(w.passing().destination(w.dut).options(both.end_of_list()))
                    .answer(seen::parameter_problem(28).destination(w.peer))
            }),
            case("strict-route-that-is-not-adjacent-fails", ["rfc1812-5.2.4.3-1"], |w| {
                let routed = w.passing().destination(w.dut).options(options().strict_source_route(&[w.far]));
                send(routed).answer(seen::unreachable(5).destination(w.peer))
            }),
            case("no-redirect-for-a-source-route", ["rfc1812-5.2.7.2-8"], move |w| {
                send(routed(w, &[w.other])).never(seen::icmp_type(5))
            })
            .alias("idea/H13"),
            case("full-route-passes-unchanged", ["rfc1812-5.3.13-1"], |w| {
                let full = options().route(OptionKind::RecordRoute, 8, &[w.other]);
                let transit = w.passing().options(full);
                send(transit.clone()).answer(seen::forwarded(&transit).interface(1))
            }),
        ])
        .cases([case("unroutable-next-entry-is-source-route-failed", ["rfc1812-5.2.4.3-8"], |w| {
            let routed = w
                .passing()
                .destination(w.dut)
                .options(options().loose_source_route(&[[203, 0, 113, 9].into()]));
            send(routed).answer(seen::unreachable(5).destination(w.peer))
        })
        .on(source_routing().no_routes())])
}

fn next_hop() -> Section {
    section("rfc1812/5.2.4").on(scenario("router-ethernet")).cases([
        case("neighbor-of-the-other-link-is-reached-directly", ["rfc1812-5.2.4.2-2"], |w| {
            let transit = w.passing().destination(w.links[1].other);
            send(transit.clone()).answer(seen::forwarded(&transit).interface(1))
        })
        .on(router()),
        case("host-beyond-an-unnumbered-link-is-reached-by-it", ["rfc1812-5.2.4.2-1"], |w| {
            let transit = w.passing().destination([192, 0, 2, 9]);
            send(transit.clone()).answer(seen::forwarded(&transit).interface(1)).probe(Probe::EchoOnly)
        })
        .on(super::s4_2_2::unnumbered().edit(|scenario| {
            let mut peer = scenario.routes[0].clone();
            peer.to = "192.0.2.9/32".parse().expect("a prefix");
            scenario.routes = vec![peer];
        })),
        case("host-route-wins", ["rfc1812-5.2.4.3-3"], |w| {
            let transit = Packet::new(to_port(CLOSED_PORT)).source(w.next).destination(w.far).on(1);
            send(transit.clone()).answer(seen::forwarded(&transit).interface(0))
        })
        .on(router().via("198.51.100.1/32", [10, 0, 0, 9], 0)),
        case("lower-metric-wins", ["rfc1812-5.2.4.3-5"], |w| {
            let transit = Packet::new(to_port(CLOSED_PORT)).source(w.next).destination([192, 0, 2, 1]).on(1);
            send(transit.clone()).answer(seen::forwarded(&transit).interface(0))
        })
        .on(router().edit(|scenario| {
            let mut worse = scenario.routes[0].clone();
            worse.to = "192.0.2.0/24".parse().expect("a prefix");
            worse.metric = 20;
            let mut better = worse.clone();
            (better.metric, better.via) = (10, Some([10, 0, 0, 9].into()));
            better.dev = Some(scenario.interfaces[0].name.clone());
            scenario.routes.extend([worse, better]);
        })),
    ])
}

fn reserved() -> Section {
    section("rfc1812/5.2.5").on(scenario("router-narrow")).cases([case(
        "reserved-flag-is-copied-into-every-fragment",
        ["rfc1812-5.2.5-2"],
        |w| {
            send(w.transit(to_port(CLOSED_PORT).data(octets(1000))).reserved_flag()).law(
                "fragments with the reserved flag",
                Dimension::Frames,
                |seen| {
                    let flags: Vec<_> = seen.datagrams().map(Datagram::reserved_flag).collect();
                    let all = flags.len() > 1 && flags.iter().all(|flag| *flag);
                    if all { Ok(()) } else { Err(format!("{flags:?}")) }
                },
            )
        },
    )])
}
