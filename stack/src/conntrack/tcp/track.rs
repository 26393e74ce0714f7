//! What a segment does to its connection.

use super::super::config::TcpConfig;
use super::super::judgment::{Invalidity, Judgment, Progress};
use super::super::tuple::Direction;
use super::record::{Last, SideFlags, TcpRecord, Window};
use super::segment::{Segment, before};
use super::state::{Kind, TcpState, Transition, transition};
use super::window::{self, Fit};

/// Seconds of life below which out-of-window FINs and resets do not shorten it.
const SHORT_LIFE: u64 = 120;

/// What the tracker has to know of the entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TcpContext<'a> {
    /// Knobs.
    pub(crate) config: &'a TcpConfig,
    /// Direction of the segment.
    pub(crate) direction: Direction,
    /// A reply was seen before it.
    pub(crate) seen_reply: bool,
    /// The entry is assured.
    pub(crate) assured: bool,
    /// The entry's life is fixed.
    pub(crate) fixed: bool,
    /// Jiffies of life left.
    pub(crate) remaining: u64,
}

impl TcpContext<'_> {
    /// Whether the connection is one that a reset should not end lightly.
    fn is_live(&self, state: TcpState) -> bool {
        state == TcpState::Established && self.assured
    }
}

/// The record of a connection whose first segment this is.
///
/// # Errors
/// Why it cannot be the first.
pub(crate) fn open(config: &TcpConfig, segment: &Segment<'_>) -> Result<TcpRecord, Invalidity> {
    let Transition::To(state) = transition(Direction::Original, segment.kind(), TcpState::None) else {
        return Err(Invalidity::TcpNotFirst);
    };
    let mut record = TcpRecord::new();
    let widest = u32::from(segment.window).max(1);
    if state == TcpState::SynSent {
        record.windows[0] = Window { end: segment.end, limit: segment.end, widest, acknowledged: 0 };
        record.take_options(0, segment);
        return Ok(record);
    }
    if !config.loose {
        return Err(Invalidity::TcpNotLoose);
    }
    let limit = segment.end.wrapping_add(widest);
    record.windows[0] = Window { end: segment.end, limit, widest, acknowledged: 0 };
    // Window scales are unknown, so the windows cannot be trusted.
    record.flags = [SideFlags::SACK_PERMITTED.with(SideFlags::LIBERAL); 2];
    Ok(record)
}

/// Follows `segment`.
pub(crate) fn track(record: &mut TcpRecord, segment: &Segment<'_>, context: TcpContext<'_>) -> Judgment {
    let kind = segment.kind();
    let (old, new, believed) = match next_state(record, segment, kind, context) {
        Step::Judge(state) => (record.state, state, false),
        Step::Trust(state) => (record.state, state, true),
        // The entry follows the handshake that it had not believed.
        Step::Resynchronized => (TcpState::SynSent, TcpState::SynRecv, false),
        Step::Done(judgment) => return judgment,
    };
    if !believed {
        match window::judge(record, context.direction, segment, kind, context.config.be_liberal) {
            Fit::Accept => {}
            Fit::Ignore => return Judgment::Accept(Progress::UNTOUCHED),
            Fit::Invalid => return misfit(record, kind, context),
        }
    }
    Judgment::Accept(accept(record, segment, kind, (old, new), context))
}

/// What the state says of a segment.
enum Step {
    /// Go there, if the windows agree.
    Judge(TcpState),
    /// Go there.
    Trust(TcpState),
    /// The segment acknowledges a SYN that was ignored.
    Resynchronized,
    /// That was all.
    Done(Judgment),
}

/// Looks the segment up in the table and applies what the table cannot say.
fn next_state(record: &mut TcpRecord, segment: &Segment<'_>, kind: Kind, context: TcpContext<'_>) -> Step {
    let direction = context.direction;
    match transition(direction, kind, record.state) {
        Transition::Invalid => Step::Done(Judgment::Invalid(Invalidity::TcpState)),
        Transition::Ignore => ignore(record, segment, kind, direction),
        Transition::To(TcpState::SynSent) if is_over(record.state) => {
            if may_reopen(record, direction) {
                return Step::Done(Judgment::Reopen);
            }
            ignore(record, segment, kind, direction)
        }
        Transition::To(TcpState::TimeWait) if is_challenge(record, kind, direction) => {
            record.last.flags &= !Last::CHALLENGE;
            Step::Done(Judgment::Accept(Progress::UNTOUCHED))
        }
        Transition::To(TcpState::SynSent2) => {
            record.last.flags |= Last::SIMULTANEOUS;
            Step::Judge(TcpState::SynSent2)
        }
        Transition::To(TcpState::SynRecv)
            if direction == Direction::Reply
                && kind == Kind::Ack
                && record.last.flags & Last::SIMULTANEOUS != 0 =>
        {
            Step::Judge(TcpState::Established)
        }
        Transition::To(TcpState::Close) if kind == Kind::Rst => reset(record, segment, context),
        Transition::To(state) => Step::Judge(state),
    }
}

/// Whether a SYN may begin a new connection in this state.
const fn is_over(state: TcpState) -> bool {
    matches!(state, TcpState::TimeWait | TcpState::Close)
}

/// Whether a SYN in `direction` replaces a connection that is over: one side closed it first, or this side reset it.
fn may_reopen(record: &TcpRecord, direction: Direction) -> bool {
    record.flags.iter().any(|flags| flags.has(SideFlags::CLOSED_FIRST))
        || (record.latest.direction == direction && record.latest.kind == Kind::Rst)
}

/// Whether an acknowledgment in LAST_ACK answers a SYN that was ignored. RFC 5961 §4.
fn is_challenge(record: &TcpRecord, kind: Kind, direction: Direction) -> bool {
    record.state == TcpState::LastAck
        && kind == Kind::Ack
        && record.latest.direction != direction
        && record.latest.kind == Kind::Syn
        && record.last.flags & Last::CHALLENGE != 0
}

/// Remembers a segment that is not believed, or finds that it confirms one that was not believed before.
fn ignore(record: &mut TcpRecord, segment: &Segment<'_>, kind: Kind, direction: Direction) -> Step {
    let latest = record.latest;
    if kind == Kind::SynAck
        && latest.kind == Kind::Syn
        && latest.direction != direction
        && segment.acknowledgment == record.last.end
    {
        resynchronize(record, direction);
        return Step::Resynchronized;
    }
    record.latest.kind = kind;
    record.latest.direction = direction;
    let remembered = &mut record.last;
    remembered.sequence = segment.sequence;
    remembered.end = segment.end;
    remembered.window = segment.window;
    if kind == Kind::Syn && direction == Direction::Original {
        remember_offer(record, segment);
    }
    if record.state == TcpState::SynSent && kind == Kind::Ack && direction == Direction::Reply {
        record.last.acknowledgment = segment.acknowledgment;
    }
    Step::Done(Judgment::Accept(Progress::UNTOUCHED))
}

/// Remembers what an ignored SYN offered.
fn remember_offer(record: &mut TcpRecord, segment: &Segment<'_>) {
    let mut flags = SideFlags::NONE;
    let scale = segment.window_scale();
    if scale.is_some() {
        flags = flags.with(SideFlags::WINDOW_SCALE);
    }
    if segment.permits_sack() {
        flags = flags.with(SideFlags::SACK_PERMITTED);
    }
    record.last.scale = scale.unwrap_or(0);
    record.last.flags = flags.bits();
    if record.state == TcpState::LastAck {
        record.last.flags |= Last::CHALLENGE;
    }
}

/// Starts anew from the remembered SYN; the side that answers is unknown. Where the connection was picked up in the
/// middle its window stays untrusted, unlike that of the side that sent the SYN.
fn resynchronize(record: &mut TcpRecord, answering: Direction) {
    let (own, peer) = (answering.index(), answering.opposite().index());
    let last = record.last;
    record.windows[peer].end = last.end;
    record.windows[peer].limit = last.end;
    record.windows[peer].widest = u32::from(last.window).max(1);
    record.scales[peer] = last.scale;
    record.flags[peer] = SideFlags::from_bits(last.flags & !(Last::CHALLENGE | Last::SIMULTANEOUS));
    record.last.flags &= !Last::CHALLENGE;
    record.windows[own] = Window::default();
    record.scales[own] = 0;
    record.flags[own] = record.flags[own].common(SideFlags::LIBERAL);
}

/// What a reset does. Its sequence number has to be believable where much is at stake. RFC 5961 §3.
fn reset(record: &TcpRecord, segment: &Segment<'_>, context: TcpContext<'_>) -> Step {
    let state = record.state;
    if state.is_closing() {
        return Step::Trust(TcpState::Close);
    }
    let peer = context.direction.opposite().index();
    let latest = record.latest;
    let mut next = TcpState::Close;
    if record.flags[peer].has(SideFlags::ACK_KNOWN) && latest.kind != Kind::Syn {
        let acknowledged = record.windows[peer].acknowledged;
        let live = context.is_live(state);
        if segment.sequence == 0 && !live {
            return Step::Judge(next);
        }
        if before(segment.sequence, acknowledged) && !context.config.ignore_invalid_rst {
            return Step::Done(Judgment::Invalid(Invalidity::TcpReset));
        }
        let continues = latest.kind == Kind::Ack
            && latest.direction == context.direction
            && segment.sequence == record.last.end;
        if !live || segment.sequence == acknowledged || continues {
            return Step::Judge(next);
        }
        // Perhaps a challenge acknowledgment follows.
        next = state;
    }
    if answers_ignored(record, segment, context) { Step::Trust(next) } else { Step::Judge(next) }
}

/// Whether a reset answers a segment that was let through without believing it.
fn answers_ignored(record: &TcpRecord, segment: &Segment<'_>, context: TcpContext<'_>) -> bool {
    let (last, latest) = (record.last, record.latest);
    // A SYN of its own the sender of the reset would not answer.
    let answers_syn = latest.kind == Kind::Syn && latest.direction != context.direction;
    let was_ignored = (context.seen_reply && answers_syn) || (!context.assured && latest.kind == Kind::Ack);
    if was_ignored && segment.acknowledgment == last.end {
        return true;
    }
    record.state == TcpState::SynSent
        && latest.kind == Kind::Ack
        && latest.direction == Direction::Reply
        && segment.sequence == last.acknowledgment
}

/// A segment outside of the window. When both sides send a FIN or reset like that, the tracker has lost the
/// connection, and it need not live long.
fn misfit(record: &mut TcpRecord, kind: Kind, context: TcpContext<'_>) -> Judgment {
    let ends = |kind| matches!(kind, Kind::Fin | Kind::Rst);
    let invalid = Judgment::Invalid(Invalidity::TcpWindow);
    if !context.assured || context.fixed || !ends(kind) {
        return invalid;
    }
    if record.latest.direction == context.direction || !ends(record.latest.kind) {
        record.latest.kind = kind;
        record.latest.direction = context.direction;
        return invalid;
    }
    let unacknowledged = context.config.unacknowledged;
    let hz = super::super::entry::HZ;
    if context.remaining >= SHORT_LIFE * hz && context.remaining > u64::from(unacknowledged) * hz {
        return Judgment::Shorten { seconds: unacknowledged, why: Invalidity::TcpWindow };
    }
    invalid
}

/// The segment belongs to the connection: `states` are the old and the new one.
fn accept(
    record: &mut TcpRecord,
    segment: &Segment<'_>,
    kind: Kind,
    states: (TcpState, TcpState),
    context: TcpContext<'_>,
) -> Progress {
    let (old, new) = states;
    record.latest.kind = kind;
    record.latest.direction = context.direction;
    record.state = new;
    if old != new && new == TcpState::FinWait {
        let own = context.direction.index();
        record.flags[own] = record.flags[own].with(SideFlags::CLOSED_FIRST);
    }
    let seconds = life(record, kind, new, context.config);
    let new_state = old != new;
    if context.seen_reply {
        let assured = !context.assured
            && matches!(old, TcpState::SynRecv | TcpState::Established)
            && new == TcpState::Established;
        return Progress { assured, changed: assured, new_state, ..Progress::lives(seconds) };
    }
    if segment.is_rst() {
        return Progress { new_state, ends: true, ..Progress::UNTOUCHED };
    }
    if kind == Kind::Syn && old == TcpState::SynSent {
        // A repeated SYN must not keep the entry, or a client could hold on to a port for ever.
        return Progress { new_state, ..Progress::UNTOUCHED };
    }
    let one_sided = new == TcpState::Established;
    let seconds = if one_sided { seconds.min(context.config.unacknowledged) } else { seconds };
    Progress { new_state, ..Progress::lives(seconds) }
}

/// Seconds that the connection may stay silent.
fn life(record: &TcpRecord, kind: Kind, state: TcpState, config: &TcpConfig) -> u32 {
    let own = config.timeout(state);
    let unacknowledged = record.flags.iter().any(|flags| flags.has(SideFlags::UNACKNOWLEDGED));
    if record.latest.repeats >= config.max_retrans && own > config.max_retrans_timeout {
        config.max_retrans_timeout
    } else if kind == Kind::Rst {
        config.close
    } else if unacknowledged && own > config.unacknowledged {
        config.unacknowledged
    } else if record.last.window == 0 {
        own.min(config.max_retrans_timeout)
    } else {
        own
    }
}

impl TcpConfig {
    /// Seconds of life in a state.
    pub(crate) const fn timeout(&self, state: TcpState) -> u32 {
        match state {
            TcpState::SynSent | TcpState::SynSent2 | TcpState::None => self.syn_sent,
            TcpState::SynRecv => self.syn_recv,
            TcpState::Established => self.established,
            TcpState::FinWait => self.fin_wait,
            TcpState::CloseWait => self.close_wait,
            TcpState::LastAck => self.last_ack,
            TcpState::TimeWait => self.time_wait,
            TcpState::Close => self.close,
        }
    }
}

#[cfg(test)]
mod tests;
