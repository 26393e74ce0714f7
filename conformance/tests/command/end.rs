//! However a run ends, it leaves nothing behind.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::os::fd::AsRawFd as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use libtest_mimic::Completion;
use netassay::dut::linux::LinuxDut;
use netassay::dut::{Dut as _, DutError};
use netassay::model::scenario_file;

use super::Outcome;
use super::room::{Ran, Room};

/// Network namespaces that process `pid` has open but is not in: where, and which.
pub(crate) fn namespaces_of(pid: u32) -> BTreeMap<PathBuf, String> {
    let own = fs::read_link("/proc/self/ns/net").unwrap_or_default();
    let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else { return BTreeMap::new() };
    let namespaces = open.flatten().filter_map(|entry| {
        let target = fs::read_link(entry.path()).ok().filter(|target| *target != own)?;
        let name = target.to_str()?.to_owned();
        name.starts_with("net:[").then(|| (entry.path(), name))
    });
    namespaces.collect()
}

/// Tries `event` with the number of the process until it has come about; `false` if the process ended first.
pub(crate) fn wait_for(child: &mut Child, mut event: impl FnMut(u32) -> bool) -> bool {
    loop {
        if event(child.id()) {
            return true;
        }
        if !matches!(child.try_wait(), Ok(None)) {
            return false;
        }
        std::thread::yield_now();
    }
}

/// A network namespace, kept by this test so that no other gets its number.
struct Kept {
    name: String,
    _namespace: File,
}

impl Kept {
    fn new((path, name): (PathBuf, String)) -> Option<Self> {
        Some(Self { _namespace: File::open(path).ok()?, name })
    }
}

/// Whether any process but this one runs `program` or has one of `namespaces` open or is in it.
fn is_left(program: &Path, namespaces: &[Kept]) -> Option<String> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    for process in processes.map(|entry| entry.path()) {
        let Some(pid) = process.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()) else {
            continue;
        };
        if fs::read_link(process.join("exe")).is_ok_and(|exe| exe == program) {
            return Some(format!("process {pid} still runs"));
        }
        let is_in = |kept: &&Kept| {
            fs::read_link(process.join("ns/net")).is_ok_and(|target| target == Path::new(&kept.name))
                || namespaces_of(pid).values().any(|open| *open == kept.name)
        };
        // A process that another test is about to start still looks like this one, descriptors included.
        let is_this = fs::read_link(process.join("exe")).ok() == fs::read_link("/proc/self/exe").ok();
        if !is_this && let Some(kept) = namespaces.iter().find(is_in) {
            return Some(format!("process {pid} has {}", kept.name));
        }
    }
    None
}

/// Starts a run of a quick capture and of one that waits for an hour, and comes back when the second one has begun.
/// `None` if there is no live kernel.
fn waiting_run(room: &Room, as_nobody: bool) -> Result<Option<(Child, Vec<Kept>)>, libtest_mimic::Failed> {
    room.capture("ping-plain.pcap");
    room.waiting_trace("waiting.pcapng");
    let arguments = ["diff", "--json", "r.json", "ping-plain.pcap", "waiting.pcapng"];
    let mut command = if as_nobody { room.netassay_as_nobody(&arguments) } else { room.netassay(&arguments) };
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut stderr = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut line = String::new();
    while stderr.read_line(&mut line)? > 0 && !line.contains("[1/2] ping-plain.pcap") {}
    if !line.contains("[1/2] ping-plain.pcap") {
        let status = child.wait()?;
        return if status.code() == Some(3) { Ok(None) } else { Err(format!("{status}: {line}").into()) };
    }
    child.stderr = Some(stderr.into_inner());
    let namespaces = namespaces_of(child.id()).into_iter().filter_map(Kept::new).collect();
    Ok(Some((child, namespaces)))
}

fn no_kernel() -> Completion {
    Completion::ignored_with("the live kernel cannot be used here, see `netassay doctor`")
}

pub(crate) fn interrupted_run_keeps_what_is_done() -> Outcome {
    for (as_nobody, signal) in [(false, "-INT"), (false, "-TERM"), (true, "-INT")] {
        let room = Room::new();
        let Some((child, namespaces)) = waiting_run(&room, as_nobody)? else { return Ok(no_kernel()) };
        Command::new("kill").args([signal, &child.id().to_string()]).status()?;
        let ran = Ran::new(child.wait_with_output()?);
        ran.expect(130, &[]);
        let found: serde_json::Value = serde_json::from_slice(&fs::read(room.path("r.json"))?)?;
        assert_eq!(found["captures"][0]["agree"], 5, "{found:#}");
        assert!(ran.stdout.contains("trace"), "the summary is out: {ran:#?}");
        assert_eq!(is_left(&room.program(), &namespaces), None);
    }
    Ok(Completion::Completed)
}

pub(crate) fn killed_run_leaves_nothing() -> Outcome {
    for as_nobody in [false, true] {
        let room = Room::new();
        let Some((mut child, namespaces)) = waiting_run(&room, as_nobody)? else { return Ok(no_kernel()) };
        child.kill()?;
        assert_eq!(child.wait()?.signal(), Some(9));
        // Helpers notice that their other end is gone, whenever it is their turn.
        while is_left(&room.program(), &namespaces).is_some() {
            std::thread::yield_now();
        }
    }
    Ok(Completion::Completed)
}

pub(crate) fn panic_leaves_nothing() -> Outcome {
    let (sender, receiver) = std::sync::mpsc::channel();
    let run = move || {
        let mut dut = LinuxDut::new();
        let opened = dut.open(&scenario_file::by_name("host").expect("is built in").scenario());
        let namespace = dut.namespace().and_then(|namespace| {
            let path = PathBuf::from(format!("/proc/self/fd/{}", namespace.as_raw_fd()));
            let name = fs::read_link(&path).ok()?.to_str()?.to_owned();
            Kept::new((path, name))
        });
        sender.send(opened.map(|()| namespace)).expect("somebody waits for it");
        std::panic::resume_unwind(Box::new("a panic on purpose, in silence"));
    };
    assert!(std::thread::spawn(run).join().is_err());
    let namespace = match receiver.recv()? {
        Ok(namespace) => namespace.ok_or("an open DUT has a namespace")?,
        Err(error @ DutError::Environment { .. }) => return Ok(Completion::ignored_with(error.to_string())),
        Err(error) => return Err(error.into()),
    };
    // Worlds are taken apart by another thread. What is left in the end is what this test keeps.
    while namespaces_of(std::process::id()).values().filter(|open| **open == namespace.name).count() > 1 {
        std::thread::yield_now();
    }
    Ok(Completion::Completed)
}
