//! What goes wrong is told clearly, with the exit status that fits, and what was found is kept.

use std::path::Path;
use std::process::{Command, Stdio};

use libtest_mimic::Completion;
use serde_json::Value;

use super::Outcome;
use super::doctor::without_any_privilege;
use super::end::{namespaces_of, wait_for};
use super::room::{Ran, Room, is_root};

/// Arguments for a comparison that needs nothing of the machine.
const WITHOUT_KERNEL: [&str; 4] = ["diff", "--quiet", "--b", "reference"];

fn result(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn garbage_is_named_and_the_rest_compared() -> Outcome {
    let room = Room::new();
    room.capture("ping-plain.pcap");
    room.write("garbage.pcap", b"\x00\x01not a capture at all, but long enough to be one");
    let arguments = [&WITHOUT_KERNEL[..], &["--json", "r.json", "garbage.pcap", "ping-plain.pcap"]].concat();
    Ran::of(&mut room.netassay(&arguments))?.expect(2, &["netassay: ", "garbage.pcap"]);
    let found = result(&room.path("r.json"));
    assert_eq!(found["captures"][1]["agree"], 5, "{found:#}");
    let error = found["captures"][0]["error"].as_str();
    assert!(error.is_some_and(|text| text.contains("garbage.pcap")), "{found:#}");
    Ok(Completion::Completed)
}

pub(crate) fn cut_off_capture_is_used_as_far_as_it_goes() -> Outcome {
    let room = Room::new();
    let whole = std::fs::read(room.capture("ping-plain.pcap"))?;
    room.write("cut.pcap", &whole[..whole.len() - 7]);
    let arguments = [&WITHOUT_KERNEL[..], &["--json", "r.json", "cut.pcap"]].concat();
    Ran::of(&mut room.netassay(&arguments))?.expect(0, &[]);
    let found = result(&room.path("r.json"));
    assert_eq!(found["totals"]["packets"], 9, "{found:#}");
    assert!(found["captures"][0]["notes"].to_string().contains("cut off"), "{found:#}");
    Ok(Completion::Completed)
}

pub(crate) fn typo_in_a_scenario_names_file_and_line() -> Outcome {
    let room = Room::new();
    room.capture("ping-plain.pcap");
    room.write(
        "world.toml",
        "name = 'w'\nrole = 'host'\n\n[[interface]]\nname = 't0'\nadresses = ['10.0.0.1/24']\n",
    );
    let arguments = [&WITHOUT_KERNEL[..], &["--scenario", "world.toml", "ping-plain.pcap"]].concat();
    Ran::of(&mut room.netassay(&arguments))?.expect(2, &["world.toml:6:", "adresses", "addresses"]);
    Ok(Completion::Completed)
}

pub(crate) fn a_stack_that_cannot_be_had_is_a_column_of_the_matrix() -> Outcome {
    let room = Room::new();
    let stacks =
        ["matrix", "--dut", "exec:false", "--dut", "reference", "rfc1122/3.2.2.6", "--json", "m.json"];
    Ran::of(&mut room.netassay(&stacks))?.expect(1, &["[1/2] exec:false", "it ended when asked who it is"]);
    let found = result(&room.path("m.json"));
    let totals = |at: usize| found["runs"][at]["totals"].clone();
    assert_eq!(totals(0)["skipped"], totals(0)["cases"], "{}", totals(0));
    assert!(found["runs"][0]["cases"][0]["why"].to_string().contains("who it is"), "{}", totals(0));
    assert_eq!((totals(1)["skipped"].clone(), totals(1)["unexpected"].clone()), (0.into(), 0.into()));
    Ok(Completion::Completed)
}

pub(crate) fn missing_capture_is_named() -> Outcome {
    let room = Room::new();
    let arguments = [&WITHOUT_KERNEL[..], &["nowhere.pcap"]].concat();
    Ran::of(&mut room.netassay(&arguments))?.expect(2, &["nowhere.pcap: No such file"]);
    Ok(Completion::Completed)
}

pub(crate) fn without_any_privilege_doctor_is_named() -> Outcome {
    let room = Room::new();
    room.capture("ping-plain.pcap");
    let arguments = ["diff", "--quiet", "--json", "r.json", "ping-plain.pcap"];
    let Some(mut command) = without_any_privilege(&room, &arguments) else {
        return Ok(Completion::ignored_with("giving everything up takes user namespaces and setpriv"));
    };
    Ran::of(&mut command)?
        .expect(3, &["linux: a user namespace is not available", "`netassay doctor` says more"]);
    assert!(!room.path("r.json").exists(), "nothing was found, so there is no result");
    Ok(Completion::Completed)
}

pub(crate) fn vanished_device_ends_its_row_only() -> Outcome {
    if !is_root() {
        return Ok(Completion::ignored_with("deleting the device takes root"));
    }
    let room = Room::new();
    room.capture("ping-plain.pcap");
    room.waiting_trace("waiting.pcapng");
    let arguments = ["diff", "--quiet", "--json", "r.json", "waiting.pcapng", "ping-plain.pcap"];
    let mut child = room.netassay(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let is_deleted = wait_for(&mut child, |pid| {
        namespaces_of(pid).iter().any(|(path, _)| {
            let namespace = format!("--net={}", path.display());
            let delete = ["ip", "link", "delete", "t0"];
            Command::new("nsenter").arg(namespace).args(delete).output().is_ok_and(|it| it.status.success())
        })
    });
    if !is_deleted {
        child.kill()?;
    }
    let ran = Ran::new(child.wait_with_output()?);
    if !is_deleted {
        return Ok(Completion::ignored_with(format!(
            "no device could be deleted (nsenter, ip?): {}",
            ran.stderr
        )));
    }
    ran.expect(1, &[]);
    let found = result(&room.path("r.json"));
    let error = found["captures"][0]["error"].as_str().unwrap_or_default();
    assert!(error.starts_with("linux: the DUT is gone: "), "{found:#}");
    assert_eq!(found["captures"][1]["agree"], 5, "{found:#}");
    Ok(Completion::Completed)
}

pub(crate) fn full_device_keeps_the_other_reports() -> Outcome {
    let room = Room::new();
    room.capture("ping-plain.pcap");
    let outputs = ["--json", "/dev/full", "--html", "r.html", "--junit", "r.xml", "ping-plain.pcap"];
    let ran = Ran::of(&mut room.netassay(&[&WITHOUT_KERNEL[..], &outputs].concat()))?;
    ran.expect(3, &["/dev/full: cannot be written: No space left on device"]);
    assert!(ran.stdout.contains("1 trace"), "the summary is out: {ran:#?}");
    for file in ["r.html", "r.xml"] {
        assert!(room.path(file).metadata()?.len() > 100, "{file}");
    }
    Ok(Completion::Completed)
}

pub(crate) fn full_file_system_is_told() -> Outcome {
    let room = Room::new();
    let capture = room.capture("ping-plain.pcap");
    std::fs::create_dir(room.path("small"))?;
    // The page does not fit, the result does.
    let script = "mount -t tmpfs -o size=16k none small; \"$0\" diff --quiet --b reference --out small \"$1\" && exit 9
                  status=$?; cp small/result.json .; exit $status";
    let kind: &[&str] = if is_root() { &["--mount"] } else { &["--user", "--map-root-user", "--mount"] };
    let works = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
    if !works(Command::new("unshare").args(kind).arg("true")) {
        return Ok(Completion::ignored_with(
            "a small file system takes unshare, and root or user namespaces",
        ));
    }
    let mut command = Command::new("unshare");
    command
        .args(kind)
        .args(["sh", "-c", script])
        .arg(room.program())
        .arg(capture)
        .current_dir(room.path("."));
    let ran = Ran::of(&mut command)?;
    ran.expect(3, &["small/report.html: cannot be written: No space left on device"]);
    assert!(ran.stdout.contains("1 trace"), "the summary is out: {ran:#?}");
    assert_eq!(result(&room.path("result.json"))["totals"]["traces"], 1);
    Ok(Completion::Completed)
}
