//! RFC 815: reassembly algorithm.

use super::prelude::*;

/// The sections of RFC 815.
pub(super) fn sections() -> Vec<Section> {
    vec![orders(), duplicates(), completion(), headers(), keys()]
}

/// A request of four fragments of 16 octets.
fn request(w: &World) -> Packet {
    w.ip(echo_request().identifier(ECHO_IDENTIFIER).data(octets(56)))
}

fn parts(w: &World) -> Vec<Packet> {
    request(w).fragments(&[16, 32, 48])
}

/// All orders of four things.
fn permutations() -> Vec<[usize; 4]> {
    let all = (0..256).map(|code| [code >> 6, code >> 4 & 3, code >> 2 & 3, code & 3]);
    all.filter(|order| (0..4).all(|part| order.contains(&part))).collect()
}

fn orders() -> Section {
    section("rfc0815/3/order").cases(permutations().into_iter().map(|order| {
        let name: Vec<_> = order.map(|part| part.to_string()).into();
        case(format!("order-{}-makes-the-datagram", name.join("-")), ["rfc0815-3-1"], move |w| {
            let parts = parts(w);
            Script::default()
                .send_quietly(order.map(|part| parts[part].clone()))
                .answer(seen::reply_to(&request(w)))
        })
        .alias("idea/C02")
    }))
}

fn duplicates() -> Section {
    section("rfc0815/3/duplicate").cases((0..4).map(|twice| {
        case(format!("fragment-{twice}-twice-does-no-harm"), ["rfc0815-3-2"], move |w| {
            let mut parts = parts(w);
            parts.insert(twice, parts[twice].clone());
            send_all(parts).law("one whole reply", Dimension::Frames, |seen| {
                match seen.datagrams().filter(|it| it.icmp_type_and_code() == Some((0, 0))).count() {
                    1 => Ok(()),
                    other => Err(format!("{other} replies")),
                }
            })
        })
        .alias("idea/C03")
    }))
}

fn completion() -> Section {
    section("rfc0815/3/complete").cases([
        case("a-hole-holds-the-datagram-back", ["rfc0815-3-4"], |w| {
            let parts = parts(w);
            Script::default()
                .send_quietly([parts[0].clone(), parts[1].clone(), parts[3].clone()])
                .silence()
                .send(parts[2].clone())
                .answer(seen::reply_to(&request(w)))
        })
        .alias("idea/C09"),
        case("the-last-fragment-is-waited-for", ["rfc0815-3-4"], |w| {
            let parts = parts(w);
            Script::default()
                .send_quietly(parts[..3].to_vec())
                .silence()
                .send(parts[3].clone())
                .answer(seen::reply_to(&request(w)))
        })
        .alias("idea/C09"),
        case("the-end-may-be-known-first", ["rfc0815-3-5"], |w| {
            let mut parts = parts(w);
            parts.rotate_right(1);
            Script::default().send_quietly(parts).answer(seen::reply_to(&request(w)))
        })
        .alias("idea/C02"),
        case("a-fragment-without-followers-is-not-delivered", ["rfc0815-3-4"], |w| {
            send(w.echo().more_fragments()).silence()
        })
        .alias("idea/C10"),
    ])
}

fn headers() -> Section {
    let routed = |w: &World, hop: [u8; 4]| {
        w.echo().options(options().route(OptionKind::LooseSourceRoute, 8, &[hop.into()]).end_of_list())
    };
    section("rfc0815/6").cases([
        case("total-length-is-that-of-the-whole", ["rfc0815-5-1"], |w| {
            let whole = w.ip(octets(64));
            let [high, low] = (20u16 + 64).to_be_bytes();
            Script::default()
                .send_quietly(whole.fragments(&[16, 40]))
                .deliveries([Wanted::new("84 octets that say so", move |it: &Delivery| {
                    it.data.len() == 84 && it.data[2..4] == [high, low]
                })])
        })
        .on(host().raw(253)),
        case("options-are-those-of-fragment-zero", ["rfc0815-6-1"], |w| {
            let whole = w.ip(octets(48)).options([0x5e, 4, 0xca, 0xfe]);
            let (first, second) = (whole.fragment(0..24), whole.fragment(24..48).options([1, 1, 1, 1]));
            send(second)
                .send(first)
                .deliveries([Wanted::new("the option of fragment zero", |it: &Delivery| {
                    it.data.get(20..24) == Some(&[0x5e, 4, 0xca, 0xfe][..])
                })])
        })
        .on(host().raw(253))
        .alias("idea/C17"),
        case("route-of-fragment-zero-counts", ["rfc0815-6-2"], move |w| {
            let first = routed(w, [10, 0, 0, 51]).fragment(0..16);
            let second = routed(w, [10, 0, 0, 52]).fragment(16..40);
            send(second).send(first).answer(seen::echo_reply().destination([10, 0, 0, 51].into()))
        })
        .on(host().sysctl("net.ipv4.conf.all.accept_source_route", 1).conf(
            0,
            "accept_source_route",
            1,
        )),
    ])
}

fn keys() -> Section {
    section("rfc0815/7").cases([case("two-senders-of-one-identification-do-not-mix", ["rfc0815-7-1"], |w| {
        let (one, two) = (w.echo(), w.echo().source(w.other));
        let (a, b) = (one.fragments(&[16]), two.fragments(&[16]));
        Script::default()
            .send_quietly([a[0].clone(), b[0].clone()])
            .send(a[1].clone())
            .answer(seen::reply_to(&one))
            .send(b[1].clone())
            .answer(seen::reply_to(&two))
    })
    .aliases(["idea/C08", "idea/C25"])])
}
