//! The rules beside the table of transitions, each condition by itself (`stack/spec/linux-conntrack-nat.md` §4.4, §4.5).

use std::format;
use std::string::String;

use rstest::rstest;

use super::super::super::ConntrackConfig;
use super::super::super::testing::{A, B, Tcp};
use super::*;

const PORTS: (u16, u16) = (1000, 80);

fn with<R>(tcp: &Tcp<'_>, look: impl FnOnce(&Segment<'_>) -> R) -> R {
    look(&Segment::new(&tcp.octets(A, B)).unwrap())
}

/// A segment from the original side, of an entry that has seen a reply.
fn context(config: &TcpConfig) -> TcpContext<'_> {
    TcpContext {
        config,
        direction: Direction::Original,
        seen_reply: true,
        assured: false,
        fixed: false,
        remaining: 0,
    }
}

fn config() -> TcpConfig {
    ConntrackConfig::default().tcp
}

fn name(step: &Step) -> String {
    match step {
        Step::Judge(state) => format!("judge {}", state.name()),
        Step::Trust(state) => format!("trust {}", state.name()),
        Step::Resynchronized => String::from("resynchronized"),
        Step::Done(Judgment::Accept(progress)) => {
            assert_eq!(*progress, Progress::UNTOUCHED);
            String::from("ignored")
        }
        Step::Done(Judgment::Invalid(_)) => String::from("invalid"),
        Step::Done(Judgment::Reopen) => String::from("reopened"),
        Step::Done(judgment) => format!("{judgment:?}"),
    }
}

/// The latest segment: kind and direction; whether a reply was seen, and the entry is assured; the state; whether the reset
/// acknowledges the end of the latest, and has the number that it acknowledged. Rule 8.
#[rstest]
#[case::syn_of_the_other((Kind::Syn, Direction::Reply), (true, true), TcpState::Established, (true, false), true)]
#[case::own_syn((Kind::Syn, Direction::Original), (true, true), TcpState::Established, (true, false), false)]
#[case::no_reply((Kind::Syn, Direction::Reply), (false, true), TcpState::Established, (true, false), false)]
#[case::another_number((Kind::Syn, Direction::Reply), (true, true), TcpState::Established, (false, false), false)]
#[case::ack((Kind::Ack, Direction::Original), (false, false), TcpState::Established, (true, false), true)]
#[case::ack_of_assured((Kind::Ack, Direction::Original), (true, true), TcpState::Established, (true, false), false)]
#[case::fin((Kind::Fin, Direction::Reply), (true, false), TcpState::Established, (true, false), false)]
#[case::challenge((Kind::Ack, Direction::Reply), (true, true), TcpState::SynSent, (false, true), true)]
#[case::challenge_later((Kind::Ack, Direction::Reply), (true, true), TcpState::SynRecv, (false, true), false)]
#[case::own_challenge((Kind::Ack, Direction::Original), (true, true), TcpState::SynSent, (false, true), false)]
#[case::no_challenge((Kind::SynAck, Direction::Reply), (true, true), TcpState::SynSent, (false, true), false)]
#[case::neither_number((Kind::Ack, Direction::Reply), (true, false), TcpState::SynSent, (false, false), false)]
fn reset_answers_what_was_ignored(
    #[case] (kind, direction): (Kind, Direction),
    #[case] (seen_reply, assured): (bool, bool),
    #[case] state: TcpState,
    #[case] (acknowledges, continues): (bool, bool),
    #[case] expected: bool,
) {
    let mut record = TcpRecord::new();
    (record.latest.kind, record.latest.direction, record.state) = (kind, direction, state);
    (record.last.end, record.last.acknowledgment) = (500, 700);
    let tcp = Tcp::new(PORTS, "RA", if continues { 700 } else { 7 }, if acknowledges { 500 } else { 5 });
    let config = config();
    let context = TcpContext { seen_reply, assured, ..context(&config) };
    assert_eq!(with(&tcp, |segment| answers_ignored(&record, segment, context)), expected);
}

/// The state, whether the entry is assured, the latest kind, the sequence number where the peer has acknowledged up to
/// 100 and the latest ended at 300, and what the reset does, also with `ignore_invalid_rst`. Rule 5.
#[rstest]
#[case::closing(TcpState::FinWait, true, Kind::None, 5, "trust CLOSE", "trust CLOSE")]
#[case::zero(TcpState::SynRecv, false, Kind::None, 0, "judge CLOSE", "judge CLOSE")]
#[case::zero_where_it_matters(TcpState::Established, true, Kind::None, 0, "invalid", "judge ESTABLISHED")]
#[case::below(TcpState::SynRecv, false, Kind::None, 99, "invalid", "judge CLOSE")]
#[case::exact(TcpState::Established, true, Kind::None, 100, "judge CLOSE", "judge CLOSE")]
#[case::above(TcpState::Established, true, Kind::None, 101, "judge ESTABLISHED", "judge ESTABLISHED")]
#[case::above_not_assured(TcpState::Established, false, Kind::None, 101, "judge CLOSE", "judge CLOSE")]
#[case::above_in_another_state(TcpState::SynRecv, true, Kind::None, 101, "judge CLOSE", "judge CLOSE")]
#[case::continues(TcpState::Established, true, Kind::Ack, 300, "judge CLOSE", "judge CLOSE")]
#[case::continues_a_fin(
    TcpState::Established,
    true,
    Kind::Fin,
    300,
    "judge ESTABLISHED",
    "judge ESTABLISHED"
)]
#[case::nearly_continues(
    TcpState::Established,
    true,
    Kind::Ack,
    301,
    "judge ESTABLISHED",
    "judge ESTABLISHED"
)]
#[case::after_a_syn(TcpState::Established, true, Kind::Syn, 5, "judge CLOSE", "judge CLOSE")]
fn numbers_of_a_reset(
    #[case] state: TcpState,
    #[case] assured: bool,
    #[case] kind: Kind,
    #[case] sequence: u32,
    #[case] expected: &str,
    #[case] trusting: &str,
) {
    let mut record = TcpRecord::new();
    (record.state, record.latest.kind, record.last.end) = (state, kind, 300);
    record.windows[1].acknowledged = 100;
    record.flags[1] = SideFlags::ACK_KNOWN;
    let tcp = Tcp::new(PORTS, "R", sequence, 0);
    let judged = |record: &TcpRecord, ignore_invalid_rst| {
        let config = TcpConfig { ignore_invalid_rst, ..config() };
        let context = TcpContext { assured, ..context(&config) };
        name(&with(&tcp, |segment| reset(record, segment, context)))
    };
    assert_eq!((&*judged(&record, false), &*judged(&record, true)), (expected, trusting));
    // What the other side sent last continues nothing, and without an acknowledgment of it no number is wrong.
    record.latest.direction = Direction::Reply;
    if sequence == 300 {
        assert_eq!(judged(&record, false), "judge ESTABLISHED");
    }
    record.flags[1] = SideFlags::NONE;
    let unknown = if state.is_closing() { "trust CLOSE" } else { "judge CLOSE" };
    assert_eq!(judged(&record, false), unknown);
}

/// Rule 3, and each of its conditions.
#[rstest]
#[case::challenge(TcpState::LastAck, Kind::Ack, Direction::Reply, Kind::Syn, Last::CHALLENGE, true)]
#[case::state(TcpState::CloseWait, Kind::Ack, Direction::Reply, Kind::Syn, Last::CHALLENGE, false)]
#[case::kind(TcpState::LastAck, Kind::Fin, Direction::Reply, Kind::Syn, Last::CHALLENGE, false)]
#[case::direction(TcpState::LastAck, Kind::Ack, Direction::Original, Kind::Syn, Last::CHALLENGE, false)]
#[case::latest(TcpState::LastAck, Kind::Ack, Direction::Reply, Kind::Ack, Last::CHALLENGE, false)]
#[case::flag(TcpState::LastAck, Kind::Ack, Direction::Reply, Kind::Syn, Last::SIMULTANEOUS, false)]
fn challenge(
    #[case] state: TcpState,
    #[case] kind: Kind,
    #[case] direction: Direction,
    #[case] latest: Kind,
    #[case] flags: u8,
    #[case] expected: bool,
) {
    let mut record = TcpRecord::new();
    (record.state, record.latest.kind, record.last.flags) = (state, latest, flags);
    assert_eq!(is_challenge(&record, kind, direction), expected);
}

/// Flags of both sides, kind and direction of the latest segment, and whether a SYN of the original side begins anew.
/// Rule 1.
#[rstest]
#[case::nothing(SideFlags::NONE, SideFlags::NONE, Kind::Ack, Direction::Original, false)]
#[case::closed_here(SideFlags::CLOSED_FIRST, SideFlags::NONE, Kind::Ack, Direction::Original, true)]
#[case::closed_there(SideFlags::NONE, SideFlags::CLOSED_FIRST, Kind::Ack, Direction::Reply, true)]
#[case::reset_here(SideFlags::NONE, SideFlags::LIBERAL, Kind::Rst, Direction::Original, true)]
#[case::reset_there(SideFlags::NONE, SideFlags::NONE, Kind::Rst, Direction::Reply, false)]
fn reopening(
    #[case] here: SideFlags,
    #[case] there: SideFlags,
    #[case] kind: Kind,
    #[case] direction: Direction,
    #[case] expected: bool,
) {
    let mut record = TcpRecord::new();
    record.flags = [here, there];
    (record.latest.kind, record.latest.direction) = (kind, direction);
    assert_eq!(may_reopen(&record, Direction::Original), expected);
    for (state, step) in
        [(TcpState::Close, "reopened"), (TcpState::TimeWait, "reopened"), (TcpState::SynSent, "")]
    {
        record.state = state;
        let config = config();
        let tcp = Tcp::new(PORTS, "S", 7, 0);
        let stepped =
            with(&tcp, |segment| next_state(&mut record.clone(), segment, Kind::Syn, context(&config)));
        let wanted = if state == TcpState::SynSent {
            "judge SYN_SENT"
        } else if expected {
            step
        } else {
            "ignored"
        };
        assert_eq!(name(&stepped), wanted);
    }
}

/// Direction, kind and old state of a segment that leads to SYN_RECV by the table, what is known of the handshake, and
/// where it leads. Rule 4.
#[rstest]
#[case::simultaneous(Direction::Reply, Kind::Ack, TcpState::SynRecv, Last::SIMULTANEOUS, "judge ESTABLISHED")]
#[case::one_sided(Direction::Reply, Kind::Ack, TcpState::SynRecv, Last::CHALLENGE, "judge SYN_RECV")]
#[case::no_ack(Direction::Reply, Kind::SynAck, TcpState::SynSent2, Last::SIMULTANEOUS, "judge SYN_RECV")]
#[case::original(Direction::Original, Kind::SynAck, TcpState::SynRecv, Last::SIMULTANEOUS, "judge SYN_RECV")]
fn simultaneous_open(
    #[case] direction: Direction,
    #[case] kind: Kind,
    #[case] state: TcpState,
    #[case] flags: u8,
    #[case] expected: &str,
) {
    let mut record = TcpRecord::new();
    (record.state, record.last.flags) = (state, flags);
    let config = config();
    let context = TcpContext { direction, ..context(&config) };
    let tcp = Tcp::new(PORTS, if kind == Kind::Ack { "A" } else { "SA" }, 7, 9);
    assert_eq!(name(&with(&tcp, |segment| next_state(&mut record, segment, kind, context))), expected);
}

/// Kind and direction of the latest segment and the number that a SYN-ACK of the reply side acknowledges, where the latest
/// ended at 300. Rule 2.
#[rstest]
#[case::ignored_syn(Kind::Syn, Direction::Original, 300, "resynchronized")]
#[case::no_syn(Kind::Ack, Direction::Original, 300, "ignored")]
#[case::own_syn(Kind::Syn, Direction::Reply, 300, "ignored")]
#[case::another_number(Kind::Syn, Direction::Original, 301, "ignored")]
fn syn_ack_that_is_not_expected(
    #[case] kind: Kind,
    #[case] direction: Direction,
    #[case] acknowledgment: u32,
    #[case] expected: &str,
) {
    let mut record = TcpRecord::new();
    (record.latest.kind, record.latest.direction, record.last.end) = (kind, direction, 300);
    record.last.window = 40;
    record.last.scale = 3;
    record.last.flags = SideFlags::WINDOW_SCALE.bits() | Last::CHALLENGE | Last::SIMULTANEOUS;
    record.flags = [SideFlags::LIBERAL, SideFlags::LIBERAL.with(SideFlags::ACK_KNOWN)];
    let tcp = Tcp::new(PORTS, "SA", 7, acknowledgment);
    let step = with(&tcp, |segment| ignore(&mut record, segment, Kind::SynAck, Direction::Reply));
    assert_eq!(name(&step), expected);
    if matches!(step, Step::Resynchronized) {
        assert_eq!(record.windows[0], Window { end: 300, limit: 300, widest: 40, acknowledged: 0 });
        assert_eq!((record.scales, record.flags), ([3, 0], [SideFlags::WINDOW_SCALE, SideFlags::LIBERAL]));
        assert_eq!(record.last.flags, SideFlags::WINDOW_SCALE.bits() | Last::SIMULTANEOUS);
    } else {
        let remembered =
            (record.last.sequence, record.last.end, record.last.window, record.last.acknowledgment);
        assert_eq!(remembered, (7, 8, 8192, 0));
        assert_eq!((record.latest.kind, record.latest.direction), (Kind::SynAck, Direction::Reply));
    }
}

/// What else is remembered of a segment that is ignored: what a SYN of the original side offered, and what a reply in
/// SYN_SENT acknowledged.
#[rstest]
#[case::syn("S", Direction::Original, TcpState::Established, (SideFlags::WINDOW_SCALE.bits(), 5, 0))]
#[case::syn_in_last_ack("S", Direction::Original, TcpState::LastAck, (SideFlags::WINDOW_SCALE.bits() | Last::CHALLENGE, 5, 0))]
#[case::syn_of_the_other("S", Direction::Reply, TcpState::Established, (0, 0, 0))]
#[case::ack("A", Direction::Reply, TcpState::SynSent, (0, 0, 9))]
#[case::ack_later("A", Direction::Reply, TcpState::SynSent2, (0, 0, 0))]
#[case::own_ack("A", Direction::Original, TcpState::SynSent, (0, 0, 0))]
#[case::syn_ack("SA", Direction::Reply, TcpState::SynSent, (0, 0, 0))]
fn what_is_remembered(
    #[case] flags: &str,
    #[case] direction: Direction,
    #[case] state: TcpState,
    #[case] expected: (u8, u8, u32),
) {
    let mut record = TcpRecord::new();
    record.state = state;
    let tcp = Tcp { options: &[3, 3, 5, 1], ..Tcp::new(PORTS, flags, 7, 9) };
    let step = with(&tcp, |segment| ignore(&mut record, segment, segment.kind(), direction));
    assert_eq!(name(&step), "ignored");
    assert_eq!((record.last.flags, record.last.scale, record.last.acknowledgment), expected);
}

/// Whether the entry is assured, and its life fixed; kind of the segment; kind and direction of the latest one; seconds
/// left; and whether those become the 300 of what is not acknowledged.
#[rstest]
#[case::fin_after_a_reset(true, false, Kind::Fin, Kind::Rst, Direction::Reply, 301, true)]
#[case::not_assured(false, false, Kind::Fin, Kind::Rst, Direction::Reply, 301, false)]
#[case::fixed(true, true, Kind::Fin, Kind::Rst, Direction::Reply, 301, false)]
#[case::no_end(true, false, Kind::Ack, Kind::Rst, Direction::Reply, 301, false)]
#[case::of_the_same_side(true, false, Kind::Rst, Kind::Fin, Direction::Original, 301, false)]
#[case::after_no_end(true, false, Kind::Rst, Kind::Ack, Direction::Reply, 301, false)]
#[case::less_life_left(true, false, Kind::Rst, Kind::Fin, Direction::Reply, 300, false)]
fn segments_that_do_not_fit(
    #[case] assured: bool,
    #[case] fixed: bool,
    #[case] kind: Kind,
    #[case] latest: Kind,
    #[case] direction: Direction,
    #[case] left: u64,
    #[case] shortens: bool,
) {
    let mut record = TcpRecord::new();
    (record.latest.kind, record.latest.direction) = (latest, direction);
    let config = config();
    let context = TcpContext { assured, fixed, remaining: left * 250, ..context(&config) };
    let why = Invalidity::TcpWindow;
    let expected = if shortens { Judgment::Shorten { seconds: 300, why } } else { Judgment::Invalid(why) };
    assert_eq!(misfit(&mut record, kind, context), expected);
    let is_first_end =
        assured && !fixed && kind != Kind::Ack && (latest == Kind::Ack || direction == Direction::Original);
    let remembered = if is_first_end { (kind, Direction::Original) } else { (latest, direction) };
    assert_eq!((record.latest.kind, record.latest.direction), remembered);
}

/// A knob below two minutes does not shorten what lives less than those.
#[rstest]
#[case::two_minutes(120, true)]
#[case::less(119, false)]
fn short_lives_are_left_alone(#[case] left: u64, #[case] shortens: bool) {
    let mut record = TcpRecord::new();
    (record.latest.kind, record.latest.direction) = (Kind::Fin, Direction::Reply);
    let config = TcpConfig { unacknowledged: 10, ..config() };
    let context = TcpContext { assured: true, remaining: left * 250, ..context(&config) };
    let judgment = misfit(&mut record, Kind::Rst, context);
    assert_eq!(matches!(judgment, Judgment::Shorten { seconds: 10, .. }), shortens);
}

/// Flags, states before and after, whether a reply was seen and the entry is assured, and what becomes of it.
#[rstest]
#[case::handshake("A", (TcpState::SynRecv, TcpState::Established), true, false,
    Progress { assured: true, changed: true, new_state: true, ..Progress::lives(432_000) })]
#[case::picked_up("A", (TcpState::Established, TcpState::Established), true, false,
    Progress { assured: true, changed: true, ..Progress::lives(432_000) })]
#[case::assured_before("A", (TcpState::Established, TcpState::Established), true, true, Progress::lives(432_000))]
#[case::other_old_state("A", (TcpState::SynSent2, TcpState::Established), true, false,
    Progress { new_state: true, ..Progress::lives(432_000) })]
#[case::other_new_state("SA", (TcpState::SynSent, TcpState::SynRecv), true, false,
    Progress { new_state: true, ..Progress::lives(60) })]
#[case::same_state("SA", (TcpState::SynRecv, TcpState::SynRecv), true, false, Progress::lives(60))]
#[case::refused("R", (TcpState::SynSent, TcpState::Close), false, false,
    Progress { new_state: true, ends: true, ..Progress::UNTOUCHED })]
#[case::repeated_syn("S", (TcpState::SynSent, TcpState::SynSent), false, false, Progress::UNTOUCHED)]
#[case::syn_of_the_other("S", (TcpState::SynSent, TcpState::SynSent2), false, false,
    Progress { new_state: true, ..Progress::UNTOUCHED })]
#[case::first_syn("S", (TcpState::None, TcpState::SynSent), false, false,
    Progress { new_state: true, ..Progress::lives(120) })]
#[case::other_segment_in_the_state("A", (TcpState::SynSent, TcpState::SynSent), false, false, Progress::lives(120))]
#[case::one_sided("A", (TcpState::None, TcpState::Established), false, false,
    Progress { new_state: true, ..Progress::lives(300) })]
#[case::one_sided_end("FA", (TcpState::None, TcpState::CloseWait), false, false,
    Progress { new_state: true, ..Progress::lives(60) })]
fn accepted(
    #[case] flags: &str,
    #[case] states: (TcpState, TcpState),
    #[case] seen_reply: bool,
    #[case] assured: bool,
    #[case] expected: Progress,
) {
    let mut record = TcpRecord::new();
    record.last.window = 1;
    let config = config();
    let context = TcpContext { seen_reply, assured, ..context(&config) };
    let tcp = Tcp::new(PORTS, flags, 7, 9);
    let progress = with(&tcp, |segment| accept(&mut record, segment, segment.kind(), states, context));
    assert_eq!((progress, record.state), (expected, states.1));
}

/// The first FIN, not a later one, makes its sender the one that closed first.
#[rstest]
#[case::first(TcpState::Established, TcpState::FinWait, true)]
#[case::repeated(TcpState::FinWait, TcpState::FinWait, false)]
#[case::second(TcpState::FinWait, TcpState::LastAck, false)]
fn who_closed_first(#[case] old: TcpState, #[case] new: TcpState, #[case] expected: bool) {
    let mut record = TcpRecord::new();
    let config = config();
    let tcp = Tcp::new(PORTS, "FA", 7, 9);
    with(&tcp, |segment| accept(&mut record, segment, Kind::Fin, (old, new), context(&config)));
    let flag = if expected { SideFlags::CLOSED_FIRST } else { SideFlags::NONE };
    assert_eq!(record.flags, [flag, SideFlags::NONE]);
}

/// Seconds that the state lives, repeats, the last window, whether data is not acknowledged, the kind of the segment,
/// and the life then (`stack/spec/linux-conntrack-nat.md` §4.5).
#[rstest]
#[case::nothing(300, 0, 1, false, Kind::Ack, 300)]
#[case::repeated(300, 3, 1, true, Kind::Ack, 100)]
#[case::repeated_less_often(300, 2, 1, false, Kind::Ack, 300)]
#[case::repeated_in_a_state_no_longer(100, 3, 1, false, Kind::Rst, 10)]
#[case::reset(300, 0, 0, true, Kind::Rst, 10)]
#[case::repeated_and_reset(300, 3, 1, false, Kind::Rst, 100)]
#[case::unacknowledged(300, 0, 0, true, Kind::Ack, 200)]
#[case::unacknowledged_in_a_state_no_longer(200, 0, 0, true, Kind::Ack, 100)]
#[case::closed_window(300, 0, 0, false, Kind::Ack, 100)]
#[case::closed_window_in_a_shorter_state(90, 0, 0, true, Kind::Ack, 90)]
fn life_of(
    #[case] own: u32,
    #[case] repeats: u8,
    #[case] window: u16,
    #[case] is_unacknowledged: bool,
    #[case] kind: Kind,
    #[case] expected: u32,
) {
    let mut record = TcpRecord::new();
    (record.latest.repeats, record.last.window) = (repeats, window);
    if is_unacknowledged {
        record.flags[1] = SideFlags::UNACKNOWLEDGED;
    }
    let config = TcpConfig {
        established: own,
        max_retrans: 3,
        max_retrans_timeout: 100,
        close: 10,
        unacknowledged: 200,
        ..ConntrackConfig::default().tcp
    };
    assert_eq!(life(&record, kind, TcpState::Established, &config), expected);
}
