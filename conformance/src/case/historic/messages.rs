//! Bugs in ICMP: queries, errors made, errors heard.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![short(), echo(), queries(), errors_made(), flows(), connections(), pmtu(), odd_errors(), redirects()]
}

fn short() -> Section {
    section("historic/icmp/short")
        .cases((0..8).map(|len| {
            case(format!("a-message-of-{len}-octets-is-ignored"), ["rfc1122-3.2.2-1"], move |w| {
                send(w.ip(&[8, 0, 0xf7, 0xff, 0, 0, 0, 0][..len]).protocol(1)).silence()
            })
            .aliases(["bug/smoltcp-icmp-short", "idea/G03"])
        }))
        .cases([
            case("a-reply-of-27-octets-is-ignored", [], |w| {
                send(w.ip(&[0, 0, 0xff, 0xff, 0, 0, 0][..]).protocol(1).padding(19)).silence()
            })
            .alias("bug/freertos-7423"),
            case("nobody-can-tell-whether-an-empty-message-is-an-error", ["rfc1812-4.3.2.7-1"], |w| {
                send(w.transit(vec![]).protocol(1).ttl(1)).silence()
            })
            .on(router())
            .alias("bug/gvisor-short-icmp-error"),
        ])
}

fn echo() -> Section {
    section("historic/icmp/echo")
        .cases([
            case("a-hundred-requests-are-answered", ["rfc1122-3.2.2.6-1"], |w| {
                (0..100).fold(Script::default(), |script, number| {
                    let request = w.ip(echo_request().identifier(7).sequence_number(number).data(octets(40)));
                    script.send(request.clone()).answer(seen::reply_to(&request))
                })
            })
            .on(scenario("host-default-limits"))
            .aliases([
                "bug/lwip-echo-leak",
                "bug/gvisor-echo-ratelimit",
                "bug/zephyr-echo-uaf",
                "idea/G13",
                "idea/J01",
            ]),
            case("a-reply-to-a-broadcast-comes-from-the-own-address", ["rfc1122-3.2.2.6-4"], |w| {
                let request = w.echo().destination(w.broadcast);
                send(request.clone()).answer(seen::reply_to(&request).source(w.dut))
            })
            .on(scenario("host-answers-broadcast"))
            .aliases(["bug/gvisor-echo-mcast-source", "idea/F04"]),
            case("a-reply-to-a-multicast-comes-from-the-own-address", ["rfc1122-3.2.2.6-4"], |w| {
                let request = w.echo().destination([224, 0, 0, 1]);
                send(request.clone()).answer(seen::reply_to(&request).source(w.dut))
            })
            .on(scenario("host-answers-broadcast"))
            .aliases(["bug/gvisor-echo-mcast-source", "idea/F04"]),
        ])
        .cases([4, 12, 24, 40].map(|len| {
            case(
                format!("a-request-with-{len}-octets-of-options-is-answered-right"),
                ["rfc1122-3.2.2.6-5"],
                move |w| {
                    let request = w.echo().options(vec![1; len]);
                    send(request.clone()).answer(seen::reply_to(&request))
                },
            )
            .aliases(["bug/lwip-echo-options", "idea/B09"])
        }))
}

fn queries() -> Section {
    section("historic/icmp/query").cases([
        case("an-advertisement-with-too-many-entries-is-ignored", [], |w| {
            let advertisement = w.ip(icmp(9, 0).word(0xff02_0708).data(octets(8)));
            send(advertisement.clone()).silence().send_all(advertisement.fragments(&[8])).silence()
        })
        .aliases(["bug/windows-router-adv-frag", "idea/G09"]),
        case("a-probe-with-a-wrong-object-length-is-malformed", [], |w| {
            let object = extension().object_of_length(60, 3, 1, b"t0\0\0");
            let request = w.ip(extended_echo_request().identifier(5).extension(object));
            send(request).answer(seen::icmp(43, 1).identifier(5)).or_silence("RFC 8335 §4: it may be off")
        })
        .on(host().sysctl("net.ipv4.icmp_echo_enable_probe", 1))
        .alias("bug/linux-probe-parse"),
        case("a-probe-with-an-empty-name-is-survived", [], |w| {
            let object = extension().object(3, 1, []);
            send(w.ip(extended_echo_request().identifier(5).extension(object)))
                .never(seen::icmp(43, 0))
                .send(w.echo())
                .answer(seen::reply_to(&w.echo()))
        })
        .on(host().sysctl("net.ipv4.icmp_echo_enable_probe", 1))
        .alias("bug/linux-probe-parse"),
    ])
}

fn errors_made() -> Section {
    section("historic/icmp/error")
        .cases((0..9).map(|len| {
            case(
                format!("the-quote-of-{len}-octets-of-payload-is-no-longer"),
                ["rfc1122-3.2.2-4"],
                move |w| {
                    let stimulus = w.ip(octets(len));
                    send(stimulus.clone()).answer(seen::unreachable(2).quotes_exactly(&stimulus, 20 + len))
                },
            )
            .alias("bug/lwip-error-copy-length")
        }))
        .cases([
            case("a-raw-socket-makes-a-protocol-reachable", ["rfc1122-3.2.2.1-1"], |w| {
                send(w.ip(octets(16))).silence()
            })
            .on(host().raw(253))
            .alias("bug/lwip-proto-unreach-raw"),
            case("an-error-about-1400-octets-stays-within-576", ["rfc1812-4.3.2.3-1"], |w| {
                let long = w.udp(CLOSED_PORT).carry(to_port(CLOSED_PORT).data(octets(1372)));
                send(long.clone()).answer(seen::unreachable(3).at_most(576).quotes(&long))
            })
            .alias("bug/smoltcp-error-size"),
            case("an-error-leaves-by-the-link-it-came-from", ["rfc1812-4.3.2.4-1"], |w| {
                let stimulus = w.ip(to_port(CLOSED_PORT)).source(w.next).destination(w.out).on(1);
                send(stimulus).answer(seen::unreachable(3).interface(1).source(w.out).destination(w.next))
            })
            .on(router())
            .alias("bug/lwip-error-default-netif"),
            case("an-error-has-no-options-of-its-own", ["rfc1122-3.2.2-4"], |w| {
                send(w.passing().ttl(1)).answer(seen::time_exceeded(0).header_len(20).source_among(&w.own))
            })
            .on(router())
            .aliases(["bug/linux-icmp-ndo-zero-opts", "bug/linux-icmp-zero-source"]),
        ])
}

/// What socket 0, UDP port 7, sent to a port of the peer or of `far`.
fn sent(w: &World, to: std::net::Ipv4Addr, len: usize) -> Packet {
    w.ip(udp().source_port(7).destination_port(9).data(octets(len))).source(w.dut).destination(to)
}

fn flows() -> Section {
    section("historic/icmp/flow").on(host().udp(7).option("recverr", 1)).cases([
        case("an-error-that-quotes-28-octets-is-heard", ["rfc0792-dest-unreachable-5"], |w| {
            let error = unreachable(UnreachableCode::Port).quote_of(sent(w, w.peer, 500).build(), 28);
            socket_send(0, (w.peer, 9), octets(500)).send(w.ip(error)).reports(0, "ECONNREFUSED")
        })
        .aliases(["bug/smoltcp-inner-length", "idea/I04"]),
        case("an-error-from-a-router-on-the-way-is-heard", ["rfc1122-3.2.2.1-3"], |w| {
            let error = unreachable(UnreachableCode::Host).quote(sent(w, w.far, 20).build());
            socket_send(0, (w.far, 9), octets(20)).send(w.ip(error)).reports(0, "EHOSTUNREACH")
        })
        .alias("bug/smoltcp-inner-address"),
        case("source-quench-is-ignored", ["rfc6633-5-1"], |w| {
            let quench = source_quench().quote(sent(w, w.peer, 20).build());
            socket_send(0, (w.peer, 9), octets(20))
                .send(w.ip(quench))
                .silence()
                .reports_nothing()
                .socket_send(0, (w.peer, 9), octets(20))
                .answer(seen::udp(7, 9))
        })
        .aliases(["bug/icmp-source-quench", "idea/H12"]),
    ])
}

fn connections() -> Section {
    let hard: [(u8, &str); 5] = [
        (0, "ENETUNREACH"),
        (1, "EHOSTUNREACH"),
        (2, "ENOPROTOOPT"),
        (3, "ECONNREFUSED"),
        (13, "EHOSTUNREACH"),
    ];
    let socket = || {
        host().socket(crate::model::Socket {
            kind: SocketKind::Tcp,
            protocol: None,
            local: None,
            peer: None,
            options: std::collections::BTreeMap::new(),
        })
    };
    section("historic/icmp/connection")
        .cases(hard.map(|(code, errno)| {
            let covers: &[&'static str] =
                if code == 3 { &["rfc1122-3.2.2.1-5", "rfc5927-5.2-2"] } else { &["rfc5927-5.2-2"] };
            let name = format!("code-{code}-about-a-syn-is-{}", errno.to_lowercase());
            case(name, covers.iter().copied(), move |w| {
                Script::default()
                    .connect(0, w.peer, 80)
                    .some(seen::tcp(flags::SYN))
                    .react(move |seen| {
                        let syn = seen.last()?;
                        Ok(Packet::back_to(syn, icmp(3, code).quote(&syn.octets)))
                    })
                    .reports(0, errno)
            })
            .on(socket())
            .aliases(["bug/gvisor-tcp-unreach-codes", "idea/I01"])
        }))
        .cases([case("a-syn-is-not-ecn-capable", ["rfc3168-6.1.1-2"], |w| {
            Script::default().connect(0, w.peer, 80).answer(seen::tcp(flags::SYN).ecn(0))
        })
        .on(socket())])
        .cases([2, 3].map(|code| {
            case(format!("code-{code}-outside-the-window-is-ignored"), ["rfc5927-4.1-1"], move |w| {
                accepted(w, 80)
                    .react(move |seen| {
                        let ours = seen.of_step(0)?;
                        let mut quote = ours.octets.clone();
                        quote[24] ^= 0x40;
                        Ok(Packet::back_to(ours, icmp(3, code).quote(quote)))
                    })
                    .silence()
                    .reports_nothing()
            })
            .on(host().tcp(80))
            .aliases(["bug/icmp-blind-reset", "bug/icmp-unreach-nuke", "idea/D13"])
        }))
}

fn pmtu() -> Section {
    let flow = || host().udp(7).option("pmtudisc", 1);
    /// Every fragment but the last is at least this long: 552 octets, in units of 8.
    const LEAST: usize = 548;
    section("historic/icmp/pmtu")
        .on(flow())
        .cases([0, 1, 67, 68, 296, 551].map(|mtu| {
            case(format!("a-next-hop-mtu-of-{mtu}-does-not-cut-small"), ["rfc1191-3-10"], move |w| {
                let error = fragmentation_needed(mtu).quote(sent(w, w.far, 1000).dont_fragment().build());
                socket_send(0, (w.far, 9), octets(1000))
                    .send(w.ip(error))
                    .socket_send(0, (w.far, 9), octets(1000))
                    .law("no fragment but the last below 548 octets", Dimension::Frames, |seen| {
                        let frames = seen.steps.last().map(|step| &step.datagrams[..]).unwrap_or_default();
                        let small = frames.iter().find(|it| it.more_fragments() && it.octets.len() < LEAST);
                        match small {
                            Some(it) => Err(format!("a fragment of {} octets", it.octets.len())),
                            None => Ok(()),
                        }
                    })
            })
            .aliases(["bug/icmp-pmtu-low", "bug/gvisor-mtu-underflow", "idea/D10"])
        }))
        .cases([case("below-the-floor-nothing-forbids-to-fragment", ["rfc1191-3-3"], |w| {
            let error = fragmentation_needed(500).quote(sent(w, w.far, 1000).dont_fragment().build());
            socket_send(0, (w.far, 9), octets(1000))
                .send(w.ip(error))
                .socket_send(0, (w.far, 9), octets(520))
                .some(seen::protocol(17).dont_fragment(false))
        })
        .alias("bug/linux-pmtu-lock")])
}

fn odd_errors() -> Section {
    section("historic/icmp/odd")
        .cases([0, 2, 47, 50, 200, 255].map(|protocol| {
            case(format!("fragmentation-needed-about-protocol-{protocol}-is-survived"), [], move |w| {
                let quoted = w.ip(octets(8)).protocol(protocol).source(w.dut).destination(w.peer);
                send(w.ip(fragmentation_needed(600).quote(quoted.build()))).silence()
            })
            .on(host().sysctl("net.ipv4.ip_no_pmtu_disc", 3))
            .alias("bug/linux-icmp-tag-validation")
        }))
        .cases([0, 1, 8, 19, 20, 21, 27].map(|len| {
            case(format!("a-quote-of-{len}-octets-is-survived"), [], move |w| {
                let error = unreachable(UnreachableCode::Port).quote_of(sent(w, w.peer, 20).build(), len);
                send(w.ip(error)).silence()
            })
            .aliases(["bug/windows-icmp-2011", "idea/I04"])
        }))
        .cases([(0, true), (8, true), (8, false), (65_528, false)].map(|(offset, more)| {
            let name =
                format!("a-quoted-fragment-at-{offset}-{}-is-survived", if more { "more" } else { "last" });
            case(name, [], move |w| {
                let quoted = sent(w, w.peer, 20).fragment_offset(offset);
                let quoted = if more { quoted.more_fragments() } else { quoted };
                send(w.ip(time_exceeded(TimeExceededCode::Transit).quote(quoted.build()))).silence()
            })
            .on(host().raw(1).raw(17))
            .alias("bug/windows-23415")
        }))
}

fn redirects() -> Section {
    let via_neighbor = || {
        router().edit(|scenario| {
            let other = World::of(scenario).other;
            scenario.routes[0].via = Some(other);
            scenario.routes[0].dev = Some(scenario.interfaces[0].name.clone());
        })
    };
    section("historic/icmp/redirect").on(via_neighbor().default_limits()).cases([case(
        "redirects-to-one-host-are-limited",
        ["rfc1812-4.3.2.8-2"],
        |w| {
            let transit = |at: u16| w.transit(to_port(CLOSED_PORT)).destination([198, 51, 100, at as u8]);
            send_all((0..60).map(transit)).law("fewer than 30 redirects", Dimension::Frames, |seen| {
                let count =
                    seen.datagrams().filter(|it| it.icmp_type_and_code().is_some_and(|it| it.0 == 5)).count();
                if count < 30 { Ok(()) } else { Err(format!("{count} redirects")) }
            })
        },
    )
    .aliases(["bug/linux-redirect-rcu", "idea/J05"])])
}
