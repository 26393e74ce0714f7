//! The next datagram of many conversations at once.

use std::net::Ipv4Addr;

use netassay_stack::wire::checksum;

use crate::generate::choice::Choice;
use crate::generate::datagram::{
    self, Draft, filler, icmp_message, repair_header_checksum, transport_checksum,
};
use crate::generate::quote;

/// How many datagrams of each kind are remembered.
const PLACES: usize = 24;

/// A datagram and the interface that it was on.
type On = (usize, Vec<u8>);

/// What was given to the stack and what it emitted lately.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    emitted: Vec<On>,
    given: Vec<On>,
    next: [usize; 2],
}

impl Memory {
    /// Remembers what the stack emitted on an interface.
    pub fn heard(&mut self, on: On) {
        keep(&mut self.emitted, &mut self.next[0], on);
    }

    /// The next datagrams and the interface that they come in by.
    pub fn step(&mut self, choice: &mut impl Choice) -> On {
        let drawn = match choice.below(32) {
            0..=8 => Some(opening(choice)),
            9..=17 => self.about(choice, answer),
            18..=25 => self.about(choice, error),
            26..=28 => self.again(choice),
            29 => self.misplaced(choice),
            _ => None,
        };
        let (interface, mut octets) = drawn.unwrap_or_else(|| {
            let interface = choice.below(3) as usize;
            let heard: Vec<Vec<u8>> = self.emitted.iter().map(|(_, octets)| octets.clone()).collect();
            (interface, datagram::datagram(choice, &heard))
        });
        if choice.chance(1, 12) {
            datagram::bend(choice, &mut octets);
        }
        keep(&mut self.given, &mut self.next[1], (interface, octets.clone()));
        (interface, octets)
    }

    /// Something that comes of an emitted datagram, by the interface that it left by.
    fn about<C: Choice>(
        &self,
        choice: &mut C,
        make: impl Fn(&mut C, &[u8]) -> Option<Vec<u8>>,
    ) -> Option<On> {
        if self.emitted.is_empty() {
            return None;
        }
        let (interface, octets) = choice.pick(&self.emitted);
        Some((*interface, make(choice, octets)?))
    }

    /// Something that was given before, perhaps by another interface.
    fn again(&self, choice: &mut impl Choice) -> Option<On> {
        if self.given.is_empty() {
            return None;
        }
        let (interface, mut octets) = choice.pick(&self.given).clone();
        if let Some(ttl) = octets.get_mut(8).filter(|_| choice.chance(1, 4)) {
            *ttl = *choice.pick(&[1, 2, 255]);
            repair_header_checksum(&mut octets);
        }
        Some((if choice.chance(1, 8) { choice.below(3) as usize } else { interface }, octets))
    }

    /// An error about something that was given: it comes from the wrong side, with the wrong names.
    fn misplaced(&self, choice: &mut impl Choice) -> Option<On> {
        if self.given.is_empty() {
            return None;
        }
        let (_, octets) = choice.pick(&self.given).clone();
        Some((choice.below(3) as usize, error(choice, &octets)?))
    }
}

fn keep(places: &mut Vec<On>, next: &mut usize, mut on: On) {
    on.1.truncate(600);
    match places.get_mut(*next) {
        Some(place) => *place = on,
        None => places.push(on),
    }
    *next = (*next + 1) % PLACES;
}

/// Hosts on each interface, and behind it.
const HOSTS: &[&[[u8; 4]]] = &[
    &[[10, 0, 0, 2], [10, 0, 0, 2], [10, 0, 0, 9], [8, 8, 8, 8]],
    &[[10, 1, 0, 5], [10, 1, 0, 5], [10, 1, 0, 9], [20, 0, 0, 1]],
    &[[10, 2, 0, 5], [10, 2, 0, 9], [60, 0, 0, 1]],
];
/// The stack itself.
const OWN: &[[u8; 4]] = &[[10, 0, 0, 1], [10, 0, 0, 11], [10, 1, 0, 1], [10, 2, 0, 1]];

/// The first datagram of a conversation, or another one of it.
fn opening(choice: &mut impl Choice) -> On {
    let interface = *choice.pick(&[0, 0, 1, 1, 2]);
    let host = choice.below(HOSTS[interface].len() as u32) as usize;
    let source = Ipv4Addr::from(HOSTS[interface][host]);
    let destination = match choice.below(8) {
        0..=1 => *choice.pick(OWN),
        _ => {
            let other = (interface + choice.between(0, 2) as usize) % 3;
            *choice.pick(HOSTS[other])
        }
    };
    let own = (interface * 4 + host) as u16;
    // Ports that sources share are of the class from which 600 to 1023 are drawn.
    let port = if choice.chance(1, 8) {
        520 + choice.below(3) as u16
    } else {
        2000 + own * 8 + choice.below(4) as u16
    };
    let identifier = if choice.chance(1, 24) { 7 } else { 100 + own * 8 + choice.below(4) as u16 };
    let protocol = *choice.pick(&[1, 1, 1, 6, 6, 17, 17, 17, 136, 47, 99]);
    let payload = payload(choice, protocol, (source, destination.into()), (port, identifier));
    let draft = Draft {
        tos: 0,
        identification: choice.word(),
        flags_and_offset: *choice.pick(&[0, 0, 0x4000]),
        ttl: *choice.pick(&[64, 64, 64, 64, 64, 1, 2]),
        protocol,
        source,
        destination: destination.into(),
        options: Vec::new(),
        payload,
    };
    (interface, draft.octets())
}

fn payload(
    choice: &mut impl Choice,
    protocol: u8,
    (source, destination): (Ipv4Addr, Ipv4Addr),
    (port, identifier): (u16, u16),
) -> Vec<u8> {
    let len = *choice.pick(&[0, 8, 8, 40, 500, 1200]);
    let body: Vec<u8> = filler(choice.octet(), len).collect();
    let service = *choice.pick(&[7_u16, 53, 80]);
    match protocol {
        1 => {
            let [high, low] = identifier.to_be_bytes();
            let (icmp_type, code) =
                (*choice.pick(&[8, 8, 8, 8, 13, 15, 17]), *choice.pick(&[0, 0, 0, 0, 0, 0, 1]));
            icmp_message(choice, icmp_type, code, [high, low, 0, 1], &body)
        }
        6 => {
            let flags = *choice.pick(&[2, 2, 2, 2, 16, 17, 4, 24]);
            let sequence = 1000 + choice.below(3);
            segment((source, destination), [port, service], sequence, 9000, flags, &body[..len.min(40)])
        }
        17 | 136 => {
            let field = if protocol == 17 { 8 + len as u16 } else { *choice.pick(&[0, 8]) };
            let mut octets =
                [port, service, field, 0].iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>();
            octets.extend(body);
            let covered = if field == 8 { 8 } else { octets.len() };
            finish(choice, (source, destination), protocol == 136, &mut octets, covered);
            octets
        }
        47 => [&[0, 0, 8, 0][..], &body].concat(),
        _ => body,
    }
}

/// Writes the checksum of UDP or UDP-Lite, as Linux tracks it; now and then none.
fn finish(
    choice: &mut impl Choice,
    ends: (Ipv4Addr, Ipv4Addr),
    is_lite: bool,
    octets: &mut [u8],
    covered: usize,
) {
    if choice.chance(1, 12) {
        return;
    }
    let len = octets.len() as u16;
    let mut pseudo: Vec<u8> = [ends.0.octets(), ends.1.octets()].concat();
    pseudo.extend([0, 17]);
    pseudo.extend(if is_lite { len & 0xff } else { len }.to_be_bytes());
    pseudo.extend(&octets[..covered]);
    let sum = match checksum::checksum(&pseudo) {
        0 => 0xffff,
        sum => sum,
    };
    octets[6..8].copy_from_slice(&sum.to_be_bytes());
}

fn segment(
    (source, destination): (Ipv4Addr, Ipv4Addr),
    ports: [u16; 2],
    sequence: u32,
    acknowledgment: u32,
    flags: u8,
    data: &[u8],
) -> Vec<u8> {
    let mut octets: Vec<u8> = ports.iter().flat_map(|port| port.to_be_bytes()).collect();
    octets.extend(sequence.to_be_bytes());
    octets.extend(if flags & 16 != 0 { acknowledgment } else { 0 }.to_be_bytes());
    octets.extend([0x50, flags, 0x20, 0, 0, 0, 0, 0]);
    octets.extend(data);
    let sum = transport_checksum(source, destination, 6, &octets);
    octets[16..18].copy_from_slice(&sum.to_be_bytes());
    octets
}

/// What the one that `octets` are addressed to would send back; `None` if they call for nothing.
fn answer(choice: &mut impl Choice, octets: &[u8]) -> Option<Vec<u8>> {
    let header = octets.get(..20).filter(|header| header[0] == 0x45 && header[6] & 0x3f == 0)?;
    let mut reply = octets.to_vec();
    reply[12..16].copy_from_slice(&header[16..20]);
    reply[16..20].copy_from_slice(&header[12..16]);
    reply[8] = 64;
    let transport = &octets[20..];
    match header[9] {
        1 => {
            let query = *transport.first()?;
            let by = match query {
                8 => 0,
                13 | 15 | 17 => query + 1,
                _ => return None,
            };
            let message = reply.get_mut(20..)?;
            message.first_mut().map(|first| *first = by)?;
            message.get_mut(2..4)?.fill(0);
            let sum = checksum::checksum(message);
            message[2..4].copy_from_slice(&sum.to_be_bytes());
        }
        6 => {
            let segment = next_segment(choice, octets)?;
            reply.truncate(20);
            reply.extend(segment);
            let total = reply.len() as u16;
            reply[2..4].copy_from_slice(&total.to_be_bytes());
        }
        17 | 136 if transport.len() >= 4 => {
            // The sum does not change when both ends change places.
            let (to, from) = reply[20..24].split_at_mut(2);
            to.swap_with_slice(from);
        }
        _ => {}
    }
    repair_header_checksum(&mut reply);
    Some(reply)
}

/// The segment that answers the one in `octets`, mostly as an endpoint would.
fn next_segment(choice: &mut impl Choice, octets: &[u8]) -> Option<Vec<u8>> {
    let was = octets.get(20..40)?;
    let word = |at: usize| u32::from_be_bytes([was[at], was[at + 1], was[at + 2], was[at + 3]]);
    let flags = was[13];
    let header_len = usize::from(was[12] >> 4) * 4;
    let data_len = (octets.len() - 20).saturating_sub(header_len) as u32;
    let end = word(4).wrapping_add(data_len + u32::from(flags & 2 != 0) + u32::from(flags & 1 != 0));
    let next = match flags & 0x17 {
        2 => *choice.pick(&[0x12, 0x12, 0x12, 0x12, 0x14, 2, 16, 4]),
        _ => *choice.pick(&[16, 16, 16, 24, 24, 17, 17, 4, 0x14, 2, 0x12]),
    };
    let sequence = if flags & 16 != 0 { word(8) } else { 9000 };
    let off = *choice.pick(&[0, 0, 0, 0, 0, 0, 1, -1, 4000, 8192, 70_000, -8193, -70_000]);
    let data: Vec<u8> = filler(3, if next & 8 != 0 { 20 } else { 0 }).collect();
    let address = |at: usize| Ipv4Addr::new(octets[at], octets[at + 1], octets[at + 2], octets[at + 3]);
    let ports = [u16::from_be_bytes([was[2], was[3]]), u16::from_be_bytes([was[0], was[1]])];
    let ends = (address(16), address(12));
    Some(segment(ends, ports, sequence.wrapping_add_signed(off), end, next, &data))
}

/// An ICMP error about `octets`, up to three fields off the right way.
fn error(choice: &mut impl Choice, octets: &[u8]) -> Option<Vec<u8>> {
    let header = octets.get(..20)?;
    let mut draft = Draft {
        tos: 0,
        identification: choice.word(),
        flags_and_offset: 0,
        ttl: 64,
        protocol: 1,
        source: Ipv4Addr::from(match choice.below(8) {
            0..=3 => [header[16], header[17], header[18], header[19]],
            4 => [header[12], header[13], header[14], header[15]],
            5 => *choice.pick(OWN),
            _ => *choice.pick(&[[10, 0, 0, 254], [10, 1, 0, 9], [10, 2, 0, 9], [99, 0, 0, 1]]),
        }),
        destination: Ipv4Addr::new(header[12], header[13], header[14], header[15]),
        options: Vec::new(),
        payload: Vec::new(),
    };
    let (icmp_type, code) = *choice.pick(quote::ERRORS);
    let mut quoted = octets.to_vec();
    quote::bend(choice, &mut quoted);
    let keep = match choice.below(8) {
        0..=3 => 28,
        4..=5 => 548,
        6 => 40,
        _ => choice.below(44) as usize,
    };
    quoted.truncate(keep);
    let word = quote::word_of(choice, icmp_type, code);
    draft.payload = icmp_message(choice, icmp_type, code, word, &quoted);
    if choice.chance(1, 16) {
        draft.destination = Ipv4Addr::from(*choice.pick(OWN));
    }
    Some(draft.octets())
}
