//! Measuring cases in turns, so that a ratio between two of them is taken under the same conditions.
//!
//! The clock is the CPU time of the thread: what other processes take does not count. Each case runs once per round,
//! rounds alternate in direction, and what is shown is the median with the least and the greatest round.

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// Something that can be done many times over.
pub(crate) struct Case {
    /// Its name: the subject, a slash, and whose work it is. The first case of a subject is what the others are
    /// measured against.
    pub(crate) name: String,
    /// Octets that one time handles, 0 where a rate in octets says nothing.
    pub(crate) octets: usize,
    /// Does it so many times.
    pub(crate) run: Box<dyn FnMut(u64)>,
}

impl Case {
    /// A case called `subject`/`who`.
    pub(crate) fn new(subject: &str, who: &str, run: impl FnMut(u64) + 'static) -> Self {
        Self { name: format!("{subject}/{who}"), octets: 0, run: Box::new(run) }
    }

    /// The same for work on so many octets.
    pub(crate) fn on(mut self, octets: usize) -> Self {
        self.octets = octets;
        self
    }

    /// The part of the name that says what is done.
    pub(crate) fn subject(&self) -> &str {
        self.name.rsplit_once('/').map_or(&self.name, |(subject, _)| subject)
    }
}

/// How long rounds are and how many there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Rounds.
    pub(crate) rounds: usize,
    /// Milliseconds that one case takes in a round.
    pub(crate) ms: u64,
}

/// What came of one case: nanoseconds per time, by round.
pub(crate) struct Measured {
    name: String,
    octets: usize,
    rounds: Vec<f64>,
    /// Against the first case of the subject, by round.
    ratios: Vec<f64>,
}

/// CPU time of this thread in nanoseconds.
fn now() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// Measures the cases of one subject in turns.
pub(crate) fn measure(cases: &mut [Case], effort: Effort) -> Vec<Measured> {
    let slice = effort.ms * 1_000_000;
    let times: Vec<u64> = cases.iter_mut().map(|case| calibrate(case, slice)).collect();
    let mut rounds = vec![Vec::new(); cases.len()];
    for round in 0..effort.rounds {
        for turn in 0..cases.len() {
            let at = if round % 2 == 0 { turn } else { cases.len() - 1 - turn };
            let started = now();
            (cases[at].run)(times[at]);
            rounds[at].push((now() - started) as f64 / times[at] as f64);
        }
    }
    let first = rounds.first().cloned().unwrap_or_default();
    let measured = cases.iter().zip(rounds).map(|(case, rounds)| Measured {
        name: case.name.clone(),
        octets: case.octets,
        ratios: rounds.iter().zip(&first).map(|(own, base)| own / base).collect(),
        rounds,
    });
    measured.collect()
}

/// How often a case fits into `slice` nanoseconds.
fn calibrate(case: &mut Case, slice: u64) -> u64 {
    let mut times = 1;
    loop {
        let started = now();
        (case.run)(times);
        let taken = now() - started;
        if taken > slice / 8 {
            return (times as f64 * slice as f64 / taken as f64).max(1.0) as u64;
        }
        times *= 2;
    }
}

impl Measured {
    /// One line of a table.
    pub(crate) fn line(&self) -> String {
        let [median, least, greatest] = spread(&self.rounds);
        let rate =
            if self.octets == 0 { String::new() } else { format!("{:.1} GB/s", self.octets as f64 / median) };
        format!(
            "{:<44} {median:>9.1} {least:>9.1}..{greatest:<9.1} {:>6.2} {rate:>12}",
            self.name,
            spread(&self.ratios)[0]
        )
    }

    /// The heading over [`Measured::line`].
    pub(crate) fn heading() -> String {
        format!("{:<44} {:>9} {:>9}..{:<9} {:>6}", "case", "ns", "least", "greatest", "ratio")
    }

    /// All of it for machines.
    pub(crate) fn json(&self) -> Value {
        let ([ns, least, greatest], [ratio, ..]) = (spread(&self.rounds), spread(&self.ratios));
        json!({ "case": self.name, "ns": ns, "least": least, "greatest": greatest, "ratio": ratio })
    }
}

/// Median, least and greatest.
fn spread(values: &[f64]) -> [f64; 3] {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::NAN);
    [at(sorted.len() / 2), at(0), at(sorted.len().saturating_sub(1))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        assert_eq!(spread(&[9.0, 1.0, 4.0]), [4.0, 1.0, 9.0]);
    }
}
