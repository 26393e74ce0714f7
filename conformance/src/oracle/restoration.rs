//! Reverse translation restores the original: an error that quotes what a router sent on reaches the sender with what
//! the sender had sent, and an answer with the addresses that it had used.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use super::{Objection, checksum, frame, same};
use crate::model::ConntrackEntry;
use crate::model::observation::TrackedTuple;

/// The clauses: of quotes, and of answers.
const QUOTE: &str = "RFC 5508 §4.2";
const ANSWER: &str = "RFC 4787 §4.1";

/// Datagrams that are remembered.
const MEMORY: usize = 32;

/// What connection tracking made of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A connection begins with it, so that it answers nothing.
    Begins,
    /// It belongs to a connection.
    Belongs,
    /// It belongs to a connection, or begins one: nothing tells of beginnings.
    Unsaid,
    /// It is part of no connection: what it would belong to is over, or does not allow it, such as a TCP segment outside
    /// of the window.
    Nothing,
}

/// A datagram that went through: how it went in, one hop on, and how it came out.
#[derive(Clone, Debug)]
struct Passage {
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Passage {
    /// Whether `datagram` comes from where this one went, and goes where it seemed to come from.
    fn is_answered_by(&self, datagram: &[u8]) -> bool {
        let after = &self.after;
        after[9] == datagram[9]
            && after[16..20] == datagram[12..16]
            && after[12..16] == datagram[16..20]
            && after[20..22] == datagram[22..24]
            && after[22..24] == datagram[20..22]
    }

    /// Whether `after`, an error about what this became, is about what this was.
    fn is_restored_in(&self, after: &[u8]) -> Result<(), Objection> {
        same(QUOTE, "an error reaches who sent what it quotes", &after[16..20], &self.before[12..16])?;
        let restored = &after[28..];
        let mut expected = self.before[..restored.len().min(self.before.len())].to_vec();
        if self.after[4..6] != self.before[4..6] {
            // A translator that renews identifications (RFC 6864 §5.3.1) keeps no memory of single datagrams.
            expected[4..6].copy_from_slice(&restored[4..6]);
            expected[10..12].copy_from_slice(&restored[10..12]);
        }
        same(QUOTE, "the quote is what was sent", restored, &expected)
    }

    /// Whether `after`, an answer to what this became, answers what this was.
    fn has_answer(&self, after: &[u8]) -> Result<(), Objection> {
        same(ANSWER, "an answer reaches who asked", &after[16..20], &self.before[12..16])?;
        same(ANSWER, "an answer reaches the port that asked", &after[22..24], &self.before[20..22])?;
        same(ANSWER, "an answer comes from who was asked", &after[12..16], &self.before[16..20])
    }

    /// Whether a connection in `table` still is what this one was translated by; `None` if that cannot be told.
    fn is_in_force(&self, table: Option<&[ConntrackEntry]>) -> Option<bool> {
        let protocol = self.after[9];
        let (inside, outside) = (tuple(&self.before)?, answering(protocol, tuple(&self.after)?));
        let is_one = |one, other| (one, other) == (inside, outside) || (other, one) == (inside, outside);
        Some(table?.iter().any(|entry| entry.protocol == protocol && is_one(entry.original, entry.reply)))
    }
}

/// What connection tracking knows `datagram` by; `None` if that is not known here.
fn tuple(datagram: &[u8]) -> Option<TrackedTuple> {
    let address = |at: usize| {
        Ipv4Addr::from_octets([datagram[at], datagram[at + 1], datagram[at + 2], datagram[at + 3]])
    };
    let word = |at: usize| u16::from_be_bytes([datagram[at], datagram[at + 1]]);
    let (source_id, destination_id) = match datagram[9] {
        1 => (word(24), word(20)),
        6 | 17 | 136 => (word(20), word(22)),
        _ => return None,
    };
    Some(TrackedTuple { source: address(12), destination: address(16), source_id, destination_id })
}

/// What an answer to `tuple` is known by. ICMP has pairs of types that ask and answer, each beside the other.
fn answering(protocol: u8, tuple: TrackedTuple) -> TrackedTuple {
    let TrackedTuple { source, destination, source_id, destination_id } = tuple;
    let (source_id, destination_id) = match (protocol, destination_id >> 8) {
        (1, 0 | 8) => (source_id, destination_id ^ 0x0800),
        (1, 13 | 15 | 17) => (source_id, destination_id + 0x0100),
        (1, 14 | 16 | 18) => (source_id, destination_id - 0x0100),
        (1, _) => (source_id, destination_id),
        _ => (destination_id, source_id),
    };
    TrackedTuple { source: destination, destination: source, source_id, destination_id }
}

/// What went through a router lately, against which errors and answers are held.
#[derive(Clone, Debug, Default)]
pub struct Restoration {
    passages: VecDeque<Passage>,
}

impl Restoration {
    /// Judges a datagram that was forwarded whole: `before` as it came in, `after` as it left. `part` is what tracking
    /// made of it; `table` tells the connections that there are now, if that can be told, where the judgment hangs on
    /// them.
    ///
    /// # Errors
    /// If what it quotes or answers was not restored.
    pub fn judge(
        &mut self,
        before: &[u8],
        after: &[u8],
        part: Part,
        table: impl FnMut() -> Option<Vec<ConntrackEntry>>,
    ) -> Result<(), Objection> {
        let before = before.get(..total_length(before)).unwrap_or(before);
        if before.len() < 28 || after.len() < 28 || before[0] != 0x45 || after[0] != 0x45 {
            // Options are the router's to change.
            return Ok(());
        }
        if frame::judge(before).is_ok() {
            // What came in whole goes out whole, whatever was rewritten. RFC 3022 §4.2.
            frame::judge(after)?;
        }
        if part == Part::Begins {
            // What it would answer is over, or it would not have begun anything.
            self.passages.retain(|passage| !passage.is_answered_by(before));
        }
        let verdict = self.restores(before, after, part, table);
        self.remember(before, after);
        verdict
    }

    fn restores(
        &self,
        before: &[u8],
        after: &[u8],
        part: Part,
        mut table: impl FnMut() -> Option<Vec<ConntrackEntry>>,
    ) -> Result<(), Objection> {
        // A mapping that is over restores nothing, and its outside may be that of another one by now.
        let mut has_to = |passage: &Passage| match part {
            Part::Begins | Part::Belongs => passage.is_in_force(table().as_deref()) != Some(false),
            Part::Unsaid | Part::Nothing => passage.is_in_force(table().as_deref()) == Some(true),
        };
        if let Some(passage) = self.quoted_by(before) {
            passage.is_restored_in(after).or_else(|why| if has_to(passage) { Err(why) } else { Ok(()) })?;
        }
        match self.answered_by(before) {
            Some(passage) if part != Part::Nothing => {
                passage.has_answer(after).or_else(|why| if has_to(passage) { Err(why) } else { Ok(()) })
            }
            _ => Ok(()),
        }
    }

    /// The passage whose result `before` quotes to who seemed to have sent it, if `before` is such an error.
    fn quoted_by(&self, before: &[u8]) -> Option<&Passage> {
        let is_error = before[9] == 1 && matches!(before[20], 3 | 4 | 5 | 11 | 12);
        let quoted = &before[28..];
        if !is_error || quoted.len() < 28 || !checksum::is_intact(&before[20..]) {
            return None;
        }
        // One that goes to somebody else than who seems to have sent what it quotes belongs to nothing.
        if quoted[12..16] != before[16..20] {
            return None;
        }
        self.passages.iter().find(|passage| passage.after.starts_with(quoted))
    }

    /// The passage that `before` answers.
    fn answered_by(&self, before: &[u8]) -> Option<&Passage> {
        if !matches!(before[9], 6 | 17) || is_fragment(before) {
            return None;
        }
        self.passages.iter().find(|passage| passage.is_answered_by(before))
    }

    /// Remembers a passage: `before` is kept as it is one hop on, for so it was quoted.
    fn remember(&mut self, before: &[u8], after: &[u8]) {
        if is_fragment(before) || after.len() != before.len() {
            return;
        }
        let mut hopped = before.to_vec();
        hopped[8] = after[8];
        hopped[10..12].fill(0);
        let sum = checksum::naive(&hopped[..20]);
        hopped[10..12].copy_from_slice(&sum.to_be_bytes());
        // The latest stands first: a translation that was given up and made anew is the one in force.
        self.passages.push_front(Passage { before: hopped, after: after.to_vec() });
        self.passages.truncate(MEMORY);
    }
}

fn is_fragment(datagram: &[u8]) -> bool {
    u16::from_be_bytes([datagram[6], datagram[7]]) & 0x3fff != 0
}

fn total_length(datagram: &[u8]) -> usize {
    datagram.get(2..4).map_or(0, |octets| usize::from(u16::from_be_bytes([octets[0], octets[1]])))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: [u8; 4] = [192, 168, 1, 10];
    const PUBLIC: [u8; 4] = [203, 0, 113, 1];
    const SERVER: [u8; 4] = [8, 8, 8, 8];

    fn datagram(source: [u8; 4], destination: [u8; 4], protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut octets = vec![0x45, 0, 0, 20 + payload.len() as u8, 0, 0, 0, 0, 63, protocol, 0, 0];
        octets.extend(source.iter().chain(&destination).chain(payload));
        let sum = checksum::naive(&octets[..20]);
        octets[10..12].copy_from_slice(&sum.to_be_bytes());
        octets
    }

    fn error(from: [u8; 4], to: [u8; 4], quote: &[u8]) -> Vec<u8> {
        let mut message = vec![3, 3, 0, 0, 0, 0, 0, 0];
        message.extend(quote);
        let sum = checksum::naive(&message);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        datagram(from, to, 1, &message)
    }

    /// Judges a passage where nobody knows the table.
    fn pass(restoration: &mut Restoration, before: &[u8], after: &[u8], part: Part) -> Result<(), Objection> {
        restoration.judge(before, after, part, || None)
    }

    /// The connection of `known`, seen from the side that answers if it is `turned`.
    fn connection(turned: bool) -> ConntrackEntry {
        let tuple = |source: [u8; 4], destination: [u8; 4], source_id, destination_id| TrackedTuple {
            source: source.into(),
            destination: destination.into(),
            source_id,
            destination_id,
        };
        let (one, other) = (tuple(CLIENT, SERVER, 0x1000, 53), tuple(SERVER, PUBLIC, 53, 0x2000));
        let (original, reply) = if turned { (other, one) } else { (one, other) };
        ConntrackEntry {
            protocol: 17,
            original,
            reply,
            timeout_s: Some(30),
            status: 0,
            tcp_state: None,
            zone: 0,
            accounting: None,
        }
    }

    /// A translated request is known.
    fn known() -> (Restoration, Vec<u8>, Vec<u8>) {
        let before = datagram(CLIENT, SERVER, 17, &[0x10, 0, 0, 53, 0, 8, 0, 0]);
        let after = datagram(PUBLIC, SERVER, 17, &[0x20, 0, 0, 53, 0, 8, 0, 0]);
        let mut restoration = Restoration::default();
        pass(&mut restoration, &before, &after, Part::Begins).unwrap();
        (restoration, before, after)
    }

    #[test]
    fn a_restored_quote_passes_and_another_does_not() {
        let (mut restoration, before, after) = known();
        let came = error(SERVER, PUBLIC, &after);
        assert_eq!(pass(&mut restoration, &came, &error(SERVER, CLIENT, &before), Part::Belongs), Ok(()));
        assert!(pass(&mut restoration, &came, &error(SERVER, CLIENT, &after), Part::Belongs).is_err());
        assert!(pass(&mut restoration, &came, &error(SERVER, PUBLIC, &before), Part::Belongs).is_err());
    }

    #[test]
    fn a_renewed_identification_is_quoted_as_it_is() {
        let (mut restoration, before, after) = known();
        let renewed = |datagram: &[u8]| {
            let mut octets = datagram.to_vec();
            octets[4..6].copy_from_slice(&[0x12, 0x34]);
            octets[10..12].fill(0);
            let sum = checksum::naive(&octets[..20]);
            octets[10..12].copy_from_slice(&sum.to_be_bytes());
            octets
        };
        pass(&mut restoration, &before, &renewed(&after), Part::Begins).unwrap();
        let came = error(SERVER, PUBLIC, &renewed(&after));
        assert_eq!(
            pass(&mut restoration, &came, &error(SERVER, CLIENT, &renewed(&before)), Part::Belongs),
            Ok(())
        );
        let foreign = renewed(&datagram(CLIENT, SERVER, 17, &[0x11, 0, 0, 53, 0, 8, 0, 0]));
        assert!(pass(&mut restoration, &came, &error(SERVER, CLIENT, &foreign), Part::Belongs).is_err());
        // Where it was left alone it has to be what was sent.
        let came = error(SERVER, PUBLIC, &after);
        assert!(
            pass(&mut restoration, &came, &error(SERVER, CLIENT, &renewed(&before)), Part::Belongs).is_err()
        );
    }

    #[test]
    fn a_restored_answer_passes_and_another_does_not() {
        let (mut restoration, ..) = known();
        let came = datagram(SERVER, PUBLIC, 17, &[0, 53, 0x20, 0, 0, 8, 0, 0]);
        let right = datagram(SERVER, CLIENT, 17, &[0, 53, 0x10, 0, 0, 8, 0, 0]);
        let wrong = datagram(SERVER, CLIENT, 17, &[0, 53, 0x20, 0, 0, 8, 0, 0]);
        assert_eq!(pass(&mut restoration, &came, &right, Part::Belongs), Ok(()));
        assert!(pass(&mut restoration, &came, &wrong, Part::Belongs).is_err());
    }

    #[test]
    fn what_a_new_connection_would_answer_is_over() {
        let (mut restoration, ..) = known();
        let came = datagram(SERVER, PUBLIC, 17, &[0, 53, 0x20, 0, 0, 8, 0, 0]);
        let elsewhere = datagram([9, 9, 9, 9], PUBLIC, 17, &[0, 53, 0x20, 0, 0, 8, 0, 0]);
        assert!(pass(&mut restoration.clone(), &came, &elsewhere, Part::Belongs).is_err());
        assert_eq!(pass(&mut restoration, &came, &elsewhere, Part::Begins), Ok(()));
        assert_eq!(pass(&mut restoration, &came, &elsewhere, Part::Belongs), Ok(()));
    }

    /// Whether what was not translated is objected to: an error that quotes what is known, and an answer to it.
    fn untranslated(part: Part, table: Option<&[ConntrackEntry]>) -> [bool; 2] {
        let (restoration, _, after) = known();
        let error = error(SERVER, PUBLIC, &after);
        let answer = datagram(SERVER, PUBLIC, 17, &[0, 53, 0x20, 0, 0, 8, 0, 0]);
        [error, answer]
            .map(|came| restoration.clone().judge(&came, &came, part, || table.map(<[_]>::to_vec)).is_err())
    }

    #[test]
    fn what_is_part_of_nothing_is_left_alone_once_the_connection_is_over() {
        let (held, turned) = (vec![connection(false)], vec![connection(true)]);
        let elsewhere = vec![ConntrackEntry { protocol: 6, ..connection(false) }];
        // A segment outside of the window answers nothing while its connection is there; an error has no window.
        assert_eq!(untranslated(Part::Nothing, Some(&held)), [true, false]);
        assert_eq!(untranslated(Part::Nothing, Some(&turned)), [true, false]);
        assert_eq!(untranslated(Part::Nothing, Some(&elsewhere)), [false, false]);
        assert_eq!(untranslated(Part::Nothing, Some(&[])), [false, false]);
        assert_eq!(untranslated(Part::Nothing, None), [false, false]);
    }

    #[test]
    fn what_belongs_to_a_connection_is_restored_unless_its_mapping_is_another_one_now() {
        assert_eq!(untranslated(Part::Belongs, Some(&[connection(false)])), [true, true]);
        assert_eq!(untranslated(Part::Belongs, None), [true, true]);
        assert_eq!(untranslated(Part::Belongs, Some(&[])), [false, false]);
        assert_eq!(untranslated(Part::Unsaid, Some(&[connection(false)])), [true, true]);
        assert_eq!(untranslated(Part::Unsaid, Some(&[])), [false, false]);
        assert_eq!(untranslated(Part::Unsaid, None), [false, false]);
    }

    #[test]
    fn queries_are_known_by_their_identifier() {
        let request = |source, id| datagram(source, SERVER, 1, &[8, 0, 0, 0, 0, id, 0, 1]);
        let passage = Passage { before: request(CLIENT, 7), after: request(PUBLIC, 9) };
        let mut entry = ConntrackEntry { protocol: 1, ..connection(false) };
        (entry.original.source_id, entry.original.destination_id) = (7, 0x0800);
        (entry.reply.source_id, entry.reply.destination_id) = (9, 0);
        assert_eq!(passage.is_in_force(Some(&[entry.clone()])), Some(true));
        entry.reply.source_id = 7;
        assert_eq!(passage.is_in_force(Some(&[entry])), Some(false));
        let other = Passage {
            before: datagram(CLIENT, SERVER, 47, &[0; 8]),
            after: datagram(PUBLIC, SERVER, 47, &[0; 8]),
        };
        assert_eq!(other.is_in_force(Some(&[])), None);
    }

    #[test]
    fn only_a_message_of_zeros_may_lose_its_checksum() {
        let reply = |to, sum, id| datagram(SERVER, to, 1, &[0, 0, sum, sum, id, id, 0, 0]);
        let judge =
            |before: &[u8], after: &[u8]| pass(&mut Restoration::default(), before, after, Part::Begins);
        assert_eq!(judge(&reply(PUBLIC, 0xff, 0), &reply(CLIENT, 0, 0)), Ok(()));
        assert!(judge(&reply(PUBLIC, 0xff, 0), &reply(CLIENT, 0, 1)).is_err());
        assert!(judge(&reply(PUBLIC, 0xff, 0), &reply(CLIENT, 0xee, 0)).is_err());
    }

    #[test]
    fn an_error_that_goes_the_way_of_what_it_quotes_belongs_to_nothing() {
        let (mut restoration, _, after) = known();
        let onward = error(PUBLIC, SERVER, &after);
        assert_eq!(pass(&mut restoration, &onward, &onward, Part::Belongs), Ok(()));
    }

    #[test]
    fn a_checksum_that_was_not_followed_is_seen() {
        let segment = [0x10, 0, 0, 53, 0, 8, 0x1d, 0xe7];
        let before = datagram(CLIENT, SERVER, 17, &segment);
        let is_right = frame::judge(&before).is_ok();
        let wrong = datagram(PUBLIC, SERVER, 17, &segment);
        assert!(is_right, "{before:02x?}");
        assert!(pass(&mut Restoration::default(), &before, &wrong, Part::Begins).is_err());
    }
}
