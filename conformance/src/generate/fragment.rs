//! Fragment trains: a datagram cut up, then shuffled, repeated, overlapped, shortened or mixed with another.

use super::choice::Choice;
use super::datagram::{filler, repair_header_checksum};

/// Cuts `datagram` into fragments and plays with them. Gives the datagram back alone where it cannot be cut.
pub fn train(choice: &mut impl Choice, datagram: &[u8]) -> Vec<Vec<u8>> {
    let header_len = usize::from(datagram.first().map_or(0, |first| first & 15)) * 4;
    if header_len < 20 || datagram.len() <= header_len + 8 {
        return vec![datagram.to_vec()];
    }
    let (header, payload) = datagram.split_at(header_len);
    let mut pieces = cut(choice, header, payload);
    for _ in 0..*choice.pick(&[0, 0, 1, 1, 2]) {
        play(choice, header, payload, &mut pieces);
    }
    pieces
}

fn cut(choice: &mut impl Choice, header: &[u8], payload: &[u8]) -> Vec<Vec<u8>> {
    let step = 8 * choice.between(1, (payload.len() as u32 / 8).clamp(1, 200)) as usize;
    let mut pieces = Vec::new();
    for (index, chunk) in payload.chunks(step).enumerate().take(12) {
        pieces.push(piece(header, index * step, (index + 1) * step < payload.len(), chunk));
    }
    pieces
}

/// A datagram of about 65 535 octets in a few pieces: as long as can be, or a little longer.
pub fn giant(choice: &mut impl Choice) -> Vec<Vec<u8>> {
    let mut header = vec![0x45, 0, 0, 0, 0, 7, 0, 0, 64, 253, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1];
    if choice.chance(1, 4) {
        header[0] = 0x46;
        header.extend([1, 1, 1, 0]);
    }
    let step = *choice.pick(&[32_768, 16_384, 21_848, 8192]);
    let payload: Vec<u8> = filler(3, choice.between(65_480, 65_600) as usize).collect();
    let mut pieces = Vec::new();
    for (index, chunk) in payload.chunks(step).enumerate() {
        pieces.push(piece(&header, index * step, (index + 1) * step < payload.len(), chunk));
    }
    for _ in 0..choice.below(3) {
        let count = pieces.len() as u32;
        pieces.swap(choice.below(count) as usize, choice.below(count) as usize);
    }
    pieces
}

/// One fragment of the datagram with `header`: `offset` in octets, a multiple of 8.
pub fn piece(header: &[u8], offset: usize, more_fragments: bool, payload: &[u8]) -> Vec<u8> {
    let mut octets = header.to_vec();
    octets.extend(payload);
    let total = octets.len().min(65535) as u16;
    octets[2..4].copy_from_slice(&total.to_be_bytes());
    let word =
        u16::from(header[6] & 0xc0) << 8 | u16::from(more_fragments) << 13 | (offset / 8) as u16 & 0x1fff;
    octets[6..8].copy_from_slice(&word.to_be_bytes());
    repair_header_checksum(&mut octets);
    octets
}

fn play(choice: &mut impl Choice, header: &[u8], payload: &[u8], pieces: &mut Vec<Vec<u8>>) {
    let count = pieces.len() as u32;
    if count == 0 {
        return;
    }
    let (one, two) = (choice.below(count) as usize, choice.below(count) as usize);
    match choice.below(10) {
        0 => pieces.reverse(),
        1 | 2 => pieces.swap(one, two),
        3 => {
            let again = pieces[one].clone();
            pieces.insert(two, again);
        }
        4 => {
            pieces.remove(one);
        }
        5 | 6 => {
            let start = 8 * choice.below(payload.len() as u32 / 8 + 1) as usize;
            let end = (start + choice.below(64) as usize).min(payload.len());
            let more_fragments = choice.chance(2, 3);
            // Other octets where some were sent already: whose octets win then shows.
            let octets: Vec<u8> = match choice.below(3) {
                2 => filler(choice.octet(), end.saturating_sub(start)).collect(),
                _ => payload[start.min(end)..end].to_vec(),
            };
            pieces.insert(one, piece(header, start, more_fragments, &octets));
        }
        7 => {
            let offset = *choice.pick(&[65528, 65512, 8000]);
            pieces.insert(
                one,
                piece(
                    header,
                    offset,
                    choice.chance(1, 2),
                    &filler(1, choice.below(40) as usize).collect::<Vec<_>>(),
                ),
            );
        }
        8 => {
            pieces[one][1] = choice.octet();
            repair_header_checksum(&mut pieces[one]);
        }
        _ => {
            pieces[one][9] = 17;
            repair_header_checksum(&mut pieces[one]);
        }
    }
}
