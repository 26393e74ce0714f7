//! What the tracker reads of a TCP segment.

use super::super::octets::{be16, be32};
use super::state::Kind;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;
const URG: u8 = 0x20;
/// Flags that say nothing about the state: PSH, ECE, CWR.
const INDIFFERENT: u8 = 0x08 | 0x40 | 0x80;
/// Combinations that a sane endpoint sends.
const SANE: [u8; 9] = [SYN, SYN | URG, SYN | ACK, RST, RST | ACK, FIN | ACK, FIN | ACK | URG, ACK, ACK | URG];
/// Largest window scale. RFC 7323 §2.3.
const MAX_SCALE: u8 = 14;

/// A segment with a sane header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment<'a> {
    /// Sequence number.
    pub(crate) sequence: u32,
    /// Acknowledgment number as it stands in the header.
    pub(crate) acknowledgment: u32,
    /// Sequence number after its last octet; SYN and FIN count.
    pub(crate) end: u32,
    /// Window as it stands in the header.
    pub(crate) window: u16,
    flags: u8,
    options: &'a [u8],
}

impl<'a> Segment<'a> {
    /// Reads the segment that fills `octets`; `None` if the header does not fit. Checksum and flags are not looked at.
    pub(crate) fn new(octets: &'a [u8]) -> Option<Self> {
        let fixed = octets.get(..20)?;
        let header_len = usize::from(fixed[12] >> 4) * 4;
        let options = octets.get(20..header_len)?;
        let flags = fixed[13];
        let sequence = be32(fixed, 4)?;
        let phantom = u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0);
        // At most 65 535 octets, so the length fits.
        let data_len = (octets.len() - header_len) as u32;
        Some(Self {
            sequence,
            acknowledgment: be32(fixed, 8)?,
            end: sequence.wrapping_add(data_len).wrapping_add(phantom),
            window: be16(fixed, 14)?,
            flags,
            options,
        })
    }

    /// Whether the flags go together.
    pub(crate) fn has_sane_flags(&self) -> bool {
        SANE.contains(&(self.flags & !INDIFFERENT))
    }

    /// What it is to the tracker.
    pub(crate) const fn kind(&self) -> Kind {
        match self.flags {
            f if f & RST != 0 => Kind::Rst,
            f if f & SYN != 0 && f & ACK != 0 => Kind::SynAck,
            f if f & SYN != 0 => Kind::Syn,
            f if f & FIN != 0 => Kind::Fin,
            f if f & ACK != 0 => Kind::Ack,
            _ => Kind::None,
        }
    }

    /// SYN is set.
    pub(crate) const fn is_syn(&self) -> bool {
        self.flags & SYN != 0
    }

    /// ACK is set.
    pub(crate) const fn is_ack(&self) -> bool {
        self.flags & ACK != 0
    }

    /// RST is set.
    pub(crate) const fn is_rst(&self) -> bool {
        self.flags & RST != 0
    }

    /// Whether there is anything behind the fixed part of the header.
    pub(crate) const fn has_options(&self) -> bool {
        !self.options.is_empty()
    }

    /// Window scale offered, at most 14; `None` without the option.
    pub(crate) fn window_scale(&self) -> Option<u8> {
        Options(self.options).find_map(|(kind, value)| match (kind, value) {
            (3, &[shift]) => Some(shift.min(MAX_SCALE)),
            _ => None,
        })
    }

    /// Whether selective acknowledgments are permitted.
    pub(crate) fn permits_sack(&self) -> bool {
        Options(self.options).any(|(kind, value)| kind == 4 && value.is_empty())
    }

    /// The acknowledgment, or the highest right edge of a selectively acknowledged block if that is higher.
    /// RFC 2018 §3.
    pub(crate) fn highest_acknowledged(&self) -> u32 {
        let mut highest = self.acknowledgment;
        for (kind, value) in Options(self.options) {
            if kind != 5 || value.is_empty() || value.len() % 8 != 0 {
                continue;
            }
            for block in value.chunks_exact(8) {
                if let Some(edge) = be32(block, 4)
                    && after(edge, highest)
                {
                    highest = edge;
                }
            }
        }
        highest
    }
}

/// Whether `a` comes before `b` in sequence space.
pub(crate) const fn before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

/// Whether `a` comes after `b` in sequence space.
pub(crate) const fn after(a: u32, b: u32) -> bool {
    before(b, a)
}

/// TCP options as (kind, value), up to the first that is malformed.
struct Options<'a>(&'a [u8]);

impl<'a> Iterator for Options<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (&kind, rest) = self.0.split_first()?;
            match kind {
                0 => return None,
                1 => self.0 = rest,
                _ => {
                    let len = usize::from(*rest.first()?);
                    let value = self.0.get(2..len)?;
                    self.0 = self.0.get(len..)?;
                    return Some((kind, value));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use std::string::String;

    use super::super::super::testing::{A, B, Tcp};
    use super::*;

    const LETTERS: &str = "FSRPAUEC";

    fn letters(flags: u8) -> String {
        let is_set = |place: &usize| flags >> place & 1 != 0;
        (0..8).filter(is_set).filter_map(|place| LETTERS.chars().nth(place)).collect()
    }

    /// All combinations of flags: which are sane (`stack/spec/linux-conntrack-nat.md` §2.8), and what each is.
    #[test]
    fn flags() {
        for flags in 0..=255 {
            let name = letters(flags);
            let octets = Tcp::new((1, 2), &name, 0, 0).octets(A, B);
            let segment = Segment::new(&octets).unwrap();
            let telling: String = name.chars().filter(|flag| !"PEC".contains(*flag)).collect();
            let is_sane = ["S", "SU", "SA", "R", "RA", "FA", "FAU", "A", "AU"].contains(&&*telling);
            assert_eq!(segment.has_sane_flags(), is_sane, "{name}");
            let has = |flag: char| name.contains(flag);
            assert_eq!(
                (segment.is_syn(), segment.is_ack(), segment.is_rst()),
                (has('S'), has('A'), has('R'))
            );
            let kind = match (has('R'), has('S'), has('F'), has('A')) {
                (true, ..) => Kind::Rst,
                (_, true, _, true) => Kind::SynAck,
                (_, true, ..) => Kind::Syn,
                (_, _, true, _) => Kind::Fin,
                (.., true) => Kind::Ack,
                _ => Kind::None,
            };
            assert_eq!(segment.kind(), kind, "{name}");
        }
    }

    /// RFC 2018 §3: blocks are pairs of edges behind kind 5.
    #[rstest]
    #[case::none(&[], 1000)]
    #[case::block(&[1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 7, 208], 2000)]
    #[case::below_the_acknowledgment(&[1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 9], 1000)]
    #[case::half_a_block_more(&[1, 1, 5, 14, 0, 0, 0, 1, 0, 0, 7, 208, 0, 0, 0, 0], 1000)]
    #[case::timestamps(&[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 7, 208], 1000)]
    #[case::behind_the_end(&[0, 1, 5, 10, 0, 0, 0, 1, 0, 0, 7, 208], 1000)]
    fn highest_acknowledgment(#[case] options: &[u8], #[case] expected: u32) {
        let octets = Tcp { options, ..Tcp::new((1, 2), "A", 0, 1000) }.octets(A, B);
        assert_eq!(Segment::new(&octets).unwrap().highest_acknowledged(), expected);
    }

    /// RFC 7323 §2.2, RFC 2018 §2.
    #[rstest]
    #[case::none(&[1, 1, 1, 1], None, false)]
    #[case::scale(&[1, 3, 3, 7], Some(7), false)]
    #[case::scale_too_large(&[1, 3, 3, 15], Some(14), false)]
    #[case::scale_of_two_octets(&[3, 4, 1, 1], None, false)]
    #[case::sack(&[1, 1, 4, 2], None, true)]
    #[case::sack_with_a_value(&[1, 4, 3, 0], None, false)]
    #[case::both(&[4, 2, 1, 3, 3, 2, 0, 0], Some(2), true)]
    fn offers(#[case] options: &[u8], #[case] scale: Option<u8>, #[case] permits_sack: bool) {
        let octets = Tcp { options, ..Tcp::new((1, 2), "S", 0, 0) }.octets(A, B);
        let segment = Segment::new(&octets).unwrap();
        assert_eq!((segment.window_scale(), segment.permits_sack()), (scale, permits_sack));
    }
}
