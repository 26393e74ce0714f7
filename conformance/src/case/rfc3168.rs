//! RFC 3168: explicit congestion notification.

use super::prelude::*;

/// The sections of RFC 3168.
pub(super) fn sections() -> Vec<Section> {
    vec![transit(), marking(), dropped(), fragmentation(), reassembly(), connections()]
}

fn marking() -> Section {
    section("rfc3168/5/marking").on(router()).cases([1, 2].map(|ecn| {
        case(format!("ect-{ecn}-may-become-ce-and-nothing-else"), ["rfc3168-5-8"], move |w| {
            let transit = w.passing().tos(ecn);
            send(transit.clone()).answer(seen::forwarded(&transit).interface(1).that(
                "ipv4.tos",
                "the codepoint as it came, or CE",
                move |it| [ecn, 3].contains(&it.tos()),
            ))
        })
        .alias("idea/A19")
    }))
}

fn transit() -> Section {
    section("rfc3168/5")
        .on(router())
        .cases((0..4u8).map(|ecn| {
            case(
                format!("ecn-{ecn}-passes-an-idle-router"),
                ["rfc3168-5-5", "rfc3168-5-2", "rfc3168-5-3", "rfc3168-5-6", "rfc3168-8-1"],
                move |w| {
                    let transit = w.passing().tos(ecn);
                    send(transit.clone()).answer(seen::forwarded(&transit).interface(1).ecn(ecn))
                },
            )
        }))
        .cases((0..4u8).map(|ecn| {
            case(format!("ecn-{ecn}-passes-a-translator"), ["rfc3168-9.1-1"], move |w| {
                let transit = w.passing().tos(ecn);
                send(transit.clone()).answer(seen::translated(&transit, w.out).interface(1).ecn(ecn))
            })
            .on(nat())
        }))
}

fn dropped() -> Section {
    section("rfc3168/5/drop").on(router()).cases([
        case("ect-and-dont-fragment-go-together", ["rfc3168-5.3-1"], |w| {
            let transit = w.passing().tos(2).dont_fragment();
            send(transit.clone()).answer(seen::forwarded(&transit).interface(1).ecn(2))
        }),
        case("expiry-is-not-turned-into-a-mark", ["rfc3168-5-4"], |w| {
            send(w.passing().tos(2).ttl(1)).never(seen::protocol(17).interface(1))
        }),
        case("no-route-is-not-turned-into-a-mark", ["rfc3168-5-4"], |w| {
            send(w.passing().tos(2).destination([203, 0, 113, 9])).never(seen::protocol(17).interface(1))
        })
        .on(scenario("router-dead-ends")),
        case("filter-is-not-turned-into-a-mark", ["rfc3168-5-4"], |w| {
            send(w.passing().tos(2)).never(seen::protocol(17).interface(1)).probe(Probe::EchoOnly)
        })
        .on(router().rule(Rule { protocol: Some(17), ..rule(Hook::Forward, RuleAction::Drop) })),
    ])
}

fn fragmentation() -> Section {
    section("rfc3168/5.3").on(scenario("router-narrow")).cases((0..4u8).map(|ecn| {
        case(format!("fragments-keep-ecn-{ecn}"), ["rfc3168-5.3-2"], move |w| {
            let piece = seen::protocol(253).interface(1).ecn(ecn);
            send(w.transit(octets(1000)).tos(ecn)).answers([piece.clone(), piece])
        })
    }))
}

/// Every pair of codepoints on two fragments, and what may come of it.
fn reassembly() -> Section {
    let pairs = (0..4u8).flat_map(|first| (0..4u8).map(move |second| (first, second)));
    section("rfc3168/5.3/reassembly").on(host().raw(253)).cases(pairs.map(|(first, second)| {
        let requirements: &[&str] = match (first, second) {
            _ if first == second => &["rfc3168-5.3-5"],
            (3, 0) | (0, 3) => &["rfc3168-5.3-3", "rfc3168-5.3-4"],
            (3, _) | (_, 3) => &["rfc3168-5.3-3"],
            _ => &["rfc3168-5.3-6"],
        };
        case(format!("ecn-{first}-and-{second}"), requirements.iter().copied(), move |w| {
            let whole = w.ip(octets(48));
            let parts = [whole.fragment(0..24).tos(first), whole.fragment(24..48).tos(second)];
            let allowed = move |ecn: u8| match (first, second) {
                _ if first == second => ecn == first,
                (3, 0) | (0, 3) => false,
                (3, _) | (_, 3) => ecn == 3,
                _ => ecn != 3,
            };
            let must_arrive = first == second;
            send_all(parts).law("the codepoint that the pair allows", Dimension::Deliveries, move |seen| {
                let came: Vec<_> = seen.steps.iter().flat_map(|step| &step.observation.deliveries).collect();
                match &came[..] {
                    [] if !must_arrive => Ok(()),
                    [one] if one.data.get(1).is_some_and(|tos| allowed(tos & 3)) => Ok(()),
                    other => Err(format!(
                        "{} deliveries, type of service {:?}",
                        other.len(),
                        other.first().map(|it| it.data[1])
                    )),
                }
            })
        })
        .alias("idea/C30")
    }))
}

fn connections() -> Section {
    let syn = || tcp().source_port(PEER_PORT).destination_port(80).sequence_number(1000);
    section("rfc3168/6.1.1").on(host().tcp(80)).cases([
        case("syn-ack-is-not-ect", ["rfc3168-6.1.1-1"], move |w| {
            send(w.ip(syn().flags(0xc2))).answer(seen::protocol(6).destination(w.peer).ecn(0))
        }),
        case("syn-is-not-ect", ["rfc3168-6.1.1-1"], |w| {
            Script::default().connect(0, w.peer, 80).some(seen::protocol(6).destination(w.peer).ecn(0))
        })
        .on(host().tcp(80)),
        case("acknowledgment-alone-is-not-ect", ["rfc3168-5.2-1"], move |w| {
            let peer = w.peer;
            send(w.ip(syn().flags(0xc2)))
                .react(move |seen| {
                    let answer = seen.last()?;
                    let number = answer.payload().get(4..8).ok_or("no sequence number")?;
                    let acknowledged =
                        u32::from_be_bytes([number[0], number[1], number[2], number[3]]).wrapping_add(1);
                    let segment = tcp()
                        .source_port(PEER_PORT)
                        .destination_port(80)
                        .sequence_number(1001)
                        .acknowledgment_number(acknowledged)
                        .flags(0x18)
                        .data(octets(8));
                    Ok(Packet::back_to(answer, segment))
                })
                .some(seen::protocol(6).destination(peer).ecn(0))
        }),
    ])
}
