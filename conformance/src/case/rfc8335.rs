//! RFC 8335: PROBE, the extended echo.

use super::prelude::*;
use netassay_stack::wire::build::ExtensionBuilder;

/// The local flag: the probed interface is on the node that is asked.
const LOCAL: u8 = 1;

/// The sections of RFC 8335.
pub(super) fn sections() -> Vec<Section> {
    vec![switch(), queries(), malformed(), replies(), refusals(), neighbors()]
}

fn probed() -> Setting {
    host().sysctl("net.ipv4.icmp_echo_enable_probe", 1)
}

fn ask(w: &World, about: ExtensionBuilder) -> Packet {
    w.ip(extended_echo_request()
        .identifier(0x5a5a)
        .extended_sequence_number(9)
        .extended_flags(LOCAL)
        .extension(about))
}

/// A query by the name of link 0.
fn by_name(w: &World) -> Packet {
    let name = w.names[0].clone();
    ask(w, interface_by_name(name))
}

/// The flags octet of a reply: State, reserved, A, 4, 6.
fn flags(it: &Datagram) -> Option<u8> {
    it.icmp_word().map(|word| word as u8)
}

fn switch() -> Section {
    section("rfc8335/4")
        .cases([case("without-being-enabled-it-is-silent", ["rfc8335-4-1"], |w| send(by_name(w)).silence())
            .alias("idea/G10")])
}

fn queries() -> Section {
    section("rfc8335/2.1").on(probed()).cases([
        case(
            "own-interface-is-found-by-name",
            ["rfc8335-2.1-1", "rfc8335-4.1-6", "rfc8335-3-1", "rfc8335-3-2"],
            |w| {
                send(by_name(w)).answer(
                    seen::icmp(43, 0).source(w.dut).destination(w.peer).identifier(0x5a5a).that(
                        "icmp.sequence",
                        9,
                        |it| it.icmp_word().map(|word| (word >> 8) as u8) == Some(9),
                    ),
                )
            },
        )
        .alias("idea/G10"),
        case("loopback-is-found-by-a-padded-name", ["rfc8335-2.1-1"], |w| {
            send(ask(w, interface_by_name("lo"))).answer(seen::icmp(43, 0))
        }),
        case("own-interface-is-found-by-address", ["rfc8335-2.1-3"], |w| {
            send(ask(w, interface_by_address(w.dut))).answer(seen::icmp(43, 0))
        })
        .alias("idea/G10"),
        case("absent-index-is-code-2", ["rfc8335-2.1-2", "rfc8335-4.1-3"], |w| {
            send(ask(w, interface_by_index(0x7fff_ffff))).answer(seen::icmp(43, 2))
        }),
        case("first-index-is-the-loopback", ["rfc8335-2.1-2"], |w| {
            send(ask(w, interface_by_index(1))).answer(seen::icmp(43, 0))
        }),
        case("absent-name-is-code-2", ["rfc8335-4.1-3", "rfc8335-8-2"], |w| {
            send(ask(w, interface_by_name("nosuch0"))).answer(seen::icmp(43, 2))
        }),
        case("absent-address-is-code-2", ["rfc8335-4.1-3"], |w| {
            send(ask(w, interface_by_address(w.far))).answer(seen::icmp(43, 2))
        }),
        case("code-of-the-request-is-ignored", ["rfc8335-2-2"], |w| {
            let name = w.names[0].clone();
            let query = extended_echo_request()
                .identifier(7)
                .extended_flags(LOCAL)
                .code(7)
                .extension(interface_by_name(name));
            send(w.ip(query)).answer(seen::icmp(43, 0))
        }),
        case("reserved-bits-of-the-request-are-ignored", ["rfc8335-2-3"], |w| {
            let name = w.names[0].clone();
            let query =
                extended_echo_request().identifier(7).extended_flags(0xff).extension(interface_by_name(name));
            send(w.ip(query)).answer(seen::icmp(43, 0))
        }),
    ])
}

fn malformed() -> Section {
    section("rfc8335/4.1").on(probed()).cases([
        case("without-a-structure-it-is-code-1", ["rfc8335-4.1-1"], |w| {
            send(w.ip(extended_echo_request().identifier(7).extended_flags(LOCAL))).answer(seen::icmp(43, 1))
        }),
        case("two-objects-are-code-1", ["rfc8335-4.1-1"], |w| {
            let twice = interface_by_name(w.names[0].clone()).object(3, 1, *b"lo\0\0");
            send(ask(w, twice)).answer(seen::icmp(43, 1))
        }),
        case("index-of-2-octets-is-code-1", ["rfc8335-4.1-1"], |w| {
            send(ask(w, extension().object(3, 2, [0, 1]))).answer(seen::icmp(43, 1))
        }),
        case("address-on-two-interfaces-is-code-4", ["rfc8335-4.1-5"], |w| {
            send(ask(w, interface_by_address(w.dut))).answer(seen::icmp(43, 4))
        })
        .on(probed().edit(|scenario| {
            let mut twin = scenario.interfaces[0].clone();
            twin.name = format!("{}b", twin.name);
            scenario.interfaces.push(twin);
        })),
    ])
}

fn replies() -> Section {
    section("rfc8335/3").on(probed()).cases([
        case("state-is-zero-for-own-interfaces", ["rfc8335-3-3", "rfc8335-3-4"], |w| {
            send(by_name(w)).answer(seen::icmp(43, 0).that("icmp.state", "0, reserved bits 0", |it| {
                flags(it).is_some_and(|flags| flags & 0xf8 == 0)
            }))
        }),
        case("state-is-zero-for-absent-interfaces", ["rfc8335-3-3", "rfc8335-3-4"], |w| {
            send(ask(w, interface_by_name("nosuch0"))).answer(seen::icmp(43, 2).that(
                "icmp.state",
                "0",
                |it| flags(it).is_some_and(|flags| flags & 0xf8 == 0),
            ))
        }),
        case("active-bit-is-set-for-an-interface-that-is-up", ["rfc8335-4-8", "rfc8335-4-9"], |w| {
            send(by_name(w)).answer(
                seen::icmp(43, 0)
                    .that("icmp.flags", "A and 4 set", |it| flags(it).is_some_and(|flags| flags & 6 == 6)),
            )
        }),
        case("active-bit-is-clear-for-an-interface-that-is-down", ["rfc8335-4-8"], |w| {
            let name = w.names[1].clone();
            send(ask(w, interface_by_name(name)))
                .answer(
                    seen::icmp(43, 0)
                        .that("icmp.flags", "A clear", |it| flags(it).is_some_and(|it| it & 4 == 0)),
                )
                .probe(Probe::EchoOnly)
        })
        .on(down()),
        case("protocol-bits-are-clear-for-an-interface-that-is-down", ["rfc8335-4-9"], |w| {
            let name = w.names[1].clone();
            send(ask(w, interface_by_name(name)))
                .answer(
                    seen::icmp(43, 0)
                        .that("icmp.flags", "4 and 6 clear", |it| flags(it).is_some_and(|it| it & 3 == 0)),
                )
                .probe(Probe::EchoOnly)
        })
        .on(down()),
        case("reply-has-dont-fragment-and-ttl-255", ["rfc8335-4-6"], |w| {
            send(by_name(w)).answer(
                seen::icmp(43, 0).ttl(255).dont_fragment(true).more_fragments(false).fragment_offset(0),
            )
        }),
        case("reply-has-codepoint-cs0", ["rfc8335-4-7"], |w| {
            send(by_name(w).tos(46 << 2)).answer(seen::icmp(43, 0).tos(0))
        }),
        case("requests-are-limited", ["rfc8335-8-3"], |w| {
            send_all((0..200).map(|at| by_name(w).identification(at))).law(
                "fewer replies than requests",
                Dimension::Frames,
                |seen| match seen.datagrams().count() {
                    200 => Err("200 replies to 200 requests".to_owned()),
                    _ => Ok(()),
                },
            )
        })
        .on(probed().default_limits()),
    ])
}

/// A probed router whose second link is down.
fn down() -> Setting {
    router().sysctl("net.ipv4.icmp_echo_enable_probe", 1).edit(|scenario| {
        scenario.interfaces[1].up = false;
        scenario.routes.clear();
    })
}

fn refusals() -> Section {
    section("rfc8335/4/refuse").on(probed()).cases([
        case("multicast-source-is-refused", ["rfc8335-4-4"], |w| {
            send(by_name(w).source([224, 0, 0, 1])).silence()
        }),
        case("broadcast-source-is-refused", ["rfc8335-4-4"], |w| {
            send(by_name(w).source([255, 255, 255, 255])).silence()
        }),
        case("multicast-destination-is-refused", ["rfc8335-4-5"], |w| {
            send(by_name(w).destination([224, 0, 0, 1])).silence()
        }),
        case("unauthorized-source-is-refused", ["rfc8335-4-2"], |w| {
            send(by_name(w).source(w.other)).silence().send(by_name(w)).answer(seen::icmp(43, 0))
        })
        .on(probed().rule(Rule {
            from: Some("10.0.0.3/32".parse().expect("a prefix")),
            icmp_type: Some(42),
            protocol: Some(1),
            ..rule(Hook::Input, RuleAction::Drop)
        })),
    ])
}

fn neighbors() -> Section {
    let remote =
        |about: ExtensionBuilder| extended_echo_request().identifier(7).extended_flags(0).extension(about);
    section("rfc8335/4.1/neighbor").on(probed()).cases([
        case("name-of-a-neighbor-is-code-1", ["rfc8335-4.1-2"], move |w| {
            send(w.ip(remote(interface_by_name("x0")))).answer(seen::icmp(43, 1))
        }),
        case("index-of-a-neighbor-is-code-1", ["rfc8335-4.1-2"], move |w| {
            send(w.ip(remote(interface_by_index(1)))).answer(seen::icmp(43, 1))
        }),
        case("neighbor-that-was-just-heard-is-told-with-its-state", ["rfc8335-4-10"], move |w| {
            // Incomplete is 1, reachable 2, stale 3, delay 4, probe 5, failed 6.
            send(w.echo())
                .answer(seen::reply_to(&w.echo()))
                .send(w.ip(remote(interface_by_address(w.peer))))
                .answer(seen::icmp(43, 0).that("icmp.state", "reachable, stale, delay or probe", |it| {
                    flags(it).is_some_and(|flags| (2..=5).contains(&(flags >> 5)))
                }))
        }),
        case("absent-neighbor-is-code-3", ["rfc8335-4.1-4"], move |w| {
            send(w.ip(remote(interface_by_address(w.far)))).answer(seen::icmp(43, 3))
        }),
    ])
}
