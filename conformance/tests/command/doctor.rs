//! `netassay doctor` where something is really missing: covered by an empty file system, or given up.

use std::process::Command;

use libtest_mimic::Completion;

use super::Outcome;
use super::room::{Ran, Room, is_root};

/// Runs a shell script in a mount namespace of its own, where `$0` is the command.
fn after(script: &str, room: &Room) -> Option<Command> {
    let works = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
    if !is_root() || !works(Command::new("unshare").args(["--mount", "true"])) {
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-e", "-c", script]).arg(room.program());
    Some(command)
}

fn no_mounts() -> Completion {
    Completion::ignored_with("covering something takes root and unshare")
}

/// Runs `script`, which ends in running the doctor, and expects this.
fn expect(script: &str, status: i32, parts: &[&str]) -> Outcome {
    let room = Room::new();
    let Some(mut command) = after(script, &room) else { return Ok(no_mounts()) };
    let ran = Ran::of(&mut command)?;
    assert_eq!(ran.status, Some(status), "{ran:#?}");
    for part in parts {
        assert!(ran.stdout.contains(part), "no `{part}` in {ran:#?}");
    }
    Ok(Completion::Completed)
}

pub(crate) fn speaks_to_nobody() -> Outcome {
    let room = Room::new();
    let ran = Ran::of(&mut room.netassay_as_nobody(&["doctor", "--json", "found.json"]))?;
    assert!(ran.stdout.contains("missing   network namespaces with own privilege"), "{ran:#?}");
    assert!(ran.stdout.contains("remedy: run as root"), "{ran:#?}");
    let found: serde_json::Value = serde_json::from_slice(&std::fs::read(room.path("found.json"))?)?;
    assert_eq!(ran.status, Some(if found["usable"] == true { 0 } else { 3 }), "{ran:#?}");
    Ok(Completion::Completed)
}

pub(crate) fn without_tun() -> Outcome {
    expect(
        "mount -t tmpfs none /dev/net; exec \"$0\" doctor",
        0,
        &[
            "missing   TUN and TAP devices: there is no /dev/net/tun",
            "virtual Ethernet pairs take their place",
            "modprobe tun",
        ],
    )
}

pub(crate) fn without_types() -> Outcome {
    expect(
        "[ ! -e /sys/kernel/btf ] || mount -t tmpfs none /sys/kernel/btf; exec \"$0\" doctor",
        0,
        &[
            "missing   kernel type information (BTF)",
            "CONFIG_DEBUG_INFO_BTF",
            "missing   BPF tracing programs",
        ],
    )
}

pub(crate) fn without_nft() -> Outcome {
    expect(
        "for nft in $(command -v nft || true) /usr/sbin/nft /sbin/nft; do
             [ ! -e $nft ] || mount --bind /dev/null $nft
         done; exec \"$0\" doctor",
        0,
        &["missing   nft program", "install the package nftables", "conntrack: no: there is no nft"],
    )
}

pub(crate) fn without_trace_file_system() -> Outcome {
    expect(
        "mount -t tmpfs none /sys/kernel; exec \"$0\" doctor --strict",
        3,
        &["missing   trace file system", "mount -t tracefs", "drops: no: neither BPF programs nor"],
    )
}

/// Nobody, in a user namespace that allows no other: as on systems that forbid them.
pub(crate) fn without_user_namespaces() -> Outcome {
    let room = Room::new();
    let Some(mut command) = without_any_privilege(&room, &["doctor"]) else {
        return Ok(Completion::ignored_with("giving everything up takes user namespaces and setpriv"));
    };
    let ran = Ran::of(&mut command)?;
    assert_eq!(ran.status, Some(3), "{ran:#?}");
    for part in
        ["BLOCKING  user namespaces", "as root: sysctl -w user.max_user_namespaces=16384", "recorded:DIR"]
    {
        assert!(ran.stdout.contains(part), "no `{part}` in {ran:#?}");
    }
    Ok(Completion::Completed)
}

/// The command where it may make no namespace of any kind; `None` if even this cannot be brought about.
pub(crate) fn without_any_privilege(room: &Room, arguments: &[&str]) -> Option<Command> {
    const GIVE_UP: [&str; 4] =
        ["--inh-caps=-all", "--bounding-set=-all", "--ambient-caps=-all", "--no-new-privs"];
    let script = format!(
        "echo 0 >/proc/sys/user/max_user_namespaces; exec setpriv {} \"$0\" \"$@\"",
        GIVE_UP.join(" ")
    );
    let prepared = |program: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "sh", "-e", "-c", &script, program]);
        command
    };
    let works = prepared("true").output().is_ok_and(|output| output.status.success());
    works.then(|| {
        let mut command = prepared(room.program().to_str().expect("the path is text"));
        command.args(arguments).current_dir(room.path("."));
        command
    })
}
