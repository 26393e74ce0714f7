//! JUnit XML, the form that CI servers show: one test case per capture and scenario.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::text::count;
use crate::model::{CaptureResult, Cause, Divergence, RunResult, Verdict};

/// The whole document.
///
/// A case fails once for each cause that the ledger does not explain, and once more if packets diverged whose verdicts
/// are counted but not listed (a large run lists only the first). It is an error where the run ended early, and is
/// skipped where no packet was compared.
pub fn render(result: &RunResult) -> String {
    let causes: BTreeMap<&str, &Cause> =
        result.causes.iter().map(|cause| (cause.fingerprint.as_str(), cause)).collect();
    let cases: Vec<_> = result.captures.iter().map(|row| Case::new(row, &causes)).collect();
    let sums = Sums::of(&cases);
    let time = seconds(result.elapsed_ms);
    let (a, b) = (escape(&result.a), escape(&result.b));
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(xml, "<testsuites name=\"netassay diff\" {sums} time=\"{time}\">");
    let _ = writeln!(xml, "  <testsuite name=\"{a} ⇄ {b}\" {sums} time=\"{time}\">");
    for case in &cases {
        case.render(&mut xml);
    }
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

struct Case<'a> {
    row: &'a CaptureResult,
    /// Unexplained causes by fingerprint, with how many packets of this row showed them.
    failures: BTreeMap<&'a str, (Option<&'a Cause>, u64)>,
    /// Packets that diverged and are not listed.
    not_listed: u64,
}

impl<'a> Case<'a> {
    fn new(row: &'a CaptureResult, causes: &BTreeMap<&str, &'a Cause>) -> Self {
        let mut failures = BTreeMap::new();
        let mut listed = 0;
        for packet in &row.verdicts {
            let Verdict::Diverge(fingerprints) = &packet.verdict else { continue };
            listed += 1;
            for fingerprint in fingerprints {
                let cause = causes.get(fingerprint.as_str()).copied();
                failures.entry(fingerprint.as_str()).or_insert((cause, 0)).1 += 1;
            }
        }
        Self { row, failures, not_listed: row.diverge.saturating_sub(listed) }
    }

    fn fails(&self) -> bool {
        !self.failures.is_empty() || self.not_listed > 0
    }

    fn is_skipped(&self) -> bool {
        self.row.compared == 0 && self.row.error.is_none()
    }

    fn render(&self, xml: &mut String) {
        let (name, class) = (escape(&self.row.capture), escape(&self.row.scenario));
        let time = seconds(self.row.elapsed_ms);
        let _ = write!(xml, "    <testcase name=\"{name}\" classname=\"{class}\" time=\"{time}\"");
        if !self.fails() && self.row.error.is_none() && !self.is_skipped() {
            xml.push_str("/>\n");
            return;
        }
        xml.push_str(">\n");
        for (fingerprint, (cause, packets)) in &self.failures {
            self.failure(fingerprint, *cause, *packets, xml);
        }
        if self.not_listed > 0 {
            let message = format!("{} diverge and are not listed", count(self.not_listed, "more packet"));
            let _ = writeln!(xml, "      <failure type=\"not-listed\" message=\"{message}\"/>");
        }
        if let Some(error) = &self.row.error {
            let _ = writeln!(xml, "      <error type=\"ended-early\" message=\"{}\"/>", escape(error));
        }
        if self.is_skipped() {
            let reasons: Vec<_> =
                self.row.skips.iter().map(|skip| format!("{} {}", skip.packets, skip.reason)).collect();
            let _ = writeln!(xml, "      <skipped message=\"{}\"/>", escape(&reasons.join(", ")));
        }
        xml.push_str("    </testcase>\n");
    }

    fn failure(&self, fingerprint: &str, cause: Option<&Cause>, packets: u64, xml: &mut String) {
        let title = cause.map_or(fingerprint, |cause| &cause.title);
        let message = escape_owned(format!("{title} ({})", count(packets, "packet")));
        let fingerprint = escape(fingerprint);
        let _ = write!(xml, "      <failure type=\"{fingerprint}\" message=\"{message}\">");
        let mine = |example: &&Divergence| {
            example.capture == self.row.capture && example.scenario == self.row.scenario
        };
        let examples = cause.map_or(&[][..], |cause| &cause.examples);
        if let Some(example) = examples.iter().find(mine).or(examples.first()) {
            xml.push_str(&escape_owned(explain(example)));
        }
        xml.push_str("</failure>\n");
    }
}

fn explain(example: &Divergence) -> String {
    let mut text = format!("{}:{} under {}\n", example.capture, example.packet, example.scenario);
    for field in &example.fields {
        let show = |value: &str| if value.is_empty() { "nothing".to_owned() } else { value.to_owned() };
        let _ = writeln!(text, "{}: A {}, B {}", field.field, show(&field.a), show(&field.b));
    }
    let _ = writeln!(text, "{}", example.command);
    text
}

/// The four counts of a suite as attributes.
struct Sums([usize; 4]);

impl Sums {
    fn of(cases: &[Case<'_>]) -> Self {
        let having = |has: &dyn Fn(&Case<'_>) -> bool| cases.iter().filter(|case| has(case)).count();
        Self([
            cases.len(),
            having(&|case| case.fails()),
            having(&|case| case.row.error.is_some()),
            having(&|case| case.is_skipped()),
        ])
    }
}

impl std::fmt::Display for Sums {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [tests, failures, errors, skipped] = self.0;
        write!(f, "tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\"")
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

fn escape_owned(text: String) -> String {
    escape(&text).into_owned()
}

/// Text for an attribute or an element. Characters that XML 1.0 cannot hold at all are spelled out.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    let is_special = |c: char| matches!(c, '<' | '>' | '&' | '"' | '\'' | '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}');
    if !text.contains(is_special) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().fold(String::with_capacity(text.len() + 16), |mut safe, c| {
        let _ = match c {
            '<' => write!(safe, "&lt;"),
            '>' => write!(safe, "&gt;"),
            '&' => write!(safe, "&amp;"),
            '"' => write!(safe, "&quot;"),
            '\t' | '\n' | '\r' | '\'' => write!(safe, "&#{};", u32::from(c)),
            _ if is_special(c) => write!(safe, "{}", c.escape_unicode()),
            _ => write!(safe, "{c}"),
        };
        safe
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{HOSTILE_NAMES, Sample};

    #[test]
    fn every_row_is_a_case_with_its_failures_and_skips() {
        let result = Sample::default().result();
        let xml = render(&result);
        let document = roxmltree::Document::parse(&xml).unwrap();
        let cases: Vec<_> = document.descendants().filter(|node| node.has_tag_name("testcase")).collect();
        assert_eq!(cases.len(), result.captures.len());
        for (case, row) in cases.iter().zip(&result.captures) {
            let children = |tag: &str| case.children().filter(|node| node.has_tag_name(tag)).count();
            assert_eq!(case.attribute("classname"), Some(row.scenario.as_str()));
            assert_eq!(children("failure") > 0, row.diverge > 0);
            assert_eq!(children("error") > 0, row.error.is_some());
            assert_eq!(children("skipped") > 0, row.compared == 0);
        }
        let suite = document.root_element().first_element_child().unwrap();
        let failing = result.captures.iter().filter(|row| row.diverge > 0).count().to_string();
        assert_eq!(suite.attribute("failures"), Some(failing.as_str()));
    }

    #[test]
    fn hostile_names_survive_a_parser() {
        let result = Sample::default().result();
        let xml = render(&result);
        let document = roxmltree::Document::parse(&xml).unwrap();
        for name in HOSTILE_NAMES {
            let legible = name.replace('\u{1b}', r"\u{1b}").replace('\u{7}', r"\u{7}");
            assert!(document.descendants().any(|node| node.attribute("name") == Some(&legible)), "{legible}");
        }
    }

    #[test]
    fn divergence_that_is_not_listed_fails_all_the_same() {
        let mut result = Sample::default().result();
        let row = result.captures.iter_mut().find(|row| row.diverge > 0).unwrap();
        row.verdicts.clear();
        let expected = format!("{} more packets diverge and are not listed", row.diverge);
        result.captures = vec![row.clone()];
        let xml = render(&result);
        assert!(xml.contains(&expected) && xml.contains("failures=\"1\""), "{xml}");
    }

    #[test]
    fn explained_differences_do_not_fail() {
        let mut result = Sample::default().result();
        for row in &mut result.captures {
            row.diverge = 0;
            row.verdicts.retain(|packet| matches!(packet.verdict, Verdict::Explained(_)));
        }
        assert!(!render(&result).contains("<failure"));
    }
}
