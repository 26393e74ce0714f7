//! One fault for each kind of thing that cases assert.

use netassay::model::{Action, CounterId, Limits, Step};

use super::Fault;
use super::wrapper::{
    Warp, answer, header_len, icmp_type, is_error, is_fragment, is_icmp, is_later_fragment, seal, seal_header,
};

const fn fault(name: &'static str, reasons: &'static [&'static str], warp: Warp) -> Fault {
    Fault { name, reasons, warp }
}

/// Changes an emitted ICMP message of a type and makes the sums right again.
macro_rules! of_type {
    ($type:literal, |$datagram:ident, $at:ident| $change:expr) => {
        Warp::Emitted(|$datagram| {
            if icmp_type($datagram).is_some_and(|(it, _)| it == $type) {
                let $at = header_len($datagram);
                $change;
                let len = $datagram.len() as u16;
                $datagram[2..4].copy_from_slice(&len.to_be_bytes());
                seal($datagram);
            }
        })
    };
}

/// Changes every emitted ICMP error likewise.
macro_rules! of_error {
    (|$datagram:ident, $at:ident| $change:expr) => {
        Warp::Emitted(|$datagram| {
            if is_error($datagram) {
                let $at = header_len($datagram);
                $change;
                let len = $datagram.len() as u16;
                $datagram[2..4].copy_from_slice(&len.to_be_bytes());
                seal($datagram);
            }
        })
    };
}

/// Changes what was not made here: what is forwarded in the scenario `router`.
macro_rules! of_forwarded {
    (|$datagram:ident| $change:expr) => {
        Warp::Emitted(|$datagram| {
            if $datagram[12..16] == [10, 0, 0, 2] && $datagram.len() > 20 {
                $change;
                seal_header($datagram);
            }
        })
    };
}

/// Lets the stack take for right what it must refuse.
macro_rules! takes {
    (|$datagram:ident| $change:expr) => {
        Warp::Arriving(|_, $datagram| {
            $change;
            true
        })
    };
}

/// In the header of what is sent.
const HEADER: &[Fault] = &[
    fault("header-checksum", &["malformed"], Warp::Emitted(|it| it[10] ^= 1)),
    fault("total-length", &["malformed"], Warp::Emitted(|it| it[3] ^= 1)),
    fault(
        "ttl-zero",
        &["malformed"],
        Warp::Emitted(|it| {
            it[8] = 0;
            seal_header(it);
        }),
    ),
    fault(
        "reserved-flag",
        &["ipv4.reserved_flag"],
        Warp::Emitted(|it| {
            it[6] |= 0x80;
            seal_header(it);
        }),
    ),
    fault(
        "destination",
        &["ipv4.destination"],
        Warp::Emitted(|it| {
            it[19] ^= 0x40;
            seal_header(it);
        }),
    ),
    fault("reply-source", &["ipv4.source"], of_type!(0, |it, _at| it[15] ^= 0x40)),
    fault("error-source", &["ipv4.source"], of_error!(|it, _at| it[15] ^= 0x40)),
    fault("error-precedence", &["ipv4.precedence"], of_error!(|it, _at| it[1] = 0)),
    fault("sent-twice", &["unexpected"], Warp::Seen(|_, seen| seen.frames.extend(seen.frames.clone()))),
    fault(
        "wrong-interface",
        &["interface"],
        Warp::Seen(|_, seen| {
            seen.frames.iter_mut().filter(|it| it.interface == 1).for_each(|it| it.interface = 0);
        }),
    ),
    fault("never-answers", &["missing", "not-alive-before"], Warp::Seen(|_, seen| seen.frames.clear())),
];

/// In ICMP messages.
const MESSAGES: &[Fault] = &[
    fault(
        "icmp-checksum",
        &["icmp.checksum"],
        Warp::Emitted(|it| {
            if is_icmp(it) {
                let at = header_len(it);
                it[at + 2] ^= 1;
            }
        }),
    ),
    fault("echo-code", &["icmp.type"], of_type!(0, |it, at| it[at + 1] = 1)),
    fault("echo-identifier", &["icmp.identifier"], of_type!(0, |it, at| it[at + 5] ^= 1)),
    fault("echo-sequence-number", &["icmp.sequence_number"], of_type!(0, |it, at| it[at + 7] ^= 1)),
    fault(
        "echo-one-octet",
        &["icmp.data"],
        of_type!(0, |it, _at| if let Some(last) = it.last_mut() {
            *last ^= 1
        }),
    ),
    fault("echo-cut-short", &["icmp.data"], of_type!(0, |it, at| it.truncate((it.len() - 1).max(at + 8)))),
    fault("echo-too-long", &["icmp.data"], of_type!(0, |it, _at| it.push(0))),
    fault("unreachable-code", &["icmp.type"], of_type!(3, |it, at| it[at + 1] ^= 1)),
    fault("quote-only-the-header", &["icmp.quote"], of_error!(|it, at| it.truncate(at + 28))),
    fault("quote-28-octets-only", &["icmp.quote"], of_error!(|it, at| it.truncate(at + 36))),
    fault("quote-other-identification", &["icmp.quote"], of_error!(|it, at| it[at + 8 + 4] ^= 1)),
    fault("quote-other-ttl", &["icmp.quote"], of_type!(3, |it, at| it[at + 8 + 8] ^= 1)),
    fault("error-beyond-576", &["ipv4.total_length"], of_error!(|it, _at| it.resize(it.len() + 560, 0))),
    fault("pointer", &["icmp.pointer"], of_type!(12, |it, at| it[at + 4] += 1)),
    fault("timestamp-originate", &["icmp.originate"], of_type!(14, |it, at| it[at + 11] ^= 1)),
    fault(
        "timestamp-an-hour-off",
        &["icmp.receive"],
        of_type!(14, |it, at| {
            let stamp = u32::from_be_bytes([it[at + 12], it[at + 13], it[at + 14], it[at + 15]]);
            it[at + 12..at + 16].copy_from_slice(&((stamp + 3_600_000) % 86_400_000).to_be_bytes());
        }),
    ),
    fault(
        "no-errors",
        &["missing"],
        Warp::Seen(|_, seen| seen.frames.retain(|it| it.octets.len() < 28 || !is_error(&it.octets))),
    ),
    fault(
        "no-time-exceeded-in-reassembly",
        &["missing"],
        Warp::Seen(|_, seen| {
            seen.frames.retain(|it| it.octets.len() < 28 || icmp_type(&it.octets) != Some((11, 1)));
        }),
    ),
];

/// In what is forwarded.
const FORWARDING: &[Fault] = &[
    fault("ttl-kept", &["ipv4.ttl"], of_forwarded!(|it| it[8] = it[8].saturating_add(1))),
    fault("ttl-lowered-by-2", &["ipv4.ttl"], of_forwarded!(|it| it[8] = (it[8] - 1).max(1))),
    fault("tos-lost", &["ipv4.tos"], of_forwarded!(|it| it[1] = 0)),
    fault("identification-changed", &["ipv4.identification"], of_forwarded!(|it| it[5] ^= 1)),
    fault(
        "payload-changed",
        &["ipv4.payload"],
        of_forwarded!(|it| if let Some(last) = it.last_mut() {
            *last ^= 1
        }),
    ),
    fault(
        "offset-in-octets",
        &["ipv4.fragment_offset"],
        of_forwarded!(|it| if is_later_fragment(it) {
            let word = u16::from_be_bytes([it[6], it[7]]);
            let word = word & 0xe000 | (word & 0x1fff) << 3 & 0x1fff;
            it[6..8].copy_from_slice(&word.to_be_bytes());
        }),
    ),
    fault(
        "more-fragments-on-the-last",
        &["ipv4.more_fragments"],
        of_forwarded!(|it| if is_later_fragment(it) {
            it[6] |= 0x20
        }),
    ),
    fault(
        "options-not-filled",
        &["ipv4.options"],
        of_forwarded!(|it| {
            let len = header_len(it);
            it[20..len].fill(1);
        }),
    ),
    fault(
        "forwards-what-must-not-be-fragmented",
        &["unexpected", "icmp.type"],
        takes!(|it| {
            it[6] &= !0x40;
            seal_header(it);
        }),
    ),
    fault(
        "forwards-link-broadcasts",
        &["unexpected"],
        Warp::Frame(|it| {
            if it.len() > 14 && it[..6] == [0xff; 6] {
                it[..6].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
            }
        }),
    ),
    fault(
        "forwards-ttl-1",
        &["unexpected", "icmp.type", "ipv4.protocol"],
        takes!(|it| {
            if it[8] <= 1 {
                it[8] = 64;
                seal_header(it);
            }
        }),
    ),
];

/// In what is accepted.
const ACCEPTANCE: &[Fault] = &[
    fault(
        "any-version",
        &["unexpected"],
        takes!(|it| {
            it[0] = 0x40 | it[0] & 15;
            seal_header(it);
        }),
    ),
    fault(
        "any-header-length",
        &["unexpected"],
        takes!(|it| if it[0] & 15 < 5 {
            it[0] = 0x45;
            seal_header(it);
        }),
    ),
    fault("any-header-checksum", &["unexpected"], takes!(|it| seal_header(it))),
    fault(
        "any-icmp-checksum",
        &["unexpected"],
        takes!(
            |it| if is_icmp(it) && u16::from_be_bytes([it[2], it[3]]) == it.len() as u16 && it[0] >> 4 == 4 {
                let keep = [it[10], it[11]];
                seal(it);
                it[10..12].copy_from_slice(&keep);
            }
        ),
    ),
    fault(
        "any-total-length",
        &["unexpected"],
        takes!(|it| if u16::from_be_bytes([it[2], it[3]]) > it.len() as u16 {
            let len = (it.len() as u16).to_be_bytes();
            it[2..4].copy_from_slice(&len);
            seal(it);
        }),
    ),
    fault(
        "any-destination",
        &["unexpected"],
        takes!(|it| if it[16..19] == [10, 0, 0] && it[19] != 1 && it[19] < 250 {
            it[19] = 1;
            seal_header(it);
        }),
    ),
    fault(
        "any-source",
        &["unexpected"],
        takes!(|it| if matches!(it[12], 127 | 224..) {
            it[12..16].copy_from_slice(&[10, 0, 0, 2]);
            seal_header(it);
        }),
    ),
    fault("refuses-ttl-1", &["missing"], Warp::Arriving(|_, it| it[8] > 1)),
    fault("refuses-the-reserved-flag", &["missing"], Warp::Arriving(|_, it| it[6] & 0x80 == 0)),
    fault("refuses-options", &["missing"], Warp::Arriving(|_, it| it[0] & 15 == 5)),
    fault("refuses-fragments", &["missing"], Warp::Arriving(|_, it| !is_fragment(it))),
    fault(
        "refuses-padding",
        &["missing"],
        Warp::Arriving(|_, it| usize::from(it[2]) * 256 + usize::from(it[3]) >= it.len()),
    ),
    fault(
        "drops-every-third",
        &["missing", "not-alive-after", "not-alive-before"],
        Warp::Arriving(|memory, _| !memory.count.is_multiple_of(3)),
    ),
    fault("dies-of-bad-versions", &["dut"], Warp::Dies(|_, it| it[0] >> 4 != 4)),
];

/// In reassembly.
const REASSEMBLY: &[Fault] = &[
    fault(
        "key-without-identification",
        &["unexpected"],
        takes!(|it| if is_fragment(it) {
            it[4..6].fill(0x11);
            seal_header(it);
        }),
    ),
    fault(
        "key-without-source",
        &["unexpected"],
        takes!(|it| if is_fragment(it) && it[12] == 10 {
            it[15] = 2;
            seal_header(it);
        }),
    ),
    fault(
        "key-without-protocol",
        &["unexpected"],
        Warp::Arriving(|memory, it| {
            if is_later_fragment(it) {
                if let Some(first) = &memory.first {
                    it[9] = first[9];
                    seal_header(it);
                }
            } else if is_fragment(it) {
                memory.first = Some(it.clone());
            }
            true
        }),
    ),
    fault(
        "last-fragment-lost",
        &["missing"],
        Warp::Arriving(|_, it| !(is_later_fragment(it) && it[6] & 0x20 == 0)),
    ),
    fault(
        "out-of-order-lost",
        &["missing"],
        Warp::Arriving(|memory, it| {
            if is_fragment(it) && !is_later_fragment(it) {
                memory.first = Some(it.clone());
            }
            !is_later_fragment(it) || memory.first.is_some()
        }),
    ),
    fault(
        "what-timed-out-stays",
        &["unexpected", "missing"],
        Warp::Scenario(|it| {
            it.sysctl.insert("net.ipv4.ipfrag_time".to_owned(), "600".to_owned());
        }),
    ),
];

/// Answers to what must not be answered.
const FORBIDDEN: &[Fault] = &[
    fault(
        "error-about-a-broadcast",
        &["unexpected"],
        Warp::Besides(|_, it| (it[19] == 255).then(|| answer(it, 3, 3, &it[..28.min(it.len())]))),
    ),
    fault(
        "error-about-a-multicast",
        &["unexpected"],
        Warp::Besides(|_, it| (it[16] == 224).then(|| answer(it, 3, 3, &it[..28.min(it.len())]))),
    ),
    fault(
        "error-about-a-later-fragment",
        &["unexpected"],
        Warp::Besides(|_, it| is_later_fragment(it).then(|| answer(it, 3, 2, &it[..28.min(it.len())]))),
    ),
    fault(
        "error-to-nobody",
        &["unexpected"],
        Warp::Besides(|_, it| (it[12..16] == [0; 4]).then(|| answer(it, 3, 3, &it[..28.min(it.len())]))),
    ),
    fault(
        "error-about-a-bad-checksum",
        &["unexpected"],
        Warp::Besides(|_, it| {
            let len = header_len(it);
            (!netassay::oracle::checksum::is_intact(&it[..len]))
                .then(|| answer(it, 12, 0, &it[..28.min(it.len())]))
        }),
    ),
    fault(
        "error-about-a-bad-version",
        &["unexpected"],
        Warp::Besides(|_, it| (it[0] >> 4 != 4).then(|| answer(it, 12, 0, &it[..20]))),
    ),
    fault(
        "answers-information-requests",
        &["unexpected"],
        Warp::Besides(|_, it| (icmp_type(it)? == (15, 0)).then(|| answer(it, 16, 0, &[]))),
    ),
    fault(
        "answers-mask-requests",
        &["unexpected"],
        Warp::Besides(|_, it| (icmp_type(it)? == (17, 0)).then(|| answer(it, 18, 0, &[255, 255, 255, 0]))),
    ),
    fault(
        "answers-unknown-types",
        &["unexpected"],
        Warp::Besides(|_, it| (icmp_type(it)?.0 > 100).then(|| answer(it, 12, 0, it))),
    ),
    fault(
        "time-exceeded-without-the-first",
        &["unexpected"],
        Warp::Besides(|_, it| {
            (is_later_fragment(it) && it[6] & 0x20 == 0).then(|| answer(it, 11, 1, &it[..28.min(it.len())]))
        }),
    ),
    fault("unlimited", &["law"], Warp::Scenario(|it| it.limits = Limits::Open)),
    fault(
        "limited-for-good",
        &["missing", "law"],
        Warp::Seen(|step: &Step, seen| {
            let is_late = step.at.as_secs() >= 1 && matches!(step.action, Action::Inject { .. });
            seen.frames.retain(|it| !(is_late && is_error(&it.octets)));
        }),
    ),
];

/// In translation and tracking.
const TRANSLATION: &[Fault] = &[
    fault(
        "inner-datagram-not-translated",
        &["icmp.quote"],
        Warp::Emitted(|it| {
            if is_error(it) && it[16..20] == [10, 0, 1, 2] {
                let at = header_len(it) + 8;
                it[at + 12..at + 16].copy_from_slice(&[203, 0, 113, 1]);
                seal(it);
            }
        }),
    ),
    fault(
        "outer-source-not-translated",
        &["ipv4.source"],
        Warp::Emitted(|it| {
            if it[12..16] == [203, 0, 113, 1] {
                it[12..16].copy_from_slice(&[10, 0, 1, 2]);
                seal_header(it);
            }
        }),
    ),
    fault(
        "identifier-not-translated-back",
        &["icmp.identifier"],
        Warp::Emitted(|it| {
            if icmp_type(it) == Some((0, 0)) && it[16..20] == [10, 0, 1, 2] {
                let at = header_len(it);
                it[at + 5] ^= 1;
                seal(it);
            }
        }),
    ),
    fault("nothing-tracked", &["tracked"], Warp::Table(Vec::clear)),
    fault(
        "reply-tuple-not-translated",
        &["tracked"],
        Warp::Table(|it| it.iter_mut().for_each(|it| it.reply.destination = it.original.source)),
    ),
];

/// In what is told besides frames.
const DIMENSIONS: &[Fault] = &[
    fault("errors-not-counted", &["Ip.InHdrErrors"], Warp::Counters(|it| zero(it, "Ip.InHdrErrors"))),
    fault(
        "delivers-what-is-wrong",
        &["delivery"],
        Warp::Seen(|_, seen| seen.deliveries.iter_mut().for_each(|it| it.data.push(0))),
    ),
    fault("delivers-nothing", &["delivery"], Warp::Seen(|_, seen| seen.deliveries.clear())),
    fault("no-socket-errors", &["law", "socket-error"], Warp::Seen(|_, seen| seen.socket_errors.clear())),
    fault(
        "wrong-errno",
        &["law", "socket-error"],
        Warp::Seen(|_, seen| seen.socket_errors.iter_mut().for_each(|it| "EIO".clone_into(&mut it.errno))),
    ),
    fault(
        "wrong-drop-reason",
        &["drop"],
        Warp::Seen(|_, seen| seen.drops.iter_mut().for_each(|it| it.reason = "NOT_SPECIFIED".into())),
    ),
];

fn zero(counters: &mut netassay::model::Counters, name: &str) {
    if let Some(id) = CounterId::by_name(name) {
        counters.slots_mut()[id.slot()] = 0;
    }
}

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = &'static Fault> {
    [HEADER, MESSAGES, FORWARDING, ACCEPTANCE, REASSEMBLY, FORBIDDEN, TRANSLATION, DIMENSIONS]
        .into_iter()
        .flatten()
}
