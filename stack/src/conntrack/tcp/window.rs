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
