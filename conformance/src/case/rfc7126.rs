//! RFC 7126: filtering of datagrams with options.

use super::prelude::*;

/// The sections of RFC 7126.
pub(super) fn sections() -> Vec<Section> {
    vec![passed(), dropped(), source_routes(), sent()]
}

fn passed() -> Section {
    let kinds: [(&str, &str, &[u8]); 9] = [
        ("end-of-list", "rfc7126-4.1.5-1", &[0, 0, 0, 0]),
        ("no-operation", "rfc7126-4.2.5-1", &[1, 1, 1, 0]),
        ("router-alert", "rfc7126-4.8.5-1", &[148, 4, 0, 0]),
        ("basic-security", "rfc7126-4.12.5-1", &[130, 4, 0, 0]),
        ("extended-security", "rfc7126-4.13.5-1", &[133, 4, 0, 0]),
        ("cipso", "rfc7126-4.14.5-1", &[134, 10, 0, 0, 0, 1, 1, 4, 0, 1, 0, 0]),
        ("quick-start", "rfc7126-4.21.5-1", &[25, 8, 0, 0, 0, 0, 0, 0]),
        ("unknown", "rfc7126-4.23.4-1", &[0x5f, 4, 0, 0]),
        ("unknown-copied", "rfc7126-4.23.4-1", &[0xdf, 4, 0, 0]),
    ];
    section("rfc7126/4/pass").on(router()).cases(kinds.map(|(name, requirement, option)| {
        case(format!("{name}-passes-unchanged"), [requirement], move |w| {
            let transit = w.passing().options(option);
            send(transit.clone()).answer(seen::forwarded(&transit).interface(1))
        })
        .alias("idea/B12")
    }))
}

fn dropped() -> Section {
    let kinds: [(&str, &str, u8); 15] = [
        ("stream-identifier", "rfc7126-4.6.5-1", 136),
        ("probe-mtu", "rfc7126-4.9.5-1", 11),
        ("reply-mtu", "rfc7126-4.10.5-1", 12),
        ("traceroute", "rfc7126-4.11.5-1", 82),
        ("visa", "rfc7126-4.15.5-1", 142),
        ("extended-ip", "rfc7126-4.16.5-1", 145),
        ("address-extension", "rfc7126-4.17.5-1", 147),
        ("selective-directed-broadcast", "rfc7126-4.18.5-1", 149),
        ("dynamic-packet-state", "rfc7126-4.19.5-1", 151),
        ("upstream-multicast", "rfc7126-4.20.5-1", 152),
        ("experiment-30", "rfc7126-4.22.5-1", 30),
        ("experiment-94", "rfc7126-4.22.5-1", 94),
        ("experiment-158", "rfc7126-4.22.5-1", 158),
        ("experiment-222", "rfc7126-4.22.5-1", 222),
        ("timestamp", "rfc7126-4.7.5-1", 68),
    ];
    section("rfc7126/4/drop")
        .on(router())
        .cases(kinds.map(|(name, requirement, kind)| {
            case(format!("{name}-is-dropped"), [requirement], move |w| {
                let option: &[u8] = if kind == 68 { &[68, 8, 5, 0, 0, 0, 0, 0] } else { &[kind, 4, 0, 0] };
                send(w.passing().options(option)).never(seen::protocol(17).interface(1))
            })
            .alias("idea/B12")
        }))
        .cases([case("record-route-is-dropped", ["rfc7126-4.5.5-2"], |w| {
            send(w.passing().options(options().record_route(9).end_of_list()))
                .never(seen::protocol(17).interface(1))
        })
        .alias("idea/B12")])
}

fn source_routes() -> Section {
    let kinds = [
        ("loose", OptionKind::LooseSourceRoute, "rfc7126-4.3.5-1", "rfc7126-4.3.5-2"),
        ("strict", OptionKind::StrictSourceRoute, "rfc7126-4.4.5-1", "rfc7126-4.4.5-2"),
    ];
    section("rfc7126/4.3")
        .on(router())
        .cases(kinds.map(|(name, kind, _, default)| {
            case(format!("{name}-route-is-dropped-by-default"), [default], move |w| {
                let routed = w.passing().destination(w.dut).options(options().route(kind, 4, &[w.next]));
                send(routed).never(seen::protocol(17).interface(1))
            })
            .aliases(["idea/B11", "idea/B12", "bug/source-route-default"])
        }))
        .cases(kinds.map(|(name, kind, knob, _)| {
            case(format!("{name}-route-can-be-processed"), [knob], move |w| {
                let routed = w.passing().destination(w.dut).options(options().route(kind, 4, &[w.next]));
                send(routed).answer(seen::protocol(17).interface(1).destination(w.next))
            })
            .on(source_routing())
            .alias("idea/B11")
        }))
}

fn sent() -> Section {
    section("rfc7126/4.22.1").cases([
        case("experiments-are-not-sent", ["rfc7126-4.22.1-1"], |w| {
            send(w.echo()).answer(seen::reply_to(&w.echo()).header_len(20))
        }),
        case("experiments-do-not-come-back-in-errors", ["rfc7126-4.22.1-1"], |w| {
            send(w.closed().options([94, 4, 0, 0])).answer(seen::unreachable(3).that(
                "ipv4.options",
                "no experiment",
                |it| !it.options().iter().any(|octet| matches!(octet, 30 | 94 | 158 | 222)),
            ))
        }),
    ])
}
