//! Published bugs of other stacks, planted: each by what it does to packets, or by what it dies of.
//!
//! A bug that has to do with time, memory, code outside a stack or programs that use it cannot be planted here;
//! [`NOT_PLANTED`] says of each why.

use netassay::model::{Action, SocketError, Step};

use super::Fault;
use super::translation_bugs::TRANSLATION;
use super::wrapper::{
    Memory, Warp, answer, has_more, header_len, icmp_type, is_error, is_fragment, is_icmp, is_later_fragment,
    options, quote, range, seal, seal_header,
};

pub(crate) const fn bug(name: &'static str, warp: Warp) -> Fault {
    Fault { name, reasons: &[], warp }
}

/// Bugs that are not planted, and why.
pub(crate) const NOT_PLANTED: &[(&str, &str)] = &[
    ("freebsd-frag-resource", "costs time, and does nothing else"),
    ("zephyr-echo-uaf", "a use after free that packets do not show"),
    ("redirect-2022", "the fault is in what the harm is done to, another connection"),
    ("pmtud-panacea-2022", "the fault is in what the harm is done to, another connection"),
    ("trippy-frag-timeexceeded", "a program that uses a stack"),
    ("surge-ping-offsets", "a program that uses a stack"),
    ("iputils-timestamp", "a program that uses a stack"),
    ("iputils-source", "a program that uses a stack"),
    ("tcpdump-ifname-subobject", "a program that looks at packets"),
    ("freebsd-ping-23093", "a program that uses a stack"),
    ("netfilter-local-inner-2003", "the fault is in where a hook is registered"),
    ("winfreez", "which neighbor a datagram is handed to does not show where links have no addresses"),
    ("ovs-fragment-stack", "memory of a switch that packets do not show"),
];

fn beyond_the_frame(it: &[u8]) -> bool {
    usize::from(u16::from_be_bytes([it[2], it[3]])) > it.len()
}

fn claims_more_header(it: &[u8]) -> bool {
    usize::from(it[0] & 15) * 4 > it.len()
}

fn overlaps(memory: &Memory, it: &[u8]) -> bool {
    let (start, end) = range(it);
    memory.mates(it).map(|mate| range(mate)).any(|(from, to)| start < to && from < end)
}

/// An Echo Reply about what is no whole request.
fn early_reply(it: &[u8]) -> Vec<u8> {
    answer(it, 0, 0, &it[header_len(it)..])
}

/// An option of one of `kinds` with a pointer below `least`.
fn low_pointer(it: &[u8], kinds: &[u8], least: u8) -> bool {
    options(it)
        .iter()
        .any(|(kind, _, at)| kinds.contains(kind) && it.get(at + 2).is_some_and(|it| *it < least))
}

fn tcp_error(step: &Step, codes: &[u8]) -> bool {
    let Action::Inject { frame, .. } = &step.action else { return false };
    frame.len() >= 28
        && icmp_type(frame).is_some_and(|(it, code)| it == 3 && codes.contains(&code))
        && quote(frame).is_some_and(|it| it.len() >= 20 && it[9] == 6)
}

fn stimulus(step: &Step) -> Option<&[u8]> {
    match &step.action {
        Action::Inject { frame, .. } if frame.len() >= 20 && frame[0] >> 4 == 4 => Some(frame),
        _ => None,
    }
}

/// Fragments and their reassembly.
const FRAGMENTS: &[Fault] = &[
    bug("ping-of-death", Warp::Dies(|_, it| is_fragment(it) && range(it).1 > 65_515)),
    bug("nestea", Warp::Dies(|memory, it| is_later_fragment(it) && overlaps(memory, it))),
    bug("oshare", Warp::Dies(|_, it| claims_more_header(it))),
    bug(
        "linux-ip-expire-icmp",
        Warp::Dies(|_, it| has_more(it) && !is_later_fragment(it) && (it[19] == 255 || it[16] >= 224)),
    ),
    bug("linux-inet-frag-race", Warp::Dies(|memory, _| memory.fragments.len() > 60)),
    bug(
        "pf-fragment-cache-dup",
        Warp::Dies(|memory, it| is_fragment(it) && memory.mates(it).any(|mate| mate == it)),
    ),
    bug("igmp-frag-kod", Warp::Dies(|_, it| is_fragment(it) && it[9] == 2)),
    bug("vxworks-igmp-frag-leak", Warp::Dies(|_, it| is_later_fragment(it) && it[9] == 2)),
    bug("uip-reass-17438", Warp::Dies(|_, it| is_fragment(it) && range(it).1 > 1500)),
    bug("uboot-30790", Warp::Dies(|_, it| has_more(it) && !(it.len() - header_len(it)).is_multiple_of(8))),
    bug(
        "smoltcp-toomanyholes",
        Warp::Arriving(|memory, it| !is_fragment(it) || memory.mates(it).count() < 4),
    ),
    bug("zephyr-defrag-slots", Warp::Arriving(|memory, it| !is_fragment(it) || memory.mates(it).count() < 2)),
    bug(
        "smoltcp-frag-align8",
        Warp::Emitted(|it| {
            if has_more(it) && it.len() > 40 {
                it.truncate(it.len() - 4);
                let len = (it.len() as u16).to_be_bytes();
                it[2..4].copy_from_slice(&len);
                seal_header(it);
            }
        }),
    ),
    bug(
        "smoltcp-l3-frag-panic",
        Warp::Seen(|_, seen| seen.frames.retain(|it| it.octets.len() < 20 || !is_fragment(&it.octets))),
    ),
    bug(
        "lwip-reass-holes",
        Warp::Besides(|memory, it| {
            let whole: usize = memory.mates(it).map(|mate| range(mate)).map(|(from, to)| to - from).sum();
            (is_later_fragment(it) && !has_more(it) && it[9] == 1 && whole < range(it).0 && whole > 0)
                .then(|| early_reply(it))
        }),
    ),
    bug(
        "lwip-reass-last-discarded",
        Warp::Besides(|memory, it| {
            (is_later_fragment(it) && !has_more(it) && overlaps(memory, it)).then(|| early_reply(it))
        }),
    ),
    bug(
        "gvisor-overlap-policy",
        Warp::Besides(|memory, it| (is_fragment(it) && overlaps(memory, it)).then(|| early_reply(it))),
    ),
    bug(
        "lwip-refrag-mf",
        Warp::Seen(|step, seen| {
            if stimulus(step).is_some_and(has_more)
                && let Some(last) = seen.frames.last_mut()
                && last.octets.len() >= 20
            {
                last.octets[6] &= !0x20;
                seal_header(&mut last.octets);
            }
        }),
    ),
    bug(
        "lwip-frag-options-assert",
        Warp::Dies(|_, it| it[0] & 15 > 5 && (is_fragment(it) || it.len() > 1400)),
    ),
    bug(
        "picotcp-frag-ids",
        Warp::Seen(|_, seen| {
            for (at, frame) in seen.frames.iter_mut().enumerate() {
                if frame.octets.len() >= 20 && is_fragment(&frame.octets) {
                    frame.octets[5] = frame.octets[5].wrapping_add(at as u8);
                    seal_header(&mut frame.octets);
                }
            }
        }),
    ),
    bug(
        "gvisor-two-last",
        Warp::Dies(|memory, it| {
            is_fragment(it)
                && !has_more(it)
                && memory.mates(it).any(|mate| !has_more(mate) && range(mate).1 != range(it).1)
        }),
    ),
    bug(
        "gvisor-frag-key",
        Warp::Arriving(|_, it| {
            if is_fragment(it) && it[12] == 10 {
                it[15] = 2;
                seal_header(it);
            }
            true
        }),
    ),
    bug(
        "suricata-defrag-2024",
        Warp::Arriving(|memory, it| {
            let first = memory.mates(it).map(|mate| mate[9]).next();
            if let (true, Some(protocol)) = (is_later_fragment(it), first) {
                it[9] = protocol;
                seal_header(it);
            }
            true
        }),
    ),
    bug(
        "freertos-mf-first",
        Warp::Besides(|_, it| {
            (has_more(it) && !is_later_fragment(it) && it[9] == 1).then(|| early_reply(it))
        }),
    ),
];

/// Headers, sums and options.
const HEADERS: &[Fault] = &[
    bug("uip-checksum-13987", Warp::Dies(|_, it| beyond_the_frame(it))),
    bug(
        "nucleus-31346",
        Warp::Besides(|_, it| (beyond_the_frame(it) && it[9] == 1).then(|| early_reply(it))),
    ),
    bug("freertos-16601", Warp::Dies(|_, it| claims_more_header(it))),
    bug(
        "lwip-ihl-min",
        Warp::Arriving(|_, it| {
            if it[0] & 15 < 5 {
                it[0] = 0x45;
                seal_header(it);
            }
            true
        }),
    ),
    bug("lwip-trim", Warp::Dies(|_, it| usize::from(u16::from_be_bytes([it[2], it[3]])) < it.len())),
    bug(
        "gvisor-header-checksum",
        Warp::Arriving(|_, it| {
            seal_header(it);
            true
        }),
    ),
    bug(
        "freertos-mac-bypass",
        Warp::Frame(|it| {
            if it.len() > 34 && it[6..12] == [2, 0, 0, 0, 0, 1] {
                seal(&mut it[14..]);
            }
        }),
    ),
    bug(
        "zephyr-localhost-spoof",
        Warp::Arriving(|_, it| {
            if it[12..16] == it[16..20] || it[12] == 127 {
                it[12..16].copy_from_slice(&[10, 0, 0, 2]);
                seal_header(it);
            }
            true
        }),
    ),
    bug("cisco-ios-protocols", Warp::Dies(|_, it| matches!(it[9], 53 | 55 | 77 | 103))),
    bug("treck-11909", Warp::Dies(|_, it| low_pointer(it, &[131, 137], 4))),
    bug(
        "freebsd-options-2000",
        Warp::Dies(|_, it| options(it).iter().any(|(kind, len, _)| *kind > 1 && *len < 2)),
    ),
    bug("windows-options-2005", Warp::Dies(|_, it| low_pointer(it, &[7], 4))),
    bug("gvisor-rr-ts-pointer", Warp::Dies(|_, it| low_pointer(it, &[68], 5))),
    bug(
        "netx-options-ts",
        Warp::Dies(|_, it| {
            options(it)
                .iter()
                .any(|(kind, _, at)| *kind == 68 && it.get(at + 3).is_some_and(|it| it >> 4 == 15))
        }),
    ),
    bug(
        "netbsd-options-align",
        Warp::Dies(|_, it| options(it).iter().any(|(kind, _, at)| matches!(kind, 7 | 68) && at % 4 != 0)),
    ),
    bug(
        "vxworks-12256",
        Warp::Dies(|_, it| options(it).iter().filter(|(kind, ..)| matches!(kind, 131 | 137)).count() > 1),
    ),
    bug(
        "linux-cipso-validate-loop",
        Warp::Dies(|_, it| {
            options(it).iter().any(|(kind, len, at)| *kind == 134 && *len > 7 && it.get(at + 7) == Some(&0))
        }),
    ),
    bug(
        "linux-cipso-bitmap-null",
        Warp::Dies(|_, it| {
            options(it)
                .iter()
                .any(|(kind, len, at)| *kind == 134 && *len > 7 && it.get(at + 6..at + 8) == Some(&[1, 4]))
        }),
    ),
    bug(
        "linux-icmp-send-options-echo",
        Warp::Dies(|_, it| {
            options(it).iter().any(|(kind, len, at)| {
                *kind == 68
                    && it.get(at + 2..at + 4).is_some_and(|it| {
                        it[1] & 15 != 0 && usize::from(it[0]) <= *len && usize::from(it[0]) + 7 > *len
                    })
            })
        }),
    ),
    bug(
        "source-route-default",
        Warp::Scenario(|it| {
            it.sysctl
                .entry("net.ipv4.conf.all.accept_source_route".to_owned())
                .or_insert_with(|| "1".to_owned());
            it.interfaces.iter_mut().for_each(|it| {
                it.sysctl.entry("accept_source_route".to_owned()).or_insert_with(|| "1".to_owned());
            });
        }),
    ),
];

/// Queries and what is said to errors.
const MESSAGES: &[Fault] = &[
    bug(
        "smoltcp-icmp-short",
        Warp::Dies(|_, it| it[9] == 1 && !is_fragment(it) && it.len() < header_len(it) + 8),
    ),
    bug(
        "lwip-echo-options",
        Warp::Emitted(|it| {
            if it[0] & 15 > 5 && is_icmp(it) {
                let at = header_len(it);
                it[at + 2] ^= 1;
            }
        }),
    ),
    bug(
        "gvisor-echo-mcast-source",
        Warp::Seen(|step, seen| {
            if let Action::Inject { frame, .. } = &step.action
                && frame.len() > 34
                && (frame[30] == 224 || frame[33] == 255)
            {
                let to: [u8; 4] = [frame[30], frame[31], frame[32], frame[33]];
                for it in seen.frames.iter_mut().filter(|it| it.octets.len() > 34) {
                    it.octets[26..30].copy_from_slice(&to);
                    seal_header(&mut it.octets[14..]);
                }
            }
        }),
    ),
    bug("lwip-echo-leak", Warp::Arriving(|memory, _| memory.count <= 50)),
    bug(
        "gvisor-echo-ratelimit",
        Warp::Arriving(|memory, it| !(icmp_type(it) == Some((8, 0)) && memory.count > 40)),
    ),
    bug(
        "windows-router-adv-frag",
        Warp::Dies(|_, it| {
            it.len() > 20 && it[9] == 1 && !is_later_fragment(it) && it[header_len(it)..].first() == Some(&9)
        }),
    ),
    bug(
        "linux-probe-parse",
        Warp::Dies(|_, it| {
            icmp_type(it).is_some_and(|it| it.0 == 42) && it.len() >= header_len(it) + 16 && {
                let at = header_len(it) + 12;
                usize::from(u16::from_be_bytes([it[at], it[at + 1]])) != it.len() - at
            }
        }),
    ),
    bug(
        "linux-icmp-tag-validation",
        Warp::Dies(|_, it| {
            icmp_type(it) == Some((3, 4))
                && quote(it).is_some_and(|it| it.len() > 9 && !matches!(it[9], 1 | 6 | 17))
        }),
    ),
    bug(
        "linux-icmp-ndo-zero-opts",
        Warp::Emitted(|it| {
            if is_error(it) && it[0] == 0x45 {
                it.splice(20..20, [7, 7, 4, 0xa5, 0xa5, 0xa5, 0xa5, 0]);
                it[0] = 0x47;
                let len = (it.len() as u16).to_be_bytes();
                it[2..4].copy_from_slice(&len);
                seal(it);
            }
        }),
    ),
    bug(
        "linux-icmp-zero-source",
        Warp::Emitted(|it| {
            if is_error(it) {
                it[12..16].fill(0);
                seal_header(it);
            }
        }),
    ),
    bug("xnu-4407", Warp::Dies(|_, it| it[0] & 15 == 15 && it[9] == 6)),
    bug(
        "lwip-error-default-netif",
        Warp::Seen(|_, seen| {
            seen.frames
                .iter_mut()
                .filter(|it| it.octets.len() > 27 && is_error(&it.octets))
                .for_each(|it| it.interface ^= 1)
        }),
    ),
    bug(
        "lwip-error-copy-length",
        Warp::Emitted(|it| {
            if is_error(it) && it.len() < header_len(it) + 36 {
                let len = header_len(it) + 36;
                it.resize(len, 0xaa);
                it[2..4].copy_from_slice(&(len as u16).to_be_bytes());
                seal(it);
            }
        }),
    ),
    bug(
        "lwip-proto-unreach-raw",
        Warp::Besides(|_, it| (it[9] == 253 && !is_fragment(it)).then(|| answer(it, 3, 2, it))),
    ),
    bug(
        "smoltcp-error-size",
        Warp::Seen(|step, seen| {
            if let (Some(whole), Some(frame)) = (stimulus(step), seen.frames.first_mut())
                && whole.len() > 600
                && frame.octets.len() > 500
                && is_error(&frame.octets)
            {
                let it = &mut frame.octets;
                let at = header_len(it) + 8;
                it.truncate(at);
                it.extend(whole.iter().take(1400));
                let len = (it.len() as u16).to_be_bytes();
                it[2..4].copy_from_slice(&len);
                seal(it);
            }
        }),
    ),
    bug(
        "gvisor-short-icmp-error",
        Warp::Besides(|_, it| {
            (it[9] == 1 && !is_fragment(it) && it.len() < header_len(it) + 8).then(|| answer(it, 11, 0, it))
        }),
    ),
    bug(
        "smoltcp-inner-length",
        Warp::Arriving(|_, it| quote(it).is_none_or(|it| it.len() < 4 || !beyond_the_frame(it))),
    ),
    bug(
        "smoltcp-inner-address",
        Warp::Arriving(|_, it| quote(it).is_none_or(|inner| inner.len() < 20 || inner[16..20] == it[12..16])),
    ),
    bug(
        "gvisor-tcp-unreach-codes",
        Warp::Arriving(|_, it| {
            !(icmp_type(it).is_some_and(|(it, code)| it == 3 && !matches!(code, 1 | 3))
                && quote(it).is_some_and(|it| it.len() > 9 && it[9] == 6))
        }),
    ),
    bug(
        "icmp-blind-reset",
        Warp::Seen(|step, seen| {
            if tcp_error(step, &[2, 3]) {
                seen.socket_errors.push(refused());
            }
        }),
    ),
    bug(
        "icmp-unreach-nuke",
        Warp::Seen(|step, seen| {
            if tcp_error(step, &[1, 2, 3]) {
                seen.socket_errors.push(refused());
            }
        }),
    ),
    bug("icmp-source-quench", Warp::Dies(|_, it| icmp_type(it).is_some_and(|it| it.0 == 4))),
    bug(
        "icmp-pmtu-low",
        Warp::Scenario(|it| {
            it.sysctl.insert("net.ipv4.route.min_pmtu".to_owned(), "68".to_owned());
        }),
    ),
    bug(
        "linux-pmtu-lock",
        Warp::Emitted(|it| {
            if it[9] == 17 && !is_fragment(it) {
                it[6] |= 0x40;
                seal_header(it);
            }
        }),
    ),
    bug(
        "gvisor-mtu-underflow",
        Warp::Dies(|_, it| {
            icmp_type(it) == Some((3, 4)) && {
                let at = header_len(it);
                it[at + 6] == 0 && it[at + 7] < 68
            }
        }),
    ),
    bug("windows-icmp-2011", Warp::Dies(|_, it| quote(it).is_some_and(|it| it.len() < 20))),
    bug("windows-23415", Warp::Dies(|_, it| quote(it).is_some_and(|it| it.len() >= 20 && is_fragment(it)))),
    bug("freertos-7423", Warp::Dies(|_, it| it[9] == 1 && it[2] == 0 && it[3] < 28)),
    bug(
        "linux-redirect-rcu",
        Warp::Scenario(|it| {
            it.sysctl.insert("net.ipv4.route.redirect_number".to_owned(), "100000".to_owned());
            it.sysctl.insert("net.ipv4.route.redirect_load".to_owned(), "0".to_owned());
        }),
    ),
    bug(
        "ipid-mixed-2020",
        Warp::Emitted(|it| {
            if it[9] == 1 || it[9] == 17 {
                it[4..6].fill(0);
                seal_header(it);
            }
        }),
    ),
    bug(
        "lwip-forward-ll-bcast",
        Warp::Frame(|it| {
            if it.len() > 14 && it[..6] == [0xff; 6] {
                it[..6].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
            }
        }),
    ),
];

fn refused() -> SocketError {
    SocketError { socket: 0, errno: "ECONNREFUSED".to_owned(), queued: None }
}

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = &'static Fault> {
    [FRAGMENTS, HEADERS, MESSAGES, TRANSLATION].into_iter().flatten()
}
