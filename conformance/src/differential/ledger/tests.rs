use rstest::rstest;

use super::*;
use crate::differential::compare::Difference;
use crate::differential::rule::tests_support::{icmp, identified, inject, scenario};
use crate::differential::stimulus::Stimulus;
use crate::model::{Dimension, Dimensions, FieldDifference, Limits, Role};

const ENTRY: &str = r#"
[[deviation]]
id = "quote-is-shorter"
duts = ["reference", "linux"]
versions = ["6.18"]
dimension = "frames"
fields = ["frames[*].icmp.quote.*", "frames[*].ipv4.total_length"]
stimulus = { protocol = [17], destination = ["elsewhere", "on-link"] }
reason = "a test"
clause = "RFC 1812 §4.3.2.3"
example = "traces/quote.pcapng"
"#;

const DUTS: Duts<'_> = Duts { a: ("reference", "0.1.0"), b: ("linux", "Linux 6.18.44 (x86_64)") };

fn ledger(text: &str) -> Ledger {
    Ledger::new(parse([("test.toml", text)]).unwrap())
}

fn difference(field: &str) -> Difference {
    let field = FieldDifference { field: field.to_owned(), a: "1".to_owned(), b: "2".to_owned() };
    Difference { dimension: Dimension::Frames, field, class: String::new() }
}

fn explained(ledger: &Ledger, fields: &[&str], protocol: u8) -> Vec<String> {
    let differences: Vec<_> = fields.iter().map(|field| difference(field)).collect();
    let stimulus = Stimulus::of(&inject(0, identified(protocol, 1, 0, &[0; 8])), &scenario());
    let (role, limits, dimension) = (Role::Host, Limits::Open, Dimension::Frames);
    let subject = Subject { role, limits, dimension, stimulus: &stimulus, differences: &differences };
    ledger.explain(&subject).iter().map(|entry| entry.id.clone()).collect()
}

#[rstest]
#[case::all_covered(&["frames[2].icmp.quote.ipv4.ttl", "frames[0].ipv4.total_length"], 17, true)]
#[case::one_field_more(&["frames[2].icmp.quote.ipv4.ttl", "frames[0].ipv4.ttl"], 17, false)]
#[case::only_a_beginning(&["frames[0].icmp.quoted"], 17, false)]
#[case::other_stimulus(&["frames[0].ipv4.total_length"], 6, false)]
fn every_field_must_be_covered(#[case] fields: &[&str], #[case] protocol: u8, #[case] explains: bool) {
    assert_eq!(!explained(&ledger(ENTRY), fields, protocol).is_empty(), explains);
}

#[rstest]
#[case::as_written(DUTS, true)]
#[case::swapped(Duts { a: DUTS.b, b: DUTS.a }, true)]
#[case::other_version(Duts { b: ("linux", "Linux 6.1.0"), ..DUTS }, false)]
#[case::longer_version(Duts { b: ("linux", "Linux 6.180.1"), ..DUTS }, false)]
#[case::recorded(Duts { b: ("recorded:some/where", "linux Linux 6.18.44"), ..DUTS }, true)]
#[case::another_recorded(Duts { b: ("recorded:some/where", "linux Linux 6.1.0"), ..DUTS }, false)]
#[case::other_profile(Duts { a: ("reference:rfc", "0.1.0"), ..DUTS }, false)]
fn holds_for_its_duts_only(#[case] duts: Duts<'_>, #[case] holds: bool) {
    assert_eq!(ledger(ENTRY).for_duts(duts).entries().len(), usize::from(holds));
}

#[rstest]
#[case::unknown_key("id =", "idea =", 3, "unknown field `idea`")]
#[case::no_clause("clause = \"RFC 1812 §4.3.2.3\"\n", "", 2, "missing field `clause`")]
#[case::empty_example("traces/quote.pcapng", " ", 2, "no example")]
#[case::no_stimulus(
    "{ protocol = [17], destination = [\"elsewhere\", \"on-link\"] }",
    "{}",
    2,
    "no stimulus"
)]
#[case::foreign_field("frames[*].ipv4.total_length", "counters.Ip.InReceives", 2, "does not belong")]
#[case::bad_id("quote-is-shorter", "Quote is shorter", 2, "no identifier")]
fn errors_name_file_and_line(#[case] from: &str, #[case] to: &str, #[case] line: usize, #[case] what: &str) {
    let text = ENTRY.replacen(from, to, 1);
    assert_ne!(text, ENTRY);
    let error = parse([("test.toml", &text[..])]).unwrap_err();
    assert_eq!((&error.file[..], error.line), ("test.toml", line), "{error}");
    assert!(error.what.contains(what), "{error}");
}

#[test]
fn identifiers_are_unique_over_all_files() {
    let error = parse([("one.toml", ENTRY), ("two.toml", ENTRY)]).unwrap_err();
    assert_eq!(error.to_string(), "two.toml:2: the identifier `quote-is-shorter` is taken by one.toml:2");
}

#[test]
fn entry_is_stale_only_if_its_example_was_replayed() {
    let ledger = ledger(ENTRY);
    let mut usage = Usage::default();
    usage.replayed(&ledger, "corpus/other.pcapng", &scenario(), Dimensions::ALL);
    usage.replayed(&ledger, "corpus/bad-traces/quote.pcapng", &scenario(), Dimensions::NONE);
    assert_eq!(usage.stale(), Vec::<String>::new());
    usage.replayed(&ledger, "corpus/traces/quote.pcapng", &scenario(), Dimensions::ALL);
    assert_eq!(usage.stale(), ["quote-is-shorter"]);
    usage.matched(&ledger.entries()[0]);
    assert_eq!(usage.stale(), Vec::<String>::new());
}

#[test]
fn built_in_files_are_those_of_the_directory() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/deviations");
    let on_disk = load_directory(std::path::Path::new(directory)).unwrap();
    assert_eq!(Ledger::built_in().unwrap().entries(), on_disk);
}

#[test]
fn examples_are_files_of_the_corpus() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    let ledger = Ledger::built_in().unwrap_or_else(|error| panic!("{error}"));
    for entry in ledger.entries() {
        assert!(corpus.join(&entry.example).is_file(), "the example of {} is not in the corpus", entry.id);
    }
}

#[test]
fn a_quoted_protocol_is_told_from_that_of_the_error() {
    let predicate: StimulusPredicate = toml::from_str("protocol = [1]\nquoted-protocol = [132]").unwrap();
    let error_about = |protocol| {
        let mut message = vec![3, 2, 0, 0, 0, 0, 0, 0];
        message.extend(identified(protocol, 1, 0, &[0; 8]));
        Stimulus::of(&inject(0, icmp(&message)), &scenario())
    };
    assert!(predicate.holds(&error_about(132)));
    assert!(!predicate.holds(&error_about(17)));
    assert!(!predicate.holds(&Stimulus::of(&inject(0, identified(132, 1, 0, &[0; 8])), &scenario())));
}
