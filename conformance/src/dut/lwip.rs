//! lwIP as a DUT: the system's library behind a small program, built when it is asked for.
//!
//! The program speaks the protocol of [`super::exec`], so a crash of the stack is the end of that program and no more.
//! It is compiled once per process into a file that has no name any more when it runs: nothing is left behind.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::exec::{self, ExecDut};
use super::foreign::Abilities;
use super::{Clock, Dut, DutError};
use crate::model::{ConntrackEntry, Counters, Dimensions, Observation, Scenario, Step};

/// Files of the program, by name.
const SOURCES: [(&str, &str); 2] =
    [("stack.c", include_str!("lwip/stack.c")), ("json.h", include_str!("lwip/json.h"))];

/// Where Debian has lwIP's headers.
const HEADERS: &str = "/usr/include/lwip";

/// How long the program may take for one answer.
const BUDGET: Duration = Duration::from_secs(10);

/// What Debian's build of lwIP can be: it forwards whether it is told to or not, and has no limits on ICMP.
const ABILITIES: Abilities = Abilities {
    name: "lwIP",
    forwards: true,
    sysctls: &[
        ("net.ipv4.ip_default_ttl", "255"),
        ("net.ipv4.icmp_echo_ignore_all", "0"),
        ("net.ipv4.icmp_echo_ignore_broadcasts", "1"),
        ("net.ipv4.icmp_ratelimit", "0"),
    ],
};

/// lwIP.
pub struct LwipDut(ExecDut);

impl LwipDut {
    /// Builds the program, unless this process did so before, and starts it.
    ///
    /// # Errors
    /// [`DutError::Environment`] without a compiler or the library.
    pub fn new() -> Result<Self, DutError> {
        static PROGRAM: OnceLock<Result<File, String>> = OnceLock::new();
        let program = PROGRAM
            .get_or_init(build)
            .as_ref()
            .map_err(|why| DutError::Environment { what: "lwIP".to_owned(), why: why.clone() })?;
        let path = format!("/proc/{}/fd/{}", std::process::id(), program.as_raw_fd());
        let launch = move || exec::launch(Command::new(&path), BUDGET);
        ExecDut::start("lwip".to_owned(), Box::new(launch), BUDGET).map(Self)
    }
}

impl LwipDut {
    /// What has to be installed before it can be tested; `None` if nothing has.
    pub fn lacking() -> Option<String> {
        let is_there = Path::new(HEADERS).exists();
        (!is_there)
            .then(|| format!("{HEADERS} does not exist; Debian has it in liblwip-dev (`ci/setup duts`)"))
    }
}

/// A folder that is gone when this is.
struct Room(PathBuf);

impl Room {
    fn new() -> std::io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let room = std::env::temp_dir().join(format!("netassay-lwip-{}-{count}", std::process::id()));
        std::fs::create_dir(&room)?;
        Ok(Self(room))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Compiles the program; tells why not.
fn build() -> Result<File, String> {
    if let Some(why) = LwipDut::lacking() {
        return Err(why);
    }
    let room = Room::new().map_err(|error| format!("a folder to build in: {error}"))?;
    for (name, text) in SOURCES {
        std::fs::write(room.0.join(name), text).map_err(|error| format!("{name}: {error}"))?;
    }
    let program = room.0.join("stack");
    let mut compiler = Command::new("cc");
    compiler.args(["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-I", HEADERS, "-o"]);
    compiler.arg(&program).arg(room.0.join("stack.c")).arg("-llwip");
    let Output { status, stderr, .. } = compiler.output().map_err(|error| format!("cc: {error}"))?;
    if !status.success() {
        let said = String::from_utf8_lossy(&stderr);
        let lines: Vec<_> = said.lines().filter(|line| line.contains("error")).take(3).collect();
        return Err(format!("cc: {status}: {}", lines.join(" | ")));
    }
    File::open(&program).map_err(|error| format!("the program: {error}"))
}

impl Dut for LwipDut {
    fn name(&self) -> String {
        self.0.name()
    }

    fn version(&self) -> String {
        self.0.version()
    }

    fn dimensions(&self) -> Dimensions {
        self.0.dimensions()
    }

    fn open(&mut self, scenario: &Scenario) -> Result<(), DutError> {
        ABILITIES.check(scenario)?;
        self.0.open(scenario)
    }

    fn step(&mut self, step: &Step, clock: Clock, observation: &mut Observation) -> Result<(), DutError> {
        self.0.step(step, clock, observation)
    }

    fn counters(&mut self, counters: &mut Counters) -> Result<(), DutError> {
        self.0.counters(counters)
    }

    fn conntrack(&mut self) -> Result<Vec<ConntrackEntry>, DutError> {
        self.0.conntrack()
    }
}
