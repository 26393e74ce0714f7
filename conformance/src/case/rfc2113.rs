//! RFC 2113: the router alert option.

use super::prelude::*;

const ALERT: [u8; 4] = [148, 4, 0, 0];

/// The sections of RFC 2113.
pub(super) fn sections() -> Vec<Section> {
    vec![form(), handling()]
}

fn form() -> Section {
    section("rfc2113/2.1").cases([
        case("option-of-four-octets-is-accepted", ["rfc2113-2.1-1", "rfc2113-2.2-1"], |w| {
            let request = w.echo().options(ALERT);
            send(request.clone()).answer(seen::reply_to(&request))
        })
        .alias("idea/B13"),
        case("membership-reports-carry-exactly-these-octets", ["rfc2113-2.1-1"], |w| {
            let query = w.ip(vec![0x11, 100, 0xee, 0x9b, 0, 0, 0, 0]).protocol(2).ttl(1).options(ALERT);
            send(query.destination([224, 0, 0, 1]))
                .advance(seconds(11))
                .some(seen::protocol(2).options(ALERT))
        })
        .on(host().group(0, [239, 1, 2, 3]))
        .alias("idea/B13"),
        case("every-fragment-carries-it", ["rfc2113-2.1-2"], |w| {
            let alert = seen::protocol(253).interface(1).options(ALERT);
            send(w.transit(octets(1000)).options(ALERT)).answers([alert.clone(), alert])
        })
        .on(scenario("router-narrow"))
        .alias("idea/B15"),
    ])
}

fn handling() -> Section {
    section("rfc2113/2.2")
        .on(router())
        .cases([case("router-without-interest-forwards", ["rfc2113-2.2-2"], |w| {
            let transit = w.passing().options(ALERT);
            send(transit.clone()).answer(seen::forwarded(&transit).interface(1))
        })
        .alias("idea/B13")])
        .cases([case("router-with-interest-looks-closer", ["rfc2113-2.2-3"], |w| {
            let transit = w.transit(octets(16)).protocol(46).options(ALERT);
            send(transit).deliveries([Wanted::new("the datagram", |it: &Delivery| {
                it.data.get(20..24) == Some(&ALERT[..])
            })])
        })
        .on(router().raw(46).option("router-alert", 1))
        .alias("idea/B13")])
        .cases([1u16, 255, 65_535].map(|value| {
            case(format!("value-{value}-is-ignored"), ["rfc2113-2.2-4"], move |w| {
                let [high, low] = value.to_be_bytes();
                let transit = w.passing().options([148, 4, high, low]);
                send(transit.clone()).answer(seen::forwarded(&transit).interface(1))
            })
        }))
}
