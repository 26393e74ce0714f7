//! RFC 1191: path MTU discovery.

use super::prelude::*;

/// The sections of RFC 1191.
pub(super) fn sections() -> Vec<Section> {
    vec![estimate(), several(), bad_reports(), aging(), mss(), router_reports()]
}

/// A host that probes the path with UDP: `pmtudisc` 2 sets DF always and refuses what is too large.
fn probing() -> Setting {
    host().udp(7).option("pmtudisc", 2)
}

/// A host that sets DF as long as the estimate lets it, and fragments otherwise: `pmtudisc` 1.
fn wanting() -> Setting {
    host().udp(7).option("pmtudisc", 1)
}

/// Sends 1 400 octets to `far` and reports `mtus` one after the other about them.
fn after(w: &World, mtus: &[u16]) -> Script {
    let (far, gateway) = (w.far, w.peer);
    let first = socket_send(0, (far, 9), octets(1400)).answer(seen::udp(7, 9).dont_fragment(true));
    mtus.iter().fold(first, |script, mtu| {
        let mtu = *mtu;
        script.react(move |seen| {
            let sent = seen.of_step(0)?;
            Ok(Packet::back_to(sent, fragmentation_needed(mtu).quote(&sent.octets)).source(gateway))
        })
    })
}

/// What must not leave: more than `len` octets with don't fragment set.
fn larger_than(len: u16) -> Pattern {
    seen::protocol(17).that("ipv4.total_length", format!("more than {len} with don't fragment"), move |it| {
        it.total_length() > len && it.dont_fragment()
    })
}

fn estimate() -> Section {
    section("rfc1191/3").on(wanting()).cases([
        case("reported-mtu-limits-what-follows", ["rfc1191-3-1", "rfc1191-3-2", "rfc1191-3-4"], |w| {
            after(w, &[1300])
                .socket_send(0, (w.far, 9), octets(1400))
                .never(larger_than(1300))
                .some(seen::protocol(17).destination(w.far))
        })
        .alias("idea/D09"),
        case("what-fits-goes-on-with-dont-fragment", ["rfc1191-3-1"], |w| {
            after(w, &[1300])
                .socket_send(0, (w.far, 9), octets(1200))
                .answer(seen::udp(7, 9).dont_fragment(true).at_most(1300))
        }),
        case("application-is-told-that-a-datagram-is-too-large", ["rfc1191-3-1"], |w| {
            after(w, &[1300]).socket_send(0, (w.far, 9), octets(1400)).never(larger_than(1300))
        })
        .on(probing()),
        case("estimates-settle-at-the-smallest-report", ["rfc1191-3-3"], |w| {
            after(w, &[1400, 1300, 1200])
                .socket_send(0, (w.far, 9), octets(1400))
                .never(larger_than(1200))
                .socket_send(0, (w.far, 9), octets(1100))
                .answer(seen::udp(7, 9).at_most(1200))
        }),
        case("a-larger-report-raises-nothing", ["rfc1191-3-11"], |w| {
            after(w, &[1300, 1400]).socket_send(0, (w.far, 9), octets(1390)).never(larger_than(1300))
        })
        .alias("idea/D10"),
        case("estimate-belongs-to-one-destination", ["rfc1191-6.2-1"], |w| {
            after(w, &[1300])
                .socket_send(0, (w.far2, 9), octets(1400))
                .answer(seen::udp(7, 9).destination(w.far2).total_length(1428).dont_fragment(true))
        })
        .alias("idea/D09"),
    ])
}

fn several() -> Section {
    section("rfc1191/6.2").on(host().udp(7).option("pmtudisc", 1).udp(8).option("pmtudisc", 1)).cases([case(
        "every-user-of-the-path-is-told",
        ["rfc1191-6.2-2"],
        |w| after(w, &[1300]).socket_send(1, (w.far, 9), octets(1400)).never(larger_than(1300)),
    )])
}

fn bad_reports() -> Section {
    section("rfc1191/3/report").on(wanting()).cases([
        case("report-of-zero-is-coped-with", ["rfc1191-3-9", "rfc1191-5-1"], |w| {
            after(w, &[0])
                .socket_send(0, (w.far, 9), octets(1400))
                .never(larger_than(1427))
                .some(seen::protocol(17).destination(w.far))
        })
        .alias("idea/D10"),
        case("report-of-40-does-not-bring-the-estimate-below-68", ["rfc1191-3-10"], |w| {
            after(w, &[40])
                .socket_send(0, (w.far, 9), octets(40))
                .answer(seen::udp(7, 9).destination(w.far).total_length(68))
        })
        .alias("idea/D10"),
        case("report-of-67-does-not-bring-the-estimate-below-68", ["rfc1191-3-10"], |w| {
            after(w, &[67])
                .socket_send(0, (w.far, 9), octets(40))
                .answer(seen::udp(7, 9).destination(w.far).total_length(68))
        })
        .alias("idea/D10"),
    ])
}

fn aging() -> Section {
    let fast = || wanting().sysctl("net.ipv4.route.mtu_expires", 2);
    section("rfc1191/6.3").on(fast()).cases([
        case("estimate-may-grow-again-after-a-while", ["rfc1191-3-5", "rfc1191-6.3-1"], |w| {
            after(w, &[1300])
                .advance(seconds(4))
                .socket_send(0, (w.far, 9), octets(1400))
                .answer(seen::udp(7, 9).total_length(1428).dont_fragment(true))
        })
        .alias("idea/D09"),
        case("estimate-does-not-grow-within-twenty-seconds", ["rfc1191-3-6"], |w| {
            // The clause says five minutes; what a live stack shows within the budget of a case is a part of that.
            after(w, &[1300])
                .advance(seconds(20))
                .socket_send(0, (w.far, 9), octets(1400))
                .never(larger_than(1300))
        })
        .on(wanting()),
        case("growing-sends-nothing-by-itself", ["rfc1191-6.3-3"], |w| {
            after(w, &[1300]).advance(seconds(4)).never(seen::protocol(17))
        }),
    ])
}

fn mss() -> Section {
    section("rfc1191/3.1").on(host().tcp(80)).cases([case(
        "mss-is-that-of-the-link-also-for-far-peers",
        ["rfc1191-3.1-2"],
        |w| {
            let syn = tcp().source_port(PEER_PORT).destination_port(80).sequence_number(1000).flags(2);
            let mtu = w.links[0].mtu as u16;
            let mss = (mtu - 40).to_be_bytes();
            send(w.ip(syn).source(w.far)).answer(seen::tcp(0x12).destination(w.far).that(
                "tcp.mss",
                mtu - 40,
                move |it| {
                    it.payload()
                        .get(20..)
                        .is_some_and(|options| options.windows(4).any(|it| it == [2, 4, mss[0], mss[1]]))
                },
            ))
        },
    )])
}

fn router_reports() -> Section {
    section("rfc1191/4")
        .on(router())
        .cases([68, 576, 1006, 1400].map(|mtu: u16| {
            case(
                format!("mtu-{mtu}-of-the-next-link-is-reported"),
                ["rfc1191-4-1", "rfc1191-4-2", "rfc1191-4-4"],
                move |w| {
                    let large = w.transit(octets(1480)).dont_fragment();
                    send(large.clone()).answer(
                        seen::unreachable(4).word(mtu.into()).destination(w.peer).quotes_but_ttl(&large),
                    )
                },
            )
            .on(router().mtu(1, mtu.into()))
            .alias("idea/D05")
        }))
        .cases([576usize, 1400].map(|mtu| {
            case(format!("exactly-{mtu}-octets-pass-and-one-more-does-not"), ["rfc1191-4-3"], move |w| {
                let fits = w.transit(octets(mtu - 20)).dont_fragment();
                let larger = w.transit(octets(mtu - 19)).dont_fragment();
                send(fits.clone())
                    .answer(seen::forwarded(&fits).interface(1))
                    .send(larger)
                    .answer(seen::unreachable(4).mtu(mtu as u16))
            })
            .on(router().mtu(1, mtu as u32))
        }))
}
