//! What must hold of the reference stack whatever comes: random worlds and random sequences, judged step by step.

use std::time::Duration;

use netassay::dut::{Clock, Dut, reference::ReferenceDut};
use netassay::generate::{Choice, Seeded, Sequence, World};
use netassay::model::{Action, Limits, Observation, Step};
use netassay::oracle::emission::{self, Cause, Stimulus};
use netassay_stack::config::Profile;
use netassay_stack::outcome::Outcome;

/// Worlds tried, and frames in each.
const WORLDS: u64 = 300;
const FRAMES: u64 = 400;

/// Between two frames; long enough that every timer fires within a world.
const PAUSE: Duration = Duration::from_millis(300);

#[test]
fn linux_profile_emits_only_what_may_be() {
    run(Profile::Linux);
}

#[test]
fn rfc_profile_emits_only_what_may_be() {
    run(Profile::Rfc);
}

fn run(profile: Profile) {
    let mut frames = 0;
    for seed in 0..WORLDS {
        frames += run_world(profile, seed);
    }
    assert!(
        frames > WORLDS as usize * FRAMES as usize / 8,
        "only {frames} frames came out: nothing was tested"
    );
}

/// Runs one world. Returns how many frames came out.
fn run_world(profile: Profile, seed: u64) -> usize {
    let mut choice = Seeded::part(seed, 0);
    let limits = *choice.pick(&[Limits::Open, Limits::Default]);
    let world = World::draw(&mut choice, limits);
    let mut sequence = Sequence::new(&world, choice);
    let mut dut = ReferenceDut::new(profile);
    dut.open(&world.scenario).expect("the reference stack can be in any world");
    let mut observation = Observation::default();
    let mut frames = 0;
    for number in 0..FRAMES {
        let at = PAUSE * number as u32;
        for step in [Step { at, action: Action::Advance, packet: 0, comment: None }, sequence.step()] {
            observation.clear();
            let clock = Clock { monotonic: at, midnight_ms: at.as_millis() as u32 };
            dut.step(&step, clock, &mut observation).expect("the reference stack does not fail");
            // No socket of these worlds makes its own headers.
            let cause = match &step.action {
                Action::Inject { interface, frame } => {
                    let is_forwarded = dut.outcome() == Some(Outcome::Forwarded);
                    Cause::Frame(Stimulus { interface: *interface, frame, is_forwarded })
                }
                _ => Cause::Time,
            };
            if let Err(objection) = emission::judge(&world.scenario, cause, &observation) {
                panic!("seed {seed}, frame {number}: {objection}\nin: {cause:02x?}\nout: {observation:02x?}");
            }
            frames += observation.frames.len();
            observation.frames.iter().for_each(|frame| sequence.hear(frame));
        }
    }
    frames
}
