//! RFC 1122 §3.1: hosts and gateways.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![implemented(), forwarding()]
}

/// A host with two links and no forwarding.
pub(super) fn two_links() -> Setting {
    router().edit(|scenario| {
        scenario.role = Role::Host;
        scenario.routes.clear();
    })
}

fn implemented() -> Section {
    section("rfc1122/3.1").cases([case("ip-and-icmp-are-there", ["rfc1122-3.1-1"], |w| {
        send(w.echo()).answer(seen::reply_to(&w.echo())).send(w.closed()).answer(seen::unreachable(3))
    })])
}

fn forwarding() -> Section {
    let to_the_other_link = |w: &World| w.transit(to_port(CLOSED_PORT)).destination(w.links[1].peer);
    section("rfc1122/3.1/forwarding").on(two_links()).cases([
        case("two-links-do-not-make-a-router", ["rfc1122-3.1-6", "rfc1122-3.1-7"], move |w| {
            send(to_the_other_link(w)).silence()
        })
        .alias("idea/E13"),
        case("expired-transit-draws-no-error-from-a-host", ["rfc1122-3.1-6"], move |w| {
            send(to_the_other_link(w).ttl(1)).silence()
        }),
        case("once-on-it-lowers-the-ttl", ["rfc1122-3.1-4"], |w| {
            send(w.passing()).answer(seen::forwarded(&w.passing()).interface(1))
        })
        .on(router()),
        case("once-on-it-reports-expiry", ["rfc1122-3.1-4"], |w| {
            send(w.passing().ttl(1)).answer(seen::time_exceeded(0))
        })
        .on(router()),
        case("once-on-it-reports-missing-routes", ["rfc1122-3.1-4"], |w| {
            send(w.passing().destination([203, 0, 113, 9])).answer(seen::icmp_type(3))
        })
        .on(scenario("router-dead-ends")),
    ])
}
