//! RFC 4787: NAT behavior for UDP.

use super::prelude::*;

/// The sections of RFC 4787.
pub(super) fn sections() -> Vec<Section> {
    vec![errors(), sizes(), fragments()]
}

/// Opens a mapping; the datagram as it left is the first seen.
fn opened(w: &World) -> Script {
    send(w.passing()).answer(seen::translated(&w.passing(), w.out).interface(1))
}

/// The answer of `far` to the mapping, and what it must become.
fn still_mapped(script: Script, w: &World) -> Script {
    let (peer, far) = (w.peer, w.far);
    script
        .react(|seen| {
            let out = seen.of_step(0)?;
            let (from, to) = out.ports().ok_or("no ports")?;
            Ok(Packet::back_to(out, udp().source_port(to).destination_port(from).data(b"answer")))
        })
        .answer(
            seen::udp(CLOSED_PORT, PEER_PORT).interface(0).source(far).destination(peer).udp_data(b"answer"),
        )
}

fn errors() -> Section {
    let kinds = (0..=15).map(|code| (3, code)).chain([(4, 0), (5, 1), (11, 0), (11, 1), (12, 0)]);
    section("rfc4787/9")
        .on(nat())
        .cases(kinds.map(|(number, code)| {
            case(format!("type-{number}-code-{code}-ends-no-mapping"), ["rfc4787-9-1"], move |w| {
                let router = w.next;
                let script = opened(w).react(move |seen| {
                    let out = seen.of_step(0)?;
                    Ok(Packet::back_to(out, icmp(number, code).quote(&out.octets)).source(router))
                });
                still_mapped(script, w)
            })
            .alias("idea/M06")
        }))
        .cases([
            case("error-from-anybody-passes", ["rfc4787-9-2"], |w| {
                let stranger = w.far2;
                opened(w)
                    .react(move |seen| {
                        let out = seen.of_step(0)?;
                        let error = time_exceeded(TimeExceededCode::Transit).quote(&out.octets);
                        Ok(Packet::back_to(out, error).source(stranger))
                    })
                    .answer(
                        seen::time_exceeded(0)
                            .interface(0)
                            .destination(w.peer)
                            .quotes_translated(&w.passing()),
                    )
            })
            .alias("idea/M03"),
            case("port-unreachable-is-rewritten", ["rfc4787-9-3", "rfc4787-9-4"], |w| {
                opened(w)
                    .react(|seen| {
                        let out = seen.of_step(0)?;
                        Ok(Packet::back_to(out, unreachable(UnreachableCode::Port).quote(&out.octets)))
                    })
                    .answer(
                        seen::unreachable(3)
                            .interface(0)
                            .source(w.far)
                            .destination(w.peer)
                            .quotes_translated(&w.passing()),
                    )
            })
            .alias("idea/M03"),
            case("error-from-inside-is-rewritten-outward", ["rfc4787-9-5"], |w| {
                let (peer, out) = (w.peer, w.out);
                still_mapped(opened(w), w)
                    .react(move |seen| {
                        let came = seen.last()?;
                        Ok(Packet::back_to(came, unreachable(UnreachableCode::Port).quote(&came.octets))
                            .source(peer))
                    })
                    .answer(seen::unreachable(3).interface(1).source(out).that(
                        "icmp.quote",
                        "the outside address",
                        move |it| it.quote().and_then(|quote| quote.get(16..20)) == Some(&out.octets()[..]),
                    ))
            })
            .alias("idea/M04"),
        ])
}

fn sizes() -> Section {
    let large = |w: &World| w.transit(to_port(CLOSED_PORT).data(octets(1400)));
    section("rfc4787/10").on(nat().mtu(1, 600)).cases([
        case("too-large-with-dont-fragment-is-reported", ["rfc4787-10-1"], move |w| {
            let sent = large(w).dont_fragment();
            send(sent.clone()).answer(seen::unreachable(4).interface(0).mtu(600).quotes_translated(&sent))
        }),
        case("too-large-without-it-is-fragmented", ["rfc4787-10-2"], move |w| {
            let piece = seen::protocol(17).interface(1).source(w.out);
            send(large(w)).answers([piece.clone(), piece.clone(), piece])
        }),
        case("fragments-leave-in-order", ["rfc4787-10-3"], move |w| {
            send(large(w)).law("offsets that rise", Dimension::Frames, |seen| {
                let offsets: Vec<_> = seen.datagrams().map(Datagram::fragment_offset).collect();
                if offsets.len() > 1 && offsets.is_sorted() { Ok(()) } else { Err(format!("{offsets:?}")) }
            })
        }),
    ])
}

fn fragments() -> Section {
    section("rfc4787/11").on(nat()).cases([case(
        "fragment-flood-does-not-stop-the-rest",
        ["rfc4787-11-2"],
        |w| {
            let whole = w.transit(to_port(CLOSED_PORT).data(octets(100)));
            let flood = (0..400).map(|at| whole.clone().identification(at).fragment(0..48));
            let query = w.transit(request());
            send_all(flood).send(query).some(seen::icmp(8, 0).interface(1).source(w.out))
        },
    )])
}
