//! Packets through the hooks as the live kernel judged and rewrote them (`probes/`).

mod probe;
mod rig;
mod rules;
mod whole;

use probe::{Router, play};
use rig::Rig;
use rstest::rstest;
use whole::Whole;

#[track_caller]
fn check<R: Router>(file: &str, packets: usize) {
    let (count, differences) = play::<R>(file);
    assert!(differences.is_empty(), "{} of {count} differ:\n{}", differences.len(), differences.join("\n"));
    assert_eq!(count, packets);
}

#[rstest]
#[case::errors(include_str!("probes/errors.txt"), 123)]
#[case::nat(include_str!("probes/nat.txt"), 146)]
#[case::gre(include_str!("probes/gre.txt"), 23)]
#[case::own_errors(include_str!("probes/own-errors.txt"), 32)]
#[case::rules(include_str!("probes/rules.txt"), 35)]
#[case::checksums(include_str!("probes/checksums.txt"), 23)]
fn hooks_alone_do_as_linux(#[case] file: &str, #[case] packets: usize) {
    check::<Rig>(file, packets);
}

#[rstest]
#[case::errors(include_str!("probes/errors.txt"), 123)]
#[case::nat(include_str!("probes/nat.txt"), 146)]
#[case::gre(include_str!("probes/gre.txt"), 23)]
#[case::own_errors(include_str!("probes/own-errors.txt"), 32)]
#[case::redirects(include_str!("probes/redirects.txt"), 4)]
#[case::rules(include_str!("probes/rules.txt"), 35)]
#[case::checksums(include_str!("probes/checksums.txt"), 23)]
#[case::fragments(include_str!("probes/fragments.txt"), 59)]
fn the_whole_stack_does_as_linux(#[case] file: &str, #[case] packets: usize) {
    check::<Whole>(file, packets);
}
