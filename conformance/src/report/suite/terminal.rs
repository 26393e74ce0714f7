//! A result on a terminal: what nobody expected first, then why cases were not tried, then the sums.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::model::{CaseResult, CaseVerdict, SuiteResult};
use crate::report::terminal::{Ink, Style};
use crate::report::text::printable;

/// How a case is marked.
fn mark(case: &CaseResult, style: Style) -> String {
    let (ink, word) = match (case.verdict, case.is_unexpected()) {
        (CaseVerdict::Fail, true) => (Ink::Red, "FAIL"),
        (CaseVerdict::Fail, false) => (Ink::Yellow, "known"),
        (CaseVerdict::Pass, true) => (Ink::Red, "UNEXPECTED PASS"),
        (CaseVerdict::Pass, false) => (Ink::Green, "pass"),
        (CaseVerdict::Unsupported, _) => (Ink::Faint, "unsupported"),
        (CaseVerdict::Skipped, _) => (Ink::Faint, "skipped"),
    };
    style.paint(ink, word)
}

/// The whole report, ending in a line feed. Known failures are listed if `verbose`.
pub fn render(result: &SuiteResult, style: Style, verbose: bool) -> String {
    let mut text = String::new();
    let profile =
        if result.profile.is_empty() { String::new() } else { format!(", profile {}", result.profile) };
    let _ = writeln!(text, "{} ({}){profile}\n", result.dut, printable(&result.version));
    let is_shown = |case: &&CaseResult| case.is_unexpected() || verbose && case.verdict == CaseVerdict::Fail;
    result.cases.iter().filter(is_shown).for_each(|case| describe(case, style, &mut text));
    let mut reasons: BTreeMap<(CaseVerdict, &str), u64> = BTreeMap::new();
    for case in result.cases.iter().filter(|case| !case.why.is_empty()) {
        *reasons.entry((case.verdict, &case.why)).or_default() += 1;
    }
    for ((verdict, why), count) in reasons {
        let _ = writeln!(text, "{count:5} {}: {}", verdict.name(), printable(why));
    }
    let totals = &result.totals;
    let _ = writeln!(
        text,
        "{} cases: {} pass, {} fail ({} expected), {} unsupported, {} skipped; {} unexpected; {:.2} s",
        totals.cases,
        totals.pass,
        totals.fail,
        totals.expected,
        totals.unsupported,
        totals.skipped,
        totals.unexpected,
        result.elapsed_ms as f64 / 1000.0
    );
    text
}

fn describe(case: &CaseResult, style: Style, text: &mut String) {
    let clauses = case.clauses.join(", ");
    let _ = writeln!(text, "{} {} ({} {clauses})", mark(case, style), case.id, case.level);
    if let Some(failure) = &case.failure {
        let step = failure.step.map_or(String::new(), |step| format!("step {step}, "));
        let _ = writeln!(text, "    {step}{}", failure.reason);
        let _ = writeln!(text, "    expected {}", printable(&failure.expected));
        let _ = writeln!(text, "    saw      {}", printable(&failure.seen));
    }
    if let Some(note) = &case.expected {
        let _ = writeln!(text, "    expected to fail: {}", printable(note.reason.trim()));
    }
    let _ = writeln!(text, "    {}", case.command);
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn what_is_unexpected_is_told_and_what_is_known_only_on_request() {
        let style = Style { color: false, width: 100 };
        let text = render(&sample::result(), style, false);
        assert!(
            text.contains("FAIL a/fail (MUST RFC 1122 §3.2.2.6)")
                && text.contains("UNEXPECTED PASS a/better")
        );
        assert!(
            !text.contains("known a/known")
                && render(&sample::result(), style, true).contains("known a/known")
        );
        assert!(
            text.contains("6 cases: 2 pass, 2 fail (1 expected), 1 unsupported, 1 skipped; 2 unexpected")
        );
    }
}
