//! The reference stack as a DUT: octets in, octets out, in virtual time.

mod config;
mod rules;
mod sink;
mod tracking;

use netassay_stack::config::Profile;
use netassay_stack::errno::Errno;
use netassay_stack::interface::{InterfaceId, LinkClass};
use netassay_stack::socket::{SocketId, SocketOption};
use netassay_stack::time::Instant;
use netassay_stack::{Stack, decision::Decision};

use self::sink::Collector;
use super::{Clock, Dut, DutError};
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
    world: Option<World>,
    explains: bool,
    decisions: Vec<Decision>,
}

/// A stack and what surrounds it.
struct World {
    stack: Stack,
    links: Vec<Link>,
    /// By the scenario's numbers; `None` once closed.
    sockets: Vec<Option<SocketId>>,
    /// When the last step was taken.
    now: Instant,
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
        Self { profile, world: None, explains: false, decisions: Vec::new() }
    }

    /// Whether the decision log is kept: every rule that fires in a step. Off until asked for, and free when off.
    pub const fn explain(&mut self, explains: bool) {
        self.explains = explains;
    }

    /// The rules that fired in the last step, in order.
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    /// The stack of the scenario that is open.
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
        let config = config::of(scenario, self.profile)?;
        let stack = Stack::new(config, SEED).map_err(|error| DutError::Unsupported(error.to_string()))?;
        let links = scenario.interfaces.iter().map(config::link).collect::<Result<Vec<_>, _>>()?;
        let mut world = World { stack, links, sockets: Vec::new(), now: Instant::ZERO };
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

    fn step(&mut self, step: &Step, clock: Clock, observation: &mut Observation) -> Result<(), DutError> {
        let world = self.world.as_mut().ok_or_else(|| DutError::Gone("no scenario is open".to_owned()))?;
        self.decisions.clear();
        let log = self.explains.then_some(&mut self.decisions);
        world.step(step, clock, observation, log)
    }

    fn counters(&mut self, counters: &mut Counters) -> Result<(), DutError> {
        let world = self.world.as_ref().ok_or_else(|| DutError::Gone("no scenario is open".to_owned()))?;
        for (slot, value) in counters.slots_mut().iter_mut().zip(world.stack.counters().slots()) {
            *slot = i64::try_from(*value).unwrap_or(i64::MAX);
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
    fn step(
        &mut self,
        step: &Step,
        clock: Clock,
        observation: &mut Observation,
        log: Option<&mut Vec<Decision>>,
    ) -> Result<(), DutError> {
        let now = Instant::from_micros(u64::try_from(clock.monotonic.as_micros()).unwrap_or(u64::MAX));
        self.now = now;
        let refused = match &step.action {
            Action::Inject { interface, frame } => {
                self.inject(*interface, frame, now, clock, observation, log)
            }
            Action::Advance => {
                let mut sink = Collector::new(&self.links, &self.sockets, observation, log);
                run_timers(&mut self.stack, now, clock, &mut sink);
                return Ok(());
            }
            Action::Socket { socket, action } => {
                return self.act(*socket, action, now, clock, observation, log);
            }
        };
        observation.refused = refused;
        Ok(())
    }

    /// Hands a frame to the stack; tells why its link layer would not take it.
    fn inject(
        &mut self,
        interface: usize,
        frame: &[u8],
        now: Instant,
        clock: Clock,
        observation: &mut Observation,
        log: Option<&mut Vec<Decision>>,
    ) -> Option<String> {
        let link = self.links[interface];
        let mut sink = Collector::new(&self.links, &self.sockets, observation, log);
        run_timers(&mut self.stack, now, clock, &mut sink);
        let id = InterfaceId::configured(u16::try_from(interface).unwrap_or(u16::MAX));
        let (class, datagram) = match link.kind {
            LinkKind::Ip => (LinkClass::Host, frame),
            LinkKind::Ethernet if frame.len() < ETHERNET => return Some("EINVAL".to_owned()),
            // Other protocols than IPv4 are nobody's business here.
            LinkKind::Ethernet if frame[12..ETHERNET] != [8, 0] => return None,
            LinkKind::Ethernet => (class(&frame[..6], link.address), &frame[ETHERNET..]),
        };
        self.stack.receive(now, clock.midnight_ms, id, class, datagram, &mut sink);
        None
    }

    fn act(
        &mut self,
        number: usize,
        action: &SocketAction,
        now: Instant,
        clock: Clock,
        observation: &mut Observation,
        log: Option<&mut Vec<Decision>>,
    ) -> Result<(), DutError> {
        let Some(socket) = self.sockets[number] else {
            return refuse(observation, number, Errno::BadDescriptor);
        };
        let mut sink = Collector::new(&self.links, &self.sockets, observation, log);
        run_timers(&mut self.stack, now, clock, &mut sink);
        let midnight_ms = clock.midnight_ms;
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
            SocketAction::SetOption { name, value } => {
                SocketOption::by_name(name, *value).and_then(|option| self.stack.set_option(socket, option))
            }
            SocketAction::Close => self.stack.close_socket(now, midnight_ms, socket, &mut sink),
        };
        if *action == SocketAction::Close {
            self.sockets[number] = None;
        }
        match result {
            Ok(()) => Ok(()),
            Err(errno) => refuse(observation, number, errno),
        }
    }
}

/// A call failed: that is an observation, not a failure of the DUT.
fn refuse(observation: &mut Observation, socket: usize, errno: Errno) -> Result<(), DutError> {
    observation.socket_errors.push(SocketError { socket, errno: errno.name().to_owned(), queued: None });
    Ok(())
}

/// Handles every timer up to `now`, each at its own moment.
fn run_timers(stack: &mut Stack, now: Instant, clock: Clock, sink: &mut Collector<'_>) {
    while let Some(due) = stack.poll_timeout().filter(|due| *due <= now) {
        stack.handle_timeout(due, clock.midnight_ms, sink);
        if stack.poll_timeout() == Some(due) {
            // Nothing more comes of this moment; the rest waits for the clock to move.
            break;
        }
    }
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
    use crate::model::CounterId;

    #[test]
    fn counters_stand_in_the_same_slots_under_the_same_names() {
        let names = netassay_stack::counters::Counter::ALL.iter().map(|counter| counter.name());
        for (slot, name) in names.enumerate() {
            assert_eq!(CounterId::from_slot(slot).name(), name);
        }
        assert_eq!(CounterId::COUNT, netassay_stack::counters::Counters::COUNT);
    }
}
