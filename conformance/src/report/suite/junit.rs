//! JUnit XML: one test case per conformance case.

use std::fmt::Write as _;

use super::complaint;
use crate::model::{CaseResult, CaseVerdict, SuiteResult};
use crate::report::junit::escape;

/// The whole document. What fails as expected passes, with the reason in its output.
pub fn render(result: &SuiteResult) -> String {
    let failures = result.totals.unexpected;
    let skipped = result.totals.unsupported + result.totals.skipped;
    let sums = format!(
        "tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\"",
        result.totals.cases
    );
    let time = seconds(result.elapsed_ms);
    let name = escape(&result.version);
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(xml, "<testsuites name=\"netassay run\" {sums} time=\"{time}\">");
    let _ = writeln!(xml, "  <testsuite name=\"{} ({name})\" {sums} time=\"{time}\">", escape(&result.dut));
    result.cases.iter().for_each(|case| render_case(case, &mut xml));
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

fn render_case(case: &CaseResult, xml: &mut String) {
    let (class, name) = case.id.rsplit_once('/').unwrap_or(("", &case.id));
    let _ = write!(
        xml,
        "    <testcase name=\"{}\" classname=\"{}\" time=\"{}\"",
        escape(name),
        escape(class),
        seconds(case.elapsed_ms)
    );
    match (complaint(case), case.verdict) {
        (Some(what), _) => {
            let kind = case.failure.as_ref().map_or("unexpected-pass", |failure| &failure.reason);
            let _ = writeln!(
                xml,
                ">\n      <failure type=\"{}\" message=\"{}\">{}\n{}</failure>\n    </testcase>",
                escape(kind),
                escape(&what),
                escape(&case.clauses.join(", ")),
                escape(&case.command)
            );
        }
        (None, CaseVerdict::Unsupported | CaseVerdict::Skipped) => {
            let why = format!("{}: {}", case.verdict.name(), case.why);
            let _ = writeln!(xml, ">\n      <skipped message=\"{}\"/>\n    </testcase>", escape(&why));
        }
        (None, CaseVerdict::Fail) => {
            let reason = case.expected.as_ref().map_or("", |note| note.reason.trim());
            let text = escape(reason);
            let _ =
                writeln!(xml, ">\n      <system-out>fails as expected: {text}</system-out>\n    </testcase>");
        }
        (None, CaseVerdict::Pass) => xml.push_str("/>\n"),
    }
}

fn seconds(millis: u64) -> String {
    format!("{}.{:03}", millis / 1000, millis % 1000)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn counts_and_elements_agree() {
        let xml = render(&sample::result());
        let document = roxmltree::Document::parse(&xml).unwrap();
        let count = |name: &str| document.descendants().filter(|node| node.has_tag_name(name)).count();
        assert_eq!(
            (count("testcase"), count("failure"), count("skipped"), count("system-out")),
            (6, 2, 2, 1)
        );
        let suite = document.root_element();
        assert_eq!((suite.attribute("failures"), suite.attribute("skipped")), (Some("2"), Some("2")));
    }
}
