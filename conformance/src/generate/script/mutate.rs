//! Mutation of scripts: whole moves come, go and change places, fields take values that matter, octets are left to
//! whoever mutates octets best.

use super::drawn;
use super::{Broken, LONGEST, MOST_MOVES, Move, Script};
use crate::generate::datagram::filler;
use crate::generate::{Choice, Seeded, address, option};
use crate::model::{Role, Scenario};

/// What a target is after, and so what is mutated into its scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavor {
    /// Everything alike.
    Mixed,
    /// Errors about what was sent.
    Errors,
    /// Conversations that are tracked or translated.
    Conversations,
    /// Replies to local sockets.
    Replies,
}

impl Flavor {
    /// What suits a world.
    pub(super) fn of(scenario: &Scenario) -> Self {
        match scenario.role {
            Role::Conntrack | Role::Nat => Self::Conversations,
            Role::Host | Role::Router => Self::Mixed,
        }
    }

    /// Weights of datagrams, errors, answers and uses of sockets.
    pub(super) const fn weights(self) -> (u32, u32, u32, u32) {
        match self {
            Self::Mixed => (20, 6, 4, 4),
            Self::Errors => (6, 20, 2, 8),
            Self::Conversations => (12, 8, 12, 2),
            Self::Replies => (4, 8, 12, 10),
        }
    }
}

/// Mutates octets in a buffer: how many of them count, and what the result may be at most, as libFuzzer does it.
pub type OctetMutator<'m> = dyn FnMut(&mut [u8], usize, usize) -> usize + 'm;

/// Mutates the script in the first `size` octets of `buffer`; gives the new size, at most that of the buffer.
pub fn mutate(
    buffer: &mut [u8],
    size: usize,
    seed: u32,
    flavor: Flavor,
    octets: &mut OctetMutator<'_>,
) -> usize {
    let mut choice = Seeded::new(u64::from(seed));
    let mut script = Script::decode(&buffer[..size.min(buffer.len())]);
    for _ in 0..*choice.pick(&[1, 1, 1, 2, 2, 4]) {
        once(&mut choice, &mut script, flavor, octets);
    }
    write(script, buffer)
}

/// Mixes the scripts of `one` and `two` into `buffer`: the world of one of them, moves of both.
pub fn cross_over(one: &[u8], two: &[u8], buffer: &mut [u8], seed: u32) -> usize {
    let mut choice = Seeded::new(u64::from(seed));
    let (mut one, two) = (Script::decode(one), Script::decode(two));
    let at = choice.below(one.moves.len() as u32 + 1) as usize;
    let from = choice.below(two.moves.len() as u32 + 1) as usize;
    let until = from + choice.below((two.moves.len() - from) as u32 + 1) as usize;
    let tail = if choice.chance(1, 2) { one.moves.len() } else { at };
    one.moves.splice(at..tail, two.moves[from..until].iter().cloned());
    if choice.chance(1, 8) {
        one.scenario = two.scenario;
    }
    write(one, buffer)
}

/// Writes `script` into `buffer`, without its last moves if it does not fit; gives the size.
fn write(mut script: Script, buffer: &mut [u8]) -> usize {
    script.moves.truncate(MOST_MOVES);
    let mut octets = script.encode();
    while octets.len() > buffer.len().min(LONGEST) && !script.moves.is_empty() {
        script.moves.truncate(script.moves.len() * 3 / 4);
        octets = script.encode();
    }
    let len = octets.len().min(buffer.len());
    buffer[..len].copy_from_slice(&octets[..len]);
    len
}

fn once(choice: &mut Seeded, script: &mut Script, flavor: Flavor, octets: &mut OctetMutator<'_>) {
    let count = script.moves.len() as u32;
    let (one, two) = (choice.below(count) as usize, choice.below(count) as usize);
    match choice.below(20) {
        _ if count == 0 => insert(choice, script, flavor, 0),
        0..=5 => insert(choice, script, flavor, choice.clone().below(count + 1) as usize),
        6 => drop(script.moves.remove(one)),
        7 => {
            let until = (one + 1 + choice.below(8) as usize).min(script.moves.len());
            script.moves.drain(one..until);
        }
        8 => script.moves.insert(two, script.moves[one].clone()),
        9 => script.moves.swap(one, two),
        10 | 11 => drawn::change_world(choice, script),
        _ => change(choice, &mut script.moves[one], octets),
    }
}

fn insert(choice: &mut Seeded, script: &mut Script, flavor: Flavor, at: usize) {
    let mut new = Vec::new();
    drawn::moves(choice, flavor, &script.scenario, &mut new);
    script.moves.splice(at..at, new);
}

/// Changes one move.
fn change(choice: &mut Seeded, one: &mut Move, octets: &mut OctetMutator<'_>) {
    match one {
        Move::Datagram { interface, broken, octets: datagram, .. } => match choice.below(16) {
            0 => *interface = choice.below(4) as u8,
            1 => *broken = Broken(choice.below(8) as u8),
            2..=8 => set_field(choice, datagram),
            _ => mutate_octets(choice, datagram, octets),
        },
        Move::Frame { octets: frame, .. } => mutate_octets(choice, frame, octets),
        Move::Advance { by } => {
            *by = if choice.chance(1, 2) { by.saturating_mul(2) } else { *by / 2 };
        }
        Move::ErrorAbout(error) => match choice.below(6) {
            0 => error.deviations.clear(),
            1 | 2 if error.deviations.len() < super::MOST_DEVIATIONS => {
                error.deviations.push(drawn::deviation(choice));
            }
            3 => error.which = choice.below(16) as u8,
            4 => error.code = choice.below(17) as u8,
            _ => *error = drawn::error(choice),
        },
        Move::Answer(answer) => match choice.below(4) {
            0 => answer.which = choice.below(16) as u8,
            1 => answer.flags = choice.octet() & 0x3f,
            2 => answer.shift = choice.word() as i16,
            _ => {
                let mut data = answer.data.take().unwrap_or_default();
                mutate_octets(choice, &mut data, octets);
                answer.data = Some(data);
            }
        },
        Move::Socket { socket, action } => match action {
            super::SocketMove::Send { data, .. } if choice.chance(1, 2) => {
                mutate_octets(choice, data, octets)
            }
            _ => *socket = choice.below(8) as u8,
        },
        Move::Repeat { times } => *times = choice.below(u32::from(super::MOST_REPEATS) + 1) as u8,
    }
}

/// Sets a header field to a value that matters.
fn set_field(choice: &mut Seeded, datagram: &mut Vec<u8>) {
    if datagram.len() < 20 {
        datagram.resize(28, 0);
        datagram[0] = 0x45;
    }
    match choice.below(12) {
        0 => datagram[1] = *choice.pick(&[0, 1, 2, 3, 0xc0, 0x10]),
        1 => datagram[4..6].copy_from_slice(&(choice.below(4) as u16).to_be_bytes()),
        2 => {
            let word = (choice.below(4) as u16) << 13 | *choice.pick(&[0, 0, 1, 2, 3, 185, 0x1ffe, 0x1fff]);
            datagram[6..8].copy_from_slice(&word.to_be_bytes());
        }
        3 => datagram[8] = *choice.pick(&[64, 1, 2, 0, 255]),
        4 => datagram[9] = *choice.pick(&[1, 1, 17, 6, 2, 136, 47, 132, 253, 255]),
        5 | 6 => datagram[12..16].copy_from_slice(&address::source(choice).octets()),
        7 | 8 => datagram[16..20].copy_from_slice(&address::destination(choice).octets()),
        9 => {
            let header = (usize::from(datagram[0] & 15) * 4).clamp(20, datagram.len());
            let options = if choice.chance(1, 4) { Vec::new() } else { option::options(choice) };
            datagram[0] = 0x40 | (5 + options.len() / 4) as u8;
            datagram.splice(20..header, options);
        }
        10 => {
            let len = *choice.pick(&[20, 27, 28, 36, 68, 69, 576, 577, 1500, 1501, 4000]);
            let seed = choice.octet();
            let have = datagram.len();
            datagram.truncate(len);
            datagram.extend(filler(seed, len.saturating_sub(have)));
        }
        _ => {
            let header = usize::from(datagram[0] & 15) * 4;
            if let Some(octet) = datagram.get_mut(header + choice.below(8) as usize) {
                *octet = *choice.pick(&[0, 1, 3, 4, 5, 8, 11, 12, 13, 42, 255]);
            }
        }
    }
}

/// Leaves `octets` to `mutator`, with room to grow.
fn mutate_octets(choice: &mut Seeded, octets: &mut Vec<u8>, mutator: &mut OctetMutator<'_>) {
    let size = octets.len();
    let room = size + choice.below(32) as usize;
    octets.resize(room.max(1), 0);
    let room = octets.len();
    let new = mutator(octets, size, room);
    octets.truncate(new.min(room));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::mem::discriminant;

    use super::*;
    use crate::generate::script::MAGIC;

    /// A mutator of octets that flips the first.
    fn flip(octets: &mut [u8], size: usize, _: usize) -> usize {
        octets.iter_mut().take(1).for_each(|octet| *octet ^= 0x80);
        size
    }

    #[test]
    fn what_is_mutated_is_a_script_in_its_own_form() {
        let mut buffer = vec![0; 4096];
        buffer[..4].copy_from_slice(&MAGIC);
        let mut size = 4;
        let mut kinds = BTreeSet::new();
        for seed in 0..3_000 {
            size = mutate(&mut buffer, size, seed, Flavor::Mixed, &mut flip);
            assert!(buffer[..size].starts_with(&MAGIC));
            let script = Script::decode(&buffer[..size]);
            assert_eq!(script.encode(), buffer[..size], "seed {seed}");
            kinds.extend(script.moves.iter().map(|one| format!("{:?}", discriminant(one))));
            if script.moves.len() > 40 {
                size = 4;
            }
        }
        assert_eq!(kinds.len(), 7, "every kind of move is reached");
    }

    #[test]
    fn a_mutation_fits_its_buffer() {
        let mut buffer = vec![0; 200];
        buffer[..4].copy_from_slice(&MAGIC);
        let mut size = 4;
        for seed in 0..500 {
            size = mutate(&mut buffer, size, seed, Flavor::Errors, &mut flip);
            assert!(size <= 200);
        }
    }

    #[test]
    fn crossing_over_takes_moves_of_both() {
        let script = |first| {
            let one = Move::Frame { interface: 0, octets: vec![first; 20] };
            Script { moves: vec![one; 4], ..Script::decode(&MAGIC) }.encode()
        };
        let mut buffer = vec![0; 4096];
        let is_mixed = (0..100).any(|seed| {
            let size = cross_over(&script(1), &script(2), &mut buffer, seed);
            let firsts: BTreeSet<_> = Script::decode(&buffer[..size])
                .moves
                .iter()
                .map(|one| matches!(one, Move::Frame { octets, .. } if octets[0] == 1))
                .collect();
            firsts.len() == 2
        });
        assert!(is_mixed);
    }
}
