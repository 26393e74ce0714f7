//! The corpus is what its manifest says: no file without an entry, no entry without a file, nothing that grows unseen.
//! Its probes are traces that say what they are.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use netassay::capture::CaptureReader;
use netassay::capture::trace_file::read_trace;
use netassay::model::{Action, scenario_file};
use serde::Deserialize;

/// Largest capture, and largest sum of all, in octets.
const LARGEST_FILE: u64 = 200_000;
const LARGEST_SUM: u64 = 3_000_000;

/// The probes there were when they were first written, at least.
const LEAST_PROBES: usize = 420;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    capture: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Entry {
    file: String,
    holds: String,
    scenarios: Vec<String>,
    recorded_at: Vec<String>,
    packets: u64,
    commands: Vec<String>,
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus")
}

fn manifest() -> Vec<Entry> {
    let text = std::fs::read_to_string(corpus().join("manifest.toml")).expect("the manifest is there");
    toml::from_str::<Manifest>(&text).expect("the manifest is well formed").capture
}

/// Names relative to the corpus of all files in `captures/`.
fn files() -> BTreeSet<String> {
    std::fs::read_dir(corpus().join("captures"))
        .expect("the folder is there")
        .map(|entry| format!("captures/{}", entry.expect("the folder is readable").file_name().display()))
        .collect()
}

#[test]
fn manifest_and_files_name_each_other() {
    let listed: Vec<String> = manifest().into_iter().map(|entry| entry.file).collect();
    let listed_once: BTreeSet<String> = listed.iter().cloned().collect();
    assert_eq!(listed.len(), listed_once.len(), "a file is listed twice");
    assert_eq!(listed_once, files());
}

#[test]
fn every_entry_says_what_where_and_how() {
    for Entry { file, holds, scenarios, recorded_at, commands, .. } in manifest() {
        assert!(
            !holds.is_empty() && !recorded_at.is_empty() && !commands.is_empty(),
            "{file} says too little"
        );
        assert!(!scenarios.is_empty(), "{file} is for no scenario");
    }
}

#[test]
fn every_scenario_of_an_entry_has_a_file() {
    for entry in manifest() {
        for scenario in entry.scenarios {
            assert!(scenario_file::by_name(&scenario).is_some(), "{}: no scenario {scenario}", entry.file);
        }
    }
}

#[test]
fn probes_are_traces_with_a_label_at_each_step() {
    let root = corpus().join("probes");
    let probes = files_below(&root);
    assert!(probes.len() >= LEAST_PROBES, "only {} probes are left", probes.len());
    for path in probes {
        let trace = read_trace(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let name = path.strip_prefix(&root).expect("it is below").with_extension("");
        assert_eq!(Path::new(&trace.name), name);
        assert_eq!(scenario_file::problems(&trace.scenario), [""; 0], "{}", trace.name);
        assert!(trace.steps.iter().any(|step| step.action != Action::Advance), "{} does nothing", trace.name);
        let is_labelled =
            trace.steps.iter().all(|step| step.comment.as_ref().is_some_and(|text| !text.is_empty()));
        assert!(is_labelled, "{}: a step says nothing", trace.name);
    }
}

#[test]
fn captures_hold_as_many_packets_as_the_manifest_says() {
    let counted: BTreeMap<String, u64> =
        files().into_iter().map(|file| (file.clone(), datagrams(&file).len() as u64)).collect();
    let stated: BTreeMap<String, u64> =
        manifest().into_iter().map(|entry| (entry.file, entry.packets)).collect();
    assert_eq!(counted, stated);
}

#[test]
fn captures_stay_small() {
    let sizes = files().into_iter().map(|file| {
        let len = corpus().join(&file).metadata().expect("the file is there").len();
        assert!(len <= LARGEST_FILE, "{file} has {len} octets");
        len
    });
    assert!(sizes.sum::<u64>() <= LARGEST_SUM);
}

#[test]
fn captures_hold_no_address_of_anybody() {
    for file in files() {
        for datagram in datagrams(&file) {
            for address in [&datagram[12..16], &datagram[16..20]] {
                let address =
                    Ipv4Addr::from_bits(u32::from_be_bytes(address.try_into().expect("four octets")));
                assert!(is_nobodys(address), "{file} holds {address}");
            }
        }
    }
}

/// All files below `folder`, however deep.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("the folder is readable").path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}

/// For documentation (RFC 5737), private (RFC 1918), or of no single host.
fn is_nobodys(address: Ipv4Addr) -> bool {
    address.is_documentation() || address.is_private() || address.is_broadcast() || address.is_multicast()
}

/// The IPv4 datagrams of a capture. All were recorded on Ethernet, IPv4 alone.
fn datagrams(file: &str) -> Vec<Vec<u8>> {
    let mut reader = CaptureReader::open(&corpus().join(file), None).expect("the capture opens");
    let mut datagrams = Vec::new();
    while let Some(packet) = reader.next().expect("the capture is well formed") {
        assert_eq!(packet.octets[12..14], [0x08, 0x00], "{file}: packet {} is not IPv4", packet.number);
        datagrams.push(packet.octets[14..].to_vec());
    }
    assert!(reader.cut_off().is_none(), "{file} is cut off");
    datagrams
}
