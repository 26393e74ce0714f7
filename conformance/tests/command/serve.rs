//! `netassay serve`, used by programs that know nothing of it, in a network namespace of its own.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use libtest_mimic::{Completion, Failed};

use super::Outcome;
use super::room::{Room, is_root};

/// The command serving the scenario `host`; ended when the test is over.
struct Served {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
}

impl Served {
    /// `Err` with the reason if the machine does not allow it.
    fn start(room: &Room) -> Result<Result<Self, String>, Failed> {
        let own: &[&str] = if is_root() { &["--net"] } else { &["--user", "--map-root-user", "--net"] };
        let mut command = Command::new("unshare");
        command.args(own).arg(room.program()).args(["serve", "--tun", "s0"]);
        let spawned = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let Ok(mut child) = spawned else { return Ok(Err("it takes unshare".to_owned())) };
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        if line == "s0: t0 of scenario host at 10.0.0.1/24, seen from 10.0.0.2\n" {
            return Ok(Ok(Self { child, stdout }));
        }
        let output = child.wait_with_output()?;
        let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        // The exit status is 1 if namespaces cannot be made: that of unshare.
        if matches!(output.status.code(), Some(1 | 3)) {
            Ok(Err(why))
        } else {
            Err(format!("{line}{why}").into())
        }
    }

    /// What `program` says in the namespace; `None` if there is no such program.
    fn run(&self, program: &str, arguments: &[&str]) -> Result<Option<String>, Failed> {
        let found = Command::new(program).arg("--version").output();
        if found.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
            return Ok(None);
        }
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.child.id().to_string(), "--net"]);
        if !is_root() {
            command.args(["--user", "--preserve-credentials"]);
        }
        let output = command.arg(program).args(arguments).output()?;
        let text = [output.stdout, output.stderr].concat();
        Ok(Some(String::from_utf8_lossy(&text).into_owned()))
    }

    /// Ends it as Ctrl-C does, and gives what it says then.
    fn end(mut self) -> Result<String, Failed> {
        Command::new("kill").args(["-INT", &self.child.id().to_string()]).status()?;
        let mut said = String::new();
        self.stdout.read_to_string(&mut said)?;
        assert!(self.child.wait()?.success(), "{said}");
        Ok(said)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `program` with each of the lists of arguments and expects what stands beside.
fn expect(program: &str, uses: &[(&[&str], &[&str])]) -> Outcome {
    let room = Room::new();
    let served = match Served::start(&room)? {
        Ok(served) => served,
        Err(why) => return Ok(Completion::ignored_with(why)),
    };
    for (arguments, parts) in uses {
        let Some(said) = served.run(program, arguments)? else {
            return Ok(Completion::ignored_with(format!("there is no {program}")));
        };
        for part in *parts {
            assert!(said.contains(part), "no `{part}` in the answer to {program} {arguments:?}:\n{said}");
        }
    }
    let said = served.end()?;
    assert!(said.contains(" datagrams received, ") && !said.starts_with("0 "), "{said}");
    Ok(Completion::Completed)
}

pub(crate) fn ping() -> Outcome {
    const ALL: &str = " 0% packet loss";
    expect(
        "ping",
        &[
            (&["-n", "-c", "3", "-i", "0.01", "10.0.0.1"], &["3 received", ALL, "ttl=64"]),
            // In fragments, both ways.
            (&["-n", "-c", "2", "-i", "0.01", "-s", "8000", "10.0.0.1"], &["8008 bytes from 10.0.0.1", ALL]),
            (&["-n", "-c", "1", "-R", "10.0.0.1"], &["RR: \t10.0.0.2\n\t10.0.0.1", ALL]),
            (&["-n", "-q", "-c", "500", "-f", "10.0.0.1"], &["500 received"]),
        ],
    )
}

pub(crate) fn traceroute() -> Outcome {
    expect("traceroute", &[(&["-n", "-q", "1", "10.0.0.1"], &[" 1  10.0.0.1  "])])
}

pub(crate) fn nmap() -> Outcome {
    let (udp, protocols) = (["-n", "-sU", "-p", "7", "10.0.0.1"], ["-n", "-sO", "-p", "1,99", "10.0.0.1"]);
    let closed: &[&str] = &["7/udp closed"];
    expect("nmap", &[(&udp, closed), (&protocols, &["1        open   icmp", "99       closed"])])
}
