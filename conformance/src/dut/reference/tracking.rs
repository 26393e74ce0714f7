//! Tracked connections and their events, as observations have them.

use netassay_stack::sink;

use crate::model::observation::TrackedTuple;
use crate::model::{ConntrackEntry, ConntrackEvent, ConntrackEventKind};

fn tuple(tuple: sink::ConntrackTuple) -> TrackedTuple {
    TrackedTuple {
        source: tuple.source,
        destination: tuple.destination,
        source_id: tuple.source_id,
        destination_id: tuple.destination_id,
    }
}

/// The connection that an event of the stack is about, or that a dump shows.
pub(super) fn entry(event: &sink::ConntrackEvent) -> ConntrackEntry {
    ConntrackEntry {
        protocol: event.protocol,
        original: tuple(event.original),
        reply: tuple(event.reply),
        timeout_s: event.timeout_s,
        status: event.status,
        tcp_state: event.tcp_state.map(str::to_owned),
        zone: event.zone,
        accounting: event.accounting,
    }
}

/// An event of the stack.
pub(super) fn event(event: &sink::ConntrackEvent) -> ConntrackEvent {
    ConntrackEvent {
        kind: match event.kind {
            sink::ConntrackEventKind::New => ConntrackEventKind::New,
            sink::ConntrackEventKind::Update => ConntrackEventKind::Update,
            sink::ConntrackEventKind::Destroy => ConntrackEventKind::Destroy,
        },
        entry: entry(event),
    }
}
