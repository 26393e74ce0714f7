//! Bugs in translation and connection tracking.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![leaks(), errors(), identifiers(), fragments(), tracking()]
}

/// A datagram from inside that opens a flow, and what comes of it outside.
fn opened(w: &World) -> Script {
    send(w.passing()).some(seen::protocol(17).interface(1).source(w.out))
}

fn leaks() -> Section {
    section("historic/nat/leak").on(nat()).cases([case(
        "an-error-to-the-outside-does-not-tell-the-inside-address",
        ["rfc5508-4.2.2-2"],
        |w| {
            let inside = w.peer.octets();
            opened(w)
                .react(|seen| {
                    let out = seen.last()?;
                    let (from, to) = out.ports().ok_or("no ports")?;
                    let answer = udp().source_port(to).destination_port(from).data(octets(12));
                    Ok(Packet::back_to(out, answer).ttl(1))
                })
                .answer(seen::time_exceeded(0).interface(1).source(w.out).that(
                    "icmp.quote",
                    "nothing of the inside",
                    move |it| !it.octets.windows(4).any(|four| four == inside),
                ))
        },
    )
    .aliases(["bug/netfilter-inner-leak-2002", "bug/linux-icmp-ndo-reply-dir", "idea/H11"])])
}

fn errors() -> Section {
    section("historic/nat/error")
        .on(nat())
        .cases([
            case("an-error-keeps-the-router-as-its-source", ["rfc5508-4.2.1-2", "rfc5508-4.2.1-3"], |w| {
                let (sent, router) = (w.passing(), w.next);
                opened(w)
                    .react(move |seen| {
                        let out = seen.last()?;
                        Ok(Packet::back_to(out, icmp(3, 1).quote(&out.octets)).source(router))
                    })
                    .answer(
                        seen::unreachable(1)
                            .interface(0)
                            .source(router)
                            .destination(w.peer)
                            .quotes_translated(&sent),
                    )
            })
            .aliases([
                "bug/nuttx-nat-errors",
                "bug/cilium-inner-not-reversed",
                "bug/cilium-outer-checksum",
            ]),
            case("an-error-made-by-the-translator-reaches-the-inside", ["rfc5508-7.1.1-2"], |w| {
                let big = w.transit(to_port(CLOSED_PORT).data(octets(992))).dont_fragment();
                send(big.clone())
                    .answer(seen::unreachable(4).interface(0).destination(w.peer).quotes(&big).mtu(576))
            })
            .on(nat().mtu(1, 576))
            .aliases(["bug/linux-icmp-ndo-nat-source", "idea/M12"]),
        ])
        .cases([17, 20, 31].map(|words| {
            case(format!("an-extension-behind-{words}-words-passes"), ["rfc5508-4.1-5"], move |w| {
                let router = w.next;
                opened(w)
                    .react(move |seen| {
                        let out = seen.last()?;
                        let mut data = out.octets.clone();
                        data.resize(words * 4, 0);
                        data.extend([0x20, 0, 0xdf, 0xff, 0, 4, 1, 1]);
                        let error = icmp(11, 0).word((words as u32) << 16).data(data);
                        Ok(Packet::back_to(out, error).source(router))
                    })
                    .some(seen::time_exceeded(0).interface(0).destination(w.peer))
            })
            .alias("bug/jool-4884-strict")
        }))
}

fn identifiers() -> Section {
    section("historic/nat/identifier").on(nat()).cases([case(
        "two-hosts-with-one-identifier-are-told-apart",
        ["rfc5508-3.1-1"],
        |w| {
            let second = w.other;
            send(w.transit(request()))
                .some(seen::icmp(8, 0).interface(1).source(w.out))
                .send(w.transit(request()).source(second))
                .some(seen::icmp(8, 0).interface(1).source(w.out))
                .react(|seen| {
                    let out = seen.last()?;
                    let reply = echo_reply().identifier(out.identifier().unwrap_or_default());
                    Ok(Packet::back_to(out, reply.sequence_number(1).data(octets(32))))
                })
                .answer(seen::echo_reply().interface(0).destination(second).identifier(ECHO_IDENTIFIER))
        },
    )
    .aliases(["bug/gvisor-conntrack-reply-clash", "idea/M02"])])
}

fn fragments() -> Section {
    section("historic/nat/fragment").on(nat()).cases([[0, 1], [1, 0]].map(|order| {
        case(
            format!("a-query-in-fragments-{}{}-passes", order[0], order[1]),
            ["rfc4787-11-1", "rfc4787-11-3"],
            move |w| {
                let query = w.transit(echo_request().identifier(ECHO_IDENTIFIER).data(octets(1600)));
                let parts = query.fragments(&[1480]);
                send_all(order.map(|at| parts[at].clone())).law(
                    "1608 octets outside, from the outside address",
                    Dimension::Frames,
                    {
                        let out = w.out;
                        move |seen| {
                            let outside =
                                seen.datagrams().filter(|it| it.interface == 1 && it.source() == out);
                            let len: usize = outside.map(|it| it.payload().len()).sum();
                            if len == 1608 { Ok(()) } else { Err(format!("{len} octets")) }
                        }
                    },
                )
            },
        )
        .aliases(["bug/cilium-icmp-fragments", "idea/M06"])
    }))
}

fn tracking() -> Section {
    section("historic/conntrack").on(scenario("conntrack")).cases([
        case("a-reply-of-another-type-is-not-let-in", [], |w| {
            let query = w.transit(request());
            send(query)
                .some(seen::icmp(8, 0).interface(1))
                .send(w.inbound(icmp(14, 0).identifier(ECHO_IDENTIFIER).sequence_number(1).data([0; 12])))
                .silence()
        })
        .aliases(["bug/pf-icmpv6-state", "idea/L02"]),
        case("a-reply-that-comes-first-opens-nothing", [], |w| {
            send(w.transit(echo_reply().identifier(9)))
                .silence()
                .send(w.inbound(echo_request().identifier(9)))
                .silence()
        })
        .aliases(["bug/pf-state-from-reply", "idea/L02"]),
        case("a-rejected-error-draws-no-error", ["rfc1812-4.3.2.7-1"], |w| {
            let error = unreachable(UnreachableCode::Port).quote(w.passing().source(w.far).build());
            send(w.transit(error)).silence()
        })
        .on(scenario("conntrack").edit(|scenario| {
            scenario.rules = vec![crate::model::Rule {
                hook: crate::model::scenario::Hook::Forward,
                incoming: None,
                outgoing: None,
                from: None,
                to: None,
                protocol: Some(1),
                source_port: None,
                destination_port: None,
                icmp_type: None,
                ct_state: Vec::new(),
                action: crate::model::RuleAction::Reject { code: 13 },
            }];
        }))
        .aliases(["bug/nf-reject-icmp-error", "idea/H10"]),
    ])
}
