//! RFC 791 §3.2: fragments on the way, overlaps, time and identification.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![on_the_way(), reassembly(), timer(), identification()]
}

fn on_the_way() -> Section {
    section("rfc0791/3.2/on-the-way").on(scenario("router-narrow")).cases([
        case("pieces-of-a-middle-piece-keep-offset-and-more-fragments", ["rfc0791-3.2-5"], |w| {
            let middle = w.transit(octets(1000)).protocol(17).fragment_offset(800).more_fragments();
            send(middle).law("offsets from 800, more fragments in all", Dimension::Frames, |seen| {
                let pieces: Vec<_> =
                    seen.datagrams().map(|it| (it.fragment_offset(), it.more_fragments())).collect();
                let right = pieces.len() > 1 && pieces[0].0 == 800 && pieces.iter().all(|(_, more)| *more);
                if right { Ok(()) } else { Err(format!("{pieces:?}")) }
            })
        })
        .alias("idea/D08"),
        case("pieces-of-the-last-piece-end-with-no-more-fragments", ["rfc0791-3.2-5"], |w| {
            let last = w.transit(octets(1000)).protocol(17).fragment_offset(800);
            send(last).law("no more fragments in the last alone", Dimension::Frames, |seen| {
                let more: Vec<_> = seen.datagrams().map(Datagram::more_fragments).collect();
                let right = more.len() > 1
                    && more.iter().filter(|more| !**more).count() == 1
                    && more.last() == Some(&false);
                if right { Ok(()) } else { Err(format!("{more:?}")) }
            })
        })
        .alias("idea/D08"),
        case("pieces-are-multiples-of-8", ["rfc0791-3.2-2"], |w| {
            send(w.transit(octets(1001)).protocol(17)).law("all but the last", Dimension::Frames, |seen| {
                let wrong = seen.datagrams().find(|it| it.more_fragments() && it.payload().len() % 8 != 0);
                wrong.map_or(Ok(()), |it| Err(format!("{} octets", it.payload().len())))
            })
        })
        .alias("idea/D01"),
    ])
}

fn reassembly() -> Section {
    let request = |w: &World| w.ip(echo_request().identifier(ECHO_IDENTIFIER).data(octets(40)));
    section("rfc0791/3.2/overlap").cases([
        case("whole-datagram-with-the-key-of-a-queue-is-delivered", ["rfc0791-3.2-6"], move |w| {
            let parts = request(w).fragments(&[24]);
            send(parts[0].clone()).silence().send(w.echo()).answer(seen::reply_to(&w.echo()))
        }),
        case("overlap-ends-in-new-data-or-in-nothing", ["rfc0791-3.2-7", "rfc0815-3-3"], move |w| {
            let whole = request(w);
            let mut early = whole.fragment(16..32);
            early = early.carry(vec![0xee; 16]).protocol(1);
            send_all([early, whole.fragment(0..24)]).send(whole.fragment(24..48)).may_answer(
                "RFC 791 §3.2: the later data, or by RFC 6274 §4.1.2 nothing",
                seen::reply_to(&whole),
            )
        })
        .alias("idea/C05"),
    ])
}

fn timer() -> Section {
    let short = || host().sysctl("net.ipv4.ipfrag_time", 1);
    section("rfc0791/3.2/timer").on(short()).cases([
        case("time-out-releases-what-was-kept", ["rfc0791-3.2-9", "rfc0815-7-2"], |w| {
            send_all((0..32).map(|at| w.echo().identification(at).fragment(8..24)))
                .advance(seconds(3))
                .counts_within("Ip.ReasmFails", 0..=64)
                .send_quietly(w.echo().identification(99).fragments(&[16]))
                .answer(seen::reply_to(&w.echo()))
        })
        .alias("idea/C36"),
        case("timer-is-at-least-15-seconds", ["rfc0791-3.2-8"], |w| {
            let parts = w.echo().fragments(&[16]);
            send(parts[0].clone())
                .silence()
                .advance(seconds(14))
                .silence()
                .send(parts[1].clone())
                .answer(seen::reply_to(&w.echo()))
        })
        .on(host())
        .alias("idea/C23"),
    ])
}

fn identification() -> Section {
    section("rfc0791/3.2/identification").on(host().udp(7).option("pmtudisc", 0)).cases([case(
        "fragmented-datagrams-do-not-share-one",
        ["rfc0791-3.2-10", "rfc6864-4.3-1", "rfc6864-4.3-4"],
        |w| {
            let peer = w.peer;
            (0..20).fold(Script::default(), |script, _| script.socket_send(0, (peer, 9), octets(2000))).law(
                "one identification for each of 20 datagrams",
                Dimension::Frames,
                |seen| {
                    let firsts = seen.datagrams().filter(|it| it.fragment_offset() == 0);
                    let ids: std::collections::BTreeSet<_> = firsts.map(Datagram::identification).collect();
                    if ids.len() == 20 { Ok(()) } else { Err(format!("{} of them", ids.len())) }
                },
            )
        },
    )
    .alias("idea/A22")])
}
