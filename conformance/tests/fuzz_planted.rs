//! The bugs that `ci/fuzz-planted` plants still fit the stack: each finds its place, and has targets that look for it.

use std::collections::BTreeSet;
use std::path::Path;

use netassay::fuzz_target::Target;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Planted {
    bug: Vec<Bug>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bug {
    id: String,
    file: String,
    find: String,
    replace: String,
    targets: Vec<String>,
}

fn bugs() -> Vec<Bug> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/planted/bugs.toml");
    let text = std::fs::read_to_string(path).expect("the list is there");
    toml::from_str::<Planted>(&text).expect("the list is well-formed").bug
}

#[test]
fn each_bug_finds_its_place_in_the_stack() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../stack/src");
    for bug in bugs() {
        let source = std::fs::read_to_string(sources.join(&bug.file)).expect("the source is there");
        assert_eq!(source.matches(&bug.find).count(), 1, "{}: `{}` in {}", bug.id, bug.find, bug.file);
        assert!(bug.replace.contains("PLANTED"), "{}: nothing switches it", bug.id);
    }
}

#[test]
fn each_bug_is_looked_for_by_targets_that_exist() {
    for bug in bugs() {
        assert!(!bug.targets.is_empty(), "{}: no target looks for it", bug.id);
        for target in &bug.targets {
            assert!(Target::by_name(target).is_some(), "{}: `{target}` is no target", bug.id);
        }
    }
}

#[test]
fn names_of_bugs_are_not_used_twice() {
    let bugs = bugs();
    let ids: BTreeSet<_> = bugs.iter().map(|bug| &bug.id).collect();
    assert_eq!(ids.len(), bugs.len());
}
