//! One datagram that is being put together.

use alloc::vec::Vec;

use super::piece::Pieces;
use super::run::{Insertion, Runs};
use super::{Expired, Killed, OverlapPolicy, Reassembled, ReassemblyKey, Unfit};
use crate::time::Instant;
use crate::wire::ipv4::{DONT_FRAGMENT, MAX_HEADER_LEN};
use crate::wire::{Ipv4Edit, Ipv4View};

/// How far a fragment brought its datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Held,
    Duplicate,
    Killed(Killed),
    Complete,
}

/// The fragment at offset 0.
#[derive(Clone, Debug)]
struct First<T> {
    header: [u8; MAX_HEADER_LEN],
    header_len: u8,
    context: T,
}

/// What is known of one datagram.
#[derive(Clone, Debug)]
pub(super) struct Queue<T> {
    /// When to give up.
    pub(super) deadline: Instant,
    /// Whether the fragments of its source are counted.
    pub(super) is_counted: bool,
    /// The count of its source at its last fragment.
    pub(super) counted_at: u32,
    /// Octets charged for its fragments.
    pub(super) memory: usize,
    policy: OverlapPolicy,
    first: Option<First<T>>,
    last: Option<T>,
    runs: Runs,
    pieces: Pieces,
    /// Largest end of payload seen: the end itself once the last fragment was.
    total: usize,
    has_end: bool,
    /// Octets of payload that are held, each counted once.
    held: usize,
    /// One bit for each ECN codepoint seen.
    ecn: u8,
    largest: u16,
    largest_with_df: u16,
}

impl<T: Clone> Queue<T> {
    pub(super) const fn new(deadline: Instant, is_counted: bool, policy: OverlapPolicy) -> Self {
        Self {
            deadline,
            is_counted,
            counted_at: 0,
            memory: 0,
            policy,
            first: None,
            last: None,
            runs: Runs::new(),
            pieces: Pieces::new(),
            total: 0,
            has_end: false,
            held: 0,
            ecn: 0,
            largest: 0,
            largest_with_df: 0,
        }
    }

    /// Whether no fragment is held.
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.len() == 0
    }

    /// Drops all fragments and returns how many. The largest sizes seen stay, as in Linux.
    pub(super) fn restart(&mut self) -> usize {
        let dropped = self.pieces.len();
        self.pieces.clear();
        self.runs = Runs::new();
        (self.first, self.last) = (None, None);
        (self.total, self.has_end, self.held, self.ecn, self.memory) = (0, false, 0, 0, 0);
        dropped
    }

    /// Adds `fragment`, to be charged with `cost` octets.
    pub(super) fn add(&mut self, fragment: &Ipv4View<'_>, cost: usize, context: T) -> Progress {
        let start = fragment.fragment_offset().octets();
        let payload = match self.bound(start, fragment) {
            Ok(payload) => payload,
            Err(reason) => return Progress::Killed(reason),
        };
        match self.cover(start as u32, payload.len() as u32) {
            Insertion::New => {}
            // It may still be the fragment that tells where the datagram ends. Linux does not look.
            Insertion::Duplicate if self.policy == OverlapPolicy::KeepFirst && self.is_complete() => {
                self.last = Some(context);
                return Progress::Complete;
            }
            Insertion::Duplicate => return Progress::Duplicate,
            Insertion::Overlap => return Progress::Killed(Killed::Overlap),
        }
        self.pieces.push(start as u32, fragment.header(), payload);
        self.memory += cost;
        self.ecn |= 1 << fragment.ecn();
        let size = (fragment.header_len() + payload.len()) as u16;
        self.largest = self.largest.max(size);
        if fragment.dont_fragment() {
            self.largest_with_df = self.largest_with_df.max(size);
        }
        if start == 0 && (self.first.is_none() || self.policy == OverlapPolicy::KeepLast) {
            self.first = Some(First::new(fragment, context.clone()));
        }
        self.last = Some(context);
        if self.is_complete() { Progress::Complete } else { Progress::Held }
    }

    /// Whether first and last fragment are there, and all between them.
    fn is_complete(&self) -> bool {
        self.first.is_some() && self.has_end && self.held == self.total
    }

    /// Cuts the payload to whole units of 8 octets if more fragments follow, and checks its end against the
    /// datagram's. What is learnt of the end stays even if the fragment turns out to be a duplicate.
    fn bound<'a>(&mut self, start: usize, fragment: &Ipv4View<'a>) -> Result<&'a [u8], Killed> {
        let mut payload = fragment.payload();
        if fragment.more_fragments() {
            payload = payload.get(..payload.len() & !7).unwrap_or_default();
            let end = start + payload.len();
            if end > self.total {
                if self.has_end {
                    return Err(Killed::BeyondEnd);
                }
                self.total = end;
            }
        } else {
            let end = start + payload.len();
            if end < self.total {
                return Err(if self.has_end { Killed::EndMoved } else { Killed::EndBelowData });
            }
            if self.has_end && end != self.total {
                return Err(Killed::EndMoved);
            }
            self.has_end = true;
            self.total = end;
        }
        if payload.is_empty() { Err(Killed::Empty) } else { Ok(payload) }
    }

    /// Marks `len` octets from `start` as held, as far as the policy lets them be.
    fn cover(&mut self, start: u32, len: u32) -> Insertion {
        let (insertion, new) = match self.policy {
            OverlapPolicy::DiscardDatagram => (self.runs.insert(start, start + len), len),
            OverlapPolicy::KeepFirst => match self.runs.merge(start, start + len) {
                0 => (Insertion::Duplicate, 0),
                new => (Insertion::New, new),
            },
            OverlapPolicy::KeepLast => (Insertion::New, self.runs.merge(start, start + len)),
        };
        if insertion == Insertion::New {
            self.held += new as usize;
        }
        insertion
    }

    /// Makes the datagram out of a queue without holes.
    pub(super) fn finish(self) -> Result<Reassembled<T>, Unfit> {
        let ecn = combined_ecn(self.ecn).ok_or(Unfit::EcnMixture)?;
        // A queue is complete only with its first fragment and its last.
        let (Some(first), Some(last)) = (self.first, self.last) else { return Err(Unfit::Oversized) };
        let header = first.header();
        let Ok(total_length) = u16::try_from(header.len() + self.total) else { return Err(Unfit::Oversized) };
        let tos = header.get(1).copied().unwrap_or_default();
        let (mut octets, layout) = self.pieces.assemble(header, self.total, self.policy);
        let largest_had_df = self.largest_with_df == self.largest;
        if let Some(mut edit) = Ipv4Edit::new(&mut octets) {
            edit.set_total_length(total_length);
            edit.set_tos(tos | ecn);
            edit.set_fragment_word(if largest_had_df { DONT_FRAGMENT } else { 0 });
            edit.rewrite_checksum();
        }
        let largest_fragment = self.largest;
        Ok(Reassembled { octets, layout, largest_fragment, largest_had_df, first: first.context, last })
    }

    /// What is left of a datagram whose time is over.
    pub(super) fn give_up(self, key: ReassemblyKey) -> Expired<T> {
        let fragments = self.pieces.len();
        let first = self.first.map(|first| {
            let mut octets = Vec::from(first.header());
            octets.extend_from_slice(self.pieces.first(self.policy));
            (octets, first.context)
        });
        Expired { key, fragments, first, last: self.last }
    }
}

impl<T> First<T> {
    fn new(fragment: &Ipv4View<'_>, context: T) -> Self {
        let mut header = [0; MAX_HEADER_LEN];
        let header_len = fragment.header_len();
        header[..header_len].copy_from_slice(fragment.header());
        Self { header, header_len: header_len as u8, context }
    }

    fn header(&self) -> &[u8] {
        self.header.get(..usize::from(self.header_len)).unwrap_or_default()
    }
}

/// The ECN bits to be added to those of the first fragment, from one bit for each codepoint seen; `None` if Not-ECT
/// is mixed with others. RFC 3168 §5.3.
const fn combined_ecn(seen: u8) -> Option<u8> {
    const NOT_ECT: u8 = 1 << 0;
    const CE: u8 = 1 << 3;
    if seen & NOT_ECT != 0 && seen != NOT_ECT {
        None
    } else if seen & CE != 0 {
        Some(3)
    } else {
        Some(0)
    }
}
