//! Playing one case on one DUT.

use std::sync::Arc;
use std::time::Duration;

use netassay_stack::wire::build::{echo_request, udp};

use super::datagram::Datagram;
use super::definition::Case;
use super::expectation::{Expectation, Outlook};
use super::history::{History, Seen};
use super::judge::{Evidence, Failure, is_background, judge};
use super::packet::Packet;
use super::pattern::{Pattern, seen};
use super::profile::Profile;
use super::script::{Act, Probe, Script, What};
use super::world::{World, octets};
use crate::dut::{Clock, Dut, DutError};
use crate::model::{
    Action, ConntrackEntry, Counters, Dimension, LinkKind, Observation, Role, Scenario, Step,
};
use crate::oracle::frame::judge_forwarded;

/// Identifier and source port of liveness probes, by which the tracking table is rid of them.
pub const PROBE_IDENTIFIER: u16 = 0x6c76;
/// How much of a wait a live kernel gets at once, so that a wait that failed already ends early.
const STRETCH: Duration = Duration::from_millis(500);

/// What came of a case on a DUT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All expectations are met.
    Pass,
    /// One is not.
    Fail(Failure),
    /// The DUT cannot be what the case needs, or does not show it.
    Unsupported(String),
    /// It was not tried: the profile does not know the case, or the machine lacks something.
    Skipped(String),
}

/// A case as it was played.
#[derive(Clone, Debug)]
pub struct Played {
    /// The verdict.
    pub verdict: Verdict,
    /// Whose reading counted.
    pub profile: Profile,
    /// The world.
    pub scenario: Arc<Scenario>,
    /// What was done and seen, in order, liveness probes included.
    pub log: Vec<Entry>,
    /// By how much the machine was late for a step, at most; nothing in virtual time.
    pub late: Duration,
}

/// One step as it was taken.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The step.
    pub step: Step,
    /// What was expected, one line each.
    pub expected: Vec<String>,
    /// What was seen.
    pub observation: Observation,
    /// Whether it failed.
    pub failed: bool,
}

/// Plays `case` on `dut` by the reading of `profile`, or that which fits the scenario.
pub fn play(case: &Case, dut: &mut dyn Dut, profile: Option<Profile>) -> Played {
    let scenario = match case.setting.build() {
        Ok(scenario) => Arc::new(scenario),
        Err(problem) => unreachable!("the registry refuses a case whose scenario is wrong: {problem}"),
    };
    let profile = profile.unwrap_or_else(|| Profile::of(&scenario));
    let mut played =
        Played { verdict: Verdict::Pass, profile, scenario, log: Vec::new(), late: Duration::ZERO };
    played.verdict = verdict(case, dut, &mut played);
    played
}

fn verdict(case: &Case, dut: &mut dyn Dut, played: &mut Played) -> Verdict {
    let profile = played.profile;
    if case.profiles.as_ref().is_some_and(|known| !known.contains(&profile)) {
        return Verdict::Skipped(format!("the profile {profile} does not know it"));
    }
    let scenario = Arc::clone(&played.scenario);
    let world = World::of(&scenario);
    let script = case.script(&world);
    if let Some(dimension) = missing(&script, profile, dut) {
        return Verdict::Unsupported(format!("{dimension} are not observed"));
    }
    if let Err(error) = dut.open(&scenario) {
        return of_error(error);
    }
    let start = dut.clock();
    let mut player =
        Player { dut, scenario: &scenario, history: History::new(world), played, start, at: Duration::ZERO };
    match player.run(&script) {
        Ok(()) => Verdict::Pass,
        Err(verdict) => verdict,
    }
}

/// A dimension that an expectation speaks of and the DUT does not offer.
fn missing(script: &Script, profile: Profile, dut: &dyn Dut) -> Option<Dimension> {
    let offered = dut.dimensions();
    let expectations = script.acts.iter().flat_map(|act| &act.expectations);
    let needed = expectations.filter(|it| !it.if_offered).map(|it| it.under(profile).dimension());
    std::iter::once(Dimension::Frames).chain(needed).find(|it| !offered.contains(*it))
}

fn of_error(error: DutError) -> Verdict {
    match error {
        DutError::Unsupported(what) => Verdict::Unsupported(what),
        DutError::Environment { .. } | DutError::Record(_) => Verdict::Skipped(error.to_string()),
        DutError::Gone(_) | DutError::Io { .. } => {
            Verdict::Fail(Failure::new("dut", "a DUT that works", error.to_string()))
        }
    }
}

struct Player<'p> {
    dut: &'p mut dyn Dut,
    scenario: &'p Scenario,
    history: History,
    played: &'p mut Played,
    /// When the scenario was opened, by the DUT's own clock.
    start: Option<Clock>,
    /// When the last step was due.
    at: Duration,
}

impl Player<'_> {
    fn run(&mut self, script: &Script) -> Result<(), Verdict> {
        let profile = self.played.profile;
        let is_silent = |act: &Act| act.expectations.iter().any(|it| it.under(profile).accepts_silence());
        let probes = if script.acts.iter().any(is_silent) { self.probes(&script.probe) } else { Vec::new() };
        self.probe(&probes, Duration::ZERO, "before")?;
        for (number, act) in script.acts.iter().enumerate() {
            self.act(number, act)?;
        }
        self.probe(&probes, script.duration(), "after")
    }

    /// Takes one step and judges it.
    fn act(&mut self, number: usize, act: &Act) -> Result<(), Verdict> {
        let profile = self.played.profile;
        let numbered = |failure: Failure| Verdict::Fail(Failure { step: Some(number), ..failure });
        let action =
            self.action(&act.what).map_err(|what| numbered(Failure::new("missing", "a frame", what)))?;
        let offered = self.dut.dimensions();
        let expectations: Vec<(&Outlook, bool)> = act
            .expectations
            .iter()
            .map(|it| (it.under(profile), it.is_condition))
            .filter(|(outlook, _)| offered.contains(outlook.dimension()))
            .collect();
        let wants = |dimension| expectations.iter().any(|(it, _)| it.dimension() == dimension);
        let before = if wants(Dimension::Counters) { Some(self.counters()?) } else { None };
        let ends_early = wants_silence(&act.expectations, profile);
        let (step, observation) = self.step(action, act.at, ends_early)?;
        let moved = match before {
            Some(before) => Some(self.counters()?.since(&before)),
            None => None,
        };
        let table = if wants(Dimension::Conntrack) { Some(self.table()?) } else { None };
        let malformed = self.remember(&observation);
        let evidence = Evidence { history: &self.history, counters: moved.as_ref(), table: table.as_deref() };
        let broken = expectations.iter().find_map(|(outlook, is_condition)| {
            judge(outlook, &evidence).err().map(|failure| (failure, *is_condition))
        });
        let broken = malformed.map(|failure| (failure, false)).or(broken);
        let expected = expectations.iter().map(|(outlook, _)| outlook.to_string()).collect();
        self.played.log.push(Entry { step, expected, observation, failed: broken.is_some() });
        match broken {
            None => Ok(()),
            Some((failure, false)) => Err(numbered(failure)),
            Some((failure, true)) => {
                Err(Verdict::Unsupported(format!("its condition is not met: {}", failure.expected)))
            }
        }
    }

    fn action(&self, what: &What) -> Result<Action, String> {
        let inject = |packet: &Packet| Action::Inject {
            interface: packet.interface(),
            frame: packet.frame(&self.history.world),
        };
        Ok(match what {
            What::Send(packet) => inject(packet),
            What::React(make) => inject(&make(&self.history)?),
            What::Advance => Action::Advance,
            What::Socket(socket, action) => Action::Socket { socket: *socket, action: action.clone() },
        })
    }

    /// Takes a step at `at`; a wait of a DUT with a clock of its own `ends_early` when a frame comes.
    fn step(
        &mut self,
        action: Action,
        at: Duration,
        ends_early: bool,
    ) -> Result<(Step, Observation), Verdict> {
        self.at = at;
        let mut observation = Observation::default();
        let mut step = Step { at, action, packet: 0, comment: None };
        if step.action == Action::Advance && self.start.is_some() {
            let mut now = self.since_start().unwrap_or_default();
            while now + STRETCH < at {
                now += STRETCH;
                step.at = now;
                self.dut.step(&step, virtual_clock(now), &mut observation).map_err(of_error)?;
                if ends_early && self.datagrams(&observation).iter().any(|it| !is_background(it)) {
                    return Ok((step, observation));
                }
            }
            step.at = at;
        }
        self.dut.step(&step, virtual_clock(at), &mut observation).map_err(of_error)?;
        if let Some(now) = self.since_start() {
            self.played.late = self.played.late.max(now.saturating_sub(at));
        }
        Ok((step, observation))
    }

    /// How long ago the scenario was opened, by the DUT's own clock.
    fn since_start(&self) -> Option<Duration> {
        let (start, now) = (self.start?, self.dut.clock()?);
        Some(now.monotonic.saturating_sub(start.monotonic))
    }

    fn counters(&mut self) -> Result<Counters, Verdict> {
        let mut counters = Counters::new();
        self.dut.counters(&mut counters).map_err(of_error)?;
        Ok(counters)
    }

    fn table(&mut self) -> Result<Vec<ConntrackEntry>, Verdict> {
        let mut table = self.dut.conntrack().map_err(of_error)?;
        table.retain(|entry| entry.original.source_id != PROBE_IDENTIFIER);
        Ok(table)
    }

    fn datagrams(&self, observation: &Observation) -> Vec<Datagram> {
        let moment = self.dut.clock().unwrap_or_else(|| virtual_clock(self.at));
        let kind = |interface: usize| self.scenario.interfaces.get(interface).map(|it| it.link);
        let frames = observation.frames.iter();
        frames.filter_map(|frame| Datagram::read(frame, kind(frame.interface)?, moment.midnight_ms)).collect()
    }

    /// Adds what was seen to the history, and tells of a frame that no stack may let out.
    fn remember(&mut self, observation: &Observation) -> Option<Failure> {
        let datagrams = self.datagrams(observation);
        let malformed = datagrams.iter().find_map(|it| judge_forwarded(&it.octets).err());
        let unread = observation.frames.iter().find(|frame| {
            let kind = self.scenario.interfaces.get(frame.interface).map(|it| it.link);
            kind == Some(LinkKind::Ip) && Datagram::read(frame, LinkKind::Ip, 0).is_none()
        });
        self.history.steps.push(Seen { observation: observation.clone(), datagrams });
        malformed
            .map(|objection| {
                Failure::new(
                    "malformed",
                    format!("a sound header ({})", objection.clause()),
                    objection.what(),
                )
            })
            .or_else(|| {
                unread.map(|frame| Failure::new("malformed", "a datagram", format!("{:02x?}", frame.octets)))
            })
    }

    /// The probes that fit the scenario.
    fn probes(&self, wanted: &Probe) -> Vec<(Packet, Pattern)> {
        let world = &self.history.world;
        let echo = world.ip(echo_request().identifier(PROBE_IDENTIFIER).data(octets(8)));
        let echo = (echo.clone(), seen::reply_to(&echo));
        match wanted {
            Probe::Automatic if self.scenario.role != Role::Host && world.links.len() > 1 => {
                let passes = udp().source_port(PROBE_IDENTIFIER).destination_port(33_434).data(octets(8));
                let pattern = seen::protocol(17).udp_data(octets(8)).destination(world.far);
                vec![echo, (world.transit(passes), pattern)]
            }
            Probe::Automatic | Probe::EchoOnly => vec![echo],
            Probe::With(packet, pattern) => vec![((**packet).clone(), (**pattern).clone())],
            Probe::Without(_) => Vec::new(),
        }
    }

    /// Shows that the DUT is alive.
    fn probe(&mut self, probes: &[(Packet, Pattern)], at: Duration, when: &str) -> Result<(), Verdict> {
        for (packet, pattern) in probes {
            let action =
                Action::Inject { interface: packet.interface(), frame: packet.frame(&self.history.world) };
            let (mut step, observation) = self.step(action, at, false)?;
            step.comment = Some(format!("liveness probe {when} the case"));
            let datagrams = self.datagrams(&observation);
            let is_alive = datagrams.iter().any(|it| pattern.mismatches(it).is_empty());
            let expected = pattern.to_string();
            let entry = Entry { step, expected: vec![expected.clone()], observation, failed: !is_alive };
            self.played.log.push(entry);
            if !is_alive {
                let seen = format!("the liveness probe {when} the case failed");
                return Err(Verdict::Fail(Failure::new(format!("not-alive-{when}"), expected, seen)));
            }
        }
        Ok(())
    }
}

/// Whether a frame during the step settles that it failed.
fn wants_silence(expectations: &[Expectation], profile: Profile) -> bool {
    expectations.iter().any(|it| match it.under(profile) {
        Outlook::Frames(alternatives) => alternatives.iter().all(|it| it.frames.is_empty()),
        _ => false,
    })
}

/// The moment `at` after the start, for DUTs without a clock of their own: the trace starts at noon.
pub fn virtual_clock(at: Duration) -> Clock {
    const NOON_MS: u128 = 12 * 3600 * 1000;
    const DAY_MS: u128 = 2 * NOON_MS;
    Clock { monotonic: at, midnight_ms: ((NOON_MS + at.as_millis()) % DAY_MS) as u32 }
}
