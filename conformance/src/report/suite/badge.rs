//! A badge in the endpoint form of shields.

use serde_json::json;

use crate::model::SuiteResult;

/// The JSON document that a badge server asks for.
pub fn render(result: &SuiteResult) -> String {
    let totals = &result.totals;
    let tried = totals.pass + totals.fail;
    let (message, color) = match (totals.unexpected, totals.fail) {
        (0, 0) => (format!("{tried} cases pass"), "brightgreen"),
        (0, fail) => (format!("{} of {tried} pass, {fail} known", totals.pass), "green"),
        (unexpected, _) => (format!("{unexpected} of {tried} unexpected"), "red"),
    };
    let label = format!("netassay: {}", result.dut);
    json!({ "schemaVersion": 1, "label": label, "message": message, "color": color }).to_string() + "\n"
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn color_follows_what_is_unexpected() {
        let mut result = sample::result();
        assert!(render(&result).contains("2 of 4 unexpected") && render(&result).contains("red"));
        result.cases.retain(|case| !case.is_unexpected());
        result.sum_up();
        assert!(render(&result).contains("1 of 2 pass, 1 known"));
    }
}
