//! RFC 1812 §4.2.3 and §4.2.1: broadcasts, multicasts, subnets and path MTU discovery on routers.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![implemented(), broadcast_forms(), sent_broadcasts(), multicast(), path_mtu(), subnets()]
}

/// A router with ways to several parts of one classful network.
fn subnetted() -> Setting {
    router()
        .via("10.128.0.0/9", [10, 0, 0, 7], 0)
        .via("10.144.0.0/16", [10, 1, 0, 3], 1)
        .via("10.144.2.0/24", [10, 0, 0, 8], 0)
        .via("10.144.2.128/25", [10, 1, 0, 4], 1)
        .via("10.144.2.192/30", [10, 0, 0, 9], 0)
        .via("10.144.2.194/31", [10, 1, 0, 5], 1)
        .via("10.144.2.195/32", [10, 0, 0, 10], 0)
}

fn implemented() -> Section {
    section("rfc1812/4.2.1").on(router()).cases([
        case("datagrams-are-forwarded", ["rfc1812-4.2.1-1", "rfc1812-5.2.3-9"], |w| {
            send(w.passing()).answer(seen::forwarded(&w.passing()).interface(1))
        }),
        case(
            "router-address-answers-as-a-host",
            ["rfc1812-4.2.1-5", "rfc1812-4.3.1-1", "rfc1812-4.3.3.6-1"],
            |w| send(w.echo()).answer(seen::reply_to(&w.echo())),
        ),
        case("header-failures-are-counted", ["rfc1812-4.2.1-3", "rfc1812-5.2.2-6"], |w| {
            send_all((0..3).map(|at| w.passing().identification(at).version(5)))
                .send(w.passing().version(6))
                .counts("Ip.InHdrErrors", 1)
        }),
    ])
}

fn broadcast_forms() -> Section {
    section("rfc1812/4.2.3.1").on(router()).cases([
        case("closed-port-behind-the-limited-broadcast-draws-no-error", ["rfc1812-4.2.3.1-1"], |w| {
            send(w.closed().destination([255, 255, 255, 255])).silence()
        }),
        case("closed-port-behind-the-subnet-broadcast-draws-no-error", ["rfc1812-4.2.3.1-1"], |w| {
            send(w.closed().destination(w.broadcast)).silence()
        }),
        case("zero-form-of-the-subnet-is-dropped", ["rfc1812-4.2.3.1-2", "rfc1812-5.3.5-1"], |w| {
            send(w.echo().destination(w.network)).silence()
        }),
        case("unspecified-destination-is-dropped", ["rfc1812-4.2.3.1-2", "rfc1812-5.3.7-5"], |w| {
            send(w.echo().destination([0, 0, 0, 0])).silence()
        }),
        case("zero-form-is-not-treated-as-a-host", ["rfc1812-4.2.3.1-3", "rfc1812-5.3.5-1"], |w| {
            let far_side = w.links[1].prefix.network();
            send(w.passing().destination(far_side))
                .never(seen::icmp_error())
                .never(seen::datagram().interface(1).destination(far_side))
        }),
    ])
}

fn sent_broadcasts() -> Section {
    section("rfc1812/4.2.3.1/sent").on(router().udp_any(9).option("broadcast", 1)).cases([
        case(
            "limited-broadcast-can-be-sent",
            ["rfc1812-4.2.3.1-5", "rfc1812-5.3.5.1-3", "rfc1812-5.3.5.1-4"],
            |_| {
                let everybody = [255, 255, 255, 255].into();
                socket_send(0, (everybody, 9), b"all").some(seen::udp(9, 9).destination(everybody))
            },
        ),
        case("zero-forms-are-not-sent", ["rfc1812-4.2.3.1-7", "rfc1812-4.2.3.1-9"], |w| {
            send(w.echo().destination([255, 255, 255, 255])).never(seen::datagram().that(
                "ipv4.destination",
                "a zero form",
                {
                    let zero = w.network;
                    move |it| it.destination().is_unspecified() || it.destination() == zero
                },
            ))
        }),
    ])
}

fn multicast() -> Section {
    let group = [239, 129, 2, 3];
    section("rfc1812/4.2.3.2")
        .on(router().udp_any(9))
        .cases((0..2).flat_map(move |link| {
            let sender = move |w: &World| w.links[link].peer;
            [
                case(
                    format!("joined-group-is-received-on-link-{link}"),
                    ["rfc1812-4.2.3.2-1", "rfc1812-4.2.3.2-4"],
                    move |w| {
                        send(w.udp(9).source(sender(w)).destination(group).on(link)).delivers(0, octets(12))
                    },
                )
                .on(router().udp_any(9).group(link, group)),
                case(format!("left-group-is-not-received-on-link-{link}"), ["rfc1812-4.2.3.2-1"], move |w| {
                    send(w.udp(9).source(sender(w)).destination(group).on(link)).delivers_nothing()
                }),
            ]
        }))
        .cases([case(
            "group-is-sent-to-its-link-address",
            ["rfc1812-4.2.3.2-2", "rfc1812-4.2.3.2-4"],
            move |_| {
                socket_send(0, (group.into(), 9), b"group")
                    .some(seen::udp(9, 9).link_destination([1, 0, 0x5e, 1, 2, 3]).destination(group.into()))
            },
        )
        .on(scenario("router-ethernet").udp_any(9))
        .alias("idea/F09")])
}

fn path_mtu() -> Section {
    section("rfc1812/4.2.3.3").on(router().udp(7).option("pmtudisc", 2)).cases([
        case("own-datagrams-have-dont-fragment-set", ["rfc1812-4.2.3.3-1"], |w| {
            socket_send(0, (w.far, 9), octets(1000)).answer(seen::udp(7, 9).dont_fragment(true))
        }),
        case("fragmentation-needed-lowers-the-size", ["rfc1812-4.2.3.3-1"], |w| {
            let router = w.next;
            socket_send(0, (w.far, 9), octets(1000))
                .react(move |seen| {
                    let sent = seen.last()?;
                    let error = fragmentation_needed(600).quote(&sent.octets);
                    Ok(Packet::back_to(sent, error).source(router))
                })
                .socket_send(0, (w.far, 9), octets(1000))
                .never(
                    seen::udp(7, 9).that("ipv4.total_length", "more than 600", |it| it.total_length() > 600),
                )
        }),
    ])
}

fn subnets() -> Section {
    let ways = [
        ("slash-9", [10, 130, 0, 1], 0),
        ("slash-16", [10, 144, 1, 1], 1),
        ("slash-24", [10, 144, 2, 1], 0),
        ("slash-25", [10, 144, 2, 129], 1),
        ("slash-30", [10, 144, 2, 193], 0),
        ("slash-31", [10, 144, 2, 194], 1),
        ("slash-32", [10, 144, 2, 195], 0),
        ("default", [203, 0, 113, 9], 1),
    ];
    section("rfc1812/4.2.3.4").on(subnetted()).cases(ways.map(|(name, to, link)| {
        case(
            format!("{name}-decides"),
            [
                "rfc1812-4.2.3.4-1",
                "rfc1812-4.2.3.4-2",
                "rfc1812-4.2.3.4-3",
                "rfc1812-4.2.1-4",
                "rfc1812-5.2.4.3-2",
                "rfc1812-5.2.4.3-3",
                "rfc1812-5.2.4.3-6",
                "rfc1812-5.2.4.2-3",
            ],
            move |w| {
                // From the other side, so that no Redirect goes out.
                let from = 1 - link;
                let transit =
                    Packet::new(to_port(CLOSED_PORT)).source(w.links[from].peer).destination(to).on(from);
                send(transit.clone()).answer(seen::forwarded(&transit).interface(link))
            },
        )
        .alias("idea/E05")
    }))
}
