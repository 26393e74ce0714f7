//! RFC 3704: ingress filtering for multihomed networks.

use super::prelude::*;

/// The sections of RFC 3704.
pub(super) fn sections() -> Vec<Section> {
    vec![list(), strict(), loose()]
}

/// A datagram on link 0 whose way back leads by link 1.
fn astray(w: &World) -> Packet {
    w.passing().source(w.far2)
}

fn loosely() -> Setting {
    router().sysctl("net.ipv4.conf.all.rp_filter", 2).conf(0, "rp_filter", 2).conf(1, "rp_filter", 2)
}

fn list() -> Section {
    let listed = || {
        router().edit(|scenario| {
            let name = scenario.interfaces[0].name.clone();
            let drop = rule(Hook::Forward, RuleAction::Drop);
            let accept = rule(Hook::Forward, RuleAction::Accept);
            let from = Some("10.0.0.0/24".parse().expect("a prefix"));
            scenario.rules.push(Rule { incoming: Some(name.clone()), from, ..accept });
            scenario.rules.push(Rule { incoming: Some(name), ..drop });
        })
    };
    section("rfc3704/2.1").on(listed()).cases([
        case("listed-source-passes", ["rfc3704-2.1-1"], |w| {
            send(w.passing()).answer(seen::forwarded(&w.passing()).interface(1))
        }),
        case("other-source-is-dropped", ["rfc3704-2.1-1"], |w| {
            send(w.passing().source([172, 16, 0, 9])).silence()
        }),
    ])
}

fn strict() -> Section {
    section("rfc3704/2.2").on(scenario("router-reverse-path")).cases([
        case("source-of-the-link-passes", ["rfc3704-2.2-1"], |w| {
            send(w.passing()).answer(seen::forwarded(&w.passing()).interface(1))
        })
        .alias("idea/E15")
        .alias("idea/E10"),
        case("source-of-another-link-is-dropped", ["rfc3704-2.2-1", "rfc3704-2.2-2"], |w| {
            send(astray(w)).silence()
        })
        .alias("idea/E15")
        .alias("idea/E10"),
        case("expired-spoof-draws-no-error", ["rfc3704-2.2-3"], |w| send(astray(w).ttl(1)).silence()),
        case("spoof-of-an-inner-address-from-outside-is-dropped", ["rfc3704-2.2-1"], |w| {
            send(w.inbound(to_port(CLOSED_PORT)).source(w.other)).silence()
        }),
        case("spoof-to-the-router-is-dropped", ["rfc3704-2.2-3"], |w| {
            send(w.echo().source(w.far2)).silence()
        }),
    ])
}

fn loose() -> Section {
    section("rfc3704/2.4").on(loosely()).cases([
        case("source-reachable-by-another-link-passes", ["rfc3704-2.4-1", "rfc3704-2.3-1"], |w| {
            let inbound = w.inbound(to_port(CLOSED_PORT)).source(w.other).destination(w.links[1].other).on(1);
            send(inbound.clone()).some(seen::forwarded(&inbound)).probe(Probe::EchoOnly)
        })
        .alias("idea/E15")
        .alias("idea/E10"),
        case("source-without-any-route-is-dropped", ["rfc3704-2.4-1", "rfc3704-2.5-1"], |w| {
            send(w.passing().destination(w.next).source([203, 0, 113, 77])).silence().probe(Probe::EchoOnly)
        })
        .on(loosely().no_routes())
        .alias("idea/E10"),
        case("default-route-may-count", ["rfc3704-2.4-2", "rfc3704-2.5-1"], |w| {
            let default_only = w.passing().source([203, 0, 113, 77]);
            send(default_only.clone())
                .answer(seen::forwarded(&default_only).interface(1))
                .or_silence("RFC 3704 §2.5: the default route may be left out")
        })
        .alias("idea/E15"),
        case("loopback-is-still-rejected", ["rfc3704-2.4-3"], |w| {
            send(w.passing().source([127, 0, 0, 1])).silence()
        }),
        case("multicast-is-still-rejected", ["rfc3704-2.4-3"], |w| {
            send(w.passing().source([224, 0, 0, 1])).silence()
        }),
    ])
}
