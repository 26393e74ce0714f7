//! Ledger files: TOML, read strictly.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use super::Entry;

/// What is wrong with a ledger file, with file and line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct LedgerError {
    /// The file as it was named.
    pub file: String,
    /// Line, from 1; 0 where no line is to blame.
    pub line: usize,
    /// What is wrong, in one line.
    pub what: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    deviation: Vec<Spanned<Entry>>,
}

/// Reads files given as name and text. All identifiers are unique among them.
///
/// # Errors
/// The first thing that is wrong.
pub fn parse<'f>(files: impl IntoIterator<Item = (&'f str, &'f str)>) -> Result<Vec<Entry>, LedgerError> {
    let mut places: BTreeMap<String, String> = BTreeMap::new();
    let mut entries = Vec::new();
    for (name, text) in files {
        let error =
            |at: usize, what: String| LedgerError { file: name.to_owned(), line: line(text, at), what };
        let file: File = toml::from_str(text).map_err(|wrong| {
            error(
                wrong.span().map_or(0, |span| span.start),
                wrong.message().lines().collect::<Vec<_>>().join("; "),
            )
        })?;
        for entry in file.deviation {
            let at = entry.span().start;
            let entry = entry.into_inner();
            if let Some(what) = problem(&entry) {
                return Err(error(at, what));
            }
            let place = format!("{name}:{}", line(text, at));
            if let Some(first) = places.insert(entry.id.clone(), place) {
                return Err(error(at, format!("the identifier `{}` is taken by {first}", entry.id)));
            }
            entries.push(entry);
        }
    }
    Ok(entries)
}

/// Reads every `*.toml` in `directory`, in the order of their names.
///
/// # Errors
/// As [`parse`], or when the directory or a file cannot be read.
pub fn load_directory(directory: &Path) -> Result<Vec<Entry>, LedgerError> {
    let unreadable = |path: &Path, error: std::io::Error| LedgerError {
        file: path.display().to_string(),
        line: 0,
        what: error.to_string(),
    };
    let mut paths = Vec::new();
    for file in std::fs::read_dir(directory).map_err(|error| unreadable(directory, error))? {
        let path = file.map_err(|error| unreadable(directory, error))?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?;
        files.push((path.display().to_string(), text));
    }
    parse(files.iter().map(|(name, text)| (&name[..], &text[..])))
}

/// What makes an entry no explanation, or too wide a one.
fn problem(entry: &Entry) -> Option<String> {
    let empty = |what: &str| Some(format!("the deviation `{}` has no {what}", entry.id));
    if entry.id.is_empty()
        || !entry.id.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
    {
        return Some(format!("`{}` is no identifier: lower case letters, digits and `-`", entry.id));
    }
    for (what, text) in [("reason", &entry.reason), ("clause", &entry.clause), ("example", &entry.example)] {
        if text.trim().is_empty() {
            return empty(what);
        }
    }
    if entry.fields.is_empty() {
        return empty("fields");
    }
    if entry.stimulus.is_empty() {
        return empty("stimulus: it would explain the difference whatever caused it");
    }
    let prefix = entry.dimension.name();
    let stray = entry.fields.iter().find(|field| !field.starts_with(prefix) && *field != "refused")?;
    Some(format!("the field `{stray}` does not belong to the dimension `{prefix}`"))
}

fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|octet| *octet == b'\n').count() + 1
}
