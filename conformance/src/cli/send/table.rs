//! Answers side by side: one row a fact, one column a stack.

use std::fmt::Write as _;
use std::time::Duration;

use super::super::dut::Made;
use crate::differential::compare::{Comparison, Difference};
use crate::differential::field::{fields, hex_shortened, kind};
use crate::differential::rule::Context;
use crate::model::{Action, Counters, Dimension, Dimensions, Observation, Scenario, Step};

/// What clocks and scheduling may make of a step that all take at once.
const ELAPSED: Duration = Duration::from_secs(1);

/// Shown where a stack has nothing to show.
const NOTHING: &str = "-";
/// Shown where nobody looked.
const NOT_SEEN: &str = "?";

/// What one stack does with one packet.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    pub(super) seen: Observation,
    /// By how much counters moved.
    pub(super) counters: Counters,
}

/// Answers to all packets.
pub(super) struct Table<'t> {
    scenario: &'t Scenario,
    names: Vec<String>,
    dimensions: Vec<Dimensions>,
    /// Compares each of the others with the first, by the rules, which remember.
    comparisons: Vec<Comparison>,
    text: String,
    is_alike: bool,
}

/// One fact: what it is called in differences, what for people, and its value for each stack.
struct Row {
    dimension: Dimension,
    path: String,
    values: Vec<String>,
}

impl<'t> Table<'t> {
    pub(super) fn new(scenario: &'t Scenario, duts: &[Made]) -> Self {
        let dimensions: Vec<_> = duts.iter().map(|made| made.dut.dimensions()).collect();
        let comparison = |other: &Dimensions| {
            let mut comparison = Comparison::default();
            comparison.reset(scenario, dimensions[0].both(*other));
            comparison
        };
        Self {
            scenario,
            names: duts.iter().map(|made| made.dut.name()).collect(),
            comparisons: dimensions.iter().skip(1).map(comparison).collect(),
            dimensions,
            text: String::new(),
            is_alike: true,
        }
    }

    /// Adds what all answer to one packet.
    pub(super) fn add(&mut self, spec: &str, step: &Step, answers: &[Answer]) {
        let Action::Inject { interface, frame } = &step.action else { return };
        let interface = &self.scenario.interfaces[*interface];
        let what = kind(frame, interface.link);
        let _ = writeln!(self.text, "{spec}\n  to {}: {what}, {} octets", interface.name, frame.len());
        let differences = self.differences(step, answers);
        self.is_alike &= differences.iter().all(Vec::is_empty);
        let mut rows = vec![self.row(Dimension::Frames, "answers", answers, |answer| {
            let frames =
                answer.seen.frames.iter().map(|frame| self.frame_kind(frame.interface, &frame.octets));
            joined(frames.chain(answer.seen.refused.iter().map(|why| format!("refused: {why}"))))
        })];
        rows.extend(self.frame_rows(answers));
        rows.extend(self.other_rows(answers));
        self.write(&rows, &differences);
    }

    /// The text, and whether all answered alike.
    pub(super) fn finish(self) -> (String, bool) {
        (self.text, self.is_alike)
    }

    /// How each differs from the first; nothing for the first.
    fn differences(&mut self, step: &Step, answers: &[Answer]) -> Vec<Vec<Difference>> {
        let context = Context::new(self.scenario, step, ELAPSED);
        let first = &answers[0];
        let mut all = vec![Vec::new()];
        for (comparison, answer) in self.comparisons.iter_mut().zip(&answers[1..]) {
            let mut found = Vec::new();
            comparison.observations(&context, &first.seen, &answer.seen, &mut found);
            if comparison.dimensions().contains(Dimension::Counters) {
                comparison.counters(&first.counters, &answer.counters, &mut found);
            }
            all.push(found);
        }
        all
    }

    fn frame_kind(&self, interface: usize, octets: &[u8]) -> String {
        let Some(interface) = self.scenario.interfaces.get(interface) else { return NOTHING.to_owned() };
        format!("{} on {}", kind(octets, interface.link), interface.name)
    }

    fn row(
        &self,
        dimension: Dimension,
        path: &str,
        answers: &[Answer],
        value: impl Fn(&Answer) -> String,
    ) -> Row {
        let values = answers
            .iter()
            .zip(&self.dimensions)
            .map(|(answer, seen)| if seen.contains(dimension) { value(answer) } else { NOT_SEEN.to_owned() });
        Row { dimension, path: path.to_owned(), values: values.collect() }
    }

    /// A row for every field of every frame that anybody sent.
    fn frame_rows(&self, answers: &[Answer]) -> Vec<Row> {
        let most = answers.iter().map(|answer| answer.seen.frames.len()).max().unwrap_or(0);
        let mut rows = Vec::new();
        for index in 0..most {
            let columns: Vec<Vec<_>> = answers
                .iter()
                .map(|answer| {
                    let frame = answer.seen.frames.get(index);
                    let link = frame.and_then(|frame| self.scenario.interfaces.get(frame.interface));
                    frame.zip(link).map_or(Vec::new(), |(frame, on)| fields(&frame.octets, on.link))
                })
                .collect();
            let mut paths: Vec<&str> = Vec::new();
            for (path, _) in columns.iter().flatten() {
                if !paths.contains(&&path[..]) {
                    paths.push(path);
                }
            }
            for path in paths {
                let value = |column: &Vec<(String, String)>| {
                    column
                        .iter()
                        .find(|(found, _)| found == path)
                        .map_or(NOTHING.to_owned(), |(_, it)| it.clone())
                };
                let values = columns.iter().map(value).collect();
                rows.push(Row {
                    dimension: Dimension::Frames,
                    path: format!("frames[{index}].{path}"),
                    values,
                });
            }
        }
        rows
    }

    fn other_rows(&self, answers: &[Answer]) -> Vec<Row> {
        let mut rows = vec![
            self.row(Dimension::Drops, "drops", answers, |answer| {
                joined(answer.seen.drops.iter().map(|drop| drop.reason.to_string()))
            }),
            self.row(Dimension::Deliveries, "deliveries", answers, |answer| {
                let deliveries = answer.seen.deliveries.iter();
                joined(deliveries.map(|it| format!("socket {}: {}", it.socket, hex_shortened(&it.data))))
            }),
            self.row(Dimension::SocketErrors, "socket errors", answers, |answer| {
                joined(
                    answer.seen.socket_errors.iter().map(|it| format!("socket {}: {}", it.socket, it.errno)),
                )
            }),
            self.row(Dimension::Conntrack, "conntrack events", answers, |answer| {
                joined(answer.seen.conntrack_events.iter().map(|it| format!("{:?}", it.kind).to_lowercase()))
            }),
        ];
        rows.retain(|row| row.values.iter().any(|value| value != NOTHING && value != NOT_SEEN));
        let mut moved: Vec<_> =
            answers.iter().flat_map(|answer| answer.counters.iter().map(|(id, _)| id)).collect();
        moved.sort_by_key(|id| id.slot());
        moved.dedup_by_key(|id| id.slot());
        rows.extend(moved.into_iter().map(|id| {
            self.row(Dimension::Counters, &format!("counters.{}", id.name()), answers, |answer| match answer
                .counters
                .value(id)
            {
                0 => NOTHING.to_owned(),
                amount => format!("{amount:+}"),
            })
        }));
        rows
    }

    fn write(&mut self, rows: &[Row], differences: &[Vec<Difference>]) {
        let chars = |text: &String| text.chars().count();
        let first = rows.iter().map(|row| chars(&row.path)).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.names.len())
            .map(|column| {
                let values = rows.iter().map(|row| chars(&row.values[column]));
                values.chain([chars(&self.names[column])]).max().unwrap_or(0)
            })
            .collect();
        let mut line = |label: &str, values: &[String], marks: &[char]| {
            let mut text = format!("    {label:first$}");
            for ((value, width), mark) in values.iter().zip(&widths).zip(marks) {
                let _ = write!(text, "  {mark} {value:width$}");
            }
            let _ = writeln!(self.text, "{}", text.trim_end());
        };
        line("", &self.names, &vec![' '; self.names.len()]);
        for row in rows {
            let marks: Vec<char> =
                (0..row.values.len()).map(|column| row.mark(column, &differences[column])).collect();
            line(&row.path, &row.values, &marks);
        }
    }
}

impl Row {
    /// How the value in `column` stands to the first, `differences` being what the rules leave between the two.
    fn mark(&self, column: usize, differences: &[Difference]) -> char {
        let (first, value) = (&self.values[0], &self.values[column]);
        if first == value || first == NOT_SEEN || value == NOT_SEEN {
            return ' ';
        }
        // Frames and counters have a path each; what else differs has one row for all of it.
        let has_path = self.path.starts_with("frames[") || self.path.starts_with("counters.");
        let is_about = |difference: &Difference| {
            let field = &difference.field.field[..];
            difference.dimension == self.dimension
                && (!has_path
                    || field == self.path
                    || self.path.strip_prefix(field).is_some_and(|it| it.starts_with('.')))
        };
        if differences.iter().any(is_about) { '≠' } else { '~' }
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<_> = parts.collect();
    if parts.is_empty() { NOTHING.to_owned() } else { parts.join(", ") }
}
