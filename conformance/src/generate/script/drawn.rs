//! Random parts of scripts: moves, and changes of the world.

use std::net::SocketAddrV4;
use std::time::Duration;

use netassay_stack::config::{DeviceSysctls, Profile, Sysctls};

use super::record::Reader;
use super::world::{self, WorldRecords};
use super::{
    Answer, Broken, Deviation, ErrorAbout, Extension, Field, Flavor, LinkTarget, MOST_REPEATS, Move, OPTIONS,
    Script, Sender, SocketMove,
};
use crate::generate::{Choice, address, datagram, fragment};
use crate::model::{Limits, Role, Scenario, SocketKind};

/// Moves that are drawn at most.
const MOST: usize = 128;

/// A random script: a world with a few things changed, and moves until the choices run dry.
pub(super) fn script(choice: &mut impl Choice) -> Script {
    let role = *choice.pick(&[Role::Router, Role::Host, Role::Nat, Role::Conntrack]);
    let limits = *choice.pick(&[Limits::Open, Limits::Default]);
    let mut script = Script {
        profile: *choice.pick(&[Profile::Linux, Profile::Rfc]),
        marks: choice.chance(1, 2),
        scenario: world::plain(role, limits),
        moves: Vec::new(),
    };
    for _ in 0..choice.below(6) {
        change_world(choice, &mut script);
    }
    let flavor = Flavor::of(&script.scenario);
    while !choice.is_exhausted() && script.moves.len() < MOST {
        moves(choice, flavor, &script.scenario, &mut script.moves);
    }
    // Names and values of knobs are brought into the form that scripts have.
    Script::decode(&script.encode())
}

/// Appends one random move, or several that belong together.
pub(super) fn moves(choice: &mut impl Choice, flavor: Flavor, scenario: &Scenario, moves: &mut Vec<Move>) {
    let (datagrams, errors, answers, sockets) = flavor.weights();
    let sockets = if scenario.sockets.is_empty() { 0 } else { sockets };
    let mut left = choice.below(datagrams + errors + answers + sockets + 6);
    let mut is_it = |weight: u32| {
        let is_it = left < weight;
        left = left.wrapping_sub(weight);
        is_it
    };
    if is_it(datagrams) {
        let interface = choice.below(4) as u8;
        let octets = datagram::datagram(choice, &[]);
        if choice.chance(1, 8) {
            let train = fragment::train(choice, &octets);
            moves.extend(train.into_iter().map(|octets| datagram_move(choice, interface, octets)));
        } else {
            moves.push(datagram_move(choice, interface, octets));
        }
    } else if is_it(errors) {
        moves.push(Move::ErrorAbout(error(choice)));
    } else if is_it(answers) {
        moves.push(Move::Answer(answer(choice)));
    } else if is_it(sockets) {
        moves.push(Move::Socket { socket: choice.below(8) as u8, action: socket_move(choice, scenario) });
    } else if is_it(3) {
        let milliseconds =
            *choice.pick(&[0, 1, 4, 5, 20, 250, 1000, 1001, 6000, 30_001, 61_000, 601_000, 432_001_000]);
        moves.push(Move::Advance { by: Duration::from_millis(milliseconds) });
    } else if is_it(1) {
        // For somebody else, of another protocol, too short: whatever the link lets through.
        let mut frame = datagram::datagram(choice, &[]);
        frame.truncate(choice.below(64) as usize);
        moves.push(Move::Frame { interface: choice.below(4) as u8, octets: frame });
    } else {
        moves.push(Move::Repeat { times: choice.below(u32::from(MOST_REPEATS) + 1) as u8 });
    }
}

/// A datagram that the generators made, as they made it: what they broke on purpose stays so.
fn datagram_move(choice: &mut impl Choice, interface: u8, octets: Vec<u8>) -> Move {
    let link = *choice.pick(&[
        LinkTarget::Own,
        LinkTarget::Own,
        LinkTarget::Own,
        LinkTarget::Broadcast,
        LinkTarget::Multicast,
        LinkTarget::Other,
    ]);
    Move::Datagram { interface, link, broken: super::repair::broken_in(&octets), octets }
}

/// An error about something sent: mostly one that says something, with zero to three deviations.
pub(super) fn error(choice: &mut impl Choice) -> ErrorAbout {
    const KINDS: &[(u8, u8)] = &[
        (3, 0),
        (3, 1),
        (3, 2),
        (3, 3),
        (3, 3),
        (3, 4),
        (3, 4),
        (3, 4),
        (3, 5),
        (3, 9),
        (3, 10),
        (3, 13),
        (3, 15),
        (3, 16),
        (4, 0),
        (5, 0),
        (5, 1),
        (5, 1),
        (5, 2),
        (5, 3),
        (5, 4),
        (11, 0),
        (11, 1),
        (11, 2),
        (12, 0),
        (12, 1),
    ];
    let (icmp_type, code) = *choice.pick(KINDS);
    let count = *choice.pick(&[0, 0, 0, 1, 1, 1, 1, 2, 2, 3]);
    let deviations = (0..count).map(|_| deviation(choice)).collect();
    let word = match (icmp_type, code) {
        (3, 4) => *choice.pick(&[0, 1, 67, 68, 551, 552, 576, 600, 1000, 1400, 1499, 1500, 9000, 65_535]),
        (5, _) => address::any(choice).to_bits(),
        (12, _) => choice.below(80) << 24,
        _ if choice.chance(1, 8) => choice.bits(),
        _ => 0,
    };
    ErrorAbout {
        which: choice.below(4) as u8,
        interface: if choice.chance(1, 4) { Some(choice.below(4) as u8) } else { None },
        sender: if choice.chance(1, 2) { *choice.pick(&Sender::ALL) } else { Sender::Destination },
        icmp_type,
        code,
        word,
        deviations,
        keep: *choice.pick(&[28, 28, 28, 548, 548, 128, 65_535, 0, 8, 19, 20, 24, 27, 36, 68]),
        broken: if choice.chance(1, 16) { Broken(choice.below(8) as u8) } else { Broken::NOTHING },
        extension: if choice.chance(1, 5) { Some(extension(choice)) } else { None },
    }
}

/// One field by a little, or by anything.
pub(super) fn deviation(choice: &mut impl Choice) -> Deviation {
    let by = if choice.chance(1, 3) { choice.word() } else { 1 << choice.below(16) };
    Deviation { field: *choice.pick(&Field::ALL), by }
}

fn extension(choice: &mut impl Choice) -> Extension {
    const OBJECTS: &[&[u8]] = &[
        &[],
        &[0, 8, 1, 1, 0, 0, 0x11, 0xff],
        &[0, 4, 9, 9],
        &[0, 8, 3, 2, 0, 0, 0, 1],
        &[0, 3, 1, 1],
        &[0, 200, 1, 1],
        &[0, 4, 2, 0, 0, 12, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8],
    ];
    Extension {
        is_announced: !choice.chance(1, 4),
        is_padded: !choice.chance(1, 4),
        is_damaged: choice.chance(1, 6),
        objects: choice.pick(OBJECTS).to_vec(),
    }
}

fn answer(choice: &mut impl Choice) -> Answer {
    let len = choice.below(40) as usize;
    let seed = choice.octet();
    Answer {
        which: choice.below(4) as u8,
        flags: *choice.pick(&[0x12, 0x10, 0x10, 0x18, 0x11, 0x04, 0x14, 0x02, 0x00]),
        shift: *choice.pick(&[0, 0, 0, 0, 1, -1, 100, -100, 30_000, -30_000]),
        data: if choice.chance(1, 2) { Some(datagram::filler(seed, len).collect()) } else { None },
    }
}

fn socket_move(choice: &mut impl Choice, scenario: &Scenario) -> SocketMove {
    let destination = if choice.chance(3, 4) { address::source(choice) } else { address::any(choice) };
    let port = *choice.pick(&[7, 53, 80, 1000, 0]);
    let to = SocketAddrV4::new(destination, port);
    let is_ping = scenario.sockets.iter().any(|socket| socket.kind == SocketKind::Ping);
    match choice.below(10) {
        0..=6 => {
            let len = *choice.pick(&[0, 8, 8, 20, 64, 548, 1472, 1473, 3000]);
            let mut data: Vec<u8> = datagram::filler(choice.octet(), len).collect();
            if is_ping && len >= 8 {
                data[..8].copy_from_slice(&[8, 0, 0, 0, 0, 7, 0, 1]);
            }
            SocketMove::Send { to: if choice.chance(1, 4) { None } else { Some(to) }, data }
        }
        7 => SocketMove::Connect { to },
        8 => SocketMove::SetOption {
            option: choice.below(OPTIONS.len() as u32) as u8,
            value: *choice.pick(&[0, 1, 2, 3, 4, 5, -1, 64, 255, 256]),
        },
        _ => SocketMove::Close,
    }
}

/// Changes one thing in the world.
pub(super) fn change_world(choice: &mut impl Choice, script: &mut Script) {
    let scenario = &mut script.scenario;
    match choice.below(12) {
        0 => script.profile = *choice.pick(&[Profile::Linux, Profile::Rfc]),
        1 => scenario.role = *choice.pick(&[Role::Host, Role::Router, Role::Conntrack, Role::Nat]),
        2 => scenario.limits = *choice.pick(&[Limits::Open, Limits::Default]),
        3 => script.marks = !script.marks,
        4 => {
            let number = choice.below(scenario.interfaces.len() as u32) as usize;
            let mtu = *choice.pick(&[1500, 68, 100, 296, 576, 1006, 9000, 65_521]);
            scenario.interfaces[number].mtu = mtu;
        }
        5..=7 => turn_knob(choice, scenario),
        8 | 9 => add(choice, scenario, |records, reader| records.socket(reader), random_socket),
        10 => add(choice, scenario, |records, reader| records.rule(reader), random_rule),
        _ => match choice.below(4) {
            0 => drop(scenario.sockets.pop()),
            1 => drop(scenario.rules.pop()),
            2 => drop(scenario.sysctl.pop_last()),
            _ => scenario.interfaces.iter_mut().for_each(|interface| interface.sysctl.clear()),
        },
    }
}

/// Adds what `read` makes of a random record to the world.
fn add<C: Choice>(
    choice: &mut C,
    scenario: &mut Scenario,
    read: impl Fn(&mut WorldRecords, &mut Reader<'_>),
    random: impl Fn(&mut C) -> Vec<u8>,
) {
    let mut records = WorldRecords::default();
    read(&mut records, &mut Reader(&random(choice)));
    let addition = records.scenario();
    let names: Vec<_> = scenario.interfaces.iter().map(|interface| interface.name.clone()).collect();
    let is_here = |name: &Option<String>| name.as_ref().is_none_or(|name| names.contains(name));
    let rules = addition.rules.into_iter().filter(|rule| is_here(&rule.incoming) && is_here(&rule.outgoing));
    scenario.rules.extend(rules);
    scenario.sockets.extend(addition.sockets);
    scenario.rules.truncate(16);
    scenario.sockets.truncate(16);
}

/// The record of a socket that can mostly be opened.
fn random_socket(choice: &mut impl Choice) -> Vec<u8> {
    let kind = choice.below(4) as u8;
    let protocol = *choice.pick(&[1, 17, 253, 255, 6]);
    let flags = choice.below(4) as u8;
    let mut record = vec![kind, protocol, flags];
    let port = *choice.pick(&[53, 80, 1000, 7, 0]);
    if flags & 1 != 0 {
        record.extend(if choice.chance(1, 2) { [0; 4] } else { [10, 0, 0, 1] });
        record.extend(u16::to_be_bytes(port));
    }
    if flags & 2 != 0 {
        record.extend(address::source(choice).octets());
        record.extend(u16::to_be_bytes(port));
    }
    for _ in 0..choice.below(3) {
        record.push(choice.below(OPTIONS.len() as u32) as u8);
        record.extend(choice.below(6).to_be_bytes());
    }
    record
}

/// The record of a rule: mostly a translation.
fn random_rule(choice: &mut impl Choice) -> Vec<u8> {
    let (hook, action) = *choice.pick(&[
        (4, 6),
        (4, 6),
        (4, 4),
        (0, 5),
        (0, 7),
        (3, 5),
        (1, 4),
        (2, 0),
        (2, 1),
        (0, 2),
        (0, 3),
    ]);
    let flags = *choice.pick(&[0, 0, 2, 1, 16, 128]);
    let mut record = vec![hook, flags];
    match flags {
        1 | 2 => record.push(choice.below(3) as u8),
        16 => record.push(*choice.pick(&[1, 6, 17])),
        128 => record.push(*choice.pick(&[8, 13, 3])),
        _ => {}
    }
    record.push(if choice.chance(1, 4) { choice.below(32) as u8 } else { 0 });
    record.push(action);
    match action {
        1 => record.push(*choice.pick(&[3, 9, 10, 13])),
        3 => record.extend([0, 7]),
        4..=7 => {
            record.push(*choice.pick(&[0, 0, 1, 1, 2, 4]));
            let (first, last) = *choice.pick(&[(1000u16, 1003u16), (5000, 5000), (1, 65_535)]);
            record.extend(first.to_be_bytes().into_iter().chain(last.to_be_bytes()));
            let address = if action == 5 { [10, 1, 0, 5] } else { [10, 1, 0, 1] };
            record.extend(address.into_iter().chain(address));
        }
        _ => {}
    }
    record
}

fn turn_knob(choice: &mut impl Choice, scenario: &mut Scenario) {
    const TRACKING: &[(&str, &[&str])] = &[
        ("net.netfilter.nf_conntrack_max", &["0", "1", "4", "262144"]),
        ("net.netfilter.nf_conntrack_acct", &["1"]),
        ("net.netfilter.nf_conntrack_checksum", &["0"]),
        ("net.netfilter.nf_conntrack_tcp_loose", &["0"]),
        ("net.netfilter.nf_conntrack_tcp_be_liberal", &["1"]),
        ("net.netfilter.nf_conntrack_icmp_timeout", &["0", "1"]),
        ("net.netfilter.nf_conntrack_udp_timeout", &["0", "1"]),
        ("net.netfilter.nf_conntrack_buckets", &["1", "8"]),
    ];
    match choice.below(4) {
        0 => {
            let (name, values) = *choice.pick(TRACKING);
            scenario.sysctl.insert(name.to_owned(), (*choice.pick(values)).to_owned());
        }
        1 => {
            let (name, ..) = *choice.pick(DeviceSysctls::TABLE);
            let value = (*choice.pick(&["0", "1", "2"])).to_owned();
            let number = choice.below(scenario.interfaces.len() as u32 + 1) as usize;
            match scenario.interfaces.get_mut(number) {
                Some(interface) => interface.sysctl.insert(name.to_owned(), value),
                None => scenario.sysctl.insert(format!("net.ipv4.conf.all.{name}"), value),
            };
        }
        _ => {
            let (name, default, low, high, _) = *choice.pick(Sysctls::TABLE);
            let values =
                [low, low + 1, 1, 2, default, default / 2, default * 2, high.min(i64::from(i32::MAX))];
            let value = (*choice.pick(&values)).clamp(low, high);
            scenario.sysctl.insert(format!("net.ipv4.{name}"), value.to_string());
        }
    }
}
