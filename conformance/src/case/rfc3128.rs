//! RFC 3128: protection against a variant of the tiny fragment attack.

use super::prelude::*;
use super::rfc1858::{filter, filtered_port_stays_inside, segment};

/// The sections of RFC 3128.
pub(super) fn sections() -> Vec<Section> {
    vec![
        section("rfc3128/3").on(filter()).cases([
            case(
                "two-first-fragments-do-not-carry-a-filtered-port-through",
                ["rfc3128-2-1", "rfc3128-3-1"],
                |w| {
                    let innocent = segment(w, 25).fragment(0..24);
                    let wicked = segment(w, 23).fragment(0..8);
                    send_all([innocent, wicked, segment(w, 25).fragment(24..52)]).law(
                        "no segment to port 23",
                        Dimension::Frames,
                        filtered_port_stays_inside,
                    )
                },
            )
            .alias("idea/C33"),
            case("offset-1-alone-is-not-forwarded", ["rfc3128-3-2"], |w| {
                send(segment(w, 80).fragment(8..24)).never(seen::protocol(6).interface(1))
            })
            .alias("idea/C33"),
        ]),
    ]
}
