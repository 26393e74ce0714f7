//! How many fragments each source sent, as long as a datagram of it is being put together.

use alloc::collections::BTreeMap;
use core::net::Ipv4Addr;

/// Counts for one source.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    /// Fragments so far, of any datagram.
    fragments: u32,
    /// Queues that refer to the count.
    queues: usize,
}

/// Counts by source. Only differences matter, so a source without a queue is forgotten.
#[derive(Clone, Debug)]
pub(super) struct Sources(BTreeMap<Ipv4Addr, Count>);

impl Sources {
    pub(super) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// One more queue of `source`.
    pub(super) fn open(&mut self, source: Ipv4Addr) {
        self.0.entry(source).or_default().queues += 1;
    }

    /// One queue of `source` less.
    pub(super) fn close(&mut self, source: Ipv4Addr) {
        if let Some(count) = self.0.get_mut(&source) {
            count.queues -= 1;
            if count.queues == 0 {
                self.0.remove(&source);
            }
        }
    }

    /// Counts one fragment and returns the count.
    pub(super) fn count(&mut self, source: Ipv4Addr) -> u32 {
        self.0.get_mut(&source).map_or(0, |count| {
            count.fragments = count.fragments.wrapping_add(1);
            count.fragments
        })
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counting_starts_over_once_the_last_queue_is_closed() {
        let source = Ipv4Addr::LOCALHOST;
        let mut sources = Sources::new();
        assert_eq!(sources.count(source), 0);
        sources.open(source);
        sources.open(source);
        assert_eq!((sources.count(source), sources.count(source)), (1, 2));
        sources.close(source);
        assert_eq!(sources.count(source), 3);
        sources.close(source);
        assert_eq!(sources.count(source), 0);
        sources.open(source);
        assert_eq!(sources.count(source), 1);
    }
}
