//! smoltcp as a DUT: in process, in virtual time.
//!
//! Each interface of the scenario is an `Interface` of smoltcp with a device of its own and the sockets that belong to
//! it; nothing connects them, because smoltcp does not forward.
//!
//! On Ethernet the harness is the neighborhood: it answers ARP, and introduces a neighbor before the datagram that
//! makes the stack answer it. A panic inside smoltcp is the end of the DUT, not of the run.

mod config;
mod link;
mod port;
mod sockets;

use std::panic::{AssertUnwindSafe, catch_unwind};

use smoltcp::time::Instant;

use self::port::Port;
use self::sockets::LocalSocket;
use super::{Clock, Dut, DutError};
use crate::model::{
    Action, ConntrackEntry, Counters, Dimension, Dimensions, EmittedFrame, Observation, Scenario, Step,
};

/// The release that is built in.
const RELEASE: &str = "0.14.0";

/// smoltcp, as it is out of the box.
#[derive(Default)]
pub struct SmoltcpDut {
    world: Option<World>,
}

/// A scenario that is open.
struct World {
    /// In the order of the scenario's interfaces.
    ports: Vec<Port>,
    /// In the order of the scenario's sockets.
    sockets: Vec<LocalSocket>,
}

impl SmoltcpDut {
    /// The stack, not yet opened.
    pub const fn new() -> Self {
        Self { world: None }
    }
}

impl Dut for SmoltcpDut {
    fn name(&self) -> String {
        "smoltcp".to_owned()
    }

    fn version(&self) -> String {
        format!("smoltcp {RELEASE}")
    }

    fn dimensions(&self) -> Dimensions {
        Dimensions::NONE.with(Dimension::Frames).with(Dimension::Deliveries)
    }

    fn open(&mut self, scenario: &Scenario) -> Result<(), DutError> {
        self.world = None;
        config::ABILITIES.check(scenario)?;
        let mut world = guarded(|| World::new(scenario))?;
        // Joined groups are reported before the first step, as by a live kernel.
        guarded(|| world.settle(Instant::ZERO, &mut Observation::default()))?;
        self.world = Some(world);
        Ok(())
    }

    fn step(&mut self, step: &Step, clock: Clock, observation: &mut Observation) -> Result<(), DutError> {
        let mut world = self.world.take().ok_or_else(|| DutError::Gone("no scenario is open".to_owned()))?;
        let result = guarded(|| world.step(&step.action, clock, observation));
        if !matches!(result, Err(DutError::Gone(_))) {
            self.world = Some(world);
        }
        result
    }

    fn counters(&mut self, _: &mut Counters) -> Result<(), DutError> {
        Err(DutError::Unsupported("smoltcp counts nothing".to_owned()))
    }

    fn conntrack(&mut self) -> Result<Vec<ConntrackEntry>, DutError> {
        Err(DutError::Unsupported("smoltcp does not track connections".to_owned()))
    }
}

/// Runs the stack. Should it panic, what it was working on must not be used any more.
fn guarded<T>(work: impl FnOnce() -> Result<T, DutError>) -> Result<T, DutError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let told = panic.downcast_ref::<String>().map(String::as_str);
        let why = told.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
        Err(DutError::Gone(format!("smoltcp panicked: {why}")))
    })
}

impl World {
    fn new(scenario: &Scenario) -> Result<Self, DutError> {
        let mut ports = scenario
            .interfaces
            .iter()
            .map(|interface| config::port(interface, &scenario.routes))
            .collect::<Result<Vec<_>, _>>()?;
        let open = |(number, socket)| LocalSocket::open(number, socket, &mut ports);
        let sockets = scenario.sockets.iter().enumerate().map(open).collect::<Result<_, _>>()?;
        Ok(Self { ports, sockets })
    }

    fn step(&mut self, action: &Action, clock: Clock, observation: &mut Observation) -> Result<(), DutError> {
        let now = Instant::from_micros(i64::try_from(clock.monotonic.as_micros()).unwrap_or(i64::MAX));
        // What was due before the step happens before it.
        self.settle(now, observation)?;
        match action {
            Action::Inject { interface, frame } => {
                let port = self.ports.get_mut(*interface).ok_or_else(|| {
                    DutError::Unsupported(format!("there is no interface number {interface}"))
                })?;
                observation.refused = port.inject(frame);
            }
            Action::Advance => {}
            Action::Socket { socket, action } => {
                let local = self
                    .sockets
                    .get_mut(*socket)
                    .ok_or_else(|| DutError::Unsupported(format!("there is no socket number {socket}")))?;
                local.act(action, &mut self.ports)?;
            }
        }
        self.settle(now, observation)
    }

    /// Runs every timer up to `now` and takes what came of it.
    fn settle(&mut self, now: Instant, observation: &mut Observation) -> Result<(), DutError> {
        for (interface, port) in self.ports.iter_mut().enumerate() {
            let frames = port.run(now)?;
            observation.frames.extend(frames.into_iter().map(|octets| EmittedFrame { interface, octets }));
        }
        for (number, local) in self.sockets.iter_mut().enumerate() {
            local.collect(number, &mut self.ports, observation);
        }
        // What sockets took may let others go on, such as a window that opens.
        for (interface, port) in self.ports.iter_mut().enumerate() {
            let frames = port.run(now)?;
            observation.frames.extend(frames.into_iter().map(|octets| EmittedFrame { interface, octets }));
        }
        observation.frames.sort_by_key(|frame| frame.interface);
        observation.deliveries.sort_by_key(|delivery| delivery.socket);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
