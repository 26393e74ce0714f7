//! Packets through the hooks as the live kernel judged and rewrote them (`tests/probes/`).

mod rig;

use std::fmt::Write as _;

use rig::{Rig, Seen};
use rstest::rstest;

/// A packet of a probe file and what was recorded of it.
#[derive(Debug, Default)]
struct Probe {
    name: String,
    line: usize,
    device: String,
    datagram: Vec<u8>,
    is_random: bool,
    states: String,
    emitted: Vec<(String, Vec<u8>)>,
    counters: String,
}

fn octets(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// Plays a file and collects what differs.
fn play(text: &str) -> (usize, Vec<String>) {
    let mut rig = Rig::default();
    let (mut probe, mut count, mut differences) = (Probe::default(), 0, Vec::new());
    for (line, row) in text.lines().enumerate() {
        let (kind, rest) = row.split_once(' ').unwrap_or((row, ""));
        let is_of_probe = matches!(kind, "=" | "<" | "+");
        if !is_of_probe && !probe.device.is_empty() {
            differences.extend(judge(&mut rig, &probe));
            probe = Probe::default();
            count += 1;
        }
        match kind {
            _ if row.starts_with('[') => rig = Rig::of(row[1..].split_once(']').unwrap().0),
            "flush" => rig.flush(),
            "mtu" => rig.set_mtu(rest),
            "#" => rest.clone_into(&mut probe.name),
            ">" => {
                let mut words = rest.split(' ');
                words.next().unwrap().clone_into(&mut probe.device);
                probe.datagram = octets(words.next().unwrap());
                probe.is_random = words.next() == Some("~");
                probe.line = line + 1;
            }
            "=" => rest.clone_into(&mut probe.states),
            "<" => {
                let (device, datagram) = rest.split_once(' ').unwrap();
                probe.emitted.push((device.to_owned(), octets(datagram)));
            }
            "+" => rest.clone_into(&mut probe.counters),
            "" => {}
            other => panic!("line {}: what is {other}?", line + 1),
        }
    }
    if !probe.device.is_empty() {
        differences.extend(judge(&mut rig, &probe));
        count += 1;
    }
    (count, differences)
}

/// Lets a packet pass and compares.
fn judge(rig: &mut Rig, probe: &Probe) -> Option<String> {
    let mut seen = rig.pass(&probe.device, probe.datagram.clone());
    let mut expected = Seen {
        states: probe.states.clone(),
        emitted: probe.emitted.clone(),
        counters: probe.counters.clone(),
    };
    if probe.is_random {
        for (_, datagram) in seen.emitted.iter_mut().chain(&mut expected.emitted) {
            // The port or identifier, and the checksum over it.
            datagram.truncate(20);
        }
    }
    // What the router itself says is another test's business.
    if let Some(end) = expected.states.find(" out=") {
        expected.states.truncate(end);
        expected.emitted.clear();
        expected.counters.clone_from(&seen.counters);
    }
    if seen == expected {
        return None;
    }
    let show = |seen: &Seen| {
        let emitted: Vec<_> =
            seen.emitted.iter().map(|(to, octets)| format!("{to} {}", hex(octets))).collect();
        format!("{} | {} | {}", seen.states, emitted.join("; "), seen.counters)
    };
    Some(format!(
        "line {} {}: {}\n  expected {}\n  found    {}",
        probe.line,
        probe.name,
        hex(&probe.datagram),
        show(&expected),
        show(&seen)
    ))
}

#[rstest]
#[case::errors(include_str!("probes/errors.txt"), 123)]
#[case::nat(include_str!("probes/nat.txt"), 146)]
#[case::own_errors(include_str!("probes/own-errors.txt"), 32)]
#[case::rules(include_str!("probes/rules.txt"), 28)]
#[case::checksums(include_str!("probes/checksums.txt"), 23)]
fn packets_fare_as_in_linux(#[case] file: &str, #[case] packets: usize) {
    let (count, differences) = play(file);
    assert!(differences.is_empty(), "{} of {count} differ:\n{}", differences.len(), differences.join("\n"));
    assert_eq!(count, packets);
}
