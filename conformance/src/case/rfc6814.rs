//! RFC 6814: options that are deprecated.

use super::prelude::*;

/// The deprecated option types. RFC 6814 §3.
const DEPRECATED: [u8; 9] = [15, 82, 136, 142, 145, 147, 149, 151, 152];

/// The sections of RFC 6814.
pub(super) fn sections() -> Vec<Section> {
    vec![
        section("rfc6814/3/received").cases(DEPRECATED.map(|kind| {
            case(format!("option-{kind}-has-no-effect"), ["rfc6814-3-2"], move |w| {
                let request = w.echo().options([kind, 4, 0, 0]);
                send(request.clone()).answer(seen::reply_to(&request))
            })
            .alias("idea/B12")
        })),
        section("rfc6814/3").cases([
            case("none-is-originated", ["rfc6814-3-1"], |w| {
                send(w.closed()).answer(seen::unreachable(3).that(
                    "ipv4.options",
                    "none of the deprecated",
                    |it| !it.options().iter().any(|octet| DEPRECATED.contains(octet)),
                ))
            }),
            case("mtu-probe-is-not-answered", ["rfc6814-3-3"], |w| {
                send(w.echo().options([11, 4, 5, 220])).answer(seen::echo_reply().that(
                    "ipv4.options",
                    "no MTU reply",
                    |it| it.options().first() != Some(&12),
                ))
            }),
            case("traceroute-to-the-stack-draws-no-type-30", ["rfc6814-3-4"], |w| {
                send(w.echo().options([82, 12, 0, 1, 0, 0, 0, 0, 10, 0, 0, 2])).never(seen::icmp_type(30))
            }),
            case("traceroute-in-transit-draws-no-type-30", ["rfc6814-3-4"], |w| {
                send(w.passing().options([82, 12, 0, 1, 0, 0, 0, 0, 10, 0, 0, 2])).never(seen::icmp_type(30))
            })
            .on(router()),
        ]),
    ]
}
