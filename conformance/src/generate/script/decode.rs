//! From records to a script.

use std::net::SocketAddrV4;
use std::time::Duration;

use netassay_stack::config::Profile;

use super::record::{Reader, Record, records};
use super::world::WorldRecords;
use super::{
    Answer, Broken, Deviation, ErrorAbout, Extension, Field, LinkTarget, MOST_DEVIATIONS, MOST_MOVES,
    MOST_REPEATS, Move, OPTIONS, Script, Sender, SocketMove,
};

/// Kinds of records, of which kinds without a meaning take the place modulo the number of kinds.
pub(super) mod kind {
    /// Profile, role, limits, flags.
    pub(in super::super) const SETTINGS: u8 = 1;
    /// An interface of the world.
    pub(in super::super) const INTERFACE: u8 = 2;
    /// A route of the world.
    pub(in super::super) const ROUTE: u8 = 3;
    /// A knob of the world.
    pub(in super::super) const KNOB: u8 = 4;
    /// A rule of the world.
    pub(in super::super) const RULE: u8 = 5;
    /// A socket of the world.
    pub(in super::super) const SOCKET: u8 = 6;
    /// A datagram comes in.
    pub(in super::super) const DATAGRAM: u8 = 0x20;
    /// A frame comes in.
    pub(in super::super) const FRAME: u8 = 0x21;
    /// Time passes.
    pub(in super::super) const ADVANCE: u8 = 0x22;
    /// An error about something sent.
    pub(in super::super) const ERROR_ABOUT: u8 = 0x23;
    /// An answer to something sent.
    pub(in super::super) const ANSWER: u8 = 0x24;
    /// A socket is used.
    pub(in super::super) const USE: u8 = 0x25;
    /// The frame before comes again.
    pub(in super::super) const REPEAT: u8 = 0x26;
    /// Every kind, for those that have no meaning.
    pub(in super::super) const ALL: [u8; 13] = [
        SETTINGS,
        INTERFACE,
        ROUTE,
        KNOB,
        RULE,
        SOCKET,
        DATAGRAM,
        FRAME,
        ADVANCE,
        ERROR_ABOUT,
        ANSWER,
        USE,
        REPEAT,
    ];

    /// `number` if it is a kind, else the one that it counts as.
    pub(in super::super) fn of(number: u8) -> u8 {
        if ALL.contains(&number) { number } else { ALL[usize::from(number) % ALL.len()] }
    }
}

/// The script in `octets`, which follow the magic.
pub(super) fn script(octets: &[u8]) -> Script {
    let mut world = WorldRecords::default();
    let (mut profile, mut marks, mut moves) = (Profile::Linux, false, Vec::new());
    for Record { kind, content } in records(octets) {
        let mut reader = Reader(content);
        match kind::of(kind) {
            kind::SETTINGS => {
                profile = reader.one_of(&[Profile::Linux, Profile::Rfc]);
                world.settings(&mut reader);
                marks = reader.octet() & 1 != 0;
            }
            kind::INTERFACE => world.interface(&mut reader),
            kind::ROUTE => world.route(&mut reader),
            kind::KNOB => world.knob(&mut reader),
            kind::RULE => world.rule(&mut reader),
            kind::SOCKET => world.socket(&mut reader),
            kind if moves.len() < MOST_MOVES => moves.push(one_move(kind, &mut reader)),
            _ => {}
        }
    }
    Script { profile, marks, scenario: world.scenario(), moves }
}

fn one_move(kind: u8, reader: &mut Reader<'_>) -> Move {
    match kind {
        kind::DATAGRAM => Move::Datagram {
            interface: reader.octet(),
            link: reader.one_of(&LinkTarget::ALL),
            broken: broken(reader),
            octets: rest(reader),
        },
        kind::FRAME => Move::Frame { interface: reader.octet(), octets: rest(reader) },
        kind::ADVANCE => Move::Advance { by: Duration::from_millis(u64::from(reader.long())) },
        kind::ERROR_ABOUT => Move::ErrorAbout(error_about(reader)),
        kind::ANSWER => Move::Answer(Answer {
            which: reader.octet(),
            flags: reader.octet(),
            shift: reader.word() as i16,
            data: (reader.octet() & 1 != 0).then(|| rest(reader)),
        }),
        kind::USE => Move::Socket { socket: reader.octet(), action: socket_move(reader) },
        _ => Move::Repeat { times: reader.octet().min(MOST_REPEATS) },
    }
}

fn broken(reader: &mut Reader<'_>) -> Broken {
    Broken(reader.octet() & Broken::EVERYTHING.0)
}

fn rest(reader: &mut Reader<'_>) -> Vec<u8> {
    reader.octets(usize::MAX).to_vec()
}

fn error_about(reader: &mut Reader<'_>) -> ErrorAbout {
    let which = reader.octet();
    let interface = reader.octet();
    let sender = reader.one_of(&Sender::ALL);
    let (icmp_type, code, word) = (reader.octet(), reader.octet(), reader.long());
    let (broken, keep) = (broken(reader), reader.word());
    let count = usize::from(reader.octet()).min(MOST_DEVIATIONS);
    let deviations =
        (0..count).map(|_| Deviation { field: reader.one_of(&Field::ALL), by: reader.word() }).collect();
    let flags = reader.octet();
    let extension = (flags & 1 != 0).then(|| Extension {
        is_announced: flags & 2 != 0,
        is_padded: flags & 4 != 0,
        is_damaged: flags & 8 != 0,
        objects: rest(reader),
    });
    ErrorAbout {
        which,
        interface: (interface != u8::MAX).then_some(interface),
        sender,
        icmp_type,
        code,
        word,
        deviations,
        keep,
        broken,
        extension,
    }
}

fn socket_move(reader: &mut Reader<'_>) -> SocketMove {
    match reader.octet() & 7 {
        0 => SocketMove::Send { to: Some(address(reader)), data: rest(reader) },
        1 => SocketMove::Send { to: None, data: rest(reader) },
        2 => SocketMove::Connect { to: address(reader) },
        3 => SocketMove::Close,
        _ => SocketMove::SetOption {
            option: reader.octet() % OPTIONS.len() as u8,
            value: reader.long() as i32,
        },
    }
}

/// An address and a port.
pub(super) fn address(reader: &mut Reader<'_>) -> SocketAddrV4 {
    SocketAddrV4::new(reader.array::<4>().into(), reader.word())
}
