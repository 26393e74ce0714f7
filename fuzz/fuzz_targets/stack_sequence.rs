//! Whole sequences in a random world through the reference stack, in either profile; everything it emits is judged.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use netassay::dut::{Clock, Dut, reference::ReferenceDut};
use netassay::generate::{Choice, Octets, Sequence, World};
use netassay::model::{Action, Limits, Observation, Step};
use netassay::oracle::emission::{self, Stimulus};
use netassay_stack::config::Profile;

/// Frames a sequence has at most.
const FRAMES: u32 = 200;

fuzz_target!(|octets: &[u8]| {
    let mut choice = Octets::new(octets);
    let profile = *choice.pick(&[Profile::Linux, Profile::Rfc]);
    let limits = *choice.pick(&[Limits::Open, Limits::Default]);
    let pause = Duration::from_millis(*choice.pick(&[0, 4, 300, 5_000]));
    let world = World::draw(&mut choice, limits);
    let mut dut = ReferenceDut::new(profile);
    dut.open(&world.scenario).expect("the reference stack can be in any world");
    let mut sequence = Sequence::new(&world, choice);
    let mut observation = Observation::default();
    for number in 0..FRAMES {
        if sequence.is_exhausted() {
            break;
        }
        let at = pause * number;
        for step in [Step { at, action: Action::Advance, packet: 0, comment: None }, sequence.step()] {
            observation.clear();
            let clock = Clock { monotonic: at, midnight_ms: at.as_millis() as u32 };
            dut.step(&step, clock, &mut observation).expect("the reference stack does not fail");
            let stimulus = match &step.action {
                Action::Inject { interface, frame } => Some(Stimulus { interface: *interface, frame }),
                _ => None,
            };
            emission::judge(&world.scenario, stimulus, &observation)
                .unwrap_or_else(|objection| panic!("frame {number}: {objection}\n{step:02x?}\n{observation:02x?}"));
            observation.frames.iter().for_each(|frame| sequence.hear(frame));
        }
    }
});
