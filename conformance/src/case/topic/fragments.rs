//! Fragments: every way in which two can lie, empty ones, paddings, many sizes, and what waits for the rest.

use crate::case::prelude::*;

/// Where two fragments may be put together although they overlap.
const EITHER: &str = "RFC 791 §3.2: what overlaps may be put together";

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![relations(), empty(), contents(), sizes(), waiting(), forwarding()]
}

/// A request with so much data that its fragments begin at 4032 octets before its end.
fn request_of(w: &World, len: usize) -> Packet {
    w.ip(echo_request().identifier(ECHO_IDENTIFIER).sequence_number(1).data(octets(len - 8)))
}

/// The thirteen relations of two intervals by Allen, the first being 16 to 40 octets: where the other lies.
const RELATIONS: [(&str, usize, usize); 13] = [
    ("before", 0, 8),
    ("meets", 0, 16),
    ("overlaps", 8, 24),
    ("starts", 16, 32),
    ("during", 24, 32),
    ("finishes", 24, 40),
    ("equals", 16, 40),
    ("is-finished-by", 8, 40),
    ("contains", 8, 48),
    ("is-started-by", 16, 48),
    ("is-overlapped-by", 32, 48),
    ("is-met-by", 40, 48),
    ("after", 48, 56),
];

/// The pair, then all else that the datagram needs: whatever is kept of what overlaps, its octets are the same, so that
/// what is put together is the request. Nothing may come of it too, for the overlap; never something else.
fn relations() -> Section {
    let rows = RELATIONS.into_iter().flat_map(|row| [(row, false), (row, true)]);
    let rows = rows.flat_map(|row| [(row, 0), (row, 4080)]);
    section("topic/fragments/relation").cases(rows.map(|(((name, start, end), is_swapped), base)| {
        let order = if is_swapped { "second-first" } else { "in-order" };
        let place = if base == 0 { "" } else { "-across-4096" };
        case(format!("{name}-{order}{place}-gives-the-datagram-or-nothing"), [], move |w| {
            let request = request_of(w, base + 72);
            let piece = |from: usize, to: usize| request.fragment(base + from..base + to);
            let mut pair = vec![piece(16, 40), piece(start, end)];
            if is_swapped {
                pair.reverse();
            }
            // What the pair leaves open, in pieces of 8 octets.
            let is_open = |at: &usize| !(16..40).contains(at) && !(start..end).contains(at);
            let rest: Vec<_> = (0..64).step_by(8).filter(is_open).map(|at| piece(at, at + 8)).collect();
            let head = (base > 0).then(|| request.fragments(&(1480..base).step_by(1480).collect::<Vec<_>>()));
            let head: Vec<_> = head
                .into_iter()
                .flatten()
                .take(base / 1480)
                .chain((base % 1480 > 0).then(|| request.fragment(base / 1480 * 1480..base)))
                .collect();
            let reply = [seen::echo_reply().destination(w.peer).more_fragments(false)];
            let last = Script::default().send_quietly(head.into_iter().chain(pair).chain(rest));
            let script = last.send(piece(64, 72));
            if base > 0 {
                script.law("the reply whole, or nothing", Dimension::Frames, move |seen| {
                    let octets: usize = seen.datagrams().map(|it| it.payload().len()).sum();
                    if [0, base + 72].contains(&octets) { Ok(()) } else { Err(format!("{octets} octets")) }
                })
            } else {
                script.silence().or(EITHER, reply.map(|_| seen::reply_to(&request)))
            }
        })
        .aliases(if base == 0 { ["idea/C06", "idea/C04"] } else { ["idea/C06", "idea/C07"] })
    }))
}

fn empty() -> Section {
    section("topic/fragments/empty").cases([
        case("a-first-fragment-of-nothing-is-no-datagram", [], |w| {
            send(w.ip(Vec::new()).protocol(1).more_fragments()).silence()
        })
        .alias("idea/C11"),
        case("a-last-fragment-of-nothing-completes-nothing-wrong", [], |w| {
            let request = request_of(w, 72);
            let nothing = w.ip(Vec::new()).protocol(1).fragment_offset(72);
            send(nothing)
                .silence()
                .send(request.fragment(0..72))
                .silence()
                .or("RFC 791 §3.2: the last fragment may be empty", [seen::reply_to(&request)])
        })
        .alias("idea/C11"),
    ])
}

fn contents() -> Section {
    section("topic/fragments/contents").cases([
        case("padding-of-the-link-stays-out", ["rfc0791-3.2-2"], |w| {
            let request = request_of(w, 72);
            let padded = request.fragments(&[16, 32, 48]).into_iter().map(|it| it.padding(18));
            Script::default().send_quietly(padded).answer(seen::reply_to(&request))
        })
        .alias("idea/A10"),
        case("three-hundred-duplicates-cost-no-more-than-one", [], |w| {
            let request = request_of(w, 72);
            let twins = std::iter::repeat_n(request.fragment(0..48), 300);
            Script::default()
                .send_quietly(twins)
                .silence()
                .send(request.fragment(48..72))
                .answer(seen::reply_to(&request))
        })
        .alias("idea/C19"),
        case("a-closed-port-is-told-once-for-all-fragments", [], |w| {
            let whole = w.ip(to_port(CLOSED_PORT).data(octets(64)));
            let parts = whole.fragments(&[24, 48]);
            send(parts[0].clone())
                .silence()
                .send(parts[1].clone())
                .silence()
                .send(parts[2].clone())
                .answer(seen::unreachable(3).destination(w.peer))
        })
        .alias("idea/C32"),
        case("a-broadcast-in-fragments-is-delivered", [], |w| {
            let whole = w.ip(to_port(9).data(octets(64))).destination(w.broadcast);
            Script::default().send_quietly(whole.fragments(&[24, 48])).delivers(0, octets(64))
        })
        .on(host().udp_any(9))
        .alias("idea/C32"),
        case("a-group-datagram-in-fragments-is-delivered", [], |w| {
            let whole = w.ip(to_port(9).data(octets(64))).destination([224, 0, 0, 1]);
            Script::default().send_quietly(whole.fragments(&[24, 48])).delivers(0, octets(64))
        })
        .on(host().udp_any(9))
        .alias("idea/C32"),
    ])
}

/// Lengths of UDP data, and of the fragments it comes in.
const SIZES: [(usize, usize); 9] = [
    (1, 8),
    (8, 8),
    (500, 8),
    (1000, 16),
    (1472, 736),
    (4096, 1024),
    (9000, 1480),
    (60_000, 1480),
    (65_507, 1480),
];

/// Odd fragments first, then the others.
fn sizes() -> Section {
    section("topic/fragments/size")
        .on(host().udp(9))
        .cases(SIZES.map(|(len, piece)| {
            case(format!("{len}-octets-in-pieces-of-{piece}-arrive"), ["rfc0791-3.2-2"], move |w| {
                let whole = w.ip(to_port(9).data(octets(len)));
                let parts = whole.fragments(&(piece..len + 8).step_by(piece).collect::<Vec<_>>());
                let odd = parts.iter().skip(1).step_by(2).cloned();
                let even = parts.iter().step_by(2).cloned();
                Script::default().send_quietly(odd.chain(even)).delivers(0, octets(len))
            })
            .aliases(if len == 65_507 {
                ["idea/C26", "idea/C34"]
            } else {
                ["idea/C27", "idea/C34"]
            })
        }))
        .cases([case("the-largest-datagram-without-an-end-does-not-arrive", [], |w| {
            let whole = w.ip(to_port(9).data(octets(65_507)));
            let mut parts = whole.fragments(&(1480..65_515).step_by(1480).collect::<Vec<_>>());
            let last = parts.pop().map(Packet::more_fragments);
            Script::default().send_quietly(parts.into_iter().chain(last)).delivers_nothing()
        })
        .alias("idea/C26")])
}

fn waiting() -> Section {
    section("topic/fragments/waiting").on(host().sysctl("net.ipv4.ipfrag_time", 1)).cases([
        case("a-half-that-comes-late-waits-by-itself", ["rfc1122-3.3.2-5"], |w| {
            let request = request_of(w, 72);
            send(request.fragment(0..48))
                .silence()
                .advance(seconds(3))
                .answer(seen::time_exceeded(1).destination(w.peer))
                .send(request.fragment(48..72))
                .silence()
                .advance(seconds(3))
                .silence()
        })
        .alias("idea/C24"),
        case("an-old-first-half-does-not-mix-with-a-new-one", [], |w| {
            let request = request_of(w, 72);
            let old = w.ip(echo_request().identifier(99).sequence_number(9).data([0xaa; 64]));
            send(old.fragment(0..48))
                .silence()
                .advance(seconds(3))
                .some(seen::time_exceeded(1).destination(w.peer))
                .send(request.fragment(48..72))
                .silence()
                .send(request.fragment(0..48))
                .answer(seen::reply_to(&request))
        })
        .alias("idea/C35"),
    ])
}

/// A link of 576 octets: what fits exactly, and what is one octet too long.
fn forwarding() -> Section {
    section("topic/fragments/forwarding").on(scenario("router-narrow")).cases([
        case("what-fits-exactly-is-not-cut", [], |w| {
            let transit = w.transit(to_port(CLOSED_PORT).data(octets(w.links[1].mtu - 28)));
            send(transit.clone()).answer(seen::forwarded(&transit).interface(1))
        })
        .alias("idea/D02"),
        case("one-octet-more-makes-two-fragments", [], |w| {
            let transit = w.transit(to_port(CLOSED_PORT).data(octets(w.links[1].mtu - 27)));
            let payload = transit.payload();
            let room = (w.links[1].mtu - 20) & !7;
            let piece = |from: usize, to: usize, more: bool| {
                seen::forwarded(&transit)
                    .interface(1)
                    .fragment_offset(from)
                    .more_fragments(more)
                    .payload(&payload[from..to])
            };
            send(transit.clone()).answers([piece(0, room, true), piece(room, payload.len(), false)])
        })
        .alias("idea/D02"),
    ])
}
