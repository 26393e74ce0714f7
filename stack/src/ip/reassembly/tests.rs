//! The probes of the specification, the laws, and a naive model of whole datagrams.

use core::net::Ipv4Addr;
use core::time::Duration;
use std::vec::Vec;

use quickcheck::{Arbitrary, Gen, quickcheck};
use rstest::rstest;

use super::*;
use crate::wire::ipv4::{FragmentOffset, OptionOctets};
use crate::wire::{Ipv4Header, Protocol};

const USER: FragmentUser = FragmentUser::LocalDelivery;

/// A fragment as the tests write it: payload from `start` to `end`, filled by `salt`.
#[derive(Clone, Copy, Debug)]
struct Piece {
    start: usize,
    end: usize,
    more: bool,
    salt: u8,
}

const fn more(start: usize, end: usize) -> Piece {
    Piece { start, end, more: true, salt: 0 }
}

const fn last(start: usize, end: usize) -> Piece {
    Piece { more: false, ..more(start, end) }
}

/// The octet at `at` of the payload.
fn octet_at(at: usize, salt: u8) -> u8 {
    ((at * 7 + at / 256) as u8) ^ salt
}

impl Piece {
    fn payload(&self) -> Vec<u8> {
        (self.start..self.end).map(|at| octet_at(at, self.salt)).collect()
    }

    /// The datagram on the wire, after `change` to its header.
    fn octets(&self, change: impl FnOnce(&mut Ipv4Header)) -> Vec<u8> {
        let mut header = Ipv4Header {
            identification: 7,
            protocol: Protocol::Icmp,
            source: Ipv4Addr::new(10, 0, 0, 2),
            destination: Ipv4Addr::new(10, 0, 0, 1),
            more_fragments: self.more,
            fragment_offset: FragmentOffset::from_octets(self.start).unwrap(),
            ..Ipv4Header::default()
        };
        change(&mut header);
        header.total_length = (header.header_len() + self.end - self.start) as u16;
        let mut octets = std::vec![0; header.header_len()];
        header.write_with_checksum(&mut octets).unwrap();
        octets.extend(self.payload());
        octets
    }
}

/// A reassembler and the calls that tests make of it.
struct Bench(Reassembler<u32>);

impl Bench {
    fn new(config: ReassemblyConfig) -> Self {
        Self(Reassembler::new(config))
    }

    fn add_changed(&mut self, piece: Piece, change: impl FnOnce(&mut Ipv4Header)) -> Addition<u32> {
        let octets = piece.octets(change);
        let view = Ipv4View::verified(&octets).unwrap();
        self.0.add(Instant::ZERO, USER, &view, tun_truesize(octets.len()), 0)
    }

    fn add(&mut self, piece: Piece) -> Fate<u32> {
        self.add_changed(piece, |_| {}).fate
    }
}

/// What the last of several fragments led to.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Held,
    Duplicate,
    Killed(Killed),
    Unfit(Unfit),
    Complete(usize),
}

fn end_of(fate: Fate<u32>) -> End {
    match fate {
        Fate::Held => End::Held,
        Fate::Duplicate => End::Duplicate,
        Fate::Refused => panic!("refused"),
        Fate::Killed(reason) => End::Killed(reason),
        Fate::Unfit(reason) => End::Unfit(reason),
        Fate::Complete(datagram) => {
            let view = Ipv4View::verified(&datagram.octets).unwrap();
            assert!(view.payload().iter().enumerate().all(|(at, octet)| *octet == octet_at(at, 0)));
            End::Complete(view.payload().len())
        }
    }
}

/// A fragment with other octets than its place asks for.
const fn salted(piece: Piece) -> Piece {
    Piece { salt: 0x55, ..piece }
}

/// Rows are probes 215 to 246 and 625 to 629, and two measured likewise: fragments, and what the last of them led to.
#[rstest]
#[case::p215_in_order(&[more(0, 24), last(24, 56)], End::Complete(56))]
#[case::p216_reverse_order(&[last(24, 56), more(0, 24)], End::Complete(56))]
#[case::p217_middle_last(&[more(0, 24), last(40, 56), more(24, 40)], End::Complete(56))]
#[case::p218_duplicate(&[more(0, 24), more(0, 24)], End::Duplicate)]
#[case::p218_duplicate_does_no_harm(&[more(0, 24), more(0, 24), last(24, 56)], End::Complete(56))]
#[case::p219_subset(&[more(0, 24), more(8, 16), last(24, 56)], End::Complete(56))]
#[case::p220_partial(&[more(0, 24), more(8, 32)], End::Killed(Killed::Overlap))]
#[case::p220_rest_is_a_new_datagram(&[more(0, 24), more(8, 32), last(24, 56)], End::Held)]
#[case::p221_superset(&[more(0, 24), more(0, 32)], End::Killed(Killed::Overlap))]
#[case::p223_other_content_is_ignored(&[more(0, 24), salted(more(0, 24)), last(24, 56)], End::Complete(56))]
#[case::p224_across_two_in_order(&[more(0, 16), more(16, 32), more(8, 24), last(32, 56)], End::Complete(56))]
#[case::p225_across_a_hole(&[more(0, 8), more(16, 24), more(0, 24)], End::Killed(Killed::Overlap))]
#[case::p226_fills_the_hole(&[more(0, 8), more(16, 24), last(24, 56), more(8, 16)], End::Complete(56))]
#[case::p227_duplicate_of_the_last(&[last(24, 56), last(24, 56), more(0, 24)], End::Complete(56))]
#[case::p228_last_below_data(&[more(24, 56), last(24, 40)], End::Killed(Killed::EndBelowData))]
#[case::p229_two_lasts(&[last(24, 56), last(24, 64)], End::Killed(Killed::EndMoved))]
#[case::p229_shorter_last(&[last(24, 56), last(24, 48)], End::Killed(Killed::EndMoved))]
#[case::p230_beyond_the_last(&[last(24, 56), more(56, 64)], End::Killed(Killed::BeyondEnd))]
#[case::p231_empty(&[more(0, 0)], End::Killed(Killed::Empty))]
#[case::p231_empty_then_whole(&[more(0, 0), more(0, 24), last(24, 56)], End::Complete(56))]
#[case::p232_empty_last(&[last(24, 24)], End::Killed(Killed::Empty))]
#[case::p233_empty_last_after(&[more(0, 24), last(24, 24)], End::Killed(Killed::Empty))]
#[case::p234_surplus_is_cut(&[more(0, 20), last(16, 56)], End::Complete(56))]
#[case::p235_seven_octets(&[more(0, 7)], End::Killed(Killed::Empty))]
#[case::p236_surplus_leaves_a_hole(&[more(0, 20), last(24, 56)], End::Held)]
#[case::p237_no_fragment(&[last(0, 56)], End::Complete(56))]
#[case::p238_eight_octets_first(&[more(0, 8), last(8, 56)], End::Complete(56))]
#[case::p243_beyond_65535(&[last(65_528, 65_536)], End::Held)]
#[case::p244_oversized(&[last(65_512, 65_516), more(0, 65_512)], End::Unfit(Unfit::Oversized))]
#[case::p245_largest(&[more(0, 65_504), last(65_504, 65_515)], End::Complete(65_515))]
#[case::p246_far_beyond_65535(&[more(65_528, 66_928)], End::Held)]
#[case::p625_adjacent_out_of_order(&[more(16, 32), more(0, 16), more(8, 24)], End::Killed(Killed::Overlap))]
#[case::p626_adjacent_in_order(&[more(0, 16), more(16, 32), more(8, 24)], End::Duplicate)]
#[case::p627_filled_hole_is_a_run(&[more(0, 16), more(32, 40), more(16, 32), more(8, 24)],
    End::Killed(Killed::Overlap))]
#[case::p628_after_completion_anew(&[more(0, 24), last(24, 56), more(0, 24)], End::Held)]
#[case::p629_up_to_the_tail(&[more(0, 16), more(16, 32), more(8, 32)], End::Duplicate)]
#[case::duplicate_sets_the_end_unheeded(&[more(0, 24), more(24, 56), last(40, 56)], End::Duplicate)]
#[case::duplicate_set_the_end(&[more(0, 24), more(24, 56), last(40, 56), more(56, 64)],
    End::Killed(Killed::BeyondEnd))]
#[case::p222_longer_last_after_completion(&[last(0, 56), more(0, 24)], End::Held)]
fn probes(#[case] pieces: &[Piece], #[case] expected: End) {
    let mut bench = Bench::new(ReassemblyConfig::default());
    let fates: Vec<_> = pieces.iter().map(|piece| bench.add(*piece)).collect();
    assert_eq!(end_of(fates.into_iter().next_back().unwrap()), expected);
    let is_over = !matches!(expected, End::Held | End::Duplicate);
    assert_eq!(
        (bench.0.memory() == 0, bench.0.is_empty(), bench.0.next_timeout().is_none()),
        (is_over, is_over, is_over)
    );
    assert_eq!(bench.0.len(), usize::from(!is_over));
}

/// What to change in a header before it is sent.
type Change = fn(&mut Ipv4Header);

/// The datagram whose fragments these are.
fn whole(pieces: &[(Piece, Change)]) -> Reassembled<u32> {
    let mut bench = Bench::new(ReassemblyConfig::default());
    let fates: Vec<_> = pieces.iter().map(|(piece, change)| bench.add_changed(*piece, change).fate).collect();
    match fates.into_iter().next_back() {
        Some(Fate::Complete(datagram)) => *datagram,
        other => panic!("not complete: {other:?}"),
    }
}

#[test]
fn header_is_that_of_the_fragment_at_offset_zero() {
    // Probes 241, 242 and 247 to 249.
    fn first(header: &mut Ipv4Header) {
        (header.tos, header.ttl) = (0x20, 9);
        header.options = OptionOctets::new(&[7, 7, 4, 0, 0, 0, 0]).unwrap();
    }
    fn other(header: &mut Ipv4Header) {
        header.options = OptionOctets::new(&[1, 1, 1, 1]).unwrap();
    }
    for pieces in [
        [(more(0, 24), first as Change), (last(24, 56), other as Change)],
        [(last(24, 56), other), (more(0, 24), first)],
    ] {
        let datagram = whole(&pieces);
        let view = Ipv4View::verified(&datagram.octets).unwrap();
        assert_eq!((view.tos(), view.ttl(), view.header_len(), view.total_length()), (0x20, 9, 28, 84));
        assert_eq!((&datagram.layout[..], datagram.largest_fragment), (&[24, 32][..], 56));
        assert!(!view.is_fragment() && !view.reserved_flag());
    }
}

#[rstest]
#[case::none(false, false, false)]
#[case::largest(false, true, true)]
#[case::smaller_only(true, false, false)]
#[case::both(true, true, true)]
fn df_comes_from_the_largest_fragment(#[case] small: bool, #[case] large: bool, #[case] expected: bool) {
    let mut bench = Bench::new(ReassemblyConfig::default());
    bench.add_changed(more(0, 24), |header| header.dont_fragment = small);
    let Fate::Complete(datagram) =
        bench.add_changed(last(24, 56), |header| header.dont_fragment = large).fate
    else {
        panic!("not complete")
    };
    assert_eq!(Ipv4View::new(&datagram.octets).unwrap().dont_fragment(), expected);
    assert_eq!((datagram.largest_had_df, datagram.largest_fragment), (expected, 52));
}

#[test]
fn all_pairs_of_ecn_codepoints() {
    for (first, second) in (0..4u8).flat_map(|first| (0..4u8).map(move |second| (first, second))) {
        let mut bench = Bench::new(ReassemblyConfig::default());
        bench.add_changed(more(0, 24), |header| header.tos = 0x10 | first);
        let fate = bench.add_changed(last(24, 56), |header| header.tos = second).fate;
        // RFC 3168 §5.3, written out: Not-ECT mixes with nothing, CE wins, else the first stays.
        let expected = match (first, second) {
            (0, 0) => Some(0),
            (0, _) | (_, 0) => None,
            (3, _) | (_, 3) => Some(3),
            (first, _) => Some(first),
        };
        match fate {
            Fate::Complete(datagram) => {
                let tos = Ipv4View::new(&datagram.octets).unwrap().tos();
                assert_eq!(Some(tos), expected.map(|ecn| 0x10 | ecn), "{first} {second}");
            }
            fate => assert_eq!((fate, expected), (Fate::Unfit(Unfit::EcnMixture), None), "{first} {second}"),
        }
    }
}

/// Rows are probes 239, 240 and their like.
#[rstest]
#[case::protocol(|header: &mut Ipv4Header| header.protocol = Protocol::Udp)]
#[case::source(|header: &mut Ipv4Header| header.source = Ipv4Addr::new(10, 0, 0, 3))]
#[case::destination(|header: &mut Ipv4Header| header.destination = Ipv4Addr::new(10, 0, 0, 3))]
#[case::identification(|header: &mut Ipv4Header| header.identification = 8)]
fn fragments_of_other_datagrams_stay_apart(#[case] change: Change) {
    let mut bench = Bench::new(ReassemblyConfig::default());
    assert_eq!(bench.add(more(0, 24)), Fate::Held);
    assert_eq!(bench.add_changed(last(24, 56), change).fate, Fate::Held);
    assert_eq!(end_of(bench.add(last(24, 56))), End::Complete(56));
}

#[test]
fn users_have_queues_of_their_own() {
    let mut reassembler = Reassembler::new(ReassemblyConfig::default());
    let (one, two) = (more(0, 24).octets(|_| {}), last(24, 56).octets(|_| {}));
    let add = |reassembler: &mut Reassembler<u32>, user, octets: &[u8]| {
        reassembler.add(Instant::ZERO, user, &Ipv4View::new(octets).unwrap(), 832, 0).fate
    };
    assert_eq!(add(&mut reassembler, USER, &one), Fate::Held);
    assert_eq!(add(&mut reassembler, FragmentUser::ConntrackIn(0), &two), Fate::Held);
    assert!(matches!(add(&mut reassembler, USER, &two), Fate::Complete(_)));
}

/// Rows are probes 250 to 253: fragments of others in between, the limit, and whether the datagram starts over.
#[rstest]
#[case::p250(63, 64, None)]
#[case::p251(64, 64, Some(1))]
#[case::p252(65, 64, Some(1))]
#[case::p253(100, 0, None)]
fn distance(#[case] others: u16, #[case] max_distance: u32, #[case] too_far: Option<usize>) {
    let mut bench = Bench::new(ReassemblyConfig { max_distance, ..ReassemblyConfig::default() });
    bench.add(more(0, 24));
    for identification in 0..others {
        bench.add_changed(more(0, 8), |header| header.identification = 1000 + identification);
    }
    let addition = bench.add_changed(last(24, 56), |_| {});
    assert_eq!(addition.too_far, too_far);
    assert_eq!(matches!(addition.fate, Fate::Complete(_)), too_far.is_none());
}

#[test]
fn starting_over_restarts_the_timer_and_gives_back_memory() {
    let config = ReassemblyConfig { max_distance: 1, ..ReassemblyConfig::default() };
    let mut reassembler = Reassembler::new(config);
    let mut add = |seconds: u64, identification: u16, piece: Piece| {
        let octets = piece.octets(|header| header.identification = identification);
        let now = Instant::from_micros(seconds * 1_000_000);
        reassembler.add(now, USER, &Ipv4View::new(&octets).unwrap(), 832, 0);
        (reassembler.memory(), reassembler.next_timeout().unwrap().micros() / 1_000_000)
    };
    assert_eq!(add(0, 1, more(0, 24)), (1032, 30));
    assert_eq!(add(5, 2, more(0, 24)), (2064, 30));
    assert_eq!(add(6, 2, more(24, 48)), (2896, 30));
    assert_eq!(add(9, 1, more(24, 48)), (2896, 35));
}

/// Rows are probes 254 to 264.
#[rstest]
#[case::p254_with_first(&[more(0, 24)], Some(24), 1)]
#[case::p255_without_first(&[last(24, 56)], None, 1)]
#[case::p256_first_and_hole(&[more(0, 24), last(40, 56)], Some(24), 2)]
#[case::p234_cut_as_kept(&[more(0, 20)], Some(16), 1)]
fn timeout(#[case] pieces: &[Piece], #[case] quoted: Option<usize>, #[case] fragments: usize) {
    let mut bench = Bench::new(ReassemblyConfig::default());
    for piece in pieces {
        assert_eq!(bench.add(*piece), Fate::Held);
    }
    let deadline = Instant::ZERO + Duration::from_secs(30);
    assert_eq!(bench.0.next_timeout(), Some(deadline));
    assert_eq!(bench.0.expire(Instant::from_micros(deadline.micros() - 1)), None);
    let expired = bench.0.expire(deadline).unwrap();
    assert_eq!(expired.fragments, fragments);
    let first = expired.first.map(|(octets, _)| octets);
    assert_eq!(first.as_ref().map(|octets| octets.len() - 20), quoted);
    if let Some(octets) = first {
        assert_eq!(octets[20..], more(0, quoted.unwrap()).payload());
        assert_ne!(octets[6] & 0x20, 0, "MF is quoted as it was");
    }
    assert_eq!((bench.0.expire(deadline), bench.0.memory(), bench.0.next_timeout()), (None, 0, None));
}

#[test]
fn timer_is_not_refreshed() {
    // Probes 261 and 262.
    let mut reassembler = Reassembler::new(ReassemblyConfig::default());
    for (seconds, piece) in [(0, more(0, 24)), (20, more(24, 48))] {
        let octets = piece.octets(|_| {});
        let now = Instant::from_micros(seconds * 1_000_000);
        reassembler.add(now, USER, &Ipv4View::new(&octets).unwrap(), 832, seconds);
    }
    assert_eq!(reassembler.next_timeout(), Some(Instant::from_micros(30_000_000)));
    let expired = reassembler.expire(Instant::from_micros(30_000_000)).unwrap();
    assert_eq!((expired.first.map(|first| first.1), expired.last), (Some(0), Some(20)));
}

/// Rows are probes 265 and 267: threshold, and how many of ten first fragments are kept.
#[rstest]
#[case::p265(2000, 2)]
#[case::exactly_used_up_is_not_above(2064, 3)]
#[case::p267(0, 0)]
fn threshold(#[case] high_threshold: usize, #[case] kept: usize) {
    let mut bench = Bench::new(ReassemblyConfig { high_threshold, ..ReassemblyConfig::default() });
    let fates: Vec<_> = (0..10)
        .map(|identification| {
            bench.add_changed(more(0, 24), |header| header.identification = identification).fate
        })
        .collect();
    assert_eq!(fates.iter().filter(|fate| **fate == Fate::Held).count(), kept);
    assert_eq!(fates.iter().filter(|fate| fate.is_failure()).count(), 10 - kept);
}

#[test]
fn even_a_completing_fragment_is_refused_above_the_threshold() {
    let mut bench = Bench::new(ReassemblyConfig { high_threshold: 1000, ..ReassemblyConfig::default() });
    assert_eq!(bench.add(more(0, 24)), Fate::Held);
    assert_eq!(bench.add(last(24, 56)), Fate::Refused);
}

#[test]
fn floods_stay_below_the_threshold() {
    let mut bench = Bench::new(ReassemblyConfig { high_threshold: 100_000, ..ReassemblyConfig::default() });
    for number in 0..10_000u16 {
        bench.add_changed(more(65_528, 65_536), |header| header.identification = number);
        assert!(bench.0.memory() <= 100_000 + 1032);
    }
}

/// A fragment of a small datagram, so that collisions abound.
#[derive(Clone, Debug)]
struct Small(Vec<Piece>);

impl Arbitrary for Small {
    fn arbitrary(gen_: &mut Gen) -> Self {
        let count = usize::arbitrary(gen_) % 9;
        let piece = |gen_: &mut Gen| {
            let start = usize::arbitrary(gen_) % 6 * 8;
            let len = [0, 4, 8, 8, 8, 12, 16, 16, 24][usize::arbitrary(gen_) % 9];
            Piece { start, end: start + len, more: u8::arbitrary(gen_) % 4 != 0, salt: u8::arbitrary(gen_) }
        };
        Self((0..count).map(|_| piece(gen_)).collect())
    }

    fn shrink(&self) -> std::boxed::Box<dyn Iterator<Item = Self>> {
        let all = self.0.clone();
        std::boxed::Box::new((0..all.len()).map(move |at| {
            let mut fewer = all.clone();
            fewer.remove(at);
            Self(fewer)
        }))
    }
}

/// One datagram by the words of §4.2 and §4.3: a map of octets and a list of runs, each a list of fragments.
#[derive(Default)]
struct Model {
    octets: Vec<Option<u8>>,
    runs: Vec<Vec<(usize, usize)>>,
    total: usize,
    has_end: bool,
}

/// What the model says of a fragment; a datagram that ended is gone.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Held,
    Duplicate,
    Gone,
    Complete(Vec<u8>),
}

impl Model {
    fn add(&mut self, piece: &Piece, policy: OverlapPolicy) -> Said {
        let said = self.judge(piece, policy);
        if matches!(said, Said::Gone | Said::Complete(_)) {
            *self = Self::default();
        }
        said
    }

    fn judge(&mut self, piece: &Piece, policy: OverlapPolicy) -> Said {
        let mut end = piece.end;
        if !piece.more {
            if end < self.total || self.has_end && end != self.total {
                return Said::Gone;
            }
            (self.total, self.has_end) = (end, true);
        } else {
            end = end / 8 * 8;
            if end > self.total {
                if self.has_end {
                    return Said::Gone;
                }
                self.total = end;
            }
        }
        if end == piece.start {
            return Said::Gone;
        }
        if policy == OverlapPolicy::DiscardDatagram {
            match self.run_rule(piece.start, end) {
                Said::Held => {}
                said => return said,
            }
        }
        self.octets.resize(self.octets.len().max(end), None);
        let mut is_new = false;
        for at in piece.start..end {
            is_new |= self.octets[at].is_none();
            if self.octets[at].is_none() || policy == OverlapPolicy::KeepLast {
                self.octets[at] = Some(octet_at(at, piece.salt));
            }
        }
        let whole: Option<Vec<u8>> = self.octets.iter().copied().collect();
        match whole {
            Some(octets) if self.has_end && octets.len() == self.total => Said::Complete(octets),
            _ if !is_new && policy == OverlapPolicy::KeepFirst => Said::Duplicate,
            _ => Said::Held,
        }
    }

    fn run_rule(&mut self, start: usize, end: usize) -> Said {
        let highest = self.runs.iter().flatten().map(|fragment| fragment.1).max();
        if let Some(highest) = highest
            && end > highest
        {
            if start < highest {
                return Said::Gone;
            }
            if start == highest {
                let run = self.runs.iter_mut().find(|run| run.iter().any(|fragment| fragment.1 == highest));
                run.unwrap().push((start, end));
                return Said::Held;
            }
        } else {
            for run in &self.runs {
                let (run_start, run_end) = (run[0].0, run.last().unwrap().1);
                if run_start <= start && end <= run_end {
                    return Said::Duplicate;
                }
                if start < run_end && run_start < end {
                    return Said::Gone;
                }
            }
        }
        self.runs.push(std::vec![(start, end)]);
        Said::Held
    }
}

fn agrees(pieces: &[Piece], overlap: OverlapPolicy) -> bool {
    let mut bench = Bench::new(ReassemblyConfig { overlap, ..ReassemblyConfig::default() });
    let mut model = Model::default();
    pieces.iter().all(|piece| {
        let said = match bench.add(*piece) {
            Fate::Held => Said::Held,
            Fate::Duplicate => Said::Duplicate,
            Fate::Complete(datagram) => Said::Complete(datagram.octets[20..].to_vec()),
            Fate::Refused | Fate::Killed(_) | Fate::Unfit(_) => Said::Gone,
        };
        said == model.add(piece, overlap)
    })
}

quickcheck! {
    fn linux_rule_agrees_with_the_model(pieces: Small) -> bool {
        agrees(&pieces.0, OverlapPolicy::DiscardDatagram)
    }

    fn keeping_the_first_agrees_with_the_model(pieces: Small) -> bool {
        agrees(&pieces.0, OverlapPolicy::KeepFirst)
    }

    fn keeping_the_last_agrees_with_the_model(pieces: Small) -> bool {
        agrees(&pieces.0, OverlapPolicy::KeepLast)
    }

    fn order_does_not_matter_without_overlap(cuts: Vec<u8>, order: Vec<usize>) -> bool {
        let mut start = 0;
        let mut pieces: Vec<Piece> = cuts
            .iter()
            .map(|cut| {
                let end = start + usize::from(cut % 64 + 1) * 8;
                more(core::mem::replace(&mut start, end), end)
            })
            .collect();
        pieces.push(last(start, start + 3));
        for (at, other) in order.iter().enumerate() {
            let len = pieces.len();
            pieces.swap(at % len, other % len);
        }
        let mut bench = Bench::new(ReassemblyConfig::default());
        let fates: Vec<End> = pieces.iter().map(|piece| end_of(bench.add(*piece))).collect();
        let (completing, before) = fates.split_last().unwrap();
        *completing == End::Complete(start + 3) && before.iter().all(|end| *end == End::Held)
    }
}
