//! The lines of packet comments: one fact each, readable and read back.
//!
//! ```text
//! packet: 17                               number in the capture the step came from
//! note: …                                  what a reader should know
//! advance: 30.000000000                    let time pass until this moment, in seconds
//! socket: 0 send to 10.0.0.2:53 length 5   operation on a socket; `data:` follows
//! socket: 0 connect 10.0.0.2:53
//! socket: 0 set recverr 1
//! socket: 0 close
//! clock: 81.004000000 43200000             the DUT's clock: seconds, milliseconds since midnight
//! refused: …                               the DUT's link layer would not take the frame
//! delivery: 0 from 10.0.0.2:53 length 5    a socket received this; `data:` follows
//! error: 0 ECONNREFUSED                    a socket reported this
//! error: 0 ECONNREFUSED queue 2 3 3 0 0 10.0.0.2 10.0.0.2:53 length 28
//!                                          the same from the error queue: origin, type, code, info, data, offender,
//!                                          name of the destination, length of the payload; `data:` follows
//! drop: IP_CSUM at ip_rcv_core             reason, and where if known
//! counters: 2                              so many counters moved since they were last read
//! counter: Ip.InReceives +1
//! conntrack: new 17 …                      an event: new, update or destroy, and the entry
//! table: 1                                 the tracking table has so many entries
//! entry: 17 10.0.0.1:5 > 10.0.0.2:53 reply 10.0.0.2:53 > 10.0.0.1:5 status 0x8 zone 0 timeout 30
//! data: 68656c6c6f                         octets of the line before, in hexadecimal
//! verdict: …                               what an oracle says
//! ```
//!
//! In free text a backslash, a line feed and a carriage return are written `\\`, `\n` and `\r`; in words that end at
//! a space, a space is `\s` and nothing is `\e`.

mod parse;

use std::fmt::Write as _;
use std::time::Duration;

use super::Observed;
use crate::model::observation::{ConntrackEventKind, QueuedError, TrackedTuple};
use crate::model::{Action, ConntrackEntry, SocketAction, Step};

pub(super) use parse::{parse, unescape};

/// Octets on one `data:` line.
const DATA_LINE: usize = 2048;

/// Free text as it stands in a line.
pub(crate) fn text(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r")
}

/// A word as it stands in a line.
fn word(word: &str) -> String {
    if word.is_empty() { "\\e".to_owned() } else { text(word).replace(' ', "\\s") }
}

fn seconds(time: Duration) -> String {
    format!("{}.{:09}", time.as_secs(), time.subsec_nanos())
}

fn write_data(octets: &[u8], lines: &mut Vec<String>) {
    for part in octets.chunks(DATA_LINE) {
        let mut line = String::with_capacity(6 + 2 * part.len());
        line.push_str("data: ");
        for octet in part {
            let _ = write!(line, "{octet:02x}");
        }
        lines.push(line);
    }
}

/// The lines of a step but for the frame itself.
pub(crate) fn write_step(step: &Step, lines: &mut Vec<String>) {
    if step.packet != 0 {
        lines.push(format!("packet: {}", step.packet));
    }
    if let Some(comment) = &step.comment {
        lines.push(format!("note: {}", text(comment)));
    }
    match &step.action {
        Action::Inject { .. } => {}
        Action::Advance => lines.push(format!("advance: {}", seconds(step.at))),
        Action::Socket { socket, action } => match action {
            SocketAction::Send { to, data } => {
                let to = to.map(|to| format!(" to {to}")).unwrap_or_default();
                lines.push(format!("socket: {socket} send{to} length {}", data.len()));
                write_data(data, lines);
            }
            SocketAction::Connect { to } => lines.push(format!("socket: {socket} connect {to}")),
            SocketAction::SetOption { name, value } => {
                lines.push(format!("socket: {socket} set {} {value}", word(name)));
            }
            SocketAction::Close => lines.push(format!("socket: {socket} close")),
        },
    }
}

/// The lines of what was observed but for the frames.
pub(crate) fn write_observed(observed: &Observed, lines: &mut Vec<String>) {
    let observation = &observed.observation;
    if let Some(clock) = observed.clock {
        lines.push(format!("clock: {} {}", seconds(clock.monotonic), clock.midnight_ms));
    }
    if let Some(refused) = &observation.refused {
        lines.push(format!("refused: {}", text(refused)));
    }
    for delivery in &observation.deliveries {
        let length = delivery.data.len();
        lines.push(format!("delivery: {} from {} length {length}", delivery.socket, delivery.source));
        write_data(&delivery.data, lines);
    }
    for error in &observation.socket_errors {
        let queued = error.queued.as_ref().map(queue_words).unwrap_or_default();
        lines.push(format!("error: {} {}{queued}", error.socket, word(&error.errno)));
        write_data(error.queued.as_ref().map_or(&[], |queued| &queued.payload), lines);
    }
    for drop in &observation.drops {
        let location = drop.location.as_ref().map(|location| format!(" at {}", word(location)));
        lines.push(format!("drop: {}{}", word(&drop.reason), location.unwrap_or_default()));
    }
    for event in &observation.conntrack_events {
        let kind = match event.kind {
            ConntrackEventKind::New => "new",
            ConntrackEventKind::Update => "update",
            ConntrackEventKind::Destroy => "destroy",
        };
        lines.push(format!("conntrack: {kind} {}", entry_words(&event.entry)));
    }
    if let Some(counters) = &observed.counters {
        lines.push(format!("counters: {}", counters.iter().count()));
        lines.extend(counters.iter().map(|(id, moved)| format!("counter: {} {moved:+}", id.name())));
    }
    if let Some(table) = &observed.conntrack {
        lines.push(format!("table: {}", table.len()));
        lines.extend(table.iter().map(|entry| format!("entry: {}", entry_words(entry))));
    }
    lines.extend(observed.verdicts.iter().map(|verdict| format!("verdict: {}", text(verdict))));
}

fn queue_words(queued: &QueuedError) -> String {
    let QueuedError { origin, icmp_type, icmp_code, info, data, offender, name, payload } = queued;
    let length = payload.len();
    format!(" queue {origin} {icmp_type} {icmp_code} {info} {data} {offender} {name} length {length}")
}

fn entry_words(entry: &ConntrackEntry) -> String {
    let tuple = |tuple: &TrackedTuple| {
        format!("{}:{} > {}:{}", tuple.source, tuple.source_id, tuple.destination, tuple.destination_id)
    };
    let mut words = format!(
        "{} {} reply {} status {:#x} zone {}",
        entry.protocol,
        tuple(&entry.original),
        tuple(&entry.reply),
        entry.status,
        entry.zone
    );
    if let Some(timeout) = entry.timeout_s {
        let _ = write!(words, " timeout {timeout}");
    }
    if let Some(state) = &entry.tcp_state {
        let _ = write!(words, " state {}", word(state));
    }
    if let Some([original, reply]) = entry.accounting {
        let _ = write!(words, " packets {} {} {} {}", original.0, original.1, reply.0, reply.1);
    }
    words
}
