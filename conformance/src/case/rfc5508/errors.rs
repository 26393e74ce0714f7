//! RFC 5508 §4: errors through a translator.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![from_outside()]
}

fn from_outside() -> Section {
    section("rfc5508/4.2.1").on(nat()).cases([
        case(
            "quoted-datagram-is-translated-back",
            ["rfc5508-4.2.1-2", "rfc5508-4.2.1-3", "rfc5508-4.2.1-5"],
            |w| {
                let sent = w.passing();
                let router = w.next;
                send(sent.clone())
                    .answer(seen::forwarded(&sent).interface(1).source(w.out).any("ipv4.payload"))
                    .react(move |seen| {
                        let out = seen.last()?;
                        let error = time_exceeded(TimeExceededCode::Transit).quote(&out.octets);
                        Ok(Packet::back_to(out, error).source(router))
                    })
                    .answer(
                        seen::time_exceeded(0)
                            .interface(0)
                            .source(router)
                            .destination(w.peer)
                            .quotes_but_ttl(&sent),
                    )
            },
        )
        .aliases(["idea/M03", "idea/M14"]),
        case("error-without-a-mapping-is-dropped", ["rfc5508-4.2.1-1"], |w| {
            let never_sent = w.passing().source(w.out).build();
            let error = time_exceeded(TimeExceededCode::Transit).quote(never_sent);
            send(w.inbound(error).destination(w.out)).silence()
        })
        .alias("idea/M05"),
    ])
}
