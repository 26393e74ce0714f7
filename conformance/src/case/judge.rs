//! Whether what was seen is what was expected.

use super::datagram::Datagram;
use super::expectation::{Alternative, Outlook, Wanted};
use super::history::{History, Seen};
use super::pattern::{Mismatch, Pattern};
use crate::model::{ConntrackEntry, Counters};

/// Why an expectation is not met.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Failure {
    /// Number of the step, from 0; none for the liveness probes.
    pub step: Option<usize>,
    /// What is wrong, as a word that can be counted: the field that differs, `missing`, `unexpected`, …
    pub reason: String,
    /// What was expected.
    pub expected: String,
    /// What was seen instead.
    pub seen: String,
}

impl Failure {
    /// A failure outside the steps.
    pub fn new(reason: impl Into<String>, expected: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { step: None, reason: reason.into(), expected: expected.into(), seen: seen.into() }
    }
}

/// What there is to be judged of one step.
pub(super) struct Evidence<'e> {
    /// Everything up to and with this step.
    pub(super) history: &'e History,
    /// How the counters moved in it, where somebody asked.
    pub(super) counters: Option<&'e Counters>,
    /// The tracking table after it, where somebody asked, without the entries of the liveness probes.
    pub(super) table: Option<&'e [ConntrackEntry]>,
}

impl Evidence<'_> {
    fn seen(&self) -> &Seen {
        self.history.steps.last().expect("a step is judged after it was taken")
    }
}

/// Judges one step by one expectation.
pub(super) fn judge(outlook: &Outlook, evidence: &Evidence<'_>) -> Result<(), Failure> {
    let fail = |reason: &str, seen: String| Failure::new(reason, outlook.to_string(), seen);
    let seen = evidence.seen();
    match outlook {
        Outlook::Frames(alternatives) => {
            judge_frames(alternatives, &seen.datagrams).map_err(|(reason, what)| fail(&reason, what))
        }
        Outlook::Some(pattern) => {
            let found = seen.datagrams.iter().any(|it| pattern.mismatches(it).is_empty());
            if found { Ok(()) } else { Err(fail("missing", describe_all(&seen.datagrams))) }
        }
        Outlook::Never(pattern) => match seen.datagrams.iter().find(|it| pattern.mismatches(it).is_empty()) {
            Some(it) => Err(fail("forbidden", describe(it))),
            None => Ok(()),
        },
        Outlook::Deliveries(wanted) => {
            in_order(wanted, &seen.observation.deliveries).map_err(|what| fail("delivery", what))
        }
        Outlook::SocketErrors(wanted) => {
            in_order(wanted, &seen.observation.socket_errors).map_err(|what| fail("socket-error", what))
        }
        Outlook::Counters(wanted) => {
            let Some(moved) = evidence.counters else { return Ok(()) };
            let wrong = wanted.iter().find(|(id, range)| !range.contains(&moved.slots()[id.slot()]));
            match wrong {
                Some((id, _)) => {
                    Err(fail(&id.name(), format!("{} {:+}", id.name(), moved.slots()[id.slot()])))
                }
                None => Ok(()),
            }
        }
        Outlook::Drops(wanted) => {
            let reasons: Vec<_> = seen.observation.drops.iter().map(|drop| drop.reason.to_string()).collect();
            if reasons == *wanted { Ok(()) } else { Err(fail("drop", format!("dropped as {reasons:?}"))) }
        }
        Outlook::Tracked(wanted, count) => {
            let Some(table) = evidence.table else { return Ok(()) };
            let found = table.iter().filter(|it| wanted.is(it)).count();
            if count.contains(&found) {
                Ok(())
            } else {
                Err(fail("tracked", format!("{found} in a table of {table:?}")))
            }
        }
        Outlook::Law { check, .. } => check(evidence.history).map_err(|what| fail("law", what)),
    }
}

fn in_order<T: std::fmt::Debug>(wanted: &[Wanted<T>], seen: &[T]) -> Result<(), String> {
    let fits = wanted.len() == seen.len() && wanted.iter().zip(seen).all(|(wanted, it)| wanted.is(it));
    if fits {
        Ok(())
    } else if seen.is_empty() {
        Err("nothing".to_owned())
    } else {
        Err(format!("{seen:?}"))
    }
}

/// Whether one of the alternatives accounts for all frames; else what is wrong by the one that comes nearest.
fn judge_frames(alternatives: &[Alternative], datagrams: &[Datagram]) -> Result<(), (String, String)> {
    let mut nearest: Option<(usize, (String, String))> = None;
    for alternative in alternatives {
        let asks = |it: &&Datagram| {
            !is_background(it) || alternative.frames.iter().any(|pattern| pattern.asks_for(it.protocol()))
        };
        let relevant: Vec<_> = datagrams.iter().filter(asks).collect();
        let Err((distance, what)) = match_all(&alternative.frames, &relevant) else { return Ok(()) };
        if nearest.as_ref().is_none_or(|(least, _)| distance < *least) {
            nearest = Some((distance, what));
        }
    }
    Err(nearest.map_or_else(|| ("unexpected".to_owned(), describe_all(datagrams)), |(_, what)| what))
}

/// Membership reports go on by themselves: they are nobody's answer. RFC 3376 §4.
pub(super) fn is_background(datagram: &Datagram) -> bool {
    datagram.protocol() == 2
}

/// How far off, and what is wrong.
type Off = (usize, (String, String));

/// Gives each pattern a frame of its own, and leaves no frame over.
fn match_all(patterns: &[Pattern], datagrams: &[&Datagram]) -> Result<(), Off> {
    let table: Vec<Vec<Vec<Mismatch>>> =
        patterns.iter().map(|pattern| datagrams.iter().map(|it| pattern.mismatches(it)).collect()).collect();
    let mut taken: Vec<Option<usize>> = vec![None; datagrams.len()];
    for row in 0..patterns.len() {
        assign(row, &table, &mut taken, &mut vec![false; datagrams.len()]);
    }
    let unmet: Vec<_> = (0..patterns.len()).filter(|row| !taken.contains(&Some(*row))).collect();
    let left: Vec<_> = (0..datagrams.len()).filter(|column| taken[*column].is_none()).collect();
    match (unmet.first(), left.first()) {
        (None, None) => Ok(()),
        (Some(_), None) => Err((100 * unmet.len(), ("missing".to_owned(), describe_refs(datagrams)))),
        (None, Some(column)) => {
            Err((100 * left.len(), ("unexpected".to_owned(), describe(datagrams[*column]))))
        }
        (Some(row), Some(_)) => {
            let nearest = left.iter().min_by_key(|column| table[*row][**column].len()).unwrap_or(&left[0]);
            let mismatches = &table[*row][*nearest];
            let fields: Vec<_> = mismatches.iter().map(|it| it.field).collect();
            let texts: Vec<_> = mismatches.iter().map(ToString::to_string).collect();
            let off = mismatches.len() + 100 * (unmet.len().abs_diff(left.len()));
            Err((off, (fields.join("+"), texts.join("; "))))
        }
    }
}

/// Finds a frame for a pattern, moving other patterns to other frames if need be.
fn assign(row: usize, table: &[Vec<Vec<Mismatch>>], taken: &mut [Option<usize>], tried: &mut [bool]) -> bool {
    for column in 0..taken.len() {
        if !table[row][column].is_empty() || std::mem::replace(&mut tried[column], true) {
            continue;
        }
        let is_free = match taken[column] {
            None => true,
            Some(other) => assign(other, table, taken, tried),
        };
        if is_free {
            taken[column] = Some(row);
            return true;
        }
    }
    false
}

/// One line about a frame.
pub(super) fn describe(datagram: &Datagram) -> String {
    let what = match (datagram.protocol(), datagram.icmp_type_and_code(), datagram.ports()) {
        (_, Some((icmp_type, code)), _) => format!("ICMP {icmp_type}/{code}"),
        (17, _, Some((from, to))) => format!("UDP {from} to {to}"),
        (6, _, Some((from, to))) => format!("TCP {from} to {to}"),
        (protocol, ..) => format!("protocol {protocol}"),
    };
    let fragment = if datagram.is_fragment() {
        let more = if datagram.more_fragments() { "+" } else { "" };
        format!(", fragment {}{more}", datagram.fragment_offset())
    } else {
        String::new()
    };
    format!(
        "{what} from {} to {}, TTL {}, {} octets{fragment}, on interface {}",
        datagram.source(),
        datagram.destination(),
        datagram.ttl(),
        datagram.total_length(),
        datagram.interface
    )
}

fn describe_all(datagrams: &[Datagram]) -> String {
    describe_refs(&datagrams.iter().collect::<Vec<_>>())
}

fn describe_refs(datagrams: &[&Datagram]) -> String {
    if datagrams.is_empty() {
        return "silence".to_owned();
    }
    datagrams.iter().map(|it| describe(it)).collect::<Vec<_>>().join("; ")
}
