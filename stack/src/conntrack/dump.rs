//! Reading the table in slices.

use super::entry::{Snapshot, Status};
use super::tracker::Conntrack;
use crate::time::Instant;

/// Where a dump continues. Entries that come and go between two slices may be missed, none is shown twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DumpCursor(u32);

impl Conntrack {
    /// Shows the entries from `cursor` on, at most `limit` slots further, in the order of their slots, which does not
    /// depend on any hash. Expired entries are removed on the way; losers of a clash are hidden.
    /// Returns where to continue, `None` at the end.
    pub fn dump(
        &mut self,
        now: Instant,
        cursor: DumpCursor,
        limit: u32,
        mut show: impl FnMut(&Snapshot),
    ) -> Option<DumpCursor> {
        let now = now.jiffies();
        let end = cursor.0.saturating_add(limit.max(1)).min(self.table.slots());
        for slot in cursor.0..end {
            let Some(id) = self.table.id_of(slot) else { continue };
            let Some(entry) = self.table.get(id) else { continue };
            if entry.is_expired(now) {
                self.expire(now, id);
                continue;
            }
            if entry.status.contains(Status::NAT_CLASH) {
                continue;
            }
            if let Some(snapshot) = self.table.snapshot(slot, now) {
                show(&snapshot);
            }
        }
        (end < self.table.slots()).then_some(DumpCursor(end))
    }
}
