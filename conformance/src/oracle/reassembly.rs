//! Reassembly as a map of octets, written from RFC 791 §3.2 and RFC 815: what a datagram's fragments add up to.
//!
//! No runs, no holes, no timers: one slot for each of the 65 535 octets. The rule for repeated octets is a parameter,
//! since RFC 791 lets the last copy win and Linux keeps the first and gives up at a partial overlap.

use std::collections::BTreeMap;

/// What is done with octets that were already there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeated {
    /// The first copy stays.
    KeepFirst,
    /// The last copy wins. RFC 791 §3.2.
    KeepLast,
}

/// The fragments of one datagram, by octet.
#[derive(Clone, Debug)]
pub struct OctetMap {
    octets: BTreeMap<usize, u8>,
    total: Option<usize>,
    repeated: Repeated,
}

impl OctetMap {
    /// Nothing received yet.
    pub fn new(repeated: Repeated) -> Self {
        Self { octets: BTreeMap::new(), total: None, repeated }
    }

    /// Adds a fragment that starts `offset` octets into the payload; `last` if More Fragments is clear.
    /// Gives the payload once it is whole.
    pub fn add(&mut self, offset: usize, last: bool, payload: &[u8]) -> Option<Vec<u8>> {
        for (index, octet) in payload.iter().enumerate() {
            match self.repeated {
                Repeated::KeepFirst => {
                    self.octets.entry(offset + index).or_insert(*octet);
                }
                Repeated::KeepLast => {
                    self.octets.insert(offset + index, *octet);
                }
            }
        }
        if last {
            self.total = Some(offset + payload.len());
        }
        let total = self.total?;
        (0..total).map(|position| self.octets.get(&position).copied()).collect()
    }

    /// Octets of the whole payload, as far as a last fragment told.
    pub fn total(&self) -> Option<usize> {
        self.total
    }

    /// Whether `offset..offset + len` has an octet that is there already.
    pub fn overlaps(&self, offset: usize, len: usize) -> bool {
        self.octets.range(offset..offset + len).next().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_order_gives_the_payload() {
        let payload: Vec<u8> = (0..24).collect();
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]] {
            let mut map = OctetMap::new(Repeated::KeepFirst);
            let mut whole = None;
            for piece in order {
                assert_eq!(whole, None);
                whole = map.add(piece * 8, piece == 2, &payload[piece * 8..piece * 8 + 8]);
            }
            assert_eq!(whole.as_deref(), Some(&payload[..]));
        }
    }

    #[test]
    fn the_rule_for_repeated_octets_decides() {
        let splice = |rule| {
            let mut map = OctetMap::new(rule);
            map.add(0, false, &[1; 8]);
            map.add(0, false, &[2; 8]);
            map.add(8, true, &[3])
        };
        assert_eq!(splice(Repeated::KeepFirst), Some(vec![1, 1, 1, 1, 1, 1, 1, 1, 3]));
        assert_eq!(splice(Repeated::KeepLast), Some(vec![2, 2, 2, 2, 2, 2, 2, 2, 3]));
    }
}
