//! RFC 791 §2.3, §3.1 and §3.3: addresses and fields of whole datagrams.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![addresses(), sent(), sizes(), time_to_live(), users()]
}

fn addresses() -> Section {
    let three = || host().address(0, "10.0.0.21/24").address(0, "172.16.5.1/28");
    section("rfc0791/2.3").on(three()).cases([[10, 0, 0, 1], [10, 0, 0, 21], [172, 16, 5, 1]].map(|own| {
        case(format!("address-{}-{}-answers-as-itself", own[2], own[3]), ["rfc0791-2.3-1"], move |w| {
            let request = w.echo().destination(own);
            send(request.clone()).answer(seen::reply_to(&request).source(own.into()))
        })
    }))
}

fn sent() -> Section {
    section("rfc0791/3.1/sent").cases([
        case("whole-datagram-has-offset-zero-and-no-more", ["rfc0791-2.3-2"], |w| {
            send(w.echo()).answer(seen::reply_to(&w.echo()).fragment_offset(0).more_fragments(false))
        }),
        case("version-is-4", ["rfc0791-3.1-1"], |w| {
            send(w.echo())
                .answer(seen::reply_to(&w.echo()).that("ipv4.version", 4, |it| it.octets[0] >> 4 == 4))
        })
        .alias("idea/A02"),
        case("checksum-without-options-is-right", ["rfc0791-3.1-12"], |w| {
            send(w.echo()).answer(seen::reply_to(&w.echo()).that("ipv4.header_checksum", "right", sums_up))
        })
        .alias("idea/A12"),
        case("checksum-with-options-is-right", ["rfc0791-3.1-12"], |w| {
            let request = w.echo().options(options().record_route(3));
            send(request.clone()).answer(seen::reply_to(&request).that(
                "ipv4.header_checksum",
                "right",
                sums_up,
            ))
        })
        .alias("idea/A12"),
        case("checksum-after-forwarding-is-right", ["rfc0791-3.1-12", "rfc0791-3.1-13"], |w| {
            send(w.passing()).answer(seen::forwarded(&w.passing()).that(
                "ipv4.header_checksum",
                "right",
                sums_up,
            ))
        })
        .on(router())
        .alias("idea/A12"),
    ])
}

/// Whether the words of the header add up to all ones. RFC 1071 §1.
fn sums_up(it: &Datagram) -> bool {
    let words =
        it.octets[..it.header_len()].chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    (folded & 0xffff) + (folded >> 16) == 0xffff
}

fn sizes() -> Section {
    let request = |w: &World| w.ip(echo_request().identifier(ECHO_IDENTIFIER).data(octets(548)));
    section("rfc0791/3.1/size").cases([
        case("576-octets-are-received-whole", ["rfc0791-3.1-5", "rfc0791-3.2-4"], move |w| {
            send(request(w)).answer(seen::reply_to(&request(w)))
        })
        .alias("idea/A14"),
        case("576-octets-are-received-in-pieces-of-48", ["rfc0791-3.1-5", "rfc0791-3.2-4"], move |w| {
            let cuts: Vec<_> = (48..556).step_by(48).collect();
            Script::default().send_quietly(request(w).fragments(&cuts)).answer(seen::reply_to(&request(w)))
        })
        .alias("idea/A14"),
        case("large-payloads-go-in-datagrams-that-the-link-carries", ["rfc0791-3.1-6"], |w| {
            let mtu = w.links[0].mtu;
            socket_send(0, (w.far, 9), octets(4000)).law(
                "none above the MTU",
                Dimension::Frames,
                move |seen| match seen.datagrams().map(|it| usize::from(it.total_length())).max() {
                    Some(largest) if largest <= mtu => Ok(()),
                    other => Err(format!("{other:?} octets")),
                },
            )
        })
        .on(host().udp(7).option("pmtudisc", 0)),
    ])
}

fn time_to_live() -> Section {
    section("rfc0791/3.1/ttl").on(router()).cases([
        case("ttl-that-reaches-zero-ends-the-datagram", ["rfc0791-3.1-10", "rfc0792-time-exceeded-1"], |w| {
            send(w.passing().ttl(1)).never(seen::protocol(17).interface(1))
        })
        .alias("idea/E01"),
        case("every-module-lowers-the-ttl", ["rfc0791-3.1-11"], |w| {
            send(w.passing().ttl(64)).answer(seen::forwarded(&w.passing()).ttl_within(1..=63))
        })
        .alias("idea/E01"),
    ])
}

fn users() -> Section {
    section("rfc0791/3.3").cases([
        case("absent-port-is-reported", ["rfc0791-3.3-1", "rfc0792-dest-unreachable-3"], |w| {
            send(w.closed()).answer(seen::unreachable(3).destination(w.peer).quotes(&w.closed()))
        })
        .alias("idea/H01"),
        case("absent-protocol-is-reported", ["rfc0791-3.3-1", "rfc0792-dest-unreachable-3"], |w| {
            send(w.ip(octets(24))).answer(seen::unreachable(2).destination(w.peer).quotes(&w.ip(octets(24))))
        })
        .aliases(["idea/A17", "idea/H01"]),
    ])
}
