//! Bugs in reassembly and fragmentation.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![bounds(), overlaps(), resources(), holes(), other_protocols(), sending(), timeout()]
}

/// A request whose fragments the cases arrange: 72 octets of ICMP.
fn request_of_72(w: &World) -> Packet {
    w.ip(echo_request().identifier(ECHO_IDENTIFIER).sequence_number(1).data(octets(64)))
}

fn bounds() -> Section {
    section("historic/fragments/bounds")
        .cases([
            case("a-datagram-beyond-65535-octets-never-completes", ["rfc0791-3.2-9"], |w| {
                let first = w.ip(echo_request().data(octets(72)));
                let last = w.ip(octets(1400)).protocol(1).fragment_offset(65_512);
                send(first.fragment(0..72)).silence().send(last).silence()
            })
            .alias("bug/ping-of-death"),
            case("a-header-that-claims-more-than-came-is-dropped", ["rfc0791-3.1-2"], |w| {
                send(w.ip(octets(4)).ihl(11).total_length(44).fragment_offset(64)).silence()
            })
            .aliases(["bug/oshare", "bug/freertos-16601"]),
            case("a-lone-first-fragment-is-no-datagram", ["rfc0791-3.1-9"], |w| {
                send(w.echo().more_fragments()).silence()
            })
            .aliases(["bug/freertos-mf-first", "tc8/IPv4_REASSEMBLY_09", "idea/C10"]),
        ])
        .cases([496, 1272, 1480, 1496, 2040, 4088, 8184, 65_488].map(|offset| {
            case(format!("a-lone-fragment-at-{offset}-is-held-in-silence"), [], move |w| {
                send(w.ip(octets(16)).protocol(1).fragment_offset(offset)).silence()
            })
            .alias("bug/uip-reass-17438")
        }))
        .cases((1..8).map(|rest| {
            case(
                format!("a-first-fragment-of-8-and-{rest}-octets-leaves-a-hole"),
                ["rfc0791-3.2-2"],
                move |w| {
                    let request = request_of_72(w);
                    let odd = request.fragment(0..8 + rest);
                    send(odd).silence().send(request.fragment(16..72)).silence()
                },
            )
            .alias("bug/uboot-30790")
        }))
}

fn overlaps() -> Section {
    const EITHER: &str = "RFC 791 §3.2: what overlaps may be put together";
    section("historic/fragments/overlap").cases([
        case("an-exact-duplicate-is-tolerated", ["rfc0815-3-2"], |w| {
            let request = request_of_72(w);
            let parts = request.fragments(&[24, 48]);
            let order = [0, 0, 1, 1, 2].map(|at| parts[at].clone());
            Script::default().send_quietly(order).answer(seen::reply_to(&request))
        })
        .aliases(["bug/pf-fragment-cache-dup", "bug/gvisor-overlap-policy", "idea/C03"]),
        case("an-overlap-with-options-is-survived", [], |w| {
            let request = request_of_72(w).options(options().no_operation());
            send(request.fragment(0..24))
                .silence()
                .send(request.fragment(16..48))
                .silence()
                .send(request.fragment(48..72))
                .silence()
                .or(EITHER, [seen::echo_reply().destination(w.peer)])
        })
        .aliases(["bug/nestea", "idea/C05"]),
        case("an-overlapping-last-fragment-does-not-end-the-datagram", [], |w| {
            let request = request_of_72(w);
            send(request.fragment(0..48))
                .silence()
                .send(request.fragment(40..72))
                .silence()
                .or(EITHER, [seen::reply_to(&request)])
        })
        .alias("bug/lwip-reass-last-discarded"),
        case("two-ends-are-survived", [], |w| {
            let request = request_of_72(w);
            let short = w.ip(octets(8)).protocol(1).fragment_offset(48);
            send(request.fragment(64..72))
                .silence()
                .send(short)
                .silence()
                .send(request.fragment(0..64))
                .never(seen::icmp_error())
        })
        .aliases(["bug/gvisor-two-last", "idea/C14"]),
    ])
}

fn resources() -> Section {
    section("historic/fragments/resources").cases([
        case("a-flood-of-first-fragments-does-not-keep-others-out", [], |w| {
            let flood = (0..100).map(|at| w.echo().identification(0x7000 + at).fragment(0..24));
            let whole = w.echo().identification(0x6fff);
            send_all(flood).never(seen::echo_reply()).send(whole.clone()).answer(seen::reply_to(&whole))
        })
        .aliases(["bug/linux-inet-frag-race", "bug/freebsd-frag-resource", "idea/P03"]),
        case("many-holes-are-filled", ["rfc1122-3.3.2-2"], |w| {
            let request = w.ip(echo_request().identifier(ECHO_IDENTIFIER).data(octets(160)));
            let parts = request.fragments(&(1..21).map(|at| at * 8).collect::<Vec<_>>());
            let even = parts.iter().step_by(2).cloned();
            let odd = parts.iter().skip(1).step_by(2).cloned();
            Script::default().send_quietly(even.chain(odd)).answer(seen::reply_to(&request))
        })
        .aliases(["bug/smoltcp-toomanyholes", "bug/zephyr-defrag-slots", "idea/C18"]),
    ])
}

/// Four fragments, one of them missing, in every order that begins with another one: never a datagram.
fn holes() -> Section {
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let all = (0..4usize).flat_map(move |missing| orders.map(|order| (missing, order)));
    section("historic/fragments/hole").cases(all.map(|(missing, order)| {
        let name = format!("without-{missing}-in-order-{}{}{}", order[0], order[1], order[2]);
        case(format!("{name}-nothing-completes"), ["rfc0815-3-4"], move |w| {
            let parts = request_of_72(w).fragments(&[16, 32, 48]);
            let left: Vec<_> = (0..4).filter(|at| *at != missing).collect();
            let sent = order.map(|at| parts[left[at]].clone());
            Script::default().send_quietly(sent).silence()
        })
        .aliases(["bug/lwip-reass-holes", "idea/C09", "tc8/IPv4_REASSEMBLY_06"])
    }))
}

fn other_protocols() -> Section {
    section("historic/fragments/igmp").cases([case("fragmented-queries-are-survived", [], |w| {
        let query = [&[0x11, 100, 0, 0, 224, 0, 0, 1, 0, 0, 0, 8][..], &octets(32)].concat();
        let whole = w.ip(query).protocol(2).destination([224, 0, 0, 1]).ttl(1);
        send_all(whole.fragments(&[16, 32])).silence().send(w.echo()).answer(seen::reply_to(&w.echo()))
    })
    .aliases(["bug/igmp-frag-kod", "bug/vxworks-igmp-frag-leak"])])
}

/// Whether the datagrams of the last step are the fragments of one datagram: same identification, pieces of whole
/// units, no gap; returns what they carry.
fn reassembled(seen: &History) -> Result<Vec<u8>, String> {
    let mut pieces: Vec<_> = seen.steps.last().map(|step| step.datagrams.clone()).unwrap_or_default();
    pieces.sort_by_key(Datagram::fragment_offset);
    let mut whole = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let is_last = index + 1 == pieces.len();
        if piece.identification() != pieces[0].identification() {
            return Err("fragments of one datagram have different identifications".to_owned());
        }
        if piece.fragment_offset() != whole.len() || piece.more_fragments() == is_last {
            return Err(format!(
                "the piece at {} does not follow {} octets",
                piece.fragment_offset(),
                whole.len()
            ));
        }
        if !is_last && piece.payload().len() % 8 != 0 {
            return Err(format!("a piece of {} octets is no multiple of 8", piece.payload().len()));
        }
        whole.extend(piece.payload());
    }
    if pieces.len() < 2 { Err(format!("{} frames", pieces.len())) } else { Ok(whole) }
}

/// The reply to `request` comes in fragments that make it whole.
fn comes_in_fragments(request: &Packet) -> impl Fn(&History) -> Result<(), String> + Send + Sync + 'static {
    let data = request.payload()[8..].to_vec();
    move |seen| {
        let whole = reassembled(seen)?;
        let is_reply = whole.first() == Some(&0) && whole.get(8..) == Some(&data[..]);
        if is_reply { Ok(()) } else { Err("what the fragments make is not the reply".to_owned()) }
    }
}

fn sending() -> Section {
    section("historic/fragments/sending")
        .cases([1473, 1474, 1480, 2953, 4000].map(|len| {
            case(format!("a-reply-of-{len}-octets-is-cut-right"), ["rfc0791-3.2-2"], move |w| {
                let request = w.ip(echo_request().identifier(ECHO_IDENTIFIER).data(octets(len)));
                let cuts: Vec<_> = (1480..len + 8).step_by(1480).collect();
                Script::default().send_quietly(request.fragments(&cuts)).law(
                    "the reply in fragments of whole units with one identification",
                    Dimension::Frames,
                    comes_in_fragments(&request),
                )
            })
            .aliases([
                "bug/smoltcp-frag-align8",
                "bug/smoltcp-l3-frag-panic",
                "bug/picotcp-frag-ids",
                "idea/D04",
            ])
        }))
        .cases([
            case("a-reply-with-options-is-cut-as-well", [], |w| {
                let request = w.ip(echo_request().identifier(ECHO_IDENTIFIER).data(octets(2000)));
                let parts = request.clone().options(options().record_route(3)).fragments(&[1456]);
                Script::default().send_quietly(parts).law(
                    "the reply in fragments",
                    Dimension::Frames,
                    comes_in_fragments(&request),
                )
            })
            .alias("bug/lwip-frag-options-assert"),
            case("a-fragment-with-more-to-come-keeps-the-flag-on-every-piece", ["rfc0791-3.2-5"], |w| {
                let whole = w.transit(to_port(CLOSED_PORT).data(octets(1992)));
                let payload = whole.payload();
                let middle = whole.fragment(800..1600);
                let piece = |from: usize, to: usize| {
                    seen::forwarded(&middle)
                        .interface(1)
                        .fragment_offset(from)
                        .more_fragments(true)
                        .payload(&payload[from..to])
                };
                send(middle.clone()).answers([piece(800, 1352), piece(1352, 1600)])
            })
            .on(scenario("router-narrow"))
            .aliases(["bug/lwip-refrag-mf", "idea/D08"]),
        ])
}

fn timeout() -> Section {
    section("historic/fragments/timeout").on(host().sysctl("net.ipv4.ipfrag_time", 1)).cases(
        [("broadcast", None), ("multicast", Some([224, 0, 0, 1]))].map(|(name, to)| {
            case(format!("first-fragment-to-{name}-draws-nothing"), ["rfc1122-3.2.2-8"], move |w| {
                let to = to.map_or(w.broadcast, Into::into);
                send(w.echo().destination(to).fragment(0..24)).silence().advance(seconds(3)).silence()
            })
            .alias("bug/linux-ip-expire-icmp")
        }),
    )
}
