//! RFC 1812 §4.2.2: the Internet Protocol on routers.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![
        delivered_options(),
        completed_source_routes(),
        timestamps(),
        recorded_addresses(),
        reserved_bits(),
        checksums(),
        unknown_options(),
        fragmentation(),
        reassembly(),
        ttl(),
        own_addresses(),
        invalid_sources(),
        broadcasts(),
    ]
}

/// A router whose second link has no address of its own.
pub(super) fn unnumbered() -> Setting {
    router().edit(|scenario| {
        scenario.interfaces[1].addresses.clear();
        for route in &mut scenario.routes {
            route.via = None;
        }
    })
}

fn delivered_options() -> Section {
    section("rfc1812/4.2.2.1/local").on(router()).cases([
        case("unknown-option-reaches-the-application-unchanged", ["rfc1812-4.2.2.1-1"], |w| {
            let unknown = [0x5e, 4, 0xca, 0xfe];
            send(w.closed().options(unknown))
                .deliveries([Wanted::new("the datagram with the option as it came", move |it: &Delivery| {
                    it.data.get(20..24) == Some(&unknown[..])
                })])
        })
        .on(router().raw(17)),
        case("own-datagrams-carry-no-stream-identifier", ["rfc1812-4.2.2.1-3"], |w| {
            send(w.echo()).answer(seen::reply_to(&w.echo()).header_len(20))
        }),
        case("stream-identifier-is-ignored", ["rfc1812-4.2.2.1-4"], |w| {
            let request = w.echo().options([136, 4, 0x12, 0x34]);
            send(request.clone()).answer(seen::reply_to(&request))
        }),
        case("record-route-may-stand-in-own-datagrams", ["rfc1812-4.2.2.1-12"], |w| {
            let request = w.echo().options(options().record_route(2));
            send(request.clone()).answer(seen::reply_to(&request).that(
                "ipv4.options",
                "a record route",
                |it| it.options().first() == Some(&7),
            ))
        }),
        case("timestamps-may-stand-in-own-datagrams", ["rfc1812-4.2.2.1-13"], |w| {
            let request = w.echo().options(options().timestamp(0, 2));
            send(request.clone()).answer(
                seen::reply_to(&request)
                    .that("ipv4.options", "a timestamp", |it| it.options().first() == Some(&68)),
            )
        }),
    ])
}

fn completed_source_routes() -> Section {
    let completed = |w: &World| options().route(OptionKind::LooseSourceRoute, 8, &[w.other]);
    section("rfc1812/4.2.2.1/source-route").on(source_routing()).cases([
        case("completed-route-is-accepted", ["rfc1812-4.2.2.1-5"], move |w| {
            send(w.echo().options(completed(w))).answer(seen::echo_reply().source(w.dut))
        }),
        case("reply-takes-the-route-back", ["rfc1812-4.2.2.1-8", "rfc1812-4.3.3.6-9"], move |w| {
            let back = options().loose_source_route(&[w.peer]);
            send(w.echo().options(completed(w)))
                .answer(seen::echo_reply().source(w.dut).destination(w.other).options(back))
        }),
        case("completed-route-is-delivered-as-it-came", ["rfc1812-4.2.2.1-6"], move |w| {
            let came = completed(w).build();
            send(w.closed().options(completed(w)))
                .deliveries([Wanted::new("the datagram with the route as it came", move |it: &Delivery| {
                    it.data.get(20..20 + came.len()) == Some(&came[..])
                })])
        })
        .on(source_routing().raw(17)),
        case("sender-that-listed-itself-stands-once-in-the-way-back", ["rfc1812-4.2.2.1-11"], |w| {
            let listed = options().route(OptionKind::LooseSourceRoute, 12, &[w.peer, w.other]);
            let back = options().loose_source_route(&[w.peer]);
            send(w.echo().options(listed)).answer(seen::echo_reply().destination(w.other).options(back))
        }),
        case("no-datagram-has-two-source-routes", ["rfc1812-4.2.2.1-10"], |w| {
            let both = options().route(OptionKind::LooseSourceRoute, 8, &[w.other]).route(
                OptionKind::StrictSourceRoute,
                8,
                &[w.other],
            );
            send(w.echo().options(both)).never(seen::datagram().that(
                "ipv4.options",
                "two source routes",
                |it| it.options().contains(&131) && it.options().contains(&137),
            ))
        }),
    ])
}

fn timestamps() -> Section {
    section("rfc1812/4.2.2.1/timestamp").on(router()).cases([
        case("router-stamps-what-is-for-itself", ["rfc1812-4.2.2.1-15"], |w| {
            let dut = w.dut.octets();
            let request = w.echo().options(options().timestamp(1, 2));
            send(request.clone()).answer(seen::reply_to(&request).that(
                "ipv4.options",
                "address and stamp in the first slot, pointer behind it",
                move |it| {
                    let option = it.options();
                    option.len() >= 20 && option[..2] == [68, 20] && option[2] >= 13 && option[4..8] == dut
                },
            ))
        }),
        case("full-option-counts-the-overflow", ["rfc1812-4.2.2.1-16"], |w| {
            let full = |overflow: u8| [68, 8, 9, overflow << 4, 0x0a, 0x0b, 0x0c, 0x0d];
            let request = w.echo().options(full(3));
            send(request.clone()).answer(seen::reply_to(&request).options(full(4)))
        }),
        case("stamp-is-the-time-of-day", ["rfc1812-4.2.2.1-17"], |w| {
            let request = w.echo().options(options().timestamp(0, 1));
            send(request.clone()).answer(seen::reply_to(&request).that(
                "ipv4.options",
                "milliseconds since midnight, or the non-standard bit",
                |it| it.is_time_of_day(it.options().get(4..8)),
            ))
        }),
    ])
}

fn recorded_addresses() -> Section {
    section("rfc1812/4.2.2.2").on(router()).cases([
        case(
            "record-route-names-the-outgoing-interface",
            ["rfc1812-4.2.2.2-1", "rfc1812-5.2.1-2", "rfc1812-5.3.13.5-1"],
            |w| {
                let transit = w.passing().options(options().record_route(9));
                let out = w.out.octets();
                send(transit.clone()).answer(seen::forwarded(&transit).interface(1).that(
                    "ipv4.options",
                    "the outgoing address in the first slot, pointer 8, length as it was",
                    move |it| it.options().get(..7).is_some_and(|it| it[..3] == [7, 39, 8] && it[3..] == out),
                ))
            },
        ),
        case("record-route-inward-names-the-inner-interface", ["rfc1812-5.2.1-2"], |w| {
            let inbound = w.inbound(to_port(CLOSED_PORT)).options(options().record_route(1));
            let recorded = options().route(OptionKind::RecordRoute, 8, &[w.dut]);
            send(inbound.clone()).answer(seen::forwarded(&inbound).interface(0).options(recorded))
        }),
        case("timestamp-names-the-outgoing-interface", ["rfc1812-4.2.2.2-1", "rfc1812-5.3.13.6-1"], |w| {
            let transit = w.passing().options(options().timestamp(1, 1));
            let out = w.out.octets();
            send(transit.clone()).answer(seen::forwarded(&transit).interface(1).that(
                "ipv4.options",
                "the outgoing address, pointer 13",
                move |it| it.options()[..4] == [68, 12, 13, 1] && it.options()[4..8] == out,
            ))
        }),
        case("unnumbered-link-records-an-address-of-the-router", ["rfc1812-4.2.2.2-2"], |w| {
            let transit = w.passing().destination([198, 51, 100, 1]).options(options().record_route(1));
            let own: Vec<_> = w.own.iter().map(|it| it.octets()).collect();
            send(transit.clone()).answer(seen::forwarded(&transit).interface(1).that(
                "ipv4.options",
                "one of the router's addresses",
                move |it| own.iter().any(|own| it.options().get(3..7) == Some(own)),
            ))
        })
        .on(unnumbered()),
    ])
}

fn reserved_bits() -> Section {
    section("rfc1812/4.2.2.3").on(router()).cases([
        case("own-datagrams-have-the-reserved-bits-clear", ["rfc1812-4.2.2.3-1"], |w| {
            send(w.closed().reserved_flag()).answer(seen::unreachable(3).that(
                "reserved bits",
                "clear",
                |it| !it.reserved_flag() && it.tos() & 1 == 0,
            ))
        }),
        case(
            "reserved-flag-does-not-stop-a-transit-datagram",
            ["rfc1812-4.2.2.3-2", "rfc1812-5.2.5-1", "rfc1812-5.2.5-3"],
            |w| {
                let transit = w.passing().reserved_flag();
                send(transit.clone()).answer(seen::forwarded(&transit).interface(1))
            },
        ),
        case(
            "reserved-tos-bit-does-not-stop-a-transit-datagram",
            ["rfc1812-4.2.2.3-2", "rfc1812-5.2.5-1", "rfc1812-5.2.5-3"],
            |w| {
                let transit = w.passing().tos(1);
                send(transit.clone()).answer(seen::forwarded(&transit).interface(1))
            },
        ),
        case("reserved-bits-do-not-stop-a-local-datagram", ["rfc1812-4.2.2.3-2"], |w| {
            let request = w.echo().reserved_flag().tos(1);
            send(request.clone()).answer(seen::reply_to(&request))
        }),
    ])
}

fn checksums() -> Section {
    section("rfc1812/4.2.2.5")
        .on(router())
        .cases([
            case("wrong-checksum-in-transit-is-discarded", ["rfc1812-4.2.2.5-1", "rfc1812-5.2.2-2"], |w| {
                send(w.passing().wrong_header_checksum()).silence()
            }),
            case("wrong-checksum-to-the-router-is-discarded", ["rfc1812-4.2.2.5-1"], |w| {
                send(w.echo().wrong_header_checksum()).silence()
            }),
            case("checksum-zero-is-not-repaired", ["rfc1812-4.2.2.5-4"], |w| {
                send(w.passing().header_checksum(0)).silence()
            }),
            case("checksum-of-ones-is-not-repaired", ["rfc1812-4.2.2.5-4"], |w| {
                send(w.passing().header_checksum(0xffff)).silence()
            }),
            // Every header checksum of what is sent on is verified by the player; here are all TTLs.
            case("checksum-is-right-after-every-ttl", ["rfc1812-4.2.2.5-3"], |w| {
                let all = (2..=255u8).map(|ttl| w.passing().ttl(ttl).identification(u16::from(ttl) << 8));
                let sent: Vec<_> = all.collect();
                let expected = sent.iter().map(|it| seen::forwarded(it).interface(1)).collect::<Vec<_>>();
                send_all(sent).law("each sent on with the TTL less one", Dimension::Frames, move |seen| {
                    let came: Vec<_> = seen.datagrams().collect();
                    if came.len() != expected.len() {
                        return Err(format!("{} datagrams", came.len()));
                    }
                    match came.iter().zip(&expected).find_map(|(it, pattern)| pattern.mismatches(it).pop()) {
                        Some(mismatch) => Err(mismatch.to_string()),
                        None => Ok(()),
                    }
                })
            })
            .alias("idea/E02"),
        ])
        // Sums at the edge of one's complement, where an incremental update goes wrong first. RFC 1624 §3.
        .cases((0..64u16).map(|step| {
            case(format!("incremental-update-at-the-edge-{step}"), ["rfc1812-4.2.2.5-3"], move |w| {
                let plain = w.passing().identification(0).build();
                let sum = u16::from_be_bytes([plain[10], plain[11]]);
                // The identification that brings the sum to 32 below and above zero.
                let transit = w.passing().identification(sum.wrapping_add(step).wrapping_sub(32));
                send(transit.clone()).answer(seen::forwarded(&transit).interface(1))
            })
            .alias("idea/E02")
        }))
}

fn unknown_options() -> Section {
    section("rfc1812/4.2.2.6")
        .on(router())
        .cases([0x5e, 0x9e, 0xde].map(|kind| {
            case(format!("option-{kind:#04x}-to-the-router-is-ignored"), ["rfc1812-4.2.2.6-1"], move |w| {
                let request = w.echo().options([kind, 4, 1, 2]);
                send(request.clone()).answer(seen::reply_to(&request))
            })
            .alias("idea/B02")
        }))
        .cases([0x5e, 0x9e, 0xde].map(|kind| {
            case(
                format!("option-{kind:#04x}-in-transit-passes-unchanged"),
                ["rfc1812-4.2.2.6-1", "rfc1812-5.3.13.1-1"],
                move |w| {
                    let transit = w.passing().options([kind, 4, 1, 2]);
                    send(transit.clone()).answer(seen::forwarded(&transit).interface(1))
                },
            )
        }))
        .cases([
            case("no-operation-and-end-of-list-pass", ["rfc1812-4.2.2.6-2"], |w| {
                let transit = w.passing().options([1, 1, 1, 0]);
                send(transit.clone()).answer(seen::forwarded(&transit).interface(1))
            })
            .alias("idea/B01"),
            case("nothing-behind-the-end-of-list-is-read", ["rfc1812-4.2.2.6-2"], |w| {
                let request = w.echo().options([1, 0, 7, 2]);
                send(request.clone()).answer(seen::reply_to(&request))
            })
            .alias("idea/B01"),
            case("stream-identifier-in-transit-passes-unchanged", ["rfc1812-5.3.13.3-1"], |w| {
                let transit = w.passing().options([136, 4, 0x12, 0x34]);
                send(transit.clone()).answer(seen::forwarded(&transit).interface(1))
            }),
        ])
}

fn fragmentation() -> Section {
    let big = |w: &World| w.transit(to_port(CLOSED_PORT).data(octets(1400)));
    section("rfc1812/4.2.2.7").on(scenario("router-narrow")).cases([
        case(
            "large-datagram-is-cut-for-the-narrow-link",
            ["rfc1812-4.2.2.7-1", "rfc1812-5.2.6-2"],
            move |w| {
                let transit = big(w);
                let payload = transit.payload();
                send(transit).law("fragments that add up to the datagram", Dimension::Frames, move |seen| {
                    let mut whole = vec![None; payload.len()];
                    for piece in seen.datagrams() {
                        if usize::from(piece.total_length()) > 576 || piece.ttl() != 63 {
                            return Err("a fragment that does not fit or keeps its TTL".to_owned());
                        }
                        for (at, octet) in piece.payload().iter().enumerate() {
                            let place = whole.get_mut(piece.fragment_offset() + at);
                            *place.ok_or("octets beyond the datagram")? = Some(*octet);
                        }
                    }
                    let same = whole.iter().zip(&payload).all(|(came, sent)| *came == Some(*sent));
                    if same { Ok(()) } else { Err("octets are missing or differ".to_owned()) }
                })
            },
        )
        .alias("idea/D05"),
        case("fragments-are-as-few-as-possible", ["rfc1812-4.2.2.7-2", "rfc1812-4.2.2.7-4"], move |w| {
            // 1 408 octets of payload, 552 at most in each fragment.
            let piece = || seen::datagram().interface(1).protocol(17);
            send(big(w)).answers([piece(), piece(), piece()])
        }),
        case("fragments-leave-in-order", ["rfc1812-4.2.2.7-3"], move |w| {
            send(big(w)).law("offsets that rise", Dimension::Frames, |seen| {
                let offsets: Vec<_> = seen.datagrams().map(Datagram::fragment_offset).collect();
                if offsets.len() > 1 && offsets.is_sorted() { Ok(()) } else { Err(format!("{offsets:?}")) }
            })
        }),
        case("fragments-leave-by-one-interface", ["rfc1812-5.2.1.2-2"], move |w| {
            send(big(w)).never(seen::datagram().interface(0)).some(seen::protocol(17).interface(1))
        }),
    ])
}

fn reassembly() -> Section {
    section("rfc1812/4.2.2.8").on(router()).cases([case(
        "fragments-for-the-router-are-reassembled",
        ["rfc1812-4.2.2.8-1", "rfc1812-4.2.1-5"],
        |w| Script::default().send_quietly(w.echo().fragments(&[16])).answer(seen::reply_to(&w.echo())),
    )])
}

fn ttl() -> Section {
    section("rfc1812/4.2.2.9")
        .on(router())
        .cases([0, 1].map(|ttl| {
            case(
                format!("ttl-{ttl}-to-the-router-is-received"),
                ["rfc1812-4.2.2.9-1", "rfc1812-4.2.2.9-3"],
                move |w| {
                    let request = w.echo().ttl(ttl);
                    send(request.clone()).answer(seen::reply_to(&request))
                },
            )
        }))
        .cases([0, 1].map(|ttl| {
            case(format!("ttl-{ttl}-reaches-the-application"), ["rfc1812-4.2.2.9-3"], move |w| {
                send(w.udp(7).ttl(ttl)).delivers(0, octets(12))
            })
            .on(router().udp(7))
        }))
        .cases([0, 1].map(|ttl| {
            case(format!("ttl-{ttl}-in-transit-does-not-leave"), ["rfc1812-4.2.2.9-2"], move |w| {
                send(w.passing().ttl(ttl)).never(seen::datagram().interface(1))
            })
        }))
        .cases([
            case("application-sets-the-ttl", ["rfc1812-4.2.2.9-4"], |w| {
                socket_send(0, (w.peer, 9), b"ttl").answer(seen::udp(7, 9).ttl(17))
            })
            .on(router().udp(7).option("ttl", 17)),
            case("default-ttl-is-configurable", ["rfc1812-4.2.2.9-5"], |w| {
                send(w.closed()).answer(seen::unreachable(3).ttl(99))
            })
            .on(router().sysctl("net.ipv4.ip_default_ttl", 99)),
            case("default-ttl-exceeds-the-diameter-of-the-internet", ["rfc1812-4.2.2.9-6"], |w| {
                send(w.echo()).answer(seen::reply_to(&w.echo()).ttl_within(40..=255))
            }),
        ])
}

fn own_addresses() -> Section {
    section("rfc1812/4.2.2.11/own").on(router()).cases([
        case(
            "errors-come-from-a-unicast-address-of-the-router",
            ["rfc1812-4.2.2.11-1", "rfc1812-4.2.2.11-4", "rfc1812-4.2.2.11-11", "rfc1812-4.2.2.11-16"],
            |w| send(w.passing().ttl(1)).answer(seen::time_exceeded(0).source_among(&w.own)),
        ),
        case("answer-to-a-limited-broadcast-has-a-unicast-source", ["rfc1812-4.2.2.11-5"], |w| {
            send(w.echo().destination([255, 255, 255, 255]))
                .may_answer("RFC 1812 §4.3.3.6", seen::echo_reply().source_among(&w.own))
        })
        .on(router().sysctl("net.ipv4.icmp_echo_ignore_broadcasts", 0)),
        case(
            "answer-to-a-directed-broadcast-has-a-unicast-source",
            ["rfc1812-4.2.2.11-6", "rfc1812-4.3.3.6-3"],
            |w| {
                send(w.echo().destination(w.broadcast))
                    .may_answer("RFC 1812 §4.3.3.6", seen::echo_reply().source_among(&w.own))
            },
        )
        .on(router().sysctl("net.ipv4.icmp_echo_ignore_broadcasts", 0)),
    ])
}

fn invalid_sources() -> Section {
    let martians: [(&str, [u8; 4]); 6] = [
        ("multicast", [224, 0, 0, 1]),
        ("limited-broadcast", [255, 255, 255, 255]),
        ("loopback", [127, 0, 0, 1]),
        ("network-zero", [0, 0, 0, 1]),
        ("class-e", [240, 0, 0, 1]),
        ("unspecified", [0, 0, 0, 0]),
    ];
    section("rfc1812/4.2.2.11/source")
        .on(router())
        .cases(martians.map(|(name, source)| {
            let more: &[&str] = match name {
                "loopback" => &["rfc1812-4.2.2.11-10", "rfc1812-5.3.7-3", "rfc1812-5.3.7-7"],
                "network-zero" | "unspecified" => &["rfc1812-5.3.7-2"],
                _ => &["rfc1812-5.3.7-1"],
            };
            let ids = std::iter::once("rfc1812-4.2.2.11-14").chain(more.iter().copied()).collect::<Vec<_>>();
            case(format!("{name}-is-not-forwarded"), ids, move |w| send(w.passing().source(source)).silence())
        }))
        .cases(martians.map(|(name, source)| {
            let ids: &[&str] = if name == "unspecified" {
                &["rfc1812-4.2.2.11-14", "rfc1812-4.2.2.11-3"]
            } else {
                &["rfc1812-4.2.2.11-14"]
            };
            case(format!("{name}-is-not-answered"), ids.iter().copied(), move |w| {
                send(w.echo().source(source)).silence()
            })
        }))
        .cases([
            case("broadcast-of-the-subnet-is-not-forwarded", ["rfc1812-4.2.2.11-14"], |w| {
                send(w.passing().source(w.broadcast)).silence()
            }),
            case("loopback-destination-is-not-forwarded", ["rfc1812-4.2.2.11-10", "rfc1812-5.3.7-6"], |w| {
                send(w.passing().destination([127, 0, 0, 1])).silence()
            }),
            case("unspecified-source-passes-where-a-protocol-wants-it", ["rfc1812-4.2.2.11-2"], |w| {
                let discover = w.udp(67).source([0, 0, 0, 0]).destination([255, 255, 255, 255]);
                send(discover).delivers(0, octets(12))
            })
            .on(router().udp_any(67)),
            case("closed-port-of-an-unspecified-source-is-silent", ["rfc1812-4.2.2.11-3"], |w| {
                send(w.closed().source([0, 0, 0, 0])).silence()
            }),
        ])
}

fn broadcasts() -> Section {
    section("rfc1812/4.2.2.11/broadcast").on(router().udp_any(9)).cases([
        case(
            "directed-broadcast-of-the-link-is-received",
            ["rfc1812-4.2.2.11-8", "rfc1812-4.2.2.11-9", "rfc1812-5.2.3-8"],
            |w| send(w.udp(9).destination(w.broadcast)).delivers(0, octets(12)),
        )
        // RFC 2644 §3 asks for the opposite and has a case that binds.
        .level(Level::May),
        case(
            "limited-broadcast-is-received",
            ["rfc1812-4.2.2.11-12", "rfc1812-4.2.3.1-6", "rfc1812-5.3.5.1-2"],
            |w| send(w.udp(9).destination([255, 255, 255, 255])).delivers(0, octets(12)),
        ),
        case("joined-group-is-received", ["rfc1812-4.2.2.11-13"], |w| {
            send(w.udp(9).destination([224, 0, 0, 9])).delivers(0, octets(12))
        })
        .on(router().udp_any(9).group(0, [224, 0, 0, 9])),
        case("group-that-nobody-joined-is-not-received", ["rfc1812-4.2.2.11-13"], |w| {
            send(w.udp(9).destination([224, 0, 0, 77])).delivers_nothing()
        })
        .on(router().udp_any(9).group(0, [224, 0, 0, 9])),
        case("router-may-send-directed-broadcasts", ["rfc1812-4.2.2.11-7"], |w| {
            socket_send(0, (w.broadcast, 9), b"all")
                .some(seen::udp(9, 9).interface(0).destination(w.broadcast))
        })
        .on(router().udp_any(9).option("broadcast", 1)),
    ])
}
