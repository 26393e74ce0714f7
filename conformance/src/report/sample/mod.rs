//! Made-up results of any size, for the tests of the renderers and for looking at a report without a run.
//!
//! The same [`Sample`] gives the same result, octet for octet. Nothing here was measured: the stimuli are sound
//! datagrams and the answers differ in ways in which stacks really differ.

mod kind;
mod packet;

use std::collections::BTreeMap;

use crate::model::outcome::{LedgerNote, SCHEMA};
use crate::model::{
    CaptureResult, Cause, Dimension, Divergence, Interface, LinkKind, PacketVerdict, RunResult, Skip, Totals,
    Verdict,
};

/// How large a made-up result is.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Packets whose verdict is not plain agreement; about twice as many agree.
    pub verdicts: u64,
    /// Causes; about a third is explained by the ledger.
    pub causes: usize,
    /// Captures, each under two to four scenarios.
    pub captures: usize,
    /// Other numbers give other results.
    pub seed: u64,
}

impl Default for Sample {
    fn default() -> Self {
        Self { verdicts: 240, causes: 12, captures: 8, seed: 1 }
    }
}

/// Names that a hostile capture could bear: each breaks a renderer that escapes too little.
pub const HOSTILE_NAMES: [&str; 4] = [
    "</script><script>document.title='pwned'</script>.pcap",
    "\"quotes\" & 'ticks' <b>bold</b>.pcap",
    "esc\u{1b}[31m bell\u{7} line\nbreak\u{202e}pacp.tel",
    "]]> --> {{title}} $& \\u003c.pcap",
];

const SCENARIOS: [&str; 4] = ["host", "router", "conntrack", "nat"];

impl Sample {
    /// Makes the result.
    pub fn result(self) -> RunResult {
        let mut random = Random(self.seed);
        let rows = self.rows(&mut random);
        let kinds: Vec<_> = (0..self.causes).map(kind::Kind::nth).collect();
        let explained: Vec<_> = (0..kinds.len()).filter(|index| kinds[*index].is_explained()).collect();
        let mut captures = Vec::new();
        let mut tallies: Vec<_> = kinds.iter().map(|kind| Tally::new(kind.cause())).collect();
        let shares = shares(self.verdicts, rows.len());
        for (position, ((capture, scenario), share)) in rows.iter().zip(shares).enumerate() {
            let mut row = row(position, capture, scenario, share, &mut random);
            for verdict in &mut row.verdicts {
                let chosen = match Temper::of(position) {
                    Temper::Explained if !explained.is_empty() => explained[random.skewed(explained.len())],
                    _ => random.skewed(kinds.len()),
                };
                verdict.verdict = kinds[chosen].verdict();
                tallies[chosen].count(kinds[chosen].divergence(capture, scenario, verdict.packet));
            }
            count_row(&mut row);
            captures.push(row);
        }
        finish(tallies.into_iter().map(|tally| tally.cause).collect(), captures)
    }

    fn rows(self, random: &mut Random) -> Vec<(String, &'static str)> {
        let captures = (0..self.captures).map(capture_name);
        captures
            .flat_map(|name| {
                let scenarios = 2 + random.below(3) as usize;
                SCENARIOS[..scenarios]
                    .iter()
                    .map(move |scenario| (name.clone(), *scenario))
                    .collect::<Vec<_>>()
            })
            .collect()
    }
}

/// What a row is like; rows of all four kinds alternate.
#[derive(PartialEq, Eq)]
enum Temper {
    Mixed,
    Agrees,
    Explained,
    Skipped,
}

impl Temper {
    fn of(position: usize) -> Self {
        match position % 13 {
            2 | 5 | 8 | 12 => Self::Agrees,
            3 | 9 => Self::Explained,
            6 => Self::Skipped,
            _ => Self::Mixed,
        }
    }
}

/// Deals the verdicts out to the rows that have any.
fn shares(verdicts: u64, rows: usize) -> Vec<u64> {
    let has_any = |position: &usize| matches!(Temper::of(*position), Temper::Mixed | Temper::Explained);
    let takers = (0..rows).filter(has_any).count() as u64;
    let mut dealt = 0;
    let mut taker = 0;
    (0..rows)
        .map(|position| {
            if !has_any(&position) {
                return 0;
            }
            taker += 1;
            let share = verdicts * taker / takers - dealt;
            dealt += share;
            share
        })
        .collect()
}

fn row(position: usize, capture: &str, scenario: &str, verdicts: u64, random: &mut Random) -> CaptureResult {
    let skipped = 3 + random.below(40);
    let compared = match Temper::of(position) {
        Temper::Skipped => 0,
        Temper::Agrees => 20 + random.below(400),
        Temper::Mixed | Temper::Explained => verdicts * 3,
    };
    let spread = (compared + skipped).checked_div(verdicts).unwrap_or(1);
    CaptureResult {
        position: position as u64,
        capture: capture.to_owned(),
        scenario: scenario.to_owned(),
        notes: vec![format!("destination 10.0.0.2 taken for the {scenario}'s own address")],
        interfaces: interfaces(scenario),
        traces: 1,
        packets: compared + skipped,
        compared,
        agree: 0,
        explained: 0,
        diverge: 0,
        skips: vec![
            Skip { reason: "not-ipv4".to_owned(), packets: skipped - 2 },
            Skip { reason: "truncated-by-snaplen".to_owned(), packets: 2 },
        ],
        verdicts: (0..verdicts)
            .map(|n| PacketVerdict { packet: 1 + n * spread + random.below(spread), verdict: Verdict::Agree })
            .collect(),
        error: (position == 11).then(|| "the file ends in the middle of packet 1042".to_owned()),
        elapsed_ms: 1 + compared / 90,
    }
}

fn capture_name(index: usize) -> String {
    const FOLDERS: [&str; 4] = ["icmp-types", "fragments", "options", "nat-inner"];
    const NAMES: [&str; 5] = ["ping-sweep", "traceroute", "overlap", "record-route", "port-unreachable"];
    match index.checked_sub(4).and_then(|index| HOSTILE_NAMES.get(index)) {
        Some(name) => (*name).to_owned(),
        None => format!("{}/{}-{index:03}.pcap", FOLDERS[index % 4], NAMES[index % 5]),
    }
}

fn interfaces(scenario: &str) -> Vec<Interface> {
    let interface = |name: &str, link, address: &str| Interface {
        name: name.to_owned(),
        link,
        mac: None,
        addresses: address.parse().into_iter().collect(),
        mtu: 1500,
        up: true,
        sysctl: BTreeMap::new(),
        groups: Vec::new(),
    };
    let first = interface("t0", LinkKind::Ip, "10.0.0.2/24");
    if scenario == "host" { vec![first] } else { vec![first, interface("t1", LinkKind::Ip, "192.0.2.1/24")] }
}

/// A cause while it is counted.
struct Tally {
    cause: Cause,
    last_capture: Option<String>,
}

impl Tally {
    fn new(cause: Cause) -> Self {
        Self { cause, last_capture: None }
    }

    /// Rows come capture by capture, so another name is a new capture.
    fn count(&mut self, example: Divergence) {
        self.cause.count += 1;
        if self.last_capture.as_ref() == Some(&example.capture) {
            return;
        }
        self.last_capture = Some(example.capture.clone());
        self.cause.captures += 1;
        if self.cause.examples.len() < Cause::EXAMPLES {
            self.cause.examples.push(example);
        }
    }
}

fn count_row(row: &mut CaptureResult) {
    for verdict in &row.verdicts {
        match verdict.verdict {
            Verdict::Agree => {}
            Verdict::Explained(_) => row.explained += 1,
            Verdict::Diverge(_) => row.diverge += 1,
        }
    }
    row.agree = row.compared - row.explained - row.diverge;
}

fn finish(mut causes: Vec<Cause>, captures: Vec<CaptureResult>) -> RunResult {
    causes.retain(|cause| cause.count > 0);
    causes.sort_by(super::order::causes);
    let mut totals = Totals::default();
    for row in &captures {
        super::order::add_row(&mut totals, row);
    }
    let ledger = causes.iter().flat_map(|cause| cause.ledger.clone()).map(|id| {
        let (reason, clause) = kind::ledger_note(&id);
        (id, LedgerNote { reason: reason.to_owned(), clause: clause.to_owned() })
    });
    RunResult {
        schema: SCHEMA,
        netassay: "0.1.0".to_owned(),
        a: "reference 0.1.0 (profile linux)".to_owned(),
        b: "linux 6.18.44".to_owned(),
        dimensions: vec![Dimension::Frames, Dimension::Counters, Dimension::Drops, Dimension::Conntrack],
        missing: BTreeMap::from([
            ("deliveries".to_owned(), "no local sockets in these scenarios".to_owned()),
            ("socket-errors".to_owned(), "no local sockets in these scenarios".to_owned()),
        ]),
        totals,
        ledger: ledger.collect(),
        causes,
        stale_ledger: vec!["rate-limit-token-rounding".to_owned()],
        partition: None,
        elapsed_ms: captures.iter().map(|row| row.elapsed_ms).sum(),
        captures,
    }
}

/// SplitMix64: small, and good enough to scatter samples.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Below `bound`, small numbers more often: a few causes account for most packets, as in life.
    fn skewed(&mut self, bound: usize) -> usize {
        let (one, other) = (self.below(bound as u64), self.below(bound as u64));
        (one * other / bound as u64) as usize
    }
}

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_add_up() {
        let result = Sample { verdicts: 5000, causes: 40, captures: 20, seed: 3 }.result();
        for row in &result.captures {
            let skipped: u64 = row.skips.iter().map(|skip| skip.packets).sum();
            assert_eq!(row.packets, row.compared + skipped);
            assert_eq!(row.compared, row.agree + row.explained + row.diverge);
            assert!(row.verdicts.is_sorted_by_key(|verdict| verdict.packet));
        }
        assert!(result.causes.iter().all(|cause| cause.captures <= 20));
        let in_causes: u64 = result.causes.iter().map(|cause| cause.count).sum();
        assert_eq!(in_causes, result.totals.explained + result.totals.diverge);
        assert_eq!(result.totals.traces, result.captures.len() as u64);
    }

    #[test]
    fn same_sample_same_result() {
        assert_eq!(Sample::default().result(), Sample::default().result());
    }
}
