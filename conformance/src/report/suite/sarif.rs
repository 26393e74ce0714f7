//! SARIF 2.1.0, which code hosts show as findings: one rule per case that fails, one result each.

use serde_json::{Value, json};

use super::complaint;
use crate::model::{CaseResult, SuiteResult};

/// The document.
pub fn render(result: &SuiteResult) -> String {
    let failing: Vec<_> =
        result.cases.iter().filter(|case| case.failure.is_some() || case.is_unexpected()).collect();
    let rules: Vec<Value> = failing
        .iter()
        .map(|case| {
            json!({
                "id": case.id,
                "shortDescription": { "text": format!("{} {}", case.level, case.clauses.join(", ")) },
                "properties": { "tags": case.requirements },
            })
        })
        .collect();
    let results: Vec<Value> = failing.iter().enumerate().map(|(index, case)| finding(index, case)).collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "netassay", "version": result.netassay, "rules": rules } },
            "properties": { "dut": result.dut, "version": result.version },
            "results": results,
        }],
    });
    serde_json::to_string_pretty(&document).expect("a document made here is JSON") + "\n"
}

fn finding(index: usize, case: &CaseResult) -> Value {
    let known = case.expected.as_ref().filter(|_| !case.is_unexpected());
    let text = match (complaint(case), &case.failure) {
        (Some(text), _) => text,
        (None, Some(failure)) => super::one_line(failure),
        (None, None) => String::new(),
    };
    let level = match (known.is_some(), case.level.starts_with("MUST")) {
        (true, _) => "note",
        (false, true) => "error",
        (false, false) => "warning",
    };
    let mut finding = json!({
        "ruleId": case.id,
        "ruleIndex": index,
        "level": level,
        "message": { "text": format!("{text}\n{}", case.command) },
        "locations": [{ "logicalLocations": [{ "fullyQualifiedName": case.id, "kind": "member" }] }],
        "partialFingerprints": { "case/v1": case.id },
    });
    if let Some(note) = known {
        finding["suppressions"] = json!([{ "kind": "external", "justification": note.reason.trim() }]);
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn failures_are_findings_and_known_ones_are_suppressed() {
        let document: Value = serde_json::from_str(&render(&sample::result())).unwrap();
        let results = document["runs"][0]["results"].as_array().unwrap();
        let seen: Vec<_> = results
            .iter()
            .map(|it| {
                (it["ruleId"].as_str().unwrap(), it["level"].as_str().unwrap(), it["suppressions"].is_array())
            })
            .collect();
        assert_eq!(
            seen,
            [("a/fail", "error", false), ("a/known", "note", true), ("a/better", "error", false)]
        );
    }
}
