//! A folder for a test, and the command in it.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use libtest_mimic::Failed;
use netassay::capture::trace_file::write_trace;
use netassay::model::{Action, Step, Trace, scenario_file};

/// User and group number of nobody, who has no privilege at all.
pub(crate) const NOBODY: u32 = 65_534;

/// The command that rooms link to.
static STOCK: OnceLock<PathBuf> = OnceLock::new();

/// A folder that everybody may write into, removed when the test is over.
pub(crate) struct Room(PathBuf);

impl Room {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("netassay-command-{}-{number}", std::process::id()));
        fs::create_dir(&path).expect("the folder is new");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).expect("it is ours");
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        fs::write(self.path(name), content).expect("the folder is writable");
        self.path(name)
    }

    /// A capture of the corpus, for eyes that may not see the checkout.
    pub(crate) fn capture(&self, name: &str) -> PathBuf {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/captures");
        fs::copy(corpus.join(name), self.path(name)).expect("the capture is there");
        self.path(name)
    }

    /// Copies the command where rooms can link to it. To be called once, while there is one thread: a file that is open
    /// for writing cannot be executed, and another thread's child would inherit it open.
    pub(crate) fn stock() -> Self {
        let room = Self::new();
        let path = room.path("netassay");
        fs::copy(env!("CARGO_BIN_EXE_netassay"), &path).expect("the command is built");
        assert!(STOCK.set(path).is_ok(), "stocked once");
        room
    }

    /// The command under a path that no other process has.
    pub(crate) fn program(&self) -> PathBuf {
        let path = self.path("netassay");
        if !path.exists() {
            fs::hard_link(STOCK.get().expect("main stocked it"), &path).expect("both lie in one folder");
        }
        path
    }

    /// The command, to be run in the folder.
    pub(crate) fn netassay(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.program());
        command.args(arguments).current_dir(&self.0);
        command
    }

    /// The same for somebody without any privilege.
    pub(crate) fn netassay_as_nobody(&self, arguments: &[&str]) -> Command {
        let mut command = self.netassay(arguments);
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// A trace that hands a datagram to a host and then waits for an hour.
    pub(crate) fn waiting_trace(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        let scenario = scenario_file::by_name("host").expect("is built in").scenario();
        let octets = [
            0x45, 0, 0, 28, 0, 1, 0, 0, 64, 1, 0x66, 0xdc, 10, 0, 0, 2, 10, 0, 0, 1, 8, 0, 0xf7, 0xfe, 0, 0,
            0, 1,
        ];
        let inject = Action::Inject { interface: 0, frame: octets.to_vec() };
        let step = |at, action| Step { at: Duration::from_secs(at), action, packet: 0, comment: None };
        let steps = vec![step(0, inject), step(3600, Action::Advance)];
        let trace = Trace { name: "waiting".to_owned(), scenario: scenario.into(), steps };
        write_trace(&path, &trace).expect("the folder is writable");
        path
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// What a run of the command came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(command: &mut Command) -> Result<Self, Failed> {
        Ok(Self::new(command.output()?))
    }

    pub(crate) fn new(output: Output) -> Self {
        Self {
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[track_caller]
    pub(crate) fn expect(&self, status: i32, stderr: &[&str]) {
        assert_eq!(self.status, Some(status), "{self:#?}");
        for part in stderr {
            assert!(self.stderr.contains(part), "no `{part}` in {self:#?}");
        }
    }
}
