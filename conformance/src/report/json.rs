//! The stored form of a result: one JSON document, keys in the order of the model, maps sorted.
//!
//! Equal results give equal octets, but for the times; [`without_times`] takes those out where octets are compared.

use std::io::{self, Read, Write};

use serde::Deserialize;

use crate::model::RunResult;
use crate::model::outcome::SCHEMA;

/// Why a stored result could not be read.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// It could not be read at all.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is not JSON, or not of this form.
    #[error("not a result of netassay: {0}")]
    Form(#[from] serde_json::Error),
    /// It is of another version.
    #[error("has schema {found}, this netassay reads schema {SCHEMA}")]
    Schema {
        /// The version it has.
        found: u32,
    },
}

/// Writes `result` on one line, with a line feed at its end.
///
/// # Errors
/// What the writer gives.
pub fn write(result: &RunResult, mut writer: impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut writer, result).map_err(io::Error::from)?;
    writer.write_all(b"\n")
}

/// Reads what [`write()`] wrote.
///
/// # Errors
/// [`JsonError::Schema`] if it is a result of another version, even if the rest has another form.
pub fn read(mut reader: impl Read) -> Result<RunResult, JsonError> {
    #[derive(Deserialize)]
    struct Head {
        schema: u32,
    }
    let mut text = String::new();
    reader.read_to_string(&mut text)?;
    let Head { schema } = serde_json::from_str(&text)?;
    if schema != SCHEMA {
        return Err(JsonError::Schema { found: schema });
    }
    Ok(serde_json::from_str(&text)?)
}

/// The result with all times zero.
#[must_use]
pub fn without_times(mut result: RunResult) -> RunResult {
    result.elapsed_ms = 0;
    for row in &mut result.captures {
        row.elapsed_ms = 0;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::Sample;

    fn text(result: &RunResult) -> String {
        let mut octets = Vec::new();
        write(result, &mut octets).unwrap();
        String::from_utf8(octets).unwrap()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let result = Sample::default().result();
        assert_eq!(read(text(&result).as_bytes()).unwrap(), result);
    }

    #[test]
    fn equal_results_give_equal_octets_but_for_times() {
        let result = Sample::default().result();
        let mut later = result.clone();
        later.elapsed_ms += 5;
        later.captures[0].elapsed_ms += 5;
        assert_ne!(text(&result), text(&later));
        assert_eq!(text(&without_times(result)), text(&without_times(later)));
    }

    #[test]
    fn schema_and_totals_stand_where_consumers_look() {
        let text = text(&Sample::default().result());
        assert!(text.starts_with(r#"{"schema":1,"#));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        for name in ["traces", "packets", "agree", "explained", "diverge", "skipped"] {
            assert!(value["totals"][name].is_u64(), "totals.{name}");
        }
    }

    #[test]
    fn another_schema_is_named_before_its_form_is_judged() {
        let error = read(&br#"{"schema": 2, "verdicts": []}"#[..]).unwrap_err();
        assert_eq!(error.to_string(), "has schema 2, this netassay reads schema 1");
        assert!(matches!(read(&b"{}"[..]), Err(JsonError::Form(_))));
        assert!(matches!(read(&b"\xff"[..]), Err(JsonError::Io(_))));
    }
}
