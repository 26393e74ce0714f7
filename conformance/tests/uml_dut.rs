//! User-mode Linux as a DUT, where the package is.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use netassay::differential::compare::Difference;
use netassay::differential::pairing::{Drive, Finding, Listener, Replay, StepList};
use netassay::dut::reference::ReferenceDut;
use netassay::dut::uml::UmlDut;
use netassay::dut::{Clock, Dut, DutError};
use netassay::model::{
    Action, CounterId, Counters, Dimension, Dimensions, Observation, Scenario, SocketAction, Step,
    scenario_file,
};
use netassay_stack::config::Profile;

type Body = fn(&mut UmlDut) -> Result<(), DutError>;

/// A machine for each, and one after the other: each takes seconds to boot and a good part of the memory.
const TESTS: &[(&str, Body)] = &[
    ("it_is_another_kernel", it_is_another_kernel),
    ("it_does_as_the_reference_does", it_does_as_the_reference_does),
    ("reopening_forgets_everything", reopening_forgets_everything),
    ("connections_are_tracked_and_translated", connections_are_tracked_and_translated),
    ("time_passes_by_its_own_clock", time_passes_by_its_own_clock),
];

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(1);
    let mut trials: Vec<_> =
        TESTS.iter().map(|&(name, body)| Trial::ignorable_test(name, move || run(body))).collect();
    trials.push(Trial::ignorable_test("nothing_is_left_behind", || {
        run(|_| Ok(())).inspect(|_| nothing_is_left())
    }));
    libtest_mimic::run(&arguments, trials).exit();
}

fn run(body: Body) -> Result<Completion, Failed> {
    match UmlDut::with_program(PathBuf::from(env!("CARGO_BIN_EXE_netassay")))
        .and_then(|mut dut| body(&mut dut))
    {
        Ok(()) => Ok(Completion::Completed),
        Err(error @ DutError::Environment { .. }) => Ok(Completion::ignored_with(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

/// No folder and no process of a machine that this process booted.
fn nothing_is_left() {
    let name = format!("netassay-{}-", std::process::id());
    let folders = std::fs::read_dir(std::env::temp_dir()).unwrap();
    let left: Vec<_> =
        folders.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(&name)).collect();
    assert!(left.is_empty(), "{left:?}");
    let wanted = format!("umid={name}");
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&line).contains(&wanted), "{:?}", process.path());
    }
}

/// Echo request from 10.0.0.2 to 10.0.0.1.
const ECHO: [u8; 28] =
    [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0x66, 0xdf, 10, 0, 0, 2, 10, 0, 0, 1, 8, 0, 0xf7, 0xfd, 0, 1, 0, 1];

fn named(name: &str) -> Scenario {
    scenario_file::NAMED.iter().find(|named| named.name == name).unwrap().scenario()
}

fn step(at: Duration, action: Action) -> Step {
    Step { at, action, packet: 0, comment: None }
}

fn inject(frame: &[u8]) -> Step {
    step(Duration::ZERO, Action::Inject { interface: 0, frame: frame.to_vec() })
}

fn observe(dut: &mut UmlDut, step: &Step) -> Result<Observation, DutError> {
    let mut observation = Observation::default();
    dut.step(step, Clock::default(), &mut observation).map(|()| observation)
}

fn received(dut: &mut UmlDut) -> Result<i64, DutError> {
    let mut counters = Counters::new();
    dut.counters(&mut counters)?;
    let id = CounterId::by_name("Ip.InReceives").unwrap();
    Ok(counters.iter().find(|(known, _)| *known == id).map_or(0, |(_, value)| value))
}

fn it_is_another_kernel(dut: &mut UmlDut) -> Result<(), DutError> {
    assert_eq!(dut.name(), "uml");
    assert!(dut.version().starts_with("Linux "), "{}", dut.version());
    let here = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    assert_ne!(dut.version(), format!("Linux {}", here.trim_end()));
    let always = [Dimension::Frames, Dimension::Deliveries, Dimension::SocketErrors, Dimension::Counters];
    let always = always.into_iter().fold(Dimensions::NONE, Dimensions::with);
    assert_eq!(dut.dimensions().both(always), always);
    Ok(())
}

fn reopening_forgets_everything(dut: &mut UmlDut) -> Result<(), DutError> {
    for _ in 0..3 {
        dut.open(&named("host"))?;
        let frames = observe(dut, &inject(&ECHO))?.frames;
        assert_eq!((frames.len(), &frames[0].octets[20..22]), (1, &[0, 0][..]));
        assert_eq!(received(dut)?, 1);
    }
    Ok(())
}

fn time_passes_by_its_own_clock(dut: &mut UmlDut) -> Result<(), DutError> {
    dut.open(&named("host"))?;
    let opened = dut.clock().unwrap().monotonic;
    observe(dut, &step(Duration::from_millis(300), Action::Advance))?;
    assert!(dut.clock().unwrap().monotonic >= opened + Duration::from_millis(300));
    Ok(())
}

/// UDP from inside to outside of the scenario `nat`.
const THROUGH: [u8; 28] =
    [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0x33, 0xc6, 10, 0, 1, 2, 203, 0, 113, 9, 0, 53, 0, 7, 0, 8, 0, 0];

/// Its kernel has no `nf_tables` for IPv4, so this takes the old tables, and their program.
fn connections_are_tracked_and_translated(dut: &mut UmlDut) -> Result<(), DutError> {
    dut.open(&named("nat"))?;
    let seen = observe(dut, &inject(&THROUGH))?;
    assert_eq!((seen.frames[0].interface, &seen.frames[0].octets[12..16]), (1, &[203, 0, 113, 1][..]));
    assert_eq!(dut.conntrack()?.len(), 1);
    Ok(())
}

/// Everything that was found in what is sent and received; counters come and go with versions.
#[derive(Default)]
struct Found(Vec<Difference>);

impl Listener for Found {
    fn found(&mut self, finding: &Finding<'_>) {
        self.0.extend_from_slice(finding.differences);
    }
}

fn it_does_as_the_reference_does(dut: &mut UmlDut) -> Result<(), DutError> {
    let send = |socket, to: &str, data: &[u8]| {
        let action = SocketAction::Send { to: Some(to.parse().unwrap()), data: data.to_vec() };
        step(Duration::ZERO, Action::Socket { socket, action })
    };
    let steps = [
        inject(&ECHO),
        send(0, "10.0.0.2:9", b"hello"),
        send(2, "10.0.0.2:0", &[8, 0, 0, 0, 0, 0, 0, 1]),
        inject(&[0x45; 19]),
        inject(&[]),
    ];
    let mut reference = ReferenceDut::new(Profile::Linux);
    let (mut found, stop) = (Found::default(), AtomicBool::new(false));
    let drive = Drive::new(&mut reference, dut);
    let dimensions = drive.dimensions().without(Dimension::Counters).without(Dimension::Conntrack);
    let (scenario, mut list) = (named("host-sockets"), StepList::new(&steps));
    let replayed = Replay::new(drive).run(&scenario, dimensions, &mut list, &mut found, &stop);
    assert!(replayed.error.is_none(), "{:?}", replayed.error);
    assert_eq!((found.0, replayed.compared), (Vec::new(), steps.len() as u64));
    Ok(())
}
