//! The steps of a case in virtual time, each with what is expected of it.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::expectation::{Alternative, Expectation, Law, Outlook, Wanted, answer, frames, silence};
use super::history::History;
use super::packet::Packet;
use super::pattern::Pattern;
use super::profile::Profile;
use crate::model::{ConntrackEntry, CounterId, Delivery, Dimension, SocketAction, SocketError};

/// Steps and expectations.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// In order.
    pub acts: Vec<Act>,
    /// How it is shown that a silent DUT is alive.
    pub probe: Probe,
    /// Mistakes in the script itself, which the registry refuses.
    pub mistakes: Vec<String>,
    now: Duration,
}

/// One step.
#[derive(Clone, Debug)]
pub struct Act {
    /// When, since the start.
    pub at: Duration,
    /// What is done.
    pub what: What,
    /// What comes of it; nothing stands for anything.
    pub expectations: Vec<Expectation>,
}

/// What is done.
#[derive(Clone)]
pub enum What {
    /// A frame is handed to the DUT.
    Send(Box<Packet>),
    /// A frame that depends on what was seen is handed to the DUT.
    React(Make),
    /// Time passes.
    Advance,
    /// Something is done on a socket.
    Socket(usize, SocketAction),
}

/// Makes a frame from what was seen.
pub type Make = Arc<dyn Fn(&History) -> Result<Packet, String> + Send + Sync>;

impl fmt::Debug for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(packet) => write!(f, "send {packet:?}"),
            Self::React(_) => f.write_str("send what answers a frame seen"),
            Self::Advance => f.write_str("wait"),
            Self::Socket(socket, action) => write!(f, "socket {socket}: {action:?}"),
        }
    }
}

/// How it is shown that a DUT which says nothing is alive: before the first step and after the last one.
#[derive(Clone, Debug, Default)]
pub enum Probe {
    /// An echo request to the DUT must be answered; where it forwards, a datagram to `far` must pass as well.
    #[default]
    Automatic,
    /// Only the echo request: nothing can pass here.
    EchoOnly,
    /// This packet must be answered like this.
    With(Box<Packet>, Box<Pattern>),
    /// None, for this reason.
    Without(&'static str),
}

/// Hands a packet to the DUT first.
pub fn send(packet: Packet) -> Script {
    Script::default().send(packet)
}

/// Hands several packets to the DUT first, in order, nothing expected but of the last.
pub fn send_all(packets: impl IntoIterator<Item = Packet>) -> Script {
    Script::default().send_all(packets)
}

/// Does something on a socket first.
pub fn socket(socket: usize, action: SocketAction) -> Script {
    Script::default().socket(socket, action)
}

/// Sends from a socket first.
pub fn socket_send(socket: usize, to: impl Into<Option<(Ipv4Addr, u16)>>, data: impl AsRef<[u8]>) -> Script {
    Script::default().socket_send(socket, to, data)
}

/// Lets time pass first.
pub fn advance(span: Duration) -> Script {
    Script::default().advance(span)
}

/// Whole seconds.
pub const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Steps.
impl Script {
    /// Hands a packet to the DUT.
    #[must_use]
    pub fn send(self, packet: Packet) -> Self {
        self.act(What::Send(Box::new(packet)))
    }

    /// Hands several packets to the DUT, in order; what is expected next is expected of the last one.
    #[must_use]
    pub fn send_all(self, packets: impl IntoIterator<Item = Packet>) -> Self {
        packets.into_iter().fold(self, Self::send)
    }

    /// Hands several packets to the DUT, in order, and expects silence about each but the last.
    #[must_use]
    pub fn send_quietly(self, packets: impl IntoIterator<Item = Packet>) -> Self {
        let mut packets: Vec<_> = packets.into_iter().collect();
        let last = packets.pop();
        let script = packets.into_iter().fold(self, |script, packet| script.send(packet).silence());
        last.into_iter().fold(script, Self::send)
    }

    /// Hands a packet to the DUT that is made from what was seen.
    #[must_use]
    pub fn react(self, make: impl Fn(&History) -> Result<Packet, String> + Send + Sync + 'static) -> Self {
        self.act(What::React(Arc::new(make)))
    }

    /// Lets time pass.
    #[must_use]
    pub fn advance(mut self, span: Duration) -> Self {
        self.now += span;
        self.act(What::Advance)
    }

    /// Does something on a socket, by its number in the scenario.
    #[must_use]
    pub fn socket(self, socket: usize, action: SocketAction) -> Self {
        self.act(What::Socket(socket, action))
    }

    /// Sends from a socket: to an address and port, or `None` for its peer.
    #[must_use]
    pub fn socket_send(
        self,
        socket: usize,
        to: impl Into<Option<(Ipv4Addr, u16)>>,
        data: impl AsRef<[u8]>,
    ) -> Self {
        let to = to.into().map(|(address, port)| SocketAddrV4::new(address, port));
        self.socket(socket, SocketAction::Send { to, data: data.as_ref().to_vec() })
    }

    /// Connects a socket.
    #[must_use]
    pub fn connect(self, socket: usize, address: Ipv4Addr, port: u16) -> Self {
        self.socket(socket, SocketAction::Connect { to: SocketAddrV4::new(address, port) })
    }

    /// Sets an option of a socket.
    #[must_use]
    pub fn set_option(self, socket: usize, name: &str, value: i64) -> Self {
        self.socket(socket, SocketAction::SetOption { name: name.to_owned(), value })
    }

    /// Closes a socket.
    #[must_use]
    pub fn close(self, socket: usize) -> Self {
        self.socket(socket, SocketAction::Close)
    }

    /// Sets how it is shown that a silent DUT is alive.
    #[must_use]
    pub fn probe(mut self, probe: Probe) -> Self {
        self.probe = probe;
        self
    }

    fn act(mut self, what: What) -> Self {
        self.acts.push(Act { at: self.now, what, expectations: Vec::new() });
        self
    }
}

/// What is expected of the last step.
impl Script {
    /// Exactly one frame (required).
    #[must_use]
    pub fn answer(self, pattern: Pattern) -> Self {
        self.expect(answer(pattern))
    }

    /// Exactly these frames, in any order (required).
    #[must_use]
    pub fn answers(self, patterns: impl IntoIterator<Item = Pattern>) -> Self {
        self.expect(frames(patterns))
    }

    /// No frame at all.
    #[must_use]
    pub fn silence(self) -> Self {
        self.expect(silence())
    }

    /// One frame or none (permitted by `clause`).
    #[must_use]
    pub fn may_answer(self, clause: &'static str, pattern: Pattern) -> Self {
        self.expect(silence().or(clause, [pattern]))
    }

    /// Another way to be right than what was just said (permitted by `clause`): exactly these frames instead.
    #[must_use]
    pub fn or(mut self, clause: &'static str, patterns: impl IntoIterator<Item = Pattern>) -> Self {
        let frames: Vec<_> = patterns.into_iter().collect();
        match self.last().map(|it| &mut it.outlook) {
            Some(Outlook::Frames(alternatives)) => {
                alternatives.push(Alternative { clause: Some(clause), frames });
            }
            _ => self.mistakes.push("`or` follows no expectation of frames".to_owned()),
        }
        self
    }

    /// Silence is right as well (permitted by `clause`).
    #[must_use]
    pub fn or_silence(self, clause: &'static str) -> Self {
        self.or(clause, [])
    }

    /// Something else than what was just said, for one profile.
    #[must_use]
    pub fn under(mut self, profile: Profile, outlook: Outlook) -> Self {
        match self.last() {
            Some(expectation) => expectation.by_profile.push((profile, outlook)),
            None => self.mistakes.push("`under` follows no expectation".to_owned()),
        }
        self
    }

    /// A frame like this among whatever else.
    #[must_use]
    pub fn some(self, pattern: Pattern) -> Self {
        self.expect(Outlook::Some(pattern))
    }

    /// No frame like this (forbidden), whatever else.
    #[must_use]
    pub fn never(self, pattern: Pattern) -> Self {
        self.expect(Outlook::Never(pattern))
    }

    /// A payload for a socket and nothing else; of a ping or raw socket what it is given, see `Delivery`.
    #[must_use]
    pub fn delivers(self, socket: usize, data: impl AsRef<[u8]>) -> Self {
        let data = data.as_ref().to_vec();
        let what = format!("{} octets delivered to socket {socket}", data.len());
        self.deliveries([Wanted::new(what, move |it: &Delivery| it.socket == socket && it.data == data)])
    }

    /// Exactly these deliveries, in order.
    #[must_use]
    pub fn deliveries(self, wanted: impl IntoIterator<Item = Wanted<Delivery>>) -> Self {
        self.expect(Outlook::Deliveries(wanted.into_iter().collect()))
    }

    /// No delivery.
    #[must_use]
    pub fn delivers_nothing(self) -> Self {
        self.deliveries([])
    }

    /// An error of a socket by its Linux name and nothing else, once or with an entry of the error queue besides.
    #[must_use]
    pub fn reports(self, socket: usize, errno: &'static str) -> Self {
        self.law(
            format!("{errno} on socket {socket} and nothing else"),
            Dimension::SocketErrors,
            move |history| {
                let errors = &history.steps.last().map(|step| step.observation.socket_errors.clone());
                let errors = errors.as_deref().unwrap_or_default();
                let fits = |it: &SocketError| it.socket == socket && it.errno == errno;
                if !errors.is_empty() && errors.iter().all(fits) {
                    Ok(())
                } else {
                    Err(format!("{errors:?}"))
                }
            },
        )
    }

    /// Exactly these socket errors, in order; for each socket the pending one comes before its queue.
    #[must_use]
    pub fn socket_errors(self, wanted: impl IntoIterator<Item = Wanted<SocketError>>) -> Self {
        self.expect(Outlook::SocketErrors(wanted.into_iter().collect()))
    }

    /// No socket error.
    #[must_use]
    pub fn reports_nothing(self) -> Self {
        self.socket_errors([])
    }

    /// How far a counter moves in the step. The DUT must have counters.
    #[must_use]
    pub fn counts(self, counter: &str, by: i64) -> Self {
        self.counts_within(counter, by..=by)
    }

    /// How far a counter moves in the step, within a range.
    #[must_use]
    pub fn counts_within(mut self, counter: &str, by: RangeInclusive<i64>) -> Self {
        let Some(id) = CounterId::by_name(counter) else {
            self.mistakes.push(format!("there is no counter {counter}"));
            return self;
        };
        if let Some(Expectation { outlook: Outlook::Counters(wanted), .. }) = self.last() {
            wanted.push((id, by));
            return self;
        }
        self.expect(Outlook::Counters(vec![(id, by)]))
    }

    /// Drop reasons of the step, by the names that `skb:kfree_skb` prints.
    #[must_use]
    pub fn drops(self, reasons: impl IntoIterator<Item = &'static str>) -> Self {
        self.expect(Outlook::Drops(reasons.into_iter().map(str::to_owned).collect()))
    }

    /// One entry like this in the tracking table after the step.
    #[must_use]
    pub fn tracks(self, wanted: Wanted<ConntrackEntry>) -> Self {
        self.expect(Outlook::Tracked(wanted, 1..=1))
    }

    /// No entry like this in the tracking table after the step.
    #[must_use]
    pub fn tracks_no(self, wanted: Wanted<ConntrackEntry>) -> Self {
        self.expect(Outlook::Tracked(wanted, 0..=0))
    }

    /// A law over all that was seen so far; it says what breaks it.
    #[must_use]
    pub fn law(
        self,
        what: impl Into<String>,
        dimension: Dimension,
        check: impl Fn(&History) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        let check: Law = Arc::new(check);
        self.expect(Outlook::Law { what: what.into(), dimension, check })
    }

    /// Any expectation.
    #[must_use]
    pub fn expect(mut self, outlook: Outlook) -> Self {
        match self.acts.last_mut() {
            Some(act) => act.expectations.push(Expectation::new(outlook)),
            None => self.mistakes.push("an expectation comes before the first step".to_owned()),
        }
        self
    }

    /// The expectation just said is passed over where the DUT does not offer the dimension, instead of making the
    /// whole case `unsupported`.
    #[must_use]
    pub fn if_offered(mut self) -> Self {
        match self.last() {
            Some(expectation) => expectation.if_offered = true,
            None => self.mistakes.push("`if_offered` follows no expectation".to_owned()),
        }
        self
    }

    /// The expectation just said is a condition of the rest: a DUT that does not meet it is `unsupported`. For rules that
    /// withhold what a DUT may never do at all; whether it must is for another case to say.
    #[must_use]
    pub fn provided(mut self) -> Self {
        match self.last() {
            Some(expectation) => expectation.is_condition = true,
            None => self.mistakes.push("`provided` follows no expectation".to_owned()),
        }
        self
    }

    fn last(&mut self) -> Option<&mut Expectation> {
        self.acts.last_mut().and_then(|act| act.expectations.last_mut())
    }

    /// How long it takes in virtual time.
    pub fn duration(&self) -> Duration {
        self.now
    }
}

/// Begins a condition on entries of the tracking table: those of a protocol.
pub fn entry(protocol: u8) -> Wanted<ConntrackEntry> {
    Wanted::new(format!("protocol {protocol}"), move |it: &ConntrackEntry| it.protocol == protocol)
}
