//! Counters from `/proc/net/snmp`, `/proc/net/netstat` and `/proc/net/stat/nf_conntrack`.
//!
//! Reading them takes some 50 µs, whoever asks: the way for machines where BPF is not allowed.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::super::inside::{Access, Inside};
use crate::model::{CounterId, Counters};

/// The three files, opened inside the namespace and kept open.
#[derive(Debug)]
pub(in super::super) struct ProcCounters {
    snmp: Table,
    netstat: Table,
    /// Absent in a kernel without connection tracking.
    conntrack: Option<File>,
    buffer: Vec<u8>,
}

impl ProcCounters {
    /// Opens the files of the namespace.
    pub(in super::super) fn open(inside: &Inside) -> io::Result<Self> {
        Ok(Self {
            snmp: Table::new(inside.open("/proc/thread-self/net/snmp", Access::Read)?),
            netstat: Table::new(inside.open("/proc/thread-self/net/netstat", Access::Read)?),
            conntrack: inside.open("/proc/thread-self/net/stat/nf_conntrack", Access::Read).ok(),
            buffer: vec![0; 1 << 16],
        })
    }

    /// Reads all counters since the namespace was made.
    pub(in super::super) fn read(&mut self, counters: &mut Counters) -> io::Result<()> {
        counters.clear();
        for table in [&mut self.snmp, &mut self.netstat] {
            let len = read_whole(&table.file, &mut self.buffer)?;
            table.parse(&String::from_utf8_lossy(&self.buffer[..len]), counters);
        }
        if let Some(file) = &self.conntrack {
            let len = read_whole(file, &mut self.buffer)?;
            add_conntrack(&String::from_utf8_lossy(&self.buffer[..len]), counters);
        }
        Ok(())
    }
}

/// Reads a file of `/proc` from its start; one `pread` gives one consistent text if the buffer is large enough.
fn read_whole(file: &File, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let mut len = 0;
    loop {
        let read = file.read_at(&mut buffer[len..], len as u64)?;
        if read == 0 {
            return Ok(len);
        }
        len += read;
        if len == buffer.len() {
            buffer.resize(2 * len, 0);
        }
    }
}

/// A file of pairs of lines: `Group: names` and `Group: values`.
#[derive(Debug)]
struct Table {
    file: File,
    /// Per pair of lines the name line as last seen and the counters it names.
    columns: Vec<(String, Vec<Option<CounterId>>)>,
}

impl Table {
    fn new(file: File) -> Self {
        Self { file, columns: Vec::new() }
    }

    fn parse(&mut self, text: &str, counters: &mut Counters) {
        parse_table(&mut self.columns, text, counters);
    }
}

fn parse_table(columns: &mut Vec<(String, Vec<Option<CounterId>>)>, text: &str, counters: &mut Counters) {
    let mut lines = text.lines();
    let mut pair = 0;
    while let (Some(names), Some(values)) = (lines.next(), lines.next()) {
        if columns.get(pair).is_none_or(|(known, _)| known != names) {
            columns.truncate(pair);
            columns.push((names.to_owned(), ids(names)));
        }
        // The first word of each line is the group, so both are one word ahead.
        for (id, value) in columns[pair].1.iter().zip(values.split_ascii_whitespace().skip(1)) {
            if let Some(id) = id {
                counters.set(*id, value.parse().unwrap_or(0));
            }
        }
        pair += 1;
    }
}

/// The counters that a line `Group: Name Name …` names, in order.
fn ids(names: &str) -> Vec<Option<CounterId>> {
    let Some((group, names)) = names.split_once(':') else { return Vec::new() };
    names.split_ascii_whitespace().map(|name| CounterId::by_name(&format!("{group}.{name}"))).collect()
}

/// The name in the harness of a column of `/proc/net/stat/nf_conntrack`.
fn conntrack_name(column: &str) -> &str {
    match column {
        "clashres" => "clash_resolve",
        "chainlength" => "chain_toolong",
        other => other,
    }
}

/// Sums the lines, one for each CPU, of hexadecimal numbers under a line of names.
fn add_conntrack(text: &str, counters: &mut Counters) {
    let mut lines = text.lines();
    let names = lines.next().unwrap_or_default();
    let ids: Vec<_> = names
        .split_ascii_whitespace()
        .map(|name| CounterId::by_name(&format!("Conntrack.{}", conntrack_name(name))))
        .collect();
    for line in lines {
        for (id, value) in ids.iter().zip(line.split_ascii_whitespace()) {
            if let Some(id) = id {
                counters.add(*id, i64::from_str_radix(value, 16).unwrap_or(0));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(counters: &Counters, name: &str) -> i64 {
        counters.value(CounterId::by_name(name).unwrap())
    }

    #[test]
    fn pairs_of_lines_are_read_by_name() {
        let mut columns = Vec::new();
        let mut counters = Counters::new();
        let text = "Ip: Forwarding DefaultTTL InReceives\nIp: 2 64 17\nIcmp: InMsgs\nIcmp: 3\n";
        parse_table(&mut columns, text, &mut counters);
        // Another group shows up in between, as IcmpMsg does with the first message.
        let text = "Ip: Forwarding DefaultTTL InReceives\nIp: 2 64 18\nIcmpMsg: InType8\nIcmpMsg: 5\nIcmp: InMsgs\nIcmp: 4\n";
        parse_table(&mut columns, text, &mut counters);
        assert_eq!(value(&counters, "Ip.InReceives"), 18);
        assert_eq!(value(&counters, "IcmpMsg.InType8"), 5);
        assert_eq!(value(&counters, "Icmp.InMsgs"), 4);
    }

    #[test]
    fn conntrack_sums_all_cpus() {
        let mut counters = Counters::new();
        add_conntrack("entries  clashres found invalid\n00000005 1 a 1\n00000005 2 10 f\n", &mut counters);
        assert_eq!(value(&counters, "Conntrack.clash_resolve"), 3);
        assert_eq!(value(&counters, "Conntrack.found"), 26);
        assert_eq!(value(&counters, "Conntrack.invalid"), 16);
    }
}
