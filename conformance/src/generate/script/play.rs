//! Playing a script: its moves become steps, those that speak of the stack's answers once these were heard.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::{
    Answer, Broken, ErrorAbout, Extension, Field, LinkTarget, Move, OPTIONS, Script, Sender, SocketMove,
    repair,
};
use crate::generate::datagram::Draft;
use crate::model::{Action, EmittedFrame, LinkKind, Scenario, SocketAction, Step};
use netassay_stack::wire::checksum;

/// How many emitted datagrams are remembered.
const MEMORY: usize = 16;

/// Octets that are remembered of each.
const REMEMBERED: usize = 1 << 12;

/// How the marked octets behind a datagram begin; the number of the packet follows in 4 octets, twice.
pub const MARK: [u8; 8] = [0xd5, 0x3a, 0xc9, 0x56, 0x9e, 0x61, 0xb7, 0x2c];

/// Hardware address of the stack, and that of everybody else, as far as anybody looks.
const OWN: [u8; 6] = [2, 0, 0, 0, 0, 1];
const PEER: [u8; 6] = [2, 0, 0, 0, 0, 2];

/// A datagram that the stack emitted.
#[derive(Clone, Debug)]
struct Heard {
    interface: usize,
    octets: Vec<u8>,
}

/// Makes one step after the other; told by [`Player::hear`] what the stack emitted.
#[derive(Debug)]
pub struct Player<'s> {
    script: &'s Script,
    next: usize,
    heard: VecDeque<Heard>,
    /// The step that was given out last; its buffer serves the next one.
    step: Step,
    /// The frame handed in before, with its interface, while it stands in no step.
    parked: Option<(usize, Vec<u8>)>,
    repeats: u8,
}

impl<'s> Player<'s> {
    /// At the beginning of `script`.
    pub fn new(script: &'s Script) -> Self {
        let heard = VecDeque::with_capacity(MEMORY);
        let step = Step { at: Duration::ZERO, action: Action::Advance, packet: 0, comment: None };
        Self { script, next: 0, heard, step, parked: None, repeats: 0 }
    }

    /// Remembers a frame that the stack emitted, the oldest making room.
    pub fn hear(&mut self, frame: &EmittedFrame) {
        let scenario = &self.script.scenario;
        let octets = match scenario.interfaces.get(frame.interface).map(|interface| interface.link) {
            Some(LinkKind::Ip) => &frame.octets[..],
            Some(LinkKind::Ethernet) => frame.octets.get(14..).unwrap_or_default(),
            None => return,
        };
        let mut slot = if self.heard.len() == MEMORY { self.heard.pop_back() } else { None }
            .unwrap_or(Heard { interface: 0, octets: Vec::new() });
        slot.interface = frame.interface;
        slot.octets.clear();
        slot.octets.extend_from_slice(&octets[..octets.len().min(REMEMBERED)]);
        self.heard.push_front(slot);
    }

    /// The next step; `None` at the end. What cannot be done (an answer when nothing was heard) is a step in which
    /// nothing happens.
    pub fn step(&mut self) -> Option<&Step> {
        let is_done = if self.repeats > 0 {
            self.repeats -= 1;
            self.again()
        } else {
            let one = self.script.moves.get(self.next)?;
            self.next += 1;
            self.act(one)
        };
        if is_done.is_none() {
            self.park();
            self.step.action = Action::Advance;
        }
        self.step.packet += 1;
        Some(&self.step)
    }

    /// Makes the next step what a move does; `None` if that is nothing.
    fn act(&mut self, one: &Move) -> Option<()> {
        match one {
            Move::Datagram { interface, link, broken, octets } => {
                let octets = &octets[..octets.len().min(65_535)];
                self.inject(self.interface(*interface), *link, octets, Some(*broken));
            }
            Move::Frame { interface, octets } => {
                let mut frame = self.buffer();
                frame.extend_from_slice(&octets[..octets.len().min(65_535)]);
                self.step.action = Action::Inject { interface: self.interface(*interface), frame };
            }
            Move::Advance { by } => {
                self.step.at = self.step.at.saturating_add(*by);
                return None;
            }
            Move::ErrorAbout(error) => {
                let heard = self.heard_of(error.which)?;
                let interface = error.interface.map_or(heard.interface, |number| self.interface(number));
                let octets = error_about(&self.script.scenario, interface, error, &heard.octets)?;
                self.inject(interface, LinkTarget::Own, &octets, None);
            }
            Move::Answer(answer) => {
                let heard = self.heard_of(answer.which)?;
                let interface = heard.interface;
                let octets = answer_to(answer, &heard.octets, self.step.packet as u16)?;
                self.inject(interface, LinkTarget::Own, &octets, None);
            }
            Move::Socket { socket, action } => {
                let count = self.script.scenario.sockets.len();
                let socket = usize::from(*socket).checked_rem(count)?;
                self.park();
                self.step.action = Action::Socket { socket, action: socket_action(action) };
            }
            Move::Repeat { times } => {
                self.repeats = times.saturating_sub(1);
                return if *times > 0 { self.again() } else { None };
            }
        }
        Some(())
    }

    fn interface(&self, number: u8) -> usize {
        usize::from(number) % self.script.scenario.interfaces.len().max(1)
    }

    fn heard_of(&self, which: u8) -> Option<&Heard> {
        self.heard.get(usize::from(which).checked_rem(self.heard.len())?)
    }

    /// Takes the frame out of the step before, if one stands there.
    fn park(&mut self) {
        if let Action::Inject { interface, frame } = &mut self.step.action {
            self.parked = Some((*interface, std::mem::take(frame)));
        }
    }

    /// Makes the next step the frame before once more; `None` if there is none.
    fn again(&mut self) -> Option<()> {
        if let Some((interface, frame)) = self.parked.take() {
            self.step.action = Action::Inject { interface, frame };
        }
        matches!(self.step.action, Action::Inject { .. }).then_some(())
    }

    /// An empty buffer for a frame; the frame before is forgotten.
    fn buffer(&mut self) -> Vec<u8> {
        self.park();
        let mut buffer = self.parked.take().map_or_else(Vec::new, |(_, frame)| frame);
        buffer.clear();
        buffer
    }

    /// Makes the next step that `datagram` comes in, repaired but for what is `broken` unless it is right already: in a
    /// frame of the link, with marked octets behind it if the script wants them.
    fn inject(&mut self, interface: usize, link: LinkTarget, datagram: &[u8], broken: Option<Broken>) {
        let mut frame = self.buffer();
        if self.script.scenario.interfaces[interface].link == LinkKind::Ethernet {
            frame.extend(match link {
                LinkTarget::Own => OWN,
                LinkTarget::Broadcast => [255; 6],
                LinkTarget::Multicast => [1, 0, 0x5e, 0, 0, 1],
                LinkTarget::Other => [2, 0, 0, 0, 0, 9],
            });
            frame.extend(PEER);
            frame.extend([8, 0]);
        }
        let start = frame.len();
        frame.extend_from_slice(datagram);
        if let Some(broken) = broken {
            repair::datagram(&mut frame[start..], broken);
        }
        let claimed = frame.get(start + 2..start + 4).map(|word| u16::from_be_bytes([word[0], word[1]]));
        let is_whole = claimed.is_some_and(|claimed| usize::from(claimed) <= datagram.len());
        if self.script.marks && is_whole && datagram.len() <= 65_535 - 16 {
            let number = (self.step.packet as u32).to_be_bytes();
            frame.extend(MARK);
            frame.extend(number);
            frame.extend(number);
        }
        self.step.action = Action::Inject { interface, frame };
    }
}

/// The target that a frame's destination stands for, if it is one that [`Player`] uses; `own` is the stack's address.
pub(super) fn link_target(destination: &[u8], own: &[u8]) -> Option<LinkTarget> {
    match destination {
        to if to == own => Some(LinkTarget::Own),
        [255, 255, 255, 255, 255, 255] => Some(LinkTarget::Broadcast),
        [1, 0, 0x5e, 0, 0, 1] => Some(LinkTarget::Multicast),
        [2, 0, 0, 0, 0, 9] => Some(LinkTarget::Other),
        _ => None,
    }
}

fn socket_action(action: &SocketMove) -> SocketAction {
    match action {
        SocketMove::Send { to, data } => SocketAction::Send { to: *to, data: data.clone() },
        SocketMove::Connect { to } => SocketAction::Connect { to: *to },
        SocketMove::SetOption { option, value } => SocketAction::SetOption {
            name: OPTIONS[usize::from(*option) % OPTIONS.len()].to_owned(),
            value: i64::from(*value),
        },
        SocketMove::Close => SocketAction::Close,
    }
}

fn draft(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8, payload: Vec<u8>) -> Draft {
    Draft {
        tos: 0,
        identification: 0x4242,
        flags_and_offset: 0,
        ttl: 64,
        protocol,
        source,
        destination,
        options: Vec::new(),
        payload,
    }
}

fn address(octets: &[u8], at: usize) -> Option<Ipv4Addr> {
    octets.get(at..at + 4)?.first_chunk::<4>().copied().map(Ipv4Addr::from)
}

/// The error about `sent`; `None` if that has no header.
fn error_about(scenario: &Scenario, interface: usize, error: &ErrorAbout, sent: &[u8]) -> Option<Vec<u8>> {
    let (source, destination) = (address(sent, 12)?, address(sent, 16)?);
    let mut quote = sent.to_vec();
    for deviation in &error.deviations {
        deviate(&mut quote, deviation.field, deviation.by);
    }
    quote.truncate(usize::from(error.keep));
    let mut word = error.word;
    if let Some(extension) = &error.extension {
        word = append_extension(&mut quote, extension, word);
    }
    let mut message = vec![error.icmp_type, error.code, 0, 0];
    message.extend(word.to_be_bytes());
    message.extend(quote);
    message.truncate(65_000);
    let from = sender(scenario, interface, error.sender, destination);
    let mut octets = draft(from, source, 1, message).octets();
    repair::datagram(&mut octets, Broken::NOTHING);
    // What is to be broken is broken by one bit, so that the rest of the message keeps its meaning.
    if error.broken.has(Broken::HEADER_CHECKSUM) {
        octets[10] ^= 1;
    }
    if error.broken.has(Broken::TRANSPORT_CHECKSUM) {
        octets[22] ^= 1;
    }
    if error.broken.has(Broken::LENGTHS) {
        octets[3] ^= 1;
    }
    Some(octets)
}

fn sender(scenario: &Scenario, interface: usize, sender: Sender, destination: Ipv4Addr) -> Ipv4Addr {
    let subnet = scenario.interfaces.get(interface).and_then(|interface| interface.addresses.first());
    let within = |offset: u32| {
        subnet.map_or(Ipv4Addr::new(10, 0, 0, 9), |subnet| {
            Ipv4Addr::from_bits(subnet.network().to_bits().wrapping_add(offset & !subnet.mask()))
        })
    };
    match sender {
        Sender::Destination => destination,
        Sender::Router => within(254),
        Sender::Neighbor => within(9),
        Sender::Remote => Ipv4Addr::new(20, 0, 0, 1),
        Sender::Own => subnet.map_or(Ipv4Addr::LOCALHOST, |subnet| subnet.address),
        Sender::Broadcast => within(u32::MAX),
        Sender::Multicast => Ipv4Addr::new(224, 0, 0, 1),
        Sender::Loopback => Ipv4Addr::LOCALHOST,
        Sender::Nobody => Ipv4Addr::UNSPECIFIED,
    }
}

/// Pads the quote and appends the structure; gives the word that announces it. RFC 4884 §4, §7.
fn append_extension(quote: &mut Vec<u8>, extension: &Extension, word: u32) -> u32 {
    let padded = if extension.is_padded { quote.len().max(128) } else { quote.len() };
    quote.resize(padded.next_multiple_of(4), 0);
    let words = (quote.len() / 4).min(255) as u32;
    let mut structure = vec![0x20, 0, 0, 0];
    structure.extend(&extension.objects);
    let sum = checksum::checksum(&structure) ^ u16::from(extension.is_damaged);
    structure[2..4].copy_from_slice(&sum.to_be_bytes());
    quote.extend(structure);
    if extension.is_announced { word & 0xff00_ffff | words << 16 } else { word }
}

/// Changes one field of a quote, if it has it.
fn deviate(quote: &mut [u8], field: Field, by: u16) {
    let payload = usize::from(quote.first().map_or(5, |first| first & 15)) * 4;
    let (at, is_wide) = match field {
        Field::VersionAndIhl => (0, false),
        Field::TotalLength => (2, true),
        Field::Identification => (4, true),
        Field::Fragment => (6, true),
        Field::Ttl => (8, false),
        Field::Protocol => (9, false),
        Field::Checksum => (10, true),
        Field::Source => (14, true),
        Field::Destination => (18, true),
        Field::SourcePort => (payload, true),
        Field::DestinationPort => (payload + 2, true),
        Field::FifthOctet => (payload + 4, true),
        Field::SeventhOctet => (payload + 6, true),
    };
    let by = by.to_be_bytes();
    let by = if is_wide { &by[..] } else { &by[1..] };
    if let Some(place) = quote.get_mut(at..at + by.len()) {
        place.iter_mut().zip(by).for_each(|(octet, by)| *octet ^= by);
    }
}

/// The answer to `sent`; `None` if that has no header or nothing to answer.
fn answer_to(answer: &Answer, sent: &[u8], identification: u16) -> Option<Vec<u8>> {
    let (source, destination) = (address(sent, 12)?, address(sent, 16)?);
    let header = usize::from(sent[0] & 15) * 4;
    let inside = sent.get(header..)?;
    let data = answer.data.as_deref();
    let payload = match sent[9] {
        1 => icmp_answer(inside, data)?,
        6 => tcp_answer(answer, inside)?,
        17 => {
            let ports = inside.first_chunk::<8>()?;
            let mut datagram = vec![ports[2], ports[3], ports[0], ports[1], 0, 0, 1, 1];
            datagram.extend(data.unwrap_or(&inside[8..]));
            datagram
        }
        _ => data.unwrap_or(inside).to_vec(),
    };
    let mut draft = draft(destination, source, sent[9], payload);
    draft.identification = identification;
    draft.payload.truncate(65_000);
    let mut octets = draft.octets();
    repair::datagram(&mut octets, Broken::NOTHING);
    Some(octets)
}

fn icmp_answer(request: &[u8], data: Option<&[u8]>) -> Option<Vec<u8>> {
    let head = request.first_chunk::<8>()?;
    let icmp_type = match head[0] {
        8 => 0,
        13 | 15 | 17 | 42 => head[0] + 1,
        other => other,
    };
    let mut message = vec![icmp_type, head[1], 0, 0];
    message.extend(&head[4..]);
    message.extend(data.unwrap_or(&request[8..]));
    Some(message)
}

/// A segment that acknowledges all of `sent` and carries on from what that acknowledged.
fn tcp_answer(answer: &Answer, sent: &[u8]) -> Option<Vec<u8>> {
    let head = sent.first_chunk::<20>()?;
    let number = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let offset = usize::from(head[12] >> 4) * 4;
    let controls = u32::from(head[13] & 1) + u32::from(head[13] >> 1 & 1);
    let len = sent.len().saturating_sub(offset) as u32 + controls;
    let sequence = number(8).wrapping_add_signed(i32::from(answer.shift));
    let mut segment = vec![head[2], head[3], head[0], head[1]];
    segment.extend(sequence.to_be_bytes());
    segment.extend(number(4).wrapping_add(len).to_be_bytes());
    segment.extend([0x50, answer.flags, 0x40, 0, 0, 0, 0, 0]);
    segment.extend(answer.data.iter().flatten());
    Some(segment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::script::{Deviation, MAGIC};
    use crate::oracle::frame;

    /// A UDP datagram from the stack to 20.0.0.1 port 53.
    fn sent() -> Vec<u8> {
        let payload = vec![0x12, 0x34, 0, 53, 0, 12, 1, 1, b'p', b'i', b'n', b'g'];
        let mut octets = draft([10, 1, 0, 1].into(), [20, 0, 0, 1].into(), 17, payload).octets();
        repair::datagram(&mut octets, Broken::NOTHING);
        octets
    }

    fn played(one: Move) -> Vec<u8> {
        let script = Script { moves: vec![one], ..Script::decode(&MAGIC) };
        let mut player = Player::new(&script);
        player.hear(&EmittedFrame { interface: 1, octets: sent() });
        match &player.step().unwrap().action {
            Action::Inject { interface: 1, frame } => frame.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn error(deviations: Vec<Deviation>) -> ErrorAbout {
        ErrorAbout {
            which: 0,
            interface: None,
            sender: Sender::Router,
            icmp_type: 3,
            code: 3,
            word: 0,
            deviations,
            keep: 28,
            broken: Broken::NOTHING,
            extension: None,
        }
    }

    #[test]
    fn an_error_quotes_what_was_sent() {
        let octets = played(Move::ErrorAbout(error(Vec::new())));
        assert_eq!(frame::judge(&octets), Ok(()));
        assert_eq!(octets[12..20], [10, 1, 0, 254, 10, 1, 0, 1]);
        assert_eq!(octets[28..], sent()[..28]);
    }

    #[test]
    fn a_deviation_changes_its_field_alone() {
        for field in Field::ALL {
            let octets = played(Move::ErrorAbout(error(vec![Deviation { field, by: 0x0101 }])));
            let changed = octets[28..].iter().zip(sent()).filter(|(one, other)| *one != other).count();
            assert!((1..=2).contains(&changed), "{field:?}: {changed}");
        }
    }

    #[test]
    fn an_extension_begins_where_it_is_announced() {
        let extension = Extension {
            is_announced: true,
            is_padded: true,
            is_damaged: false,
            objects: vec![0, 8, 1, 1, 0, 1, 2, 3],
        };
        let octets = played(Move::ErrorAbout(ErrorAbout { extension: Some(extension), ..error(Vec::new()) }));
        assert_eq!((octets[25], octets.len()), (32, 28 + 128 + 12));
        assert!(checksum::is_intact(&octets[28 + 128..]));
    }

    #[test]
    fn an_answer_comes_from_whom_was_asked() {
        let answer = Answer { which: 0, flags: 0, shift: 0, data: Some(b"pong".to_vec()) };
        let octets = played(Move::Answer(answer));
        assert_eq!(frame::judge(&octets), Ok(()));
        assert_eq!(octets[12..24], [20, 0, 0, 1, 10, 1, 0, 1, 0, 53, 0x12, 0x34]);
        assert_eq!(octets[28..], *b"pong");
    }

    #[test]
    fn marks_stand_behind_the_datagram() {
        let octets = sent();
        let one = Move::Datagram { interface: 0, link: LinkTarget::Own, broken: Broken::NOTHING, octets };
        let script = Script { moves: vec![one], marks: true, ..Script::decode(&MAGIC) };
        let mut player = Player::new(&script);
        let Action::Inject { frame, .. } = &player.step().unwrap().action else { panic!() };
        assert_eq!(frame[32..40], MARK);
    }

    #[test]
    fn a_repetition_is_the_same_frame_again_after_time_has_passed() {
        let octets = sent();
        let one = Move::Datagram { interface: 0, link: LinkTarget::Own, broken: Broken::NOTHING, octets };
        let pause = Move::Advance { by: Duration::from_secs(1) };
        let moves = vec![pause.clone(), one.clone(), one, pause, Move::Repeat { times: 2 }];
        let script = Script { moves, ..Script::decode(&MAGIC) };
        let mut player = Player::new(&script);
        let actions: Vec<_> = std::iter::from_fn(|| player.step().map(|step| step.action.clone())).collect();
        let is_pause: Vec<_> = actions.iter().map(|action| *action == Action::Advance).collect();
        assert_eq!(is_pause, [true, false, false, true, false, false]);
        assert!(actions.iter().all(|action| *action == Action::Advance || *action == actions[1]));
    }

    #[test]
    fn a_repetition_follows_its_frame() {
        let octets = sent();
        let one = Move::Datagram { interface: 0, link: LinkTarget::Own, broken: Broken::NOTHING, octets };
        let script = Script { moves: vec![one, Move::Repeat { times: 3 }], ..Script::decode(&MAGIC) };
        let mut player = Player::new(&script);
        let actions: Vec<_> = std::iter::from_fn(|| player.step().map(|step| step.action.clone())).collect();
        assert_eq!(actions.len(), 4);
        assert!(actions.iter().all(|action| *action == actions[0]));
    }
}
