//! From differences to verdicts: asks the ledger, groups by cause, counts, and makes the row of a capture.

use std::collections::BTreeMap;
use std::time::Duration;

use super::cause::{Causes, Found};
use super::compare::Difference;
use super::field::hex;
use super::fingerprint::{Fingerprint, without_positions};
use super::ledger::{Ledger, Subject, Usage};
use super::pairing::{Finding, Listener};
use super::rule::{self, Context};
use super::stimulus::Stimulus;
use crate::model::{
    Action, CaptureResult, Counters, Dimension, Divergence, EmittedFrame, FieldDifference, Observation,
    PacketVerdict, Scenario, Skip, Step, Verdict,
};

/// How many verdicts besides agreement a run keeps. All are counted; beyond this they are not listed.
const VERDICTS: usize = 100_000;

/// What is collected over a whole run.
#[derive(Debug)]
pub struct Collection {
    /// The entries that hold for the two DUTs.
    pub ledger: Ledger,
    /// Which of them were of use.
    pub usage: Usage,
    /// Divergences by cause.
    pub causes: Causes,
    /// How many more verdicts may be listed.
    verdicts_left: usize,
}

impl Collection {
    /// Nothing found yet.
    pub fn new(ledger: Ledger) -> Self {
        Self { ledger, usage: Usage::default(), causes: Causes::default(), verdicts_left: VERDICTS }
    }
}

impl Collection {
    /// Adds what another worker of the same run found.
    pub fn absorb(&mut self, other: Self) {
        self.usage.absorb(other.usage);
        self.causes.absorb(other.causes);
    }
}

/// What a trace is called and where it stands in the run.
#[derive(Clone, Debug)]
pub struct Place {
    /// Position of the row, from 0.
    pub position: u64,
    /// Path as given, or name.
    pub capture: String,
    /// Command that reproduces a divergence.
    pub command: String,
}

/// Judges what is found in one trace.
pub struct Judge<'j> {
    scenario: &'j Scenario,
    place: &'j Place,
    collection: &'j mut Collection,
    marks: Marks,
    verdicts: BTreeMap<u64, Verdict>,
    not_listed: u64,
}

impl<'j> Judge<'j> {
    /// A judge of a trace in `scenario`.
    pub fn new(scenario: &'j Scenario, place: &'j Place, collection: &'j mut Collection) -> Self {
        let (marks, verdicts) = (Marks::default(), BTreeMap::new());
        Self { scenario, place, collection, marks, verdicts, not_listed: 0 }
    }

    /// The row of the capture, `compared` of its packets having been compared and the rest skipped.
    pub fn finish(self, compared: u64, skips: Vec<Skip>, mut notes: Vec<String>) -> CaptureResult {
        let (explained, diverge) = self.marks.counts(compared);
        if self.not_listed > 0 {
            notes.push(format!("verdicts of {} more packets are counted and not listed", self.not_listed));
        }
        let verdicts = self.verdicts.into_iter().map(|(packet, verdict)| PacketVerdict { packet, verdict });
        CaptureResult {
            position: self.place.position,
            capture: self.place.capture.clone(),
            scenario: self.scenario.name.clone(),
            notes,
            interfaces: self.scenario.interfaces.clone(),
            traces: 1,
            packets: compared + skips.iter().map(|skip| skip.packets).sum::<u64>(),
            compared,
            agree: compared - explained - diverge,
            explained,
            diverge,
            skips,
            verdicts: verdicts.collect(),
            error: None,
            elapsed_ms: 0,
        }
    }

    /// Judges the differences of one dimension.
    fn judge(
        &mut self,
        finding: &Finding<'_>,
        dimension: Dimension,
        differences: &[Difference],
        kind: &Stimulus,
    ) {
        let subject = Subject {
            role: self.scenario.role,
            limits: self.scenario.limits,
            dimension,
            stimulus: kind,
            differences,
        };
        let mut ids = Vec::new();
        for entry in self.collection.ledger.explain(&subject) {
            self.collection.usage.matched(entry);
            ids.push(entry.id.clone());
        }
        let fingerprint =
            Fingerprint::new(self.scenario.role, dimension, differences, kind).explained_by(&ids);
        let title = || title(dimension, differences, kind);
        let (scenario, place) = (self.scenario, self.place);
        let example = || divergence(scenario, place, finding, (fingerprint, title()), differences, &ids);
        self.collection.causes.add(&Found {
            fingerprint,
            position: self.place.position,
            ledger: &ids,
            title: &title,
            example: &example,
        });
        self.marks.raise(finding.index, if ids.is_empty() { Mark::Diverge } else { Mark::Explained });
        let packet = finding.step.map_or(0, |step| step.packet);
        self.list(packet, fingerprint, ids);
    }

    /// Lists the verdict on a packet; divergence outweighs explanation.
    fn list(&mut self, packet: u64, fingerprint: Fingerprint, ids: Vec<String>) {
        let verdict = if ids.is_empty() {
            Verdict::Diverge(vec![fingerprint.to_string()])
        } else {
            Verdict::Explained(ids)
        };
        match (self.verdicts.get_mut(&packet), verdict) {
            (None, verdict) if self.collection.verdicts_left > 0 => {
                self.collection.verdicts_left -= 1;
                self.verdicts.insert(packet, verdict);
            }
            (None, _) => self.not_listed += 1,
            (Some(Verdict::Diverge(known)), Verdict::Diverge(new))
            | (Some(Verdict::Explained(known)), Verdict::Explained(new)) => {
                known.extend(new);
                known.sort_unstable();
                known.dedup();
            }
            (Some(Verdict::Diverge(_)), _) => {}
            (Some(known), verdict) => *known = verdict,
        }
    }
}

impl Listener for Judge<'_> {
    fn found(&mut self, finding: &Finding<'_>) {
        let kind = finding.step.map_or(Stimulus::Stretch, |step| Stimulus::of(step, self.scenario));
        for dimension in Dimension::ALL {
            let differences: Vec<_> =
                finding.differences.iter().filter(|each| each.dimension == dimension).cloned().collect();
            if !differences.is_empty() {
                self.judge(finding, dimension, &differences, &kind);
            }
        }
    }
}

/// A divergence written out, with nothing in it that was drawn at random.
fn divergence(
    scenario: &Scenario,
    place: &Place,
    finding: &Finding<'_>,
    (fingerprint, title): (Fingerprint, String),
    differences: &[Difference],
    ids: &[String],
) -> Divergence {
    let name = |interface: usize| scenario.interfaces.get(interface).map_or("?", |it| &it.name).to_owned();
    let (interface, stimulus) = match finding.step.map(|step| &step.action) {
        Some(Action::Inject { interface, frame }) => (name(*interface), hex(frame)),
        _ => Default::default(),
    };
    let frames = |seen: &Observation| -> Vec<(String, String)> {
        let context = finding.step.map(|step| Context::new(scenario, step, Duration::ZERO));
        let octets = |frame: &EmittedFrame| context.as_ref().map(|context| rule::blank(context, frame));
        let hex = |frame: &EmittedFrame| hex(octets(frame).as_ref().unwrap_or(&frame.octets));
        seen.frames.iter().map(|frame| (name(frame.interface), hex(frame))).collect()
    };
    let drops = |seen: &Observation| -> Vec<String> {
        seen.drops.iter().map(|drop| drop.reason.to_string()).collect()
    };
    let moved = |counters: &Counters| -> BTreeMap<String, i64> {
        counters.iter().map(|(id, amount)| (id.name(), amount)).collect()
    };
    let [a, b] = finding.seen.map_or([None, None], |seen| seen.map(Some));
    let [counters_a, counters_b] =
        finding.counters.as_ref().map_or_else(Default::default, |[a, b]| [moved(a), moved(b)]);
    Divergence {
        fingerprint: fingerprint.to_string(),
        title,
        dimension: differences[0].dimension,
        capture: place.capture.clone(),
        scenario: scenario.name.clone(),
        packet: finding.step.map_or(0, |step| step.packet),
        at_us: finding.step.map_or(0, |step| u64::try_from(step.at.as_micros()).unwrap_or(u64::MAX)),
        fields: shown(differences),
        interface,
        stimulus,
        frames_a: a.map(frames).unwrap_or_default(),
        frames_b: b.map(frames).unwrap_or_default(),
        counters_a,
        counters_b,
        drops_a: a.map(drops).unwrap_or_default(),
        drops_b: b.map(drops).unwrap_or_default(),
        ledger: ids.to_vec(),
        command: place.command.clone(),
    }
}

/// The fields of an example: enough to see what it is about.
fn shown(differences: &[Difference]) -> Vec<FieldDifference> {
    const SHOWN: usize = 40;
    let mut fields: Vec<_> =
        differences.iter().take(SHOWN).map(|difference| difference.field.clone()).collect();
    if let Some(more) = differences.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        let field = format!("and {more} more");
        fields.push(FieldDifference { field, a: String::new(), b: String::new() });
    }
    fields
}

/// One line: what differs, for which kind of stimulus.
fn title(dimension: Dimension, differences: &[Difference], stimulus: &Stimulus) -> String {
    const NAMED: usize = 3;
    let mut parts: Vec<String> = Vec::new();
    for difference in differences {
        let path = without_positions(&difference.field.field);
        let whole = format!("{dimension}[*]");
        let path = path.strip_prefix(&whole).or(path.strip_prefix(dimension.name())).unwrap_or(&path);
        let (path, class) = (path.trim_start_matches('.'), difference.class.trim());
        let part = match (path.is_empty(), class.is_empty()) {
            (_, true) => path.to_owned(),
            (true, false) => class.to_owned(),
            (false, false) => format!("{path} ({class})"),
        };
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    let more = parts.len().saturating_sub(NAMED);
    let mut title = format!("{dimension}: {}", parts[..parts.len().min(NAMED)].join(", "));
    if more > 0 {
        title.push_str(&format!(" and {more} more"));
    }
    title.push_str(&format!(" after {stimulus}"));
    title
}

/// The verdict on a step, as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Explained = 1,
    Diverge = 2,
}

/// Two bits for every step: small for captures of any length.
#[derive(Debug, Default)]
struct Marks(Vec<u8>);

impl Marks {
    fn raise(&mut self, index: u64, mark: Mark) {
        let (octet, shift) = ((index / 4) as usize, (index % 4) * 2);
        if self.0.len() <= octet {
            self.0.resize(octet + 1, 0);
        }
        let known = self.0[octet] >> shift & 3;
        if known < mark as u8 {
            self.0[octet] = self.0[octet] & !(3 << shift) | (mark as u8) << shift;
        }
    }

    /// How many of the first `steps` are explained, and how many diverge.
    fn counts(&self, steps: u64) -> (u64, u64) {
        let (mut explained, mut diverge) = (0, 0);
        for octet in &self.0 {
            for shift in [0, 2, 4, 6] {
                match octet >> shift & 3 {
                    1 => explained += 1,
                    2 => diverge += 1,
                    _ => {}
                }
            }
        }
        debug_assert!(explained + diverge <= steps, "only compared steps have verdicts");
        (explained, diverge)
    }
}

/// A judge and somebody else who listens.
pub struct Both<'b>(pub &'b mut dyn Listener, pub &'b mut dyn Listener);

impl Listener for Both<'_> {
    fn found(&mut self, finding: &Finding<'_>) {
        self.0.found(finding);
        self.1.found(finding);
    }

    fn stepped(&mut self, index: u64, step: &Step, a: &Observation, b: &Observation) {
        self.0.stepped(index, step, a, b);
        self.1.stepped(index, step, a, b);
    }
}
