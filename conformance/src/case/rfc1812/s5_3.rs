//! RFC 1812 §5.3: what a router does with a datagram that it forwards.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![ttl(), link_broadcast(), directed_broadcast()]
}

fn ttl() -> Section {
    section("rfc1812/5.3.1")
        .on(router())
        .cases([
            case("forwarding-lowers-the-ttl", ["rfc1812-5.3.1-1"], |w| {
                send(w.passing()).answer(seen::forwarded(&w.passing()).interface(1))
            })
            .alias("idea/E01"),
            case("ttl-2-passes", ["rfc1812-5.3.1-5"], |w| {
                send(w.passing().ttl(2)).answer(seen::forwarded(&w.passing().ttl(2)).interface(1))
            })
            .alias("idea/E01"),
            case("back-to-where-it-came-from-is-forwarded-as-well", ["rfc1812-5.3.1-1"], |w| {
                let inbound = w.inbound(to_port(CLOSED_PORT));
                send(inbound.clone()).answer(seen::forwarded(&inbound).interface(0))
            }),
            case("wrong-transport-checksum-is-none-of-its-business", [], |w| {
                let transit = w.transit(to_port(CLOSED_PORT).checksum(0xdead));
                send(transit.clone()).answer(seen::forwarded(&transit).interface(1))
            })
            .alias("idea/E12"),
        ])
        .cases([0, 1].map(|ttl| {
            case(format!("ttl-{ttl}-is-reported"), ["rfc1812-5.3.1-3", "rfc1812-5.3.1-4"], move |w| {
                let transit = w.passing().ttl(ttl);
                send(transit.clone())
                    .answer(seen::time_exceeded(0).source(w.dut).destination(w.peer).quotes_but_ttl(&transit))
            })
            .alias("idea/E01")
        }))
}

fn link_broadcast() -> Section {
    section("rfc1812/5.3.4").on(scenario("router-ethernet")).cases([case(
        "a-link-broadcast-is-not-forwarded",
        ["rfc1812-5.3.4-1"],
        |w| send(w.passing().link_broadcast()).silence(),
    )
    .alias("idea/E09")])
}

fn directed_broadcast() -> Section {
    section("rfc1812/5.3.5").on(router()).cases([case(
        "limited-broadcast-is-not-forwarded",
        ["rfc1812-5.2.3-4"],
        |w| send(w.passing().destination([255, 255, 255, 255])).never(seen::datagram().interface(1)),
    )])
}
