//! Scripts through the reference stack, every step judged by every oracle that applies.

use std::fmt::{self, Write as _};
use std::time::Duration;

use netassay_stack::counters::{Counter, Counters};
use netassay_stack::outcome::Outcome;
use netassay_stack::time::Instant;

use super::{Finding, meter};
use crate::dut::reference::ReferenceDut;
use crate::dut::{Clock, Dut};
use crate::generate::script::{MARK, Player, Script};
use crate::model::scenario::{Hook, Ports};
use crate::model::{
    Action, ConntrackEventKind, LinkKind, Observation, Role, Rule, RuleAction, Scenario, SocketAction, Step,
};
use crate::oracle::conservation::{self, Between};
use crate::oracle::cost::{self, Caps, Spent};
use crate::oracle::emission::{self, Cause, MadeHeaders, Stimulus};
use crate::oracle::restoration::{Part, Restoration};
use crate::oracle::{Objection, aftermath, blame, fate, hold, residue, tracking};

type Verdict = Result<(), Finding>;

/// Steps that are taken of one script, repetitions included.
const MOST_STEPS: usize = 4096;
/// Steps between two looks at the counters, and between two looks at the table of connections.
const LOOK_AT_COUNTERS: usize = 32;
const LOOK_AT_CONNECTIONS: usize = 256;

/// Everything alike, in either profile and every role.
pub(super) fn mixed(octets: &[u8]) -> Verdict {
    play(Script::decode(octets))
}

/// Errors about what the stack sent.
pub(super) fn errors(octets: &[u8]) -> Verdict {
    play(Script::decode(octets))
}

/// Tracked conversations.
pub(super) fn conntrack(octets: &[u8]) -> Verdict {
    let mut script = Script::decode(octets);
    track(&mut script.scenario);
    play(script)
}

/// Translated conversations.
pub(super) fn nat(octets: &[u8]) -> Verdict {
    let mut script = Script::decode(octets);
    translate(&mut script.scenario);
    play(script)
}

/// Makes the stack of `scenario` a tracking router.
pub(super) const fn track(scenario: &mut Scenario) {
    scenario.role = Role::Conntrack;
}

/// Makes the stack of `scenario` a translating router.
pub(super) fn translate(scenario: &mut Scenario) {
    scenario.role = Role::Nat;
    let translates = scenario.rules.iter().any(|rule| {
        matches!(
            rule.action,
            RuleAction::Snat(_) | RuleAction::Dnat(_) | RuleAction::Masquerade(_) | RuleAction::Redirect(_)
        )
    });
    if !translates {
        let outgoing = scenario.interfaces.get(1).map(|interface| interface.name.clone());
        scenario.rules.push(masquerade(outgoing));
    }
}

fn masquerade(outgoing: Option<String>) -> Rule {
    Rule { outgoing, ..Rule::new(Hook::Postrouting, RuleAction::Masquerade(Ports::default())) }
}

/// Plays `script` to its end.
fn play(mut script: Script) -> Verdict {
    let mut dut = ReferenceDut::new(script.profile);
    if !script.settle(|scenario| dut.open(scenario).is_ok()) {
        return Err(Finding::new(format!("the world cannot be: {:?}", script.scenario)));
    }
    // What is dear, or changes what the stack does, is tried on one script in eight each, so that the others run as fast
    // as they do in use.
    let turn = script.moves.len() % 8;
    dut.explain(turn == 0);
    if let Some(stack) = dut.stack_mut().filter(|_| turn == 5) {
        stack.follow_credit(0);
    }
    let mut player = Player::new(&script);
    let mut judge = Judge::new(&script);
    let mut observation = Observation::default();
    for number in 0..MOST_STEPS {
        let Some(step) = player.step() else { break };
        // What is due before the step is not the step's doing: a fragment may be kept for no time at all.
        let advance = is_due(&dut, step).then(|| advance_to(step));
        let mut heard = Vec::new();
        for step in advance.iter().chain([step]) {
            observation.clear();
            judge.take(&mut dut, step, &mut observation).map_err(|objection| {
                Finding::new(format!(
                    "step {number}: {objection}\n{step:02x?}\n{:?}\n{observation:02x?}",
                    dut.outcome()
                ))
            })?;
            if advance.is_some() {
                heard.append(&mut observation.frames);
            }
        }
        heard.iter().chain(&observation.frames).for_each(|frame| player.hear(frame));
    }
    judge.finish(&mut dut).map_err(|objection| Finding::new(format!("at the end: {objection}")))?;
    match dut.stack_mut().filter(|_| turn == 3) {
        Some(stack) => {
            let now = instant(judge.at);
            aftermath::judge(stack, now).map_err(|objection| Finding::new(format!("afterwards: {objection}")))
        }
        None => Ok(()),
    }
}

/// Plays steps that are known beforehand, such as those of a trace; stops where the stack does not know what is asked.
pub(super) fn replay(dut: &mut ReferenceDut, scenario: &Scenario, steps: &[Step]) -> Verdict {
    let mut judge = Judge::of(scenario, false);
    let mut observation = Observation::default();
    for (number, step) in steps.iter().take(MOST_STEPS).enumerate() {
        // What is due before the step is not the step's doing.
        for step in [&advance_to(step), step] {
            observation.clear();
            judge.take(dut, step, &mut observation).map_err(|objection| {
                Finding::new(format!("step {number}: {objection}\n{step:02x?}\n{observation:02x?}"))
            })?;
        }
    }
    judge.finish(dut).map_err(|objection| Finding::new(format!("at the end: {objection}")))
}

/// Whether a timer has run out at the time of `step`, which lets none pass itself.
fn is_due(dut: &ReferenceDut, step: &Step) -> bool {
    !matches!(step.action, Action::Advance)
        && dut.stack().and_then(|stack| stack.poll_timeout()).is_some_and(|due| due <= instant(step.at))
}

/// The step that lets time pass until `step`.
const fn advance_to(step: &Step) -> Step {
    Step { at: step.at, action: Action::Advance, packet: 0, comment: None }
}

/// All oracles of a sequence, with what they remember.
struct Judge<'s> {
    scenario: &'s Scenario,
    caps: Caps,
    marks: bool,
    restoration: Option<Restoration>,
    made: MadeHeaders,
    before: Counters,
    between: Between,
    steps: usize,
    /// When the last step was taken.
    at: Duration,
}

impl<'s> Judge<'s> {
    fn new(script: &'s Script) -> Self {
        Self::of(&script.scenario, script.marks)
    }

    fn of(scenario: &'s Scenario, marks: bool) -> Self {
        let restoration = (scenario.role == Role::Nat).then(Restoration::default);
        Self {
            scenario,
            caps: Caps::of(scenario),
            marks,
            restoration,
            made: MadeHeaders::default(),
            before: Counters::default(),
            between: Between::default(),
            steps: 0,
            at: Duration::ZERO,
        }
    }

    /// Takes a step and judges it.
    fn take(
        &mut self,
        dut: &mut ReferenceDut,
        step: &Step,
        observation: &mut Observation,
    ) -> Result<(), Objection> {
        self.at = step.at;
        let clock = Clock { monotonic: step.at, midnight_ms: midnight(step.at) };
        let refused = refused(dut);
        let before = meter::read();
        if dut.step(step, clock, observation).is_err() {
            // Not known to the stack, such as an option of a socket; nothing happened.
            return Ok(());
        }
        let after = meter::read();
        meter::count_step();
        let stimulus = stimulus(dut, &step.action);
        let cause = match (stimulus, &step.action) {
            (Some(stimulus), _) => Cause::Frame(stimulus),
            (None, Action::Socket { action, .. }) => {
                if let SocketAction::Send { data, .. } = action {
                    self.made.note(data);
                }
                Cause::Socket(&self.made)
            }
            (None, _) => Cause::Time,
        };
        emission::judge(self.scenario, cause, observation)?;
        if let Some(stimulus) = stimulus {
            self.judge_datagram(dut, stimulus, observation)?;
            self.judge_translation(dut, stimulus, observation, refused)?;
        }
        let input = stimulus.map_or(0, |stimulus| stimulus.frame.len());
        if self.marks {
            residue::judge(&MARK, observation)?;
        }
        for decision in dut.decisions() {
            let is_one_line = write!(OneLine, "{decision}").is_ok();
            hold("RFC 1122 §1.2.3", "a decision is one line", is_one_line, || decision.to_string())?;
        }
        let spent = Spent {
            decisions: dut.decisions().len() as u64,
            blocks: after.blocks - before.blocks,
            octets: after.octets - before.octets,
        };
        // Time that passes is worth what expires meanwhile, which the observation tells.
        cost::judge(spent, input, observation)?;
        self.between.emitted += observation.frames.len() as u64;
        self.steps += 1;
        self.look(dut)
    }

    fn judge_datagram(
        &mut self,
        dut: &ReferenceDut,
        stimulus: Stimulus<'_>,
        observation: &Observation,
    ) -> Result<(), Objection> {
        let (Some(outcome), Some(datagram)) =
            (dut.outcome(), datagram_of(self.scenario, stimulus.interface, stimulus.frame))
        else {
            return Ok(());
        };
        fate::judge(self.scenario, datagram, outcome, observation)?;
        blame::judge(self.scenario, datagram, observation)?;
        let is_for_us = !observation.drops.iter().any(|drop| drop.reason == "OTHERHOST");
        self.between.received += u64::from(is_for_us);
        Ok(())
    }

    /// Holds a datagram that was sent on against what was translated before; `refused` is what tracking had made
    /// nothing of until then.
    fn judge_translation(
        &mut self,
        dut: &mut ReferenceDut,
        stimulus: Stimulus<'_>,
        observation: &Observation,
        refused: u64,
    ) -> Result<(), Objection> {
        let (Some(restoration), true, [frame]) =
            (&mut self.restoration, stimulus.is_forwarded, &observation.frames[..])
        else {
            return Ok(());
        };
        let (Some(before), Some(after)) = (
            datagram_of(self.scenario, stimulus.interface, stimulus.frame),
            datagram_of(self.scenario, frame.interface, &frame.octets),
        ) else {
            return Ok(());
        };
        let has_rule = |is_wanted: fn(&RuleAction) -> bool| {
            self.scenario.rules.iter().any(|rule| is_wanted(&rule.action))
        };
        let is_left_alone = before.get(12..after.len()) == after.get(12..);
        let begins = observation.conntrack_events.iter().any(|event| event.kind == ConntrackEventKind::New);
        let part = if begins {
            Part::Begins
        } else if is_left_alone
            && (refused != self::refused(dut) || has_rule(|action| matches!(action, RuleAction::Notrack)))
        {
            Part::Nothing
        } else if self
            .scenario
            .sysctl
            .get("net.netfilter.nf_conntrack_events")
            .is_some_and(|value| value == "0")
        {
            Part::Unsaid
        } else {
            Part::Belongs
        };
        // A tuple may stand in the table once for each zone, and what is seen of a datagram does not tell its zone.
        let has_zones = has_rule(|action| matches!(action, RuleAction::Zone(_)));
        restoration.judge(before, after, part, || dut.conntrack().ok().filter(|_| !has_zones))
    }

    /// Looks at what does not have to be looked at after each step.
    fn look(&mut self, dut: &mut ReferenceDut) -> Result<(), Objection> {
        if let Some(stack) = dut.stack() {
            self.caps.judge(stack.footprint())?;
            if self.steps.is_multiple_of(LOOK_AT_COUNTERS) {
                self.look_at_counters(stack.counters())?;
            }
        }
        if self.steps.is_multiple_of(LOOK_AT_CONNECTIONS) { connections(dut) } else { Ok(()) }
    }

    /// Apart, for the room that counters need is not to be made at every step.
    #[inline(never)]
    fn look_at_counters(&mut self, counters: &Counters) -> Result<(), Objection> {
        conservation::judge(&self.before, counters, self.between)?;
        self.before.clone_from(counters);
        self.between = Between::default();
        Ok(())
    }

    fn finish(&mut self, dut: &mut ReferenceDut) -> Result<(), Objection> {
        if let Some(stack) = dut.stack() {
            conservation::judge(&self.before, stack.counters(), self.between)?;
        }
        connections(dut)
    }
}

/// Takes what is written as long as it is one line, and keeps nothing.
struct OneLine;

impl fmt::Write for OneLine {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.contains('\n') { Err(fmt::Error) } else { Ok(()) }
    }
}

#[inline(never)]
fn connections(dut: &mut ReferenceDut) -> Result<(), Objection> {
    dut.conntrack().map_or(Ok(()), |entries| tracking::judge(&entries))
}

/// The frame that `action` handed in, if it was that, and how it went.
fn stimulus<'a>(dut: &ReferenceDut, action: &'a Action) -> Option<Stimulus<'a>> {
    match action {
        Action::Inject { interface, frame } => {
            let is_forwarded = dut.outcome() == Some(Outcome::Forwarded);
            Some(Stimulus { interface: *interface, frame, is_forwarded })
        }
        _ => None,
    }
}

/// The datagram in a frame of interface `interface`.
fn datagram_of<'f>(scenario: &Scenario, interface: usize, frame: &'f [u8]) -> Option<&'f [u8]> {
    match scenario.interfaces.get(interface)?.link {
        LinkKind::Ip => Some(frame),
        LinkKind::Ethernet => frame.get(14..),
    }
}

/// How many datagrams connection tracking made nothing of until now.
fn refused(dut: &ReferenceDut) -> u64 {
    let refused = [Counter::ConntrackInvalid, Counter::ConntrackIcmpError];
    dut.stack().map_or(0, |stack| refused.iter().map(|counter| stack.counters().value(*counter)).sum())
}

fn instant(at: Duration) -> Instant {
    Instant::from_micros(u64::try_from(at.as_micros()).unwrap_or(u64::MAX))
}

/// Milliseconds since a midnight at which every script begins.
fn midnight(at: Duration) -> u32 {
    (at.as_millis() % 86_400_000) as u32
}
