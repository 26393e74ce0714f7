//! RFC 950: subnets and address masks.

use super::prelude::*;

const DEPRECATED: &str = "RFC 6918 §3: address masks are deprecated";

/// The sections of RFC 950.
pub(super) fn sections() -> Vec<Section> {
    vec![on_link(), masks()]
}

fn on_link() -> Section {
    let quarter = || router().only_address(0, "10.0.0.1/26").only_address(1, "10.0.0.129/28").no_routes();
    section("rfc0950/2.2").on(quarter()).cases([
        case("neighbor-of-the-subnet-is-reached-on-its-link", ["rfc0950-2.2-1", "rfc0950-2.2-2"], |_| {
            socket_send(0, ([10, 0, 0, 62].into(), 9), b"in").answer(seen::udp(7, 9).interface(0))
        })
        .on(quarter().udp_any(7)),
        case("neighbor-of-the-other-subnet-is-reached-on-the-other-link", ["rfc0950-2.2-2"], |_| {
            socket_send(0, ([10, 0, 0, 142].into(), 9), b"in").answer(seen::udp(7, 9).interface(1))
        })
        .on(quarter().udp_any(7)),
        case("address-beyond-the-mask-is-not-on-the-link", ["rfc0950-2.2-1"], |w| {
            let beyond = w.ip(to_port(CLOSED_PORT)).destination([10, 0, 0, 64]);
            send(beyond).never(seen::protocol(17)).probe(Probe::EchoOnly)
        }),
    ])
}

fn masks() -> Section {
    let ask = |w: &World| w.ip(address_mask_request().identifier(7).sequence_number(3));
    section("rfc0950/app1").on(router()).cases([
        case("host-that-is-no-authority-does-not-answer", ["rfc0950-2.3-2"], move |w| send(ask(w)).silence())
            .on(host()),
        case(
            "gateway-answers-with-the-mask",
            ["rfc0950-app1-1", "rfc0950-app1-2", "rfc0950-app1-4"],
            move |w| {
                send(ask(w)).may_answer(
                    DEPRECATED,
                    seen::icmp(18, 0)
                        .source(w.dut)
                        .destination(w.peer)
                        .identifier(7)
                        .sequence_number(3)
                        .data([255, 255, 255, 0]),
                )
            },
        ),
        case("request-from-nowhere-is-answered-by-broadcast", ["rfc0950-app1-3"], move |w| {
            send(ask(w).source([0, 0, 0, 0]).destination([255, 255, 255, 255])).may_answer(
                DEPRECATED,
                seen::icmp(18, 0).source(w.dut).destination([255, 255, 255, 255].into()),
            )
        }),
        case("nobody-asks-or-tells-unasked", ["rfc0950-2.3-1", "rfc0950-2.3-3"], |_| {
            advance(seconds(1)).law("type 17 and 18 to the broadcast, or none", Dimension::Frames, |seen| {
                let masks =
                    seen.datagrams().filter(|it| matches!(it.icmp_type_and_code(), Some((17 | 18, _))));
                match masks.map(Datagram::destination).find(|it| !it.is_broadcast()) {
                    Some(other) => Err(format!("to {other}")),
                    None => Ok(()),
                }
            })
        }),
    ])
}
