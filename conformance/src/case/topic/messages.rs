//! ICMP messages: codes that nobody defined, quotes with options, limits and what they leave alone, loopback addresses.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![codes(), quotes(), limits(), loopback(), pointers()]
}

/// What socket 0 sent to port 9 of the peer.
fn ping_sent(w: &World) -> Packet {
    w.ip(udp().source_port(7).destination_port(9).data(b"ping")).source(w.dut).destination(w.peer)
}

fn asked(w: &World) -> Script {
    socket_send(0, (w.peer, 9), b"ping").answer(seen::udp(7, 9))
}

/// RFC 1122 says nothing of codes that came later: whatever a host makes of them, it must go on.
fn codes() -> Section {
    section("topic/message/code").on(host().udp(7)).cases([(3, 16), (3, 255), (11, 2), (12, 3)].map(
        |(number, code)| {
            case(format!("type-{number}-code-{code}-disturbs-nothing"), [], move |w| {
                let error = icmp(number, code).quote(ping_sent(w).build());
                asked(w).send(w.ip(error)).silence().send(w.echo()).answer(seen::reply_to(&w.echo()))
            })
            .alias("idea/I08")
        },
    ))
}

fn quotes() -> Section {
    section("topic/message/quote").on(host().udp(7).option("recverr", 1)).cases([
        case("a-quote-with-options-reaches-its-socket", ["rfc1122-3.2.2.1-3"], |w| {
            let quoted = ping_sent(w).options(options().no_operation());
            let error = unreachable(UnreachableCode::Port).quote(quoted.build());
            asked(w).send(w.ip(error)).reports(0, "ECONNREFUSED")
        })
        .alias("idea/B17"),
        case("a-quote-whose-header-ends-behind-it-reaches-nobody", [], |w| {
            let quoted = ping_sent(w).ihl(15);
            let error = unreachable(UnreachableCode::Port).quote(quoted.build());
            asked(w).send(w.ip(error)).reports_nothing().send(w.echo()).answer(seen::reply_to(&w.echo()))
        })
        .alias("idea/B17"),
    ])
}

fn limits() -> Section {
    section("topic/message/limit").cases([
        case("fragmentation-needed-is-not-limited", [], |w| {
            let large = w.transit(to_port(CLOSED_PORT).data(octets(1000))).dont_fragment();
            send_all((0..20).map(|at| large.clone().identification(at))).law(
                "an answer to each of 20",
                Dimension::Frames,
                |seen| match seen.datagrams().filter(|it| it.icmp_type_and_code() == Some((3, 4))).count() {
                    20 => Ok(()),
                    count => Err(format!("{count}")),
                },
            )
        })
        .on(scenario("router-narrow").default_limits())
        .alias("idea/J03"),
        case("without-a-pace-for-hosts-each-is-told", [], |w| {
            send_all((0..20).map(|at| w.closed().identification(at))).law(
                "an answer to each of 20",
                Dimension::Frames,
                |seen| match seen.datagrams().count() {
                    20 => Ok(()),
                    count => Err(format!("{count}")),
                },
            )
        })
        .on(host().default_limits().sysctl("net.ipv4.icmp_ratelimit", 0))
        .alias("idea/J04"),
        case("echo-replies-are-not-limited", [], |w| {
            send_all((0..200).map(|at| w.echo().identification(at))).law(
                "an answer to each of 200",
                Dimension::Frames,
                |seen| match seen.datagrams().count() {
                    200 => Ok(()),
                    count => Err(format!("{count}")),
                },
            )
        })
        .on(host().default_limits())
        .alias("idea/J03"),
    ])
}

fn loopback() -> Section {
    let local = [127, 0, 0, 1];
    section("topic/message/loopback")
        .cases([
            case("to-it-from-the-link-of-a-host-is-dropped", ["rfc1122-3.2.1.3-7"], move |w| {
                send(w.echo().destination(local)).silence()
            })
            .alias("idea/E16"),
            case("to-it-where-it-may-be-routed-may-be-answered", [], move |w| {
                send(w.echo().destination(local)).may_answer(
                    "RFC 1122 §3.2.1.3 (g) leaves it to the administrator",
                    seen::echo_reply().source(local.into()).destination(w.peer),
                )
            })
            .on(host().sysctl("net.ipv4.conf.all.route_localnet", 1).conf(0, "route_localnet", 1))
            .alias("idea/E16"),
        ])
        .on(router())
        .cases([
            case("to-it-from-the-link-of-a-router-is-dropped", ["rfc1812-5.3.7-1"], move |w| {
                send(w.passing().destination(local)).silence()
            })
            .alias("idea/E16"),
            case("from-it-through-a-router-is-dropped", ["rfc1812-5.3.7-1"], move |w| {
                send(w.passing().source(local)).silence()
            })
            .alias("idea/E16"),
        ])
}

/// Each octet of an option list that can be wrong, pointed at or passed over, never at another.
fn pointers() -> Section {
    let rows: [(&str, [u8; 8], u8); 6] = [
        ("record-route-length-1", [7, 1, 4, 0, 0, 0, 0, 0], 21),
        ("record-route-length-40", [7, 40, 4, 0, 0, 0, 0, 0], 21),
        ("record-route-pointer-1", [7, 7, 1, 0, 0, 0, 0, 0], 22),
        ("timestamp-length-1", [68, 1, 5, 0, 0, 0, 0, 0], 21),
        ("timestamp-pointer-1", [68, 8, 1, 0, 0, 0, 0, 0], 22),
        ("unknown-length-0", [94, 0, 0, 0, 0, 0, 0, 0], 21),
    ];
    section("topic/message/pointer").on(router()).cases(rows.map(|(name, list, at)| {
        case(format!("{name}-is-pointed-at"), [], move |w| {
            send(w.passing().options(list)).answer(seen::icmp(12, 0).destination(w.peer).that(
                "icmp.pointer",
                "at the octet, or the option",
                move |it| it.icmp_word().is_some_and(|word| (20..=at).contains(&((word >> 24) as u8))),
            ))
        })
        .alias("idea/H04")
    }))
}
