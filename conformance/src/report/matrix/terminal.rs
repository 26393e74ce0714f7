//! A matrix on a terminal: sections by DUTs in numbers, then each case on which DUTs differ or one fails.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Matrix, Row, Word};
use crate::model::SuiteResult;
use crate::report::terminal::{Ink, Style};
use crate::report::text::{fit, fit_end};

/// Columns of a verdict.
const CELL: usize = 13;

/// The whole report, ending in a line feed; with `all`, every case has a line.
pub fn render(matrix: &Matrix, style: Style, all: bool) -> String {
    let mut text = String::new();
    let rows = matrix.rows();
    let duts: Vec<_> = matrix.runs.iter().map(|run| run.dut.clone()).collect();
    let width = style.width.saturating_sub(duts.len() * (CELL + 1)).max(24);
    let head = |text: &mut String, what: &str| {
        let names: Vec<_> = duts.iter().map(|dut| format!("{:>CELL$}", fit_end(dut, CELL))).collect();
        let _ = writeln!(text, "{:width$} {}", what, names.join(" "));
    };
    head(&mut text, "passed of those tried");
    for (section, rows) in by_section(&rows) {
        let cells = (0..duts.len()).map(|at| {
            let words = rows.iter().map(|row| Word::of(row.cells[at]));
            let tried: Vec<_> = words
                .filter(|word| matches!(word, Word::Pass | Word::UnexpectedPass | Word::Known | Word::Fail))
                .collect();
            let passed =
                tried.iter().filter(|word| matches!(word, Word::Pass | Word::UnexpectedPass)).count();
            if tried.is_empty() {
                format!("{:>CELL$}", "n/a")
            } else {
                let ink = if passed == tried.len() { Ink::Green } else { Ink::Yellow };
                style.paint(ink, &format!("{:>CELL$}", format!("{passed}/{}", tried.len())))
            }
        });
        let _ = writeln!(text, "{:width$} {}", fit(section, width), cells.collect::<Vec<_>>().join(" "));
    }
    text.push('\n');
    let names: Vec<_> = duts.iter().map(|dut| format!("{:>CELL$}", fit_end(dut, CELL))).collect();
    let title = if all { "all cases" } else { "cases that differ or fail" };
    let _ = writeln!(text, "{}  {title}", names.join(" "));
    for row in rows.iter().filter(|row| all || is_shown(row)) {
        let cells = row.cells.iter().map(|cell| {
            let word = Word::of(*cell);
            let ink = match word {
                Word::Pass => Ink::Green,
                Word::Known => Ink::Yellow,
                Word::Fail | Word::UnexpectedPass => Ink::Red,
                Word::Unsupported | Word::Skipped | Word::Absent => Ink::Faint,
            };
            style.paint(ink, &format!("{:>CELL$}", word.text()))
        });
        // Whole, and therefore last: what is wanted of an id is to be copied.
        let _ = writeln!(text, "{}  {}", cells.collect::<Vec<_>>().join(" "), row.id);
    }
    text.push('\n');
    for run in &matrix.runs {
        let _ = writeln!(text, "{}", summary(run));
    }
    text
}

/// A run in one line.
pub fn summary(run: &SuiteResult) -> String {
    let totals = &run.totals;
    format!(
        "{} ({}): {} pass, {} fail ({} expected), {} unsupported, {} skipped; {} unexpected",
        run.dut,
        run.version,
        totals.pass,
        totals.fail,
        totals.expected,
        totals.unsupported,
        totals.skipped,
        totals.unexpected
    )
}

fn is_shown(row: &&Row<'_>) -> bool {
    let is_bad = |cell: &Option<&crate::model::CaseResult>| {
        matches!(Word::of(*cell), Word::Fail | Word::Known | Word::UnexpectedPass)
    };
    row.differs() || row.cells.iter().any(is_bad)
}

/// Rows by the first two parts of their ids: RFC and section.
fn by_section<'r, 'm>(rows: &'r [Row<'m>]) -> BTreeMap<&'m str, Vec<&'r Row<'m>>> {
    let mut sections: BTreeMap<&str, Vec<&Row<'_>>> = BTreeMap::new();
    for row in rows {
        let section = row.id.rsplit_once('/').map_or(row.id, |(section, _)| section);
        sections.entry(section).or_default().push(row);
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn sections_are_counted_and_differing_cases_listed() {
        let text = render(&sample::matrix(), Style { color: false, width: 80 }, false);
        assert!(text.contains("2/4") && text.contains("3/4"), "{text}");
        let line = text.lines().find(|line| line.ends_with("a/fail")).unwrap();
        assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["FAIL", "pass", "a/fail"]);
        assert!(!text.lines().any(|line| line.ends_with("a/pass")));
    }
}
