//! Headers at the edge: lengths that just do not fit, both zeros of a checksum, recovery after a bad option.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![lengths(), checksums(), recovery()]
}

fn lengths() -> Section {
    section("topic/header/length")
        .cases([0, 19, 27].map(|total_length| {
            case(format!("total-length-{total_length}-of-a-request-draws-no-reply"), [], move |w| {
                send(w.echo().total_length(total_length))
                    .never(seen::echo_reply())
                    .send(w.echo())
                    .answer(seen::reply_to(&w.echo()))
            })
            .alias("idea/A08")
        }))
        .cases([("first", 0), ("later", 64)].map(|(name, offset)| {
            case(format!("ihl-and-total-length-0-of-a-{name}-fragment-is-dropped"), [], move |w| {
                let broken = w.echo().ihl(0).total_length(0).fragment_offset(offset).more_fragments();
                send(broken).silence().send(w.echo()).answer(seen::reply_to(&w.echo()))
            })
            .alias("idea/C12")
        }))
}

/// A request with the identification that makes its header checksum zero: that which the checksum would be without one.
fn request_that_sums_to_zero(w: &World) -> Packet {
    let without = w.echo().identification(0).build();
    w.echo().identification(u16::from_be_bytes([without[10], without[11]]))
}

fn checksums() -> Section {
    section("topic/header/checksum").cases([
        case("zero-is-a-checksum-as-any-other", ["rfc1122-3.2.1.2-1"], |w| {
            let request = request_that_sums_to_zero(w);
            send(request.clone()).answer(seen::reply_to(&request))
        })
        .alias("idea/A13"),
        // The sum over all of the header is that of a right one: both zeros of one's complement arithmetic are. RFC 1071 §1.
        case("the-other-zero-is-right-as-well", [], |w| {
            let request = request_that_sums_to_zero(w).header_checksum(0xffff);
            send(request.clone()).answer(seen::reply_to(&request))
        })
        .level(Level::May)
        .alias("idea/A13"),
    ])
}

fn recovery() -> Section {
    section("topic/header/recovery").cases([case(
        "a-bad-option-before-a-good-one-spoils-its-datagram-only",
        ["rfc1122-3.2.2.5-1"],
        |w| {
            // Record Route of length 2, then a good one.
            let spoiled = w.echo().options([7, 2, 7, 7, 4, 0, 0, 0, 0, 0, 0, 0]);
            let good = w.echo().options(options().record_route(1));
            send(spoiled)
                .never(seen::echo_reply())
                .send(good)
                .some(seen::echo_reply().destination(w.peer))
                .send(w.echo())
                .answer(seen::reply_to(&w.echo()))
        },
    )
    .alias("idea/B14")])
}
