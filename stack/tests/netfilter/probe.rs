//! Files of recorded packets: reading and playing them.

use std::fmt::Write as _;

use netassay_stack::time::Instant;

/// What was seen of a packet.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Seen {
    /// What connection tracking said, hook by hook.
    pub(crate) states: String,
    /// What left, and by which device.
    pub(crate) emitted: Vec<(String, Vec<u8>)>,
    /// What connection tracking counted, sorted by name.
    pub(crate) counters: String,
}

/// A router that the packets pass.
pub(crate) trait Router {
    /// The router of a scenario of the files.
    fn of(scenario: &str) -> Self;

    /// Forgets all connections.
    fn flush(&mut self);

    /// Sets the MTU of a device: its name and the octets.
    fn set_mtu(&mut self, words: &str);

    /// Lets a packet pass that came in by `device` at `now`, and narrows `expected` to what this router can show.
    fn pass(&mut self, now: Instant, device: &str, datagram: &[u8], expected: &mut Seen) -> Seen;
}

/// A packet and what was recorded of it.
#[derive(Debug, Default)]
struct Probe {
    name: String,
    line: usize,
    at: Instant,
    device: String,
    datagram: Vec<u8>,
    is_random: bool,
    recorded: Seen,
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

/// Plays a file; tells how many packets it has, and what differs.
pub(crate) fn play<R: Router>(text: &str) -> (usize, Vec<String>) {
    let mut router = R::of("plain");
    let (mut count, mut differences) = (0, Vec::new());
    let (mut name, mut probe) = (String::new(), None::<Probe>);
    // The empty line after the last ends the last packet.
    for (line, row) in text.lines().chain([""]).enumerate() {
        let (kind, rest) = row.split_once(' ').unwrap_or((row, ""));
        if !matches!(kind, "=" | "<" | "+")
            && let Some(probe) = probe.take()
        {
            differences.extend(judge(&mut router, probe));
            count += 1;
        }
        match (kind, &mut probe) {
            _ if row.starts_with('[') => router = R::of(row[1..].split_once(']').unwrap().0),
            ("flush", _) => router.flush(),
            ("mtu", _) => router.set_mtu(rest),
            ("#", _) => rest.clone_into(&mut name),
            (">", _) => probe = Some(read_probe(rest, line + 1, std::mem::take(&mut name))),
            ("=", Some(probe)) => rest.clone_into(&mut probe.recorded.states),
            ("<", Some(probe)) => {
                let (device, datagram) = rest.split_once(' ').unwrap();
                probe.recorded.emitted.push((device.to_owned(), octets(datagram)));
            }
            ("+", Some(probe)) => rest.clone_into(&mut probe.recorded.counters),
            ("", _) => {}
            (other, _) => panic!("line {}: what is {other}?", line + 1),
        }
    }
    (count, differences)
}

fn read_probe(words: &str, line: usize, name: String) -> Probe {
    let mut words = words.split(' ');
    let millis: u64 = words.next().unwrap().parse().unwrap();
    let at = Instant::from_micros(millis * 1000);
    let device = words.next().unwrap().to_owned();
    let datagram = octets(words.next().unwrap());
    Probe {
        name,
        line,
        at,
        device,
        datagram,
        is_random: words.next() == Some("~"),
        recorded: Seen::default(),
    }
}

/// Lets a packet pass and compares.
fn judge(router: &mut impl Router, probe: Probe) -> Option<String> {
    let mut expected = probe.recorded;
    let mut seen = router.pass(probe.at, &probe.device, &probe.datagram, &mut expected);
    if probe.is_random {
        for (_, datagram) in seen.emitted.iter_mut().chain(&mut expected.emitted) {
            // The port or identifier, and the checksum over it.
            datagram.truncate(20);
        }
    }
    if seen == expected {
        return None;
    }
    let show = |seen: &Seen| {
        let emitted: Vec<_> =
            seen.emitted.iter().map(|(to, octets)| format!("{to} {}", hex(octets))).collect();
        format!("{} | {} | {}", seen.states, emitted.join("; "), seen.counters)
    };
    let stimulus = format!("line {} {}: {}", probe.line, probe.name, hex(&probe.datagram));
    Some(format!("{stimulus}\n  expected {}\n  found    {}", show(&expected), show(&seen)))
}
