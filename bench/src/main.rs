//! The reference stack beside other implementations.
//!
//! `netassay-bench [FILTER]` measures the cases whose name contains FILTER; the first of each subject is what the
//! ratios are against. `--count CASE --times N` only does one case so often, for a simulator that counts
//! instructions; `instructions.sh` beside this crate does that for all of them.

mod checksum;
mod conntrack;
mod datagram;
mod echo;
mod forward;
mod measure;
mod neighbor;
mod parse;
mod table;

use clap::Parser;
use measure::{Case, Effort, Measured};

/// Measures the reference stack beside other implementations.
#[derive(Debug, Parser)]
struct Arguments {
    /// Measure only cases whose name contains this.
    filter: Option<String>,
    /// Rounds.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Milliseconds of each case in a round.
    #[arg(long, default_value_t = 20)]
    ms: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Print the names of all cases.
    #[arg(long)]
    list: bool,
    /// Only do the case of this name and measure nothing.
    #[arg(long, value_name = "CASE", requires = "times")]
    count: Option<String>,
    /// How often to do it.
    #[arg(long, value_name = "N")]
    times: Option<u64>,
}

type Cases = fn() -> Vec<Case>;

/// Everything there is to measure, made only when it is wanted: some of it is large.
const SUBJECTS: &[Cases] = &[
    echo::cases,
    parse::cases,
    checksum::cases,
    forward::cases,
    conntrack::cases,
    table::thousand,
    table::hundred_thousand,
    table::million,
];

fn main() {
    let arguments = Arguments::parse();
    if let (Some(name), Some(times)) = (&arguments.count, arguments.times) {
        let cases = SUBJECTS.iter().flat_map(|cases| cases()).find(|case| case.name == *name);
        return cases.into_iter().for_each(|mut case| (case.run)(times));
    }
    let effort = Effort { rounds: arguments.rounds, ms: arguments.ms };
    let filter = arguments.filter.as_deref().unwrap_or("");
    let mut all = Vec::new();
    for cases in SUBJECTS {
        let mut cases = cases();
        if arguments.list {
            cases.iter().for_each(|case| println!("{}", case.name));
            continue;
        }
        cases.retain(|case| case.subject().contains(filter) || case.name.contains(filter));
        for group in cases.chunk_by_mut(|a, b| a.subject() == b.subject()) {
            let measured = measure::measure(group, effort);
            if !arguments.json {
                println!("{}", Measured::heading());
                measured.iter().for_each(|case| println!("{}", case.line()));
                println!();
            }
            all.extend(measured);
        }
    }
    if arguments.json {
        println!("{}", serde_json::Value::from_iter(all.iter().map(Measured::json)));
    }
}
