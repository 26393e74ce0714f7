//! Lists of things that the suite must look at besides the requirements of the RFCs: `conformance/requirements/checklists`.
//!
//! A case meets an entry by an alias such as `idea/A03`, `bug/ping-of-death` or `tc8/ICMPv4_TYPE_22`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::coverage::{Cover, read_excuses};
use super::definition::Case;

/// One list.
#[derive(Clone, Copy, Debug)]
pub struct Checklist {
    /// What aliases begin with, without the slash.
    pub name: &'static str,
    text: &'static str,
    excuses: &'static str,
}

/// All of them.
pub const CHECKLISTS: [Checklist; 3] = [
    Checklist {
        name: "tc8",
        text: include_str!("../../requirements/checklists/tc8.toml"),
        excuses: include_str!("../../requirements/excuses/tc8.toml"),
    },
    Checklist {
        name: "idea",
        text: include_str!("../../requirements/checklists/ideas.toml"),
        excuses: include_str!("../../requirements/excuses/ideas.toml"),
    },
    Checklist {
        name: "bug",
        text: include_str!("../../requirements/checklists/bugs.toml"),
        excuses: include_str!("../../requirements/excuses/bugs.toml"),
    },
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    item: Vec<Item>,
}

/// One entry of a list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// What follows the slash in an alias.
    pub id: String,
    /// The stimulus, or what is to be looked at.
    pub summary: String,
    /// Whose bug it was.
    pub system: Option<String>,
    /// When it was published.
    pub year: Option<u16>,
    /// What it is about, in a word.
    pub topic: Option<String>,
    /// What was wrong in the code.
    pub cause: Option<String>,
    /// How it showed.
    pub symptom: Option<String>,
    /// How it is looked for.
    pub test: Option<String>,
    /// Where it was published.
    pub link: Option<String>,
    /// How well it is known.
    pub confidence: Option<String>,
}

/// The entries of a list and how each is met.
#[derive(Clone, Debug)]
pub struct Ticked {
    /// In the order of the list.
    pub rows: Vec<(Item, Cover)>,
    /// What is wrong with list, excuses or aliases.
    pub problems: Vec<String>,
}

impl Checklist {
    /// Ticks the entries off against `cases`.
    pub fn tick(&self, cases: &'static [Case]) -> Ticked {
        let mut met: BTreeMap<&str, Vec<&'static str>> = BTreeMap::new();
        for case in cases {
            for alias in &case.aliases {
                if let Some((list, id)) = alias.split_once('/').filter(|(list, _)| *list == self.name) {
                    let _ = list;
                    met.entry(id).or_default().push(&case.id);
                }
            }
        }
        let (excuses, mut problems) = read_excuses(self.excuses);
        let items = match toml::from_str::<File>(self.text) {
            Ok(file) => file.item,
            Err(error) => return Ticked { rows: Vec::new(), problems: vec![error.to_string()] },
        };
        let known: BTreeSet<&str> = items.iter().map(|item| &item.id[..]).collect();
        if known.len() != items.len() {
            problems.push(format!("the list {} has an id twice", self.name));
        }
        let strangers = met.keys().copied().chain(excuses.keys().map(String::as_str));
        problems.extend(
            strangers
                .filter(|id| !known.contains(id))
                .map(|id| format!("{}/{id} is an alias or excused, and not in the list", self.name)),
        );
        let rows = items.into_iter().map(|item| {
            let cover = match (met.get(&item.id[..]), excuses.get(&item.id)) {
                (Some(cases), _) => Cover::Cases(cases.clone()),
                (None, Some(reason)) => Cover::Excused(reason.clone()),
                (None, None) => Cover::Gap,
            };
            (item, cover)
        });
        let rows: Vec<_> = rows.collect();
        problems.extend(
            rows.iter()
                .filter(|(item, cover)| matches!(cover, Cover::Cases(_)) && excuses.contains_key(&item.id))
                .map(|(item, _)| format!("{}/{} is excused and has cases", self.name, item.id)),
        );
        Ticked { rows, problems }
    }
}

#[cfg(test)]
mod tests {
    use super::super::registry::registry;
    use super::*;

    #[test]
    fn the_lists_are_sound() {
        for (list, len) in CHECKLISTS.iter().zip([44, 226, 100]) {
            let ticked = list.tick(registry());
            assert_eq!((ticked.problems, ticked.rows.len()), (Vec::new(), len), "{}", list.name);
        }
    }
}
