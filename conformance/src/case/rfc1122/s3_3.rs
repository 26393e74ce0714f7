//! RFC 1122 §3.3: routing, reassembly and fragmentation on hosts.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![reassembly(), timeout()]
}

fn reassembly() -> Section {
    section("rfc1122/3.3.2").cases([case(
        "a-datagram-of-576-octets-is-reassembled",
        ["rfc1122-3.3.2-1", "rfc1122-3.3.2-2"],
        |w| {
            let request = w.ip(echo_request().identifier(ECHO_IDENTIFIER).data(octets(548)));
            Script::default().send_quietly(request.fragments(&[272, 400])).answer(seen::reply_to(&request))
        },
    )
    .alias("idea/A14")])
}

/// What happens when the rest never comes; the timer itself is short here, its length has a case of its own.
fn timeout() -> Section {
    let short = || host().sysctl("net.ipv4.ipfrag_time", 1);
    section("rfc1122/3.3.2/timeout").on(short()).cases([
        case("first-fragment-draws-time-exceeded", ["rfc1122-3.3.2-6", "rfc1122-3.3.2-9"], |w| {
            let first = w.echo().fragment(0..24);
            send(first.clone())
                .silence()
                .advance(seconds(3))
                .answer(seen::time_exceeded(1).source(w.dut).destination(w.peer).quotes(&first))
        })
        .alias("idea/C20"),
        case("without-the-first-fragment-there-is-silence", ["rfc1122-3.3.2-11"], |w| {
            send(w.echo().fragment(24..40)).silence().advance(seconds(3)).silence()
        })
        .aliases(["idea/C21", "tc8/ICMPv4_TYPE_04"]),
        case("what-timed-out-is-gone", ["rfc1122-3.3.2-10"], |w| {
            let parts = w.echo().fragments(&[24]);
            send(parts[0].clone()).advance(seconds(3)).send(parts[1].clone()).silence()
        })
        .aliases(["idea/C22", "tc8/IPv4_REASSEMBLY_10"]),
        case("timer-lies-between-60-and-120-seconds", ["rfc1122-3.3.2-8"], |w| {
            send(w.echo().fragment(0..24))
                .silence()
                .advance(seconds(59))
                .silence()
                .advance(seconds(62))
                .answer(seen::time_exceeded(1))
        })
        .on(host())
        .alias("idea/C23"),
    ])
}
