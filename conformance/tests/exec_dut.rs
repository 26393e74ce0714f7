//! Programs as DUTs: the toy stacks in three languages, the harness's own agent, and programs that misbehave.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use netassay::differential::compare::Difference;
use netassay::differential::pairing::{Drive, Finding, Listener, Replay, StepList};
use netassay::dut::exec::ExecDut;
use netassay::dut::reference::ReferenceDut;
use netassay::dut::{Clock, Dut, DutError};
use netassay::model::{
    Action, CounterId, Counters, Observation, Scenario, SocketAction, Step, scenario_file,
};
use netassay_stack::config::Profile;

/// Long enough for any machine: nothing that works waits for it.
const PATIENCE: Duration = Duration::from_secs(120);

/// Echo request from 10.0.0.2 to 10.0.0.1.
const ECHO: [u8; 28] =
    [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0x66, 0xdf, 10, 0, 0, 2, 10, 0, 0, 1, 8, 0, 0xf7, 0xfd, 0, 1, 0, 1];
/// Its answer.
const REPLY: [u8; 28] =
    [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0x66, 0xdf, 10, 0, 0, 1, 10, 0, 0, 2, 0, 0, 0xff, 0xfd, 0, 1, 0, 1];

fn main() {
    let arguments = Arguments::from_args();
    let trials = vec![
        Trial::ignorable_test("toy_in_rust_answers", toy_in_rust_answers),
        Trial::ignorable_test("toy_in_python_answers", toy_in_python_answers),
        Trial::ignorable_test("toy_in_c_answers", toy_in_c_answers),
        Trial::test("agent_shows_what_its_dut_shows", agent_shows_what_its_dut_shows),
        Trial::test("misbehavior_is_told_and_survived", misbehavior_is_told_and_survived),
        Trial::test("endless_answers_end", endless_answers_end),
        Trial::test("what_a_program_cannot_do_is_unsupported", what_a_program_cannot_do_is_unsupported),
        Trial::test("a_program_that_ended_is_started_again", a_program_that_ended_is_started_again),
    ];
    libtest_mimic::run(&arguments, trials).exit();
}

/// What cargo built in the folder of this test's own build.
fn beside_the_test(path: &str) -> String {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().join(path).display().to_string()
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

fn named(name: &str) -> Scenario {
    scenario_file::NAMED.iter().find(|named| named.name == name).unwrap().scenario()
}

fn step(action: Action) -> Step {
    Step { at: Duration::ZERO, action, packet: 0, comment: None }
}

fn inject(frame: &[u8]) -> Step {
    step(Action::Inject { interface: 0, frame: frame.to_vec() })
}

fn observe(dut: &mut ExecDut, step: &Step) -> Result<Observation, DutError> {
    let mut observation = Observation::default();
    dut.step(step, Clock::default(), &mut observation).map(|()| observation)
}

/// A toy answers ping and nothing else, and says what it cannot be.
fn answers(command: &str) -> Result<(), Failed> {
    let mut dut = ExecDut::with_budget(command, PATIENCE)?;
    assert_eq!(dut.version(), "toy 1");
    for _ in 0..2 {
        dut.open(&named("host"))?;
        let frames = observe(&mut dut, &inject(&ECHO))?.frames;
        assert_eq!(frames.len(), 1);
        assert_eq!((frames[0].interface, &frames[0].octets[..]), (0, &REPLY[..]));
        assert_eq!(observe(&mut dut, &inject(&REPLY))?, Observation::default());
        assert_eq!(observe(&mut dut, &inject(&[]))?, Observation::default());
        assert_eq!(observe(&mut dut, &step(Action::Advance))?, Observation::default());
    }
    for unsupported in ["router", "host-ethernet"] {
        assert!(matches!(dut.open(&named(unsupported)), Err(DutError::Unsupported(_))));
    }
    Ok(())
}

fn toy_in_rust_answers() -> Result<Completion, Failed> {
    let program = beside_the_test("examples/toy_stack");
    if !Path::new(&program).exists() {
        return Ok(Completion::ignored_with(
            "examples are built by a whole `cargo test`, not for a single one",
        ));
    }
    answers(&program).map(|()| Completion::Completed)
}

fn toy_in_python_answers() -> Result<Completion, Failed> {
    if Command::new("python3").arg("--version").output().is_err() {
        return Ok(Completion::ignored_with("there is no python3"));
    }
    answers(&examples().join("toy_stack.py").display().to_string()).map(|()| Completion::Completed)
}

fn toy_in_c_answers() -> Result<Completion, Failed> {
    let program = beside_the_test(&format!("toy_stack_c-{}", std::process::id()));
    let compiler =
        Command::new("cc").args(["-O1", "-o", &program]).arg(examples().join("toy_stack.c")).status();
    let Ok(status) = compiler else { return Ok(Completion::ignored_with("there is no cc")) };
    assert!(status.success());
    let outcome = answers(&program);
    std::fs::remove_file(&program)?;
    outcome.map(|()| Completion::Completed)
}

/// Everything that was found.
#[derive(Default)]
struct Found(Vec<Difference>);

impl Listener for Found {
    fn found(&mut self, finding: &Finding<'_>) {
        self.0.extend_from_slice(finding.differences);
    }
}

/// In every dimension, the reference stack behind the protocol is the reference stack.
fn agent_shows_what_its_dut_shows() -> Result<(), Failed> {
    let agent = format!("{} agent --dut reference", env!("CARGO_BIN_EXE_netassay"));
    let mut here = ReferenceDut::new(Profile::Linux);
    let mut there = ExecDut::with_budget(&agent, PATIENCE)?;
    assert_eq!(there.version(), format!("reference {}", here.version()));
    assert_eq!(there.dimensions(), here.dimensions());
    let send = |socket, to: &str, data: &[u8]| {
        let action = SocketAction::Send { to: Some(to.parse().unwrap()), data: data.to_vec() };
        step(Action::Socket { socket, action })
    };
    let sockets = [
        inject(&ECHO),
        send(0, "10.0.0.2:9", b"hello"),
        send(2, "10.0.0.2:0", &[8, 0, 0, 0, 0, 0, 0, 1]),
        inject(&PORT_UNREACHABLE),
        step(Action::Socket { socket: 0, action: SocketAction::Close }),
        inject(&[0x45; 19]),
        Step { at: Duration::from_secs(40), ..step(Action::Advance) },
    ];
    let tracked =
        [inject(&THROUGH), inject(&THROUGH), Step { at: Duration::from_secs(40), ..step(Action::Advance) }];
    for (scenario, steps) in
        [("host-ethernet", &sockets[..1]), ("nat", &tracked), ("host-sockets", &sockets[..])]
    {
        let (mut found, stop) = (Found::default(), AtomicBool::new(false));
        let drive = Drive::new(&mut here, &mut there);
        let dimensions = drive.dimensions();
        let replayed = Replay::new(drive).run(
            &named(scenario),
            dimensions,
            &mut StepList::new(steps),
            &mut found,
            &stop,
        );
        assert!(replayed.error.is_none(), "{scenario}: {:?}", replayed.error);
        assert_eq!((found.0, replayed.compared), (Vec::new(), steps.len() as u64), "{scenario}");
    }
    let mut counters = Counters::new();
    there.counters(&mut counters)?;
    assert_eq!(counters.iter().next(), Some((CounterId::by_name("Ip.InReceives").unwrap(), 3)));
    Ok(())
}

/// UDP from inside to outside of the scenario `nat`.
const THROUGH: [u8; 28] =
    [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0x33, 0xc6, 10, 0, 1, 2, 203, 0, 113, 9, 0, 53, 0, 7, 0, 8, 0, 0];

/// A UDP datagram from 10.0.0.1 port 7 to 10.0.0.2 port 9, quoted by Port Unreachable from 10.0.0.2.
const PORT_UNREACHABLE: [u8; 56] = [
    0x45, 0, 0, 56, 0, 0, 0, 0, 64, 1, 0x66, 0xc3, 10, 0, 0, 2, 10, 0, 0, 1, // IPv4
    3, 3, 0xfc, 0xe4, 0, 0, 0, 0, // ICMP
    0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0x66, 0xcf, 10, 0, 0, 1, 10, 0, 0, 2, 0, 7, 0, 9, 0, 8, 0, 0,
];

/// A program of Python that greets, opens, and does `then` with the third request.
fn greets_then(then: &str) -> String {
    let program = format!(
        r#"import json, socket, sys, time
s = socket.socket(fileno=0)
s.recv(999)
s.send(b'{{"protocol": 1, "name": "x", "version": "1"}}')
s.recv(99999)
s.send(b'{{}}')
frame = s.recv(99999)
{then}
s.recv(1)"#
    );
    in_python(&program)
}

fn in_python(program: &str) -> String {
    format!("python3 -c '{}'", program.replace('\'', r"'\''"))
}

fn misbehavior_is_told_and_survived() -> Result<(), Failed> {
    // Programs that end or say nonsense are told at once; one that hangs costs its whole budget.
    let hang = "print('not today', file=sys.stderr, flush=True); s.recv(1); time.sleep(3600)";
    let cases = [
        ("sys.exit(3)", PATIENCE, "exit status: 3"),
        (
            "sys.exit('assertion failed in ip_input')",
            PATIENCE,
            "its last words: assertion failed in ip_input",
        ),
        ("s.send(b'hello')", PATIENCE, "it does not speak the protocol"),
        (r#"s.send(b'{"frmaes": 1}')"#, PATIENCE, "unknown field `frmaes`"),
        (r"s.send(b'\0\0')", PATIENCE, "a frame without a whole header"),
        (r#"s.send(b'{"failed": "no memory"}')"#, PATIENCE, "no memory"),
        (hang, Duration::from_secs(10), "it did not answer within 10s when asked to take a frame"),
    ];
    for (then, budget, expected) in cases {
        let mut dut = ExecDut::with_budget(&greets_then(then), budget)?;
        dut.open(&named("host"))?;
        let error = observe(&mut dut, &inject(&ECHO)).unwrap_err();
        assert!(matches!(error, DutError::Gone(_)), "{then}: {error}");
        assert!(error.to_string().contains(expected), "{then}: {error}");
        assert_eq!(error.to_string().contains("not today"), then == hang);
        let again = observe(&mut dut, &inject(&ECHO)).unwrap_err().to_string();
        assert_eq!(again, "the DUT is gone: it is not running");
    }
    let empty = in_python("import socket; s = socket.socket(fileno=0); s.recv(99); s.send(b'{}'); s.recv(1)");
    for (command, expected) in [
        ("/nonexistent/stack", "not found"),
        ("true", "it ended when asked who it is"),
        ("echo hello", "it ended when asked who it is (exit status: 0; its last words: hello)"),
        (&empty, "missing field `protocol`"),
    ] {
        let error = ExecDut::with_budget(command, PATIENCE).err().unwrap().to_string();
        assert!(error.contains(expected), "{command}: {error}");
    }
    Ok(())
}

fn endless_answers_end() -> Result<(), Failed> {
    let flood = greets_then("[s.send(frame) for _ in iter(int, 1)]");
    let mut dut = ExecDut::with_budget(&flood, PATIENCE)?;
    dut.open(&named("host"))?;
    let error = observe(&mut dut, &inject(&ECHO)).unwrap_err().to_string();
    assert!(error.contains("it does not come to an end when asked to take a frame"), "{error}");
    Ok(())
}

fn what_a_program_cannot_do_is_unsupported() -> Result<(), Failed> {
    let cannot = greets_then(r#"s.send(b'{"unsupported": "frames"}'); s.recv(999); s.send(b'{}')"#);
    let mut dut = ExecDut::with_budget(&cannot, PATIENCE)?;
    dut.open(&named("host"))?;
    let error = observe(&mut dut, &inject(&ECHO)).unwrap_err();
    assert_eq!(error.to_string(), "not supported by this DUT: frames");
    // It lives on.
    assert_eq!(observe(&mut dut, &inject(&ECHO))?, Observation::default());
    assert!(matches!(dut.counters(&mut Counters::new()), Err(DutError::Unsupported(_))));
    assert!(matches!(dut.conntrack(), Err(DutError::Unsupported(_))));
    Ok(())
}

fn a_program_that_ended_is_started_again() -> Result<(), Failed> {
    let mut dut = ExecDut::with_budget(&greets_then("sys.exit(1)"), PATIENCE)?;
    for _ in 0..2 {
        dut.open(&named("host"))?;
        assert!(matches!(observe(&mut dut, &inject(&ECHO)), Err(DutError::Gone(_))));
    }
    Ok(())
}
