//! Whatever is behind an Ethernet interface as a DUT: a virtual machine, a container, a board on a cable.
//!
//! The stack must have been set up as the scenario says by whoever owns it; that it has the scenario's addresses is
//! checked, for the rest the owner answers. The interface must have no address of its own in this machine, or this
//! machine answers too. The harness plays every neighbor: it answers ARP for all but the stack itself.
//!
//! A stack far away does not tell when it is done. So each step ends with a *sentinel*, an echo request to the stack:
//! what comes before its answer belongs to the step. It goes to the interface that took the frame first and to the
//! others after that, so that what was forwarded is there too. Only a sentinel that gets lost costs time; a stack that
//! answers none is gone.

mod frame;

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};
use std::{io, iter};

use self::frame::{Ends, Seen};
use super::foreign::{self, Abilities};
use super::linux::neighbor::{NeighborPort, await_frame, present};
use super::{Clock, Dut, DutError};
use crate::model::{
    Action, ConntrackEntry, Counters, Dimension, Dimensions, EmittedFrame, Interface, Observation, Scenario,
    Step,
};

/// How long a stack may leave sentinels unanswered.
const BUDGET: Duration = Duration::from_secs(5);
/// After what time a sentinel, or a question for an address, is taken for lost and sent again.
const AGAIN: Duration = Duration::from_millis(250);
/// Room for the longest frame.
const LONGEST: usize = 1 << 17;
/// Frames in one step: more than the fragments of all datagrams that a step can bring about.
const MOST_FRAMES: usize = 1 << 16;

/// What can be asked of a stack that cannot be told anything.
const ABILITIES: Abilities = Abilities { name: "a stack behind an interface", forwards: true, sysctls: &[] };

/// A stack behind one or more interfaces.
#[derive(Debug)]
pub struct TapDut {
    names: Vec<String>,
    ports: Vec<NeighborPort>,
    /// In the order of the scenario's interfaces; empty until it is open.
    ends: Vec<Ends>,
    /// Number of the last sentinel.
    sentinel: u16,
    started: Duration,
    clock: Clock,
    budget: Duration,
    buffer: Vec<u8>,
}

impl TapDut {
    /// The stack behind the interfaces called `names`, in the order of the scenario's interfaces.
    ///
    /// # Errors
    /// If one is not there, or may not be opened.
    pub fn new(names: &[String]) -> Result<Self, DutError> {
        Self::with_budget(names, BUDGET)
    }

    /// The same with another limit for how long the stack may leave sentinels unanswered.
    ///
    /// # Errors
    /// As for [`TapDut::new`].
    pub fn with_budget(names: &[String], budget: Duration) -> Result<Self, DutError> {
        let open = |name: &String| {
            NeighborPort::open(name).map_err(|error| DutError::Environment {
                what: format!("the interface {name}"),
                why: error.to_string(),
            })
        };
        Ok(Self {
            names: names.to_vec(),
            ports: names.iter().map(open).collect::<Result<_, _>>()?,
            ends: Vec::new(),
            sentinel: 0,
            started: Duration::ZERO,
            clock: Clock::default(),
            budget,
            buffer: vec![0; LONGEST],
        })
    }

    /// Asks for the hardware address of the stack behind `port`.
    fn resolve(&mut self, port: usize, mut ends: Ends) -> Result<Ends, DutError> {
        let started = Instant::now();
        while started.elapsed() < self.budget {
            self.send(port, &ends.question())?;
            let asked = Instant::now();
            while asked.elapsed() < AGAIN {
                await_frame(iter::once(&self.ports[port]), AGAIN)
                    .map_err(|error| self.failed(port, error))?;
                while let Some(seen) = self.take(port, &ends)? {
                    match seen {
                        Seen::Answered(mac) => {
                            ends.theirs = mac;
                            return Ok(ends);
                        }
                        Seen::Asked(reply) => self.send(port, &reply)?,
                        Seen::Emitted(_) | Seen::Sentinel(_) | Seen::Other => {}
                    }
                }
            }
        }
        Err(DutError::Unsupported(format!(
            "nobody behind {} says that it has {}; set the stack up as the scenario says",
            self.names[port], ends.address
        )))
    }

    fn failed(&self, port: usize, source: io::Error) -> DutError {
        match source.raw_os_error() {
            Some(libc::ENETDOWN | libc::ENXIO | libc::ENODEV) => {
                DutError::Gone(format!("{}: {source}", self.names[port]))
            }
            _ => DutError::Io { what: self.names[port].clone(), source },
        }
    }

    fn send(&self, port: usize, frame: &[u8]) -> Result<(), DutError> {
        self.ports[port].send(frame).map_err(|error| self.failed(port, error))
    }

    /// Takes one frame from `port`.
    fn take(&mut self, port: usize, ends: &Ends) -> Result<Option<Seen>, DutError> {
        match self.ports[port].receive(&mut self.buffer) {
            Ok(len) => Ok(len.map(|len| ends.inward(&self.buffer[..len]))),
            Err(error) => Err(self.failed(port, error)),
        }
    }

    /// Takes all that is there and plays the neighbors; tells whether the sentinel of `awaited` (interface and lowest
    /// number that counts) came back.
    fn collect(
        &mut self,
        awaited: Option<(usize, u16)>,
        observation: &mut Observation,
    ) -> Result<bool, DutError> {
        let mut is_back = false;
        for interface in 0..self.ends.len() {
            let ends = self.ends[interface];
            while let Some(seen) = self.take(interface, &ends)? {
                match seen {
                    Seen::Emitted(octets) => observation.frames.push(EmittedFrame { interface, octets }),
                    Seen::Asked(reply) => self.send(interface, &reply)?,
                    Seen::Sentinel(number) => {
                        is_back |= awaited.is_some_and(|(on, lowest)| {
                            on == interface && number.wrapping_sub(lowest) < 1 << 15
                        });
                    }
                    Seen::Answered(_) | Seen::Other => {}
                }
                if observation.frames.len() > MOST_FRAMES {
                    return Err(DutError::Gone("it does not stop sending".to_owned()));
                }
            }
        }
        Ok(is_back)
    }

    /// Collects until the stack has dealt with all that it was sent, `first` on this interface.
    fn settle(&mut self, first: usize, observation: &mut Observation) -> Result<(), DutError> {
        let others = (0..self.ends.len()).filter(|interface| *interface != first);
        for interface in iter::once(first).chain(others) {
            self.await_sentinel(interface, observation)?;
        }
        observation.frames.sort_by_key(|frame| frame.interface);
        Ok(())
    }

    fn await_sentinel(&mut self, interface: usize, observation: &mut Observation) -> Result<(), DutError> {
        let lowest = self.sentinel.wrapping_add(1);
        let started = Instant::now();
        while started.elapsed() < self.budget {
            self.sentinel = self.sentinel.wrapping_add(1);
            self.send(interface, &self.ends[interface].sentinel(self.sentinel))?;
            let sent = Instant::now();
            while sent.elapsed() < AGAIN {
                await_frame(self.ports.iter(), AGAIN).map_err(|error| self.failed(interface, error))?;
                if self.collect(Some((interface, lowest)), observation)? {
                    return Ok(());
                }
            }
        }
        let name = &self.names[interface];
        Err(DutError::Gone(format!("no echo reply came from {name} within {:?}", self.budget)))
    }

    fn inject(
        &mut self,
        interface: usize,
        frame: &[u8],
        observation: &mut Observation,
    ) -> Result<(), DutError> {
        let Some(ends) = self.ends.get(interface) else {
            return Err(DutError::Unsupported(format!("there is no interface number {interface}")));
        };
        observation.refused = foreign::refusal(ends.kind, frame);
        self.clock = present();
        if observation.refused.is_none() {
            match self.ports[interface].send(&ends.outward(frame)) {
                Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) => {
                    observation.refused = Some(error.to_string());
                }
                Err(error) => return Err(self.failed(interface, error)),
                Ok(()) => {}
            }
        }
        self.settle(interface, observation)
    }

    /// Waits until `at` after `open`.
    fn advance(&mut self, at: Duration, observation: &mut Observation) -> Result<(), DutError> {
        loop {
            let left = (self.started + at).saturating_sub(present().monotonic);
            if left.is_zero() {
                break;
            }
            await_frame(self.ports.iter(), left).map_err(|error| self.failed(0, error))?;
            self.collect(None, observation)?;
        }
        self.clock = present();
        self.settle(0, observation)
    }
}

/// The ends of the link of `interface` but for the stack's hardware address, which only the stack knows.
fn ends(interface: &Interface, scenario: &Scenario, ours: [u8; 6]) -> Result<Ends, DutError> {
    let unsupported = |what: String| DutError::Unsupported(format!("{} {what}", ABILITIES.name));
    let Some(prefix) = interface.addresses.first().filter(|_| interface.up) else {
        return Err(unsupported(format!("must have an address on {}", interface.name)));
    };
    let is_taken = |address: Ipv4Addr| {
        scenario.interfaces.iter().flat_map(|it| &it.addresses).any(|it| it.address == address)
            || scenario.routes.iter().any(|route| route.via == Some(address))
    };
    // From the top of the subnet, where captures and cases rarely have stations.
    let (lowest, highest) = (prefix.network().to_bits(), prefix.broadcast().to_bits());
    let mut free = (lowest.saturating_add(1)..highest).rev().map(Ipv4Addr::from_bits);
    let watcher = free
        .find(|address| !is_taken(*address))
        .ok_or_else(|| unsupported(format!("must have a neighbor more on {}", interface.name)))?;
    Ok(Ends {
        kind: interface.link,
        scenario: foreign::mac(interface.mac.as_deref())?,
        theirs: [0; 6],
        ours,
        address: prefix.address,
        watcher,
    })
}

impl Dut for TapDut {
    fn name(&self) -> String {
        format!("tap:{}", self.names.join(","))
    }

    fn version(&self) -> String {
        format!("the stack behind {}", self.names.join(" and "))
    }

    fn dimensions(&self) -> Dimensions {
        Dimensions::NONE.with(Dimension::Frames)
    }

    fn open(&mut self, scenario: &Scenario) -> Result<(), DutError> {
        self.ends.clear();
        ABILITIES.check(scenario)?;
        if !scenario.sockets.is_empty() {
            return Err(DutError::Unsupported(format!("{} has no sockets for us", ABILITIES.name)));
        }
        if scenario.interfaces.len() != self.ports.len() {
            return Err(DutError::Unsupported(format!(
                "the scenario has {} interfaces; name as many, separated by commas",
                scenario.interfaces.len()
            )));
        }
        let mut resolved = Vec::new();
        for (port, interface) in scenario.interfaces.iter().enumerate() {
            let ends = ends(interface, scenario, self.ports[port].mac)?;
            resolved.push(self.resolve(port, ends)?);
        }
        self.ends = resolved;
        // What is still on its way belongs to no step.
        self.settle(0, &mut Observation::default())?;
        self.clock = present();
        self.started = self.clock.monotonic;
        Ok(())
    }

    fn step(&mut self, step: &Step, _: Clock, observation: &mut Observation) -> Result<(), DutError> {
        if self.ends.is_empty() {
            return Err(DutError::Gone("no scenario is open".to_owned()));
        }
        match &step.action {
            Action::Inject { interface, frame } => self.inject(*interface, frame, observation),
            Action::Advance => self.advance(step.at, observation),
            Action::Socket { .. } => {
                Err(DutError::Unsupported(format!("{} has no sockets for us", ABILITIES.name)))
            }
        }
    }

    fn clock(&self) -> Option<Clock> {
        (!self.ends.is_empty()).then_some(self.clock)
    }

    fn counters(&mut self, _: &mut Counters) -> Result<(), DutError> {
        Err(DutError::Unsupported(format!("{} does not show its counters", ABILITIES.name)))
    }

    fn conntrack(&mut self) -> Result<Vec<ConntrackEntry>, DutError> {
        Err(DutError::Unsupported(format!("{} does not show what it tracks", ABILITIES.name)))
    }
}
