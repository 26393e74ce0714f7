//! Reading counters and tables of both DUTs and telling what moved apart since the last time.

use super::drive::{Drive, PairError, Side, of};
use crate::differential::compare::{Comparison, Difference};
use crate::model::{ConntrackEntry, Counters, Dimension, Dimensions};

/// Readings of one DUT: the last two of its counters.
#[derive(Debug, Default)]
struct Readings {
    now: Counters,
    before: Counters,
    table: Vec<ConntrackEntry>,
}

impl Readings {
    /// Makes room for the next reading.
    fn turn(&mut self) {
        std::mem::swap(&mut self.now, &mut self.before);
    }
}

/// Readings of both DUTs since the trace began.
#[derive(Debug, Default)]
pub(super) struct Checkpoint {
    a: Readings,
    b: Readings,
    /// Whether the counters differed last time.
    is_apart: bool,
    /// What the tables differed in last time: only news are differences of this stretch.
    known: Vec<Difference>,
}

impl Checkpoint {
    /// Reads what belongs to `dimensions` and adds to `out` what moved apart since the last reading.
    pub(super) fn read(
        &mut self,
        drive: &mut Drive<'_>,
        dimensions: Dimensions,
        comparison: &mut Comparison,
        out: &mut Vec<Difference>,
    ) -> Result<(), PairError> {
        if dimensions.contains(Dimension::Counters) {
            self.a.turn();
            self.b.turn();
            drive.counters(Side::A, &mut self.a.now)?;
            drive.counters(Side::B, &mut self.b.now)?;
            // As long as all was equal, one comparison of memory tells that it still is.
            let were_equal = !std::mem::replace(&mut self.is_apart, self.a.now != self.b.now);
            if were_equal && !self.is_apart {
                comparison.counters_are_equal();
            } else {
                let [moved_a, moved_b] = self.moved();
                comparison.counters(&moved_a, &moved_b, out);
            }
        }
        if dimensions.contains(Dimension::Conntrack) {
            let mut found = self.tables(drive, comparison)?;
            if !found.is_empty() && self.read_again(drive)? {
                // A connection whose time ended while the table was read is in one of two readings before and after that.
                let mut after = Vec::new();
                comparison.conntrack_tables(drive.since_step(), &self.a.table, &self.b.table, &mut after);
                found.retain(|difference| after.contains(difference));
            }
            out.extend(found.iter().filter(|difference| !self.known.contains(difference)).cloned());
            self.known = found;
        }
        Ok(())
    }

    /// Reads both tables, that of a DUT with a clock first, the other as it is when that reading begins; tells where they
    /// differ.
    fn tables(
        &mut self,
        drive: &mut Drive<'_>,
        comparison: &Comparison,
    ) -> Result<Vec<Difference>, PairError> {
        if let Some(now) = drive.b.present() {
            drive.a.read_at(now);
        } else if let Some(now) = drive.a.present() {
            drive.b.read_at(now);
        }
        self.b.table = drive.b.conntrack().map_err(|source| of(drive.b, source))?;
        self.a.table = drive.a.conntrack().map_err(|source| of(drive.a, source))?;
        let mut found = Vec::new();
        comparison.conntrack_tables(drive.since_step(), &self.a.table, &self.b.table, &mut found);
        Ok(found)
    }

    /// Reads the table of the DUT without a clock again, as it is now; whether there is one beside one with a clock.
    fn read_again(&mut self, drive: &mut Drive<'_>) -> Result<bool, PairError> {
        let (dut, now, table) = match (drive.a.present(), drive.b.present()) {
            (None, Some(now)) => (&mut *drive.a, now, &mut self.a.table),
            (Some(now), None) => (&mut *drive.b, now, &mut self.b.table),
            _ => return Ok(false),
        };
        dut.read_at(now);
        *table = dut.conntrack().map_err(|source| of(dut, source))?;
        Ok(true)
    }

    /// What the counters of A and B did between the last two readings.
    pub(super) fn moved(&self) -> [Counters; 2] {
        [self.a.now.since(&self.a.before), self.b.now.since(&self.b.before)]
    }
}
