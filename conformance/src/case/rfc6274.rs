//! RFC 6274: security assessment of the Internet Protocol.

use super::prelude::*;

/// The sections of RFC 6274.
pub(super) fn sections() -> Vec<Section> {
    vec![
        header(),
        identification(),
        fragments(),
        protocols(),
        option_lengths(),
        source_routes(),
        record_route(),
        timestamp(),
        refused_options(),
        reassembly(),
        addresses(),
        tcp_groups(),
        forwarding(),
    ]
}

/// Options in an echo request that must not be answered with an Echo Reply.
fn refused(name: impl Into<String>, requirement: &'static str, option: Vec<u8>) -> Case {
    case(name, [requirement], move |w| {
        send(w.echo().options(padded(&option))).may_answer("RFC 6274 §3.13.1.3", seen::icmp(12, 0))
    })
}

fn padded(option: &[u8]) -> Vec<u8> {
    let mut option = option.to_vec();
    option.resize(option.len().next_multiple_of(4), 0);
    option
}

fn header() -> Section {
    section("rfc6274/3")
        .cases([0, 1, 8, 19].map(|len| {
            case(format!("{len}-octets-are-dropped"), ["rfc6274-3-1"], move |w| {
                send(w.echo().cut(len)).silence()
            })
            .alias("idea/A23")
        }))
        .cases([0, 3, 5, 6, 15].map(|version| {
            case(format!("version-{version}-is-dropped"), ["rfc6274-3.1-1"], move |w| {
                send(w.echo().version(version)).silence()
            })
        }))
        .cases((0..5).map(|ihl| {
            case(format!("ihl-{ihl}-is-dropped"), ["rfc6274-3.2-1"], move |w| {
                send(w.echo().ihl(ihl)).silence()
            })
        }))
        .cases([
            case("ihl-0-is-counted", ["rfc6274-3.2-1"], |w| {
                send(w.echo().ihl(0)).counts("Ip.InHdrErrors", 1)
            }),
            case("version-6-is-counted", ["rfc6274-3.1-1"], |w| {
                send(w.echo().version(6)).counts("Ip.InHdrErrors", 1)
            }),
            case("version-6-in-an-ipv4-frame-is-not-processed", ["rfc6274-3.1-2"], |w| {
                send(w.echo().version(6)).silence()
            })
            .on(scenario("host-ethernet")),
            case("header-longer-than-the-datagram-is-dropped", ["rfc6274-3.2-2"], |w| {
                send(w.ip(echo_request().data(octets(12))).ihl(15)).silence()
            }),
            case("octets-behind-the-datagram-are-not-used", ["rfc6274-3.4-1"], |w| {
                let request = w.ip(echo_request().identifier(7));
                send(request.clone().padding(32)).answer(seen::reply_to(&request).total_length(28))
            }),
            case("datagram-longer-than-the-frame-is-dropped", ["rfc6274-3.4-2"], |w| {
                send(w.echo().total_length(200)).silence()
            }),
            case("default-ttl-is-64", ["rfc6274-3.8-1"], |w| {
                send(w.echo()).answer(seen::reply_to(&w.echo()).ttl(64))
            }),
            case("wrong-checksum-passes-no-filter", ["rfc6274-3.10-1"], |w| {
                send(w.passing().wrong_header_checksum()).silence().probe(Probe::EchoOnly)
            })
            .on(router()
                .rule(Rule { protocol: Some(17), ..rule(Hook::Forward, RuleAction::Reject { code: 13 }) })),
            case("unsolicited-octets-of-dont-fragment-and-more-pass", ["rfc6274-3.6-1"], |w| {
                let parts = w.transit(to_port(CLOSED_PORT)).fragments(&[16]);
                let part = parts[0].clone().dont_fragment();
                send(part.clone()).answer(seen::forwarded(&part).interface(1))
            })
            .on(router()),
            case("dont-fragment-in-all-fragments-does-not-stop-reassembly", ["rfc6274-3.6-1"], |w| {
                let parts = w.echo().dont_fragment().fragments(&[16]);
                Script::default().send_quietly(parts).answer(seen::reply_to(&w.echo()))
            })
            .alias("idea/C31"),
        ])
        .cases((0..=255u8).step_by(17).map(|octet| {
            case(format!("service-octet-{octet:#04x}-does-no-harm"), ["rfc6274-3.3.2.1-1"], move |w| {
                let request = w.echo().tos(octet);
                send(request.clone()).answer(seen::reply_to(&request))
            })
        }))
        .cases([1500usize, 9000, 65_535].map(|len| {
            case(format!("{len}-octets-are-coped-with"), ["rfc6274-3.4-3"], move |w| {
                let request = w.ip(echo_request().identifier(ECHO_IDENTIFIER).data(octets(len - 28)));
                let cuts: Vec<_> = (1400..len - 20).step_by(1400).collect();
                send_all(request.fragments(&cuts)).law("a reply", Dimension::Frames, |seen| {
                    let is_reply =
                        |it: &Datagram| it.fragment_offset() == 0 && it.payload().first() == Some(&0);
                    if seen.datagrams().any(is_reply) { Ok(()) } else { Err("none".to_owned()) }
                })
            })
        }))
}

fn identification() -> Section {
    /// Whether identifications towards two peers, asked in turn, run on as one counter.
    fn one_counter(seen: &History) -> bool {
        let ids: Vec<_> = seen.datagrams().map(Datagram::identification).collect();
        ids.len() > 3 && ids.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1))
    }
    let sockets = || host().udp(7).option("pmtudisc", 0);
    section("rfc6274/3.5.2").on(sockets()).cases([
        case("not-one-counter-for-the-whole-system", ["rfc6274-3.5.2-1", "rfc6274-3.5.2.2-1"], |w| {
            let (one, other) = (w.peer, w.other);
            (0..12)
                .fold(Script::default(), |script, at| {
                    script.socket_send(0, (if at % 2 == 0 { one } else { other }, 9), b"probe")
                })
                .law("no common counter", Dimension::Frames, |seen| {
                    if one_counter(seen) { Err("they run on from peer to peer".to_owned()) } else { Ok(()) }
                })
        })
        .alias("idea/A21"),
        case("not-one-counter-for-echo-replies", ["rfc6274-3.5.2-1"], |w| {
            let asked = (0..12).map(|at| w.echo().source(if at % 2 == 0 { w.peer } else { w.other }));
            send_all(asked).law("no common counter", Dimension::Frames, |seen| {
                if one_counter(seen) { Err("they run on from peer to peer".to_owned()) } else { Ok(()) }
            })
        })
        .on(host()),
        case("tcp-answers-without-dont-fragment-have-no-constant-step", ["rfc6274-3.5.2.1-1"], |w| {
            let syns = (0..8u32).map(|at| {
                let port = PEER_PORT + at as u16;
                w.ip(tcp().source_port(port).destination_port(80).sequence_number(at * 1000).flags(2))
            });
            send_all(syns).law("no constant step, or dont fragment", Dimension::Frames, |seen| {
                let sent: Vec<_> = seen.datagrams().filter(|it| !it.dont_fragment()).collect();
                let steps: Vec<_> = sent
                    .windows(2)
                    .map(|pair| pair[1].identification().wrapping_sub(pair[0].identification()))
                    .collect();
                let constant = steps.len() > 2 && steps.iter().all(|step| *step == steps[0] && *step != 0);
                if constant { Err(format!("steps of {}", steps[0])) } else { Ok(()) }
            })
        })
        .on(host()),
    ])
}

fn fragments() -> Section {
    section("rfc6274/3.7").cases([
        case("fragment-that-is-no-multiple-of-8-completes-nothing", ["rfc6274-3.7-1"], |w| {
            let whole = w.echo();
            let odd =
                whole.fragment(0..24).carry(whole.payload()[..25].to_vec()).protocol(1).more_fragments();
            send_all([odd, whole.fragment(24..40)]).law("no reply", Dimension::Frames, |seen| {
                match seen.datagrams().filter(|it| it.icmp_type_and_code() == Some((0, 0))).count() {
                    0 => Ok(()),
                    some => Err(format!("{some} replies")),
                }
            })
        })
        .alias("idea/C15"),
        case("datagram-beyond-65535-octets-is-dropped", ["rfc6274-3.7-2"], |w| {
            let end = w.ip(octets(100)).protocol(1).fragment_offset(65_520);
            send(end).silence()
        })
        .alias("idea/C13"),
        case("options-of-the-first-fragment-count-as-well", ["rfc6274-3.7-3"], |w| {
            let request = w.ip(echo_request().identifier(7).data(octets(65_507)));
            let cuts: Vec<_> = (32_000..65_515).step_by(32_000).collect();
            let mut parts = request.fragments(&cuts);
            parts[0] = parts[0].clone().options(vec![1; 40]);
            send_all(parts).law("no reply", Dimension::Frames, |seen| match seen.datagrams().count() {
                0 => Ok(()),
                some => Err(format!("{some} datagrams")),
            })
        })
        .alias("idea/C13"),
    ])
}

fn protocols() -> Section {
    let spoken = [1u8, 2, 4, 6, 17, 41, 47, 50, 51, 103, 108, 132, 136, 255];
    section("rfc6274/3.9").cases((0..=255u8).filter(move |it| !spoken.contains(it)).map(|protocol| {
        case(format!("protocol-{protocol}-is-unreachable-or-silent"), ["rfc6274-3.9-1"], move |w| {
            let stimulus = w.ip(octets(16)).protocol(protocol);
            send(stimulus.clone())
                .answer(seen::unreachable(2).destination(w.peer).quotes(&stimulus))
                .or_silence("RFC 6274 §3.9: answering is a choice")
        })
        .alias("idea/A17")
    }))
}

fn option_lengths() -> Section {
    let wrong: [(&str, &str, [u8; 8]); 4] = [
        ("length-0", "rfc6274-3.13.1.3-1", [7, 0, 4, 0, 0, 0, 0, 0]),
        ("length-1", "rfc6274-3.13.1.3-1", [7, 1, 4, 0, 0, 0, 0, 0]),
        ("length-12-of-8", "rfc6274-3.13.1.3-2", [7, 12, 4, 0, 0, 0, 0, 0]),
        ("length-255", "rfc6274-3.13.1.3-2", [7, 255, 4, 0, 0, 0, 0, 0]),
    ];
    section("rfc6274/3.13.1.3")
        .cases(wrong.map(|(name, requirement, option)| {
            refused(format!("{name}-is-dropped"), requirement, option.to_vec()).alias("idea/B03")
        }))
        .cases(wrong.map(|(name, _, option)| {
            case(format!("{name}-is-pointed-at"), ["rfc6274-3.13.1.3-3"], move |w| {
                send(w.echo().options(option)).answer(seen::icmp(12, 0).that(
                    "icmp.pointer",
                    "20 to 27",
                    |it| it.icmp_word().is_some_and(|word| (20..28).contains(&(word >> 24))),
                ))
            })
            .alias("idea/B03")
        }))
        .cases([0x80, 0xc1, 0xff].map(|pointer| {
            case(format!("pointer-{pointer:#04x}-is-full-or-wrong"), ["rfc6274-3.13.1.3-5"], move |w| {
                let request = w.echo().options([7, 7, pointer, 1, 2, 3, 4, 0]);
                send(request.clone())
                    .answer(seen::reply_to(&request))
                    .or("RFC 6274 §3.13.1.3: or taken for wrong", [seen::icmp(12, 0)])
                    .or_silence("RFC 6274 §3.13.1.3: or taken for wrong")
            })
            .alias("idea/B04")
        }))
        .cases([
            case("nothing-behind-the-end-of-list-is-read", ["rfc6274-3.13.2.1-1"], |w| {
                let request = w.echo().options([0, 0x83, 0xff, 0xff]);
                send(request.clone()).answer(seen::reply_to(&request))
            }),
            case("stream-identifier-is-ignored", ["rfc6274-3.13.2.6-1"], |w| {
                let request = w.echo().options([136, 4, 0, 1]);
                send(request.clone()).answer(seen::reply_to(&request))
            }),
            case("many-options-do-not-stop-plain-datagrams", ["rfc6274-3.13.1.1-1"], |w| {
                send_all((0..100).map(|at| w.echo().identification(at).options(vec![1; 40])))
                    .send(w.echo())
                    .answer(seen::reply_to(&w.echo()))
            }),
        ])
}

fn source_routes() -> Section {
    let kinds = [("loose", OptionKind::LooseSourceRoute, 1), ("strict", OptionKind::StrictSourceRoute, 2)];
    let requirement = |kind: i32| if kind == 1 { "rfc6274-3.13.2.3-1" } else { "rfc6274-3.13.2.4-1" };
    let honoring =
        || host().sysctl("net.ipv4.conf.all.accept_source_route", 1).conf(0, "accept_source_route", 1);
    section("rfc6274/3.13.2.3")
        .cases(kinds.map(|(name, kind, number)| {
            case(format!("completed-{name}-route-is-dropped-by-default"), [requirement(number)], move |w| {
                send(w.echo().options(options().route(kind, 8, &[w.other]))).never(seen::echo_reply())
            })
            .on(host())
        }))
        .cases(kinds.map(|(name, kind, number)| {
            case(format!("open-{name}-route-is-not-forwarded-by-default"), [requirement(number)], move |w| {
                let routed = w.passing().destination(w.dut).options(options().route(kind, 4, &[w.next]));
                send(routed).never(seen::protocol(17).interface(1))
            })
            .on(router())
        }))
        .cases([
            refused(
                "two-loose-routes-are-dropped",
                "rfc6274-3.13.2.3-2",
                vec![131, 7, 8, 10, 0, 0, 3, 131, 7, 8, 10, 0, 0, 3],
            )
            .on(honoring()),
            refused(
                "loose-and-strict-are-dropped",
                "rfc6274-3.13.2.3-2",
                vec![131, 7, 8, 10, 0, 0, 3, 137, 7, 8, 10, 0, 0, 3],
            )
            .on(honoring()),
            refused("length-8-is-dropped", "rfc6274-3.13.2.3-3", vec![131, 8, 9, 10, 0, 0, 3, 0])
                .on(honoring()),
            refused("length-10-is-dropped", "rfc6274-3.13.2.3-3", vec![131, 10, 11, 10, 0, 0, 3, 0, 0, 0])
                .on(honoring()),
            case("strict-route-of-somebody-else-is-not-forwarded", ["rfc6274-3.13.2.4-2"], |w| {
                let foreign = w.passing().options(options().strict_source_route(&[w.far2]));
                send(foreign).never(seen::protocol(17).interface(1))
            })
            .on(source_routing()),
            case("inside-addresses-are-not-reachable-by-a-route", ["rfc6274-4.3.1-1"], |w| {
                let crafted = w.inbound(to_port(CLOSED_PORT)).destination(w.out);
                send(crafted.options(options().loose_source_route(&[w.peer])))
                    .never(seen::protocol(17).interface(0))
            })
            .on(router()),
        ])
        .cases((0..4).map(|pointer| {
            case(format!("pointer-{pointer}-is-pointed-at"), ["rfc6274-3.13.2.3-4"], move |w| {
                send(w.echo().options([131, 7, pointer, 10, 0, 0, 3, 0])).answer(seen::parameter_problem(22))
            })
            .on(honoring())
        }))
        .cases([5, 6, 7].map(|pointer| {
            refused(
                format!("pointer-{pointer}-is-dropped"),
                "rfc6274-3.13.2.3-5",
                vec![131, 7, pointer, 10, 0, 0, 3, 0],
            )
            .on(honoring())
        }))
}

fn record_route() -> Section {
    section("rfc6274/3.13.2.5").cases([
        refused(
            "two-of-them-are-dropped",
            "rfc6274-3.13.2.5-1",
            vec![7, 7, 4, 0, 0, 0, 0, 7, 7, 4, 0, 0, 0, 0],
        )
        .alias("idea/B04"),
        refused("length-8-and-pointer-5-is-dropped", "rfc6274-3.13.2.5-2", vec![7, 8, 5, 0, 0, 0, 0, 0]),
        case("full-one-is-forwarded-untouched", ["rfc6274-3.13.2.5-3"], |w| {
            let full = options().route(OptionKind::RecordRoute, 40, &[w.other; 9]).end_of_list();
            let transit = w.passing().options(full);
            send(transit.clone()).answer(seen::forwarded(&transit).interface(1))
        })
        .on(router()),
        case("one-in-a-later-fragment-is-dropped", ["rfc6274-3.13.2.5-4"], |w| {
            let whole = w.echo();
            let later = whole.fragment(16..40).options(options().record_route(1).end_of_list());
            send_all([whole.fragment(0..16), later]).law("no reply", Dimension::Frames, |seen| {
                match seen.datagrams().count() {
                    0 => Ok(()),
                    some => Err(format!("{some} datagrams")),
                }
            })
        }),
    ])
}

fn timestamp() -> Section {
    section("rfc6274/3.13.2.7")
        .cases([
            case("local-one-is-ignored", ["rfc6274-3.13.2.7-1"], |w| {
                let request = w.echo().options(options().timestamp(0, 1));
                send(request.clone()).answer(seen::reply_to(&request).that(
                    "ipv4.options",
                    "no stamp",
                    |it| it.options().get(2).is_none_or(|pointer| *pointer == 5),
                ))
            }),
            case("one-in-transit-is-ignored", ["rfc6274-3.13.2.7-1"], |w| {
                let transit = w.passing().options(options().timestamp(0, 1));
                send(transit.clone()).answer(seen::forwarded(&transit).interface(1))
            })
            .on(router()),
            refused("length-2-is-dropped", "rfc6274-3.13.2.7-2", vec![68, 2, 0, 0]),
            refused("length-3-is-dropped", "rfc6274-3.13.2.7-2", vec![68, 3, 5, 0]),
            refused(
                "flag-0-with-pointer-6-is-dropped",
                "rfc6274-3.13.2.7-3",
                vec![68, 12, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            ),
            refused("overflow-15-is-dropped", "rfc6274-3.13.2.7-6", vec![68, 8, 9, 0xf0, 1, 2, 3, 4])
                .alias("idea/B05"),
            case("overflow-15-is-not-forwarded", ["rfc6274-3.13.2.7-6"], |w| {
                send(w.passing().options([68, 8, 9, 0xf0, 1, 2, 3, 4])).never(seen::protocol(17).interface(1))
            })
            .on(router()),
        ])
        .cases([1, 3].map(|flag| {
            let option = vec![68, 20, 9, flag, 10, 0, 0, 1, 0, 0, 0, 0, 10, 0, 0, 1, 0, 0, 0, 0];
            refused(format!("flag-{flag}-with-pointer-9-is-dropped"), "rfc6274-3.13.2.7-4", option)
        }))
        .cases([2, 4, 15].map(|flag| {
            refused(format!("flag-{flag}-is-dropped"), "rfc6274-3.13.2.7-5", vec![68, 8, 5, flag, 0, 0, 0, 0])
        }))
}

fn refused_options() -> Section {
    let kinds = [
        ("probe-mtu", 11, "rfc6274-3.13.2.9-1"),
        ("reply-mtu", 12, "rfc6274-3.13.2.9-1"),
        ("traceroute", 82, "rfc6274-3.13.2.11-1"),
        ("directed-multi-destination", 149, "rfc6274-3.13.2.15-1"),
    ];
    section("rfc6274/3.13.2")
        .cases(kinds.map(|(name, kind, requirement)| {
            refused(format!("{name}-to-the-stack-is-dropped"), requirement, vec![kind, 4, 0, 0])
        }))
        .cases(kinds.map(|(name, kind, requirement)| {
            case(format!("{name}-in-transit-is-dropped"), [requirement], move |w| {
                send(w.passing().options([kind, 4, 0, 0])).never(seen::protocol(17).interface(1))
            })
            .on(router())
        }))
        .cases([3u8, 5].map(|len| {
            case(format!("router-alert-of-length-{len}-is-not-forwarded"), ["rfc6274-3.13.2.8-1"], move |w| {
                send(w.passing().options(padded(&[&[148, len][..], &vec![0; usize::from(len) - 2]].concat())))
                    .never(seen::protocol(17).interface(1))
            })
            .on(router())
        }))
        .cases([refused("cipso-of-length-4-is-dropped", "rfc6274-3.13.2.14-1", vec![134, 4, 0, 0])])
}

fn reassembly() -> Section {
    let flood = |w: &World, count: u16| -> Vec<_> {
        (0..count)
            .map(|at| w.echo().identification(at).source([10, 0, 0, (at % 200 + 20) as u8]).fragment(0..24))
            .collect()
    };
    section("rfc6274/4.1.2").cases([
        case(
            "fragment-flood-does-not-stop-plain-datagrams",
            ["rfc6274-4.1.2.1-1", "rfc6274-4.1.2.1-3"],
            move |w| send_all(flood(w, 600)).send(w.echo()).answer(seen::reply_to(&w.echo())),
        )
        .alias("idea/C18"),
        case("number-of-fragments-of-a-datagram-is-bounded", ["rfc6274-4.1.2.1-2"], |w| {
            let whole = w.ip(echo_request().identifier(7).data(octets(4000)));
            let pieces = (8..4000).step_by(16).map(|at| whole.fragment(at..at + 8));
            send_all(pieces).send(w.echo()).answer(seen::reply_to(&w.echo()))
        })
        .alias("idea/C18"),
        case("legitimate-fragments-get-in-after-a-flood", ["rfc6274-4.1.2.2-1"], move |w| {
            send_all(flood(w, 600))
                .advance(seconds(3))
                .send_quietly(w.echo().identification(0x7777).fragments(&[16]))
                .some(seen::reply_to(&w.echo()))
        })
        .on(host().sysctl("net.ipv4.ipfrag_time", 1)),
        case("timer-can-be-short", ["rfc6274-4.1.2.4-1"], |w| {
            send(w.echo().fragment(0..24)).silence().advance(seconds(3)).answer(seen::time_exceeded(1))
        })
        .on(host().sysctl("net.ipv4.ipfrag_time", 1)),
        case("overlap-drops-the-datagram", ["rfc6274-4.1.2.5-1"], |w| {
            let whole = w.echo();
            let over = whole.fragment(8..24).carry(vec![0xee; 16]).protocol(1);
            send_all([whole.fragment(0..16), over, whole.fragment(24..40)]).law(
                "no reply",
                Dimension::Frames,
                |seen| match seen.datagrams().filter(|it| it.icmp_type_and_code() == Some((0, 0))).count() {
                    0 => Ok(()),
                    some => Err(format!("{some} replies")),
                },
            )
        })
        .alias("idea/C05"),
        case("transport-header-split-over-fragments-is-dropped", ["rfc6274-4.1.2.6-1"], |w| {
            let syn = w.ip(tcp().source_port(PEER_PORT).destination_port(80).sequence_number(1).flags(2));
            send_all(syn.fragments(&[8])).law("no answer", Dimension::Frames, |seen| {
                match seen.datagrams().count() {
                    0 => Ok(()),
                    some => Err(format!("{some} datagrams")),
                }
            })
        })
        .alias("idea/C16"),
    ])
}

fn addresses() -> Section {
    let sources: [(&str, [u8; 4], &str); 6] = [
        ("multicast", [224, 1, 2, 3], "rfc6274-4.3.3-1"),
        ("class-e", [240, 0, 0, 1], "rfc6274-4.3.4-1"),
        ("unspecified", [0, 0, 0, 0], "rfc6274-4.3.7-1"),
        ("network-zero", [0, 1, 2, 3], "rfc6274-4.3.7-3"),
        ("limited-broadcast", [255, 255, 255, 255], "rfc6274-4.3.7-4"),
        ("loopback", [127, 0, 0, 1], "rfc6274-4.3.7-7"),
    ];
    section("rfc6274/4.3")
        .cases(sources.map(|(name, source, requirement)| {
            case(format!("source-{name}-is-dropped"), [requirement], move |w| {
                send(w.echo().source(source)).silence()
            })
            .alias("idea/F01")
        }))
        .cases(sources.map(|(name, source, requirement)| {
            case(format!("source-{name}-is-not-forwarded"), [requirement], move |w| {
                send(w.passing().source(source)).silence()
            })
            .on(router())
        }))
        .cases([
            case("source-that-is-the-subnet-broadcast-is-dropped", ["rfc6274-4.3.7-6"], |w| {
                send(w.echo().source(w.broadcast)).silence()
            }),
            case("destination-unspecified-is-dropped", ["rfc6274-4.3.7-2"], |w| {
                send(w.echo().destination([0, 0, 0, 0])).silence()
            }),
            case("destination-loopback-is-dropped", ["rfc6274-4.3.7-7"], |w| {
                send(w.echo().destination([127, 0, 0, 1])).silence()
            }),
            case("destination-network-zero-is-not-forwarded", ["rfc6274-4.3.7-3"], |w| {
                send(w.passing().destination([0, 1, 2, 3])).never(seen::protocol(17).interface(1))
            })
            .on(router()),
            case("destination-class-e-is-not-forwarded", ["rfc6274-4.3.4-1"], |w| {
                send(w.passing().destination([240, 0, 0, 1])).never(seen::protocol(17).interface(1))
            })
            .alias("idea/E14")
            .on(router()),
            case("directed-broadcast-is-not-forwarded", ["rfc6274-4.3.7-5"], |w| {
                send(w.passing().destination(w.links[1].prefix.broadcast()))
                    .never(seen::protocol(17).interface(1))
            })
            .on(router()),
        ])
        .cases([[10, 1, 0, 0], [10, 1, 255, 255]].map(|host_part| {
            case(
                format!("10.{}.{}.{}-is-a-host-of-a-wide-prefix", host_part[1], host_part[2], host_part[3]),
                ["rfc6274-4.3.6-1"],
                move |w| {
                    let request = w.echo().source(host_part);
                    send(request.clone()).answer(seen::reply_to(&request))
                },
            )
            .on(host().only_address(0, "10.0.0.1/8"))
        }))
}

fn tcp_groups() -> Section {
    let syn = |w: &World| w.ip(tcp().source_port(PEER_PORT).destination_port(80).sequence_number(1).flags(2));
    section("rfc6274/4.3/tcp").on(host().tcp(80)).cases([
        case("segment-to-a-group-is-dropped", ["rfc6274-4.3.3-2"], move |w| {
            send(syn(w).destination([224, 0, 0, 1])).silence()
        }),
        case("segment-to-the-subnet-broadcast-is-dropped", ["rfc6274-4.3.5-1"], move |w| {
            send(syn(w).destination(w.broadcast)).silence()
        }),
        case("segment-to-the-limited-broadcast-is-dropped", ["rfc6274-4.3.5-1"], move |w| {
            send(syn(w).destination([255, 255, 255, 255])).silence()
        }),
    ])
}

fn forwarding() -> Section {
    section("rfc6274/4.3.1").on(router()).cases([
        case("link-local-destination-is-not-forwarded", ["rfc6274-4.3.1-2"], |w| {
            send(w.passing().destination([169, 254, 0, 1])).never(seen::protocol(17).interface(1))
        }),
        case("link-local-source-is-not-forwarded", ["rfc6274-4.3.1-2"], |w| {
            send(w.passing().source([169, 254, 0, 1])).never(seen::protocol(17).interface(1))
        }),
    ])
}
