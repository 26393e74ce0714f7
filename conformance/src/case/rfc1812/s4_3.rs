//! RFC 1812 §4.3: ICMP on routers.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![quoted(), tos(), unreachable(), limits()]
}

fn quoted() -> Section {
    section("rfc1812/4.3.2.3").on(router()).cases([case(
        "an-error-quotes-up-to-576-octets",
        ["rfc1812-4.3.2.3-1", "rfc1812-4.3.2.3-2"],
        |w| {
            let transit = w.transit(to_port(CLOSED_PORT).data(octets(1000))).ttl(1);
            send(transit.clone()).answer(seen::time_exceeded(0).quotes_at_least(&transit, 500).at_most(576))
        },
    )
    .alias("idea/H05")])
}

fn tos() -> Section {
    section("rfc1812/4.3.2.5").on(router()).cases([
        case("errors-have-precedence-6-or-7", ["rfc1812-4.3.2.5-4"], |w| {
            send(w.passing().ttl(1).tos(0x20)).answer(seen::time_exceeded(0).that(
                "ipv4.precedence",
                "6 or 7",
                |it| it.tos() >> 5 >= 6,
            ))
        })
        .alias("idea/H09"),
        case("replies-have-the-precedence-of-the-request", ["rfc1812-4.3.2.5-7"], |w| {
            send(w.echo().tos(0x60)).answer(seen::reply_to(&w.echo()).precedence(3))
        }),
    ])
}

fn unreachable() -> Section {
    section("rfc1812/4.3.3.1").on(scenario("router-dead-ends")).cases([case(
        "no-route-is-net-unreachable",
        ["rfc1812-4.3.3.1-1"],
        |w| {
            let transit = w.passing().destination([203, 0, 113, 1]);
            send(transit.clone())
                .answer(seen::unreachable(0).source(w.dut).destination(w.peer).quotes(&transit))
        },
    )
    .alias("idea/E04")])
}

fn limits() -> Section {
    section("rfc1812/4.3.2.8").on(scenario("router-default-limits")).cases([case(
        "a-burst-of-errors-is-limited",
        ["rfc1812-4.3.2.8-2"],
        |w| {
            let burst = (0..40).map(|at| w.passing().ttl(1).identification(at));
            send_all(burst)
                .law("fewer than 40 errors about 40 datagrams", Dimension::Frames, |seen| {
                    let errors =
                        seen.datagrams().filter(|it| it.icmp_type_and_code() == Some((11, 0))).count();
                    if (1..40).contains(&errors) { Ok(()) } else { Err(format!("{errors} errors")) }
                })
                .advance(seconds(2))
                .send(w.passing().ttl(1))
                .answer(seen::time_exceeded(0))
        },
    )
    .alias("idea/J01")])
}
