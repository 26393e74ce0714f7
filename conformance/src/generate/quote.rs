//! ICMP errors about datagrams that the stack really sent, with one to three fields of the quote bent.

use super::address;
use super::choice::Choice;
use super::datagram::{self, Draft, filler, icmp_message};

/// The error types and codes worth sending, redirects among them.
pub(super) const ERRORS: &[(u8, u8)] = &[
    (3, 0),
    (3, 1),
    (3, 2),
    (3, 3),
    (3, 4),
    (3, 4),
    (3, 4),
    (3, 5),
    (3, 9),
    (3, 10),
    (3, 13),
    (3, 16),
    (3, 20),
    (4, 0),
    (5, 0),
    (5, 1),
    (5, 1),
    (5, 2),
    (5, 3),
    (5, 4),
    (5, 9),
    (11, 0),
    (11, 1),
    (12, 0),
    (12, 1),
];

/// Makes `draft` an ICMP error about something in `heard`, or about a made-up datagram when nothing was heard.
pub fn icmp_error(choice: &mut impl Choice, heard: &[Vec<u8>], draft: &mut Draft) {
    let (icmp_type, code) = *choice.pick(ERRORS);
    let mut quote =
        if heard.is_empty() || choice.chance(1, 6) { made_up(choice) } else { choice.pick(heard).clone() };
    if choice.chance(7, 8) && quote.len() >= 20 && !heard.is_empty() {
        // From the one who would know: addressed to the sender of the quoted datagram.
        draft.destination = [quote[12], quote[13], quote[14], quote[15]].into();
    }
    bend(choice, &mut quote);
    let keep = match choice.below(10) {
        0..=4 => 28,
        5..=6 => 548,
        7 => 128,
        _ => choice.below(70) as usize,
    };
    quote.truncate(keep);
    let word = word_of(choice, icmp_type, code);
    draft.protocol = 1;
    draft.payload = icmp_message(choice, icmp_type, code, word, &quote);
}

pub(super) fn word_of(choice: &mut impl Choice, icmp_type: u8, code: u8) -> [u8; 4] {
    const MTUS: &[u32] = &[0, 1, 67, 68, 296, 500, 551, 552, 1000, 1400, 1500, 9000, 65535];
    match icmp_type {
        3 if code & 15 == 4 => choice.pick(MTUS).to_be_bytes(),
        5 => address::any(choice).octets(),
        12 => [choice.below(80) as u8, 0, 0, 0],
        _ if choice.chance(1, 8) => choice.bits().to_be_bytes(),
        _ => [0; 4],
    }
}

/// A datagram that the stack might have sent but did not.
fn made_up(choice: &mut impl Choice) -> Vec<u8> {
    let draft = Draft {
        tos: 0,
        identification: 7,
        flags_and_offset: *choice.pick(&[0, 0x4000, 0x2000, 3]),
        ttl: 1,
        protocol: *choice.pick(&[1, 1, 17, 6, 50, 0, 255]),
        source: address::own(choice),
        destination: address::any(choice),
        options: Vec::new(),
        payload: filler(choice.octet() & 8, choice.below(40) as usize).collect(),
    };
    draft.octets()
}

pub(super) fn bend(choice: &mut impl Choice, quote: &mut [u8]) {
    let times = *choice.pick(&[0, 0, 0, 1, 1, 2, 3]);
    for _ in 0..times {
        if quote.len() < 20 {
            return;
        }
        match choice.below(10) {
            0 => quote[0] = choice.octet(),
            1 => quote[0] = 0x40 | choice.below(16) as u8,
            2 => quote[2..4].copy_from_slice(&choice.word().to_be_bytes()),
            3 => quote[6..8].copy_from_slice(&choice.word().to_be_bytes()),
            4 => quote[9] = *choice.pick(&[0, 1, 6, 17, 136, 255]),
            5 => quote[12..16].copy_from_slice(&address::any(choice).octets()),
            6 => quote[16..20].copy_from_slice(&address::any(choice).octets()),
            7 => datagram::repair_header_checksum(quote),
            _ => {
                let at = choice.below(quote.len().min(32) as u32) as usize;
                quote[at] = choice.octet();
            }
        }
    }
}
