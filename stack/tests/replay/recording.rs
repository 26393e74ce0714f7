//! The recordings as data.

/// One line that changes the world, or one probe.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Fresh,
    Device { name: String, is_tap: bool, is_up: bool, mtu: u32, addresses: Vec<String> },
    Shell(String),
    Join { device: String, group: String },
    Socket { local: String },
    Sysctl { name: String, value: String },
    Probe(Probe),
}

/// What was injected, and all that the kernel let out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Probe {
    pub(crate) device: String,
    pub(crate) at_us: u64,
    pub(crate) wait_us: u64,
    pub(crate) midnight_ms: u32,
    pub(crate) label: String,
    pub(crate) injected: Vec<Vec<u8>>,
    pub(crate) emitted: Vec<(String, Vec<u8>)>,
    pub(crate) counters: Vec<String>,
    pub(crate) drops: Vec<String>,
}

/// Reads a whole recording.
pub(crate) fn read(text: &str) -> Vec<Event> {
    let mut events = Vec::new();
    for line in text.lines() {
        if let Some(detail) = line.strip_prefix(' ') {
            let Some(Event::Probe(probe)) = events.last_mut() else { panic!("`{line}` belongs to no probe") };
            read_detail(probe, detail);
        } else {
            events.push(read_event(line));
        }
    }
    events
}

fn read_event(line: &str) -> Event {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    match word {
        "fresh" => Event::Fresh,
        "join" => {
            let (device, group) = rest.split_once(' ').unwrap();
            Event::Join { device: device.to_owned(), group: group.to_owned() }
        }
        "socket" => Event::Socket { local: rest.trim_start_matches("udp ").to_owned() },
        "sh" => Event::Shell(rest.to_owned()),
        "sysctl" => {
            let (name, value) = rest.split_once(' ').unwrap();
            Event::Sysctl { name: name.to_owned(), value: value.to_owned() }
        }
        "dev" => {
            let fields: Vec<&str> = rest.split_whitespace().collect();
            Event::Device {
                name: fields[0].to_owned(),
                is_tap: fields[1] == "tap",
                is_up: fields[2] == "up",
                mtu: fields[4].parse().unwrap(),
                addresses: fields[5..].iter().map(|address| (*address).to_owned()).collect(),
            }
        }
        "tx" => {
            let fields: Vec<&str> = rest.splitn(5, ' ').collect();
            Event::Probe(Probe {
                device: fields[0].to_owned(),
                at_us: fields[1].parse().unwrap(),
                wait_us: fields[2].parse().unwrap(),
                midnight_ms: fields[3].parse().unwrap(),
                label: fields[4].to_owned(),
                ..Probe::default()
            })
        }
        _ => panic!("`{line}` is no event"),
    }
}

fn read_detail(probe: &mut Probe, detail: &str) {
    let (word, rest) = detail.split_once(' ').unwrap();
    match word {
        "in" => probe.injected.push(octets(rest)),
        "out" => {
            let (device, text) = rest.split_once(' ').unwrap();
            probe.emitted.push((device.to_owned(), octets(text)));
        }
        "count" => probe.counters = rest.split(' ').map(str::to_owned).collect(),
        "drop" => probe.drops = rest.split(' ').map(str::to_owned).collect(),
        _ => panic!("`{detail}` is no detail"),
    }
}

/// Hexadecimal digits, with `(78*100)` for an octet repeated; `-` for nothing.
fn octets(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = text.trim_start_matches('-');
    while !rest.is_empty() {
        if let Some(run) = rest.strip_prefix('(') {
            let (run, after) = run.split_once(')').unwrap();
            let (octet, count) = run.split_once('*').unwrap();
            let octet = u8::from_str_radix(octet, 16).unwrap();
            octets.resize(octets.len() + count.parse::<usize>().unwrap(), octet);
            rest = after;
        } else {
            octets.push(u8::from_str_radix(&rest[..2], 16).unwrap());
            rest = &rest[2..];
        }
    }
    octets
}
