//! Connection tracking: which conversation a packet belongs to, followed from outside.
//!
//! [`Conntrack::classify`] looks at a packet when it enters, [`Conntrack::confirm`] puts the entry of a first packet
//! into the table once the packet has come through. Being `invalid` is no verdict: such packets go on, untranslated.
//! The behavior is that of Linux 6.18 as written down in `stack/spec/linux-conntrack-nat.md`.
//!
//! Not here: helpers and expectations, synproxy, the chunk machine of SCTP (its packets are invalid).
//!
//! Limits: [`ConntrackConfig::max`] entries, at most [`MAX_ENTRIES`]; 151 octets each, 95 without TCP; work per packet
//! is bounded, and what is over is removed when it is met, or by [`Conntrack::collect`].

mod attachment;
mod collect;
mod config;
mod dump;
mod entry;
mod error;
mod event;
mod gre;
mod hash;
mod icmp;
mod judgment;
mod life;
mod octets;
mod pending;
mod slab;
mod statistics;
mod table;
mod tcp;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tracker;
mod translation;
mod tuple;
mod udp;

pub use attachment::{EntryId, PendingId, Place, Relation, Tracked, Tracking};
pub use collect::COLLECT_STEP;
pub use config::{ConntrackConfig, EventMode, KnobError, TcpConfig};
pub use dump::DumpCursor;
pub use entry::{Account, Entry, HZ, Jiffies, Snapshot, Status};
pub use event::{Event, EventKind, MAX_EVENTS};
pub use hash::HashKey;
pub use judgment::Invalidity;
pub use statistics::Statistics;
pub use tcp::TcpState;
pub use tracker::{Classification, Confirmation, Conntrack, Entrance, MAX_ENTRIES};
pub use translation::Newcomer;
pub use tuple::{Direction, Tuple, protocol};

pub(crate) use icmp::has_identifier;
pub(crate) use tracker::is_summed;
