//! A result in the compact form that the page's script reads.
//!
//! Names, frames and field names stand once and are referred to by index; verdicts of a row are a flat list of
//! (distance to the previous packet, index of the verdict). So 100 000 verdicts take well under a megabyte.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::model::{CaptureResult, Dimension, Divergence, LinkKind, RunResult, Totals, Verdict};
use crate::model::{LedgerNote, Partition};
use crate::report::dissect::{self, Dissection};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Data<'a> {
    netassay: &'a str,
    a: &'a str,
    b: &'a str,
    dimensions: &'a [Dimension],
    missing: &'a BTreeMap<String, String>,
    totals: &'a Totals,
    elapsed_ms: u64,
    partition: Option<Partition>,
    stale_ledger: &'a [String],
    ledger: &'a BTreeMap<String, LedgerNote>,
    captures: Vec<&'a str>,
    scenarios: Vec<&'a str>,
    verdicts: Vec<VerdictData<'a>>,
    rows: Vec<Row<'a>>,
    causes: Vec<CauseData<'a>>,
    frames: Vec<Frame>,
    labels: Vec<String>,
}

/// Either indices of causes or identifiers of ledger entries.
#[derive(Serialize, PartialEq, Eq, Hash, Clone)]
#[serde(rename_all = "lowercase")]
enum VerdictData<'a> {
    Diverge(Vec<usize>),
    Explained(&'a [String]),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    capture: usize,
    scenario: usize,
    notes: &'a [String],
    interfaces: Vec<String>,
    packets: u64,
    compared: u64,
    agree: u64,
    explained: u64,
    diverge: u64,
    skips: Vec<(&'a str, u64)>,
    error: Option<&'a str>,
    elapsed_ms: u64,
    verdicts: Vec<u64>,
}

#[derive(Serialize)]
struct CauseData<'a> {
    fingerprint: &'a str,
    title: &'a str,
    count: u64,
    captures: u64,
    ledger: &'a [String],
    dimension: &'a str,
    examples: Vec<Example<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Example<'a> {
    capture: usize,
    scenario: usize,
    packet: u64,
    at_us: u64,
    dimension: Dimension,
    fields: Vec<[&'a str; 3]>,
    interface: &'a str,
    stimulus: Option<usize>,
    a: Side<'a>,
    b: Side<'a>,
    command: &'a str,
}

#[derive(Serialize)]
struct Side<'a> {
    frames: Vec<(&'a str, usize)>,
    counters: &'a BTreeMap<String, i64>,
    drops: &'a [String],
}

#[derive(Serialize)]
struct Frame {
    hex: String,
    addresses: String,
    what: String,
    length: usize,
    layers: Vec<LayerData>,
}

/// Name, depth, offset and fields.
type LayerData = (&'static str, u8, usize, Vec<FieldData>);

/// Index of the label, value, offset and length.
type FieldData = (usize, String, usize, usize);

/// Things that stand once and are referred to by index, in the order in which they came.
struct Table<T> {
    items: Vec<T>,
    index: HashMap<T, usize>,
}

impl<T: Clone + Eq + std::hash::Hash> Table<T> {
    fn new() -> Self {
        Self { items: Vec::new(), index: HashMap::new() }
    }

    fn place(&mut self, item: T) -> usize {
        *self.index.entry(item).or_insert_with_key(|item| {
            self.items.push(item.clone());
            self.items.len() - 1
        })
    }
}

/// Frames by link kind and hexadecimal form, decoded once each.
struct Frames {
    decoded: Vec<Frame>,
    index: HashMap<(bool, String), usize>,
    labels: Table<String>,
}

impl Frames {
    fn place(&mut self, link: Option<LinkKind>, hex: &str) -> usize {
        let octets = dissect::from_hex(hex).unwrap_or_default();
        let link = link.unwrap_or_else(|| dissect::guess_link(&octets));
        let key = (link == LinkKind::Ethernet, hex.to_owned());
        if let Some(known) = self.index.get(&key) {
            return *known;
        }
        let frame = self.decode(dissect::dissect(link, &octets), hex);
        self.decoded.push(frame);
        self.index.insert(key, self.decoded.len() - 1);
        self.decoded.len() - 1
    }

    fn decode(&mut self, dissection: Dissection, hex: &str) -> Frame {
        let Dissection { summary, layers } = dissection;
        let layers = layers.into_iter().map(|layer| {
            let fields = layer.fields.into_iter().map(|field| {
                (self.labels.place(field.name.into_owned()), field.value, field.offset, field.len)
            });
            (layer.name, layer.depth, layer.offset, fields.collect())
        });
        let layers = layers.collect();
        Frame {
            hex: hex.to_owned(),
            addresses: summary.addresses,
            what: summary.what,
            length: summary.length,
            layers,
        }
    }
}

struct Builder<'a> {
    captures: Table<&'a str>,
    scenarios: Table<&'a str>,
    verdicts: Table<VerdictData<'a>>,
    frames: Frames,
    causes: HashMap<&'a str, usize>,
    /// Link kinds by capture, scenario and interface.
    links: HashMap<(&'a str, &'a str, &'a str), LinkKind>,
}

impl<'a> Data<'a> {
    pub(super) fn new(result: &'a RunResult) -> Self {
        let mut builder = Builder::new(result);
        let rows = result.captures.iter().map(|row| builder.row(row)).collect();
        let causes = result
            .causes
            .iter()
            .map(|cause| CauseData {
                fingerprint: &cause.fingerprint,
                title: &cause.title,
                count: cause.count,
                captures: cause.captures,
                ledger: &cause.ledger,
                dimension: cause.examples.first().map_or("", |example| example.dimension.name()),
                examples: cause.examples.iter().map(|example| builder.example(example)).collect(),
            })
            .collect();
        Self {
            netassay: &result.netassay,
            a: &result.a,
            b: &result.b,
            dimensions: &result.dimensions,
            missing: &result.missing,
            totals: &result.totals,
            elapsed_ms: result.elapsed_ms,
            partition: result.partition,
            stale_ledger: &result.stale_ledger,
            ledger: &result.ledger,
            rows,
            causes,
            captures: builder.captures.items,
            scenarios: builder.scenarios.items,
            verdicts: builder.verdicts.items,
            frames: builder.frames.decoded,
            labels: builder.frames.labels.items,
        }
    }
}

impl<'a> Builder<'a> {
    fn new(result: &'a RunResult) -> Self {
        let causes = result.causes.iter().enumerate().map(|(i, cause)| (cause.fingerprint.as_str(), i));
        let links = result.captures.iter().flat_map(|row| {
            row.interfaces.iter().map(move |interface| {
                ((row.capture.as_str(), row.scenario.as_str(), interface.name.as_str()), interface.link)
            })
        });
        Self {
            captures: Table::new(),
            scenarios: Table::new(),
            verdicts: Table::new(),
            frames: Frames { decoded: Vec::new(), index: HashMap::new(), labels: Table::new() },
            causes: causes.collect(),
            links: links.collect(),
        }
    }

    fn row(&mut self, row: &'a CaptureResult) -> Row<'a> {
        let mut previous = 0;
        let mut verdicts = Vec::with_capacity(row.verdicts.len() * 2);
        for packet in &row.verdicts {
            let verdict = match &packet.verdict {
                Verdict::Agree => continue,
                Verdict::Explained(ids) => VerdictData::Explained(ids),
                Verdict::Diverge(fingerprints) => VerdictData::Diverge(
                    fingerprints.iter().filter_map(|f| self.causes.get(f.as_str()).copied()).collect(),
                ),
            };
            verdicts.push(packet.packet.saturating_sub(previous));
            verdicts.push(self.verdicts.place(verdict) as u64);
            previous = packet.packet;
        }
        Row {
            capture: self.captures.place(&row.capture),
            scenario: self.scenarios.place(&row.scenario),
            notes: &row.notes,
            interfaces: row.interfaces.iter().map(interface_line).collect(),
            packets: row.packets,
            compared: row.compared,
            agree: row.agree,
            explained: row.explained,
            diverge: row.diverge,
            skips: row.skips.iter().map(|skip| (skip.reason.as_str(), skip.packets)).collect(),
            error: row.error.as_deref(),
            elapsed_ms: row.elapsed_ms,
            verdicts,
        }
    }

    fn example(&mut self, example: &'a Divergence) -> Example<'a> {
        let fields = example.fields.iter().map(|f| [f.field.as_str(), f.a.as_str(), f.b.as_str()]).collect();
        let stimulus = (!example.stimulus.is_empty())
            .then(|| self.frame(example, &example.interface, &example.stimulus).1);
        Example {
            capture: self.captures.place(&example.capture),
            scenario: self.scenarios.place(&example.scenario),
            packet: example.packet,
            at_us: example.at_us,
            dimension: example.dimension,
            fields,
            interface: &example.interface,
            stimulus,
            a: self.side(example, &example.frames_a, &example.counters_a, &example.drops_a),
            b: self.side(example, &example.frames_b, &example.counters_b, &example.drops_b),
            command: &example.command,
        }
    }

    fn side(
        &mut self,
        example: &'a Divergence,
        frames: &'a [(String, String)],
        counters: &'a BTreeMap<String, i64>,
        drops: &'a [String],
    ) -> Side<'a> {
        let frames = frames.iter().map(|(interface, hex)| self.frame(example, interface, hex)).collect();
        Side { frames, counters, drops }
    }

    fn frame(&mut self, example: &'a Divergence, interface: &'a str, hex: &str) -> (&'a str, usize) {
        let link = self.links.get(&(example.capture.as_str(), example.scenario.as_str(), interface)).copied();
        (interface, self.frames.place(link, hex))
    }
}

fn interface_line(interface: &crate::model::Interface) -> String {
    let addresses: Vec<_> = interface.addresses.iter().map(ToString::to_string).collect();
    let link = match interface.link {
        LinkKind::Ip => "IP",
        LinkKind::Ethernet => "Ethernet",
    };
    format!("{} {} ({link}, MTU {})", interface.name, addresses.join(" "), interface.mtu)
}
