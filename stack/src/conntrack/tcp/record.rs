//! What the tracker remembers of a TCP connection: 56 octets.

use super::super::tuple::Direction;
use super::segment::Segment;
use super::state::{Kind, TcpState};

/// Facts about one side of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SideFlags(u8);

impl SideFlags {
    /// No flag.
    pub(crate) const NONE: Self = Self(0);
    /// Offered window scaling.
    pub(crate) const WINDOW_SCALE: Self = Self(0x01);
    /// Permitted selective acknowledgments.
    pub(crate) const SACK_PERMITTED: Self = Self(0x02);
    /// Sent the first FIN.
    pub(crate) const CLOSED_FIRST: Self = Self(0x04);
    /// Its segments need not fit the window.
    pub(crate) const LIBERAL: Self = Self(0x08);
    /// Has data that is not acknowledged.
    pub(crate) const UNACKNOWLEDGED: Self = Self(0x10);
    /// Its highest acknowledgment is known.
    pub(crate) const ACK_KNOWN: Self = Self(0x20);

    /// From the bits of [`Self::bits`].
    pub(crate) const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// All flags in one octet; the two highest bits are never used.
    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    /// These flags and those of `other`.
    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These flags without those of `other`.
    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Those flags that `other` has, too.
    pub(crate) const fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether any flag of `other` is set.
    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// The window of one side, in sequence numbers of that side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Window {
    /// After the last octet sent.
    pub(crate) end: u32,
    /// After the last octet it may send.
    pub(crate) limit: u32,
    /// Largest window it advertised; 0 while the side is unknown.
    pub(crate) widest: u32,
    /// Highest acknowledgment it sent.
    pub(crate) acknowledged: u32,
}

/// The numbers that are remembered of the last segment that mattered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Last {
    pub(crate) sequence: u32,
    pub(crate) acknowledgment: u32,
    pub(crate) end: u32,
    pub(crate) window: u16,
    pub(crate) scale: u8,
    /// [`SideFlags`] that an ignored SYN offered, and [`Self::CHALLENGE`], [`Self::SIMULTANEOUS`].
    pub(crate) flags: u8,
}

/// Which segment was the last that mattered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Latest {
    pub(crate) direction: Direction,
    pub(crate) kind: Kind,
    /// How often the same pure acknowledgment came again.
    pub(crate) repeats: u8,
}

impl Last {
    /// An acknowledgment may be a challenge and acknowledge nothing. RFC 5961 §4.
    pub(crate) const CHALLENGE: u8 = 0x40;
    /// Both sides sent a SYN.
    pub(crate) const SIMULTANEOUS: u8 = 0x80;
}

/// What the tracker remembers of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TcpRecord {
    pub(crate) windows: [Window; 2],
    pub(crate) last: Last,
    pub(crate) latest: Latest,
    pub(crate) scales: [u8; 2],
    pub(crate) flags: [SideFlags; 2],
    pub(crate) state: TcpState,
}

impl TcpRecord {
    /// Of a connection of which nothing is known.
    pub(crate) const fn new() -> Self {
        Self {
            windows: [Window { end: 0, limit: 0, widest: 0, acknowledged: 0 }; 2],
            last: Last { sequence: 0, acknowledgment: 0, end: 0, window: 0, scale: 0, flags: 0 },
            latest: Latest { direction: Direction::Original, kind: Kind::None, repeats: 0 },
            scales: [0; 2],
            flags: [SideFlags::NONE; 2],
            state: TcpState::None,
        }
    }

    /// Current state.
    pub(crate) const fn state(&self) -> TcpState {
        self.state
    }

    /// After the last octet of the original side.
    pub(crate) const fn original_end(&self) -> u32 {
        self.windows[0].end
    }

    /// Takes over window scale and SACK permission from a SYN; every other flag but [`SideFlags::LIBERAL`] is cleared. A SYN
    /// without options leaves everything as it is.
    pub(crate) fn take_options(&mut self, side: usize, segment: &Segment<'_>) {
        if !segment.has_options() {
            return;
        }
        let mut flags = self.flags[side].common(SideFlags::LIBERAL);
        self.scales[side] = 0;
        if let Some(scale) = segment.window_scale() {
            self.scales[side] = scale;
            flags = flags.with(SideFlags::WINDOW_SCALE);
        }
        if segment.permits_sack() {
            flags = flags.with(SideFlags::SACK_PERMITTED);
        }
        self.flags[side] = flags;
    }
}
