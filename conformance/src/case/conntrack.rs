//! A firewall that follows connections: what it lets back in, and what it does not. RFC 5927 §4 says why the quoted
//! datagram has to be looked at; the tracker behind the cases is that of a stateful filter in the sense of RFC 2979.

use super::prelude::*;
use crate::model::{Prefix, Scenario};

/// Reset and acknowledgment flags of TCP.
const SYN: u8 = 2;
const RST: u8 = 4;
const SYN_ACK: u8 = 0x12;
const ACK: u8 = 0x10;
/// The window that both ends announce.
const WINDOW: u16 = 1000;
/// Windows are in units of 128 octets from here on, and padding. RFC 7323 §2.2.
const SCALE_BY_128: &[u8] = &[3, 3, 7, 1];

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![related(), misdirected(), aging(), zones(), pieces(), queries(), segments(), translation(), rules()]
}

/// A firewall that passes what belongs to conversations from inside and drops the invalid.
fn firewall() -> Setting {
    scenario("conntrack")
}

/// A datagram that opens a conversation; it leaves first.
fn opened(packet: &Packet) -> Script {
    send(packet.clone()).answer(seen::forwarded(packet).interface(1))
}

fn related() -> Section {
    let kinds = [(3, 0), (3, 1), (3, 3), (3, 4), (3, 13), (11, 0), (11, 1), (12, 0)];
    section("conntrack/related")
        .on(firewall())
        .cases(kinds.map(|(number, code)| {
            case(format!("type-{number}-code-{code}-about-a-flow-comes-in"), [], move |w| {
                let router = w.next;
                opened(&w.passing())
                    .react(move |seen| {
                        let out = seen.of_step(0)?;
                        Ok(Packet::back_to(out, icmp(number, code).quote(&out.octets)).source(router))
                    })
                    .answer(seen::icmp(number, code).interface(0).source(router).destination(w.peer))
            })
            .aliases(["idea/L03", "idea/L04"])
        }))
        .cases([4_usize, 8, 20].map(|len| {
            case(format!("quote-of-{len}-transport-octets-is-enough"), [], move |w| {
                opened(&w.passing())
                    .react(move |seen| {
                        let out = seen.of_step(0)?;
                        Ok(Packet::back_to(out, icmp(3, 1).quote(&out.octets[..20 + len])))
                    })
                    .answer(seen::unreachable(1).interface(0).destination(w.peer))
            })
            .alias("idea/L06")
        }))
}

fn misdirected() -> Section {
    /// What makes an error one about something else.
    type Bend = fn(&mut Vec<u8>);
    let bends: [(&str, Bend); 7] = [
        ("unknown-port", |quote| quote[21] ^= 1),
        ("unknown-destination", |quote| quote[19] ^= 1),
        ("unknown-source", |quote| quote[15] ^= 1),
        ("later-fragment", |quote| quote[7] |= 1),
        ("other-protocol", |quote| quote[9] = 6),
        ("three-octets-of-transport", |quote| quote.truncate(23)),
        ("nineteen-octets", |quote| quote.truncate(19)),
    ];
    section("conntrack/not-related")
        .on(firewall())
        .cases(bends.map(|(name, bend)| {
            case(format!("{name}-is-dropped"), [], move |w| {
                opened(&w.passing())
                    .react(move |seen| {
                        let out = seen.of_step(0)?;
                        let mut quote = out.octets.clone();
                        bend(&mut quote);
                        Ok(Packet::back_to(out, icmp(3, 1).quote(quote)))
                    })
                    .silence()
            })
            .alias("idea/L06")
        }))
        .cases([
            case("error-to-another-host-is-dropped", [], |w| {
                let other = w.other;
                opened(&w.passing())
                    .react(move |seen| {
                        let out = seen.of_step(0)?;
                        Ok(Packet::back_to(out, icmp(3, 3).quote(&out.octets)).destination(other))
                    })
                    .silence()
            })
            .alias("idea/L05"),
            case("error-about-an-error-is-dropped", [], |w| {
                opened(&w.passing())
                    .react(|seen| {
                        let out = seen.of_step(0)?;
                        let error = Packet::back_to(out, icmp(11, 0).quote(&out.octets)).build();
                        Ok(Packet::back_to(out, icmp(3, 1).quote(error)))
                    })
                    .silence()
            })
            .alias("idea/L06"),
            case("error-with-a-bad-checksum-is-dropped", [], |w| {
                opened(&w.passing())
                    .react(|seen| {
                        let out = seen.of_step(0)?;
                        Ok(Packet::back_to(out, icmp(3, 1).quote(&out.octets).checksum(0x0bad)))
                    })
                    .silence()
            })
            .alias("idea/L06"),
        ])
}

fn aging() -> Section {
    let firewall = || firewall().sysctl("net.netfilter.nf_conntrack_udp_timeout", 3);
    section("conntrack/age").on(firewall()).cases([
        case("error-about-a-flow-does-not-refresh-it", [], |w| {
            let router = w.next;
            opened(&w.passing())
                .advance(seconds(2))
                .react(move |seen| {
                    let out = seen.of_step(0)?;
                    Ok(Packet::back_to(out, icmp(3, 1).quote(&out.octets)).source(router))
                })
                .answer(seen::unreachable(1).interface(0).destination(w.peer))
                .advance(seconds(2))
                .react(|seen| answer_to(seen.of_step(0)?))
                .silence()
        })
        .alias("idea/L07"),
        case("flow-repeated-in-time-is-remembered", [], |w| {
            opened(&w.passing())
                .advance(seconds(2))
                .send(w.passing())
                .answer(seen::forwarded(&w.passing()).interface(1))
                .advance(seconds(2))
                .react(|seen| answer_to(seen.of_step(0)?))
                .answer(seen::protocol(17).interface(0).destination(w.peer))
        })
        .alias("idea/L13"),
        case("flow-without-traffic-is-forgotten", [], |w| {
            opened(&w.passing()).advance(seconds(4)).react(|seen| answer_to(seen.of_step(0)?)).silence()
        })
        .alias("idea/L13"),
        case("translation-without-traffic-is-forgotten", [], |w| {
            send(w.passing())
                .some(seen::protocol(17).interface(1).source(w.out))
                .advance(seconds(4))
                .react(|seen| answer_to(seen.of_step(0)?))
                .never(seen::protocol(17).interface(0))
        })
        .on(nat().sysctl("net.netfilter.nf_conntrack_udp_timeout", 3))
        .aliases(["idea/L13", "idea/M07"]),
        case("repeated-syn-does-not-prolong-what-nobody-answers", [], |w| {
            let syn = syn(w, []);
            opened(&syn)
                .advance(seconds(2))
                .send(syn.clone())
                .answer(seen::forwarded(&syn).interface(1))
                .advance(seconds(2))
                .react(|seen| syn_ack(seen, []))
                .silence()
        })
        .on(firewall().sysctl("net.netfilter.nf_conntrack_tcp_timeout_syn_sent", 3))
        .alias("idea/L08"),
    ])
}

/// The answer of the host that a datagram with ports was sent to.
fn answer_to(out: &Datagram) -> Result<Packet, String> {
    let (from, to) = out.ports().ok_or("no ports")?;
    Ok(Packet::back_to(out, udp().source_port(to).destination_port(from).data(octets(8))))
}

fn zones() -> Section {
    let zone = |link: usize| {
        move |scenario: &mut Scenario| {
            let mut rule = rule(Hook::Prerouting, RuleAction::Zone(5));
            rule.incoming = Some(scenario.interfaces[link].name.clone());
            scenario.rules.insert(0, rule);
        }
    };
    let error = |w: &World| {
        opened(&w.passing()).react(|seen| {
            let out = seen.of_step(0)?;
            Ok(Packet::back_to(out, icmp(3, 1).quote(&out.octets)))
        })
    };
    section("conntrack/zone").cases([
        case("error-in-the-zone-of-the-flow-comes-in", [], move |w| {
            error(w).answer(seen::unreachable(1).interface(0).destination(w.peer))
        })
        .on(firewall().edit(zone(0)).edit(zone(1)))
        .alias("idea/L07"),
        case("error-in-another-zone-is-dropped", [], move |w| error(w).silence())
            .on(firewall().edit(zone(0)))
            .alias("idea/L07"),
    ])
}

fn pieces() -> Section {
    let query = |w: &World| w.transit(request().data(octets(40)));
    section("conntrack/fragments").on(firewall()).cases([
        case("query-in-pieces-opens-the-way-for-its-answer", [], move |w| {
            let pieces = query(w).fragments(&[24]);
            send_all(pieces.into_iter().rev())
                .send(w.inbound(echo_reply().identifier(ECHO_IDENTIFIER)))
                .answer(seen::icmp(0, 0).interface(0).destination(w.peer))
        })
        .alias("idea/L10"),
        case("piece-without-the-others-opens-nothing", [], move |w| {
            send(query(w).fragment(0..24))
                .never(seen::protocol(1).interface(1))
                .send(w.inbound(echo_reply().identifier(ECHO_IDENTIFIER)))
                .silence()
        })
        .alias("idea/L10"),
        case("error-in-pieces-about-a-flow-comes-in", [], |w| {
            let piece = |first: bool| {
                move |seen: &History| {
                    let out = seen.of_step(0)?;
                    let error = Packet::back_to(out, icmp(3, 1).quote(&out.octets));
                    Ok(if first { error.fragment(0..16) } else { error.fragment(16..2048) })
                }
            };
            opened(&w.passing())
                .react(piece(true))
                .react(piece(false))
                .some(seen::protocol(1).interface(0).destination(w.peer))
        })
        .alias("idea/L10"),
    ])
}

fn queries() -> Section {
    section("conntrack/queries").on(firewall()).cases([
        case("timestamp-and-its-answer-pass", [], |w| {
            let query = w.transit(timestamp_request().identifier(9));
            opened(&query)
                .react(|seen| {
                    let out = seen.of_step(0)?;
                    Ok(Packet::back_to(out, timestamp_reply().identifier(9)))
                })
                .answer(seen::icmp(14, 0).interface(0).destination(w.peer).identifier(9))
        })
        .alias("idea/L02"),
        case("answer-to-another-identifier-is-dropped", [], |w| {
            opened(&w.transit(request()))
                .react(|seen| Ok(Packet::back_to(seen.of_step(0)?, echo_reply().identifier(1))))
                .silence()
        })
        .alias("idea/L02"),
        case("answer-of-another-type-is-dropped", [], |w| {
            opened(&w.transit(request()))
                .react(|seen| {
                    Ok(Packet::back_to(seen.of_step(0)?, timestamp_reply().identifier(ECHO_IDENTIFIER)))
                })
                .silence()
        })
        .aliases(["idea/L02", "bug/pf-icmpv6-state"]),
        case("unasked-answer-makes-no-way-for-a-query", [], |w| {
            send(w.inbound(echo_reply().identifier(ECHO_IDENTIFIER)))
                .silence()
                .send(w.inbound(request()))
                .silence()
        })
        .aliases(["idea/L02", "bug/pf-state-from-reply"]),
    ])
}

/// What opens a connection from inside.
fn syn(w: &World, options: impl Into<Vec<u8>>) -> Packet {
    let segment = tcp().source_port(PEER_PORT).destination_port(80).sequence_number(1000);
    w.transit(segment.flags(SYN).window(WINDOW).options(options))
}

/// The answer from outside to the SYN that came out at the first step.
fn syn_ack(seen: &History, options: impl Into<Vec<u8>>) -> Result<Packet, String> {
    let out = seen.of_step(0)?;
    let answer = tcp().source_port(80).destination_port(PEER_PORT).flags(SYN_ACK).options(options);
    Ok(Packet::back_to(out, answer.window(WINDOW).sequence_number(5000).acknowledgment_number(1001)))
}

/// A connection from inside, established; both ends say `options` when they open it.
fn connected_with(w: &World, options: &'static [u8]) -> Script {
    let ack = tcp().source_port(PEER_PORT).destination_port(80).sequence_number(1001);
    opened(&syn(w, options))
        .react(move |seen| syn_ack(seen, options))
        .some(seen::tcp(SYN_ACK).interface(0))
        .send(w.transit(ack.acknowledgment_number(5001).flags(ACK).window(WINDOW)))
}

/// A connection from inside, established.
fn connected(w: &World) -> Script {
    connected_with(w, &[])
}

fn segments() -> Section {
    let reset = |w: &World, sequence: u32| {
        let reset = tcp().source_port(80).destination_port(PEER_PORT).flags(RST);
        w.inbound(reset.sequence_number(sequence))
    };
    let data = |w: &World, sequence: u32| {
        let segment = tcp().source_port(80).destination_port(PEER_PORT).flags(ACK).window(WINDOW);
        w.inbound(segment.sequence_number(sequence).acknowledgment_number(1001).data(octets(10)))
    };
    section("conntrack/tcp").on(firewall()).cases([
        case("exact-reset-passes", [], move |w| {
            connected(w).send(reset(w, 5001)).answer(seen::tcp(RST).interface(0).destination(w.peer))
        })
        .alias("idea/L12"),
        case("reset-below-the-window-is-dropped", [], move |w| connected(w).send(reset(w, 4000)).silence())
            .alias("idea/L12"),
        case("segment-within-the-window-passes", [], move |w| {
            connected(w).send(data(w, 5001 + 900)).answer(seen::tcp(ACK).interface(0).destination(w.peer))
        })
        .alias("idea/L13"),
        case("segment-beyond-the-window-is-dropped", [], move |w| {
            connected(w).send(data(w, 5001 + 9000)).silence()
        })
        .alias("idea/L13"),
        case("segment-within-the-scaled-window-passes", [], move |w| {
            connected_with(w, SCALE_BY_128)
                .send(data(w, 5001 + 9000))
                .answer(seen::tcp(ACK).interface(0).destination(w.peer))
        })
        .alias("idea/L13"),
        case("segment-beyond-the-scaled-window-is-dropped", [], move |w| {
            connected_with(w, SCALE_BY_128).send(data(w, 5001 + 300_000)).silence()
        })
        .alias("idea/L13"),
        case("segment-of-no-connection-is-dropped", [], |w| {
            let answer = tcp().source_port(80).destination_port(PEER_PORT).flags(SYN_ACK);
            send(w.inbound(answer)).silence()
        })
        .alias("idea/L12"),
    ])
}

fn translation() -> Section {
    section("conntrack/translation").on(nat()).cases([
        case("other-protocols-wear-the-outside-address", [], |w| {
            let odd = w.transit(octets(24)).protocol(99);
            send(odd)
                .answer(seen::protocol(99).interface(1).source(w.out).destination(w.far).payload(octets(24)))
        })
        .alias("idea/M09"),
        case("query-in-pieces-is-translated-in-whatever-order", [], |w| {
            let pieces = w.transit(request().data(octets(40))).fragments(&[16, 32]);
            send_all(pieces.into_iter().rev())
                .some(seen::protocol(1).interface(1).source(w.out).destination(w.far))
                .never(seen::protocol(1).interface(1).source(w.peer))
        })
        .alias("idea/M08"),
        case("flow-whose-port-is-taken-gets-another", [], |w| {
            send(w.passing())
                .some(seen::protocol(17).interface(1).source(w.out))
                .send(w.passing().source(w.other))
                .some(seen::protocol(17).interface(1).source(w.out))
                .law("two flows have two ports", Dimension::Frames, |seen| {
                    let (one, two) = (seen.of_step(0)?.ports(), seen.of_step(1)?.ports());
                    if one == two { Err(format!("both have {one:?}")) } else { Ok(()) }
                })
        })
        .alias("idea/M10"),
        case("filter-sees-sources-before-they-are-translated", [], |w| {
            send(w.passing()).answer(seen::protocol(17).interface(1).source(w.out).destination(w.far))
        })
        .on(nat().edit(|scenario| {
            let from = Some(Prefix::new(scenario.interfaces[1].addresses[0].address, 32));
            scenario.rules.insert(0, Rule { from, ..rule(Hook::Forward, RuleAction::Drop) });
        }))
        .alias("idea/M10"),
        case("table-shows-both-tuples-with-the-identifier", [], |w| {
            let (inside, far, own) = (w.peer, w.far, w.out);
            send(w.transit(request())).tracks(entry(1).and("inside to far, far to outside", move |it| {
                let answered = it.reply.source == far && it.reply.destination == own;
                it.original.source == inside
                    && it.original.source_id == ECHO_IDENTIFIER
                    && it.reply.source_id != 0
                    && answered
            }))
        })
        .alias("idea/L14"),
        case("redirect-does-not-cross", [], |w| {
            let router = w.next;
            send(w.passing())
                .answer(seen::protocol(17).interface(1).source(w.out))
                .react(move |seen| {
                    let out = seen.of_step(0)?;
                    Ok(Packet::back_to(out, icmp(5, 1).quote(&out.octets)).source(router))
                })
                .never(seen::icmp_type(5).interface(0))
        })
        .alias("idea/M15"),
    ])
}

fn rules() -> Section {
    let untracked = || nat().rule(Rule { protocol: Some(17), ..rule(Hook::Prerouting, RuleAction::Notrack) });
    section("conntrack/rules").cases([
        case("what-is-not-tracked-is-not-translated", [], |w| {
            send(w.passing()).answer(seen::forwarded(&w.passing()).interface(1))
        })
        .on(untracked())
        .aliases(["idea/L11", "idea/M11"]),
        case("error-about-what-is-not-tracked-is-translated-for-nobody", [], |w| {
            let own = w.out;
            send(w.passing())
                .react(move |seen| {
                    let out = seen.of_step(0)?;
                    Ok(Packet::back_to(out, icmp(3, 1).quote(&out.octets)).destination(own))
                })
                .never(seen::icmp_type(3).interface(0))
        })
        .on(untracked())
        .alias("idea/L11"),
    ])
}
