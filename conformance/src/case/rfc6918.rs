//! RFC 6918: message types that are deprecated.

use super::prelude::*;

/// The sections of RFC 6918.
pub(super) fn sections() -> Vec<Section> {
    vec![dropped(), not_sent(), filtered()]
}

fn dropped() -> Section {
    section("rfc6918/3")
        .cases((30..=39).map(|number| {
            case(format!("type-{number}-is-dropped"), ["rfc6918-3-5"], move |w| {
                send(w.ip(icmp(number, 0).quote(w.closed().build()))).silence()
            })
            .alias("idea/G11")
        }))
        .cases([
            case("alternate-host-address-is-dropped", ["rfc6918-3-6"], |w| {
                send(w.ip(icmp(6, 0).data(w.other.octets())))
                    .silence()
                    .send(w.echo())
                    .answer(seen::reply_to(&w.echo()))
            }),
            case("information-request-is-not-answered", ["rfc6918-3-2"], |w| {
                send(w.ip(information_request().identifier(7))).silence()
            })
            .alias("idea/G07"),
            case("broadcast-information-request-is-not-answered", ["rfc6918-3-2"], |w| {
                send(w.ip(information_request().identifier(7)).destination(w.broadcast)).silence()
            })
            .alias("idea/G07"),
            case("mask-request-is-not-answered", ["rfc6918-3-3"], |w| {
                send(w.ip(address_mask_request().identifier(7))).silence()
            })
            .alias("idea/G08"),
            case("broadcast-mask-request-is-not-answered", ["rfc6918-3-3"], |w| {
                send(w.ip(address_mask_request().identifier(7)).destination(w.broadcast)).silence()
            })
            .alias("idea/G08"),
            case("mask-reply-has-no-effect", ["rfc6918-3-4"], |w| {
                send(w.ip(icmp(18, 0).data([255, 0, 0, 0])))
                    .silence()
                    .send(w.echo())
                    .answer(seen::reply_to(&w.echo()))
            })
            .alias("idea/G08"),
        ])
}

fn not_sent() -> Section {
    section("rfc6918/3/sent").cases([case("none-is-originated", ["rfc6918-3-1"], |w| {
        send_all([w.closed(), w.echo(), w.ip(octets(8)), w.echo().options([7, 7, 3, 0, 0, 0, 0, 0])]).law(
            "no deprecated type",
            Dimension::Frames,
            |seen| {
                let old = seen
                    .datagrams()
                    .find(|it| matches!(it.icmp_type_and_code(), Some((6 | 15..=18 | 30..=39, _))));
                old.map_or(Ok(()), |it| Err(format!("type {:?}", it.icmp_type_and_code())))
            },
        )
    })])
}

fn filtered() -> Section {
    let without = |number: u8| {
        router().rule(Rule {
            protocol: Some(1),
            icmp_type: Some(number),
            ..rule(Hook::Forward, RuleAction::Drop)
        })
    };
    section("rfc6918/5").cases([15, 17, 30].map(|number| {
        case(format!("type-{number}-can-be-filtered"), ["rfc6918-5-1"], move |w| {
            send(w.transit(icmp(number, 0).data(octets(8)))).silence()
        })
        .on(without(number))
    }))
}
