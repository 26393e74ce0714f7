//! RFC 3021: prefixes of 31 bits.

use super::prelude::*;

/// The sections of RFC 3021.
pub(super) fn sections() -> Vec<Section> {
    vec![hosts(), routers(), zero_form()]
}

fn pair(address: &str) -> Setting {
    host().only_address(0, address).no_routes()
}

fn hosts() -> Section {
    let both = [("low", "192.0.2.0/31", [192, 0, 2, 1]), ("high", "192.0.2.1/31", [192, 0, 2, 0])];
    section("rfc3021/2")
        .cases(both.map(|(name, address, peer)| {
            case(format!("{name}-address-is-a-host"), ["rfc3021-2.1-1", "rfc3021-3.1-1"], move |w| {
                let request = w.echo().source(peer);
                send(request.clone()).answer(seen::reply_to(&request))
            })
            .on(pair(address))
            .alias("idea/F10")
        }))
        .cases(both.map(|(name, address, peer)| {
            case(format!("{name}-address-sends-to-its-peer"), ["rfc3021-3.3-3", "rfc3021-3.1-1"], move |w| {
                let own = w.dut;
                socket_send(0, (peer.into(), 9), b"peer")
                    .answer(seen::udp(7, 9).source(own).destination(peer.into()))
            })
            .on(pair(address).udp_any(7))
            .alias("idea/F10")
        }))
        .cases([case("broadcast-uses-the-limited-form", ["rfc3021-2.2-1"], |_| {
            let everybody = [255, 255, 255, 255].into();
            socket_send(0, (everybody, 9), b"all").some(seen::udp(7, 9).destination(everybody))
        })
        .on(pair("192.0.2.0/31").via("0.0.0.0/0", [192, 0, 2, 1], 0).udp_any(7).option("broadcast", 1))])
}

fn routers() -> Section {
    let linked = || router().only_address(1, "192.0.2.1/31").no_routes();
    section("rfc3021/3.3").on(linked()).cases([
        case("high-address-of-a-pair-is-delivered", ["rfc3021-3.3-1"], |w| {
            let request = w.echo().destination([192, 0, 2, 1]);
            send(request.clone()).answer(seen::reply_to(&request)).probe(Probe::EchoOnly)
        }),
        case("low-address-of-a-pair-is-delivered", ["rfc3021-3.3-2"], |w| {
            let request = w.echo().destination([192, 0, 2, 0]);
            send(request.clone()).answer(seen::reply_to(&request)).probe(Probe::EchoOnly)
        })
        .on(router().only_address(1, "192.0.2.0/31").no_routes()),
        case("peer-of-a-pair-is-no-broadcast", ["rfc3021-2.2.1-1"], |w| {
            let transit = w.passing().destination([192, 0, 2, 0]);
            send(transit.clone()).answer(seen::forwarded(&transit).interface(1)).probe(Probe::EchoOnly)
        }),
        case("both-addresses-of-a-remote-pair-are-unicast", ["rfc3021-2.2.1-1"], |w| {
            let (low, high) =
                (w.passing().destination([203, 0, 113, 0]), w.passing().destination([203, 0, 113, 1]));
            send(low.clone())
                .answer(seen::forwarded(&low).interface(1))
                .send(high.clone())
                .answer(seen::forwarded(&high).interface(1))
        })
        .on(router().via("203.0.113.0/31", [10, 1, 0, 9], 1)),
        case("mask-replies-of-a-pair-go-to-the-limited-broadcast", ["rfc3021-3.3-5"], |w| {
            let ask =
                w.ip(address_mask_request()).source([0, 0, 0, 0]).destination([255, 255, 255, 255]).on(1);
            send(ask)
                .may_answer(
                    "RFC 6918 §3: deprecated",
                    seen::icmp(18, 0).destination([255, 255, 255, 255].into()),
                )
                .probe(Probe::EchoOnly)
        }),
    ])
}

fn zero_form() -> Section {
    section("rfc3021/3.1").cases([
        case("zero-form-of-other-links-is-dropped", ["rfc3021-3.1-2"], |w| {
            send(w.echo().destination(w.network)).silence()
        }),
        case("zero-form-is-no-source", ["rfc3021-3.1-3"], |w| {
            send(w.echo().destination([10, 0, 0, 0]))
                .silence()
                .probe(Probe::Without("the only address is at issue"))
        })
        .on(pair("10.0.0.0/24")),
    ])
}
