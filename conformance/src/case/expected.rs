//! What a stack is known not to do: `conformance/expected/<dut>.toml`, read strictly.
//!
//! An entry names cases that fail, why, and where that can be checked. A case that passes although an entry says it
//! fails is as unexpected as one that fails although none does, and an entry that no case has is an error.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::definition::Case;
use crate::model::{CaseVerdict, ExpectedNote, SuiteResult};

/// The files that come with netassay: names of DUTs, and what is expected of them.
///
/// The reference stack does as Linux does, and Linux 6.1 (`uml`) failed the same cases as 6.18, so they share a file.
const FILES: &[(&[&str], &str, &str)] = &[
    (&["reference", "linux", "uml"], "linux.toml", include_str!("../../expected/linux.toml")),
    (&["reference:rfc"], "reference-rfc.toml", include_str!("../../expected/reference-rfc.toml")),
    (&["smoltcp"], "smoltcp.toml", include_str!("../../expected/smoltcp.toml")),
    (&["lwip"], "lwip.toml", include_str!("../../expected/lwip.toml")),
];

/// What is expected to fail, by id of the case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    notes: BTreeMap<String, ExpectedNote>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    expected: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// Ids of cases that fail for one reason.
    ids: Vec<String>,
    reason: String,
    evidence: String,
}

impl Expected {
    /// What is expected of the DUT called `dut`; nothing if netassay has no file for it.
    ///
    /// # Errors
    /// As [`Expected::read`].
    pub fn of(dut: &str, cases: &[Case]) -> Result<Self, String> {
        match FILES.iter().find(|(duts, ..)| duts.contains(&dut)) {
            Some((_, name, text)) => Self::read(name, text, cases),
            None => Ok(Self::default()),
        }
    }

    /// Reads the file `name`.
    ///
    /// # Errors
    /// What is wrong with it: unknown fields, empty texts, an id that is given twice or that no case has.
    pub fn read(name: &str, text: &str, cases: &[Case]) -> Result<Self, String> {
        let bad = |what: String| format!("{name}: {what}");
        let file: File = toml::from_str(text).map_err(|error| bad(error.to_string()))?;
        let mut notes = BTreeMap::new();
        for entry in file.expected {
            if entry.ids.is_empty() || entry.reason.trim().is_empty() || entry.evidence.trim().is_empty() {
                return Err(bad(format!("the entry of {:?} has an empty field", entry.ids)));
            }
            for id in entry.ids {
                if !cases.iter().any(|case| case.id == id) {
                    return Err(bad(format!("there is no case {id}")));
                }
                let note = ExpectedNote { reason: entry.reason.clone(), evidence: entry.evidence.clone() };
                if notes.insert(id.clone(), note).is_some() {
                    return Err(bad(format!("{id} is given twice")));
                }
            }
        }
        Ok(Self { notes })
    }

    /// Why the case called `id` fails, if it is expected to.
    pub fn note(&self, id: &str) -> Option<&ExpectedNote> {
        self.notes.get(id)
    }
}

/// A file that would expect what `result` found: known entries as they are, new ones for somebody to explain.
pub fn propose(result: &SuiteResult) -> String {
    #[derive(serde::Serialize)]
    struct Entry<'a> {
        ids: Vec<&'a str>,
        reason: String,
        evidence: String,
    }
    #[derive(serde::Serialize)]
    struct File<'a> {
        expected: Vec<Entry<'a>>,
    }
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for case in result.cases.iter().filter(|case| case.verdict == CaseVerdict::Fail) {
        let (reason, evidence) = match (&case.expected, &case.failure) {
            (Some(note), _) => (note.reason.clone(), note.evidence.clone()),
            (None, Some(failure)) => (
                format!("not explained yet: {} ({})", failure.seen, failure.reason),
                format!("{}, {}", result.version, case.command),
            ),
            (None, None) => continue,
        };
        match entries.iter_mut().find(|it| it.reason == reason && it.evidence == evidence) {
            Some(entry) => entry.ids.push(&case.id),
            None => entries.push(Entry { ids: vec![&case.id], reason, evidence }),
        }
    }
    toml::to_string(&File { expected: entries }).expect("strings and lists have a TOML form")
}

#[cfg(test)]
mod tests {
    use super::super::prelude::*;
    use super::super::registry::registry;
    use super::*;

    #[test]
    fn the_files_are_sound() {
        for (_, name, text) in FILES {
            if let Err(problem) = Expected::read(name, text, registry()) {
                panic!("{problem}");
            }
        }
    }

    #[test]
    fn mistakes_are_named() {
        let cases = section("a/b").cases([case("c", [], |w| send(w.echo()).silence())]).into_cases();
        let entry = |ids: &str, more: &str| {
            format!("[[expected]]\nids = [{ids}]\nreason = 'r'\nevidence = 'e'\n{more}")
        };
        let good = entry("'a/b/c'", "");
        assert!(Expected::read("f", &good, &cases).is_ok_and(|it| it.note("a/b/c").is_some()));
        for (text, expected) in [
            (entry("'a/b/d'", ""), "no case a/b/d"),
            (entry("", ""), "empty field"),
            (entry("'a/b/c', 'a/b/c'", ""), "twice"),
            (entry("'a/b/c'", "until = 'x'"), "unknown field"),
        ] {
            let error = Expected::read("f", &text, &cases).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
