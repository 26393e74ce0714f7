//! RFC 6633: deprecation of Source Quench.

use super::prelude::*;

/// The sections of RFC 6633.
pub(super) fn sections() -> Vec<Section> {
    vec![not_sent(), ignored(), filtered()]
}

/// A law: no message of type 4 so far.
fn none(seen: &History) -> Result<(), String> {
    match seen.datagrams().filter(|it| it.icmp_type_and_code().is_some_and(|it| it.0 == 4)).count() {
        0 => Ok(()),
        some => Err(format!("{some} of them")),
    }
}

fn not_sent() -> Section {
    section("rfc6633/3").cases([
        case("full-reassembly-is-not-quenched", ["rfc6633-3-1"], |w| {
            send_all((0..300).map(|at| w.echo().identification(at).fragment(0..24))).law(
                "no Source Quench",
                Dimension::Frames,
                none,
            )
        }),
        case("burst-of-errors-is-not-quenched", ["rfc6633-3-1"], |w| {
            send_all((0..100).map(|at| w.closed().identification(at))).law(
                "no Source Quench",
                Dimension::Frames,
                none,
            )
        })
        .on(scenario("host-default-limits")),
    ])
}

fn ignored() -> Section {
    let quench = |w: &World, port: u16| {
        let sent = w.ip(udp().source_port(7).destination_port(port).data(b"ping")).source(w.dut);
        w.ip(source_quench().quote(sent.destination(w.peer).build()))
    };
    section("rfc6633/5").on(host().udp(7).option("recverr", 1)).cases([
        case("udp-ignores-it", ["rfc6633-5-1", "rfc6633-3-2"], move |w| {
            socket_send(0, (w.peer, 9), b"ping").answer(seen::udp(7, 9)).send(quench(w, 9)).reports_nothing()
        })
        .alias("idea/G15"),
        case("nothing-comes-back", ["rfc6633-3-2"], move |w| send(quench(w, 9)).silence()).alias("idea/G15"),
        case("sender-keeps-its-pace", ["rfc6633-7-1"], move |w| {
            socket_send(0, (w.peer, 9), b"ping")
                .answer(seen::udp(7, 9))
                .send(quench(w, 9))
                .socket_send(0, (w.peer, 9), b"ping")
                .answer(seen::udp(7, 9).udp_data(b"ping"))
        }),
        case("sctp-ignores-it", ["rfc6633-5-2"], |w| {
            let quoted = w.ip(octets(16)).protocol(132).source(w.dut).destination(w.peer).build();
            send(w.ip(source_quench().quote(quoted))).silence()
        }),
        case("dccp-ignores-it", ["rfc6633-5-2"], |w| {
            let quoted = w.ip(octets(16)).protocol(33).source(w.dut).destination(w.peer).build();
            send(w.ip(source_quench().quote(quoted))).silence()
        }),
        case("any-other-transport-ignores-it", ["rfc6633-6-1"], |w| {
            let quoted = w.ip(octets(16)).source(w.dut).destination(w.peer).build();
            send(w.ip(source_quench().quote(quoted))).silence().reports_nothing()
        })
        .on(host().raw(253).option("recverr", 1)),
        case("router-ignores-it", ["rfc6633-4-1"], |w| {
            let quoted = w.ip(request()).source(w.dut).destination(w.peer).build();
            send(w.ip(source_quench().quote(quoted)))
                .silence()
                .send(w.passing())
                .answer(seen::forwarded(&w.passing()).interface(1))
        })
        .on(router()),
    ])
}

fn filtered() -> Section {
    section("rfc6633/8").on(scenario("conntrack")).cases([case(
        "firewall-drops-it-in-transit",
        ["rfc6633-8-1"],
        |w| {
            let router = w.next;
            send(w.passing())
                .some(seen::forwarded(&w.passing()).interface(1))
                .react(move |seen| {
                    let out = seen.last()?;
                    Ok(Packet::back_to(out, source_quench().quote(&out.octets)).source(router))
                })
                .silence()
        },
    )])
}
