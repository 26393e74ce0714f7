//! RFC 6398: considerations for the router alert option.

use super::prelude::*;

/// The sections of RFC 6398.
pub(super) fn sections() -> Vec<Section> {
    vec![
        section("rfc6398/5").on(router()).cases([
            case("a-flood-of-alerts-does-not-stop-forwarding", ["rfc6398-5-1"], |w| {
                let alerts =
                    (0..300).map(|at| w.transit(octets(8)).identification(at).options([148, 4, 0, 0]));
                send_all(alerts).send(w.passing()).some(seen::forwarded(&w.passing()).interface(1))
            })
            .on(router().raw(46).option("router-alert", 1)),
            case("alert-of-a-protocol-without-interest-passes", ["rfc6398-5-4"], |w| {
                let transit = w.transit(octets(8)).options([148, 4, 0, 0]);
                send(transit.clone()).answer(seen::forwarded(&transit).interface(1))
            })
            .alias("idea/B13"),
            case(
                "alert-of-a-protocol-without-interest-passes-a-listener-for-another",
                ["rfc6398-5-4"],
                |w| {
                    let transit = w.transit(octets(8)).options([148, 4, 0, 0]);
                    send(transit.clone()).answer(seen::forwarded(&transit).interface(1))
                },
            )
            .on(router().raw(46).option("router-alert", 1)),
        ]),
    ]
}
