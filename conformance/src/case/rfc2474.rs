//! RFC 2474: the differentiated services field.

use super::prelude::*;

/// The sections of RFC 2474.
pub(super) fn sections() -> Vec<Section> {
    vec![transit(), local()]
}

fn transit() -> Section {
    section("rfc2474/3")
        .on(router())
        .cases((0..64u8).map(|codepoint| {
            case(
                format!("codepoint-{codepoint}-passes-unchanged"),
                ["rfc2474-3-4", "rfc2474-3-5", "rfc2474-3-6", "rfc2474-4.1-1"],
                move |w| {
                    let transit = w.passing().tos(codepoint << 2);
                    send(transit.clone()).answer(seen::forwarded(&transit).interface(1))
                },
            )
        }))
        .cases((1..4u8).map(|ecn| {
            case(format!("low-bits-{ecn}-do-not-change-the-treatment"), ["rfc2474-3-2"], move |w| {
                let transit = w.passing().tos(0xb8 | ecn);
                send(transit.clone()).answer(seen::forwarded(&transit).interface(1))
            })
        }))
}

fn local() -> Section {
    section("rfc2474/3/local").cases((0..=255u8).step_by(5).map(|octet| {
        case(format!("octet-{octet:#04x}-upsets-nobody"), ["rfc2474-3-6"], move |w| {
            let request = w.echo().tos(octet);
            send(request.clone()).answer(seen::reply_to(&request))
        })
        .alias("idea/A19")
    }))
}
