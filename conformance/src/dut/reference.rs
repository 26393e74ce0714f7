//! The reference stack as a DUT: octets in, octets out, in virtual time.

mod config;
mod hypotheses;
mod rules;
mod sink;
mod tracking;

use std::time::Duration;

use netassay_stack::config::Profile;
use netassay_stack::errno::Errno;
use netassay_stack::interface::{InterfaceId, LinkClass};
use netassay_stack::outcome::Outcome;
use netassay_stack::sink::ErrorOrigin;
use netassay_stack::socket::{SocketId, SocketOption};
use netassay_stack::time::Instant;
use netassay_stack::{Stack, decision::Decision};

use self::sink::Collector;
use super::{Clock, Dut, DutError, Lead};
use crate::model::{
    Action, ConntrackEntry, Counters, Dimensions, LinkKind, Observation, Scenario, SocketAction, SocketError,
    Step,
};

/// Octets of an Ethernet header.
const ETHERNET: usize = 14;
/// What the stack draws its identifications and jitter from. Any number serves: what is drawn is never compared.
const SEED: u64 = 0x6e65_7461_7373_6179;

/// The reference stack.
pub struct ReferenceDut {
    profile: Profile,
    seed: u64,
    /// In a place of its own, as the others are: states are large, and change places.
    world: Option<Box<World>>,
    explains: bool,
    decisions: Vec<Decision>,
    /// What another DUT has shown of the step that comes.
    lead: Option<Lead>,
    /// Other states that the stack can be in, as far as what another DUT showed allows it.
    others: Vec<Box<World>>,
}

/// A stack and what surrounds it.
#[derive(Clone)]
struct World {
    stack: Stack,
    links: Vec<Link>,
    /// By the scenario's numbers; `None` once closed.
    sockets: Vec<Option<SocketId>>,
    /// When the last step was taken.
    now: Instant,
    /// What became of the datagram of the last step.
    outcome: Option<Outcome>,
}

/// How frames of an interface are made and read.
#[derive(Clone, Copy, Debug)]
struct Link {
    kind: LinkKind,
    address: [u8; 6],
}

impl ReferenceDut {
    /// The stack, following `profile`.
    pub const fn new(profile: Profile) -> Self {
        Self {
            profile,
            seed: SEED,
            world: None,
            explains: false,
            decisions: Vec::new(),
            lead: None,
            others: Vec::new(),
        }
    }

    /// The same, whose chance draws from `seed`: beside one that draws from another seed it shows whether a comparison
    /// allows for all that chance decides, and for nothing else.
    #[must_use]
    pub const fn drawing_from(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Whether the decision log is kept: every rule that fires in a step. Off until asked for, and free when off.
    pub const fn explain(&mut self, explains: bool) {
        self.explains = explains;
    }

    /// The rules that fired in the last step, in order.
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    /// What became of the datagram that the last step handed in; `None` if it handed in none.
    pub fn outcome(&self) -> Option<Outcome> {
        self.world.as_ref()?.outcome
    }

    /// The stack of the scenario that is open.
    pub fn stack(&self) -> Option<&Stack> {
        self.world.as_ref().map(|world| &world.stack)
    }

    /// The same, to change.
    pub fn stack_mut(&mut self) -> Option<&mut Stack> {
        self.world.as_mut().map(|world| &mut world.stack)
    }
}

impl Dut for ReferenceDut {
    fn name(&self) -> String {
        match self.profile {
            Profile::Linux => "reference".to_owned(),
            Profile::Rfc => "reference:rfc".to_owned(),
        }
    }

    fn version(&self) -> String {
        format!("netassay-stack {}", env!("CARGO_PKG_VERSION"))
    }

    fn dimensions(&self) -> Dimensions {
        Dimensions::ALL
    }

    fn open(&mut self, scenario: &Scenario) -> Result<(), DutError> {
        self.world = None;
        self.lead = None;
        self.others.clear();
        let config = config::of(scenario, self.profile)?;
        let stack =
            Stack::new(config, self.seed).map_err(|error| DutError::Unsupported(error.to_string()))?;
        let links = scenario.interfaces.iter().map(config::link).collect::<Result<Vec<_>, _>>()?;
        let world = World { stack, links, sockets: Vec::new(), now: Instant::ZERO, outcome: None };
        let mut world = Box::new(world);
        for (number, socket) in scenario.sockets.iter().enumerate() {
            let wanted = config::socket(socket)?;
            let mut nothing = Observation::default();
            let mut sink = Collector::new(&world.links, &world.sockets, &mut nothing, None);
            let opened = world.stack.open_socket(Instant::ZERO, 0, &wanted, &mut sink);
            let opened =
                opened.map_err(|errno| DutError::Unsupported(format!("socket {number}: {errno}")))?;
            world.sockets.push(Some(opened));
        }
        self.world = Some(world);
        Ok(())
    }

    fn read_at(&mut self, clock: Clock) {
        if let Some(world) = &mut self.world {
            world.now = Instant::from_micros(u64::try_from(clock.monotonic.as_micros()).unwrap_or(u64::MAX));
        }
    }

    fn heed(&mut self, lead: &Lead) {
        self.lead = Some(*lead);
    }

    fn step(&mut self, step: &Step, clock: Clock, observation: &mut Observation) -> Result<(), DutError> {
        if let Some(lead) = self.lead {
            return self.step_as_led(step, clock, &lead, observation);
        }
        let world = self.world.as_mut().ok_or_else(|| DutError::Gone("no scenario is open".to_owned()))?;
        self.decisions.clear();
        let log = self.explains.then_some(&mut self.decisions);
        let refused = world.step(step, clock, observation, log)?;
        settle(observation);
        // What the call itself returned was known before anything could be read.
        observation.socket_errors.splice(0..0, refused);
        Ok(())
    }

    fn counters(&mut self, counters: &mut Counters) -> Result<(), DutError> {
        let world = self.world.as_ref().ok_or_else(|| DutError::Gone("no scenario is open".to_owned()))?;
        for (slot, value) in counters.slots_mut().iter_mut().zip(world.stack.counters().slots()) {
            *slot = value.cast_signed();
        }
        Ok(())
    }

    fn counters_are_cheap(&self) -> bool {
        true
    }

    fn conntrack(&mut self) -> Result<Vec<ConntrackEntry>, DutError> {
        let world = self.world.as_mut().ok_or_else(|| DutError::Gone("no scenario is open".to_owned()))?;
        let mut entries = Vec::new();
        world.stack.connections(world.now, |shown| entries.push(tracking::entry(shown)));
        entries.sort();
        Ok(entries)
    }
}

impl World {
    /// Takes a step; returns what a call on a socket refused.
    fn step(
        &mut self,
        step: &Step,
        clock: Clock,
        observation: &mut Observation,
        log: Option<&mut Vec<Decision>>,
    ) -> Result<Option<SocketError>, DutError> {
        let now = Instant::from_micros(u64::try_from(clock.monotonic.as_micros()).unwrap_or(u64::MAX));
        self.now = now;
        self.outcome = None;
        match &step.action {
            Action::Inject { interface, frame } => {
                let refused = self.inject(*interface, frame, clock, observation, log)?;
                observation.refused = refused.map(str::to_owned);
                Ok(None)
            }
            Action::Advance => {
                let mut sink = Collector::new(&self.links, &self.sockets, observation, log);
                run_timers(&mut self.stack, now, clock, &mut sink);
                Ok(None)
            }
            Action::Socket { socket, action } => {
                let result = self.act(*socket, action, clock, observation, log)?;
                Ok(result.err().map(|errno| SocketError {
                    socket: *socket,
                    errno: errno.name().to_owned(),
                    queued: None,
                }))
            }
        }
    }

    /// Hands a frame to the stack; tells why its link layer would not take it.
    fn inject(
        &mut self,
        interface: usize,
        frame: &[u8],
        clock: Clock,
        observation: &mut Observation,
        log: Option<&mut Vec<Decision>>,
    ) -> Result<Option<&'static str>, DutError> {
        let Some(link) = self.links.get(interface) else {
            return Err(DutError::Unsupported(format!("there is no interface number {interface}")));
        };
        let mut sink = Collector::new(&self.links, &self.sockets, observation, log);
        run_timers(&mut self.stack, self.now, clock, &mut sink);
        match link.receive(frame) {
            Received::Datagram(class, datagram) => {
                let id = InterfaceId::configured(u16::try_from(interface).unwrap_or(u16::MAX));
                let outcome = self.stack.receive(self.now, clock.midnight_ms, id, class, datagram, &mut sink);
                self.outcome = Some(outcome);
                Ok(None)
            }
            Received::OtherProtocol => Ok(None),
            Received::Refused => Ok(Some("EINVAL")),
        }
    }

    fn act(
        &mut self,
        number: usize,
        action: &SocketAction,
        clock: Clock,
        observation: &mut Observation,
        log: Option<&mut Vec<Decision>>,
    ) -> Result<Result<(), Errno>, DutError> {
        let Some(place) = self.sockets.get(number) else {
            return Err(DutError::Unsupported(format!("there is no socket number {number}")));
        };
        let Some(socket) = *place else { return Ok(Err(Errno::BadDescriptor)) };
        let mut sink = Collector::new(&self.links, &self.sockets, observation, log);
        run_timers(&mut self.stack, self.now, clock, &mut sink);
        let (now, midnight_ms) = (self.now, clock.midnight_ms);
        let result = match action {
            SocketAction::Send { to, data } => {
                self.stack.send(now, midnight_ms, socket, *to, data, &mut sink)
            }
            SocketAction::Connect { to } => {
                match self.stack.connect(now, midnight_ms, socket, *to, &mut sink) {
                    Err(Errno::InProgress) => Ok(()),
                    other => other,
                }
            }
            SocketAction::SetOption { name, value } => match SocketOption::by_name(name, *value) {
                Ok(option) => self.stack.set_option(socket, option),
                Err(Errno::NoProtocolOption) => {
                    return Err(DutError::Unsupported(format!("there is no socket option called `{name}`")));
                }
                Err(errno) => Err(errno),
            },
            SocketAction::Close => self.stack.close_socket(now, midnight_ms, socket, &mut sink),
        };
        if *action == SocketAction::Close
            && let Some(place) = self.sockets.get_mut(number)
        {
            *place = None;
        }
        Ok(result)
    }
}

/// What a frame is to IPv4.
enum Received<'f> {
    /// A datagram in a frame addressed like this.
    Datagram(LinkClass, &'f [u8]),
    /// For another protocol, and nobody's business here.
    OtherProtocol,
    /// The device does not take it.
    Refused,
}

impl Link {
    /// Reads a frame as the device would: TUN is told that all is IPv4, TAP wants a whole header.
    fn receive<'f>(&self, frame: &'f [u8]) -> Received<'f> {
        match self.kind {
            LinkKind::Ip => Received::Datagram(LinkClass::Host, frame),
            LinkKind::Ethernet => match frame.split_first_chunk::<ETHERNET>() {
                None => Received::Refused,
                Some((header, _)) if header[12..] != [8, 0] => Received::OtherProtocol,
                Some((header, datagram)) => Received::Datagram(class(&header[..6], self.address), datagram),
            },
        }
    }
}

/// Brings what one step let out into the order in which it is read from a live kernel: frames by interface; for each
/// socket its pending error, then its error queue, then its data.
fn settle(observation: &mut Observation) {
    // The sorts are stable: what belongs together stays in its order.
    observation.frames.sort_by_key(|frame| frame.interface);
    observation.deliveries.sort_by_key(|delivery| delivery.socket);
    if observation.socket_errors.is_empty() {
        return;
    }
    let mut reported = std::mem::take(&mut observation.socket_errors);
    reported.sort_by_key(|error| error.socket);
    for errors in reported.chunk_by(|a, b| a.socket == b.socket) {
        // An error that the system itself found is returned by the call and only queued besides.
        let is_pending = |error: &&SocketError| {
            error.queued.as_ref().is_none_or(|queued| queued.origin == ErrorOrigin::Icmp as u8)
        };
        let pending = errors.iter().rev().find(is_pending);
        observation.socket_errors.extend(pending.map(|error| SocketError { queued: None, ..error.clone() }));
        observation.socket_errors.extend(errors.iter().filter(|error| error.queued.is_some()).cloned());
    }
}

/// Handles every timer up to `now`, each at its own moment.
fn run_timers(stack: &mut Stack, now: Instant, clock: Clock, sink: &mut Collector<'_>) {
    while let Some(due) = stack.poll_timeout().filter(|due| *due <= now) {
        stack.handle_timeout(due, before(clock.midnight_ms, now.since(due)), sink);
        if stack.poll_timeout() == Some(due) {
            // Nothing more comes of this moment; the rest waits for the clock to move.
            break;
        }
    }
}

/// The time of day `span` before `midnight_ms`.
fn before(midnight_ms: u32, span: Duration) -> u32 {
    const DAY_MS: u128 = 86_400_000;
    ((u128::from(midnight_ms) + DAY_MS - span.as_millis() % DAY_MS) % DAY_MS) as u32
}

/// How a frame to `destination` is addressed, seen from the station with `own` address.
fn class(destination: &[u8], own: [u8; 6]) -> LinkClass {
    if destination == own {
        LinkClass::Host
    } else if destination == [255; 6] {
        LinkClass::Broadcast
    } else if destination[0] & 1 != 0 {
        LinkClass::Multicast
    } else {
        LinkClass::Otherhost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CounterId;

    #[test]
    fn counters_stand_in_the_same_slots_under_the_same_names() {
        let names = netassay_stack::counters::Counter::ALL.iter().map(|counter| counter.name());
        for (slot, name) in names.enumerate() {
            assert_eq!(CounterId::from_slot(slot).name(), name);
        }
        assert_eq!(CounterId::COUNT, netassay_stack::counters::Counters::COUNT);
    }

    fn host() -> Scenario {
        toml::from_str(
            "name = 'host'\nrole = 'host'\n[[interface]]\nname = 't0'\naddresses = ['10.0.0.1/24']\n\
             [[interface]]\nname = 'p0'\nlink = 'ethernet'\naddresses = ['10.1.0.1/24']\n\
             [[socket]]\nkind = 'udp'\nlocal = '10.0.0.1:53'\n[socket.options]\nrecverr = 1\n",
        )
        .unwrap()
    }

    #[track_caller]
    fn observe(dut: &mut ReferenceDut, action: Action) -> Observation {
        let mut observation = Observation::default();
        let step = Step { at: Duration::ZERO, action, packet: 0, comment: None };
        dut.step(&step, Clock::default(), &mut observation).unwrap();
        observation
    }

    /// A UDP datagram from 10.0.0.1 port 53 to 10.0.0.2 port 7, quoted by Port Unreachable from 10.0.0.2.
    const PORT_UNREACHABLE: [u8; 56] = [
        0x45, 0, 0, 56, 0, 0, 0, 0, 64, 1, 0x66, 0xc3, 10, 0, 0, 2, 10, 0, 0, 1, // IPv4
        3, 3, 0xfc, 0xb8, 0, 0, 0, 0, // ICMP
        0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0x66, 0xcf, 10, 0, 0, 1, 10, 0, 0, 2, 0, 53, 0, 7, 0, 8, 0, 0,
    ];

    #[test]
    fn what_the_device_does_not_take_is_refused() {
        let mut dut = ReferenceDut::new(Profile::Linux);
        dut.open(&host()).unwrap();
        let short = observe(&mut dut, Action::Inject { interface: 1, frame: vec![0; 13] });
        assert_eq!(short.refused.as_deref(), Some("EINVAL"));
    }

    #[test]
    fn a_frame_for_another_station_counts_nowhere() {
        let mut dut = ReferenceDut::new(Profile::Linux);
        dut.open(&host()).unwrap();
        let frame = [&[2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8, 8, 0][..], &PORT_UNREACHABLE].concat();
        let observation = observe(&mut dut, Action::Inject { interface: 1, frame });
        let mut counters = Counters::new();
        dut.counters(&mut counters).unwrap();
        assert_eq!((&*observation.drops[0].reason, counters.iter().count()), ("OTHERHOST", 0));
    }

    #[test]
    fn an_error_is_pending_before_it_is_read_from_the_queue() {
        let mut dut = ReferenceDut::new(Profile::Linux);
        dut.open(&host()).unwrap();
        let observation =
            observe(&mut dut, Action::Inject { interface: 0, frame: PORT_UNREACHABLE.to_vec() });
        let told: Vec<_> =
            observation.socket_errors.iter().map(|error| (&*error.errno, error.queued.is_some())).collect();
        assert_eq!(told, [("ECONNREFUSED", false), ("ECONNREFUSED", true)]);
    }

    #[test]
    fn a_refused_call_comes_before_what_it_queued() {
        let mut dut = ReferenceDut::new(Profile::Linux);
        dut.open(&host()).unwrap();
        let option = SocketAction::SetOption { name: "pmtudisc".to_owned(), value: 2 };
        observe(&mut dut, Action::Socket { socket: 0, action: option });
        let send = SocketAction::Send { to: Some("10.0.0.2:7".parse().unwrap()), data: vec![0; 2000] };
        let observation = observe(&mut dut, Action::Socket { socket: 0, action: send });
        let told: Vec<_> = observation.socket_errors.iter().map(|error| error.queued.is_some()).collect();
        assert_eq!(told, [false, true]);
    }
}
