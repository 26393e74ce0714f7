//! Several runs of the suite as one page: cases and requirements by DUTs, and a view of each case.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Page, json_for_script};
use crate::model::{CaseResult, Interface, LinkKind, StepNote, SuiteTotals};
use crate::report::dissect;
use crate::report::matrix::{Matrix, Word};
use crate::report::text::printable;

/// The page.
pub fn render(matrix: &Matrix) -> String {
    let names: Vec<_> = matrix.runs.iter().map(|run| printable(&run.dut).into_owned()).collect();
    Page {
        title: &format!("{} – netassay", names.join(", ")),
        styles: &[include_str!("assets/diff.css"), include_str!("assets/matrix.css")],
        scripts: &[
            include_str!("assets/octets.js"),
            include_str!("assets/exchange.js"),
            include_str!("assets/matrix.js"),
        ],
        data: &json_for_script(&Data::new(matrix)),
    }
    .render()
}

#[derive(Serialize)]
struct Data<'a> {
    netassay: &'a str,
    duts: Vec<DutData<'a>>,
    requirements: &'a BTreeMap<String, (String, String)>,
    cases: Vec<CaseData<'a>>,
    frames: Vec<Frame>,
    texts: Vec<&'a str>,
}

#[derive(Serialize)]
struct DutData<'a> {
    name: &'a str,
    version: &'a str,
    profile: &'a str,
    totals: SuiteTotals,
    #[serde(rename = "elapsedMs")]
    elapsed_ms: u64,
}

#[derive(Serialize)]
struct CaseData<'a> {
    id: &'a str,
    level: &'a str,
    clauses: &'a [String],
    requirements: &'a [String],
    aliases: &'a [String],
    scenario: &'a str,
    differs: bool,
    cells: Vec<CellData<'a>>,
}

#[derive(Serialize)]
struct CellData<'a> {
    word: Word,
    #[serde(skip_serializing_if = "str::is_empty")]
    why: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<&'a crate::model::FailureNote>,
    #[serde(skip_serializing_if = "Option::is_none")]
    known: Option<&'a crate::model::ExpectedNote>,
    #[serde(skip_serializing_if = "str::is_empty")]
    command: &'a str,
    steps: Vec<StepData<'a>>,
}

/// A frame by interface and number in the table of frames.
type FrameAt<'a> = (&'a str, usize);

/// A step; what is empty or false is left out, and texts stand as their numbers in the table of texts.
#[derive(Serialize)]
struct StepData<'a> {
    at: u64,
    what: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    stimulus: Option<FrameAt<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    expected: Vec<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    frames: Vec<FrameAt<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    others: Vec<usize>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    failed: bool,
}

#[derive(Serialize)]
struct Frame {
    hex: String,
    what: String,
    addresses: String,
    length: usize,
}

/// Frames and texts, each once: stimuli and expectations are the same on every DUT, and many answers too.
#[derive(Default)]
struct Pool<'a> {
    list: Vec<Frame>,
    places: BTreeMap<(&'a str, bool), usize>,
    texts: Vec<&'a str>,
    text_places: BTreeMap<&'a str, usize>,
}

impl<'a> Pool<'a> {
    fn text(&mut self, text: &'a str) -> usize {
        let texts = &mut self.texts;
        *self.text_places.entry(text).or_insert_with(|| {
            texts.push(text);
            texts.len() - 1
        })
    }

    fn texts(&mut self, texts: &'a [String]) -> Vec<usize> {
        texts.iter().map(|text| self.text(text)).collect()
    }

    fn place(&mut self, interfaces: &[Interface], (name, hex): &'a (String, String)) -> FrameAt<'a> {
        let link = interfaces.iter().find(|it| it.name == *name).map_or(LinkKind::Ip, |it| it.link);
        let list = &mut self.list;
        let place = *self.places.entry((hex, link == LinkKind::Ethernet)).or_insert_with(|| {
            let summary = dissect::dissect(link, &dissect::from_hex(hex).unwrap_or_default()).summary;
            let dissect::Summary { addresses, what, length } = summary;
            list.push(Frame { hex: hex.clone(), what, addresses, length });
            list.len() - 1
        });
        (name, place)
    }
}

impl<'a> Data<'a> {
    fn new(matrix: &'a Matrix) -> Self {
        let mut frames = Pool::default();
        let rows = matrix.rows();
        let cases = rows
            .iter()
            .filter_map(|row| {
                let case = row.cells.iter().flatten().next().copied()?;
                Some(CaseData {
                    id: &case.id,
                    level: &case.level,
                    clauses: &case.clauses,
                    requirements: &case.requirements,
                    aliases: &case.aliases,
                    scenario: &case.scenario,
                    differs: row.differs(),
                    cells: row.cells.iter().map(|cell| cell_data(*cell, &mut frames)).collect(),
                })
            })
            .collect();
        Self {
            netassay: env!("CARGO_PKG_VERSION"),
            duts: matrix
                .runs
                .iter()
                .map(|run| DutData {
                    name: &run.dut,
                    version: &run.version,
                    profile: &run.profile,
                    totals: run.totals,
                    elapsed_ms: run.elapsed_ms,
                })
                .collect(),
            requirements: &matrix.requirements,
            cases,
            frames: frames.list,
            texts: frames.texts,
        }
    }
}

fn cell_data<'a>(case: Option<&'a CaseResult>, frames: &mut Pool<'a>) -> CellData<'a> {
    let word = Word::of(case);
    let Some(case) = case else {
        return CellData { word, why: "", failure: None, known: None, command: "", steps: Vec::new() };
    };
    CellData {
        word,
        why: &case.why,
        failure: case.failure.as_ref(),
        known: case.expected.as_ref(),
        command: &case.command,
        steps: case.steps.iter().map(|step| step_data(step, &case.interfaces, frames)).collect(),
    }
}

fn step_data<'a>(step: &'a StepNote, interfaces: &[Interface], frames: &mut Pool<'a>) -> StepData<'a> {
    StepData {
        at: step.at_us,
        what: frames.text(&step.what),
        stimulus: step.stimulus.as_ref().map(|it| frames.place(interfaces, it)),
        expected: frames.texts(&step.expected),
        frames: step.frames.iter().map(|it| frames.place(interfaces, it)).collect(),
        others: frames.texts(&step.others),
        failed: step.failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::matrix::sample;

    #[test]
    fn page_holds_every_case_and_is_self_contained() {
        let page = render(&sample::matrix());
        for expected in
            ["a/fail", "RFC 1122 §3.2.2.6", "netassay run a/fail --dut toy", "an Echo Reply \\u003cwith"]
        {
            assert!(page.contains(expected), "{expected}");
        }
        let own = page.split(r#"<script type="application/json""#).next().unwrap();
        for outside in [" src=", " href=\"h", "@import", "url(", "fetch(", "innerHTML", "eval("] {
            assert!(!own.contains(outside) && !page.contains("innerHTML"), "{outside}");
        }
    }
}
