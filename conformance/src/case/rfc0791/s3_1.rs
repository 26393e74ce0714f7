//! RFC 791 §3.1: the header, field by field, and the options.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![header(), record_route(), timestamp()]
}

fn header() -> Section {
    section("rfc0791/3.1")
        .cases((0..5).map(|ihl| {
            case(format!("header-length-{ihl}-is-dropped"), ["rfc0791-3.1-2"], move |w| {
                send(w.echo().ihl(ihl)).silence()
            })
            .aliases(["idea/A04", "tc8/IPv4_HEADER_02"])
        }))
        .cases([
            case("header-length-beyond-the-datagram-is-dropped", ["rfc0791-3.1-2"], |w| {
                send(w.ip(vec![0; 4]).ihl(15)).silence()
            })
            .alias("idea/A05"),
            case("link-padding-is-no-data", ["rfc0791-3.1-4"], |w| {
                let request = w.ip(echo_request().identifier(7).data(b"four"));
                send(request.clone().padding(14)).answer(seen::reply_to(&request).total_length(32))
            })
            .alias("idea/A09"),
            case("total-length-beyond-the-datagram-is-dropped", ["rfc0791-3.1-4"], |w| {
                send(w.echo().total_length(61)).silence()
            })
            .aliases(["idea/A07", "tc8/IPv4_HEADER_09"]),
            case("total-length-below-the-header-is-dropped", ["rfc0791-3.1-4"], |w| {
                send(w.echo().total_length(19)).silence()
            })
            .aliases(["idea/A06", "tc8/IPv4_HEADER_08"]),
            case("wrong-header-checksum-is-dropped", ["rfc0791-3.1-13"], |w| {
                send(w.echo().wrong_header_checksum()).silence()
            })
            .aliases(["idea/A11", "tc8/IPv4_CHECKSUM_02"]),
            case("reserved-flag-is-clear-in-what-is-sent", ["rfc0791-3.1-7"], |w| {
                send(w.echo().reserved_flag()).answer(seen::echo_reply().that(
                    "ipv4.reserved_flag",
                    false,
                    |it| !it.reserved_flag(),
                ))
            })
            .alias("idea/A18"),
            case("data-begins-behind-the-options", ["rfc0791-3.1-3", "rfc0791-3.1-18"], |w| {
                let request = w.echo().options(options().no_operation().no_operation());
                send(request.clone()).answer(seen::reply_to(&request))
            })
            .alias("idea/B01"),
        ])
}

fn record_route() -> Section {
    section("rfc0791/3.1/record-route").on(router()).cases([
        case("router-records-the-address-it-sends-from", ["rfc0791-3.1-25"], |w| {
            let transit = w.passing().options(options().record_route(2));
            let filled = [&[7, 11, 8][..], &w.out.octets(), &[0; 5]].concat();
            send(transit.clone()).answer(seen::forwarded(&transit).interface(1).options(filled))
        })
        .aliases(["idea/B04", "idea/B07"]),
        case("full-route-is-left-alone", ["rfc0791-3.1-26"], |w| {
            let transit = w.passing().options(options().route(OptionKind::RecordRoute, 8, &[w.other]));
            send(transit.clone()).answer(seen::forwarded(&transit).interface(1))
        }),
        case("room-for-less-than-an-address-is-an-error", ["rfc0791-3.1-27", "rfc0791-3.1-28"], |w| {
            let transit = w.passing().options([7, 6, 4, 0, 0, 0, 0, 0]);
            send(transit.clone())
                .answer(seen::parameter_problem(22).destination(w.peer).quotes(&transit))
                .or_silence("RFC 791 §3.1: reporting it is a choice")
        }),
    ])
}

fn timestamp() -> Section {
    section("rfc0791/3.1/timestamp").on(router()).cases([case(
        "full-option-counts-an-overflow",
        ["rfc0791-3.1-32"],
        |w| {
            let full = |overflow: u8| [&[68, 8, 9, overflow << 4][..], &[1, 2, 3, 4]].concat();
            let transit = w.passing().options(full(0));
            send(transit.clone()).answer(seen::forwarded(&transit).interface(1).options(full(1)))
        },
    )
    .alias("idea/B05")])
}
