//! Window tracking: whether a segment can be part of the connection as far as it was seen.

use super::super::tuple::Direction;
use super::record::{SideFlags, TcpRecord, Window};
use super::segment::{Segment, after, before};
use super::state::{Kind, TcpState};

/// Acknowledgments may be at least this far behind.
const MIN_ACK_WINDOW: u32 = 66_000;

/// What the windows say of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It fits; the windows have moved.
    Accept,
    /// It does not fit, but nobody is hurt: let it through without believing it.
    Ignore,
    /// It does not fit.
    Invalid,
}

/// The numbers of a segment once the oddities are straightened out.
struct Numbers {
    sequence: u32,
    end: u32,
    ack: u32,
    sack: u32,
}

/// Judges `segment` and moves the windows if it fits, or if `liberal`.
pub(crate) fn judge(
    record: &mut TcpRecord,
    direction: Direction,
    segment: &Segment<'_>,
    kind: Kind,
    liberal: bool,
) -> Fit {
    let (own, peer) = (direction.index(), direction.opposite().index());
    if initialize(record, direction, segment) {
        return Fit::Accept;
    }
    let numbers = straighten(record, own, peer, segment);
    match fit(record, own, peer, &numbers) {
        Fit::Accept => {
            advance(record, own, peer, segment, &numbers);
            if kind == Kind::Ack {
                count_repeats(record, direction, segment, &numbers);
            }
            Fit::Accept
        }
        _ if liberal || record.flags[own].has(SideFlags::LIBERAL) => Fit::Accept,
        misfit => misfit,
    }
}

/// Learns the sender's window from the first segment of it, or from a SYN that starts anew. Tells whether nothing is
/// left to judge.
fn initialize(record: &mut TcpRecord, direction: Direction, segment: &Segment<'_>) -> bool {
    let (own, peer) = (direction.index(), direction.opposite().index());
    if record.windows[own].widest == 0 {
        if segment.is_syn() {
            begin(record, direction, segment);
            // Simultaneous open: nothing of the peer is acknowledged.
            return !segment.is_ack();
        }
        pick_up(record, own, peer, segment);
    } else if segment.is_syn()
        && after(segment.end, record.windows[own].end)
        && matches!(record.state, TcpState::SynSent | TcpState::SynRecv)
    {
        begin(record, direction, segment);
        return direction == Direction::Reply && !segment.is_ack();
    }
    false
}

/// Starts the sender's window at a SYN.
fn begin(record: &mut TcpRecord, direction: Direction, segment: &Segment<'_>) {
    let (own, peer) = (direction.index(), direction.opposite().index());
    record.windows[own].end = segment.end;
    record.windows[own].limit = segment.end;
    record.windows[own].widest = u32::from(segment.window).max(1);
    record.take_options(own, segment);
    // Scaling works only if both sides offered it. RFC 7323 §2.2.
    let both = record.flags[own].common(record.flags[peer]).has(SideFlags::WINDOW_SCALE);
    if direction == Direction::Reply && !both {
        record.scales = [0; 2];
    }
}

/// Guesses the windows from a segment in the middle of a connection.
fn pick_up(record: &mut TcpRecord, own: usize, peer: usize, segment: &Segment<'_>) {
    let sack = acknowledged(record, peer, segment);
    let window = (u32::from(segment.window) << record.scales[own]).max(1);
    record.windows[own].end = segment.end;
    record.windows[own].widest = window;
    record.windows[own].limit = segment.end.wrapping_add(window);
    let other = &mut record.windows[peer];
    if other.widest == 0 {
        (other.end, other.limit) = (sack, sack);
    } else if sack == other.end.wrapping_add(1) {
        // Probably the answer to a keep-alive that was not seen.
        other.end = sack;
    }
}

/// The acknowledgment, selective ones included if the receiver of `segment` permits them.
fn acknowledged(record: &TcpRecord, peer: usize, segment: &Segment<'_>) -> u32 {
    if record.flags[peer].has(SideFlags::SACK_PERMITTED) {
        segment.highest_acknowledged()
    } else {
        segment.acknowledgment
    }
}

/// Replaces numbers that a segment does not have by such that fit.
fn straighten(record: &TcpRecord, own: usize, peer: usize, segment: &Segment<'_>) -> Numbers {
    let mut numbers = Numbers {
        sequence: segment.sequence,
        end: segment.end,
        ack: segment.acknowledgment,
        sack: acknowledged(record, peer, segment),
    };
    let is_empty_reset = segment.is_rst() && numbers.ack == 0;
    if !segment.is_ack() || is_empty_reset {
        numbers.ack = record.windows[peer].end;
        numbers.sack = numbers.ack;
    }
    if segment.is_rst() && numbers.sequence == 0 && record.state == TcpState::SynSent {
        numbers.sequence = record.windows[own].end;
        numbers.end = numbers.sequence;
    }
    numbers
}

/// Compares the numbers with the windows. An overshoot that may be ignored moves the sender's end, because the
/// acknowledgment of it will come.
fn fit(record: &mut TcpRecord, own: usize, peer: usize, numbers: &Numbers) -> Fit {
    let [sender, receiver] = [record.windows[own], record.windows[peer]];
    let ack_window = sender.widest.max(MIN_ACK_WINDOW);
    let in_receive_window = is_in_receive_window(sender, receiver, numbers.end);
    let is_ack_recent = after(numbers.sack, receiver.end.wrapping_sub(ack_window).wrapping_sub(1));
    let is_ack_of_seen = before(numbers.sack, receiver.end.wrapping_add(1));
    if !before(numbers.sequence, sender.limit.wrapping_add(1)) {
        let overshoot = numbers.end.wrapping_sub(sender.limit).wrapping_add(1);
        if in_receive_window && is_ack_recent && is_ack_of_seen && overshoot <= receiver.widest {
            record.windows[own].end = numbers.end;
            record.flags[own] = record.flags[own].with(SideFlags::UNACKNOWLEDGED);
            return Fit::Ignore;
        }
        return Fit::Invalid;
    }
    match (is_ack_of_seen, in_receive_window && is_ack_recent) {
        (false, _) => Fit::Invalid,
        (true, false) => Fit::Ignore,
        (true, true) => Fit::Accept,
    }
}

/// Whether a segment that ends at `end` has something that the receiver did not acknowledge long ago.
const fn is_in_receive_window(sender: Window, receiver: Window, end: u32) -> bool {
    receiver.widest == 0 || after(end, sender.end.wrapping_sub(receiver.widest).wrapping_sub(1))
}

/// Moves both windows.
fn advance(record: &mut TcpRecord, own: usize, peer: usize, segment: &Segment<'_>, numbers: &Numbers) {
    let shift = if segment.is_syn() { 0 } else { record.scales[own] };
    let window = u32::from(segment.window) << shift;
    let Numbers { end, ack, sack, .. } = *numbers;

    let sender = &mut record.windows[own];
    sender.widest = sender.widest.max(window.wrapping_add(sack.wrapping_sub(ack)));
    if after(end, sender.end) {
        sender.end = end;
        record.flags[own] = record.flags[own].with(SideFlags::UNACKNOWLEDGED);
    }
    if segment.is_ack() && (!record.flags[own].has(SideFlags::ACK_KNOWN) || after(ack, sender.acknowledged)) {
        sender.acknowledged = ack;
        record.flags[own] = record.flags[own].with(SideFlags::ACK_KNOWN);
    }
    let sender_limit = sender.limit;

    let receiver = &mut record.windows[peer];
    if receiver.widest != 0 && after(end, sender_limit) {
        receiver.widest = receiver.widest.wrapping_add(end.wrapping_sub(sender_limit));
    }
    let limit = sack.wrapping_add(window);
    if after(limit, receiver.limit.wrapping_sub(1)) {
        receiver.limit = if window == 0 { limit.wrapping_add(1) } else { limit };
    }
    if ack == receiver.end {
        record.flags[peer] = record.flags[peer].without(SideFlags::UNACKNOWLEDGED);
    }
}

/// Counts how often the same pure acknowledgment came again.
fn count_repeats(record: &mut TcpRecord, direction: Direction, segment: &Segment<'_>, numbers: &Numbers) {
    let last = &mut record.last;
    let is_repeat = record.latest.direction == direction
        && last.sequence == numbers.sequence
        && last.acknowledgment == numbers.ack
        && last.end == numbers.end
        && last.window == segment.window;
    if is_repeat {
        record.latest.repeats = record.latest.repeats.wrapping_add(1);
        return;
    }
    last.sequence = numbers.sequence;
    last.acknowledgment = numbers.ack;
    last.end = numbers.end;
    last.window = segment.window;
    record.latest.direction = direction;
    record.latest.repeats = 0;
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::super::testing::{A, B, Tcp};
    use super::super::super::{ConntrackConfig, judgment::Judgment};
    use super::super::{TcpContext, TcpRecord, open, track};
    use super::*;

    /// Data from A in an established connection, by offset from what was agreed: the next octet of A is 0 and so is that
    /// of B. Bounds are those that the live kernel logged (`stack/spec/linux-conntrack-nat.md` §9.21).
    #[rstest]
    #[case::next(0, 0, 10, Fit::Accept)]
    #[case::at_the_limit(8192, 0, 10, Fit::Accept)]
    #[case::overshoots_a_little(8193, 0, 10, Fit::Ignore)]
    #[case::overshoots_by_the_window(16_383, 0, 0, Fit::Ignore)]
    #[case::overshoots_by_more(16_384, 0, 0, Fit::Invalid)]
    #[case::overshoots_and_acknowledges_the_unsent(8193, 1, 10, Fit::Invalid)]
    #[case::overshoots_and_acknowledges_too_late(8193, -66_001, 10, Fit::Invalid)]
    #[case::acknowledges_the_unsent(0, 1, 0, Fit::Invalid)]
    #[case::repeats_just_inside(-8192, 0, 0, Fit::Accept)]
    #[case::repeats_just_outside(-8193, 0, 0, Fit::Ignore)]
    #[case::acknowledges_late(0, -66_000, 0, Fit::Accept)]
    #[case::acknowledges_too_late(0, -66_001, 0, Fit::Ignore)]
    fn fit_of(#[case] sequence: i32, #[case] ack: i32, #[case] len: usize, #[case] expected: Fit) {
        let mut record = established();
        let data = std::vec![0; len];
        let sequence = 100_001_u32.wrapping_add_signed(sequence);
        let acknowledgment = 500_001_u32.wrapping_add_signed(ack);
        let tcp = Tcp { data: &data, ..Tcp::new((1000, 80), "A", sequence, acknowledgment) };
        let octets = tcp.octets(A, B);
        let segment = Segment::new(&octets).unwrap();
        assert_eq!(judge(&mut record, Direction::Original, &segment, Kind::Ack, false), expected);
        assert_eq!(judge(&mut established(), Direction::Original, &segment, Kind::Ack, true), Fit::Accept);
    }

    fn with<R>(tcp: &Tcp<'_>, look: impl FnOnce(&Segment<'_>) -> R) -> R {
        look(&Segment::new(&tcp.octets(A, B)).unwrap())
    }

    /// Widest window and end of the other side, what is acknowledged of it, and its end then: mid-stream nothing moves
    /// it that is known, but the answer to a keep-alive, which is one beyond it.
    #[rstest]
    #[case::unknown(0, 0, 501, 501)]
    #[case::keep_alive(100, 500, 501, 501)]
    #[case::nothing_new(100, 500, 500, 500)]
    #[case::more(100, 500, 502, 500)]
    fn other_side_of_what_is_picked_up(
        #[case] widest: u32,
        #[case] end: u32,
        #[case] ack: u32,
        #[case] expected: u32,
    ) {
        let mut record = TcpRecord::new();
        record.scales[0] = 2;
        record.windows[1] = Window { end, widest, ..Window::default() };
        let tcp = Tcp { window: 100, data: &[0; 5], ..Tcp::new((1000, 80), "A", 1000, ack) };
        with(&tcp, |segment| pick_up(&mut record, 0, 1, segment));
        assert_eq!(record.windows[0], Window { end: 1005, limit: 1405, widest: 400, acknowledged: 0 });
        assert_eq!(record.windows[1].end, expected);
    }

    /// Numbers of a segment in SYN_SENT that are not its own: ends are 500 here and 900 there.
    #[rstest]
    #[case::ack("A", 7, 0, (7, 0))]
    #[case::without_ack("F", 7, 3, (7, 900))]
    #[case::reset_without_ack("R", 7, 3, (7, 900))]
    #[case::reset_that_acknowledges("RA", 7, 3, (7, 3))]
    #[case::reset_that_acknowledges_zero("RA", 7, 0, (7, 900))]
    #[case::reset_without_numbers("RA", 0, 0, (500, 900))]
    #[case::ack_without_numbers("A", 0, 0, (0, 0))]
    fn numbers_that_fit(
        #[case] flags: &str,
        #[case] sequence: u32,
        #[case] ack: u32,
        #[case] expected: (u32, u32),
    ) {
        let mut record = TcpRecord::new();
        record.state = TcpState::SynSent;
        (record.windows[0].end, record.windows[1].end) = (500, 900);
        let straight = |record: &TcpRecord| {
            let numbers = with(&Tcp::new((1000, 80), flags, sequence, ack), |segment| {
                straighten(record, 0, 1, segment)
            });
            assert_eq!(numbers.sack, numbers.ack);
            (numbers.sequence, numbers.ack)
        };
        assert_eq!(straight(&record), expected);
        record.state = TcpState::SynRecv;
        assert_eq!(straight(&record), (sequence, expected.1));
    }

    /// RFC 7323 §2.2: windows are scaled only if both sides said so.
    #[rstest]
    #[case::both(true, true, [3, 7])]
    #[case::the_answer_alone(false, true, [0, 0])]
    #[case::the_first_alone(true, false, [0, 0])]
    fn scales_after_an_answer(#[case] first: bool, #[case] second: bool, #[case] expected: [u8; 2]) {
        let mut record = TcpRecord::new();
        if first {
            (record.scales[0], record.flags[0]) = (3, SideFlags::WINDOW_SCALE);
        }
        let options: &[u8] = if second { &[3, 3, 7, 1] } else { &[] };
        let tcp = Tcp { options, ..Tcp::new((80, 1000), "SA", 500, 101) };
        with(&tcp, |segment| begin(&mut record, Direction::Reply, segment));
        assert_eq!(record.scales, expected);
    }

    /// Widest window and end of the receiver, number of octets beyond the limit of the sender, and what of the receiver is
    /// then (`stack/spec/linux-conntrack-nat.md` §4.6): widest window, and whether all of it is acknowledged.
    #[rstest]
    #[case::up_to_the_limit(50, 0, 0, 50, true)]
    #[case::beyond_the_limit(50, 0, 5, 55, true)]
    #[case::unknown(0, 0, 5, 0, true)]
    #[case::not_all_is_acknowledged(50, 1, 0, 50, false)]
    fn receiver(
        #[case] widest: u32,
        #[case] unacknowledged: u32,
        #[case] beyond: u32,
        #[case] expected: u32,
        #[case] is_clear: bool,
    ) {
        let mut record = TcpRecord::new();
        // Before zero in sequence space, where an acknowledgment of which nothing is known begins.
        let ack = u32::MAX - 7;
        record.windows[0] = Window { end: 100, limit: 110 - beyond, widest: 1, acknowledged: 0 };
        record.windows[1] = Window { end: ack + unacknowledged, limit: ack, widest, acknowledged: 0 };
        record.flags[1] = SideFlags::UNACKNOWLEDGED;
        let tcp = Tcp { window: 0, data: &[0; 10], ..Tcp::new((1000, 80), "A", 100, ack) };
        with(&tcp, |segment| {
            let numbers = straighten(&record, 0, 1, segment);
            advance(&mut record, 0, 1, segment, &numbers);
        });
        assert_eq!((record.windows[0].end, record.windows[0].acknowledged), (110, ack));
        assert_eq!((record.windows[1].widest, record.windows[1].limit), (expected, ack + 1));
        assert_eq!(record.flags[0], SideFlags::UNACKNOWLEDGED.with(SideFlags::ACK_KNOWN));
        assert_eq!(record.flags[1] == SideFlags::NONE, is_clear);
    }

    /// What differs from the acknowledgment before: nothing, or one of all that has to be the same.
    #[rstest]
    #[case::nothing(Tcp::new((1000, 80), "A", 7, 9), Direction::Original, 3)]
    #[case::direction(Tcp::new((1000, 80), "A", 7, 9), Direction::Reply, 0)]
    #[case::sequence(Tcp::new((1000, 80), "A", 6, 9), Direction::Original, 0)]
    #[case::acknowledgment(Tcp::new((1000, 80), "A", 7, 8), Direction::Original, 0)]
    #[case::length(Tcp { data: &[1], ..Tcp::new((1000, 80), "A", 7, 9) }, Direction::Original, 0)]
    #[case::window(Tcp { window: 1, ..Tcp::new((1000, 80), "A", 7, 9) }, Direction::Original, 0)]
    fn repeats(#[case] tcp: Tcp<'_>, #[case] direction: Direction, #[case] expected: u8) {
        let mut record = TcpRecord::new();
        (record.last.sequence, record.last.acknowledgment, record.last.end) = (7, 9, 7);
        (record.last.window, record.latest.repeats) = (8192, 2);
        with(&tcp, |segment| {
            let numbers = straighten(&record, 0, 1, segment);
            count_repeats(&mut record, direction, segment, &numbers);
        });
        assert_eq!((record.latest.repeats, record.latest.direction), (expected, direction));
        assert_eq!((record.last.sequence, record.last.acknowledgment), (tcp.sequence, tcp.acknowledgment));
        assert_eq!((record.last.end, record.last.window), (tcp.sequence + tcp.data.len() as u32, tcp.window));
    }

    /// After a handshake with windows of 8192 octets.
    fn established() -> TcpRecord {
        let config = ConntrackConfig::default().tcp;
        let handshake = [
            (Direction::Original, Tcp::new((1000, 80), "S", 100_000, 0)),
            (Direction::Reply, Tcp::new((80, 1000), "SA", 500_000, 100_001)),
            (Direction::Original, Tcp::new((1000, 80), "A", 100_001, 500_001)),
        ];
        let mut record = None;
        for (direction, tcp) in handshake {
            let octets = tcp.octets(A, B);
            let segment = Segment::new(&octets).unwrap();
            let record = record.get_or_insert_with(|| open(&config, &segment).unwrap());
            let seen_reply = direction == Direction::Original && segment.is_ack();
            let context = TcpContext {
                config: &config,
                direction,
                seen_reply,
                assured: false,
                fixed: false,
                remaining: 0,
            };
            assert!(matches!(track(record, &segment, context), Judgment::Accept(_)));
        }
        record.unwrap()
    }
}
