//! RFC 5927: ICMP attacks against TCP.

use super::prelude::*;

/// The sections of RFC 5927.
pub(super) fn sections() -> Vec<Section> {
    vec![idle(), opening(), half_open(), ports(), middlebox()]
}

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// The segment that acknowledges all of `answer`.
fn segment(answer: &Datagram, flags: u8) -> Result<netassay_stack::wire::build::TcpBuilder, String> {
    let number = answer.payload().get(4..8).ok_or("no sequence number")?;
    let number = u32::from_be_bytes([number[0], number[1], number[2], number[3]]);
    let acknowledged = number.wrapping_add(u32::from(answer.tcp_flags().unwrap_or(0) & SYN != 0));
    let builder = tcp().source_port(PEER_PORT).destination_port(80).sequence_number(1001);
    Ok(builder.acknowledgment_number(acknowledged).flags(flags))
}

/// An ICMP error about a segment of the connection whose sequence number is `off` from that of the handshake.
fn error_about(
    icmp_type: u8,
    code: u8,
    off: i32,
) -> impl Fn(&History) -> Result<Packet, String> + Send + Sync {
    move |seen| {
        let answer = seen.of_step(0)?;
        let mut quoted = answer.octets.clone();
        let at = answer.header_len() + 4;
        let number = quoted.get(at..at + 4).ok_or("no sequence number")?;
        let number =
            u32::from_be_bytes([number[0], number[1], number[2], number[3]]).wrapping_add_signed(off);
        quoted[at..at + 4].copy_from_slice(&number.to_be_bytes());
        Ok(Packet::back_to(answer, icmp(icmp_type, code).quote(quoted)))
    }
}

/// Shows that the connection still takes data.
fn still_takes_data(script: Script, w: &World) -> Script {
    script
        .react(|seen| {
            let answer = seen.of_step(0)?;
            Ok(Packet::back_to(answer, segment(answer, ACK | 8)?.data(b"alive")))
        })
        .never(
            seen::protocol(6)
                .destination(w.peer)
                .that("tcp.flags", "RST", |it| it.tcp_flags().is_some_and(|flags| flags & 4 != 0)),
        )
}

fn idle() -> Section {
    let errors = [
        ("host-unreachable", 3, 1),
        ("port-unreachable", 3, 3),
        ("protocol-unreachable", 3, 2),
        ("fragmentation-needed", 3, 4),
    ];
    section("rfc5927/4.1")
        .on(host().tcp(80))
        .cases(errors.map(|(name, icmp_type, code)| {
            case(
                format!("{name}-about-nothing-in-flight-has-no-effect"),
                ["rfc5927-4.1-3", "rfc5927-4.1-1", "rfc5927-5.2-1"],
                move |w| {
                    let script = accepted(w, 80).react(error_about(icmp_type, code, 0)).silence();
                    still_takes_data(script, w)
                },
            )
            .alias("idea/I05")
        }))
        .cases([-100_000, 100_000].map(|off| {
            let side = if off < 0 { "below" } else { "above" };
            case(format!("port-unreachable-{side}-the-window-has-no-effect"), ["rfc5927-4.1-1"], move |w| {
                let script = accepted(w, 80).react(error_about(3, 3, off)).silence();
                still_takes_data(script, w)
            })
            .alias("idea/I05")
        }))
        .cases([case("source-quench-has-no-effect", ["rfc5927-6.2-1", "rfc6633-3-3"], |w| {
            let script = accepted(w, 80).react(error_about(4, 0, 1)).silence();
            still_takes_data(script, w)
        })
        .alias("idea/G15")])
}

/// An error about the SYN that left first, its sequence number moved by `off`.
fn about_syn(icmp_type: u8, code: u8, off: i32) -> impl Fn(&History) -> Result<Packet, String> + Send + Sync {
    move |seen| {
        let syn = seen.of_step(0)?;
        let mut quoted = syn.octets.clone();
        let at = syn.header_len() + 4;
        let number = quoted.get(at..at + 4).ok_or("no sequence number")?;
        let number =
            u32::from_be_bytes([number[0], number[1], number[2], number[3]]).wrapping_add_signed(off);
        quoted[at..at + 4].copy_from_slice(&number.to_be_bytes());
        Ok(Packet::back_to(syn, icmp(icmp_type, code).quote(quoted)))
    }
}

fn opening() -> Section {
    let client = || host().tcp(4000);
    let connect =
        |w: &World| Script::default().connect(0, w.peer, 80).some(seen::protocol(6).destination(w.peer));
    section("rfc5927/5.2")
        .on(client())
        .cases([("protocol", 2), ("port", 3)].map(|(name, code)| {
            case(
                format!("{name}-unreachable-about-the-syn-aborts"),
                ["rfc5927-5.2-2", "rfc5927-4.1-2"],
                move |w| {
                    connect(w)
                        .react(about_syn(3, code, 0))
                        .reports(0, if code == 2 { "ENOPROTOOPT" } else { "ECONNREFUSED" })
                },
            )
            .aliases(["idea/I05", "idea/I06"])
        }))
        .cases([-1, 1, 77_777].map(|off| {
            case(format!("error-whose-number-is-off-by-{off}-has-no-effect"), ["rfc5927-4.1-2"], move |w| {
                connect(w).react(about_syn(3, 3, off)).reports_nothing()
            })
            .alias("idea/I05")
        }))
}

/// A connection that a peer began to open: the listening application, which has not heard of it, hears nothing of errors
/// about it either. Where the way back is gone it may be given up; where a port is said to be unreachable it lives on.
fn half_open() -> Section {
    let syn = |w: &World| {
        let syn = tcp().source_port(PEER_PORT).destination_port(80).sequence_number(1000).flags(SYN);
        send(w.ip(syn)).some(seen::tcp(SYN | ACK).ports(80, PEER_PORT))
    };
    let errors = [
        ("net-unreachable", 3, 0),
        ("host-unreachable", 3, 1),
        ("protocol-unreachable", 3, 2),
        ("port-unreachable", 3, 3),
        ("ttl-exceeded", 11, 0),
        ("parameter-problem", 12, 0),
    ];
    section("rfc5927/half-open")
        .on(host().tcp(80))
        .cases(errors.map(|(name, icmp_type, code)| {
            case(format!("{name}-is-not-told-to-the-listener"), [], move |w| {
                syn(w).react(error_about(icmp_type, code, 0)).reports_nothing()
            })
            .alias("idea/I05")
        }))
        .cases([("protocol", 2), ("port", 3)].map(|(name, code)| {
            case(format!("{name}-unreachable-does-not-end-it"), [], move |w| {
                let script = syn(w).react(error_about(3, code, 0)).react(|seen| {
                    let answer = seen.of_step(0)?;
                    Ok(Packet::back_to(answer, segment(answer, ACK)?))
                });
                still_takes_data(script, w)
            })
            .alias("idea/I05")
        }))
}

/// How many connections are opened one after the other.
const CLIENTS: usize = 10;

fn ports() -> Section {
    let clients = || (0..CLIENTS).fold(host(), |setting, _| setting.client());
    section("rfc5927/4.2").on(clients()).cases([case(
        "ports-of-clients-have-no-fixed-step",
        ["rfc5927-4.2-1"],
        |w| {
            let peer = w.peer;
            (0..CLIENTS).fold(Script::default(), |script, client| script.connect(client, peer, 80)).law(
                "ports whose distances differ",
                Dimension::Frames,
                |seen| {
                    let syns = seen.datagrams().filter(|it| it.tcp_flags() == Some(SYN));
                    let ports: Vec<_> = syns.filter_map(|it| it.ports().map(|ports| ports.0)).collect();
                    let steps: Vec<_> = ports.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
                    if ports.len() == CLIENTS && steps.iter().any(|step| *step != steps[0]) {
                        Ok(())
                    } else {
                        Err(format!("{ports:?}"))
                    }
                },
            )
        },
    )])
}

fn middlebox() -> Section {
    section("rfc5927/4.3").on(nat()).cases([case(
        "error-about-somebody-elses-datagram-is-not-passed-in",
        ["rfc5927-4.3-1"],
        |w| {
            let never_sent = w.passing().source(w.far2).destination(w.far).build();
            send(w.inbound(unreachable(UnreachableCode::Host).quote(never_sent)).destination(w.out)).silence()
        },
    )
    .alias("idea/M05")])
}
