//! RFC 5508 §3: queries through a translator.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![mapping(), other_queries(), identifiers(), lifetime()]
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

fn other_queries() -> Section {
    let kinds = [("timestamp", 13u8, 14u8, 12usize), ("address-mask", 17, 18, 4)];
    section("rfc5508/3.1/query").on(nat()).cases(kinds.map(|(name, asked, answered, len)| {
        case(format!("{name}-query-and-answer-pass"), ["rfc5508-3.1-2"], move |w| {
            let query = w.transit(icmp(asked, 0).identifier(0x77).sequence_number(3).data(octets(len)));
            send(query)
                .answer(seen::icmp(asked, 0).interface(1).source(w.out).sequence_number(3))
                .react(move |seen| {
                    let out = seen.last()?;
                    let identifier = out.identifier().ok_or("no identifier")?;
                    let answer =
                        icmp(answered, 0).identifier(identifier).sequence_number(3).data(octets(len));
                    Ok(Packet::back_to(out, answer))
                })
                .answer(seen::icmp(answered, 0).interface(0).destination(w.peer).identifier(0x77))
        })
        .alias("idea/L01")
    }))
}

fn identifiers() -> Section {
    let ask = |w: &World, from, to| w.transit(request()).source(from).destination(to);
    section("rfc5508/3.1/identifier").on(nat()).cases([
        case("two-hosts-of-one-identifier-both-work", ["rfc5508-3.1-3"], move |w| {
            send_all([ask(w, w.peer, w.far), ask(w, w.other, w.far)]).law(
                "two queries with different identifiers",
                Dimension::Frames,
                |seen| {
                    let ids: Vec<_> = seen.datagrams().filter_map(Datagram::identifier).collect();
                    if ids.len() == 2 && ids[0] != ids[1] { Ok(()) } else { Err(format!("{ids:?}")) }
                },
            )
        })
        .alias("idea/M02"),
        case("identifier-outside-does-not-depend-on-the-destination", ["rfc5508-3.1-4"], move |w| {
            send_all([ask(w, w.peer, w.far), ask(w, w.peer, w.far2)]).law(
                "one identifier for both destinations",
                Dimension::Frames,
                |seen| {
                    let ids: Vec<_> = seen.datagrams().filter_map(Datagram::identifier).collect();
                    if ids.len() == 2 && ids[0] == ids[1] { Ok(()) } else { Err(format!("{ids:?}")) }
                },
            )
        })
        .alias("idea/M02"),
        case(
            "identifier-outside-does-not-depend-on-the-destination-after-a-clash",
            ["rfc5508-3.1-4"],
            move |w| {
                send_all([ask(w, w.other, w.far), ask(w, w.peer, w.far), ask(w, w.peer, w.far2)]).law(
                    "one identifier for both destinations of the peer",
                    Dimension::Frames,
                    |seen| {
                        let ids: Vec<_> = seen.datagrams().filter_map(Datagram::identifier).collect();
                        if ids.len() == 3 && ids[1] == ids[2] { Ok(()) } else { Err(format!("{ids:?}")) }
                    },
                )
            },
        )
        .alias("idea/M02"),
    ])
}

fn lifetime() -> Section {
    section("rfc5508/3.2").on(nat()).cases([case("mapping-lives-for-a-minute", ["rfc5508-3.2-1"], |w| {
        let query = w.transit(request());
        send(query)
            .answer(seen::icmp(8, 0).interface(1).source(w.out))
            .advance(seconds(50))
            .react(|seen| {
                let out = seen.of_step(0)?;
                let identifier = out.identifier().ok_or("no identifier")?;
                Ok(Packet::back_to(
                    out,
                    echo_reply().identifier(identifier).sequence_number(1).data(octets(32)),
                ))
            })
            .answer(seen::echo_reply().interface(0).destination(w.peer).identifier(ECHO_IDENTIFIER))
    })
    .alias("idea/L03")])
}
