//! An endless sequence of steps over a [`World`], aware of what the stack answered.

use std::collections::VecDeque;
use std::time::Duration;

use super::choice::Choice;
use super::tracked::{Ambiguous, Memory};
use super::world::World;
use super::{datagram, fragment, local};
use crate::model::{Action, EmittedFrame, LinkKind, Role, Step};

/// How many emitted datagrams are remembered as material for ICMP errors.
const MEMORY: usize = 8;

/// Makes one step after the other; told by [`Sequence::hear`] what the stack emitted.
#[derive(Debug)]
pub struct Sequence<'w, C> {
    world: &'w World,
    choice: C,
    heard: Vec<Vec<u8>>,
    next_heard: usize,
    /// Conversations, where the stack follows them.
    talk: Option<Memory>,
    ambiguous: Ambiguous,
    pending: VecDeque<(usize, Vec<u8>)>,
    packet: u64,
}

impl<'w, C: Choice> Sequence<'w, C> {
    /// The sequence that `choice` draws over `world`.
    pub fn new(world: &'w World, choice: C) -> Self {
        let tracks = matches!(world.scenario.role, Role::Conntrack | Role::Nat);
        let talk = tracks.then(Memory::default);
        Self {
            world,
            choice,
            heard: Vec::new(),
            next_heard: 0,
            talk,
            ambiguous: Ambiguous::of(&world.scenario.rules),
            pending: VecDeque::new(),
            packet: 0,
        }
    }

    /// No datagram names this port or query identifier any more: it would be about one connection to one stack and about
    /// another to the other.
    pub fn avoid(&mut self, number: u16) {
        self.ambiguous.insert(number);
    }

    /// The world that the steps are for.
    pub const fn world(&self) -> &'w World {
        self.world
    }

    /// Whether the choices have run dry (they do when they come from a fuzzer's octets).
    pub fn is_exhausted(&self) -> bool {
        self.choice.is_exhausted() && self.pending.is_empty()
    }

    /// Remembers a frame that the stack emitted, the oldest making room.
    pub fn hear(&mut self, frame: &EmittedFrame) {
        let octets = match self.world.scenario.interfaces[frame.interface].link {
            LinkKind::Ip => &frame.octets[..],
            LinkKind::Ethernet => frame.octets.get(14..).unwrap_or_default(),
        };
        let octets = octets[..octets.len().min(600)].to_vec();
        if let Some(talk) = &mut self.talk {
            return talk.heard((frame.interface, octets));
        }
        match self.heard.get_mut(self.next_heard) {
            Some(slot) => *slot = octets,
            None => self.heard.push(octets),
        }
        self.next_heard = (self.next_heard + 1) % MEMORY;
    }

    /// The next step: a frame handed in on some interface, or something that a local socket sends.
    pub fn step(&mut self) -> Step {
        let sockets = &self.world.scenario.sockets;
        if self.pending.is_empty() && !sockets.is_empty() && self.choice.chance(1, 30) {
            let action = local::send(&mut self.choice, sockets);
            self.packet += 1;
            return Step { at: Duration::ZERO, action, packet: self.packet, comment: None };
        }
        if self.pending.is_empty() {
            self.refill();
        }
        let (interface, datagram) = self.pending.pop_front().unwrap_or_default();
        let frame = self.frame(interface, datagram);
        self.packet += 1;
        Step {
            at: Duration::ZERO,
            action: Action::Inject { interface, frame },
            packet: self.packet,
            comment: None,
        }
    }

    fn refill(&mut self) {
        let (interface, mut datagram) = match &mut self.talk {
            Some(talk) => talk.step(&mut self.choice),
            None => {
                let interface = *self.choice.pick(&[0, 0, 0, 0, 1, 1, 2]);
                (interface, datagram::datagram(&mut self.choice, &self.heard))
            }
        };
        self.ambiguous.settle(&mut datagram);
        // Where a port is drawn at random, its checksum must be in the same piece to be compared.
        let whole = if self.talk.is_some() && self.world.scenario.role == Role::Nat {
            octets_with_checksum(&datagram)
        } else {
            0
        };
        let cuts = self.choice.chance(1, 10);
        let train = cuts.then(|| fragment::train(&mut self.choice, &datagram));
        match train.filter(|train| train.iter().all(|piece| !(1..whole).contains(&offset(piece)))) {
            Some(train) => self.pending.extend(train.into_iter().map(|piece| (interface, piece))),
            None => self.pending.push_back((interface, datagram)),
        }
    }

    /// Wraps a datagram as the link wants it: on Ethernet mostly to the stack's own address.
    fn frame(&mut self, interface: usize, datagram: Vec<u8>) -> Vec<u8> {
        const DESTINATIONS: &[[u8; 6]] = &[
            [2, 0, 0, 0, 0, 1],
            [2, 0, 0, 0, 0, 1],
            [2, 0, 0, 0, 0, 1],
            [255; 6],
            [1, 0, 0x5e, 0, 0, 1],
            [2, 0, 0, 0, 0, 9],
        ];
        if self.world.scenario.interfaces[interface].link == LinkKind::Ip {
            return datagram;
        }
        let mut frame = self.choice.pick(DESTINATIONS).to_vec();
        frame.extend([2, 0, 0, 0, 0, 2, 8, 0]);
        frame.extend(datagram);
        frame
    }
}

/// How many octets of the payload hold the ports that translation may rewrite, quoted ones included, and the checksum
/// over them.
fn octets_with_checksum(datagram: &[u8]) -> usize {
    const TCP_HEADER: usize = 20;
    let header_len = |at: usize| datagram.get(at).map_or(0, |first| usize::from(first & 15) * 4);
    let payload = header_len(0);
    match (datagram.get(9), datagram.get(payload)) {
        (Some(6), _) => TCP_HEADER,
        (Some(1), Some(3..=5 | 11 | 12)) => 8 + header_len(payload + 8) + TCP_HEADER,
        _ => 0,
    }
}

/// Where a fragment begins in its datagram, in octets.
fn offset(fragment: &[u8]) -> usize {
    fragment.get(6..8).map_or(0, |word| usize::from(u16::from_be_bytes([word[0], word[1]]) & 0x1fff) * 8)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::generate::{Octets, Seeded};
    use crate::model::Limits;

    /// What a datagram is, coarsely: enough to see that no kind of interest is left out.
    fn kind(datagram: &[u8]) -> String {
        if datagram.len() < 20 {
            return "short".to_owned();
        }
        let word = u16::from_be_bytes([datagram[6], datagram[7]]);
        let header_len = usize::from(datagram[0] & 15) * 4;
        match (datagram[0] >> 4, word & 0x3fff, datagram[9], datagram.get(header_len)) {
            (version, ..) if version != 4 => "version".to_owned(),
            (_, fragment, ..) if fragment != 0 => "fragment".to_owned(),
            (_, _, 1, Some(icmp_type @ 0..=18)) => format!("icmp-{icmp_type}"),
            (_, _, 1, Some(42 | 43)) => "icmp-probe".to_owned(),
            (_, _, 1, _) => "icmp-other".to_owned(),
            (_, _, protocol @ (2 | 6 | 17 | 136), _) => format!("protocol-{protocol}"),
            _ => "protocol-other".to_owned(),
        }
    }

    #[test]
    fn every_kind_of_interest_is_reached() {
        let world = World::draw(&mut Seeded::new(1), Limits::Open);
        let mut sequence = Sequence::new(&world, Seeded::new(2));
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..50_000 {
            let Action::Inject { interface, frame } = sequence.step().action else { continue };
            let datagram = if interface == 2 { &frame[14..] } else { &frame[..] };
            *seen.entry(kind(datagram)).or_default() += 1;
            if datagram.len() > 20 && datagram[0] > 0x45 {
                *seen.entry("options".to_owned()).or_default() += 1;
            }
            sequence.hear(&EmittedFrame { interface, octets: frame });
        }
        let wanted = [
            "short",
            "version",
            "fragment",
            "options",
            "icmp-probe",
            "icmp-other",
            "protocol-2",
            "protocol-6",
            "protocol-17",
            "protocol-136",
            "protocol-other",
        ];
        let types = (0..=18).map(|icmp_type| format!("icmp-{icmp_type}"));
        for kind in wanted.into_iter().map(str::to_owned).chain(types) {
            assert!(seen.get(&kind).copied().unwrap_or(0) >= 5, "{kind}: {seen:?}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_steps() {
        let world = World::draw(&mut Seeded::new(1), Limits::Open);
        let draw = |seed| {
            let mut sequence = Sequence::new(&world, Seeded::new(seed));
            (0..100).map(|_| sequence.step()).collect::<Vec<_>>()
        };
        assert_eq!(draw(5), draw(5));
        assert_ne!(draw(5), draw(6));
    }

    #[test]
    fn every_octet_string_decodes_and_ends() {
        fn holds(octets: Vec<u8>) -> bool {
            let mut choice = Octets::new(&octets);
            let world = World::draw(&mut choice, Limits::Open);
            let mut sequence = Sequence::new(&world, choice);
            let mut steps = 0;
            while !sequence.is_exhausted() {
                sequence.step();
                steps += 1;
            }
            steps <= 12 * octets.len() + 12
        }
        quickcheck::quickcheck(holds as fn(Vec<u8>) -> bool);
    }
}
