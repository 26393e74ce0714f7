//! TAP version 14: one line per case, with the failure as YAML below it.

use std::fmt::Write as _;

use super::complaint;
use crate::model::{CaseVerdict, SuiteResult};

/// The whole stream. What fails as expected is a `TODO`, what was not tried a `SKIP`.
pub fn render(result: &SuiteResult) -> String {
    let mut text = format!("TAP version 14\n1..{}\n", result.cases.len());
    for (index, case) in result.cases.iter().enumerate() {
        let number = index + 1;
        let id = &case.id;
        let directive = match (case.verdict, &case.expected) {
            (CaseVerdict::Unsupported | CaseVerdict::Skipped, _) => format!(" # SKIP {}", line(&case.why)),
            (CaseVerdict::Fail, Some(note)) => format!(" # TODO {}", line(&note.reason)),
            _ => String::new(),
        };
        let is_bad = case.verdict == CaseVerdict::Fail || case.is_unexpected();
        let word = if is_bad { "not ok" } else { "ok" };
        let _ = writeln!(text, "{word} {number} - {id}{directive}");
        if let Some(what) = complaint(case) {
            let quoted = |text: &str| serde_json::to_string(text).unwrap_or_default();
            let _ = writeln!(text, "  ---\n  message: {}", quoted(&what));
            let _ = writeln!(text, "  clauses: {}", quoted(&case.clauses.join(", ")));
            let _ = writeln!(text, "  again: {}\n  ...", quoted(&case.command));
        }
    }
    text
}

fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('#', "no.")
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn verdicts_are_words() {
        let text = render(&sample::result());
        for expected in [
            "1..6\n",
            "\nok 1 - a/pass\n",
            "\nnot ok 2 - a/fail\n",
            "\nnot ok 3 - a/known # TODO known\n",
            "\nnot ok 4 - a/better\n",
            "\nok 5 - a/unsupported # SKIP counters are not observed\n",
            "\nok 6 - a/skipped # SKIP late\n",
        ] {
            assert!(text.contains(expected), "{expected:?} is not in\n{text}");
        }
    }
}
