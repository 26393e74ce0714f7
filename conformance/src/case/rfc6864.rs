//! RFC 6864: the identification field.

use super::prelude::*;

/// The sections of RFC 6864.
pub(super) fn sections() -> Vec<Section> {
    vec![atomic(), sources(), on_the_way(), shared()]
}

fn atomic() -> Section {
    section("rfc6864/4.1").on(host().udp(9)).cases([
        case("equal-identifications-suppress-nothing", ["rfc6864-4.1-1", "rfc6864-4.1-3"], |w| {
            let one = w.udp(9).dont_fragment().identification(7);
            let two = w
                .ip(udp().source_port(PEER_PORT).destination_port(9).data(b"other"))
                .dont_fragment()
                .identification(7);
            send(one.clone())
                .delivers(0, octets(12))
                .send(two)
                .delivers(0, b"other")
                .send(one)
                .delivers(0, octets(12))
        })
        .alias("idea/A20"),
        case("identification-zero-is-accepted", ["rfc6864-4.1-3"], |w| {
            send(w.udp(9).dont_fragment().identification(0)).delivers(0, octets(12))
        })
        .alias("idea/A20"),
        case("atomic-datagrams-may-carry-any", ["rfc6864-4.1-2"], |w| {
            socket_send(0, (w.peer, 9), b"atomic")
                .answer(seen::udp(9, 9).fragment_offset(0).more_fragments(false))
        }),
    ])
}

fn sources() -> Section {
    section("rfc6864/4.2").on(host().udp(7).option("pmtudisc", 0)).cases([
        case("the-same-datagram-again-has-another", ["rfc6864-4.2-1", "rfc6864-5.2-3"], |w| {
            let peer = w.peer;
            (0..50).fold(Script::default(), |script, _| script.socket_send(0, (peer, 9), b"again")).law(
                "no identification twice",
                Dimension::Frames,
                |seen| {
                    let sent: Vec<_> = seen.datagrams().filter(|it| !it.dont_fragment()).collect();
                    let ids: std::collections::BTreeSet<_> =
                        sent.iter().map(|it| it.identification()).collect();
                    if sent.len() == 50 && ids.len() == 50 {
                        Ok(())
                    } else {
                        Err(format!("{} of {}", ids.len(), sent.len()))
                    }
                },
            )
        })
        .aliases(["idea/A21", "bug/ipid-mixed-2020"]),
        case("fragments-of-one-datagram-share-it", ["rfc6864-4.3-4"], |w| {
            socket_send(0, (w.peer, 9), octets(2000)).law(
                "one for both fragments",
                Dimension::Frames,
                |seen| {
                    let ids: Vec<_> = seen.datagrams().map(Datagram::identification).collect();
                    if ids.len() == 2 && ids[0] == ids[1] { Ok(()) } else { Err(format!("{ids:?}")) }
                },
            )
        })
        .alias("idea/A22"),
    ])
}

fn on_the_way() -> Section {
    section("rfc6864/4.3")
        .on(router())
        .cases([
            case("dont-fragment-is-not-cleared", ["rfc6864-4.3-3"], |w| {
                let transit = w.passing().dont_fragment();
                send(transit.clone()).answer(seen::forwarded(&transit).interface(1).dont_fragment(true))
            }),
            case("dont-fragment-is-obeyed", ["rfc6864-4.3-2"], |w| {
                send(w.transit(octets(1000)).dont_fragment()).answer(seen::unreachable(4))
            })
            .on(scenario("router-narrow")),
            case("dont-fragment-is-obeyed-by-a-translator", ["rfc6864-4.3-2"], |w| {
                send(w.transit(to_port(CLOSED_PORT).data(octets(1000))).dont_fragment())
                    .answer(seen::unreachable(4))
            })
            .on(nat().mtu(1, 576)),
        ])
        .cases([0, 1, 0x1234, 0xffff].map(|identification| {
            case(
                format!("identification-{identification:#06x}-passes-unchanged"),
                ["rfc6864-5.3-1"],
                move |w| {
                    let transit = w.passing().identification(identification);
                    send(transit.clone()).answer(seen::forwarded(&transit).interface(1))
                },
            )
        }))
}

fn shared() -> Section {
    section("rfc6864/5.3.1").on(nat()).cases([case(
        "two-hosts-behind-one-address-do-not-collide",
        ["rfc6864-5.3.1-1"],
        |w| {
            let from = |source| w.passing().source(source).destination(w.far).identification(77);
            send_all([from(w.peer), from(w.other)]).law(
                "different identifications",
                Dimension::Frames,
                |seen| {
                    let ids: Vec<_> = seen.datagrams().map(Datagram::identification).collect();
                    if ids.len() == 2 && ids[0] != ids[1] { Ok(()) } else { Err(format!("{ids:?}")) }
                },
            )
        },
    )])
}
