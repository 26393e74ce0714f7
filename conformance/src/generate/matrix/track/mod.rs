//! M7, M8 and M12: quoted datagrams in every role, and connection tracking itself.

mod layout;
mod query;
mod quote;
mod segments;
mod world;

use super::Family;
use layout::{B, HAIRPIN, INWARD, LOCAL, Layout, OUTWARD, Seen, T, THROUGH, WAN};

/// What the sockets of the host talk to, as the outside link sees it.
const SOCKETS: Layout = Layout {
    near: Seen { interface: WAN, opener: T, answerer: B },
    far: Some(Seen { interface: WAN, opener: T, answerer: B }),
};

/// The families, in order of their names.
pub(super) fn families() -> Vec<Family> {
    let family = |name, summary, scenario, cases| Family { name, summary, scenario, isolated: false, cases };
    vec![
        family(
            "m7-quote-router",
            "quoted datagrams, forwarded by a router that tracks nothing",
            world::router(),
            |give| quote::cases(&THROUGH, give),
        ),
        family("m7-quote-conntrack", "the same, tracking", world::conntrack(), |give| {
            quote::cases(&THROUGH, give)
        }),
        family("m8-firewall", "the same, passing related errors only", world::firewall(), |give| {
            quote::cases(&THROUGH, give)
        }),
        family("m8-host-sockets", "quotes of what local sockets may have sent", world::host(), |give| {
            quote::about_sockets(&SOCKETS, give)
        }),
        family(
            "m8-nat-hairpin",
            "quotes of an inside conversation by way of the outside address",
            world::nat(),
            |give| quote::cases(&HAIRPIN, give),
        ),
        family("m8-nat-inside", "quotes of conversations from inside, masqueraded", world::nat(), |give| {
            quote::cases(&OUTWARD, give)
        }),
        family("m8-nat-local", "quotes of conversations with the router itself", world::nat(), |give| {
            quote::cases(&LOCAL, give)
        }),
        family(
            "m8-nat-outside",
            "quotes of conversations from outside, destination translated",
            world::nat(),
            |give| quote::cases(&INWARD, give),
        ),
        family(
            "m8-nat-sockets",
            "quotes of what sockets on a NAT router may have sent",
            world::nat_with_sockets(),
            |give| quote::about_sockets(&SOCKETS, give),
        ),
        family("m8-tcp-conntrack", "errors about TCP in every state", world::conntrack(), |give| {
            segments::errors(&THROUGH, give)
        }),
        family("m8-tcp-nat", "errors about masqueraded TCP in every state", world::nat(), |give| {
            segments::errors(&OUTWARD, give)
        }),
        Family {
            isolated: true,
            ..family(
                "m12-clash-ports",
                "the same with ports that chance decides on",
                world::nat(),
                query::port_clashes,
            )
        },
        family("m12-clash", "tuples that two conversations want", world::nat(), query::clashes),
        family(
            "m12-icmp",
            "queries and answers: type × code × direction × identifier",
            world::conntrack(),
            |give| query::sequences(&THROUGH, give),
        ),
        family("m12-icmp-nat", "the same, masqueraded", world::nat(), |give| {
            query::sequences(&OUTWARD, give)
        }),
        family("m12-icmp-nat-local", "the same with the router itself", world::nat(), |give| {
            query::sequences(&LOCAL, give)
        }),
        family("m12-icmp-nat-outside", "the same, destination translated", world::nat(), |give| {
            query::sequences(&INWARD, give)
        }),
        family("m12-tcp", "every sequence of four segments", world::conntrack(), |give| {
            segments::sequences(&THROUGH, 4, give)
        }),
        family("m12-tcp-nat", "every sequence of three segments, masqueraded", world::nat(), |give| {
            segments::sequences(&OUTWARD, 3, give)
        }),
        family(
            "m12-tcp-offsets",
            "every segment × state × sequence and acknowledgment",
            world::conntrack(),
            |give| segments::offsets(&THROUGH, give),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_families_of_tracking_hold_200_000_cases() {
        let mut total = 0;
        for family in families() {
            (family.cases)(&mut |_| total += 1);
        }
        assert!(total >= 200_000, "only {total}");
    }
}
