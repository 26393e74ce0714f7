//! Another Linux kernel as a DUT: User-mode Linux, with this same program as the first process inside.
//!
//! Debian's package `user-mode-linux` is a kernel that runs as a process. It boots on the file system of the machine,
//! which it only reads, and this program inside serves the kernel by the protocol of [`super::exec`] on serial lines
//! whose other ends are ours. A machine has `LINES` of them, each for one DUT in namespaces of its own, so that those
//! that wait in real time wait together, and one more that says nothing: when that is closed, the machine switches itself
//! off; nothing of it is left.

mod agent;

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use super::exec::child::{Outputs, Program};
use super::exec::stream::{Pace, Stream};
use super::exec::transport::Transport;
use super::exec::{Connection, Ending, ExecDut};
use super::linux::keep_open_in;
use super::{Clock, Dut, DutError};
use crate::model::{ConntrackEntry, Counters, Dimensions, Observation, Scenario, Step};

pub use agent::run as run_inside;

/// The kernel.
const KERNEL: &str = "/usr/bin/linux.uml";

/// The subcommand that this program is inside.
const INSIDE: &str = "inside";

/// Serial lines of a machine: as many DUTs live in it. Its 64 interrupts suffice for a few more.
const LINES: usize = 20;

/// How long booting, or one answer, may take: a boot takes two seconds where nothing else runs.
const BUDGET: Duration = Duration::from_secs(120);

/// The kernel of User-mode Linux.
pub struct UmlDut(ExecDut);

impl UmlDut {
    /// In a machine whose first process is the program that is running: in one that has room, or in a new one.
    ///
    /// # Errors
    /// [`DutError::Environment`] without the package.
    pub fn new() -> Result<Self, DutError> {
        let program = std::env::current_exe().map_err(|error| lacking(error.to_string()))?;
        Self::with_program(program)
    }

    /// What has to be installed before it can be tested; `None` if nothing has.
    pub fn lacking() -> Option<String> {
        let is_there = Path::new(KERNEL).exists();
        (!is_there)
            .then(|| format!("{KERNEL} does not exist; Debian has it in user-mode-linux (`ci/setup duts`)"))
    }

    /// The same with another build of `netassay` as the first process.
    ///
    /// # Errors
    /// As for [`UmlDut::new`].
    pub fn with_program(program: PathBuf) -> Result<Self, DutError> {
        if let Some(why) = Self::lacking() {
            return Err(lacking(why));
        }
        let program = program
            .to_str()
            .filter(|path| !path.contains(char::is_whitespace))
            .ok_or_else(|| lacking("the path of this program has white space in it".to_owned()))?
            .to_owned();
        let launch = move || settle(&program).map_err(|error| lacking(error.to_string()));
        ExecDut::start("uml".to_owned(), Box::new(launch), BUDGET).map(Self)
    }
}

fn lacking(why: String) -> DutError {
    DutError::Environment { what: "User-mode Linux".to_owned(), why }
}

/// A machine that runs.
struct Machine {
    /// The program that is its first process.
    program: String,
    /// Our end of the line that keeps it running.
    life: Mutex<Option<UnixStream>>,
    /// Our ends of the lines that nobody has taken yet.
    free: Mutex<Vec<UnixStream>>,
    kernel: Mutex<Program>,
    /// Where it keeps what it tells about itself.
    folder: PathBuf,
}

impl Machine {
    /// Has it switch itself off, and tells how it ended.
    fn end(&self) -> String {
        *locked(&self.life) = None;
        locked(&self.kernel).end()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.end();
        // It removes this when it is switched off, but not when it is killed.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Somebody who lives in a machine. The last one to leave has it switched off.
struct Resident(Option<Arc<Machine>>);

impl Ending for Resident {
    fn end(&mut self) -> String {
        match self.0.take().map(Arc::try_unwrap) {
            Some(Ok(machine)) => machine.end(),
            Some(Err(machine)) => match locked(&machine.kernel).words() {
                words if words.is_empty() => "others still use the machine".to_owned(),
                words => format!("others still use the machine; its last words: {words}"),
            },
            None => String::new(),
        }
    }
}

/// The machines that run, as long as somebody lives in them.
static MACHINES: Mutex<Vec<Weak<Machine>>> = Mutex::new(Vec::new());

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes a free line of a machine that runs `program`, which is booted if there is none; a new one if that is dead.
fn settle(program: &str) -> io::Result<Connection> {
    move_in(program).or_else(|_| move_in(program))
}

fn move_in(program: &str) -> io::Result<Connection> {
    let (machine, line) = take_line(program)?;
    line.set_read_timeout(Some(BUDGET))?;
    line.set_write_timeout(Some(BUDGET))?;
    let mut stream = Stream::new(line.try_clone()?, line, Pace::Waits);
    let mut first = Vec::new();
    let mut resident = Resident(Some(machine));
    match stream.receive(&mut first) {
        Ok(true) if first == agent::READY => {
            Ok(Connection { transport: Box::new(stream), program: Box::new(resident) })
        }
        other => {
            drop(stream);
            // Nobody is to try the others.
            resident.0.iter().for_each(|machine| locked(&machine.free).clear());
            let why =
                other.err().map_or("it ended before it was ready".to_owned(), |error| error.to_string());
            Err(io::Error::other(format!("{why} ({})", resident.end())))
        }
    }
}

/// A line of the machine with most room, once there is a machine for each processor: one has but one itself.
fn take_line(program: &str) -> io::Result<(Arc<Machine>, UnixStream)> {
    let mut machines = locked(&MACHINES);
    machines.retain(|machine| machine.strong_count() > 0);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let ours = machines.iter().filter_map(Weak::upgrade).filter(|machine| machine.program == program);
    let ours: Vec<_> = ours.collect();
    if ours.len() >= processors
        && let Some(machine) = ours.into_iter().max_by_key(|machine| locked(&machine.free).len())
    {
        let line = locked(&machine.free).pop();
        if let Some(line) = line {
            return Ok((machine, line));
        }
    }
    let (machine, line) = boot(program)?;
    let machine = Arc::new(machine);
    machines.push(Arc::downgrade(&machine));
    Ok((machine, line))
}

/// Starts a machine; the first of its lines is taken.
fn boot(program: &str) -> io::Result<(Machine, UnixStream)> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("netassay-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let folder = std::env::temp_dir();
    let mut kernel = Command::new(KERNEL);
    kernel
        .args(["mem=256M", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "panic=-1", "quiet"])
        // The serial lines are ours; the console goes to standard error, to be quoted.
        .args(["con=null", "con0=null,fd:2", "ssl=null"])
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let (mut free, mut lines) = (Vec::new(), Vec::new());
    for _ in 0..=LINES {
        let (ours, theirs) = UnixStream::pair()?;
        free.push(ours);
        lines.push(OwnedFd::from(theirs));
    }
    let life = Mutex::new(Some(free.remove(0)));
    let first = free.remove(0);
    for (number, line) in lines.iter().enumerate() {
        kernel.arg(format!("ssl{number}=fd:{}", line.as_raw_fd()));
    }
    kernel
        .arg(format!("uml_dir={}/", folder.display()))
        .arg(format!("umid={name}"))
        .arg(format!("init={program}"))
        // What the kernel does not know is an argument of its first process.
        .arg(INSIDE);
    keep_open_in(&mut kernel, lines);
    let kernel = Mutex::new(Program::start(kernel, Outputs::Error)?);
    let machine = Machine {
        program: program.to_owned(),
        life,
        free: Mutex::new(free),
        kernel,
        folder: folder.join(name),
    };
    Ok((machine, first))
}

impl Dut for UmlDut {
    fn name(&self) -> String {
        self.0.name()
    }

    fn version(&self) -> String {
        // Inside it is but `linux`, with the release as its version.
        let version = self.0.version();
        version.strip_prefix("linux ").unwrap_or(&version).to_owned()
    }

    fn dimensions(&self) -> Dimensions {
        self.0.dimensions()
    }

    fn open(&mut self, scenario: &Scenario) -> Result<(), DutError> {
        self.0.open(scenario)
    }

    fn step(&mut self, step: &Step, clock: Clock, observation: &mut Observation) -> Result<(), DutError> {
        self.0.step(step, clock, observation)
    }

    fn clock(&self) -> Option<Clock> {
        self.0.clock()
    }

    fn counters(&mut self, counters: &mut Counters) -> Result<(), DutError> {
        self.0.counters(counters)
    }

    fn counters_are_cheap(&self) -> bool {
        self.0.counters_are_cheap()
    }

    fn conntrack(&mut self) -> Result<Vec<ConntrackEntry>, DutError> {
        self.0.conntrack()
    }
}
