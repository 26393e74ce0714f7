//! The live kernel in a network namespace of its own.
//!
//! A frame written to a TUN or TAP device has been dealt with by the kernel when `write` returns, so the answer is
//! already there to be read: nothing here sleeps or waits for silence. Every `open` makes a fresh namespace, because
//! nothing else is sure to have no trace of what was before; old ones are taken apart in the background.

mod bench;
mod bpf;
mod conntrack;
mod counters;
mod device;
mod errno;
mod error;
mod inside;
pub(super) mod neighbor;
mod netlink;
mod port;
pub mod probe;
mod reaper;
mod rtnetlink;
mod rules;
mod served;
mod setup;
mod sockets;
mod sys;
mod tracefs;
mod watch;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use error::{Doing, failed};
use setup::World;
use sys::process;

pub use bench::thread_time;
pub use device::Devices;
pub use inside::Privilege;
pub use served::ServedDevice;
pub(super) use sys::boot;
pub(super) use sys::helper::socket_pair as packet_pair;
pub(super) use sys::process::{keep_open_in, kill_group};
pub use watch::Observers;
use watch::Watch;

use super::{Clock, Dut, DutError};
use crate::model::{
    Action, ConntrackEntry, Counters, Dimension, Dimensions, EmittedFrame, Observation, Scenario,
    SocketAction, Step,
};

/// How a [`LinuxDut`] goes about it. The defaults take the best that the machine allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whose rights namespaces are made with.
    pub privilege: Privilege,
    /// What interfaces are made of.
    pub devices: Devices,
    /// Which means of watching the kernel may be used.
    pub observers: Observers,
}

/// How long waiting may go on after it is to end.
const STOP_WITHIN: Duration = Duration::from_millis(200);

/// Removes what would outlive this process if it ended now, without running destructors: for a handler of Ctrl-C.
/// Namespaces and devices go away by themselves.
pub fn clean_up_before_exit() {
    tracefs::remove_all();
}

/// The kernel that this process runs on, as a stack under test.
#[derive(Debug)]
pub struct LinuxDut {
    options: Options,
    world: Option<World>,
    /// How the kernel is watched.
    watch: Watch,
    /// Counters that were not zero right after `open`, by slot.
    moved_before: Vec<(usize, i64)>,
    /// When `open` returned, by `CLOCK_MONOTONIC`.
    started: Duration,
    /// When the last step was taken.
    clock: Option<Clock>,
    /// When it was over at the latest; known once the counters were read after it.
    clock_end: Option<Duration>,
    /// Whether it is over when the counters are read. One that let time pass was over before.
    ends_when_counted: bool,
    /// Whether it is known from where something is to be read once the counters were copied.
    knows_queues: bool,
    /// Whether the counters were copied when the last step was over and nobody was told them yet.
    is_counted: bool,
    /// Where the last frame came out that went into each interface, at first the same one.
    comes_out: Vec<usize>,
    /// Ends waiting when it becomes true.
    stop: Option<Arc<AtomicBool>>,
    /// Room for a frame being read.
    buffer: Vec<u8>,
    /// Room for a frame being written.
    scratch: Vec<u8>,
}

impl Default for LinuxDut {
    fn default() -> Self {
        Self::new()
    }
}

impl LinuxDut {
    /// A DUT that has not been opened yet, with the best that the machine allows.
    pub fn new() -> Self {
        Self::with(Options::default())
    }

    /// A DUT that has not been opened yet.
    pub fn with(options: Options) -> Self {
        let watch = if options.privilege.is_own() {
            Watch::new(options.observers)
        } else {
            Watch::Blind("tracing needs privilege outside the user namespace".to_owned())
        };
        Self {
            options,
            world: None,
            watch,
            moved_before: Vec::new(),
            started: Duration::ZERO,
            clock: None,
            clock_end: None,
            ends_when_counted: false,
            knows_queues: false,
            is_counted: false,
            comes_out: Vec::new(),
            stop: None,
            buffer: vec![0; port::LONGEST],
            scratch: Vec::new(),
        }
    }

    /// Has the DUT end its waiting when `flag` becomes true, as if it had gone: for Ctrl-C.
    pub fn stop_when(&mut self, flag: Arc<AtomicBool>) {
        self.stop = Some(flag);
    }

    fn world(&mut self) -> Result<&mut World, DutError> {
        self.world.as_mut().ok_or_else(not_open)
    }

    /// Whether drops are seen in every context. Otherwise those in timers, such as fragments that wait too long, are
    /// missed when the timer does not run in the thread that takes the steps.
    pub fn is_watched_everywhere(&self) -> bool {
        matches!(self.watch, Watch::Bpf(_))
    }

    /// Reads the counters since the namespace was made.
    fn read_counters(&mut self, counters: &mut Counters) -> Result<(), DutError> {
        let world = self.world.as_mut().ok_or_else(not_open)?;
        let copied = if std::mem::take(&mut self.is_counted) { Ok(()) } else { self.watch.copy_counters() };
        let result = copied.and_then(|()| match self.watch.counters(counters) {
            true => Ok(()),
            false => world.proc.read(counters),
        });
        result.doing(|| "reading the counters".to_owned())
    }

    /// The network namespace that the DUT is in, for looking around in it with other programs while the DUT is open.
    pub fn namespace(&self) -> Option<BorrowedFd<'_>> {
        self.world.as_ref().map(|world| world.namespace.as_fd())
    }

    /// Why drop reasons cannot be observed; `None` if they can.
    pub fn why_no_drops(&self) -> Option<&str> {
        self.watch.blind()
    }

    fn inject(
        &mut self,
        interface: usize,
        frame: &[u8],
        observation: &mut Observation,
    ) -> Result<(), DutError> {
        let Some(world) = &mut self.world else { return Err(not_open()) };
        let Some(port) = world.ports.get_mut(interface) else {
            return Err(DutError::Unsupported(format!("there is no interface number {interface}")));
        };
        match port.inject(frame, &mut self.scratch) {
            Ok(()) => {}
            Err(error) if port::is_refusal(&error) => observation.refused = Some(error.to_string()),
            Err(error) => return Err(failed(format!("writing a frame to {}", port.name), error)),
        }
        self.clock = Some(self.watch.frame_clock());
        self.ends_when_counted = true;
        if self.knows_queues {
            self.collect_what_waits(interface, observation)
        } else {
            self.collect(observation)
        }
    }

    fn act(
        &mut self,
        socket: usize,
        action: &SocketAction,
        observation: &mut Observation,
    ) -> Result<(), DutError> {
        self.clock = Some(self.watch.now());
        self.world()?.sockets.act(socket, action, observation)?;
        self.ends_when_counted = true;
        self.collect(observation)
    }

    /// Takes everything that is there to be taken, without waiting.
    fn collect(&mut self, observation: &mut Observation) -> Result<(), DutError> {
        let Some(world) = &mut self.world else { return Err(not_open()) };
        for (interface, port) in world.ports.iter_mut().enumerate() {
            port.collect(interface, &mut self.buffer, observation)
                .map_err(|error| failed(format!("reading frames from {}", port.name), error))?;
        }
        if !world.sockets.is_empty() {
            world.sockets.collect(&mut self.buffer, observation).doing(|| "reading sockets".to_owned())?;
        }
        if let Some(conntrack) = world.conntrack.as_mut().filter(|_| world.tracks) {
            conntrack
                .take_events(&mut observation.conntrack_events)
                .doing(|| "reading connection tracking events".to_owned())?;
        }
        Ok(())
    }

    /// Takes what waited when this was called, after a frame went into interface number `into`. Copies the counters.
    fn collect_what_waits(&mut self, into: usize, observation: &mut Observation) -> Result<(), DutError> {
        let Some(world) = &mut self.world else { return Err(not_open()) };
        // What was not dropped comes out, most likely where the one before came out. Reading it tells the rest.
        let likely = self.comes_out.get(into).copied().filter(|_| !self.watch.has_dropped());
        let mut first = None;
        if let Some((interface, port)) =
            likely.and_then(|number| Some((number, world.ports.get_mut(number)?)))
        {
            self.watch.copy_counters_with_frame();
            let frame = port.take(&mut self.buffer);
            let frame = frame.map_err(|error| failed(format!("reading frames from {}", port.name), error))?;
            first = frame.map(|octets| EmittedFrame { interface, octets: octets.to_vec() });
        }
        if first.is_none() || !self.watch.is_copied() {
            self.watch.copy_counters().doing(|| "reading the counters".to_owned())?;
        }
        self.is_counted = true;
        let count = world.ports.len();
        for (interface, port) in world.ports.iter_mut().enumerate() {
            observation.frames.extend(first.take_if(|frame| frame.interface == interface));
            let collected = match self.watch.waiting(interface) {
                Some(0) => continue,
                Some(count) => port.collect_some(count, interface, &mut self.buffer, observation),
                None => port.collect(interface, &mut self.buffer, observation),
            };
            collected.map_err(|error| failed(format!("reading frames from {}", port.name), error))?;
        }
        if let (Some(likely), Some(frame)) = (self.comes_out.get_mut(into), observation.frames.first()) {
            *likely = frame.interface;
        }
        let conntrack = world.conntrack.as_mut().filter(|_| world.tracks);
        let Some(conntrack) = conntrack else { return Ok(()) };
        match self.watch.waiting(count) {
            Some(0) => return Ok(()),
            Some(count) => conntrack.take_some_events(count, &mut observation.conntrack_events),
            None => conntrack.take_events(&mut observation.conntrack_events),
        }
        .doing(|| "reading connection tracking events".to_owned())
    }

    /// Waits until `at` after `open`, collecting what happens meanwhile.
    fn advance(&mut self, at: Duration, observation: &mut Observation) -> Result<(), DutError> {
        let until = self.started + at;
        loop {
            self.collect(observation)?;
            let left = until.saturating_sub(process::clock(libc::CLOCK_MONOTONIC));
            if left.is_zero() {
                self.clock = Some(self.watch.now());
                return Ok(());
            }
            let Some(world) = &self.world else { return Err(not_open()) };
            let mut entries = world.poll_entries();
            if self.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed)) {
                return Err(DutError::Gone("interrupted while time was passing".to_owned()));
            }
            // A signal that comes right before the wait does not end it.
            let left = if self.stop.is_some() { left.min(STOP_WITHIN) } else { left };
            match process::poll(&mut entries, Some(left)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    return Err(failed("waiting for time to pass".to_owned(), error));
                }
                _ => {}
            }
        }
    }
}

fn not_open() -> DutError {
    DutError::Gone("it has not been opened".to_owned())
}

impl Dut for LinuxDut {
    fn name(&self) -> String {
        "linux".to_owned()
    }

    fn version(&self) -> String {
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        format!("Linux {}", release.trim_end())
    }

    fn dimensions(&self) -> Dimensions {
        let always = [Dimension::Frames, Dimension::Deliveries, Dimension::SocketErrors, Dimension::Counters];
        let offered = always.into_iter().fold(Dimensions::NONE, Dimensions::with);
        let drops = self.watch.blind().is_none().then_some(Dimension::Drops);
        let conntrack = Path::new(setup::CONNTRACK).exists().then_some(Dimension::Conntrack);
        drops.into_iter().chain(conntrack).fold(offered, Dimensions::with)
    }

    fn open(&mut self, scenario: &Scenario) -> Result<(), DutError> {
        if let Some(old) = self.world.take() {
            reaper::bury(old);
        }
        self.clock = None;
        self.clock_end = None;
        self.ends_when_counted = false;
        self.is_counted = false;
        let (watch, devices) = (&mut self.watch, self.options.devices);
        let world = inside::in_new_namespace(self.options.privilege, |inside| {
            let world = setup::build(scenario, devices, inside)?;
            watch
                .look_at_own_namespace(world.unique_index)
                .map_err(|why| DutError::Environment { what: "watching the namespace".to_owned(), why })?;
            Ok(world)
        })?;
        self.knows_queues = world.queues().is_some_and(|queues| self.watch.look_at_queues(&queues));
        self.comes_out = (0..world.ports.len()).collect();
        self.world = Some(world);
        let mut baseline = Counters::new();
        self.read_counters(&mut baseline)?;
        self.moved_before = baseline.iter().map(|(id, value)| (id.slot(), value)).collect();
        self.started = process::clock(libc::CLOCK_MONOTONIC);
        // Whoever pairs DUTs asks for it before the first step, to know whose clock counts.
        self.clock = Some(self.watch.now());
        Ok(())
    }

    fn step(&mut self, step: &Step, _clock: Clock, observation: &mut Observation) -> Result<(), DutError> {
        self.clock_end = None;
        self.ends_when_counted = false;
        self.is_counted = false;
        self.watch.begin().doing(|| "starting to watch the kernel".to_owned())?;
        let result = match &step.action {
            Action::Inject { interface, frame } => self.inject(*interface, frame, observation),
            Action::Advance => self.advance(step.at, observation),
            Action::Socket { socket, action } => self.act(*socket, action, observation),
        };
        self.watch.end(&mut observation.drops).doing(|| "reading drop reasons".to_owned())?;
        result
    }

    fn clock(&self) -> Option<Clock> {
        self.clock
    }

    fn clock_end(&self) -> Option<Duration> {
        self.clock_end
    }

    fn present(&self) -> Option<Clock> {
        Some(self.watch.now())
    }

    fn counters(&mut self, counters: &mut Counters) -> Result<(), DutError> {
        self.read_counters(counters)?;
        if std::mem::take(&mut self.ends_when_counted) {
            self.clock_end = self.watch.counted_at();
        }
        // Few counters move before the first step.
        for (slot, before) in &self.moved_before {
            counters.slots_mut()[*slot] -= before;
        }
        Ok(())
    }

    fn counters_are_cheap(&self) -> bool {
        self.watch.counters_are_cheap()
    }

    fn conntrack(&mut self) -> Result<Vec<ConntrackEntry>, DutError> {
        match &mut self.world()?.conntrack {
            Some(conntrack) => conntrack.table().doing(|| "reading the connection tracking table".to_owned()),
            None => Err(DutError::Environment {
                what: "connection tracking".to_owned(),
                why: "this kernel has none".to_owned(),
            }),
        }
    }
}

impl Drop for LinuxDut {
    fn drop(&mut self) {
        if let Some(world) = self.world.take() {
            reaper::bury(world);
        }
    }
}
