//! A running program: what it says besides, and its end.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::dut::linux::kill_group;

/// Octets of the program's last words that are kept.
const LAST_WORDS: usize = 4096;
/// How long a program may take to end once it is told to, before it is killed.
const GRACE: Duration = Duration::from_secs(1);

/// A program that was started.
#[derive(Debug)]
pub(in crate::dut) struct Program {
    child: Child,
    words: Arc<Mutex<Vec<u8>>>,
    /// Told nothing, but closed when the program has closed its outputs.
    silence: Receiver<()>,
    has_ended: bool,
}

/// Which of the outputs of a program are kept as its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dut) enum Outputs {
    /// Standard output and standard error.
    Both,
    /// Standard error; standard output is somebody else's.
    Error,
}

impl Program {
    /// Starts `command` in a process group of its own, so that Ctrl-C is the harness's alone to deal with.
    pub(in crate::dut) fn start(mut command: Command, outputs: Outputs) -> io::Result<Self> {
        let (mut reader, writer) = io::pipe()?;
        if outputs == Outputs::Both {
            command.stdout(writer.try_clone()?);
        }
        command.stderr(writer).process_group(0);
        let child = command.spawn()?;
        // With it go our own ends of the pipe and of whatever else was handed over.
        drop(command);
        let words = Arc::new(Mutex::new(Vec::new()));
        let (end, silence) = channel();
        let kept = Arc::clone(&words);
        std::thread::spawn(move || {
            let mut part = [0; 1024];
            while let Ok(len @ 1..) = reader.read(&mut part) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(&part[..len]);
                let surplus = kept.len().saturating_sub(LAST_WORDS);
                kept.drain(..surplus);
            }
            drop(end);
        });
        Ok(Self { child, words, silence, has_ended: false })
    }

    /// Waits for the end of the program, or kills it, and tells how it ended and its last words.
    pub(in crate::dut) fn end(&mut self) -> String {
        let is_silent = self.silence.recv_timeout(GRACE) != Err(RecvTimeoutError::Timeout);
        // Whoever is silent has ended or is about to; this is for those that are not, and for what they started.
        kill_group(self.child.id());
        let status = match self.child.wait() {
            Ok(status) if is_silent => status.to_string(),
            _ => "killed".to_owned(),
        };
        self.has_ended = true;
        let words = self.words();
        if words.is_empty() { status } else { format!("{status}; its last words: {words}") }
    }

    /// What the program said last, at most three lines, on one line.
    pub(in crate::dut) fn words(&self) -> String {
        let words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&words);
        let lines: Vec<_> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        lines[lines.len().saturating_sub(3)..].join(" | ")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if !self.has_ended {
            self.end();
        }
    }
}
