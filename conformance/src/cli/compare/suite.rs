//! What changed between two runs of conformance cases.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::model::{CaseResult, CaseVerdict, SuiteResult};

/// Cases by id.
fn by_id(result: &SuiteResult) -> BTreeMap<&str, &CaseResult> {
    result.cases.iter().map(|case| (&case.id[..], case)).collect()
}

/// Whether a case that passed or was not there fails now.
pub(super) fn is_worse(old: &SuiteResult, new: &SuiteResult) -> bool {
    let before = by_id(old);
    new.cases
        .iter()
        .filter(|case| case.verdict == CaseVerdict::Fail)
        .any(|case| before.get(&case.id[..]).is_none_or(|known| known.verdict != CaseVerdict::Fail))
}

/// One line for each case that goes otherwise.
pub(super) fn render(old: &SuiteResult, new: &SuiteResult) -> String {
    let mut text = String::new();
    for (what, one, other) in [
        ("DUT", &old.dut, &new.dut),
        ("version", &old.version, &new.version),
        ("profile", &old.profile, &new.profile),
        ("netassay", &old.netassay, &new.netassay),
    ] {
        if one != other {
            let _ = writeln!(text, "{what}: {one} → {other}");
        }
    }
    let (before, after) = (by_id(old), by_id(new));
    for (id, case) in &after {
        let how =
            case.failure.as_ref().map_or(String::new(), |it| format!(" [{}] saw {}", it.reason, it.seen));
        match before.get(id) {
            None => {
                let _ = writeln!(text, "new      {id}: {}{how}", case.verdict.name());
            }
            Some(known) if known.verdict != case.verdict => {
                let (one, other) = (known.verdict.name(), case.verdict.name());
                let _ = writeln!(text, "changed  {id}: {one} → {other}{how}");
            }
            Some(known) if reason(known) != reason(case) => {
                let (one, other) = (reason(known), reason(case));
                let _ = writeln!(text, "changed  {id}: fails by {one} → {other}");
            }
            Some(_) => {}
        }
    }
    for (id, case) in before.iter().filter(|(id, _)| !after.contains_key(*id)) {
        let _ = writeln!(text, "gone     {id}: {}", case.verdict.name());
    }
    if text.is_empty() {
        text.push_str("nothing changed\n");
    }
    text
}

fn reason(case: &CaseResult) -> &str {
    case.failure.as_ref().map_or("", |failure| &failure.reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::suite::sample;

    #[test]
    fn equal_runs_have_not_changed() {
        assert_eq!(render(&sample::result(), &sample::result()), "nothing changed\n");
        assert!(!is_worse(&sample::result(), &sample::result()));
    }

    #[test]
    fn a_case_that_fails_now_is_worse_and_one_that_passes_now_is_not() {
        let new = sample::result();
        let mut old = new.clone();
        old.cases[1].verdict = CaseVerdict::Pass;
        old.cases[1].failure = None;
        assert!(is_worse(&old, &new) && !is_worse(&new, &old));
        assert_eq!(render(&old, &new), "changed  a/fail: pass → fail [ipv4.ttl] saw silence\n");
        assert_eq!(render(&new, &old), "changed  a/fail: fail → pass\n");
    }
}
