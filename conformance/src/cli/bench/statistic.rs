//! What rounds come to.

use std::time::Duration;

use serde_json::{Value, json};

/// Times per packet in microseconds, and the rate beside that of the floor.
pub(super) struct Statistic {
    median: f64,
    least: f64,
    greatest: f64,
    /// The floor's time divided by ours, the median of the rounds: the part of the floor's rate that is reached.
    of_floor: f64,
}

impl Statistic {
    /// Of rounds with so many packets each, beside the floor of the same rounds.
    pub(super) fn of(rounds: &[Duration], floor: &[Duration], packets: u64) -> Self {
        let per_packet = |time: &Duration| time.as_secs_f64() * 1e6 / packets as f64;
        let times = sorted(rounds.iter().map(per_packet));
        let ratios =
            sorted(floor.iter().zip(rounds).map(|(floor, own)| floor.as_secs_f64() / own.as_secs_f64()));
        Self {
            median: middle(&times),
            least: times.first().copied().unwrap_or(f64::NAN),
            greatest: times.last().copied().unwrap_or(f64::NAN),
            of_floor: middle(&ratios),
        }
    }

    /// The heading over [`Statistic::line`].
    pub(super) fn heading() -> String {
        format!("  {:<22} {:>10} {:>16} {:>12} {:>9}", "", "µs/packet", "min..max", "packets/s", "of floor")
    }

    /// One line of a table.
    pub(super) fn line(&self, name: &str) -> String {
        let range = format!("{:.2}..{:.2}", self.least, self.greatest);
        format!(
            "  {name:<22} {:>10.2} {range:>16} {:>12.0} {:>8.0}%",
            self.median,
            1e6 / self.median,
            self.of_floor * 100.0
        )
    }

    /// The same for machines.
    pub(super) fn json(&self, name: &str) -> Value {
        json!({
            "name": name,
            "us_per_packet": self.median,
            "min": self.least,
            "max": self.greatest,
            "packets_per_second": 1e6 / self.median,
            "of_floor": self.of_floor,
        })
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn middle(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_of_the_floor_is_that_of_rates() {
        let [floor, own] = [[10, 11, 12], [20, 22, 24]].map(|round| round.map(Duration::from_millis));
        let statistic = Statistic::of(&own, &floor, 1000);
        assert_eq!((statistic.median, statistic.least, statistic.greatest), (22.0, 20.0, 24.0));
        assert!((statistic.of_floor - 0.5).abs() < 1e-9);
    }
}
