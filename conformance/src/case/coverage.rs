//! Which requirements have cases, which are excused, and which are neither.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::definition::Case;
use super::requirement::{CATALOGUE, Requirement, Testable};

/// Requirements that have no case, each with a reason that a skeptical reader accepts.
const EXCUSES: &str = include_str!("../../requirements/excuses/requirements.toml");
/// At most one requirement in twenty may be excused.
pub const MOST_EXCUSED_PERCENT: usize = 5;

/// How a requirement is covered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cover {
    /// By these cases.
    Cases(Vec<&'static str>),
    /// By none, for this reason.
    Excused(String),
    /// By none, and nobody says why.
    Gap,
}

/// Requirements and cases, both ways.
#[derive(Clone, Debug)]
pub struct Coverage {
    /// Each requirement of the catalogue, by id.
    pub rows: BTreeMap<&'static str, (&'static Requirement, Cover)>,
    /// What is wrong with the excuses.
    pub problems: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    excuse: Vec<Excuse>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Excuse {
    ids: Vec<String>,
    reason: String,
}

impl Coverage {
    /// Of `cases`, with the excuses that come with netassay.
    pub fn of(cases: &'static [Case]) -> Self {
        Self::with(cases, EXCUSES)
    }

    /// Of `cases`, with the excuses in `text`.
    pub fn with(cases: &'static [Case], text: &str) -> Self {
        let mut by_requirement: BTreeMap<&str, Vec<&'static str>> = BTreeMap::new();
        for case in cases {
            for id in &case.requirements {
                by_requirement.entry(id).or_default().push(&case.id);
            }
        }
        let (excuses, mut problems) = read_excuses(text);
        let strangers = excuses.keys().filter(|id| !CATALOGUE.contains_key(*id));
        problems.extend(strangers.map(|id| format!("{id} is excused and no requirement")));
        let mut rows = BTreeMap::new();
        for (id, requirement) in CATALOGUE.iter() {
            let cover = match (by_requirement.remove(&id[..]), excuses.get(id)) {
                (Some(_), Some(_)) => {
                    problems.push(format!("{id} is excused and has cases"));
                    continue;
                }
                (Some(cases), None) => Cover::Cases(cases),
                (None, Some(reason)) => Cover::Excused(reason.clone()),
                (None, None) => Cover::Gap,
            };
            rows.insert(&id[..], (requirement, cover));
        }
        let excused = rows.values().filter(|(it, cover)| is_wire(it) && matches!(cover, Cover::Excused(_)));
        let (excused, wire) = (excused.count(), CATALOGUE.values().filter(|it| is_wire(it)).count());
        if excused * 100 > wire * MOST_EXCUSED_PERCENT {
            problems.push(format!(
                "{excused} of {wire} are excused, more than {MOST_EXCUSED_PERCENT} in a hundred"
            ));
        }
        Self { rows, problems }
    }

    /// Requirements that can be tested on the wire and have neither case nor excuse.
    pub fn gaps(&self) -> impl Iterator<Item = &'static Requirement> + '_ {
        let rows = self.rows.values();
        rows.filter(|(it, cover)| is_wire(it) && *cover == Cover::Gap).map(|(it, _)| *it)
    }

    /// Of the requirements with `testable`: how many have cases, are excused, have neither.
    pub fn count(&self, testable: Testable) -> [usize; 3] {
        let mut count = [0; 3];
        for (requirement, cover) in self.rows.values().filter(|(it, _)| it.testable == testable) {
            let _ = requirement;
            count[match cover {
                Cover::Cases(_) => 0,
                Cover::Excused(_) => 1,
                Cover::Gap => 2,
            }] += 1;
        }
        count
    }
}

fn is_wire(requirement: &Requirement) -> bool {
    requirement.testable == Testable::Wire
}

/// Reads a file of excuses: reasons by id, and what is wrong with it.
pub(super) fn read_excuses(text: &str) -> (BTreeMap<String, String>, Vec<String>) {
    let mut excuses = BTreeMap::new();
    let file: File = match toml::from_str(text) {
        Ok(file) => file,
        Err(error) => return (excuses, vec![error.to_string()]),
    };
    let mut problems = Vec::new();
    for excuse in file.excuse {
        if excuse.reason.trim().is_empty() || excuse.ids.is_empty() {
            problems.push(format!("the excuse of {:?} has an empty field", excuse.ids));
        }
        for id in excuse.ids {
            if excuses.insert(id.clone(), excuse.reason.trim().to_owned()).is_some() {
                problems.push(format!("{id} is excused twice"));
            }
        }
    }
    (excuses, problems)
}

#[cfg(test)]
mod tests {
    use super::super::registry::registry;
    use super::*;

    #[test]
    fn the_excuses_are_sound() {
        assert_eq!(Coverage::of(registry()).problems, Vec::<String>::new());
    }

    #[test]
    fn mistakes_are_named() {
        let excuse = |id: &str| format!("[[excuse]]\nids = ['{id}']\nreason = 'r'\n");
        for (text, expected) in [
            (excuse("rfc0000-1-1"), "no requirement"),
            (excuse("rfc1122-3.2.2.6-5"), "has cases"),
            (excuse("rfc1122-3.1-2").repeat(2), "twice"),
            (excuse("rfc1122-3.1-2").replace("'r'", "''"), "empty field"),
        ] {
            let problems = Coverage::with(registry(), &text).problems;
            assert!(problems.iter().any(|it| it.contains(expected)), "{problems:?}");
        }
    }
}
