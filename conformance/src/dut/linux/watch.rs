//! Watching the kernel while steps are taken: by BPF where it is allowed, by a trace instance otherwise, or not at all.

use std::io;
use std::time::Duration;

use super::bpf::{Instruments, Queue};
use super::sys::process;
use super::tracefs::Tracefs;
use crate::dut::Clock;
use crate::model::{Counters, Drop as PacketDrop};

/// Which means of watching may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Observers {
    /// The best there are.
    #[default]
    Best,
    /// All but BPF: counters from `/proc`, drop reasons from a trace instance.
    WithoutBpf,
    /// Counters from `/proc` and no drop reasons.
    ProcOnly,
}

/// The means in use.
#[derive(Debug)]
pub(super) enum Watch {
    /// BPF: drops, jiffies and counters.
    Bpf(Box<Instruments>),
    /// A trace instance: drops only.
    Trace(Tracefs),
    /// Nothing, and why.
    Blind(String),
}

impl Watch {
    /// The best means that `observers` and the machine allow.
    pub(super) fn new(observers: Observers) -> Self {
        let not_wanted = || "switched off".to_owned();
        let no_bpf = match observers {
            Observers::Best => match Instruments::new() {
                Ok(instruments) => return Self::Bpf(Box::new(instruments)),
                Err(why) => why,
            },
            Observers::WithoutBpf | Observers::ProcOnly => not_wanted(),
        };
        if observers == Observers::ProcOnly {
            return Self::Blind(not_wanted());
        }
        match Tracefs::new() {
            Ok(tracefs) => Self::Trace(tracefs),
            Err(why) => Self::Blind(format!("BPF: {no_bpf}; trace file system: {why}")),
        }
    }

    /// Why drop reasons are not to be had; `None` if they are.
    pub(super) fn blind(&self) -> Option<&str> {
        match self {
            Self::Blind(why) => Some(why),
            Self::Bpf(_) | Self::Trace(_) => None,
        }
    }

    /// From now on watches the network namespace of the calling thread, whose interfaces have numbers from
    /// `unique_index` on, if no others on this machine have those.
    pub(super) fn look_at_own_namespace(&mut self, unique_index: Option<u32>) -> Result<(), String> {
        match self {
            Self::Bpf(instruments) => instruments.look_at_own_namespace(unique_index),
            Self::Trace(_) | Self::Blind(_) => Ok(()),
        }
    }

    /// A step of the calling thread begins.
    pub(super) fn begin(&mut self) -> io::Result<()> {
        match self {
            Self::Bpf(instruments) => {
                instruments.witness.begin(own_thread());
                Ok(())
            }
            Self::Trace(tracefs) => tracefs.begin(own_thread()),
            Self::Blind(_) => Ok(()),
        }
    }

    /// The step is over: appends the drops since it began.
    pub(super) fn end(&mut self, drops: &mut Vec<PacketDrop>) -> io::Result<()> {
        let before = drops.len();
        let result = self.take_drops(drops);
        if drops.len() > before {
            let mut position = 0;
            drops.retain(|drop| {
                position += 1;
                position <= before || !is_release_of_pieces(drop)
            });
        }
        result
    }

    fn take_drops(&mut self, drops: &mut Vec<PacketDrop>) -> io::Result<()> {
        match self {
            Self::Bpf(instruments) => {
                instruments.witness.end();
                match instruments.witness.take_drops(drops) {
                    0 => Ok(()),
                    lost => Err(io::Error::other(format!("{lost} drops were more than the buffer holds"))),
                }
            }
            Self::Trace(tracefs) => tracefs.take_drops(drops),
            Self::Blind(_) => Ok(()),
        }
    }

    /// When the first frame of the step came in, or the present if none did.
    pub(super) fn frame_clock(&self) -> Clock {
        match self {
            Self::Bpf(instruments) => match instruments.witness.frame_time() {
                Some(monotonic) => Clock { monotonic, midnight_ms: midnight_ms() },
                None => self.now(),
            },
            Self::Trace(_) | Self::Blind(_) => self.now(),
        }
    }

    /// The present: in whole jiffies where they can be had.
    pub(super) fn now(&self) -> Clock {
        Clock {
            monotonic: self.jiffies().unwrap_or_else(|| process::clock(libc::CLOCK_MONOTONIC)),
            midnight_ms: midnight_ms(),
        }
    }

    /// The present in whole jiffies, where they can be had.
    pub(super) fn jiffies(&self) -> Option<Duration> {
        match self {
            Self::Bpf(instruments) => instruments.witness.now().ok(),
            Self::Trace(_) | Self::Blind(_) => None,
        }
    }

    /// Copies the counters as they are now, and how much waits in the queues, if that is possible here.
    pub(super) fn copy_counters(&self) -> io::Result<()> {
        match self {
            Self::Bpf(instruments) => instruments.mib.copy(own_thread()),
            Self::Trace(_) | Self::Blind(_) => Ok(()),
        }
    }

    /// Has the counters copied when the next frame is read. Only where [`Watch::look_at_queues`] was possible.
    pub(super) fn copy_counters_with_frame(&self) {
        if let Self::Bpf(instruments) = self {
            instruments.mib.copy_when_freed(own_thread());
        }
    }

    /// Whether the counters were copied since it was last asked for.
    pub(super) fn is_copied(&self) -> bool {
        matches!(self, Self::Bpf(instruments) if instruments.mib.is_copied())
    }

    /// Whether something was dropped since the step began, where that is known before it is over.
    pub(super) fn has_dropped(&self) -> bool {
        matches!(self, Self::Bpf(instruments) if instruments.witness.has_dropped())
    }

    /// Tells the counters since the namespace was made, as they were last copied; whether that is possible here.
    pub(super) fn counters(&self, counters: &mut Counters) -> bool {
        match self {
            Self::Bpf(instruments) => {
                instruments.mib.tell(counters);
                true
            }
            Self::Trace(_) | Self::Blind(_) => false,
        }
    }

    /// From now on [`Watch::copy_counters`] finds out how much waits in `queues`; whether that is possible here and costs
    /// less than trying to read.
    pub(super) fn look_at_queues(&self, queues: &[Queue<'_>]) -> bool {
        match self {
            Self::Bpf(instruments) => {
                instruments.look_at_queues(queues).is_ok() && instruments.mib.is_cheap()
            }
            Self::Trace(_) | Self::Blind(_) => false,
        }
    }

    /// How much waited in queue number `number` when the counters were last copied; `None` if there is something, but
    /// not known how much.
    pub(super) fn waiting(&self, number: usize) -> Option<usize> {
        match self {
            Self::Bpf(instruments) => instruments.mib.waiting(number),
            Self::Trace(_) | Self::Blind(_) => None,
        }
    }

    /// When the counters were last read, in whole jiffies, where they are read here.
    pub(super) fn counted_at(&self) -> Option<Duration> {
        match self {
            Self::Bpf(instruments) => Some(instruments.counted_at()),
            Self::Trace(_) | Self::Blind(_) => None,
        }
    }

    /// Whether reading the counters costs no more than a packet.
    pub(super) fn counters_are_cheap(&self) -> bool {
        match self {
            Self::Bpf(instruments) => instruments.mib.is_cheap(),
            Self::Trace(_) | Self::Blind(_) => false,
        }
    }
}

/// The number of the calling thread.
fn own_thread() -> u32 {
    thread_local! {
        static THREAD: u32 = process::thread_id();
    }
    THREAD.with(|thread| *thread)
}

/// Whether `drop` is no decision on a packet: the pieces of a reassembled datagram are freed with it, delivered or not,
/// or when it turns out longer than a length inside says. How many of them are left by then depends on how buffers could
/// be merged.
fn is_release_of_pieces(drop: &PacketDrop) -> bool {
    matches!(drop.location.as_deref(), Some("skb_release_data" | "___pskb_trim"))
}

/// Milliseconds since midnight UTC.
pub(super) fn midnight_ms() -> u32 {
    const DAY_S: u64 = 24 * 60 * 60;
    let now: Duration = process::clock(libc::CLOCK_REALTIME);
    (now.as_secs() % DAY_S) as u32 * 1000 + now.subsec_millis()
}
