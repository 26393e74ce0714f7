//! Reverse translation restores the original: an error that quotes what a router sent on reaches the sender with what
//! the sender had sent, and an answer with the addresses that it had used.

use std::collections::VecDeque;

use super::{Objection, checksum, frame, same};

/// The clauses: of quotes, and of answers.
const QUOTE: &str = "RFC 5508 §4.2";
const ANSWER: &str = "RFC 4787 §4.1";

/// Datagrams that are remembered.
const MEMORY: usize = 32;

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
}

/// What went through a router lately, against which errors and answers are held.
#[derive(Clone, Debug, Default)]
pub struct Restoration {
    passages: VecDeque<Passage>,
}

impl Restoration {
    /// Judges a datagram that was forwarded whole: `before` as it came in, `after` as it left. `is_first` says that a
    /// connection began with it, so that it answers nothing.
    ///
    /// # Errors
    /// If what it quotes or answers was not restored.
    pub fn judge(&mut self, before: &[u8], after: &[u8], is_first: bool) -> Result<(), Objection> {
        let before = before.get(..total_length(before)).unwrap_or(before);
        if before.len() < 28 || after.len() < 28 || before[0] != 0x45 || after[0] != 0x45 {
            // Options are the router's to change.
            return Ok(());
        }
        if frame::judge(before).is_ok() {
            // What came in whole goes out whole, whatever was rewritten. RFC 3022 §4.2.
            frame::judge(after)?;
        }
        if is_first {
            // What it would answer is over, or it would not have begun anything.
            self.passages.retain(|passage| !passage.is_answered_by(before));
        }
        let verdict =
            self.quote_is_restored(before, after).and_then(|()| self.answer_is_restored(before, after));
        self.remember(before, after);
        verdict
    }

    fn quote_is_restored(&self, before: &[u8], after: &[u8]) -> Result<(), Objection> {
        let is_error = before[9] == 1 && matches!(before[20], 3 | 4 | 5 | 11 | 12);
        let quoted = &before[28..];
        if !is_error || quoted.len() < 28 || !checksum::is_intact(&before[20..]) {
            return Ok(());
        }
        if quoted[12..16] != before[16..20] {
            // It goes to somebody else than who seems to have sent what it quotes, and belongs to nothing.
            return Ok(());
        }
        let Some(passage) = self.passages.iter().find(|passage| passage.after.starts_with(quoted)) else {
            return Ok(());
        };
        same(QUOTE, "an error reaches who sent what it quotes", &after[16..20], &passage.before[12..16])?;
        let restored = &after[28..];
        let mut expected = passage.before[..restored.len().min(passage.before.len())].to_vec();
        if passage.after[4..6] != passage.before[4..6] {
            // A translator that renews identifications (RFC 6864 §5.3.1) keeps no memory of single datagrams.
            expected[4..6].copy_from_slice(&restored[4..6]);
            expected[10..12].copy_from_slice(&restored[10..12]);
        }
        same(QUOTE, "the quote is what was sent", restored, &expected)
    }

    fn answer_is_restored(&self, before: &[u8], after: &[u8]) -> Result<(), Objection> {
        if !matches!(before[9], 6 | 17) || is_fragment(before) {
            return Ok(());
        }
        let Some(passage) = self.passages.iter().find(|passage| passage.is_answered_by(before)) else {
            return Ok(());
        };
        same(ANSWER, "an answer reaches who asked", &after[16..20], &passage.before[12..16])?;
        same(ANSWER, "an answer reaches the port that asked", &after[22..24], &passage.before[20..22])?;
        same(ANSWER, "an answer comes from who was asked", &after[12..16], &passage.before[16..20])
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

    /// A translated request is known.
    fn known() -> (Restoration, Vec<u8>, Vec<u8>) {
        let before = datagram(CLIENT, SERVER, 17, &[0x10, 0, 0, 53, 0, 8, 0, 0]);
        let after = datagram(PUBLIC, SERVER, 17, &[0x20, 0, 0, 53, 0, 8, 0, 0]);
        let mut restoration = Restoration::default();
        restoration.judge(&before, &after, true).unwrap();
        (restoration, before, after)
    }

    #[test]
    fn a_restored_quote_passes_and_another_does_not() {
        let (mut restoration, before, after) = known();
        let came = error(SERVER, PUBLIC, &after);
        assert_eq!(restoration.judge(&came, &error(SERVER, CLIENT, &before), false), Ok(()));
        assert!(restoration.judge(&came, &error(SERVER, CLIENT, &after), false).is_err());
        assert!(restoration.judge(&came, &error(SERVER, PUBLIC, &before), false).is_err());
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
        restoration.judge(&before, &renewed(&after), true).unwrap();
        let came = error(SERVER, PUBLIC, &renewed(&after));
        assert_eq!(restoration.judge(&came, &error(SERVER, CLIENT, &renewed(&before)), false), Ok(()));
        let foreign = renewed(&datagram(CLIENT, SERVER, 17, &[0x11, 0, 0, 53, 0, 8, 0, 0]));
        assert!(restoration.judge(&came, &error(SERVER, CLIENT, &foreign), false).is_err());
        // Where it was left alone it has to be what was sent.
        let came = error(SERVER, PUBLIC, &after);
        assert!(restoration.judge(&came, &error(SERVER, CLIENT, &renewed(&before)), false).is_err());
    }

    #[test]
    fn a_restored_answer_passes_and_another_does_not() {
        let (mut restoration, ..) = known();
        let came = datagram(SERVER, PUBLIC, 17, &[0, 53, 0x20, 0, 0, 8, 0, 0]);
        let right = datagram(SERVER, CLIENT, 17, &[0, 53, 0x10, 0, 0, 8, 0, 0]);
        let wrong = datagram(SERVER, CLIENT, 17, &[0, 53, 0x20, 0, 0, 8, 0, 0]);
        assert_eq!(restoration.judge(&came, &right, false), Ok(()));
        assert!(restoration.judge(&came, &wrong, false).is_err());
    }

    #[test]
    fn what_a_new_connection_would_answer_is_over() {
        let (mut restoration, ..) = known();
        let came = datagram(SERVER, PUBLIC, 17, &[0, 53, 0x20, 0, 0, 8, 0, 0]);
        let elsewhere = datagram([9, 9, 9, 9], PUBLIC, 17, &[0, 53, 0x20, 0, 0, 8, 0, 0]);
        assert!(restoration.clone().judge(&came, &elsewhere, false).is_err());
        assert_eq!(restoration.judge(&came, &elsewhere, true), Ok(()));
        assert_eq!(restoration.judge(&came, &elsewhere, false), Ok(()));
    }

    #[test]
    fn an_error_that_goes_the_way_of_what_it_quotes_belongs_to_nothing() {
        let (mut restoration, _, after) = known();
        let onward = error(PUBLIC, SERVER, &after);
        assert_eq!(restoration.judge(&onward, &onward, false), Ok(()));
    }

    #[test]
    fn a_checksum_that_was_not_followed_is_seen() {
        let segment = [0x10, 0, 0, 53, 0, 8, 0x1d, 0xe7];
        let before = datagram(CLIENT, SERVER, 17, &segment);
        let is_right = frame::judge(&before).is_ok();
        let wrong = datagram(PUBLIC, SERVER, 17, &segment);
        assert!(is_right, "{before:02x?}");
        assert!(Restoration::default().judge(&before, &wrong, true).is_err());
    }
}
