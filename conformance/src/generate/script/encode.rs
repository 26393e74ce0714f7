//! From a script to records.

use std::net::SocketAddrV4;

use netassay_stack::config::Profile;

use super::decode::kind;
use super::record::append;
use super::{
    Answer, ErrorAbout, Field, LinkTarget, MAGIC, MOST_DEVIATIONS, MOST_MOVES, Move, Script, Sender,
    SocketMove, world,
};

/// Magic and records of `script`.
pub(super) fn script(script: &Script) -> Vec<u8> {
    let mut octets = MAGIC.to_vec();
    let mut settings = vec![u8::from(script.profile == Profile::Rfc)];
    settings.extend(world::settings(&script.scenario));
    settings.push(u8::from(script.marks));
    append(&mut octets, kind::SETTINGS, &settings);
    world::append(&mut octets, &script.scenario);
    script.moves.iter().take(MOST_MOVES).for_each(|one| append_move(&mut octets, one));
    octets
}

/// Appends the record of one move.
pub(super) fn append_move(octets: &mut Vec<u8>, one: &Move) {
    match one {
        Move::Datagram { interface, link, broken, octets: datagram } => {
            let head = [*interface, place(&LinkTarget::ALL, *link), broken.0];
            append(octets, kind::DATAGRAM, &[&head[..], datagram].concat());
        }
        Move::Frame { interface, octets: frame } => {
            append(octets, kind::FRAME, &[&[*interface][..], frame].concat());
        }
        Move::Advance { by } => {
            let milliseconds = u32::try_from(by.as_millis()).unwrap_or(u32::MAX);
            append(octets, kind::ADVANCE, &milliseconds.to_be_bytes());
        }
        Move::ErrorAbout(error) => append(octets, kind::ERROR_ABOUT, &error_about(error)),
        Move::Answer(answer) => append(octets, kind::ANSWER, &self::answer(answer)),
        Move::Socket { socket, action } => {
            append(octets, kind::USE, &[&[*socket][..], &socket_move(action)].concat());
        }
        Move::Repeat { times } => append(octets, kind::REPEAT, &[*times]),
    }
}

/// The octet that stands for `one` of `all`.
pub(super) fn place<T: PartialEq>(all: &[T], one: T) -> u8 {
    all.iter().position(|other| *other == one).unwrap_or(0) as u8
}

fn error_about(error: &ErrorAbout) -> Vec<u8> {
    let mut content =
        vec![error.which, error.interface.unwrap_or(u8::MAX), place(&Sender::ALL, error.sender)];
    content.extend([error.icmp_type, error.code]);
    content.extend(error.word.to_be_bytes());
    content.push(error.broken.0);
    content.extend(error.keep.to_be_bytes());
    let deviations = &error.deviations[..error.deviations.len().min(MOST_DEVIATIONS)];
    content.push(deviations.len() as u8);
    for deviation in deviations {
        content.push(place(&Field::ALL, deviation.field));
        content.extend(deviation.by.to_be_bytes());
    }
    if let Some(extension) = &error.extension {
        let flags = [extension.is_announced, extension.is_padded, extension.is_damaged];
        content.push(1 | flags.iter().zip([2, 4, 8]).map(|(flag, bit)| u8::from(*flag) * bit).sum::<u8>());
        content.extend(&extension.objects);
    } else {
        content.push(0);
    }
    content
}

fn answer(answer: &Answer) -> Vec<u8> {
    let mut content = vec![answer.which, answer.flags];
    content.extend(answer.shift.to_be_bytes());
    content.push(u8::from(answer.data.is_some()));
    content.extend(answer.data.iter().flatten());
    content
}

fn socket_move(action: &SocketMove) -> Vec<u8> {
    match action {
        SocketMove::Send { to: Some(to), data } => [&[0][..], &address(*to), data].concat(),
        SocketMove::Send { to: None, data } => [&[1][..], data].concat(),
        SocketMove::Connect { to } => [&[2][..], &address(*to)].concat(),
        SocketMove::Close => vec![3],
        SocketMove::SetOption { option, value } => [&[4, *option][..], &value.to_be_bytes()].concat(),
    }
}

/// Six octets: an address and a port.
pub(super) fn address(address: SocketAddrV4) -> [u8; 6] {
    let [a, b, c, d] = address.ip().octets();
    let [high, low] = address.port().to_be_bytes();
    [a, b, c, d, high, low]
}
