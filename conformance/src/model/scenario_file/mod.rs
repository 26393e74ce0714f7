//! Scenario files: TOML, read strictly, and the scenarios that come with netassay.
//!
//! Unknown keys, duplicate names and contradictions are errors with file, line and column: a scenario that a DUT
//! would quietly refuse in part makes every comparison in it worthless.

mod check;
mod check_rules;
mod named;
mod position;
mod tidy;

use std::fmt;
use std::path::Path;

use super::scenario::Scenario;
pub use named::{NAMED, NamedScenario, by_name};
use position::Position;
pub use tidy::tidy;

/// Everything that is wrong with a scenario file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// The file as it was named.
    pub file: String,
    /// At least one, in the order of the file.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong with a scenario file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong, in one line.
    pub what: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}:{}:{}: {}", self.file, problem.line, problem.column, problem.what)?;
        }
        Ok(())
    }
}

impl std::error::Error for ScenarioError {}

/// Reads the scenario in `text`; `file` is its name in errors.
///
/// # Errors
/// Every problem found. Where the text is no TOML or not of the shape of a scenario, that alone is reported.
pub fn parse(file: &str, text: &str) -> Result<Scenario, ScenarioError> {
    let scenario: Scenario = toml::from_str(text).map_err(|error| {
        let (line, column) = position::line_and_column(text, error.span().map_or(0, |span| span.start));
        let what = error.message().lines().collect::<Vec<_>>().join("; ");
        ScenarioError { file: file.to_owned(), problems: vec![Problem { line, column, what }] }
    })?;
    let mut problems = check::problems(&scenario, &Position::new(text));
    problems.sort();
    if problems.is_empty() { Ok(scenario) } else { Err(ScenarioError { file: file.to_owned(), problems }) }
}

/// Reads the scenario file at `path`.
///
/// # Errors
/// As [`parse`]; a file that cannot be read is one problem at its beginning.
pub fn load(path: &Path) -> Result<Scenario, ScenarioError> {
    let file = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&file, &text),
        Err(error) => {
            let problem = Problem { line: 1, column: 1, what: error.to_string() };
            Err(ScenarioError { file, problems: vec![problem] })
        }
    }
}

/// The scenario called `name`, or else in the file `name`: what a command line gives.
///
/// # Errors
/// As [`load`]; a name that is neither lists the names there are.
pub fn find(name: &str) -> Result<Scenario, ScenarioError> {
    if let Some(named) = by_name(name) {
        return Ok(named.scenario());
    }
    let path = Path::new(name);
    if path.exists() || path.extension().is_some() {
        return load(path);
    }
    let names: Vec<_> = NAMED.iter().map(|named| named.name).collect();
    let what = format!("no scenario and no file of this name; the scenarios are {}", names.join(", "));
    Err(ScenarioError { file: name.to_owned(), problems: vec![Problem { line: 1, column: 1, what }] })
}

/// `scenario` as a file that [`parse`] reads back.
pub fn to_toml(scenario: &Scenario) -> String {
    // The model holds only tables, arrays, strings, numbers and booleans, all of which TOML has.
    toml::to_string(scenario).expect("a scenario has a TOML form")
}

/// Every problem of a scenario that was not read from a file, without positions.
pub fn problems(scenario: &Scenario) -> Vec<String> {
    let text = to_toml(scenario);
    let mut problems = check::problems(scenario, &Position::new(&text));
    problems.sort();
    problems.into_iter().map(|problem| problem.what).collect()
}

#[cfg(test)]
mod tests;
