//! Scripts through the reference stack, every step judged by every oracle that applies.

use std::time::Duration;

use netassay_stack::counters::Counters;
use netassay_stack::outcome::Outcome;
use netassay_stack::time::Instant;

use super::{Finding, meter};
use crate::dut::reference::ReferenceDut;
use crate::dut::{Clock, Dut};
use crate::generate::script::{MARK, Player, Script};
use crate::model::scenario::{Hook, Ports};
use crate::model::{
    Action, ConntrackEventKind, LinkKind, Observation, Role, Rule, RuleAction, Scenario, Step,
};
use crate::oracle::conservation::{self, Between};
use crate::oracle::cost::{self, Caps, Spent};
use crate::oracle::emission::{self, Stimulus};
use crate::oracle::restoration::Restoration;
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
    script.scenario.role = Role::Conntrack;
    play(script)
}

/// Translated conversations.
pub(super) fn nat(octets: &[u8]) -> Verdict {
    let mut script = Script::decode(octets);
    script.scenario.role = Role::Nat;
    let translates = script.scenario.rules.iter().any(|rule| {
        matches!(
            rule.action,
            RuleAction::Snat(_) | RuleAction::Dnat(_) | RuleAction::Masquerade(_) | RuleAction::Redirect(_)
        )
    });
    if !translates {
        let outgoing = script.scenario.interfaces.get(1).map(|interface| interface.name.clone());
        script.scenario.rules.push(masquerade(outgoing));
    }
    play(script)
}

fn masquerade(outgoing: Option<String>) -> Rule {
    Rule { outgoing, ..Rule::new(Hook::Postrouting, RuleAction::Masquerade(Ports::default())) }
}

/// Plays `script` to its end.
fn play(mut script: Script) -> Verdict {
    let mut dut = ReferenceDut::new(script.profile);
    if !script.settle(|scenario| dut.open(scenario).is_ok()) {
        return Err(Finding(format!("the world cannot be: {:?}", script.scenario)));
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
        observation.clear();
        judge.take(&mut dut, step, &mut observation).map_err(|objection| {
            Finding(format!(
                "step {number}: {objection}\n{step:02x?}\n{:?}\n{observation:02x?}",
                dut.outcome()
            ))
        })?;
        observation.frames.iter().for_each(|frame| player.hear(frame));
    }
    judge.finish(&mut dut).map_err(|objection| Finding(format!("at the end: {objection}")))?;
    match dut.stack_mut().filter(|_| turn == 3) {
        Some(stack) => {
            let now = Instant::from_micros(judge.at.as_micros() as u64);
            aftermath::judge(stack, now).map_err(|objection| Finding(format!("afterwards: {objection}")))
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
        let advance = Step { at: step.at, action: Action::Advance, packet: 0, comment: None };
        for step in [&advance, step] {
            observation.clear();
            judge.take(dut, step, &mut observation).map_err(|objection| {
                Finding(format!("step {number}: {objection}\n{step:02x?}\n{observation:02x?}"))
            })?;
        }
    }
    judge.finish(dut).map_err(|objection| Finding(format!("at the end: {objection}")))
}

/// All oracles of a sequence, with what they remember.
struct Judge<'s> {
    scenario: &'s Scenario,
    caps: Caps,
    marks: bool,
    restoration: Option<Restoration>,
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
        let before = meter::read();
        if dut.step(step, clock, observation).is_err() {
            // Not known to the stack, such as an option of a socket; nothing happened.
            return Ok(());
        }
        let after = meter::read();
        meter::count_step();
        let (stimulus, input) = match &step.action {
            Action::Inject { interface, frame } => {
                let is_forwarded = dut.outcome() == Some(Outcome::Forwarded);
                (Some(Stimulus { interface: *interface, frame, is_forwarded }), frame.len())
            }
            _ => (None, 0),
        };
        emission::judge(self.scenario, stimulus, observation)?;
        if let Some(stimulus) = stimulus {
            self.judge_datagram(dut, stimulus, observation)?;
        }
        if self.marks {
            residue::judge(&MARK, observation)?;
        }
        for decision in dut.decisions() {
            let said = decision.to_string();
            hold("RFC 1122 §1.2.3", "a decision is one line", !said.contains('\n'), || said.clone())?;
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
        let (Some(outcome), Some(datagram)) = (dut.outcome(), self.datagram_of(stimulus)) else {
            return Ok(());
        };
        fate::judge(self.scenario, datagram, outcome, observation)?;
        blame::judge(self.scenario, datagram, observation)?;
        let is_for_us = !observation.drops.iter().any(|drop| drop.reason == "OTHERHOST");
        self.between.received += u64::from(is_for_us);
        if let (Some(restoration), Outcome::Forwarded, [frame]) =
            (&mut self.restoration, outcome, &observation.frames[..])
        {
            let is_ip = self.scenario.interfaces[frame.interface].link == LinkKind::Ip;
            let after = if is_ip { Some(&frame.octets[..]) } else { frame.octets.get(14..) };
            let mut events = observation.conntrack_events.iter();
            let is_first = events.any(|event| event.kind == ConntrackEventKind::New);
            restoration.judge(datagram, after.unwrap_or_default(), is_first)?;
        }
        Ok(())
    }

    fn datagram_of<'f>(&self, stimulus: Stimulus<'f>) -> Option<&'f [u8]> {
        match self.scenario.interfaces.get(stimulus.interface)?.link {
            LinkKind::Ip => Some(stimulus.frame),
            LinkKind::Ethernet => stimulus.frame.get(14..),
        }
    }

    /// Looks at what does not have to be looked at after each step.
    fn look(&mut self, dut: &mut ReferenceDut) -> Result<(), Objection> {
        if let Some(stack) = dut.stack() {
            self.caps.judge(stack.footprint())?;
            if self.steps.is_multiple_of(LOOK_AT_COUNTERS) {
                conservation::judge(&self.before, stack.counters(), self.between)?;
                self.before = stack.counters().clone();
                self.between = Between::default();
            }
        }
        if self.steps.is_multiple_of(LOOK_AT_CONNECTIONS) { connections(dut) } else { Ok(()) }
    }

    fn finish(&mut self, dut: &mut ReferenceDut) -> Result<(), Objection> {
        if let Some(stack) = dut.stack() {
            conservation::judge(&self.before, stack.counters(), self.between)?;
        }
        connections(dut)
    }
}

fn connections(dut: &mut ReferenceDut) -> Result<(), Objection> {
    dut.conntrack().map_or(Ok(()), |entries| tracking::judge(&entries))
}

/// Milliseconds since a midnight at which every script begins.
fn midnight(at: Duration) -> u32 {
    (at.as_millis() % 86_400_000) as u32
}
