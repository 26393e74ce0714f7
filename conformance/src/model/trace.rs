//! A trace: an ordered list of steps over a scenario.
//!
//! Traces read from large captures are streamed as an iterator of [`Step`]s; [`Trace`] holds a whole small one.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use super::scenario::Scenario;

/// A scenario and the steps to take in it, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// A short name, unique within its folder: letters, digits, `-`, `.` and `/`.
    pub name: String,
    /// The world around the stack.
    pub scenario: Arc<Scenario>,
    /// What is done, in order of time.
    pub steps: Vec<Step>,
}

/// One thing done to a DUT at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Virtual time since the start of the trace, never going back. A live kernel's clock cannot be set:
    /// only [`Action::Advance`] makes it wait.
    pub at: Duration,
    /// What is done.
    pub action: Action,
    /// Number of the packet in the capture this step came from, counted from 1 as Wireshark does; 0 if none.
    pub packet: u64,
    /// What a reader should know about the step.
    pub comment: Option<String>,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Hands a frame to the DUT on an interface.
    Inject {
        /// Index of the interface in the scenario, from 0.
        interface: usize,
        /// Octets as on that link: a bare IPv4 datagram where the link is [`super::LinkKind::Ip`], an Ethernet frame
        /// from destination address to payload, without preamble and check sequence, where it is
        /// [`super::LinkKind::Ethernet`].
        frame: Vec<u8>,
    },
    /// Lets time pass until [`Step::at`], so that timers up to then have fired.
    Advance,
    /// Does something on a local socket of the DUT.
    Socket {
        /// Index of the socket in the scenario, from 0.
        socket: usize,
        /// What to do with it.
        action: SocketAction,
    },
}

/// An operation on a local socket. The socket was opened, bound and configured as the scenario says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketAction {
    /// Sends `data`: to `to`, or to the connected peer. For ping and raw sockets the port is ignored.
    Send {
        /// Destination, unless connected.
        to: Option<SocketAddrV4>,
        /// Payload after the transport header; the whole ICMP message for a ping socket.
        data: Vec<u8>,
    },
    /// Connects to a peer. For TCP this starts the handshake without waiting for it.
    Connect {
        /// The peer.
        to: SocketAddrV4,
    },
    /// Sets an option by its scenario name (`recverr`, `pmtudisc`, `ttl`, `tos`, …).
    SetOption {
        /// Name as in the scenario's `options`.
        name: String,
        /// New value.
        value: i64,
    },
    /// Closes the socket.
    Close,
}
