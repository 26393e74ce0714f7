//! The catalogue of RFC requirements: `conformance/requirements/*.toml`, one file per RFC, read strictly.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use serde::Deserialize;
use toml::Spanned;

/// The files of the catalogue, by name, as they were when netassay was built.
macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../requirements/", $name)))),*]
    };
}

const FILES: &[(&str, &str)] = files![
    "rfc0791.toml",
    "rfc0792.toml",
    "rfc0815.toml",
    "rfc0950.toml",
    "rfc1122.toml",
    "rfc1191.toml",
    "rfc1812.toml",
    "rfc1858.toml",
    "rfc2113.toml",
    "rfc2474.toml",
    "rfc2644.toml",
    "rfc3021.toml",
    "rfc3128.toml",
    "rfc3168.toml",
    "rfc3704.toml",
    "rfc4787.toml",
    "rfc4884.toml",
    "rfc5508.toml",
    "rfc5927.toml",
    "rfc6274.toml",
    "rfc6398.toml",
    "rfc6633.toml",
    "rfc6814.toml",
    "rfc6864.toml",
    "rfc6918.toml",
    "rfc7126.toml",
    "rfc8335.toml",
    "rfc8900.toml",
];

/// One requirement of an RFC, in our words.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// `rfcNNNN-section-ordinal`. Stable, never reused.
    pub id: String,
    /// Section of the RFC, or the name of the message where the RFC numbers none.
    pub section: String,
    /// How binding it is.
    pub level: Level,
    /// The level is our reading, because the RFC has no keyword at that place.
    #[serde(default)]
    pub inferred: bool,
    /// For whom it is.
    pub role: Vec<Role>,
    /// What it is about: one of a short list of words.
    pub topic: String,
    /// The conforming behavior in one sentence.
    pub summary: String,
    /// How it can be tested.
    pub testable: Testable,
    /// Stimulus and what must be seen.
    pub test: String,
    /// What Linux does.
    pub linux: Conformity,
    /// Why, or which knob decides.
    pub linux_note: Option<String>,
    /// The later RFC that reversed or deprecated it.
    pub obsolete_by: Option<String>,
}

/// How binding a requirement is. RFC 2119.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[expect(missing_docs, reason = "the words of RFC 2119")]
pub enum Level {
    #[serde(rename = "MUST")]
    Must,
    #[serde(rename = "MUST NOT")]
    MustNot,
    #[serde(rename = "SHOULD")]
    Should,
    #[serde(rename = "SHOULD NOT")]
    ShouldNot,
    #[serde(rename = "MAY")]
    May,
}

/// For whom a requirement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A system that does not forward.
    Host,
    /// A system that forwards.
    Router,
    /// A translator.
    Nat,
}

/// How a requirement can be tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Testable {
    /// By packets sent, and answers, forwarded packets or counters seen.
    Wire,
    /// Only with a socket interface, a log or a configuration change.
    Api,
    /// Not at all.
    No,
}

/// What a known stack makes of a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Conformity {
    /// Does it.
    Conforms,
    /// Does otherwise.
    Deviates,
    /// A knob, rule or daemon decides.
    Configurable,
    /// Nobody has looked.
    Unknown,
}

/// Why the catalogue could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct CatalogueError {
    /// File name.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub what: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    requirement: Vec<Spanned<Requirement>>,
}

/// All requirements, by id.
pub static CATALOGUE: LazyLock<BTreeMap<String, Requirement>> = LazyLock::new(|| {
    load(FILES).expect("the catalogue is part of the program; a test reads every file of it")
});

/// Reads the files of a catalogue, given as names and contents.
///
/// # Errors
/// The first malformed table, duplicate id, id that does not fit its file and section, or empty text.
pub fn load(files: &[(&str, &str)]) -> Result<BTreeMap<String, Requirement>, CatalogueError> {
    let mut catalogue = BTreeMap::new();
    for (name, text) in files {
        let fail = |span: Range<usize>, what: String| CatalogueError {
            file: (*name).to_owned(),
            line: text[..span.start.min(text.len())].matches('\n').count() + 1,
            what,
        };
        let file: File = toml::from_str(text)
            .map_err(|error| fail(error.span().unwrap_or_default(), error.message().to_owned()))?;
        for entry in file.requirement {
            let span = entry.span();
            let requirement = entry.into_inner();
            check(name, &requirement).map_err(|what| fail(span.clone(), what))?;
            let id = requirement.id.clone();
            if catalogue.insert(id.clone(), requirement).is_some() {
                return Err(fail(span, format!("the id {id} is given twice")));
            }
        }
    }
    Ok(catalogue)
}

fn check(file: &str, requirement: &Requirement) -> Result<(), String> {
    let Requirement { id, section, role, summary, test, .. } = requirement;
    let prefix = format!("{}-", file.trim_end_matches(".toml"));
    let Some((_, ordinal)) = id.rsplit_once('-').filter(|_| id.starts_with(&prefix)) else {
        return Err(format!("the id {id} does not have the form {prefix}section-ordinal"));
    };
    if !ordinal.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(format!("the id {id} does not end in an ordinal"));
    }
    if role.is_empty() || section.is_empty() || summary.is_empty() || test.is_empty() {
        return Err(format!("{id} has an empty field"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn the_catalogue_is_whole() {
        let wire = CATALOGUE.values().filter(|requirement| requirement.testable == Testable::Wire).count();
        assert_eq!((CATALOGUE.len(), wire), (1024, 849));
    }

    const GOOD: &str = r#"
[[requirement]]
id = "rfc0791-3.1-1"
section = "3.1"
level = "MUST"
role = ["host"]
topic = "header"
summary = "s"
testable = "wire"
test = "t"
linux = "conforms"
"#;

    #[rstest]
    #[case::unknown_key(&GOOD.replace("topic", "subject"), 5, "unknown field")]
    #[case::unknown_level(&GOOD.replace("MUST", "OUGHT"), 5, "unknown variant")]
    #[case::foreign_id(&GOOD.replace("rfc0791-", "rfc0792-"), 2, "does not have the form")]
    #[case::no_ordinal(&GOOD.replace("3.1-1", "3.1-x"), 2, "ordinal")]
    #[case::twice(&GOOD.repeat(2), 13, "twice")]
    #[case::empty(&GOOD.replace("\"s\"", "\"\""), 2, "empty")]
    fn mistakes_are_named_with_their_line(#[case] text: &str, #[case] line: usize, #[case] what: &str) {
        let error = load(&[("rfc0791.toml", text)]).unwrap_err();
        assert!(error.what.contains(what), "{error}");
        assert!(error.line.abs_diff(line) <= 3, "{error}");
    }
}
