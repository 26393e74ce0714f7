//! `netassay fuzz`: generated traces on two DUTs, without end or up to a bound; findings are shrunk and stored.

mod progress;
mod queue;
mod store;
mod work;

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::diff::{LimitsChoice, Pair, exit_code, load_ledger, partition};
use super::failure::Failure;
use super::output::Output;
use super::{INTERRUPTED, interrupt, shell};
use crate::differential::campaign::Worlds;
use crate::generate::matrix;
use crate::model::{Limits, Partition};
use progress::Progress;
use queue::Queue;
pub(super) use store::record;
use work::Work;

/// Take generated traces on two DUTs and compare everything they let out: random sequences over random worlds, or the
/// systematic matrices. Each new divergence is confirmed from a fresh start, shrunk and stored as a trace.
///
/// Without `--packets` or `--time` random sequences go on until they are interrupted, matrices until they are done.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    pair: Pair,
    /// What the stacks of random worlds are.
    #[arg(long, default_value = "plain", value_name = "KIND", conflicts_with = "matrix")]
    scenario: Kind,
    /// What random sequences are drawn from: the same seed gives the same worlds and steps on every machine.
    #[arg(long, default_value_t = 1, value_name = "S")]
    seed: u64,
    /// Take the cases of the matrices whose names start with this instead of random sequences; empty for all.
    #[arg(long, value_name = "PREFIX")]
    matrix: Option<String>,
    /// End after so many packets.
    #[arg(long, value_name = "N")]
    packets: Option<u64>,
    /// End after so much time: `90`, `90s`, `15m`, `2h`.
    #[arg(long, value_name = "T", value_parser = duration)]
    time: Option<Duration>,
    /// Take only this part of the run, as results name it (`part-12`, `m1-lengths/3`) by its number in the run.
    #[arg(long, value_name = "N")]
    part: Option<u64>,
    /// Threads, each with DUTs of its own.
    #[arg(long, short, default_value_t = 1, value_name = "J", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: u16,
    /// ICMP rate limits of the random worlds: lifted (`open`), or as out of the box (`default`).
    #[arg(long, default_value = "open", value_name = "LIMITS")]
    limits: LimitsChoice,
    /// Do only part K of N, for splitting a run over machines; `netassay merge` joins the results.
    #[arg(long, value_name = "K/N", value_parser = partition)]
    partition: Option<Partition>,
    /// Where the traces of findings go.
    #[arg(long, default_value = "corpus/regressions", value_name = "DIR")]
    store: PathBuf,
    /// Neither shrink nor store what is found.
    #[arg(long)]
    no_shrink: bool,
    /// Read explained differences from this directory instead of those that are built in.
    #[arg(long, value_name = "DIR")]
    deviations: Option<PathBuf>,
    /// Show no progress.
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    output: Output,
}

/// What the stacks of random worlds are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// Hosts and routers.
    Plain,
    /// Hosts and routers with local sockets, some of them without a default route.
    Sockets,
    /// Routers that track connections and filter by rules.
    Conntrack,
    /// Routers that translate.
    Nat,
}

impl Kind {
    const fn worlds(self) -> Worlds {
        match self {
            Self::Plain => Worlds::Plain,
            Self::Sockets => Worlds::Sockets,
            Self::Conntrack => Worlds::Conntrack,
            Self::Nat => Worlds::Nat,
        }
    }
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let started = Instant::now();
    args.check()?;
    let ledger = load_ledger(args.deviations.as_deref())?;
    let stop = interrupt::flag();
    let queue = Queue::new(args, started);
    let progress = Progress::new(args.packets, args.time, args.quiet);
    let work = Work { args, ledger, queue: &queue, progress: &progress, stop: &stop };
    let outcome = work.run();
    progress.finish();
    let Some(mut result) = outcome.result else {
        return Err(outcome.failure.unwrap_or_else(|| Failure::Environment("no worker started".to_owned())));
    };
    result.partition = args.partition;
    result.elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    // What was found is kept whatever happened: an environment that lacks something from the start has found nothing.
    let is_empty = result.captures.is_empty() && outcome.failure.is_some();
    let written = if is_empty { Ok(()) } else { args.output.write(&result) };
    if let Some(failure) = outcome.failure {
        if let Err(error) = written {
            eprintln!("netassay: {error}");
        }
        return Err(failure);
    }
    written?;
    Ok(if stop.load(Ordering::Relaxed) { INTERRUPTED } else { exit_code(&result) })
}

impl Args {
    fn check(&self) -> Result<(), Failure> {
        let Some(prefix) = &self.matrix else { return Ok(()) };
        let families = matrix::families();
        if families.iter().any(|family| family.name.starts_with(&prefix[..])) {
            return Ok(());
        }
        let names: Vec<_> = families.iter().map(|family| family.name).collect();
        Err(Failure::Input(format!("no matrix begins with `{prefix}`; there are {}", names.join(", "))))
    }

    fn limits(&self) -> Limits {
        self.limits.limits()
    }

    const fn worlds(&self) -> Worlds {
        self.scenario.worlds()
    }

    /// The command that takes part `index` of this run alone.
    fn command(&self, index: u64) -> String {
        let mut words = vec!["netassay".to_owned(), "fuzz".to_owned()];
        for (option, name, default) in [("--a", &self.pair.a, "reference"), ("--b", &self.pair.b, "linux")] {
            let name = name.to_string();
            if name != default {
                words.extend([option.to_owned(), name]);
            }
        }
        match &self.matrix {
            Some(prefix) => words.extend(["--matrix".to_owned(), prefix.clone()]),
            None => {
                if let Some(kind) = clap::ValueEnum::to_possible_value(&self.scenario)
                    && self.scenario != Kind::Plain
                {
                    words.extend(["--scenario".to_owned(), kind.get_name().to_owned()]);
                }
                words.extend(["--seed".to_owned(), self.seed.to_string()]);
            }
        }
        if self.limits() == Limits::Default {
            words.extend(["--limits".to_owned(), "default".to_owned()]);
        }
        words.extend(["--part".to_owned(), index.to_string()]);
        shell::line(&words)
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let seconds = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => 0,
    };
    match digits.parse::<u64>().ok().and_then(|number| number.checked_mul(seconds)) {
        Some(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds)),
        _ => Err("a time is a number of seconds, or one with a unit: 90s, 15m, 2h".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("15m"), Ok(Duration::from_secs(900)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        for wrong in ["", "m", "0", "3d", "-1", "99999999999999999999h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
