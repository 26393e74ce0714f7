//! RFC 791 §3.1: the options, each with what is right and what is wrong with it.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![all(), list(), copied(), source_routes(), record_route(), timestamp(), errors()]
}

fn all() -> Section {
    let harmless: [(&str, &[u8]); 6] = [
        ("end-of-list", &[0, 0, 0, 0]),
        ("no-operation", &[1, 1, 1, 1]),
        ("record-route", &[7, 7, 4, 0, 0, 0, 0, 0]),
        ("timestamp", &[68, 8, 5, 0, 0, 0, 0, 0]),
        ("security", &[130, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("stream-identifier", &[136, 4, 0, 1]),
    ];
    section("rfc0791/3.1/option")
        .cases(harmless.map(|(name, octets)| {
            case(format!("{name}-does-not-disturb"), ["rfc0791-3.1-14", "rfc0791-3.2-1"], move |w| {
                let request = w.echo().options(octets);
                send(request.clone()).answer(seen::reply_to(&request))
            })
            .alias("idea/B09")
        }))
        .cases((6..=15).map(|ihl| {
            case(format!("data-begins-behind-{ihl}-words"), ["rfc0791-3.1-3"], move |w| {
                let request = w.echo().options(vec![1; (ihl - 5) * 4]);
                send(request.clone()).answer(seen::reply_to(&request))
            })
            .alias("idea/B18")
        }))
}

fn list() -> Section {
    section("rfc0791/3.1/list").on(router()).cases([
        case("length-counts-type-and-length", ["rfc0791-3.1-15"], |w| {
            // The timestamp is found only behind seven octets and one.
            let options = options().record_route(1).no_operation().timestamp(0, 1);
            let transit = w.passing().options(options);
            send(transit.clone()).answer(seen::forwarded(&transit).interface(1).that(
                "ipv4.options",
                "both options filled",
                |it| it.options().get(2) == Some(&8) && it.options().get(10) == Some(&9),
            ))
        }),
        case("nothing-behind-the-end-is-read", ["rfc0791-3.1-17"], |w| {
            let request = w.echo().options([0, 7, 2, 0xff]);
            send(request.clone()).answer(seen::reply_to(&request))
        })
        .alias("idea/B01"),
        case("no-operation-between-options-has-no-effect", ["rfc0791-3.1-18"], |w| {
            let request = w.echo().options(
                options().no_operation().no_operation().timestamp(0, 1).no_operation().end_of_list(),
            );
            send(request.clone()).answer(seen::reply_to(&request).that("ipv4.options", "a stamp", |it| {
                it.options().windows(3).any(|it| it[0] == 68 && it[1] == 8 && it[2] > 5)
            }))
        }),
        case("padding-is-zero", ["rfc0791-3.1-37"], |w| {
            let request = w.echo().options(options().record_route(1).end_of_list());
            send(request.clone()).answer(seen::reply_to(&request).that(
                "ipv4.options",
                "zeros behind the route",
                |it| it.options().get(7..).is_some_and(|it| it.iter().all(|octet| *octet == 0)),
            ))
        }),
    ])
}

fn copied() -> Section {
    let large =
        |w: &World, options: Vec<u8>| w.transit(to_port(CLOSED_PORT).data(octets(1000))).options(options);
    section("rfc0791/3.1/copied").on(scenario("router-narrow")).cases([
        case("copied-option-stands-in-every-fragment", ["rfc0791-3.1-16", "rfc2113-2.1-2"], move |w| {
            let alert = seen::protocol(17).interface(1).options([148, 4, 0, 0]);
            send(large(w, vec![148, 4, 0, 0])).answers([alert.clone(), alert])
        })
        .alias("idea/B15"),
        case("unknown-copied-option-stands-in-every-fragment", ["rfc0791-3.1-16"], move |w| {
            let unknown = seen::protocol(17).interface(1).options([0x9e, 4, 1, 2]);
            send(large(w, vec![0x9e, 4, 1, 2])).answers([unknown.clone(), unknown])
        })
        .alias("idea/B15"),
        case(
            "record-route-stands-in-the-first-fragment-only",
            ["rfc0791-3.1-16", "rfc0791-3.1-36"],
            move |w| {
                send(large(w, options().record_route(1).end_of_list().build())).law(
                    "record route at offset 0 only",
                    Dimension::Frames,
                    |seen| only_in_first(seen, 7),
                )
            },
        )
        .alias("idea/B15"),
        case("timestamp-stands-in-the-first-fragment-only", ["rfc0791-3.1-36"], move |w| {
            send(large(w, options().timestamp(0, 1).build())).law(
                "timestamp at offset 0 only",
                Dimension::Frames,
                |seen| only_in_first(seen, 68),
            )
        })
        .alias("idea/B15"),
    ])
}

/// Whether the option `kind` comes in the fragment at offset 0 and in no other, of which there is one at least.
fn only_in_first(seen: &History, kind: u8) -> Result<(), String> {
    let places: Vec<_> =
        seen.datagrams().map(|it| (it.fragment_offset(), it.options().first() == Some(&kind))).collect();
    let right = places.len() > 1 && places.iter().all(|(offset, has)| (*offset == 0) == *has);
    if right { Ok(()) } else { Err(format!("{places:?}")) }
}

fn source_routes() -> Section {
    let routed =
        |w: &World| w.passing().destination(w.dut).options(options().loose_source_route(&[w.far, w.far2]));
    section("rfc0791/3.1/source-route").on(source_routing()).cases([
        case("next-entry-becomes-the-destination", ["rfc0791-3.1-19"], move |w| {
            let recorded = options().route(OptionKind::LooseSourceRoute, 8, &[w.out, w.far2]);
            send(routed(w)).answer(seen::protocol(17).interface(1).destination(w.far).options(recorded))
        })
        .alias("idea/B11"),
        case("header-keeps-its-length", ["rfc0791-3.1-22"], move |w| {
            send(routed(w)).answer(seen::protocol(17).interface(1).header_len(32))
        }),
        case("used-up-route-leaves-the-destination", ["rfc0791-3.1-20"], |w| {
            let used = options().route(OptionKind::LooseSourceRoute, 12, &[w.other, w.peer]);
            send(w.echo().options(used)).answer(seen::echo_reply().source(w.dut))
        }),
        case("strict-route-leads-to-neighbors-only", ["rfc0791-3.1-23"], |w| {
            let strict = w.passing().destination(w.dut).options(options().strict_source_route(&[w.far]));
            send(strict)
                .answer(seen::unreachable(5).destination(w.peer))
                .or_silence("RFC 792 \"Destination Unreachable Message\": code 5 may be sent")
        })
        .alias("idea/B11"),
        case("two-routes-are-an-error", ["rfc0791-3.1-24"], |w| {
            let two = options().loose_source_route(&[w.far]).loose_source_route(&[w.far]);
            send(w.echo().options(two.end_of_list().end_of_list()))
                .answer(seen::icmp(12, 0))
                .or_silence("RFC 791 §3.1: reporting it is a choice")
        }),
    ])
}

fn record_route() -> Section {
    section("rfc0791/3.1/record-route/pointer").on(router()).cases((0..4).map(|pointer| {
        case(format!("pointer-{pointer}-is-an-error"), ["rfc0791-3.1-21"], move |w| {
            let transit = w.passing().options([7, 7, pointer, 0, 0, 0, 0, 0]);
            send(transit.clone())
                .answer(seen::parameter_problem(22).destination(w.peer).quotes_but_ttl(&transit))
                .or_silence("RFC 791 §3.1: reporting it is a choice")
        })
        .alias("idea/B04")
    }))
}

fn timestamp() -> Section {
    section("rfc0791/3.1/timestamp/form")
        .on(router())
        .cases((0..5).map(|pointer| {
            case(format!("pointer-{pointer}-is-an-error"), ["rfc0791-3.1-29"], move |w| {
                let transit = w.passing().options([68, 8, pointer, 0, 0, 0, 0, 0]);
                send(transit)
                    .answer(seen::parameter_problem(22).destination(w.peer))
                    .or_silence("RFC 791 §3.1: reporting it is a choice")
            })
            .alias("idea/B05")
        }))
        .cases([(0u8, 9u8), (1, 13)].map(|(flag, pointer)| {
            case(
                format!("flag-{flag}-moves-the-pointer-to-{pointer}"),
                ["rfc0791-3.1-30", "rfc0791-3.1-35"],
                move |w| {
                    let transit = w.passing().options(options().timestamp(flag, 2));
                    send(transit.clone()).answer(seen::forwarded(&transit).interface(1).that(
                        "ipv4.options",
                        format!("pointer {pointer}"),
                        move |it| it.options()[2] == pointer,
                    ))
                },
            )
            .alias("idea/B05")
        }))
        .cases([
            case("prespecified-address-of-the-stack-is-stamped", ["rfc0791-3.1-31"], |w| {
                let request = w.echo().options(options().prespecified_timestamp(&[w.dut]));
                send(request.clone()).answer(seen::reply_to(&request).that(
                    "ipv4.options",
                    "pointer 13",
                    |it| it.options().get(2) == Some(&13),
                ))
            })
            .alias("idea/B06"),
            case("prespecified-address-of-others-is-not-stamped", ["rfc0791-3.1-31"], |w| {
                let transit = w.passing().options(options().prespecified_timestamp(&[w.far2]));
                send(transit.clone()).answer(seen::forwarded(&transit).interface(1))
            })
            .alias("idea/B06"),
        ])
}

fn errors() -> Section {
    section("rfc0791/3.1/timestamp/error").on(router()).cases([
        case("room-for-less-than-a-pair-is-an-error", ["rfc0791-3.1-33", "rfc0791-3.1-34"], |w| {
            let transit = w.passing().options([68, 10, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
            send(transit)
                .answer(seen::icmp(12, 0).destination(w.peer))
                .or_silence("RFC 791 §3.1: reporting it is a choice")
        })
        .alias("idea/B05"),
        case("overflowing-overflow-is-an-error", ["rfc0791-3.1-33", "rfc0791-3.1-34"], |w| {
            let transit = w.passing().options([68, 8, 9, 0xf0, 1, 2, 3, 4]);
            send(transit)
                .answer(seen::icmp(12, 0).destination(w.peer))
                .or_silence("RFC 791 §3.1: reporting it is a choice")
        })
        .alias("idea/B05"),
    ])
}
