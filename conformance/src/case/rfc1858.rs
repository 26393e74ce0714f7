//! RFC 1858: security considerations for IP fragment filtering.

use super::prelude::*;

/// The sections of RFC 1858.
pub(super) fn sections() -> Vec<Section> {
    vec![filtering(), host_safety()]
}

/// A router that tracks connections and lets no TCP segment to port 23 pass.
pub(super) fn filter() -> Setting {
    scenario("conntrack").edit(|scenario| {
        let drop = rule(Hook::Forward, RuleAction::Drop);
        scenario.rules.insert(0, Rule { protocol: Some(6), destination_port: Some(23), ..drop });
    })
}

/// A segment to a port with some data, from the peer to `far`.
pub(super) fn segment(w: &World, port: u16) -> Packet {
    w.transit(
        tcp().source_port(PEER_PORT).destination_port(port).sequence_number(1).flags(2).data(octets(32)),
    )
}

/// A law: no datagram with the filtered port came out on the far side.
pub(super) fn filtered_port_stays_inside(seen: &History) -> Result<(), String> {
    match seen.datagrams().find(|it| it.interface == 1 && it.ports().is_some_and(|ports| ports.1 == 23)) {
        Some(_) => Err("it came through".to_owned()),
        None => Ok(()),
    }
}

fn filtering() -> Section {
    section("rfc1858/3.2").on(filter()).cases([
        case(
            "first-fragment-of-8-octets-is-not-forwarded",
            ["rfc1858-3.2.1-1", "rfc1858-4.2-2", "rfc3128-3-1"],
            |w| send(segment(w, 23).fragment(0..8)).never(seen::protocol(6).interface(1)),
        )
        .alias("idea/C33"),
        case("fragment-at-offset-8-is-not-forwarded", ["rfc1858-3.2.2-1", "rfc3128-3-2"], |w| {
            send(segment(w, 23).fragment(8..24)).never(seen::protocol(6).interface(1))
        })
        .alias("idea/C33"),
        case(
            "tiny-fragments-do-not-carry-a-filtered-port-through",
            ["rfc1858-3.2.1-1", "rfc1858-3.2.2-1"],
            |w| {
                send_all(segment(w, 23).fragments(&[8, 24])).law(
                    "no segment to port 23",
                    Dimension::Frames,
                    filtered_port_stays_inside,
                )
            },
        )
        .alias("idea/C33"),
        case("overlap-does-not-rewrite-a-header-behind-the-filter", ["rfc1858-4.2-1"], |w| {
            let innocent = segment(w, 80).fragment(0..24);
            let rewrite = segment(w, 23)
                .fragment(8..24)
                .carry(vec![0x50, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
                .protocol(6);
            send_all([innocent, rewrite, segment(w, 80).fragment(24..52)]).law(
                "no segment whose flags were rewritten",
                Dimension::Frames,
                |seen| match seen.datagrams().find(|it| it.interface == 1 && it.fragment_offset() == 8) {
                    Some(_) => Err("the overlapping fragment came through".to_owned()),
                    None => Ok(()),
                },
            )
        })
        .alias("idea/C33"),
    ])
}

fn host_safety() -> Section {
    let both = [("header-first", false), ("header-last", true)];
    section("rfc1858/4.1").on(host().raw(6)).cases(both.map(|(name, last)| {
        case(
            format!("overlapping-header-{name}-is-never-a-mix"),
            ["rfc1858-4.1-1", "rfc3128-2-1"],
            move |w| {
                let good = w.ip(tcp()
                    .source_port(PEER_PORT)
                    .destination_port(80)
                    .sequence_number(1)
                    .flags(2)
                    .data(octets(12)));
                let other = w.ip(tcp()
                    .source_port(PEER_PORT)
                    .destination_port(23)
                    .sequence_number(9)
                    .flags(2)
                    .data(octets(12)));
                let mut pieces = vec![good.fragment(0..24), other.fragment(0..8), good.fragment(24..32)];
                if last {
                    pieces.swap(0, 1);
                }
                let (first, second) = (good.payload(), other.payload());
                send_all(pieces).law("one of the two headers, unmixed", Dimension::Deliveries, move |seen| {
                    let mut came = seen.steps.iter().flat_map(|step| &step.observation.deliveries);
                    let mixed = came.find(|it| {
                        let header = it.data.get(20..40).unwrap_or_default();
                        header != &first[..20] && header != &second[..20]
                    });
                    mixed.map_or(Ok(()), |it| Err(format!("{:02x?}", it.data)))
                })
            },
        )
        .alias("idea/C33")
    }))
}
