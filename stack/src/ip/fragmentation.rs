//! Cutting a datagram into fragments. RFC 791 §2.3, §3.2; RFC 1812 §4.2.2.7.

use super::options::blank_for_later_fragments;
use crate::wire::ipv4::{
    DONT_FRAGMENT, FragmentOffset, HEADER_LEN, MAX_OPTIONS_LEN, MORE_FRAGMENTS, RESERVED_FLAG,
};
use crate::wire::{Ipv4Edit, Ipv4View};

/// Where the cuts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cuts<'a> {
    /// As much into each fragment as the MTU holds.
    Filled {
        /// Octets of the longest datagram that may leave.
        mtu: usize,
    },
    /// After so many octets of payload each: the fragments of a reassembled datagram once more.
    /// All but the last are multiples of 8, as [`are_reusable`] checks.
    Original(&'a [u16]),
}

/// Why there are no fragments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FragmentationError {
    /// The MTU has no room for the header and 8 octets.
    MtuTooSmall {
        /// The MTU.
        mtu: usize,
        /// Octets that are needed at least.
        needed: usize,
    },
}

impl core::fmt::Display for FragmentationError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self::MtuTooSmall { mtu, needed } = self;
        write!(f, "MTU {mtu} where a fragment needs {needed} octets")
    }
}

impl core::error::Error for FragmentationError {}

/// Whether the fragments of a reassembled datagram can leave as they came: each fits `mtu`, all but the last are
/// multiples of 8 octets, and together they are the whole payload.
pub fn are_reusable(layout: &[u16], header_len: usize, payload_len: usize, mtu: usize) -> bool {
    let Some((_, all_but_last)) = layout.split_last() else { return false };
    let fits = |len: &u16| header_len + usize::from(*len) <= mtu;
    layout.iter().map(|len| usize::from(*len)).sum::<usize>() == payload_len
        && layout.iter().all(|len| *len != 0 && fits(len))
        && all_but_last.iter().all(|len| len.is_multiple_of(8))
}

/// The fragments of one datagram, first to last.
///
/// A datagram that is itself a fragment stays one: offsets add up, and its last piece keeps MF.
/// DF and the reserved flag are cleared, unless `keep_dont_fragment` and [`Fragments::keep_reserved_flag`] retain them.
#[derive(Clone, Debug)]
pub struct Fragments<'a> {
    datagram: Ipv4View<'a>,
    cuts: Cuts<'a>,
    keep_dont_fragment: bool,
    keep_reserved_flag: bool,
    /// Octets of the payload already sent.
    sent: usize,
    is_done: bool,
    /// Options of the fragments after the first.
    later_options: [u8; MAX_OPTIONS_LEN],
}

impl<'a> Fragments<'a> {
    /// Of `datagram`, cut at `cuts`.
    ///
    /// # Errors
    /// [`FragmentationError`] if the MTU does not even hold 8 octets of payload.
    pub fn new(
        datagram: Ipv4View<'a>,
        cuts: Cuts<'a>,
        keep_dont_fragment: bool,
    ) -> Result<Self, FragmentationError> {
        if let Cuts::Filled { mtu } = cuts {
            let needed = datagram.header_len() + 8;
            if mtu < needed {
                return Err(FragmentationError::MtuTooSmall { mtu, needed });
            }
        }
        let mut later_options = [0; MAX_OPTIONS_LEN];
        let len = datagram.options().len();
        later_options[..len].copy_from_slice(datagram.options());
        if datagram.fragment_offset() == FragmentOffset::ZERO {
            blank_for_later_fragments(&mut later_options[..len]);
        }
        Ok(Self {
            datagram,
            cuts,
            keep_dont_fragment,
            keep_reserved_flag: false,
            sent: 0,
            is_done: false,
            later_options,
        })
    }

    /// The same with the reserved flag of the datagram in each of them, if `keep`. RFC 1812 §5.2.5.
    #[must_use]
    pub const fn keep_reserved_flag(mut self, keep: bool) -> Self {
        self.keep_reserved_flag = keep;
        self
    }

    /// Octets of the longest fragment that may come: enough for any `buffer`.
    pub fn max_len(&self) -> usize {
        let whole = self.datagram.octets().len();
        match self.cuts {
            Cuts::Filled { mtu } => mtu.min(whole),
            Cuts::Original(_) => whole,
        }
    }

    /// Writes the next fragment to the start of `buffer` and returns it; `None` after the last, or if it does not fit.
    pub fn next_into<'b>(&mut self, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        if self.is_done {
            return None;
        }
        let rest = self.datagram.payload().get(self.sent..)?;
        let (data, left) = rest.split_at_checked(self.cut(rest.len()))?;
        let header_len = self.datagram.header_len();
        let fragment = buffer.get_mut(..header_len + data.len())?;
        let (header, body) = fragment.split_at_mut_checked(header_len)?;
        header.copy_from_slice(self.datagram.header());
        body.copy_from_slice(data);
        self.finish_header(header, data.len(), !left.is_empty())?;
        self.sent += data.len();
        self.is_done = left.is_empty();
        Some(fragment)
    }

    /// Octets of payload in the next fragment when `left` are to be sent.
    fn cut(&mut self, left: usize) -> usize {
        match &mut self.cuts {
            Cuts::Filled { mtu } => {
                let room = *mtu - self.datagram.header_len();
                if left <= room { left } else { room & !7 }
            }
            Cuts::Original(layout) => match layout.split_first() {
                // The last takes all that is left, whatever the layout says.
                Some((len, rest)) if !rest.is_empty() => {
                    *layout = rest;
                    usize::from(*len)
                }
                _ => left,
            },
        }
    }

    /// Turns a copy of the datagram's header into that of a fragment with `len` octets of payload.
    fn finish_header(&self, header: &mut [u8], len: usize, is_followed: bool) -> Option<()> {
        let total_length = header.len() + len;
        // A fragment that ends beyond 65 535 octets can be cut where no offset reaches. Like Linux, let the offset
        // spill into MF; whoever reassembles it rejects it in any case.
        let mut word = ((self.datagram.fragment_offset().octets() + self.sent) / 8) as u16;
        if is_followed || self.datagram.more_fragments() {
            word |= MORE_FRAGMENTS;
        }
        if self.keep_dont_fragment {
            word |= DONT_FRAGMENT;
        }
        if self.keep_reserved_flag && self.datagram.reserved_flag() {
            word |= RESERVED_FLAG;
        }
        if self.sent > 0 {
            let options = header.get_mut(HEADER_LEN..)?;
            options.copy_from_slice(self.later_options.get(..options.len())?);
        }
        let mut edit = Ipv4Edit::new(header)?;
        edit.set_total_length(total_length as u16);
        edit.set_fragment_word(word);
        edit.rewrite_checksum();
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use quickcheck::quickcheck;
    use rstest::rstest;

    use super::*;
    use crate::wire::ipv4::OptionOctets;
    use crate::wire::{Ipv4Header, Protocol};

    /// A datagram whose payload octets are a function of their place in the original.
    fn datagram(payload_len: usize, change: impl FnOnce(&mut Ipv4Header)) -> Vec<u8> {
        let mut header = Ipv4Header { protocol: Protocol::Udp, ttl: 63, ..Ipv4Header::default() };
        change(&mut header);
        header.total_length = (header.header_len() + payload_len) as u16;
        let mut octets = std::vec![0; header.header_len() + payload_len];
        let len = header.write_with_checksum(&mut octets).unwrap();
        for (at, octet) in octets[len..].iter_mut().enumerate() {
            *octet = octet_at(header.fragment_offset.octets() + at);
        }
        octets
    }

    fn octet_at(at: usize) -> u8 {
        (at / 8 * 31 + at) as u8
    }

    /// Total length, MF and offset of each fragment, which all must hold the right octets.
    #[track_caller]
    fn layout(octets: &[u8], cuts: Cuts<'_>, keep_dont_fragment: bool) -> Vec<(u16, bool, usize)> {
        let mut fragments = Fragments::new(Ipv4View::new(octets).unwrap(), cuts, keep_dont_fragment).unwrap();
        let mut buffer = std::vec![0; fragments.max_len()];
        let mut found = Vec::new();
        while let Some(fragment) = fragments.next_into(&mut buffer) {
            let view = Ipv4View::verified(fragment).unwrap();
            assert!(!view.reserved_flag() && view.dont_fragment() == keep_dont_fragment);
            let offset = view.fragment_offset().octets();
            assert!(view.payload().iter().enumerate().all(|(at, octet)| *octet == octet_at(offset + at)));
            found.push((view.total_length(), view.more_fragments(), offset));
        }
        found
    }

    /// Rows are probes 511, 447, 448, 620 and 571.
    #[rstest]
    #[case::p511_mtu_1500(3008, 1500, 0, false, &[(1500, true, 0), (1500, true, 1480), (68, false, 2960)])]
    #[case::p447_fragment_with_mf(880, 600, 1480, true, &[(596, true, 1480), (324, true, 2056)])]
    #[case::p448_last_fragment(880, 600, 1480, false, &[(596, true, 1480), (324, false, 2056)])]
    #[case::p620_reserved_flag(900, 600, 0, false, &[(596, true, 0), (344, false, 576)])]
    #[case::p571_reassembled(2008, 600, 0, false,
        &[(596, true, 0), (596, true, 576), (596, true, 1152), (300, false, 1728)])]
    #[case::exact_fit(1480, 1500, 0, false, &[(1500, false, 0)])]
    #[case::smallest_mtu(24, 28, 0, false, &[(28, true, 0), (28, true, 8), (28, false, 16)])]
    #[case::nothing(0, 28, 0, false, &[(20, false, 0)])]
    fn filled(
        #[case] payload_len: usize,
        #[case] mtu: usize,
        #[case] offset: usize,
        #[case] more_fragments: bool,
        #[case] expected: &[(u16, bool, usize)],
    ) {
        let octets = datagram(payload_len, |header| {
            header.fragment_offset = FragmentOffset::from_octets(offset).unwrap();
            header.more_fragments = more_fragments;
            header.reserved_flag = true;
        });
        assert_eq!(layout(&octets, Cuts::Filled { mtu }, false), expected);
    }

    #[test]
    fn offset_beyond_the_field_spills_into_mf() {
        let octets =
            datagram(16, |header| header.fragment_offset = FragmentOffset::from_octets(65_528).unwrap());
        let view = Ipv4View::new(&octets).unwrap();
        let mut fragments = Fragments::new(view, Cuts::Filled { mtu: 28 }, false).unwrap();
        let mut buffer = [0; 28];
        assert_eq!(fragments.next_into(&mut buffer).unwrap()[6..8], [0x3f, 0xff]);
        assert_eq!(fragments.next_into(&mut buffer).unwrap()[6..8], [0x20, 0x00]);
        assert_eq!(fragments.next_into(&mut buffer), None);
    }

    #[test]
    fn original_boundaries_are_kept() {
        // Probe 569: fragments of 400, 800 and 808 octets.
        let octets = datagram(2008, |header| header.dont_fragment = true);
        let cuts = Cuts::Original(&[400, 800, 808]);
        assert_eq!(layout(&octets, cuts, false), [(420, true, 0), (820, true, 400), (828, false, 1200)]);
        // The last takes all that is left, whatever is said of it.
        let cuts = Cuts::Original(&[400, 800]);
        assert_eq!(layout(&octets, cuts, false), [(420, true, 0), (1628, false, 400)]);
    }

    #[test]
    fn copying_can_keep_df() {
        let octets = datagram(1000, |_| {});
        assert_eq!(layout(&octets, Cuts::Filled { mtu: 600 }, true).len(), 2);
    }

    #[rstest]
    #[case::fits(&[400, 800, 808], 2008, 828, true)]
    #[case::one_is_too_long(&[400, 800, 808], 2008, 827, false)]
    #[case::odd_length_inside(&[404, 804], 1208, 1500, false)]
    #[case::odd_length_at_the_end(&[400, 804], 1204, 1500, true)]
    #[case::payload_changed(&[400, 800], 1208, 1500, false)]
    #[case::none(&[], 0, 1500, false)]
    fn reusable(
        #[case] layout: &[u16],
        #[case] payload_len: usize,
        #[case] mtu: usize,
        #[case] expected: bool,
    ) {
        assert_eq!(are_reusable(layout, 20, payload_len, mtu), expected);
    }

    /// Rows are probes 451, 453 and 454: offset, options, options of the second fragment.
    #[rstest]
    #[case::p451(0, &[7, 7, 8, 10, 0, 1, 0, 0x9e, 4, 1, 2, 0], &[1, 1, 1, 1, 1, 1, 1, 0x9e, 4, 1, 2, 0])]
    #[case::p453(0, &[0x1e, 4, 1, 2, 0, 0, 0, 0], &[1, 1, 1, 1, 0, 0, 0, 0])]
    #[case::p454_fragment_of_a_fragment(1480, &[7, 3, 4, 0], &[7, 3, 4, 0])]
    fn options_of_later_fragments(#[case] offset: usize, #[case] options: &[u8], #[case] later: &[u8]) {
        let octets = datagram(900, |header| {
            header.options = OptionOctets::new(options).unwrap();
            header.fragment_offset = FragmentOffset::from_octets(offset).unwrap();
        });
        let view = Ipv4View::new(&octets).unwrap();
        let mut fragments = Fragments::new(view, Cuts::Filled { mtu: 600 }, false).unwrap();
        let mut buffer = [0; 600];
        assert_eq!(Ipv4View::new(fragments.next_into(&mut buffer).unwrap()).unwrap().options(), options);
        assert_eq!(Ipv4View::new(fragments.next_into(&mut buffer).unwrap()).unwrap().options(), later);
    }

    #[test]
    fn an_mtu_without_room_is_an_error() {
        let octets = datagram(100, |_| {});
        let result = Fragments::new(Ipv4View::new(&octets).unwrap(), Cuts::Filled { mtu: 27 }, false);
        assert_eq!(result.err(), Some(FragmentationError::MtuTooSmall { mtu: 27, needed: 28 }));
    }

    quickcheck! {
        fn fragments_cover_the_payload_in_order(payload_len: u16, mtu: u16) -> bool {
            let payload_len = usize::from(payload_len) % 65_516;
            let octets = datagram(payload_len, |_| {});
            let mut next = 0;
            let pieces = layout(&octets, Cuts::Filled { mtu: usize::from(mtu).max(68) }, false);
            let last = pieces.len() - 1;
            pieces.iter().enumerate().all(|(at, (len, more, offset))| {
                let is_next = *offset == next && *more == (at != last);
                next += usize::from(*len) - 20;
                is_next
            }) && next == payload_len
        }
    }
}
