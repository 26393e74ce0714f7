//! Reassembly of fragments: RFC 791 §3.2 with the strictness of RFC 5722 §4, as Linux does it.
//!
//! The tables hold no more than [`ReassemblyConfig::high_threshold`] octets and one fragment, by an accounting that
//! follows what is really kept within a small factor. No fragment costs more than the logarithm of what is held, completion aside.
//! Linux evicts nothing: once the threshold is exceeded every fragment is refused until queues end.

mod key;
mod piece;
mod queue;
mod run;
mod source;
#[cfg(test)]
mod tests;
mod truesize;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

pub use key::{FragmentUser, ReassemblyKey};
use queue::{Progress, Queue};
use source::Sources;
pub use truesize::tun_truesize;

use crate::time::Instant;
use crate::wire::Ipv4View;

/// Octets charged for a queue before any fragment.
const QUEUE_COST: usize = 200;
/// Octets charged for a fragment beyond its payload, at least.
const FRAGMENT_COST: usize = 128;

/// What to do about a fragment that overlaps what is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OverlapPolicy {
    /// Ignore it if one stretch of fragments in order holds all of it, else discard the datagram: Linux.
    #[default]
    DiscardDatagram,
    /// The copy that came first stays: Windows, and what RFC 815 lends itself to.
    KeepFirst,
    /// The copy that came last stays. RFC 791 §3.2 "An Example Reassembly Procedure".
    KeepLast,
}

/// The knobs of reassembly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReassemblyConfig {
    /// Time from the first fragment to giving up: `ipfrag_time`. RFC 1122 §3.3.2.
    pub timeout: Duration,
    /// Octets in use above which fragments are refused; 0 refuses all: `ipfrag_high_thresh`.
    pub high_threshold: usize,
    /// Fragments of one source between two of a datagram above which the datagram starts over; 0 for no limit:
    /// `ipfrag_max_dist`.
    pub max_distance: u32,
    /// What to do about overlaps.
    pub overlap: OverlapPolicy,
}

impl Default for ReassemblyConfig {
    /// As in a fresh Linux namespace.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            high_threshold: 4 << 20,
            max_distance: 64,
            overlap: OverlapPolicy::DiscardDatagram,
        }
    }
}

/// Why a fragment ends its datagram. Each counts as one failure, without an ICMP error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Killed {
    /// A last fragment ends before data already seen.
    EndBelowData,
    /// Two last fragments end in different places.
    EndMoved,
    /// A fragment reaches beyond the last one.
    BeyondEnd,
    /// It holds no octets, or fewer than 8 with more fragments to come.
    Empty,
    /// It overlaps others.
    Overlap,
}

/// Why a datagram without holes is discarded nevertheless. Each counts as one failure, without an ICMP error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Some fragments are Not-ECT and some are not. RFC 3168 §5.3.
    EcnMixture,
    /// Header and payload exceed 65 535 octets.
    Oversized,
}

/// What became of a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate<T> {
    /// Kept; its datagram still has a hole.
    Held,
    /// Dropped, for all of it is held already.
    Duplicate,
    /// Dropped, for memory is used up. What is held stays.
    Refused,
    /// Dropped, and its datagram with it.
    Killed(Killed),
    /// It was the last missing one, but its datagram cannot be delivered.
    Unfit(Unfit),
    /// It was the last missing one.
    Complete(Box<Reassembled<T>>),
}

impl<T> Fate<T> {
    /// Whether it counts in `Ip.ReasmFails`.
    pub const fn is_failure(&self) -> bool {
        matches!(self, Self::Refused | Self::Killed(_) | Self::Unfit(_))
    }
}

/// Everything that adding one fragment did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addition<T> {
    /// Fragments dropped first because too many others of the source came in between; one failure of its own.
    pub too_far: Option<usize>,
    /// What became of the fragment itself.
    pub fate: Fate<T>,
}

/// A datagram put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reassembled<T> {
    /// The datagram: the header of the fragment at offset 0 with total length, flags, ECN and checksum renewed.
    pub octets: Vec<u8>,
    /// Octets of payload of each fragment in order; empty if fragments overlapped.
    pub layout: Vec<u16>,
    /// Octets of the largest fragment, header included.
    pub largest_fragment: u16,
    /// That one had DF, which the datagram then has as well.
    pub largest_had_df: bool,
    /// What came with the fragment at offset 0.
    pub first: T,
    /// What came with the fragment that arrived last.
    pub last: T,
}

/// A datagram given up on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expired<T> {
    /// Which.
    pub key: ReassemblyKey,
    /// Fragments that were held.
    pub fragments: usize,
    /// The fragment at offset 0 as it was received, to be quoted, and what came with it; without it no ICMP error
    /// is sent. RFC 792 "Time Exceeded Message".
    pub first: Option<(Vec<u8>, T)>,
    /// What came with the fragment that arrived last.
    pub last: Option<T>,
}

/// All datagrams that are being put together. `T` is what the caller wants kept with a fragment.
#[derive(Clone, Debug)]
pub struct Reassembler<T> {
    /// The knobs; thresholds apply from the next fragment on, timeout and overlap policy from the next datagram on.
    pub config: ReassemblyConfig,
    queues: BTreeMap<ReassemblyKey, Box<Queue<T>>>,
    /// When to give up, and on which datagram.
    deadlines: BTreeSet<(Instant, ReassemblyKey)>,
    sources: Sources,
    memory: usize,
}

impl<T: Clone> Reassembler<T> {
    /// Holds nothing yet.
    pub const fn new(config: ReassemblyConfig) -> Self {
        Self {
            config,
            queues: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            sources: Sources::new(),
            memory: 0,
        }
    }

    /// Adds one fragment on behalf of `user`.
    ///
    /// `truesize` is what the octets occupy; less than what is really kept counts as that. The payload may end
    /// beyond 65 535 octets. Adding a datagram that is no fragment completes it at once.
    pub fn add(
        &mut self,
        now: Instant,
        user: FragmentUser,
        fragment: &Ipv4View<'_>,
        truesize: usize,
        context: T,
    ) -> Addition<T> {
        if self.config.high_threshold == 0 || self.memory > self.config.high_threshold {
            return Addition { too_far: None, fate: Fate::Refused };
        }
        let key = ReassemblyKey::of(fragment, user);
        let mut queue = self.queues.remove(&key).unwrap_or_else(|| self.open(now, key));
        let too_far = self.restart_if_too_far(now, key, &mut queue);
        let cost = truesize.max(fragment.payload().len() + FRAGMENT_COST);
        let before = queue.memory;
        let progress = queue.add(fragment, cost, context);
        self.memory += queue.memory - before;
        let fate = match progress {
            Progress::Held | Progress::Duplicate => {
                self.queues.insert(key, queue);
                if progress == Progress::Held { Fate::Held } else { Fate::Duplicate }
            }
            Progress::Killed(reason) => {
                self.close(key, &queue);
                Fate::Killed(reason)
            }
            Progress::Complete => {
                self.close(key, &queue);
                match queue.finish() {
                    Ok(datagram) => Fate::Complete(Box::new(datagram)),
                    Err(reason) => Fate::Unfit(reason),
                }
            }
        };
        Addition { too_far, fate }
    }

    /// When to call [`Reassembler::expire`] next. Changes after it and after [`Reassembler::add`].
    pub fn next_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Gives up on one datagram whose time is over; call until it returns `None`.
    pub fn expire(&mut self, now: Instant) -> Option<Expired<T>> {
        let (deadline, key) = *self.deadlines.first()?;
        if deadline > now {
            return None;
        }
        let queue = self.queues.remove(&key);
        let Some(queue) = queue else {
            // Every deadline has its queue; were one lost, it must not block those behind it.
            self.deadlines.remove(&(deadline, key));
            return Some(Expired { key, fragments: 0, first: None, last: None });
        };
        self.close(key, &queue);
        Some(queue.give_up(key))
    }

    /// Octets in use, as compared with the threshold.
    pub const fn memory(&self) -> usize {
        self.memory
    }

    /// How many datagrams are being put together.
    pub fn len(&self) -> usize {
        self.queues.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    /// Forgets everything but the knobs.
    pub fn clear(&mut self) {
        self.queues.clear();
        self.deadlines.clear();
        self.sources.clear();
        self.memory = 0;
    }

    /// Starts a queue and its timer, which no later fragment restarts.
    fn open(&mut self, now: Instant, key: ReassemblyKey) -> Box<Queue<T>> {
        let deadline = now + self.config.timeout;
        self.deadlines.insert((deadline, key));
        self.memory += QUEUE_COST;
        let is_counted = self.config.max_distance != 0;
        if is_counted {
            self.sources.open(key.source);
        }
        Box::new(Queue::new(deadline, is_counted, self.config.overlap))
    }

    /// Empties `queue` and restarts its timer if too many fragments of its source came since its last one.
    fn restart_if_too_far(
        &mut self,
        now: Instant,
        key: ReassemblyKey,
        queue: &mut Queue<T>,
    ) -> Option<usize> {
        if !queue.is_counted || self.config.max_distance == 0 {
            return None;
        }
        let count = self.sources.count(key.source);
        let distance = count.wrapping_sub(queue.counted_at);
        queue.counted_at = count;
        if queue.is_empty() || distance <= self.config.max_distance {
            return None;
        }
        self.deadlines.remove(&(queue.deadline, key));
        queue.deadline = now + self.config.timeout;
        self.deadlines.insert((queue.deadline, key));
        let before = queue.memory;
        let dropped = queue.restart();
        self.memory -= before - queue.memory;
        Some(dropped)
    }

    /// Undoes [`Reassembler::open`] for a queue that has left the table.
    fn close(&mut self, key: ReassemblyKey, queue: &Queue<T>) {
        self.deadlines.remove(&(queue.deadline, key));
        self.memory -= QUEUE_COST + queue.memory;
        if queue.is_counted {
            self.sources.close(key.source);
        }
    }
}
