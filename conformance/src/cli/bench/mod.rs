//! `netassay bench`: how fast the live loop is on this machine, beside the least that the kernel takes.

mod statistic;
mod world;

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use netassay_stack::config::Profile;
use serde_json::json;

use super::ALL_WELL;
use super::failure::Failure;
use crate::differential::compare::Difference;
use crate::differential::pairing::{
    Drive, Finding, Listener, Replay, ReplayError, Replayed, SourceError, StepSource,
};
use crate::dut::linux::{LinuxDut, Observers, Options, thread_time};
use crate::dut::reference::ReferenceDut;
use crate::dut::{Dut, DutError};
use crate::model::Step;
use statistic::Statistic;
use world::World;

/// Measure the live loop: inject, collect frames, drop reasons, counters and connection tracking, compare with the
/// reference. Beside it stands the floor, which only writes the same frames and reads the answers.
///
/// Rounds of both take turns; times are CPU time of the one thread that does all of it, so what else runs on the
/// machine hardly matters, and ratios within one run even less.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Rounds.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Packets in a round.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..))]
    packets: u64,
    /// Octets of each datagram.
    #[arg(long, default_value_t = 84, value_parser = clap::value_parser!(u16).range(28..=1500))]
    size: u16,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// When counters are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counting {
    /// After each packet, as `netassay diff` does where that is cheap.
    EachStep,
    /// When the trace is over.
    Once,
}

/// What is measured in each round, in this order.
const ROWS: [&str; 3] = ["floor", "loop", "loop, counters once"];

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let worlds = [World::host(args.size), World::conntrack(args.size)];
    let mut shown = Vec::new();
    for world in &worlds {
        let mut times = [const { Vec::new() }; ROWS.len()];
        for round in 0..args.rounds as usize {
            // Drift of the machine's speed hits all rows alike when they change places.
            for turn in 0..ROWS.len() {
                let row = if round % 2 == 0 { turn } else { ROWS.len() - 1 - turn };
                let time = match row {
                    0 => floor(world, args.packets)?,
                    1 => live_loop(world, args.packets, Counting::EachStep)?,
                    _ => live_loop(world, args.packets, Counting::Once)?,
                };
                times[row].push(time);
            }
        }
        let rows = times.each_ref().map(|row| Statistic::of(row, &times[0], args.packets));
        if args.json {
            let rows = ROWS.iter().zip(&rows).map(|(name, row)| row.json(name));
            shown.push(json!({ "world": world.name, "octets": args.size, "rows": rows.collect::<Vec<_>>() }));
        } else {
            println!("{}, datagrams of {} octets", world.name, args.size);
            println!("{}", Statistic::heading());
            ROWS.iter().zip(&rows).for_each(|(name, row)| println!("{}", row.line(name)));
            println!();
        }
    }
    if args.json {
        println!("{}", json!({ "schema": 1, "worlds": shown }));
    }
    Ok(ALL_WELL)
}

fn failed(error: &DutError) -> Failure {
    Failure::of_dut("linux", error)
}

/// Nothing but writing frames and reading the answers. Nobody watches the kernel meanwhile.
fn floor(world: &World, packets: u64) -> Result<Duration, Failure> {
    let options = Options { observers: Observers::ProcOnly, ..Options::default() };
    let mut dut = LinuxDut::with(options);
    dut.open(&world.scenario).map_err(|error| failed(&error))?;
    let mut pass = |packets: u64| {
        let mut answered = true;
        for (_, packet) in (0..packets).zip(world.packets.iter().cycle()) {
            let passed = dut.pass_bare(packet.into, packet.out_of, &packet.frame);
            answered &= passed.map_err(|error| failed(&error))?;
        }
        if answered { Ok(()) } else { Err(Failure::Dut("linux: a frame was not answered".to_owned())) }
    };
    pass(world.packets.len() as u64)?;
    let started = thread_time();
    pass(packets)?;
    Ok(thread_time() - started)
}

/// The loop of `netassay diff`, without the reading of captures.
fn live_loop(world: &World, packets: u64, counting: Counting) -> Result<Duration, Failure> {
    let (mut reference, mut linux) = (ReferenceDut::new(Profile::Linux), LinuxDut::new());
    let mut replay = Replay::new(Drive::new(&mut reference, &mut linux));
    if counting == Counting::Once {
        replay.count_at_checkpoints();
    }
    let dimensions = world.dimensions.both(replay.drive().dimensions());
    let stop = AtomicBool::new(false);
    let mut steps = Steps { steps: world.steps(), taken: 0, wanted: packets, started: Duration::ZERO };
    let mut count = Count::default();
    let Replayed { compared, error, .. } =
        replay.run(&world.scenario, dimensions, &mut steps, &mut count, &stop);
    let time = thread_time() - steps.started;
    match error {
        Some(ReplayError::Dut(error)) => return Err(Failure::of_dut(&error.dut, &error.source)),
        Some(error) => return Err(Failure::Dut(error.to_string())),
        None => {}
    }
    if count.found > 0 || compared != packets {
        let Count { found, first } = count;
        return Err(Failure::Dut(format!("{found} of {packets} packets differ, the first in {first}")));
    }
    Ok(time)
}

/// How many steps differed, and what the first of them was.
#[derive(Default)]
struct Count {
    found: u64,
    first: String,
}

impl Listener for Count {
    fn found(&mut self, finding: &Finding<'_>) {
        if let (0, Some(Difference { field, .. })) = (self.found, finding.differences.first()) {
            self.first = format!("{}: {} / {}", field.field, field.a, field.b);
        }
        self.found += 1;
    }
}

/// The same few steps again and again.
struct Steps {
    steps: Vec<Step>,
    taken: u64,
    wanted: u64,
    /// When the first step was asked for: opening the DUTs belongs to no packet.
    started: Duration,
}

impl StepSource for Steps {
    fn next_step(&mut self) -> Result<Option<&Step>, SourceError> {
        if self.taken == 0 {
            self.started = thread_time();
        }
        if self.taken == self.wanted {
            return Ok(None);
        }
        let at = (self.taken % self.steps.len() as u64) as usize;
        self.taken += 1;
        Ok(self.steps.get(at))
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        self.taken = 0;
        Ok(())
    }
}
