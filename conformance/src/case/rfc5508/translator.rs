//! RFC 5508 §6 to §8: what a translator itself has to say.

use crate::case::prelude::*;
use crate::model::scenario::Ports;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![refused(), generated(), suppressed(), sizes(), source_routes(), other_types()]
}

fn refused() -> Section {
    section("rfc5508/6").on(one_port()).cases([case(
        "flow-that-finds-no-port-is-told-code-13",
        ["rfc5508-6-1"],
        |w| {
            let one =
                w.transit(tcp().source_port(PEER_PORT).destination_port(80).sequence_number(1).flags(2));
            let two = one.clone().source(w.other);
            send(one.clone())
                .answer(seen::translated(&one, w.out).interface(1))
                .send(two)
                .answer(seen::unreachable(13).interface(0).destination(w.other))
                .probe(Probe::EchoOnly)
        },
    )])
}

/// A translator with one port to give away: a table of connections cannot be made small for one namespace of Linux.
fn one_port() -> Setting {
    nat().edit(|scenario| {
        let ports = Ports { ports: Some((5000, 5000)), ..Ports::default() };
        for rule in &mut scenario.rules {
            if let RuleAction::Masquerade(given) = &mut rule.action {
                *given = ports.clone();
                // Ports are given to protocols that have some.
                rule.protocol = Some(6);
            }
        }
    })
}

fn generated() -> Section {
    section("rfc5508/7").on(nat()).cases([
        case("unroutable-datagram-is-reported-untranslated", ["rfc5508-7.1-1"], |w| {
            let lost = w.passing().destination([203, 0, 200, 9]);
            send(lost.clone())
                .answer(seen::icmp_type(3).interface(0).destination(w.peer).quotes_but_ttl(&lost))
                .probe(Probe::EchoOnly)
        })
        .on(nat().no_routes())
        .alias("idea/M12"),
        case("expired-datagram-is-reported-untranslated", ["rfc5508-7.2-1", "rfc5508-7.2-2"], |w| {
            let expiring = w.passing().ttl(1);
            send(expiring.clone())
                .answer(seen::time_exceeded(0).interface(0).destination(w.peer).quotes_but_ttl(&expiring))
        })
        .alias("idea/M12"),
        case("expiry-on-the-way-in-is-reported", ["rfc5508-7.2-2"], |w| {
            send(w.passing())
                .some(seen::protocol(17).interface(1))
                .react(|seen| {
                    let out = seen.of_step(0)?;
                    let (from, to) = out.ports().ok_or("no ports")?;
                    Ok(Packet::back_to(out, udp().source_port(to).destination_port(from).data(octets(8)))
                        .ttl(1))
                })
                .answer(seen::time_exceeded(0).interface(1).destination(w.far))
        })
        .alias("idea/E20")
        .alias("idea/M12"),
        case("class-of-the-datagram-is-copied-into-the-error", ["rfc5508-7.7-1"], |w| {
            send(w.passing().ttl(1).tos(0x2e << 2)).answer(seen::time_exceeded(0).that(
                "ipv4.dscp",
                "0x2e",
                |it| it.tos() >> 2 == 0x2e,
            ))
        }),
        case("errors-are-limited", ["rfc5508-7-7"], |w| {
            send_all((0..60).map(|at| w.passing().ttl(1).identification(at))).law(
                "fewer than 60 errors about 60 datagrams",
                Dimension::Frames,
                |seen| match seen.datagrams().count() {
                    60 => Err("60 errors".to_owned()),
                    _ => Ok(()),
                },
            )
        })
        .on(nat().default_limits()),
        case("redirect-may-be-sent", ["rfc5508-7-2"], |w| {
            let detour = w.passing().destination([10, 0, 2, 9]);
            send(detour.clone())
                .never(seen::icmp_type(5).interface(1))
                .some(seen::forwarded(&detour).interface(0))
        }),
        case("bad-option-may-be-pointed-at", ["rfc5508-7.5-1"], |w| {
            send(w.passing().options([7, 7, 3, 0, 0, 0, 0, 0]))
                .may_answer("RFC 5508 §7.5", seen::parameter_problem(22).interface(0).destination(w.peer))
        }),
        case("source-quench-is-not-sent", ["rfc5508-7-4"], |w| {
            send_all((0..100).map(|at| w.passing().identification(at))).law(
                "no Source Quench",
                Dimension::Frames,
                |seen| match seen.datagrams().filter(|it| it.icmp_type_and_code() == Some((4, 0))).count() {
                    0 => Ok(()),
                    some => Err(format!("{some} of them")),
                },
            )
        }),
    ])
}

fn suppressed() -> Section {
    section("rfc5508/7/silent").on(nat()).cases([
        case("expired-error-draws-none", ["rfc5508-7-6"], |w| {
            let quoted = w.inbound(to_port(CLOSED_PORT)).build();
            send(w.transit(unreachable(UnreachableCode::Port).quote(quoted)).ttl(1)).silence()
        }),
        case("expired-broadcast-draws-none", ["rfc5508-7-6"], |w| {
            send(w.passing().destination([255, 255, 255, 255]).ttl(1)).silence()
        }),
        case("expired-later-fragment-draws-none", ["rfc5508-7-6"], |w| {
            send(w.passing().ttl(1).fragment(8..20)).silence()
        }),
        case("information-request-draws-none", ["rfc5508-7-5"], |w| {
            send(w.ip(information_request().identifier(7))).silence()
        }),
    ])
}

fn sizes() -> Section {
    let large = |w: &World| w.transit(to_port(CLOSED_PORT).data(octets(1460)));
    section("rfc5508/7.1.1").on(nat().mtu(1, 1400)).cases([
        case("dont-fragment-is-honored", ["rfc5508-7.1.1-1"], move |w| {
            send(large(w).dont_fragment()).never(seen::protocol(17).interface(1))
        }),
        case("what-does-not-fit-is-reported-with-the-mtu", ["rfc5508-7.1.1-2"], move |w| {
            let sent = large(w).dont_fragment();
            send(sent.clone())
                .answer(seen::unreachable(4).interface(0).mtu(1400).destination(w.peer).quotes_but_ttl(&sent))
        })
        .alias("idea/M12"),
        case("without-dont-fragment-it-is-cut", ["rfc5508-7.1.1-3"], move |w| {
            let piece = seen::protocol(17).interface(1).source(w.out);
            send(large(w)).answers([piece.clone(), piece]).law(
                "fragments of one datagram",
                Dimension::Frames,
                |seen| {
                    let ids: Vec<_> = seen.datagrams().map(Datagram::identification).collect();
                    if ids.windows(2).all(|pair| pair[0] == pair[1]) {
                        Ok(())
                    } else {
                        Err(format!("{ids:?}"))
                    }
                },
            )
        }),
    ])
}

fn source_routes() -> Section {
    section("rfc5508/7.3").on(nat()).cases([
        case("query-with-a-source-route-may-be-translated", ["rfc5508-7.3-1"], |w| {
            let routed =
                w.transit(request()).options(options().route(OptionKind::LooseSourceRoute, 8, &[w.other]));
            send(routed).never(seen::icmp_type(8).interface(1).source(w.peer))
        }),
        case("query-with-an-untranslated-source-route-does-not-leave", ["rfc5508-7.3-2"], |w| {
            let routed =
                w.transit(request()).options(options().route(OptionKind::LooseSourceRoute, 8, &[w.other]));
            send(routed).never(seen::icmp_type(8).interface(1))
        }),
    ])
}

fn other_types() -> Section {
    section("rfc5508/8")
        .on(nat())
        .cases([9, 10, 40].map(|number| {
            case(format!("type-{number}-does-no-harm"), ["rfc5508-8-1"], move |w| {
                send(w.transit(icmp(number, 0).data(octets(8))))
                    .never(seen::icmp_error())
                    .send(w.passing())
                    .some(seen::protocol(17).interface(1).source(w.out))
            })
            .alias("idea/M05")
        }))
        .cases([
            case("timestamp-may-be-answered", ["rfc5508-7-3"], |w| {
                send(w.ip(timestamp_request().identifier(9)))
                    .may_answer("RFC 5508 §7", seen::icmp(14, 0).identifier(9).destination(w.peer))
            }),
            case("mask-request-may-be-answered", ["rfc5508-7.4-1"], |w| {
                send(w.ip(address_mask_request().identifier(9)))
                    .may_answer("RFC 5508 §7.4", seen::icmp(18, 0).identifier(9).destination(w.peer))
            }),
            case("solicitation-may-be-answered", ["rfc5508-7.6-1"], |w| {
                send(w.ip(icmp(10, 0)).destination([224, 0, 0, 2]).ttl(1))
                    .may_answer("RFC 5508 §7.6", seen::icmp_type(9))
            }),
        ])
}
