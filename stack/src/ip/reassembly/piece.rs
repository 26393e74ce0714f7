//! The octets of fragments, in order of arrival.

use alloc::vec::Vec;

use super::OverlapPolicy;

/// Where the payload of one fragment belongs, and where it is kept.
#[derive(Clone, Copy, Debug)]
struct Piece {
    /// Offset in the datagram's payload.
    start: u32,
    len: u16,
    /// Offset in the store.
    at: usize,
}

/// The payloads of all fragments one behind the other, after the header of the first fragment if that came first.
///
/// Fragments that arrive in order so become the datagram without being copied again.
#[derive(Clone, Debug)]
pub(super) struct Pieces {
    octets: Vec<u8>,
    pieces: Vec<Piece>,
}

impl Pieces {
    pub(super) const fn new() -> Self {
        Self { octets: Vec::new(), pieces: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.pieces.len()
    }

    pub(super) fn clear(&mut self) {
        self.octets.clear();
        self.pieces.clear();
    }

    /// Keeps the payload of a fragment; `header` goes in front if it is the first piece of all and belongs there.
    pub(super) fn push(&mut self, start: u32, header: &[u8], payload: &[u8]) {
        if self.pieces.is_empty() && start == 0 {
            self.octets.reserve(header.len() + payload.len());
            self.octets.extend_from_slice(header);
        }
        self.pieces.push(Piece { start, len: payload.len() as u16, at: self.octets.len() });
        self.octets.extend_from_slice(payload);
    }

    /// The payload of the piece at the start of the datagram: the first copy of it or the last.
    pub(super) fn first(&self, policy: OverlapPolicy) -> &[u8] {
        let is_first = |piece: &&Piece| piece.start == 0;
        let piece = match policy {
            OverlapPolicy::KeepLast => self.pieces.iter().rfind(is_first),
            OverlapPolicy::DiscardDatagram | OverlapPolicy::KeepFirst => self.pieces.iter().find(is_first),
        };
        piece.map_or(&[], |piece| self.payload(piece))
    }

    /// Header and payload as one, and the octets of payload in each fragment in order, which is empty if they
    /// overlapped. No octet of `0..total` is missing.
    pub(super) fn assemble(self, header: &[u8], total: usize, policy: OverlapPolicy) -> (Vec<u8>, Vec<u16>) {
        if policy != OverlapPolicy::DiscardDatagram {
            return (self.overlay(header, total, policy), Vec::new());
        }
        if self.pieces.is_sorted_by_key(|piece| piece.start) {
            let layout = self.pieces.iter().map(|piece| piece.len).collect();
            return (self.octets, layout);
        }
        let mut order = self.pieces.clone();
        order.sort_unstable_by_key(|piece| piece.start);
        let mut octets = Vec::with_capacity(header.len() + total);
        octets.extend_from_slice(header);
        for piece in &order {
            octets.extend_from_slice(self.payload(piece));
        }
        (octets, order.iter().map(|piece| piece.len).collect())
    }

    /// Lays the pieces over each other so that the one that counts comes on top.
    fn overlay(&self, header: &[u8], total: usize, policy: OverlapPolicy) -> Vec<u8> {
        let mut octets = alloc::vec![0; header.len() + total];
        octets[..header.len()].copy_from_slice(header);
        let mut lay = |piece: &Piece| {
            let at = header.len() + piece.start as usize;
            let payload = self.payload(piece);
            if let Some(place) = octets.get_mut(at..at + payload.len()) {
                place.copy_from_slice(payload);
            }
        };
        match policy {
            OverlapPolicy::KeepFirst => self.pieces.iter().rev().for_each(&mut lay),
            OverlapPolicy::KeepLast | OverlapPolicy::DiscardDatagram => self.pieces.iter().for_each(&mut lay),
        }
        octets
    }

    fn payload(&self, piece: &Piece) -> &[u8] {
        self.octets.get(piece.at..piece.at + usize::from(piece.len)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_kept_only_in_front_of_what_belongs_behind_it() {
        let held = |starts: [u32; 2]| {
            let mut pieces = Pieces::new();
            starts.into_iter().for_each(|start| pieces.push(start, &[0x45; 20], &[7; 8]));
            pieces.octets.len()
        };
        assert_eq!([held([0, 8]), held([8, 0]), held([0, 0])], [36, 16, 36]);
    }

    #[test]
    fn nothing_is_left_of_what_is_cleared() {
        let mut pieces = Pieces::new();
        pieces.push(0, &[0x45; 20], &[7; 8]);
        assert_eq!((pieces.len(), pieces.octets.len()), (1, 28));
        pieces.clear();
        assert_eq!((pieces.len(), pieces.octets.len()), (0, 0));
    }
}
