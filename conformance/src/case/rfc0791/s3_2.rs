//! RFC 791 §3.2: fragmentation and reassembly.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![reassembly(), matching(), fragmentation()]
}

fn reassembly() -> Section {
    let orders: [(&str, [usize; 3]); 6] = [
        ("012", [0, 1, 2]),
        ("021", [0, 2, 1]),
        ("102", [1, 0, 2]),
        ("120", [1, 2, 0]),
        ("201", [2, 0, 1]),
        ("210", [2, 1, 0]),
    ];
    section("rfc0791/3.2/reassembly").cases(orders.map(|(name, order)| {
        case(format!("fragments-in-order-{name}-make-the-datagram"), ["rfc0791-3.2-4"], move |w| {
            let request = w.echo();
            let fragments = request.fragments(&[16, 32]);
            let sent = order.map(|at| fragments[at].clone());
            Script::default().send_quietly(sent).answer(seen::reply_to(&request))
        })
        .aliases(["idea/C01", "idea/C02", "tc8/IPv4_REASSEMBLY_04"])
    }))
}

/// What a pair of fragments can differ in so that they do not belong together.
fn matching() -> Section {
    type Change = fn(Packet, &World) -> Packet;
    let changes: [(&str, Change); 3] = [
        ("identification", |it, _| it.identification(0x4321)),
        ("source", |it, w| it.source(w.other)),
        ("protocol", |it, _| it.protocol(253)),
    ];
    section("rfc0791/2.3/matching").cases(changes.map(|(name, change)| {
        case(format!("another-{name}-never-merges"), ["rfc0791-2.3-3"], move |w| {
            let request = w.echo();
            let parts = request.fragments(&[16]);
            send(parts[0].clone())
                .silence()
                .send(change(parts[1].clone(), w))
                .silence()
                .send(parts[1].clone())
                .answer(seen::reply_to(&request))
        })
        .aliases([
            "idea/C08",
            "tc8/IPv4_FRAGMENTS_02",
            "bug/gvisor-frag-key",
            "bug/suricata-defrag-2024",
        ])
    }))
}

fn fragmentation() -> Section {
    section("rfc0791/3.2/fragmentation").on(scenario("router-narrow")).cases([
        case("what-does-not-fit-is-cut-at-multiples-of-8", ["rfc0791-3.2-2", "rfc0791-3.1-9"], |w| {
            let transit = w.transit(to_port(CLOSED_PORT).data(octets(992)));
            let whole = transit.payload();
            let piece = |range: std::ops::Range<usize>, more| {
                seen::forwarded(&transit)
                    .interface(1)
                    .fragment_offset(range.start)
                    .more_fragments(more)
                    .payload(&whole[range])
            };
            send(transit.clone()).answers([piece(0..552, true), piece(552..1000, false)])
        })
        .aliases(["idea/D05", "idea/D01"]),
        case("what-must-not-be-fragmented-is-dropped", ["rfc0791-3.1-8"], |w| {
            let transit = w.transit(to_port(CLOSED_PORT).data(octets(992))).dont_fragment();
            send(transit.clone())
                .answer(seen::unreachable(4).source(w.dut).destination(w.peer).quotes(&transit))
                .or_silence("RFC 792: a gateway may report it")
        })
        .alias("idea/D05"),
        case("a-datagram-of-68-octets-passes-whole", ["rfc0791-3.2-3"], |w| {
            let transit = w.transit(to_port(CLOSED_PORT).data(octets(40)));
            send(transit.clone()).answer(seen::forwarded(&transit).interface(1))
        })
        .on(router().mtu(1, 68)),
    ])
}
