//! RFC 8900: IP fragmentation considered fragile.

use super::prelude::*;

/// The sections of RFC 8900.
pub(super) fn sections() -> Vec<Section> {
    vec![filters(), fragments(), reports()]
}

fn filters() -> Section {
    section("rfc8900/3.8.2").on(scenario("conntrack")).cases([case(
        "fragmentation-needed-of-a-known-flow-passes-a-stateful-filter",
        ["rfc8900-3.8.2-1"],
        |w| {
            let (sent, stranger) =
                (w.transit(to_port(CLOSED_PORT).data(octets(1000))).dont_fragment(), w.far2);
            send(sent.clone())
                .some(seen::forwarded(&sent).interface(1))
                .react(move |seen| {
                    let out = seen.last()?;
                    Ok(Packet::back_to(out, fragmentation_needed(600).quote(&out.octets)).source(stranger))
                })
                .some(seen::unreachable(4).interface(0).mtu(600))
        },
    )
    .alias("idea/L09")])
}

fn fragments() -> Section {
    let orders: [(&str, [usize; 3]); 6] = [
        ("in-order", [0, 1, 2]),
        ("second-third-first", [1, 2, 0]),
        ("third-first-second", [2, 0, 1]),
        ("reversed", [2, 1, 0]),
        ("second-first-third", [1, 0, 2]),
        ("first-third-second", [0, 2, 1]),
    ];
    section("rfc8900/6.3").on(nat()).cases(orders.map(|(name, order)| {
        case(
            format!("fragments-{name}-pass-a-translator"),
            ["rfc8900-6.3-1", "rfc8900-6.3-2", "rfc4787-11-1", "rfc4787-11-3"],
            move |w| {
                let parts = w.transit(to_port(CLOSED_PORT).data(octets(100))).fragments(&[48, 80]);
                let out = w.out;
                send_all(order.map(|part| parts[part].clone())).law(
                    "108 octets from the outside address",
                    Dimension::Frames,
                    move |seen| {
                        let mut came = 0;
                        for piece in seen.datagrams() {
                            if piece.interface != 1 || piece.source() != out {
                                return Err(format!("one from {}", piece.source()));
                            }
                            came += piece.payload().len();
                        }
                        if came == 108 { Ok(()) } else { Err(format!("{came} octets")) }
                    },
                )
            },
        )
        .aliases(["idea/C28", "idea/M12"])
    }))
}

fn reports() -> Section {
    section("rfc8900/6.5").on(scenario("router-narrow")).cases([
        case("what-is-too-large-is-reported", ["rfc8900-6.5-1"], |w| {
            let large = w.transit(octets(1000)).dont_fragment();
            send(large.clone()).answer(seen::unreachable(4).mtu(576).quotes_but_ttl(&large))
        })
        .alias("idea/D05"),
        case("a-flood-is-reported-at-least-once", ["rfc8900-6.5-2"], |w| {
            send_all((0..60).map(|at| w.transit(octets(1000)).dont_fragment().identification(at))).law(
                "one report or more",
                Dimension::Frames,
                |seen| match seen.datagrams().filter(|it| it.icmp_type_and_code() == Some((3, 4))).count() {
                    0 => Err("none".to_owned()),
                    _ => Ok(()),
                },
            )
        })
        .on(scenario("router-narrow").default_limits()),
    ])
}
