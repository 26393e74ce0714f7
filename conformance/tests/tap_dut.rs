//! A stack behind interfaces that are there already: a kernel in a namespace of its own at the far ends of virtual
//! Ethernet pairs. Without privilege all of it happens in a user namespace.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use netassay::differential::compare::Difference;
use netassay::differential::pairing::{Drive, Finding, Listener, Replay, StepList};
use netassay::dut::reference::ReferenceDut;
use netassay::dut::tap::TapDut;
use netassay::dut::{Clock, Dut, DutError};
use netassay::model::{Action, Observation, Scenario, Step, scenario_file};
use netassay_stack::config::Profile;

/// Says that this process is already where the tests run, and as whom.
const INSIDE: &str = "NETASSAY_TAP_TEST_INSIDE";

/// A stack that works answers long before; one that does not has this long.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    if std::env::var_os(INSIDE).is_none() {
        if let Err(why) = go_inside() {
            ignore_all(&why);
        }
        return;
    }
    let mut arguments = Arguments::from_args();
    // They all make devices of the same names.
    arguments.test_threads = Some(1);
    let tests: [(&str, Body); 5] = [
        ("it_does_as_the_reference_does", it_does_as_the_reference_does),
        ("ethernet_addresses_are_the_scenarios", ethernet_addresses_are_the_scenarios),
        ("a_router_forwards_within_the_step", a_router_forwards_within_the_step),
        ("a_stack_without_the_address_is_unsupported", a_stack_without_the_address_is_unsupported),
        ("a_dead_stack_is_gone", a_dead_stack_is_gone),
    ];
    let trials = tests.map(|(name, body)| Trial::test(name, move || body().map_err(Failed::from)));
    libtest_mimic::run(&arguments, trials.into()).exit();
}

type Body = fn() -> Result<(), DutError>;

/// Becomes the same program in a network namespace of its own; returns only if that is not possible, and why.
fn go_inside() -> Result<(), String> {
    let ways = [&["-n"][..], &["-r", "-n"]];
    for way in ways {
        let works = Command::new("unshare").args(way).args(["ip", "link", "set", "lo", "up"]).output();
        match works {
            Err(error) => return Err(format!("unshare: {error}")),
            Ok(output) if !output.status.success() => {}
            Ok(_) => {
                let test = std::env::current_exe().map_err(|error| error.to_string())?;
                let mut command = Command::new("unshare");
                command.args(way).arg(test).args(std::env::args_os().skip(1)).env(INSIDE, "1");
                return Err(command.exec().to_string());
            }
        }
    }
    Err("network namespaces may not be made here".to_owned())
}

fn ignore_all(why: &str) {
    let why = why.to_owned();
    let trial =
        Trial::ignorable_test("stacks_behind_interfaces", move || Ok(Completion::ignored_with(why.clone())));
    libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit();
}

/// A kernel in a namespace of its own, connected by pairs `ours0`–`far0`, …
struct Kernel {
    process: Child,
    /// The namespace lives until this is closed.
    _life: Option<ChildStdin>,
    count: usize,
}

impl Kernel {
    fn with_addresses(addresses: &[&str]) -> Self {
        let mut process = Command::new("unshare")
            .args(["-n", "sh", "-c", "echo ready; exec cat >/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let life = process.stdin.take();
        let kernel = Self { process, _life: life, count: addresses.len() };
        kernel.run("ip link set lo up");
        for (number, address) in addresses.iter().enumerate() {
            let (ours, far) = (format!("ours{number}"), format!("far{number}"));
            let pid = kernel.process.id();
            shell(&format!(
                "ip link add {ours} type veth peer name {far} netns {pid} && ip link set {ours} up"
            ));
            kernel.run(&format!("ip link set {far} up && ip address add {address} dev {far}"));
        }
        kernel
    }

    /// Runs a line of shell where the kernel is.
    fn run(&self, line: &str) {
        shell(&format!("nsenter -t {} -n sh -c '{line}'", self.process.id()));
    }

    fn names(&self) -> Vec<String> {
        (0..self.count).map(|number| format!("ours{number}")).collect()
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        for name in self.names() {
            shell(&format!("ip link delete {name}"));
        }
        self._life = None;
        self.process.wait().unwrap();
    }
}

#[track_caller]
fn shell(line: &str) {
    let mut child = Command::new("sh").args(["-c", line]).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success(), "{line}: {said}");
}

/// Echo request from 10.0.0.2 to 10.0.0.1.
const ECHO: [u8; 28] =
    [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0x66, 0xdf, 10, 0, 0, 2, 10, 0, 0, 1, 8, 0, 0xf7, 0xfd, 0, 1, 0, 1];
/// UDP from 10.0.0.2 to port 9 of 10.0.0.1, without a checksum.
const UDP: [u8; 28] =
    [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0x66, 0xcf, 10, 0, 0, 2, 10, 0, 0, 1, 0, 7, 0, 9, 0, 8, 0, 0];

fn named(name: &str) -> Scenario {
    scenario_file::NAMED.iter().find(|named| named.name == name).unwrap().scenario()
}

fn inject(interface: usize, frame: &[u8]) -> Step {
    let action = Action::Inject { interface, frame: frame.to_vec() };
    Step { at: Duration::ZERO, action, packet: 0, comment: None }
}

fn observe(dut: &mut TapDut, step: &Step) -> Result<Observation, DutError> {
    let mut observation = Observation::default();
    dut.step(step, Clock::default(), &mut observation).map(|()| observation)
}

#[derive(Default)]
struct Found(Vec<Difference>);

impl Listener for Found {
    fn found(&mut self, finding: &Finding<'_>) {
        self.0.extend_from_slice(finding.differences);
    }
}

fn it_does_as_the_reference_does() -> Result<(), DutError> {
    let kernel = Kernel::with_addresses(&["10.0.0.1/24"]);
    kernel.run("ip route add default via 10.0.0.2");
    let mut dut = TapDut::with_budget(&kernel.names(), PATIENCE)?;
    let mut off_link = ECHO;
    // From 192.0.2.2, so that the answer goes by the gateway; the checksum follows.
    (off_link[12], off_link[13], off_link[14], off_link[10], off_link[11]) = (192, 0, 2, 0xae, 0xde);
    let advance = Step { at: Duration::from_millis(50), action: Action::Advance, packet: 0, comment: None };
    let steps = [
        inject(0, &ECHO),
        inject(0, &UDP),
        inject(0, &off_link),
        inject(0, &[0x45; 20]),
        inject(0, &ECHO[..27]),
        advance,
        inject(0, &ECHO),
    ];
    let mut reference = ReferenceDut::new(Profile::Linux);
    let (mut found, stop) = (Found::default(), AtomicBool::new(false));
    let drive = Drive::new(&mut reference, &mut dut);
    let dimensions = drive.dimensions();
    let mut list = StepList::new(&steps);
    let replayed = Replay::new(drive).run(&named("host"), dimensions, &mut list, &mut found, &stop);
    assert!(replayed.error.is_none(), "{:?}", replayed.error);
    assert_eq!((found.0, replayed.compared), (Vec::new(), steps.len() as u64));
    Ok(())
}

fn ethernet_addresses_are_the_scenarios() -> Result<(), DutError> {
    let kernel = Kernel::with_addresses(&["10.0.0.1/24"]);
    let mut dut = TapDut::with_budget(&kernel.names(), PATIENCE)?;
    dut.open(&named("host-ethernet"))?;
    let to_it = [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 8, 8, 0][..], &ECHO].concat();
    let frames = observe(&mut dut, &inject(0, &to_it))?.frames;
    assert_eq!(frames[0].octets[..14], [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1, 8, 0]);
    let to_another = [&[2, 0, 0, 0, 0, 7, 2, 0, 0, 0, 0, 8, 8, 0][..], &ECHO].concat();
    assert_eq!(observe(&mut dut, &inject(0, &to_another))?, Observation::default());
    assert_eq!(observe(&mut dut, &inject(0, &[0; 13]))?.refused.as_deref(), Some("EINVAL"));
    Ok(())
}

fn a_router_forwards_within_the_step() -> Result<(), DutError> {
    let kernel = Kernel::with_addresses(&["10.0.0.1/24", "10.1.0.1/24"]);
    kernel.run("echo 1 >/proc/sys/net/ipv4/ip_forward");
    let mut dut = TapDut::with_budget(&kernel.names(), PATIENCE)?;
    dut.open(&named("router"))?;
    let mut through = ECHO;
    // To 10.1.0.9.
    (through[17], through[19], through[11]) = (1, 9, 0xd6);
    through[10] = 0x66;
    for _ in 0..20 {
        let frames = observe(&mut dut, &inject(0, &through))?.frames;
        assert_eq!(frames.len(), 1);
        assert_eq!((frames[0].interface, frames[0].octets[8], frames[0].octets.len()), (1, 63, 28));
    }
    Ok(())
}

fn a_stack_without_the_address_is_unsupported() -> Result<(), DutError> {
    let kernel = Kernel::with_addresses(&["10.0.0.7/24"]);
    let mut dut = TapDut::with_budget(&kernel.names(), Duration::from_secs(1))?;
    let why = dut.open(&named("host")).unwrap_err().to_string();
    assert!(why.contains("nobody behind ours0 says that it has 10.0.0.1"), "{why}");
    for unsupported in ["router", "host-sockets", "nat", "host-answers-broadcast"] {
        assert!(matches!(dut.open(&named(unsupported)), Err(DutError::Unsupported(_))), "{unsupported}");
    }
    assert!(matches!(TapDut::new(&["nowhere".to_owned()]), Err(DutError::Environment { .. })));
    Ok(())
}

fn a_dead_stack_is_gone() -> Result<(), DutError> {
    let kernel = Kernel::with_addresses(&["10.0.0.1/24"]);
    let mut dut = TapDut::with_budget(&kernel.names(), Duration::from_secs(10))?;
    dut.open(&named("host"))?;
    kernel.run("echo 1 >/proc/sys/net/ipv4/icmp_echo_ignore_all");
    let why = observe(&mut dut, &inject(0, &UDP)).unwrap_err();
    assert_eq!(why.to_string(), "the DUT is gone: no echo reply came from ours0 within 10s");
    Ok(())
}
