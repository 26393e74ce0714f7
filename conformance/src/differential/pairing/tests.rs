use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::*;
use crate::differential::rule::tests_support::{icmp, identified, inject, scenario};
use crate::dut::{Clock, Dut, DutError};
use crate::model::{
    ConntrackEntry, CounterId, Counters, Dimension, Dimensions, Drop, EmittedFrame, Observation, Scenario,
    Step,
};

/// A stack that answers every injected frame with the same one and can be told to go wrong.
#[derive(Default)]
struct Fake {
    name: &'static str,
    reply: Vec<u8>,
    /// Taken in steps since `open`.
    taken: u64,
    opened: u64,
    /// Counts once too often at these steps.
    miscounts: Vec<u64>,
    /// Drops something at this step.
    drops_at: Option<u64>,
    /// Is gone from this step on.
    gone_at: Option<u64>,
    counts_cheaply: bool,
    own_clock: Option<Clock>,
    told: Vec<Clock>,
    counters: Counters,
}

impl Dut for Fake {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn version(&self) -> String {
        "1".to_owned()
    }

    fn dimensions(&self) -> Dimensions {
        Dimensions::ALL.without(Dimension::Conntrack)
    }

    fn open(&mut self, _: &Scenario) -> Result<(), DutError> {
        self.taken = 0;
        self.opened += 1;
        self.counters.clear();
        Ok(())
    }

    fn step(&mut self, _: &Step, clock: Clock, observation: &mut Observation) -> Result<(), DutError> {
        if self.gone_at == Some(self.taken) {
            return Err(DutError::Gone("its namespace vanished".to_owned()));
        }
        self.told.push(clock);
        if let Some(own) = &mut self.own_clock {
            own.monotonic += Duration::from_millis(3);
        }
        let received = CounterId::by_name("Ip.InReceives").unwrap();
        self.counters.add(received, 1 + i64::from(self.miscounts.contains(&self.taken)));
        if self.drops_at == Some(self.taken) {
            observation.drops.push(Drop { reason: "IP_CSUM".into(), location: None });
        }
        observation.frames.push(EmittedFrame { interface: 0, octets: self.reply.clone() });
        self.taken += 1;
        Ok(())
    }

    fn clock(&self) -> Option<Clock> {
        self.own_clock
    }

    fn counters(&mut self, counters: &mut Counters) -> Result<(), DutError> {
        counters.clone_from(&self.counters);
        Ok(())
    }

    fn counters_are_cheap(&self) -> bool {
        self.counts_cheaply
    }

    fn conntrack(&mut self) -> Result<Vec<ConntrackEntry>, DutError> {
        Ok(Vec::new())
    }
}

/// Everything found, in one line each.
#[derive(Default)]
struct Notes {
    found: Vec<String>,
    stepped: u64,
}

impl Listener for Notes {
    fn found(&mut self, finding: &Finding<'_>) {
        let fields: Vec<_> = finding.differences.iter().map(|each| &each.field.field[..]).collect();
        let place = if finding.step.is_some() { "at" } else { "up to" };
        self.found.push(format!("{place} {}: {}", finding.index, fields.join(" ")));
    }

    fn stepped(&mut self, _: u64, _: &Step, _: &Observation, _: &Observation) {
        self.stepped += 1;
    }
}

const REPLY: [u8; 8] = [0, 0, 0, 0, 0, 1, 0, 1];

fn fake(name: &'static str) -> Fake {
    Fake { name, reply: icmp(&REPLY), ..Fake::default() }
}

fn steps(count: u64) -> Vec<Step> {
    (0..count).map(|ms| inject(ms, identified(1, 3, 0, &[8, 0, 0, 0]))).collect()
}

fn replay(a: &mut Fake, b: &mut Fake, count: u64) -> (Notes, Replayed) {
    let steps = steps(count);
    let (mut notes, stop) = (Notes::default(), AtomicBool::new(false));
    let drive = Drive::new(a, b);
    let dimensions = drive.dimensions();
    let replayed =
        Replay::new(drive).run(&scenario(), dimensions, &mut StepList::new(&steps), &mut notes, &stop);
    (notes, replayed)
}

#[test]
fn equal_duts_agree() {
    let (notes, replayed) = replay(&mut fake("a"), &mut fake("b"), 10_000);
    assert_eq!(
        (notes.found, notes.stepped, replayed.compared, replayed.left),
        (Vec::new(), 10_000, 10_000, 0)
    );
}

#[test]
fn another_identification_agrees_and_another_ttl_does_not() {
    let (mut a, mut b) = (fake("a"), fake("b"));
    b.reply = {
        let mut frame = identified(1, 77, 0, &a.reply[20..]);
        frame[8] = 63;
        crate::differential::rule::tests_support::with_checksum(frame)
    };
    let (notes, _) = replay(&mut a, &mut b, 1);
    assert_eq!(notes.found, ["at 0: frames[0].ipv4.ttl frames[0].ipv4.checksum"]);
}

#[test]
fn dear_counters_are_localized_by_running_again() {
    let (mut a, mut b) = (fake("a"), fake("b"));
    // Of the first block, of the same stretch, at the ends of blocks and stretches, of the last block, which is no whole one.
    let wrong = [5, 6, 5000, 65_535, 65_536, 131_071, 140_000];
    b.miscounts = wrong.to_vec();
    let (notes, _) = replay(&mut a, &mut b, 140_001);
    let field = "counters.Ip.InReceives";
    assert_eq!(notes.found, wrong.map(|step| format!("at {step}: {field}")));
    assert_eq!((a.opened, b.opened), (3, 3));
}

#[test]
fn cheap_counters_are_read_at_every_step() {
    let (mut a, mut b) = (fake("a"), fake("b"));
    (a.counts_cheaply, b.counts_cheaply) = (true, true);
    a.miscounts = vec![5];
    let (notes, _) = replay(&mut a, &mut b, 10_000);
    assert_eq!(notes.found, ["at 5: counters.Ip.InReceives"]);
    assert_eq!(b.opened, 1);
}

/// What does not come again when the trace is run again is told of the stretch.
#[test]
fn what_cannot_be_localized_is_still_told() {
    let (mut a, mut b) = (fake("a"), fake("b"));
    struct Once<'f>(&'f mut Fake);
    impl Dut for Once<'_> {
        fn name(&self) -> String {
            self.0.name()
        }
        fn version(&self) -> String {
            self.0.version()
        }
        fn dimensions(&self) -> Dimensions {
            self.0.dimensions()
        }
        fn open(&mut self, scenario: &Scenario) -> Result<(), DutError> {
            if self.0.opened > 0 {
                self.0.miscounts.clear();
            }
            self.0.open(scenario)
        }
        fn step(&mut self, step: &Step, clock: Clock, seen: &mut Observation) -> Result<(), DutError> {
            self.0.step(step, clock, seen)
        }
        fn counters(&mut self, counters: &mut Counters) -> Result<(), DutError> {
            self.0.counters(counters)
        }
        fn conntrack(&mut self) -> Result<Vec<ConntrackEntry>, DutError> {
            self.0.conntrack()
        }
    }
    b.miscounts = vec![5];
    let (steps, mut notes, stop) = (steps(100), Notes::default(), AtomicBool::new(false));
    let mut once = Once(&mut b);
    let drive = Drive::new(&mut a, &mut once);
    let dimensions = drive.dimensions();
    Replay::new(drive).run(&scenario(), dimensions, &mut StepList::new(&steps), &mut notes, &stop);
    assert_eq!(notes.found, ["up to 99: counters.Ip.InReceives"]);
}

#[test]
fn a_dut_that_is_gone_ends_the_trace_and_nothing_is_lost() {
    let (mut a, mut b) = (fake("a"), fake("b"));
    b.drops_at = Some(3);
    b.gone_at = Some(7);
    let (notes, replayed) = replay(&mut a, &mut b, 20);
    assert_eq!(notes.found, ["at 3: drops[0].reason"]);
    assert_eq!((replayed.compared, replayed.left), (7, 13));
    assert_eq!(replayed.error.unwrap().to_string(), "b: the DUT is gone: its namespace vanished");
}

#[test]
fn clock_of_the_dut_that_has_one_is_handed_to_the_other() {
    for is_a in [false, true] {
        let (mut a, mut b) = (fake("a"), fake("b"));
        let (live, model) = if is_a { (&mut a, &mut b) } else { (&mut b, &mut a) };
        live.own_clock = Some(Clock { monotonic: Duration::from_secs(9), midnight_ms: 1234 });
        let _ = (live, model);
        replay(&mut a, &mut b, 2);
        let model = if is_a { &b } else { &a };
        let told: Vec<_> = model.told.iter().map(|clock| clock.monotonic.as_millis()).collect();
        assert_eq!(told, [9003, 9006]);
    }
}

#[test]
fn without_clocks_time_is_that_of_the_trace() {
    let mut a = fake("a");
    replay(&mut a, &mut fake("b"), 3);
    let told: Vec<_> = a.told.iter().map(|clock| (clock.monotonic.as_millis(), clock.midnight_ms)).collect();
    assert_eq!(told, [(0, 43_200_000), (1, 43_200_001), (2, 43_200_002)]);
}

#[test]
fn a_wish_to_stop_is_heard() {
    let (mut a, mut b) = (fake("a"), fake("b"));
    let (steps, mut notes, stop) = (steps(5), Notes::default(), AtomicBool::new(true));
    let drive = Drive::new(&mut a, &mut b);
    let replayed =
        Replay::new(drive).run(&scenario(), Dimensions::ALL, &mut StepList::new(&steps), &mut notes, &stop);
    assert_eq!((replayed.compared, replayed.stopped), (0, true));
}
