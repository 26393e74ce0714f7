//! RFC 1812 §5.2.7: the ICMP messages that forwarding brings about.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![fragmentation_needed(), redirects(), no_redirects(), time_exceeded()]
}

/// A router that knows a better gateway on the link the datagram comes by.
fn detour() -> Setting {
    router().via("203.0.113.0/24", [10, 0, 0, 9], 0).edit(|scenario| {
        for name in ["all", "default"] {
            scenario.sysctl.insert(format!("net.ipv4.conf.{name}.send_redirects"), "1".to_owned());
        }
    })
}

/// A datagram that takes the detour.
fn round(w: &World) -> Packet {
    w.passing().destination([203, 0, 113, 9])
}

fn fragmentation_needed() -> Section {
    let large = |w: &World| w.transit(to_port(CLOSED_PORT).data(octets(1400))).dont_fragment();
    section("rfc1812/5.2.7.1").on(router()).cases([576, 1000, 1400].map(|mtu| {
        case(format!("mtu-{mtu}-is-told"), ["rfc1812-5.2.7.1-10", "rfc1812-5.2.7.1-2"], move |w| {
            let transit = large(w);
            send(transit.clone()).answer(
                seen::unreachable(4).mtu(mtu as u16).destination(w.peer).quotes_but_ttl(&transit).that(
                    "icmp.unused",
                    "zero in front of the MTU",
                    |it| it.identifier() == Some(0),
                ),
            )
        })
        .on(router().mtu(1, mtu))
        .alias("idea/D05")
    }))
}

fn redirects() -> Section {
    section("rfc1812/5.2.7.2").on(detour()).cases([
        case(
            "better-gateway-on-the-link-is-told-and-the-datagram-forwarded",
            ["rfc1812-5.2.7.2-1", "rfc1812-5.2.7.2-2", "rfc1812-5.2.7.2-5", "rfc1812-5.2.7.2-9"],
            |w| {
                send(round(w)).answers([
                    seen::redirect(1, [10, 0, 0, 9].into())
                        .interface(0)
                        .source(w.dut)
                        .destination(w.peer)
                        .quotes_but_ttl(&round(w)),
                    seen::forwarded(&round(w)).interface(0),
                ])
            },
        )
        .alias("idea/H13")
        .alias("idea/E07"),
        case(
            "type-of-service-does-not-bring-a-network-redirect",
            ["rfc1812-5.2.7.2-1", "rfc1812-5.2.7.2-3", "rfc1812-5.2.7.2-4"],
            |w| {
                send(round(w).tos(0x10)).some(
                    seen::icmp_type(5).that("icmp.code", "1 or 3", |it| {
                        matches!(it.icmp_type_and_code(), Some((5, 1 | 3)))
                    }),
                )
            },
        ),
        case("redirect-comes-from-the-subnet-of-the-source", ["rfc1812-5.2.7.2-9"], |w| {
            let from = [10, 0, 3, 7];
            send(round(w).source(from)).law("from 10.0.3.1, if at all", Dimension::Frames, |seen| {
                let redirects =
                    seen.datagrams().filter(|it| it.icmp_type_and_code().is_some_and(|it| it.0 == 5));
                match redirects.map(Datagram::source).find(|it| it.octets() != [10, 0, 3, 1]) {
                    Some(other) => Err(format!("from {other}")),
                    None => Ok(()),
                }
            })
        })
        .on(detour().address(0, "10.0.3.1/24")),
    ])
}

fn no_redirects() -> Section {
    section("rfc1812/5.2.7.2/not").on(detour()).cases([
        case("out-by-another-link", ["rfc1812-5.2.7.2-6"], |w| {
            send(w.passing()).answer(seen::forwarded(&w.passing()).interface(1))
        }),
        case("source-on-another-subnet-than-the-gateway", ["rfc1812-5.2.7.2-7"], |w| {
            send(round(w).source([10, 0, 3, 7])).never(seen::icmp_type(5))
        })
        .on(detour().address(0, "10.0.3.1/24")),
        case("source-on-another-subnet-without-shared-media", ["rfc1812-5.2.7.2-7"], |w| {
            send(round(w).source([10, 0, 3, 7])).never(seen::icmp_type(5))
        })
        .on(detour().address(0, "10.0.3.1/24").sysctl("net.ipv4.conf.all.shared_media", 0).conf(
            0,
            "shared_media",
            0,
        )),
        case("forwarding-switched-off", ["rfc1812-5.3.12.1-2", "rfc1812-5.3.12.1-1"], |w| {
            send(round(w)).never(seen::icmp_type(5)).never(seen::protocol(17)).probe(Probe::EchoOnly)
        })
        .on(detour().conf(0, "forwarding", 0)),
        case("transit-may-follow-an-allowed-redirect", ["rfc1812-5.2.7.2-11"], |w| {
            let (dut, next, far) = (w.out, w.next, w.far);
            let quoted = w.transit(request()).source(dut).build();
            let better = w.links[1].other;
            send(
                Packet::new(redirect(RedirectCode::Host, better).quote(quoted))
                    .source(next)
                    .destination(dut)
                    .on(1),
            )
            .send(w.passing())
            .answer(seen::forwarded(&w.passing()).interface(1).destination(far))
        })
        .on(router().sysctl("net.ipv4.conf.all.accept_redirects", 1).conf(1, "accept_redirects", 1)),
    ])
}

fn time_exceeded() -> Section {
    section("rfc1812/5.2.7.3").on(router()).cases([
        case("expiry-is-reported-with-an-unused-word-of-zero", ["rfc1812-5.2.7.3-1"], |w| {
            let transit = w.passing().ttl(1);
            send(transit.clone()).answer(
                seen::time_exceeded(0).word(0).source(w.dut).destination(w.peer).quotes_but_ttl(&transit),
            )
        }),
        case("expiry-on-the-other-link-is-reported-by-default", ["rfc1812-5.2.7.3-2"], |w| {
            let inbound = w.inbound(to_port(CLOSED_PORT)).ttl(1);
            send(inbound.clone()).answer(seen::time_exceeded(0).interface(1).quotes_but_ttl(&inbound))
        }),
    ])
}
