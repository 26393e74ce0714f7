//! Drop reasons as text from a trace instance of our own: the way for machines where BPF is not allowed.
//!
//! The kernel formats and we parse a line for every dropped packet of the thread that takes the steps. What happens in
//! interrupts of other threads, such as fragments that time out, is not seen.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::model::Drop as PacketDrop;

/// Where the trace file system may be.
pub(super) const MOUNTS: &[&str] = &["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// What our instances are called, before the process number and a serial number.
const PREFIX: &str = "netassay-";

/// The instances that this process has made and not removed yet.
static INSTANCES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes every trace instance of this process: for a handler of Ctrl-C, after which nothing is dropped any more.
pub(super) fn remove_all() {
    let instances = std::mem::take(&mut *INSTANCES.lock().unwrap_or_else(PoisonError::into_inner));
    for instance in instances {
        remove(&instance);
    }
}

/// Ends the tracing of an instance and removes it. Whoever still reads it keeps it alive, so that comes first.
fn remove(instance: &Path) {
    // The instance may be gone already, and there is nobody to tell.
    let _ = fs::write(instance.join("events/skb/kfree_skb/enable"), "0");
    let _ = fs::remove_dir(instance);
}

/// A trace instance that sees the packets which one thread drops.
#[derive(Debug)]
pub(super) struct Tracefs {
    directory: PathBuf,
    /// `None` once it is closed.
    pipe: Option<File>,
    /// The thread that is watched.
    thread: u32,
    buffer: Vec<u8>,
}

impl Tracefs {
    /// Makes an instance; on failure says what stood in the way.
    pub(super) fn new() -> Result<Self, String> {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let mount = MOUNTS.iter().find(|mount| Path::new(mount).join("instances").is_dir());
        let instances = mount.ok_or("there is no trace file system")?;
        let instances = Path::new(instances).join("instances");
        remove_orphans(&instances);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let directory = instances.join(format!("{PREFIX}{}-{serial}", std::process::id()));
        fs::create_dir(&directory).map_err(|error| format!("making {}: {error}", directory.display()))?;
        INSTANCES.lock().unwrap_or_else(PoisonError::into_inner).push(directory.clone());
        let mut tracefs = Self { directory, pipe: None, thread: 0, buffer: vec![0; 1 << 16] };
        // An error from here on removes the instance again, by `drop`.
        tracefs.start().map_err(|error| format!("setting up {}: {error}", tracefs.directory.display()))?;
        Ok(tracefs)
    }

    fn start(&mut self) -> io::Result<()> {
        fs::write(self.directory.join("events/skb/kfree_skb/filter"), "protocol == 0x0800")?;
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(libc::O_NONBLOCK);
        self.pipe = Some(options.open(self.directory.join("trace_pipe"))?);
        Ok(())
    }

    /// A step of `thread` begins.
    pub(super) fn begin(&mut self, thread: u32) -> io::Result<()> {
        if thread != self.thread {
            fs::write(self.directory.join("set_event_pid"), thread.to_string())?;
            fs::write(self.directory.join("events/skb/kfree_skb/enable"), "1")?;
            self.thread = thread;
        }
        // What the thread did since the last step is no concern of the DUT.
        self.take_drops(&mut Vec::new())
    }

    /// Appends the drops since the last call.
    pub(super) fn take_drops(&mut self, drops: &mut Vec<PacketDrop>) -> io::Result<()> {
        let Some(pipe) = &mut self.pipe else { return Ok(()) };
        loop {
            match pipe.read(&mut self.buffer) {
                Ok(0) => return Ok(()),
                // One read gives whole lines.
                Ok(len) => {
                    for line in String::from_utf8_lossy(&self.buffer[..len]).lines() {
                        match parse(line) {
                            Line::Drop(drop) => drops.push(drop),
                            Line::Lost => {
                                return Err(io::Error::other("the trace buffer was too small for all drops"));
                            }
                            Line::Other => {}
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

impl std::ops::Drop for Tracefs {
    fn drop(&mut self) {
        self.pipe = None;
        INSTANCES.lock().unwrap_or_else(PoisonError::into_inner).retain(|other| *other != self.directory);
        remove(&self.directory);
    }
}

/// Removes instances whose process was killed before it could.
fn remove_orphans(instances: &Path) {
    let Ok(entries) = fs::read_dir(instances) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next());
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            remove(&entry.path());
        }
    }
}

/// What a line of a trace tells.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Drop(PacketDrop),
    /// Events before this line were overwritten before they were read.
    Lost,
    Other,
}

/// Reads a line such as `… kfree_skb: … protocol=2048 location=ip_rcv_core+0x1a/0x2b0 reason: IP_CSUM`.
fn parse(line: &str) -> Line {
    if line.starts_with("CPU:") && line.contains("[LOST ") {
        return Line::Lost;
    }
    let Some((_, reason)) = line.split_once("reason: ") else { return Line::Other };
    let location = line.split_once("location=").and_then(|(_, rest)| rest.split([' ', '+']).next());
    Line::Drop(PacketDrop {
        reason: reason.trim().to_owned().into(),
        location: location.map(|location| location.to_owned().into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_give_reason_and_place() {
        let line = " netassay-1234 [001] ..s1. 7.25: kfree_skb: skbaddr=00000000a rx_sk=(nil) protocol=2048 \
                    location=ip_rcv_core+0x1a/0x2b0 reason: IP_CSUM";
        let drop = PacketDrop { reason: "IP_CSUM".into(), location: Some("ip_rcv_core".into()) };
        assert_eq!(parse(line), Line::Drop(drop));
        assert_eq!(parse("CPU:1 [LOST 3 EVENTS]"), Line::Lost);
        assert_eq!(parse("# tracer: nop"), Line::Other);
    }
}
