//! RFC 2644: the default for directed broadcasts.

use super::prelude::*;

/// The sections of RFC 2644.
pub(super) fn sections() -> Vec<Section> {
    vec![
        section("rfc2644/3").on(router()).cases([
            case("udp-to-the-broadcast-of-the-other-link-is-not-forwarded", ["rfc2644-3-2"], |w| {
                send(w.passing().destination(w.links[1].prefix.broadcast()))
                    .never(seen::datagram().interface(1))
            })
            .alias("idea/E08"),
            case("echo-request-to-the-broadcast-of-the-other-link-is-not-forwarded", ["rfc2644-3-2"], |w| {
                send(w.echo().destination(w.links[1].prefix.broadcast())).never(seen::datagram().interface(1))
            })
            .alias("idea/E08"),
            case("directed-broadcast-is-not-received-by-default", ["rfc2644-3-3", "rfc3021-3.3-4"], |w| {
                send(w.udp(9).destination(w.broadcast)).delivers_nothing()
            })
            .on(router().udp_any(9)),
        ]),
    ]
}
