//! Another Linux kernel as a DUT: User-mode Linux, with this same program as the first process inside.
//!
//! Debian's package `user-mode-linux` is a kernel that runs as a process. It boots on the file system of the machine,
//! which it only reads, and this program inside serves the kernel by the protocol of [`super::exec`] on a serial line
//! whose other end is ours. When the line is closed, the machine switches itself off; nothing of it is left.

mod agent;

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::exec::child::{Outputs, Program};
use super::exec::stream::{Pace, Stream};
use super::exec::transport::Transport;
use super::exec::{Connection, ExecDut};
use super::{Clock, Dut, DutError};
use crate::model::{ConntrackEntry, Counters, Dimensions, Observation, Scenario, Step};

pub use agent::run as run_inside;

/// The kernel.
const KERNEL: &str = "/usr/bin/linux.uml";

/// The subcommand that this program is inside.
const INSIDE: &str = "inside";

/// How long booting, or one answer, may take: a boot takes two seconds where nothing else runs.
const BUDGET: Duration = Duration::from_secs(120);

/// The kernel of User-mode Linux.
pub struct UmlDut(ExecDut);

impl UmlDut {
    /// Boots it with the program that is running as the first process inside.
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

    /// Boots it with another build of `netassay` as the first process inside.
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
        let launch = move || boot(&program).map_err(|error| lacking(error.to_string()));
        ExecDut::start("uml".to_owned(), Box::new(launch), BUDGET).map(Self)
    }
}

fn lacking(why: String) -> DutError {
    DutError::Environment { what: "User-mode Linux".to_owned(), why }
}

/// The line to a machine, and the folder in which it keeps what it tells about itself.
struct Line {
    stream: Stream<UnixStream, UnixStream>,
    folder: PathBuf,
}

impl Transport for Line {
    fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        self.stream.send(datagram)
    }

    fn receive(&mut self, buffer: &mut Vec<u8>) -> io::Result<bool> {
        self.stream.receive(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // The machine removes it when it is switched off, but not when it is killed; both may be about to happen.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Starts a machine.
fn boot(program: &str) -> io::Result<Connection> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("netassay-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_read_timeout(Some(BUDGET))?;
    ours.set_write_timeout(Some(BUDGET))?;
    let folder = std::env::temp_dir();
    let mut kernel = Command::new(KERNEL);
    kernel
        .args(["mem=192M", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "panic=-1", "quiet"])
        // The serial line is ours; the console goes to standard error, to be quoted.
        .args(["con=null", "con0=null,fd:2", "ssl=null", "ssl0=fd:0,fd:1"])
        .arg(format!("uml_dir={}/", folder.display()))
        .arg(format!("umid={name}"))
        .arg(format!("init={program}"))
        // What the kernel does not know is an argument of its first process.
        .arg(INSIDE)
        .stdin(Stdio::from(OwnedFd::from(theirs.try_clone()?)))
        .stdout(Stdio::from(OwnedFd::from(theirs)));
    let mut program = Program::start(kernel, Outputs::Error)?;
    let stream = Stream::new(ours.try_clone()?, ours, Pace::Waits);
    let mut line = Line { stream, folder: folder.join(name) };
    let mut first = Vec::new();
    match line.receive(&mut first) {
        Ok(true) if first == agent::READY => Ok(Connection { transport: Box::new(line), program }),
        other => {
            drop(line);
            let why =
                other.err().map_or("it ended before it was ready".to_owned(), |error| error.to_string());
            Err(io::Error::other(format!("{why} ({})", program.end())))
        }
    }
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
