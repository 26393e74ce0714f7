//! The stored form of a result: one JSON document, keys in the order of the model.

use std::io::{self, Read, Write};

use serde::Deserialize;

use crate::model::SuiteResult;
use crate::model::suite::SCHEMA;
use crate::report::json::JsonError;

/// Writes `result` on one line, with a line feed at its end.
///
/// # Errors
/// What the writer gives.
pub fn write(result: &SuiteResult, mut writer: impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut writer, result).map_err(io::Error::from)?;
    writer.write_all(b"\n")
}

/// Reads what [`write()`] wrote.
///
/// # Errors
/// [`JsonError::Schema`] if it is a result of another version, even if the rest has another form.
pub fn read(mut reader: impl Read) -> Result<SuiteResult, JsonError> {
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

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut octets = Vec::new();
        write(&sample::result(), &mut octets).unwrap();
        assert_eq!(read(&octets[..]).unwrap(), sample::result());
    }

    #[test]
    fn totals_stand_where_consumers_look() {
        let mut octets = Vec::new();
        write(&sample::result(), &mut octets).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&octets).unwrap();
        let totals: Vec<_> = ["cases", "pass", "fail", "unsupported", "skipped", "expected", "unexpected"]
            .map(|name| value["totals"][name].as_u64().unwrap())
            .to_vec();
        assert_eq!(totals, [6, 2, 2, 1, 1, 1, 2]);
        assert_eq!((&value["schema"], &value["dut"]), (&1.into(), &"toy".into()));
    }
}
