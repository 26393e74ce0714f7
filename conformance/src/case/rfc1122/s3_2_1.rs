//! RFC 1122 §3.2.1: the Internet Protocol on hosts.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![version(), checksum(), addressing(), ttl()]
}

fn version() -> Section {
    section("rfc1122/3.2.1.1").cases((0..16).filter(|it| *it != 4).map(|version| {
        case(format!("version-{version}-is-dropped"), ["rfc1122-3.2.1.1-1"], move |w| {
            send(w.echo().version(version)).silence()
        })
        .aliases(["idea/A03", "tc8/IPv4_VERSION_04"])
    }))
}

fn checksum() -> Section {
    section("rfc1122/3.2.1.2").cases([
        case("wrong-checksum-draws-no-error", ["rfc1122-3.2.1.2-1", "rfc1122-3.2.1.2-2"], |w| {
            send(w.closed().wrong_header_checksum()).silence()
        })
        .alias("idea/A11"),
        case("wrong-checksum-is-counted", ["rfc1122-3.2.1.2-2"], |w| {
            send(w.echo().wrong_header_checksum())
                .silence()
                .counts("Ip.InReceives", 1)
                .counts("Ip.InHdrErrors", 1)
                .counts("Ip.InDelivers", 0)
        })
        .aliases(["idea/A26", "idea/N03"]),
        case("wrong-checksum-is-the-reason", ["rfc1122-3.2.1.2-1"], |w| {
            send(w.echo().wrong_header_checksum()).drops(["IP_CSUM"])
        })
        .alias("idea/N04"),
    ])
}

fn addressing() -> Section {
    section("rfc1122/3.2.1.3").cases([
        case("somebody-elses-datagram-is-dropped", ["rfc1122-3.2.1.3-10"], |w| {
            send(w.echo().destination(w.other)).silence()
        })
        .aliases(["idea/F01", "tc8/IPv4_HEADER_04"]),
        case("every-own-address-answers", ["rfc1122-3.2.1.3-11", "rfc0791-2.3-1"], |w| {
            w.own.iter().fold(Script::default(), |script, own| {
                let request = w.echo().destination(*own);
                script.send(request.clone()).answer(seen::reply_to(&request))
            })
        })
        .on(host().address(0, "10.0.0.9/24").address(0, "192.0.2.1/24")),
        case("broadcast-is-delivered", ["rfc1122-3.2.1.3-12"], |w| {
            send(w.udp(7).destination(w.broadcast)).delivers(0, octets(12))
        })
        .on(host().udp_any(7))
        .aliases(["idea/F02", "tc8/IPv4_ADDRESSING_01"]),
        case("loopback-source-from-the-link-is-dropped", ["rfc1122-3.2.1.3-7"], |w| {
            send(w.echo().source([127, 0, 0, 1])).silence()
        })
        .alias("idea/F03"),
        case("multicast-source-is-dropped", ["rfc1122-3.2.1.3-15"], |w| {
            send(w.echo().source([224, 0, 0, 1])).silence()
        }),
        case("limited-broadcast-source-is-dropped", ["rfc1122-3.2.1.3-16"], |w| {
            send(w.echo().source([255, 255, 255, 255])).silence()
        }),
        case("directed-broadcast-source-is-dropped", ["rfc1122-3.2.1.3-16"], |w| {
            send(w.echo().source(w.broadcast)).silence()
        }),
    ])
}

fn ttl() -> Section {
    section("rfc1122/3.2.1.7").cases([0, 1].map(|ttl| {
        case(format!("ttl-{ttl}-is-received"), ["rfc1122-3.2.1.7-2"], move |w| {
            send(w.echo().ttl(ttl)).answer(seen::reply_to(&w.echo()).ttl_within(1..=255))
        })
        .aliases(["idea/A16", "tc8/IPv4_TTL_05"])
    }))
}
