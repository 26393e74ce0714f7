//! A badge in the endpoint form of shields: a few words and a color.

use serde::Serialize;

use super::text::number;
use crate::model::RunResult;

/// The JSON document that a badge server asks for.
pub fn render(result: &RunResult) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Badge<'a> {
        schema_version: u32,
        label: &'a str,
        message: String,
        color: &'a str,
    }
    let totals = &result.totals;
    let is_broken = result.captures.iter().any(|row| row.error.is_some());
    let (message, color) = match totals.diverge {
        0 if is_broken => ("ended early".to_owned(), "orange"),
        0 => (format!("{} packets agree", number(totals.agree + totals.explained)), "brightgreen"),
        diverge => (format!("{} diverge", number(diverge)), "red"),
    };
    let badge = Badge { schema_version: 1, label: "netassay", message, color };
    serde_json::to_string(&badge).expect("a struct of strings and a number is always JSON") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::Sample;

    #[track_caller]
    fn check(result: &RunResult, message: &str, color: &str) {
        let expected =
            format!(r#"{{"schemaVersion":1,"label":"netassay","message":"{message}","color":"{color}"}}"#);
        assert_eq!(render(result).trim_end(), expected);
    }

    #[test]
    fn color_follows_the_verdict() {
        let mut result = Sample::default().result();
        result.totals.diverge = 1_200;
        check(&result, "1,200 diverge", "red");
        result.totals.diverge = 0;
        result.totals.explained = 0;
        result.totals.agree = 5_000;
        check(&result, "ended early", "orange");
        result.captures.iter_mut().for_each(|row| row.error = None);
        check(&result, "5,000 packets agree", "brightgreen");
    }
}
