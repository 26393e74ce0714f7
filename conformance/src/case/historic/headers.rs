//! Bugs in headers, sums and options.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![lengths(), checksums(), protocols(), bad_options(), odd_options()]
}

fn lengths() -> Section {
    section("historic/headers/length").cases([
        case("an-echo-request-longer-than-the-frame-leaks-nothing", ["rfc0791-3.1-4"], |w| {
            send(w.echo().total_length(1400)).silence()
        })
        .aliases(["bug/nucleus-31346", "bug/uip-checksum-13987"]),
        case("octets-behind-the-datagram-are-trimmed", ["rfc0791-3.1-4"], |w| {
            send(w.echo().padding(200)).answer(seen::reply_to(&w.echo()))
        })
        .alias("bug/lwip-trim"),
        case("header-length-4-is-dropped", ["rfc0791-3.1-2"], |w| send(w.echo().ihl(4)).silence())
            .alias("bug/lwip-ihl-min"),
    ])
}

fn checksums() -> Section {
    section("historic/headers/checksum")
        .cases((0..20).filter(|octet| !matches!(octet, 10 | 11)).map(|octet| {
            case(format!("a-flipped-bit-in-octet-{octet}-is-seen"), ["rfc0791-3.1-13"], move |w| {
                let was = w.echo().build()[octet];
                send(w.echo().octet(octet, was ^ 1)).silence()
            })
            .alias("bug/gvisor-header-checksum")
        }))
        .cases([
            case("a-frame-from-the-own-hardware-address-is-verified", ["rfc0791-3.1-13"], |w| {
                send(w.echo().wrong_header_checksum().link_source(w.links[0].mac)).silence()
            })
            .on(scenario("host-ethernet"))
            .alias("bug/freertos-mac-bypass"),
            case("a-message-from-the-own-hardware-address-is-verified", ["rfc0792-formats-8"], |w| {
                let wrong = w.ip(echo_request().data(octets(8)).checksum(0xdead));
                send(wrong.link_source(w.links[0].mac)).silence()
            })
            .on(scenario("host-ethernet"))
            .alias("bug/freertos-mac-bypass"),
            case("the-own-address-as-source-is-refused", ["rfc1122-3.2.1.3-9"], |w| {
                send(w.echo().source(w.dut)).silence()
            })
            .alias("bug/zephyr-localhost-spoof"),
        ])
}

fn protocols() -> Section {
    let pairs = [53, 55, 77, 103].into_iter().flat_map(|protocol| [0, 1].map(|ttl| (protocol, ttl)));
    section("historic/headers/protocol").on(router()).cases(pairs.map(|(protocol, ttl)| {
        case(
            format!("protocol-{protocol}-that-expires-with-ttl-{ttl}-is-reported"),
            ["rfc1812-5.3.1-4"],
            move |w| {
                let transit = w.transit(octets(20)).protocol(protocol).ttl(ttl);
                send(transit).answer(seen::time_exceeded(0).destination(w.peer))
            },
        )
        .alias("bug/cisco-ios-protocols")
    }))
}

/// Options that are wrong: one report or none, and the stack lives on.
fn bad_options() -> Section {
    let rows: [(&str, &str, &[u8]); 13] = [
        ("loose-route-pointer-0", "treck-11909", &[131, 7, 0, 10, 0, 0, 9, 0]),
        ("loose-route-pointer-3", "treck-11909", &[131, 7, 3, 10, 0, 0, 9, 0]),
        ("strict-route-length-2", "treck-11909", &[137, 2, 0, 0]),
        ("strict-route-beyond-the-header", "treck-11909", &[137, 39, 4, 10, 0, 0, 9, 0]),
        ("record-route-length-0", "freebsd-options-2000", &[7, 0, 4, 0]),
        ("record-route-length-1", "freebsd-options-2000", &[7, 1, 4, 0]),
        ("record-route-pointer-3", "windows-options-2005", &[7, 7, 3, 0, 0, 0, 0, 0]),
        ("timestamp-pointer-0", "gvisor-rr-ts-pointer", &[68, 8, 0, 0, 0, 0, 0, 0]),
        ("timestamp-pointer-4", "gvisor-rr-ts-pointer", &[68, 8, 4, 0, 0, 0, 0, 0]),
        ("timestamp-overflow-15", "netx-options-ts", &[68, 8, 9, 0xf0, 1, 2, 3, 4]),
        ("timestamp-half-a-slot", "linux-icmp-send-options-echo", &[68, 8, 5, 1, 0, 0, 0, 0]),
        ("two-source-routes-one-cut", "vxworks-12256", &[131, 7, 8, 10, 0, 0, 9, 137]),
        ("two-source-routes", "vxworks-12256", &[131, 7, 8, 10, 0, 0, 9, 1, 137, 7, 8, 10, 0, 0, 9, 0]),
    ];
    section("historic/options/bad").cases(rows.map(|(name, bug, octets)| {
        case(format!("{name}-is-reported-or-dropped"), ["rfc1122-3.2.1.8-4"], move |w| {
            send(w.closed().options(octets)).may_answer("RFC 1122 §3.2.2.5", seen::icmp(12, 0).source(w.dut))
        })
        .aliases(["idea/B03"])
        .alias(format!("bug/{bug}"))
    }))
}

/// Options that are right but odd.
fn odd_options() -> Section {
    section("historic/options/odd")
        .cases(
            (1..4).flat_map(|shift| [("record-route", 7), ("timestamp", 68)].map(|kind| (shift, kind))).map(
                |(shift, (name, kind))| {
                    case(
                        format!("{name}-behind-{shift}-no-operations-is-filled"),
                        ["rfc1122-3.2.2.6-8"],
                        move |w| {
                            let nops = (0..shift).fold(options(), |options, _| options.no_operation());
                            let all = if kind == 7 { nops.record_route(2) } else { nops.timestamp(0, 2) };
                            let request = w.echo().options(all);
                            send(request.clone())
                                .answer(seen::reply_to(&request).header_len(20 + (shift + 12) / 4 * 4))
                        },
                    )
                    .alias("bug/netbsd-options-align")
                },
            ),
        )
        .cases([
            case("a-security-tag-of-length-0-is-survived", ["rfc1122-3.2.1.8-4"], |w| {
                let tag = w.echo().options([134, 10, 0, 0, 0, 1, 5, 0, 0, 0]);
                send(tag).never(seen::datagram().at_most(0)).send(w.echo()).answer(seen::reply_to(&w.echo()))
            })
            .alias("bug/linux-cipso-validate-loop"),
            case("an-empty-security-bitmap-is-survived", ["rfc1122-3.2.1.8-4"], |w| {
                let tag = w.echo().options([134, 10, 0, 0, 0, 1, 1, 4, 0, 0]);
                send(tag).never(seen::datagram().at_most(0)).send(w.echo()).answer(seen::reply_to(&w.echo()))
            })
            .alias("bug/linux-cipso-bitmap-null"),
            case("an-error-about-the-longest-headers-fits", ["rfc1812-4.3.2.3-1"], |w| {
                let segment = tcp().destination_port(9).data_offset(15).options([1; 40]).data(octets(128));
                let transit = w.transit(segment).options([1; 40]).ttl(1);
                send(transit.clone()).answer(seen::time_exceeded(0).at_most(576).quotes(&transit))
            })
            .on(router())
            .alias("bug/xnu-4407"),
        ])
}
