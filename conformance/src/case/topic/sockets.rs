//! Raw and ping sockets, and the addresses that sockets send from.

use crate::case::prelude::*;

/// Protocol number of ICMP.
const ICMP: u8 = 1;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![raw(), header_included(), reports(), sources()]
}

fn holds_type(number: u8) -> Wanted<Delivery> {
    Wanted::new(format!("an ICMP message of type {number}"), move |it: &Delivery| {
        let header_len = it.data.first().map_or(0, |first| usize::from(first & 15) * 4);
        it.data.get(header_len) == Some(&number)
    })
}

fn raw() -> Section {
    section("topic/socket/raw").on(host().raw(ICMP)).cases([
        case("a-request-is-shown-and-answered", [], |w| {
            send(w.echo()).deliveries([holds_type(8)]).some(seen::reply_to(&w.echo()))
        })
        .alias("idea/K01"),
        case("a-reply-is-shown", [], |w| {
            send(w.ip(echo_reply().identifier(5).sequence_number(1).data(octets(8))))
                .deliveries([holds_type(0)])
        })
        .alias("idea/K01"),
        case("each-of-two-sockets-gets-its-copy", [], |w| {
            let copy = |socket: usize| {
                Wanted::new(format!("a copy at socket {socket}"), move |it: &Delivery| it.socket == socket)
            };
            send(w.echo()).deliveries([copy(0), copy(1)])
        })
        .on(host().raw(ICMP).raw(ICMP))
        .alias("idea/K01"),
        case("another-protocol-is-not-shown", [], |w| send(w.ip(octets(8)).protocol(254)).delivers_nothing())
            .alias("idea/K01"),
    ])
}

/// A header that a socket brings along, over an echo request to the peer.
fn brought(w: &World, source: [u8; 4]) -> Vec<u8> {
    w.ip(echo_request().identifier(7).data(octets(8))).source(source).destination(w.peer).build()
}

fn header_included() -> Section {
    section("topic/socket/header").on(host().raw(255).option("hdrincl", 1)).cases([
        case("a-header-without-a-source-gets-one", [], |w| {
            socket_send(0, (w.peer, 0), brought(w, [0, 0, 0, 0]))
                .answer(seen::icmp(8, 0).source(w.dut).destination(w.peer))
        })
        .alias("idea/A25"),
        case("a-header-with-a-source-keeps-it", [], |w| {
            socket_send(0, (w.peer, 0), brought(w, w.dut.octets()))
                .answer(seen::icmp(8, 0).source(w.dut).destination(w.peer))
        })
        .alias("idea/A25"),
        case("fewer-than-20-octets-do-not-leave", [], |w| {
            socket_send(0, (w.peer, 0), &brought(w, w.dut.octets())[..19]).silence()
        })
        .alias("idea/A25"),
        case("a-header-with-options-leaves-with-them", [], |w| {
            let with = w
                .ip(echo_request().identifier(7))
                .options(options().record_route(1))
                .source(w.dut)
                .destination(w.peer);
            socket_send(0, (w.peer, 0), with.build()).answer(seen::icmp(8, 0).header_len(28))
        })
        .alias("idea/A25"),
    ])
}

fn reports() -> Section {
    section("topic/socket/report").cases([
        case("an-error-about-a-raw-datagram-reaches-its-socket", [], |w| {
            let sent = w.ip(octets(16)).protocol(254).source(w.dut).destination(w.peer);
            let error = unreachable(UnreachableCode::Protocol).quote(sent.build());
            socket_send(0, (w.peer, 0), octets(16))
                .some(seen::protocol(254))
                .send(w.ip(error))
                .reports(0, "ENOPROTOOPT")
        })
        .on(host().raw(254).option("recverr", 1))
        .alias("idea/I09"),
        case("an-error-about-a-query-reaches-its-ping-socket", [], |w| {
            let sent = w.ip(echo_request().identifier(77)).source(w.dut).destination(w.peer);
            let error = unreachable(UnreachableCode::Host).quote(sent.build());
            socket_send(0, (w.peer, 0), [8, 0, 0, 0, 0, 0, 0, 0])
                .some(seen::icmp(8, 0).identifier(77))
                .send(w.ip(error))
                .reports(0, "EHOSTUNREACH")
        })
        .on(host().ping(77).option("recverr", 1))
        .aliases(["idea/I09", "idea/H08"]),
        case("the-queue-tells-type-code-mtu-and-who-said-so", [], |w| {
            let sent = w.ip(udp().source_port(7).destination_port(9).data(b"ping"));
            let sent = sent.source(w.dut).destination(w.far).dont_fragment();
            let error = fragmentation_needed(1200).quote(sent.build());
            // The call that comes next fails, and the queue says why.
            let failed =
                Wanted::new("EMSGSIZE", |it: &SocketError| it.errno == "EMSGSIZE" && it.queued.is_none());
            let said = Wanted::new("ICMP 3/4 with 1200", |it: &SocketError| {
                let said = it.queued.as_ref().map(|it| (it.origin, it.icmp_type, it.icmp_code, it.info));
                said == Some((2, 3, 4, 1200))
            });
            socket_send(0, (w.far, 9), b"ping")
                .answer(seen::udp(7, 9))
                .send(w.ip(error))
                .socket_errors([failed, said])
        })
        .on(host().udp(7).option("recverr", 1).option("pmtudisc", 2))
        .alias("idea/I03"),
    ])
}

fn sources() -> Section {
    section("topic/socket/source").on(host().udp_any(7)).cases([
        case("a-route-chooses-the-source", [], |w| {
            socket_send(0, (w.far, 9), b"x").answer(seen::udp(7, 9).source([10, 0, 0, 77].into()))
        })
        .on(host().udp_any(7).address(0, "10.0.0.77/24").edit(|scenario| {
            for route in &mut scenario.routes {
                route.source = Some([10, 0, 0, 77].into());
            }
        }))
        .alias("idea/F11"),
        case("the-subnet-of-the-neighbor-chooses-the-source", [], |w| {
            socket_send(0, ([10, 7, 0, 9].into(), 9), b"x")
                .answer(seen::udp(7, 9).source([10, 7, 0, 1].into()))
                .send(w.echo())
                .answer(seen::reply_to(&w.echo()))
        })
        .on(host().udp_any(7).address(0, "10.7.0.1/24"))
        .alias("idea/F11"),
    ])
}
