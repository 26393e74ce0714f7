//! States of a tracked TCP connection and the table of transitions.

use super::super::tuple::Direction;

/// State of a tracked connection, as the tracker believes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum TcpState {
    /// No packet yet.
    None,
    /// A SYN was seen.
    SynSent,
    /// A SYN-ACK was seen.
    SynRecv,
    /// The handshake is complete, or the connection was picked up.
    Established,
    /// One side sent a FIN.
    FinWait,
    /// That FIN was acknowledged.
    CloseWait,
    /// The other side sent a FIN as well.
    LastAck,
    /// Both were acknowledged.
    TimeWait,
    /// Reset.
    Close,
    /// Both sides sent a SYN.
    SynSent2,
}

impl TcpState {
    /// The name that ctnetlink tools show.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::SynSent => "SYN_SENT",
            Self::SynRecv => "SYN_RECV",
            Self::Established => "ESTABLISHED",
            Self::FinWait => "FIN_WAIT",
            Self::CloseWait => "CLOSE_WAIT",
            Self::LastAck => "LAST_ACK",
            Self::TimeWait => "TIME_WAIT",
            Self::Close => "CLOSE",
            Self::SynSent2 => "SYN_SENT2",
        }
    }

    /// Whether the connection is over or about to be, so that it may make room for others.
    pub(crate) const fn is_closing(self) -> bool {
        matches!(self, Self::FinWait | Self::CloseWait | Self::LastAck | Self::TimeWait | Self::Close)
    }
}

/// What a segment is to the tracker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// SYN without ACK.
    Syn,
    /// SYN with ACK.
    SynAck,
    /// FIN.
    Fin,
    /// ACK alone.
    Ack,
    /// RST.
    Rst,
    /// Nothing of these, or no segment yet.
    None,
}

/// What the table says of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transition {
    /// Go to this state.
    To(TcpState),
    /// Let it through without believing it.
    Ignore,
    /// Not part of this connection.
    Invalid,
}

use TcpState as S;
use Transition::{Ignore as IG, Invalid as IV, To};

/// States in the order of the columns below.
const COLUMNS: usize = 10;
type Row = [Transition; COLUMNS];

const SS: Transition = To(S::SynSent);
const SR: Transition = To(S::SynRecv);
const ES: Transition = To(S::Established);
const FW: Transition = To(S::FinWait);
const CW: Transition = To(S::CloseWait);
const LA: Transition = To(S::LastAck);
const TW: Transition = To(S::TimeWait);
const CL: Transition = To(S::Close);
const S2: Transition = To(S::SynSent2);

/// Rows: SYN, SYN-ACK, FIN, ACK, RST. Columns: the old state.
#[rustfmt::skip]
const ORIGINAL: [Row; 5] = [
    // NONE SYN_SENT SYN_RECV ESTAB FIN_WAIT CLOSE_WAIT LAST_ACK TIME_WAIT CLOSE SYN_SENT2
    [SS, SS, IG, IG, IG, IG, IG, SS, SS, S2],
    [IV, IV, SR, IV, IV, IV, IV, IV, IV, SR],
    [IV, IV, FW, FW, LA, LA, LA, TW, CL, IV],
    [ES, IV, ES, ES, CW, CW, TW, TW, CL, IV],
    [IV, CL, CL, CL, CL, CL, CL, CL, CL, CL],
];

/// As [`ORIGINAL`], for the other direction.
#[rustfmt::skip]
const REPLY: [Row; 5] = [
    // NONE SYN_SENT SYN_RECV ESTAB FIN_WAIT CLOSE_WAIT LAST_ACK TIME_WAIT CLOSE SYN_SENT2
    [IV, S2, IV, IV, IV, IV, IV, SS, IV, S2],
    [IV, SR, IG, IG, IG, IG, IG, IG, IG, SR],
    [IV, IV, FW, FW, LA, LA, LA, TW, CL, IV],
    [IV, IG, SR, ES, CW, CW, TW, TW, CL, IG],
    [IV, CL, CL, CL, CL, CL, CL, CL, CL, CL],
];

/// Where a segment of `kind` in `direction` leads from `state`.
pub(crate) fn transition(direction: Direction, kind: Kind, state: TcpState) -> Transition {
    let table = match direction {
        Direction::Original => &ORIGINAL,
        Direction::Reply => &REPLY,
    };
    match table.get(kind as usize) {
        Some(row) => row[state as usize],
        None => Transition::Invalid,
    }
}
