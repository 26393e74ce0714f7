//! RFC 5508 §3: queries through a translator.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![mapping()]
}

fn mapping() -> Section {
    section("rfc5508/3.1").on(nat()).cases([
        case("query-and-answer-pass", ["rfc5508-3.1-1", "rfc5508-3.1-3"], |w| {
            let query = w.transit(request());
            let inside = w.peer;
            let answer = seen::echo_reply().interface(0).destination(inside).identifier(ECHO_IDENTIFIER);
            send(query.clone())
                .answer(
                    seen::icmp(8, 0).interface(1).source(w.out).destination(w.far).ttl(63).sequence_number(1),
                )
                .react(|seen| {
                    let out = seen.last()?;
                    let identifier = out.identifier().ok_or("no query")?;
                    Ok(Packet::back_to(
                        out,
                        echo_reply().identifier(identifier).sequence_number(1).data(octets(32)),
                    ))
                })
                .answer(answer.data(octets(32)))
        })
        .aliases(["idea/M01", "idea/L01"]),
        case("unasked-answer-stays-outside", [], |w| {
            send(w.inbound(echo_reply().identifier(77)).destination(w.out)).silence()
        })
        .alias("idea/L02"),
        case("a-query-is-tracked", ["rfc5508-3.1-1"], |w| {
            let (peer, far, out) = (w.peer, w.far, w.out);
            send(w.transit(request())).tracks(
                entry(1)
                    .and("from the peer", move |it| {
                        it.original.source == peer && it.original.destination == far
                    })
                    .and("answers to the outside address", move |it| it.reply.destination == out),
            )
        })
        .alias("idea/L01"),
    ])
}
