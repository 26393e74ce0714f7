//! The kinds of difference that the samples show.

use std::collections::BTreeMap;

use super::mix;
use super::packet::{DUT, Header, TESTER, icmp, pattern, tcp, udp};
use crate::model::{Cause, Dimension, Divergence, FieldDifference, Verdict};
use crate::report::dissect::to_hex;

/// The `nth` kind: one of eight shapes, varied by a number.
pub(super) struct Kind {
    shape: usize,
    variant: u16,
}

/// Stimulus and answers of a kind, with what differs.
struct Exchange {
    title: String,
    dimension: Dimension,
    fields: Vec<(String, String, String)>,
    stimulus: Vec<u8>,
    a: Vec<Vec<u8>>,
    b: Vec<Vec<u8>>,
    counters: [&'static [(&'static str, i64)]; 2],
    drops: [&'static [&'static str]; 2],
}

/// What a ledger entry of the samples says: reason and clause.
pub(super) fn ledger_note(id: &str) -> (&'static str, &'static str) {
    match id {
        "icmp-error-quotes-more" => (
            "Linux quotes as much of the datagram as fits into 576 octets; the RFC profile quotes the header and 8 octets.",
            "RFC 1812 §4.3.2.3 (SHOULD)",
        ),
        "timestamp-option-clock" => (
            "The two stacks read different clocks, so the timestamps differ within the bound that the rule names.",
            "RFC 791 §3.1 \"Internet Timestamp\"",
        ),
        _ => ("Not a fault of either stack.", "RFC 1122 §3.2.2"),
    }
}

impl Kind {
    pub(super) fn nth(index: usize) -> Self {
        Self { shape: index % 8, variant: (index / 8) as u16 }
    }

    fn fingerprint(&self) -> String {
        format!("{:016x}", mix(self.shape as u64 * 65_536 + u64::from(self.variant) + 7))
    }

    fn ledger(&self) -> Vec<String> {
        match self.shape {
            1 => vec!["icmp-error-quotes-more".to_owned()],
            4 => vec!["timestamp-option-clock".to_owned()],
            _ => Vec::new(),
        }
    }

    pub(super) fn is_explained(&self) -> bool {
        !self.ledger().is_empty()
    }

    pub(super) fn verdict(&self) -> Verdict {
        let ledger = self.ledger();
        if ledger.is_empty() {
            Verdict::Diverge(vec![self.fingerprint()])
        } else {
            Verdict::Explained(ledger)
        }
    }

    /// The cause, not yet seen anywhere.
    pub(super) fn cause(&self) -> Cause {
        Cause {
            fingerprint: self.fingerprint(),
            title: self.exchange(1).title,
            count: 0,
            captures: 0,
            ledger: self.ledger(),
            examples: Vec::new(),
        }
    }

    pub(super) fn divergence(&self, capture: &str, scenario: &str, packet: u64) -> Divergence {
        let exchange = self.exchange(packet);
        let frames = |frames: &[Vec<u8>]| frames.iter().map(|f| ("t0".to_owned(), to_hex(f))).collect();
        let counters = |side: &[(&str, i64)]| -> BTreeMap<String, i64> {
            side.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
        };
        let texts = |side: &[&str]| side.iter().map(|text| (*text).to_owned()).collect();
        let fields =
            exchange.fields.into_iter().map(|(field, a, b)| FieldDifference { field, a, b }).collect();
        Divergence {
            fingerprint: self.fingerprint(),
            title: exchange.title,
            dimension: exchange.dimension,
            capture: capture.to_owned(),
            scenario: scenario.to_owned(),
            packet,
            at_us: packet * 1_250,
            fields,
            interface: "t0".to_owned(),
            stimulus: to_hex(&exchange.stimulus),
            frames_a: frames(&exchange.a),
            frames_b: frames(&exchange.b),
            counters_a: counters(exchange.counters[0]),
            counters_b: counters(exchange.counters[1]),
            drops_a: texts(exchange.drops[0]),
            drops_b: texts(exchange.drops[1]),
            ledger: self.ledger(),
            command: format!("netassay diff {} --scenario {scenario} --packet {packet}", quoted(capture)),
        }
    }

    fn exchange(&self, packet: u64) -> Exchange {
        match self.shape {
            0 => self.echo_ttl(packet),
            1 => self.quoted_length(),
            2 => self.missing_timestamp_reply(),
            3 => self.counter_only(packet),
            4 => self.timestamp_option(),
            5 => self.drop_reason(),
            6 => self.reset_window(),
            _ => self.two_answers(packet),
        }
    }

    fn echo_ttl(&self, packet: u64) -> Exchange {
        let tos = (self.variant as u8) << 2;
        let data = pattern(32);
        let rest = [0x12, 0x34, (packet >> 8) as u8, packet as u8];
        let answer = |ttl| Header { ttl, tos, ..Header::from_dut(1) }.datagram(&icmp(0, 0, rest, &data));
        Exchange {
            title: format!("TTL of the echo reply differs, DSCP {:#04x}", tos >> 2),
            dimension: Dimension::Frames,
            fields: vec![("frames[0].ipv4.ttl".to_owned(), "255".to_owned(), "64".to_owned())],
            stimulus: Header { tos, ..Header::to_dut(1) }.datagram(&icmp(8, 0, rest, &data)),
            a: vec![answer(255)],
            b: vec![answer(64)],
            counters: [ECHO_COUNTERS, ECHO_COUNTERS],
            drops: [&[], &[]],
        }
    }

    fn quoted_length(&self) -> Exchange {
        let stimulus = Header::to_dut(17).datagram(&udp(40_000, 33_434 + self.variant, &pattern(48)));
        let answer = |len| Header::from_dut(1).datagram(&icmp(3, 3, [0; 4], &stimulus[..len]));
        Exchange {
            title: format!("octets quoted in Port Unreachable, port {}", 33_434 + self.variant),
            dimension: Dimension::Frames,
            fields: vec![("frames[0].icmp.quoted.length".to_owned(), "28".to_owned(), "76".to_owned())],
            a: vec![answer(28)],
            b: vec![answer(76)],
            stimulus,
            counters: [UNREACHABLE_COUNTERS, UNREACHABLE_COUNTERS],
            drops: [&["NO_SOCKET"], &["NO_SOCKET"]],
        }
    }

    fn missing_timestamp_reply(&self) -> Exchange {
        let code = self.variant as u8;
        let times = [0, 0x12, 0x34, 0x56, 0, 0x12, 0x34, 0x58, 0, 0x12, 0x34, 0x58];
        let request = [&times[..4], &[0; 8]].concat();
        Exchange {
            title: format!("timestamp request with code {code} is answered by one side only"),
            dimension: Dimension::Frames,
            fields: vec![("frames".to_owned(), String::new(), "1 frame on t0".to_owned())],
            stimulus: Header::to_dut(1).datagram(&icmp(13, code, [0, 7, 0, 1], &request)),
            a: Vec::new(),
            b: vec![Header::from_dut(1).datagram(&icmp(14, 0, [0, 7, 0, 1], &times))],
            counters: [
                &[("Icmp.InMsgs", 1), ("IcmpMsg.InType13", 1), ("Ip.InDelivers", 1), ("Ip.InReceives", 1)],
                &[
                    ("Icmp.InMsgs", 1),
                    ("Icmp.OutMsgs", 1),
                    ("IcmpMsg.InType13", 1),
                    ("IcmpMsg.OutType14", 1),
                    ("Ip.InDelivers", 1),
                    ("Ip.InReceives", 1),
                    ("Ip.OutRequests", 1),
                ],
            ],
            drops: [&["NOT_SPECIFIED"], &[]],
        }
    }

    fn counter_only(&self, packet: u64) -> Exchange {
        let mut stimulus =
            Header::to_dut(1).datagram(&icmp(self.variant as u8, 0, [0, 0, 0, packet as u8], &pattern(24)));
        stimulus[22] ^= 0xff; // The checksum is wrong, so nothing is answered.
        Exchange {
            title: format!("ICMP type {} with a wrong checksum is counted differently", self.variant),
            dimension: Dimension::Counters,
            fields: vec![("counters.Icmp.InErrors".to_owned(), "0".to_owned(), "1".to_owned())],
            stimulus,
            a: Vec::new(),
            b: Vec::new(),
            counters: [
                &[("Icmp.InCsumErrors", 1), ("Icmp.InMsgs", 1), ("Ip.InDelivers", 1), ("Ip.InReceives", 1)],
                &[
                    ("Icmp.InCsumErrors", 1),
                    ("Icmp.InErrors", 1),
                    ("Icmp.InMsgs", 1),
                    ("Ip.InDelivers", 1),
                    ("Ip.InReceives", 1),
                ],
            ],
            drops: [&["ICMP_CSUM"], &["ICMP_CSUM"]],
        }
    }

    fn timestamp_option(&self) -> Exchange {
        let option = |time: u8| vec![68, 8, 9, 0, 0, 0x12, 0x34, time];
        let rest = [0, 9, 0, self.variant as u8];
        let with =
            |header: Header, kind, options| Header { options, ..header }.datagram(&icmp(kind, 0, rest, &[]));
        Exchange {
            title: format!("time recorded in the timestamp option, echo {}", self.variant),
            dimension: Dimension::Frames,
            fields: vec![(
                "frames[0].ipv4.options[0].timestamp".to_owned(),
                "0x00123450".into(),
                "0x00123452".into(),
            )],
            stimulus: with(Header::to_dut(1), 8, vec![68, 8, 5, 0, 0, 0, 0, 0]),
            a: vec![with(Header::from_dut(1), 0, option(0x50))],
            b: vec![with(Header::from_dut(1), 0, option(0x52))],
            counters: [ECHO_COUNTERS, ECHO_COUNTERS],
            drops: [&[], &[]],
        }
    }

    fn drop_reason(&self) -> Exchange {
        let mut header = Header::to_dut(200_u8.wrapping_add(self.variant as u8));
        header.source = [127, 0, 0, 1];
        Exchange {
            title: format!("drop reason of a martian source, protocol {}", header.protocol),
            dimension: Dimension::Drops,
            fields: vec![(
                "drops[0].reason".to_owned(),
                "IP_INVALID_SOURCE".into(),
                "IP_LOCAL_SOURCE".into(),
            )],
            stimulus: header.datagram(&pattern(16)),
            a: Vec::new(),
            b: Vec::new(),
            counters: [&[("Ip.InReceives", 1)], &[("Ip.InReceives", 1)]],
            drops: [&["IP_INVALID_SOURCE"], &["IP_LOCAL_SOURCE"]],
        }
    }

    fn reset_window(&self) -> Exchange {
        let port = 80 + self.variant;
        let answer = |window| Header::from_dut(6).datagram(&tcp(port, 50_000, 0x14, window));
        Exchange {
            title: format!("window of the reset from closed port {port}"),
            dimension: Dimension::Frames,
            fields: vec![("frames[0].tcp.window".to_owned(), "512".to_owned(), "0".to_owned())],
            stimulus: Header::to_dut(6).datagram(&tcp(50_000, port, 2, 64_240)),
            a: vec![answer(512)],
            b: vec![answer(0)],
            counters: [&[("Tcp.OutRsts", 1)], &[("Tcp.OutRsts", 1)]],
            drops: [&["NO_SOCKET"], &["NO_SOCKET"]],
        }
    }

    fn two_answers(&self, packet: u64) -> Exchange {
        let far = [203, 0, 113, self.variant as u8];
        let rest = [0, 5, 0, packet as u8];
        let header = Header { destination: far, ttl: 9, ..Header::to_dut(1) };
        let stimulus = header.datagram(&icmp(8, 0, rest, &pattern(16)));
        let forwarded = Header { ttl: 8, ..header }.datagram(&icmp(8, 0, rest, &pattern(16)));
        let redirect = Header { tos: 0xc0, ..Header::from_dut(1) }.datagram(&icmp(5, 1, TESTER, &stimulus));
        debug_assert_ne!(far, DUT);
        Exchange {
            title: format!("redirect for 203.0.113.{} is sent by one side only", self.variant as u8),
            dimension: Dimension::Frames,
            fields: vec![("frames[0]".to_owned(), "redirect for host on t0".to_owned(), String::new())],
            stimulus,
            a: vec![redirect, forwarded.clone()],
            b: vec![forwarded],
            counters: [
                &[("Icmp.OutMsgs", 1), ("IcmpMsg.OutType5", 1), ("Ip.ForwDatagrams", 1)],
                &[("Ip.ForwDatagrams", 1)],
            ],
            drops: [&[], &[]],
        }
    }
}

const ECHO_COUNTERS: &[(&str, i64)] = &[
    ("Icmp.InMsgs", 1),
    ("Icmp.OutMsgs", 1),
    ("IcmpMsg.InType8", 1),
    ("IcmpMsg.OutType0", 1),
    ("Ip.InDelivers", 1),
    ("Ip.InReceives", 1),
    ("Ip.OutRequests", 1),
];

const UNREACHABLE_COUNTERS: &[(&str, i64)] = &[
    ("Icmp.OutMsgs", 1),
    ("IcmpMsg.OutType3", 1),
    ("Ip.InDelivers", 1),
    ("Ip.InReceives", 1),
    ("Ip.OutRequests", 1),
    ("Udp.NoPorts", 1),
];

/// A word for a POSIX shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
