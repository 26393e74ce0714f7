//! Scripts through the reference stack and the live kernel of a privileged machine, compared in every dimension.
//!
//! What speaks of the stack's answers is worked out on the reference alone first, so that both stacks are taken through
//! the same steps.

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use netassay_stack::config::Profile;

use super::Finding;
use crate::differential::judge::{Collection, Judge, Place};
use crate::differential::ledger::{Duts, Ledger};
use crate::differential::pairing::{Drive, Replay, StepList};
use crate::dut::linux::LinuxDut;
use crate::dut::reference::ReferenceDut;
use crate::dut::{Clock, Dut};
use crate::generate::script::{Player, Script, plain_world};
use crate::model::{Action, Limits, Observation, Role, Scenario, SocketKind, Step, scenario_file};

/// Steps that are taken of one script. Time that passes is real on a live kernel, so none is let pass.
const MOST_STEPS: usize = 512;

/// The port of the first socket that asks for none; no script has another at one of these but by chance.
const FIRST_PORT: u16 = 41_000;

thread_local! {
    static KERNEL: RefCell<Option<(LinuxDut, Ledger)>> = const { RefCell::new(None) };
}

/// Takes the script that `octets` stand for on both stacks.
///
/// # Errors
/// Where they differ without an explanation in the ledger, and where the machine does not let it be tried.
pub(super) fn run(octets: &[u8]) -> Result<(), Finding> {
    let mut reference = ReferenceDut::new(Profile::Linux);
    let Some((scenario, steps)) = trace(&mut reference, octets) else { return Ok(()) };
    KERNEL.with_borrow_mut(|kernel| {
        if kernel.is_none() {
            let linux = LinuxDut::new();
            let ledger = Ledger::built_in().map_err(|error| Finding::new(error.to_string()))?;
            let (a, b) = (reference.name(), linux.name());
            let (a_version, b_version) = (reference.version(), linux.version());
            let ledger = ledger.for_duts(Duts { a: (&a, &a_version), b: (&b, &b_version) });
            *kernel = Some((linux, ledger));
        }
        let Some((linux, ledger)) = kernel else { return Ok(()) };
        compare(&mut reference, linux, ledger, &scenario, &steps)
    })
}

/// The world and the steps that the target makes of `octets`; nothing if there is no such world.
pub(super) fn trace(reference: &mut ReferenceDut, octets: &[u8]) -> Option<(Arc<Scenario>, Vec<Step>)> {
    let mut script = Script::decode(octets);
    script.profile = Profile::Linux;
    script.moves.retain(|one| !matches!(one, crate::generate::script::Move::Advance { .. }));
    // Of connections the stack models what ICMP needs: how they open, and what errors do to them. What else becomes of one
    // depends on timers and windows that are not its business.
    script.scenario.sockets.retain(|socket| socket.kind != SocketKind::Tcp);
    // What is found is to become a file.
    scenario_file::tidy(&mut script.scenario);
    name_ports(&mut script.scenario);
    let can_be = |scenario: &Scenario| {
        scenario_file::problems(scenario).is_empty() && reference.open(scenario).is_ok()
    };
    if !script.settle(can_be) {
        return None;
    }
    let steps = worked_out(reference, &script);
    Some((Arc::new(script.scenario), steps))
}

/// Gives each socket that asks for none a port, or a ping socket an identifier. Which one a stack gives out is its own
/// affair (RFC 6056 §3.3), and what is worked out on one of them speaks of it.
fn name_ports(scenario: &mut Scenario) {
    for (number, socket) in scenario.sockets.iter_mut().enumerate() {
        let address = socket.local.map_or(Ipv4Addr::UNSPECIFIED, |local| *local.ip());
        if socket.kind != SocketKind::Raw && socket.local.is_none_or(|local| local.port() == 0) {
            socket.local = Some(SocketAddrV4::new(address, FIRST_PORT + number as u16));
        }
    }
}

/// The steps that the script stands for, given the answers of the reference.
fn worked_out(reference: &mut ReferenceDut, script: &Script) -> Vec<Step> {
    let (mut steps, mut observation) = (Vec::new(), Observation::default());
    if reference.open(&script.scenario).is_err() {
        return steps;
    }
    let mut player = Player::new(script);
    while let Some(step) = player.step().filter(|_| steps.len() < MOST_STEPS) {
        observation.clear();
        if reference.step(step, Clock::default(), &mut observation).is_ok() {
            steps.push(step.clone());
            observation.frames.iter().for_each(|frame| player.hear(frame));
        }
    }
    steps.retain(|step| step.action != Action::Advance);
    steps
}

fn compare(
    reference: &mut ReferenceDut,
    linux: &mut LinuxDut,
    ledger: &Ledger,
    scenario: &Arc<Scenario>,
    steps: &[Step],
) -> Result<(), Finding> {
    let dimensions = reference.dimensions().both(linux.dimensions());
    let place = Place { position: 0, capture: String::new(), command: String::new() };
    let mut collection = Collection::new(ledger.clone());
    let mut judge = Judge::new(scenario, &place, &mut collection);
    let mut replay = Replay::new(Drive::new(reference, linux));
    let stop = AtomicBool::new(false);
    let replayed = replay.run(scenario, dimensions, &mut StepList::new(steps), &mut judge, &stop);
    drop(judge.finish(replayed.compared, Vec::new(), Vec::new()));
    match replayed.error {
        None => {}
        // A knob that a namespace lacks or that is not its to set, an option of another kind of socket: a world that no
        // kernel can be made to be is passed over, as long as the kernel can be made to be any.
        Some(_) if linux.open(&plain_world(Role::Host, Limits::Open)).is_ok() => return Ok(()),
        Some(error) => return Err(Finding::new(error.to_string())),
    }
    match collection.causes.iter().find(|cause| cause.ledger.is_empty()) {
        Some(cause) => Err(Finding::new(format!("{}: {}", cause.fingerprint, cause.title))),
        None => Ok(()),
    }
}
