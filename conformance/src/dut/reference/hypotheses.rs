//! Following another DUT where the stack cannot know by itself what happened.
//!
//! A kernel draws the price of an ICMP error at random, and it may see its clock tick between taking a packet in and
//! looking at the time. The random credit is followed inside the stack
//! ([`netassay_stack::icmp::limit::PossibleCredit`]). When the clock ticked within a step, the step is taken before and
//! after the tick and with the tick between any two looks that limits take at the clock; of the states that come of it,
//! those stay whose limits decided as the other DUT did, and go on side by side until they are alike or a later step tells
//! them apart. What none of them does is a difference.

use std::time::Duration;

use netassay_stack::counters::Counter;
use netassay_stack::time::{Instant, MICROS_PER_JIFFY};

use super::World;
use crate::dut::reference::{ReferenceDut, settle};
use crate::dut::{Clock, DutError, Lead, LimitCounts};
use crate::model::{Observation, Step};

/// How many states are followed besides the first one. More come about only if many ticks fall into few packets.
const MOST_OTHERS: usize = 7;

/// Moments between the first and the last that are tried where the clock ticked more than once.
const MOST_BETWEEN: usize = 4;
/// Looks at the clock in one step between which a tick is tried.
const MOST_LOOKS: usize = 8;

/// One state after the step.
struct Taken {
    world: Box<World>,
    observation: Observation,
    refused: Option<crate::model::SocketError>,
    decisions: Vec<netassay_stack::decision::Decision>,
    /// Whether its limits decided as the other DUT did.
    agrees: bool,
}

impl ReferenceDut {
    /// Takes a step that another DUT has taken before, as `lead` tells.
    pub(super) fn step_as_led(
        &mut self,
        step: &Step,
        clock: Clock,
        lead: &Lead,
        observation: &mut Observation,
    ) -> Result<(), DutError> {
        let closed = || DutError::Gone("no scenario is open".to_owned());
        self.decisions.clear();
        if lead.until <= clock.monotonic && self.others.is_empty() {
            let world = self.world.as_mut().ok_or_else(closed)?;
            world.stack.follow_credit(refusals(lead.moved));
            let log = self.explains.then_some(&mut self.decisions);
            let refused = world.step(step, clock, observation, log);
            settle(observation);
            observation.socket_errors.splice(0..0, refused?);
            return Ok(());
        }
        let world = self.world.take().ok_or_else(closed)?;
        let mut all = Vec::new();
        for world in std::iter::once(world).chain(std::mem::take(&mut self.others)) {
            if lead.until <= clock.monotonic {
                all.push(self.taken(world, step, clock, lead)?);
            } else {
                self.taken_around_tick(&world, step, clock, lead, &mut all)?;
            }
        }
        // The first one that agrees; if none does, what the state believed so far comes to at the earlier moment.
        let first = all.iter().position(|taken| taken.agrees).unwrap_or(0);
        let chosen = all.swap_remove(first);
        for taken in all.into_iter().filter(|taken| taken.agrees && chosen.agrees) {
            let is_alike = |known: &World| known.stack.has_limits_of(&taken.world.stack);
            if self.others.len() < MOST_OTHERS
                && !is_alike(&chosen.world)
                && !self.others.iter().any(|known| is_alike(known))
            {
                self.others.push(taken.world);
            }
        }
        *observation = chosen.observation;
        self.decisions = chosen.decisions;
        settle(observation);
        observation.socket_errors.splice(0..0, chosen.refused);
        self.world = Some(chosen.world);
        Ok(())
    }

    /// Takes the step in `world` at each moment that the other DUT may have looked at its clock.
    fn taken_around_tick(
        &self,
        world: &World,
        step: &Step,
        clock: Clock,
        lead: &Lead,
        all: &mut Vec<Taken>,
    ) -> Result<(), DutError> {
        let before = self.taken(Box::new(world.clone()), step, clock, lead)?;
        let (from, to) = (world.stack.looks_at_clock(), before.world.stack.looks_at_clock());
        all.push(before);
        all.push(self.taken(
            Box::new(world.clone()),
            step,
            Clock { monotonic: lead.until, ..clock },
            lead,
        )?);
        if from == to {
            return Ok(());
        }
        let later = instant(lead.until);
        for look in (from + 1..to).take(MOST_LOOKS) {
            let mut world = Box::new(world.clone());
            world.stack.tick_before_look(Some((look, later)));
            all.push(self.taken(world, step, clock, lead)?);
        }
        let ticks = instant(lead.until).jiffies() - instant(clock.monotonic).jiffies();
        for tick in (1..u32::try_from(ticks).unwrap_or(u32::MAX)).take(MOST_BETWEEN) {
            let monotonic = clock.monotonic + tick * Duration::from_micros(MICROS_PER_JIFFY);
            all.push(self.taken(Box::new(world.clone()), step, Clock { monotonic, ..clock }, lead)?);
        }
        Ok(())
    }

    fn taken(
        &self,
        mut world: Box<World>,
        step: &Step,
        clock: Clock,
        lead: &Lead,
    ) -> Result<Taken, DutError> {
        let before = decided(&world);
        world.stack.follow_credit(refusals(lead.moved));
        let (mut observation, mut decisions) = (Observation::default(), Vec::new());
        let log = self.explains.then_some(&mut decisions);
        let refused = world.step(step, clock, &mut observation, log)?;
        world.stack.tick_before_look(None);
        let agrees = decided(&world).since(before) == lead.moved;
        Ok(Taken { world, observation, refused, decisions, agrees })
    }
}

fn instant(monotonic: Duration) -> Instant {
    Instant::from_micros(u64::try_from(monotonic.as_micros()).unwrap_or(u64::MAX))
}

/// What the limits of `world` have decided so far.
fn decided(world: &World) -> LimitCounts {
    let value = |counter| world.stack.counters().value(counter).cast_signed();
    LimitCounts {
        sent: value(Counter::IcmpOutMsgs),
        withheld_of_all: value(Counter::IcmpOutRateLimitGlobal),
        withheld_of_one: value(Counter::IcmpOutRateLimitHost),
    }
}

/// How many messages the limit of all messages refused.
fn refusals(moved: LimitCounts) -> u64 {
    u64::try_from(moved.withheld_of_all).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use netassay_stack::config::Profile;
    use rstest::rstest;

    use super::*;
    use crate::dut::Dut as _;
    use crate::generate::World as Generated;
    use crate::generate::datagram::Draft;
    use crate::model::{Action, CounterId, Counters, Limits, Role};

    /// A datagram for a protocol that nobody has, which earns an error.
    fn offender() -> Step {
        to([10, 0, 0, 1])
    }

    fn to(destination: [u8; 4]) -> Step {
        let draft = Draft {
            tos: 0,
            identification: 1,
            flags_and_offset: 0,
            ttl: 64,
            protocol: 253,
            source: [10, 0, 0, 2].into(),
            destination: destination.into(),
            options: Vec::new(),
            payload: vec![0; 8],
        };
        let action = Action::Inject { interface: 0, frame: draft.octets() };
        Step { at: Duration::ZERO, action, packet: 1, comment: None }
    }

    fn at(ms: u64) -> Clock {
        Clock { monotonic: Duration::from_millis(100_000 + ms), midnight_ms: 0 }
    }

    /// Takes the offender between two moments, the other DUT having sent or withheld its error; tells whether an error
    /// came of it.
    fn sends(dut: &mut ReferenceDut, from_ms: u64, until_ms: u64, other_sent: bool) -> bool {
        let moved = if other_sent { "Icmp.OutMsgs" } else { "Icmp.OutRateLimitHost" };
        answers(dut, &offender(), from_ms..until_ms, &[moved])
    }

    /// The same with any step, after which these counters of the other DUT moved.
    fn answers(dut: &mut ReferenceDut, step: &Step, within_ms: Range<u64>, counted: &[&str]) -> bool {
        let mut moved = Counters::new();
        for name in counted {
            moved.add(CounterId::by_name(name).unwrap(), 1);
        }
        dut.heed(&Lead { until: at(within_ms.end).monotonic, moved: LimitCounts::of(&moved) });
        let mut seen = Observation::default();
        dut.step(step, at(within_ms.start), &mut seen).unwrap();
        !seen.frames.is_empty()
    }

    /// A record whose tokens are used up at 0 ms: the next error is due at 1000 ms.
    fn exhausted() -> ReferenceDut {
        let mut dut = ReferenceDut::new(Profile::Linux);
        dut.open(&Generated::plain(Role::Host, Limits::Default)).unwrap();
        assert!((0..6).all(|_| sends(&mut dut, 0, 0, true)));
        dut
    }

    #[rstest]
    #[case::before_the_tick(996, 1000, false, false)]
    #[case::after_the_tick(996, 1000, true, true)]
    #[case::too_early_on_either_side(988, 992, true, false)]
    #[case::due_on_either_side(1000, 1004, false, true)]
    #[case::no_tick_no_choice(996, 996, true, false)]
    fn a_tick_within_a_step(
        #[case] from_ms: u64,
        #[case] until_ms: u64,
        #[case] other_sent: bool,
        #[case] expected: bool,
    ) {
        assert_eq!(sends(&mut exhausted(), from_ms, until_ms, other_sent), expected);
    }

    /// Without a pace for the destination, a tick between its look at the clock and that of the error route leaves the
    /// record empty.
    #[rstest]
    #[case::no_tick(0..0, true)]
    #[case::a_tick_between_two_looks(0..4, false)]
    fn a_tick_between_two_looks_of_one_step(#[case] first_ms: Range<u64>, #[case] expected: bool) {
        let mut dut = ReferenceDut::new(Profile::Linux);
        dut.open(&Generated::plain(Role::Router, Limits::Open)).unwrap();
        let (offender, end) = (to([30, 1, 0, 1]), first_ms.end);
        assert!(answers(&mut dut, &offender, first_ms, &["Icmp.OutMsgs"]));
        assert_eq!(answers(&mut dut, &offender, end..end, &[]), expected);
    }

    #[test]
    fn what_a_tick_left_open_shows_later() {
        // Whether the first error went at 0 or at 4 ms decides whether the seventh may go at 1000 ms.
        for seventh_at_1000 in [false, true] {
            let mut dut = ReferenceDut::new(Profile::Linux);
            dut.open(&Generated::plain(Role::Host, Limits::Default)).unwrap();
            assert!(sends(&mut dut, 0, 4, true));
            assert!((0..5).all(|_| sends(&mut dut, 4, 4, true)));
            assert_eq!(sends(&mut dut, 1000, 1000, seventh_at_1000), seventh_at_1000);
        }
    }
}
