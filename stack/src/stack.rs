//! The stack: octets and time in, effects out.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::mem;
use core::net::SocketAddrV4;
use core::time::Duration;

use crate::config::{Config, ConfigError};
use crate::conntrack::DumpCursor;
use crate::counters::{self, Counter, Counters};
use crate::decision::{Decision, Detail};
use crate::drop_reason::DropReason;
use crate::errno::Errno;
use crate::hook::{Hook, HookContext, HookVerdict, Hooks};
use crate::icmp::Neighbors;
use crate::icmp::limit::{GlobalBucket, Peers, PossibleCredit};
use crate::interface::{InterfaceId, LinkClass};
use crate::ip::identification::Identifications;
use crate::ip::reassembly::Reassembler;
use crate::ip::route::{Device, Router};
use crate::ip::{FragmentContext, reassembly_config};
use crate::outcome::{Notice, Outcome, Refusal};
use crate::packet::{Packet, PacketLink};
use crate::random::Random;
use crate::sink::{ConntrackEvent, ConntrackEventKind, Sink};
use crate::socket::{SocketConfig, SocketId, SocketOption, Sockets};
use crate::time::Instant;
use crate::transport::Membership;

/// How long the stack has been up at the caller's instant 0. Records that start "a minute ago" need a past; whole
/// jiffies keep the phase of the caller's clock.
pub(crate) const UPTIME: Duration = Duration::from_secs(3600);
/// Buffers kept for reuse.
const MAX_SPARE_BUFFERS: usize = 16;
/// Buffers beyond this are not kept.
const MAX_SPARE_CAPACITY: usize = 1 << 17;

/// Whether a packet goes on after a step that may keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    /// It goes on.
    GoesOn,
    /// Its way ends here.
    Ends,
}

/// `datagram` up to its total length: what a link adds behind is not the sender's, and is never quoted. RFC 894.
fn without_padding(datagram: &[u8]) -> &[u8] {
    let total =
        datagram.get(2..4).map_or(0, |octets| usize::from(u16::from_be_bytes([octets[0], octets[1]])));
    datagram.get(..total).unwrap_or(datagram)
}

/// How much the tables of a stack hold: what its bounds are held against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Octets charged to reassembly, compared with `ipfrag_high_thresh`.
    pub reassembly_octets: usize,
    /// Datagrams being put together.
    pub reassembly_datagrams: usize,
    /// Tracked connections, compared with `nf_conntrack_max`.
    pub connections: usize,
    /// Peers that a rate limit remembers.
    pub peers: usize,
    /// Datagrams that wait to be looped back: none between two calls.
    pub looped: usize,
}

/// An IPv4 and ICMP stack.
#[derive(Clone, Debug)]
pub struct Stack {
    pub(crate) config: Config,
    pub(crate) counters: Counters,
    pub(crate) router: Router,
    pub(crate) hooks: Hooks,
    pub(crate) random: Random,
    pub(crate) sockets: Sockets,
    pub(crate) peers: Peers,
    pub(crate) global_bucket: GlobalBucket,
    /// Who was heard on the links, where extended echo requests may ask about it.
    pub(crate) neighbors: Neighbors,
    /// What the credit of the stack that this one follows can be, in place of its own bucket.
    pub(crate) followed_credit: Option<PossibleCredit>,
    pub(crate) identifications: Identifications,
    pub(crate) reassembly: Reassembler<FragmentContext>,
    /// What each interface knows of its IGMP querier, by place of the interface.
    pub(crate) memberships: Vec<Membership>,
    /// Datagrams of ours that come back, in order.
    pub(crate) backlog: VecDeque<Packet>,
    /// Now, by the stack's own clock: [`UPTIME`] ahead of the caller's.
    pub(crate) now: Instant,
    /// How often rate limits have looked at the clock.
    pub(crate) looks: u64,
    /// Moves the clock before the look with this number.
    pub(crate) tick: Option<(u64, Instant)>,
    /// Milliseconds since midnight UTC.
    pub(crate) midnight_ms: u32,
    spare: Vec<Vec<u8>>,
}

impl Stack {
    /// A stack in the world of `config`. Equal seeds and equal inputs give equal outputs.
    ///
    /// # Errors
    /// If the configuration contradicts itself.
    pub fn new(config: Config, seed: u64) -> Result<Self, ConfigError> {
        let mut random = Random::new(seed);
        let router = Router::new(&config, random.next_u64())?;
        Ok(Self {
            counters: Counters::default(),
            router,
            hooks: Hooks::new(&config.netfilter, config.departures, &mut random),
            sockets: Sockets::default(),
            peers: Peers::default(),
            global_bucket: GlobalBucket::new(),
            neighbors: Neighbors::default(),
            followed_credit: None,
            identifications: Identifications::new(random.next_u64()),
            reassembly: Reassembler::new(reassembly_config(&config)),
            memberships: Vec::new(),
            backlog: VecDeque::new(),
            now: Instant::ZERO + UPTIME,
            looks: 0,
            tick: None,
            midnight_ms: 0,
            spare: Vec::new(),
            random,
            config,
        })
    }

    /// Changes the world; what was learned, counted and opened stays.
    ///
    /// # Errors
    /// If the configuration contradicts itself; nothing is changed then.
    pub fn reconfigure(&mut self, config: Config) -> Result<(), ConfigError> {
        let mut router = Router::new(&config, 0)?;
        router.keep_exceptions_of(&mut self.router);
        self.router = router;
        self.sockets.forget_ways();
        self.reassembly.config = reassembly_config(&config);
        self.config = config;
        Ok(())
    }

    /// Forgets learned path MTUs and gateways, as `ip route flush cache` does.
    pub fn flush_exceptions(&mut self) {
        self.router.flush_exceptions();
    }

    /// Takes in a datagram that came by `interface` in a frame addressed as `link` says, and tells what became of it.
    ///
    /// `midnight_ms` is the time of day in milliseconds since midnight UTC, for timestamps. `datagram` starts with the
    /// IP header and may have padding behind it; any octets at all may come.
    pub fn receive<S: Sink>(
        &mut self,
        now: Instant,
        midnight_ms: u32,
        interface: InterfaceId,
        link: LinkClass,
        datagram: &[u8],
        sink: &mut S,
    ) -> Outcome {
        self.set_clock(now, midnight_ms);
        let mut octets = self.take_buffer();
        octets.extend_from_slice(datagram);
        let mut packet =
            Packet { octets, incoming: Some(interface), link: PacketLink::Frame(link), ..Packet::default() };
        if self.config.departures.quote_is_original {
            packet.original = Some(Box::from(without_padding(datagram)));
        }
        let outcome = self.process(&mut packet, sink);
        self.recycle(packet.octets);
        self.drain_backlog(sink);
        outcome
    }

    /// When to call [`Stack::handle_timeout`] next. Changes with every other call.
    pub fn poll_timeout(&self) -> Option<Instant> {
        // One after the other: this is asked before every step, and is to need no memory.
        let due = earlier(self.hooks.poll_timeout(), self.reassembly_timeout());
        let due = earlier(due, self.tcp_timeout());
        let due = earlier(due, self.igmp_timeout());
        due.map(|due| Instant::from_micros(due.since(Instant::ZERO + UPTIME).as_micros() as u64))
    }

    /// Handles every timer that is due at `now`.
    pub fn handle_timeout<S: Sink>(&mut self, now: Instant, midnight_ms: u32, sink: &mut S) {
        self.set_clock(now, midnight_ms);
        self.expire_reassembly(sink);
        self.handle_tcp_timeout(sink);
        self.handle_igmp_timeout(sink);
        let mut context = HookContext {
            now: self.now,
            config: &self.config,
            router: &self.router,
            counters: &mut self.counters,
            random: &mut self.random,
        };
        self.hooks.handle_timeout(&mut context, sink);
        self.drain_backlog(sink);
    }

    /// Opens a socket, sets its options, binds and connects it. A TCP socket that is bound and has no peer listens.
    ///
    /// # Errors
    /// What the call that failed would return.
    pub fn open_socket<S: Sink>(
        &mut self,
        now: Instant,
        midnight_ms: u32,
        socket: &SocketConfig,
        sink: &mut S,
    ) -> Result<SocketId, Errno> {
        self.set_clock(now, midnight_ms);
        let result = self.open(socket, sink);
        self.drain_backlog(sink);
        result
    }

    /// Sends `data` from a socket to `to`, or to its peer.
    ///
    /// # Errors
    /// What `sendto` would return.
    pub fn send<S: Sink>(
        &mut self,
        now: Instant,
        midnight_ms: u32,
        socket: SocketId,
        to: Option<SocketAddrV4>,
        data: &[u8],
        sink: &mut S,
    ) -> Result<(), Errno> {
        self.set_clock(now, midnight_ms);
        let result = self.send_from(socket, to, data, sink);
        self.drain_backlog(sink);
        result
    }

    /// Connects a socket; for TCP this starts the handshake.
    ///
    /// # Errors
    /// What `connect` would return; [`Errno::InProgress`] once a handshake has begun.
    pub fn connect<S: Sink>(
        &mut self,
        now: Instant,
        midnight_ms: u32,
        socket: SocketId,
        to: SocketAddrV4,
        sink: &mut S,
    ) -> Result<(), Errno> {
        self.set_clock(now, midnight_ms);
        let result = self.connect_socket(socket, to, sink);
        self.drain_backlog(sink);
        result
    }

    /// Sets an option of a socket.
    ///
    /// # Errors
    /// What `setsockopt` would return.
    pub fn set_option(&mut self, socket: SocketId, option: SocketOption) -> Result<(), Errno> {
        self.set_socket_option(socket, option)
    }

    /// Closes a socket.
    ///
    /// # Errors
    /// [`Errno::BadDescriptor`] if it is not open.
    pub fn close_socket<S: Sink>(
        &mut self,
        now: Instant,
        midnight_ms: u32,
        socket: SocketId,
        sink: &mut S,
    ) -> Result<(), Errno> {
        self.set_clock(now, midnight_ms);
        let result = self.close(socket, sink);
        self.drain_backlog(sink);
        result
    }

    /// The counters since [`Stack::new`].
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The configuration.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// What is registered at the hooks.
    pub const fn hooks(&self) -> &Hooks {
        &self.hooks
    }

    /// What is registered at the hooks, to register more.
    pub const fn hooks_mut(&mut self) -> &mut Hooks {
        &mut self.hooks
    }

    /// Shows the tracked connections at `now`, in the order of their places in the table. Those whose life is over are
    /// removed on the way.
    pub fn connections(&mut self, now: Instant, mut show: impl FnMut(&ConntrackEvent)) {
        self.now = (now + UPTIME).max(self.now);
        let Some(netfilter) = self.hooks.netfilter_mut() else { return };
        let mut cursor = Some(DumpCursor::default());
        while let Some(at) = cursor {
            cursor = netfilter.conntrack_mut().dump(self.now, at, u32::MAX, |entry| {
                show(&ConntrackEvent::of(ConntrackEventKind::Update, entry));
            });
        }
    }

    /// How much the tables hold at the moment.
    pub fn footprint(&self) -> Footprint {
        Footprint {
            reassembly_octets: self.reassembly.memory(),
            reassembly_datagrams: self.reassembly.len(),
            connections: self.hooks.netfilter().map_or(0, |netfilter| netfilter.conntrack().len()),
            peers: self.peers.len(),
            looped: self.backlog.len(),
        }
    }

    /// Addresses and routes.
    pub const fn router(&self) -> &Router {
        &self.router
    }

    /// The limit of all ICMP messages, whose credit a harness may follow.
    pub const fn global_bucket_mut(&mut self) -> &mut GlobalBucket {
        &mut self.global_bucket
    }

    fn set_clock(&mut self, now: Instant, midnight_ms: u32) {
        self.now = (now + UPTIME).max(self.now);
        self.midnight_ms = midnight_ms;
    }

    /// An empty buffer, used before if possible.
    #[inline]
    pub(crate) fn take_buffer(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    /// Keeps a buffer for reuse.
    #[inline]
    pub(crate) fn recycle(&mut self, mut buffer: Vec<u8>) {
        let is_useful = buffer.capacity() != 0 && buffer.capacity() <= MAX_SPARE_CAPACITY;
        if is_useful && self.spare.len() < MAX_SPARE_BUFFERS {
            buffer.clear();
            self.spare.push(buffer);
        }
    }

    /// The interface that `packet` came in by.
    #[inline]
    pub(crate) fn incoming_device(&self, packet: &Packet) -> Option<&Device> {
        self.router.device(packet.incoming.unwrap_or(InterfaceId::LOOPBACK))
    }

    /// Whether this system forwards what comes in where `packet` did.
    pub(crate) fn forwards_from(&self, packet: &Packet) -> bool {
        self.incoming_device(packet).is_some_and(|device| device.policy.forwarding)
    }

    /// Tells the decision log, if anybody reads it.
    #[inline]
    pub(crate) fn log<S: Sink>(
        &self,
        sink: &mut S,
        rule: &'static str,
        clause: &'static str,
        detail: impl FnOnce() -> Detail,
    ) {
        if sink.wants_decisions() {
            sink.decide(Decision { rule, clause, detail: detail() });
        }
    }

    /// Moves the counters that a discarded datagram moves.
    #[inline]
    pub(crate) fn count_drop(&mut self, reason: DropReason) {
        for counter in counters::of_drop(reason) {
            self.counters.bump(*counter);
        }
        if self.config.departures.martian_sources_are_counted && reason.is_martian() {
            self.counters.bump(Counter::IpInAddrErrors);
        }
    }

    /// Shows `packet` to what is registered at `hook`, reassembled if that is wanted there.
    #[inline(always)]
    pub(crate) fn run_hook<S: Sink>(
        &mut self,
        hook: Hook,
        packet: &mut Packet,
        sink: &mut S,
    ) -> Result<Passage, Refusal> {
        if !self.hooks.is_active() {
            return Ok(Passage::GoesOn);
        }
        self.run_active_hook(hook, packet, sink)
    }

    fn run_active_hook<S: Sink>(
        &mut self,
        hook: Hook,
        packet: &mut Packet,
        sink: &mut S,
    ) -> Result<Passage, Refusal> {
        if packet.is_fragment()
            && !packet.nodefrag
            && let Some(zone) = self.hooks.defragments(hook, packet)
            && self.reassemble_for_hook(packet, hook, zone, sink)? == Passage::Ends
        {
            return Ok(Passage::Ends);
        }
        let destination = packet.destination();
        let mut context = HookContext {
            now: self.now,
            config: &self.config,
            router: &self.router,
            counters: &mut self.counters,
            random: &mut self.random,
        };
        let verdict = self.hooks.run(hook, packet, &mut context, sink);
        if hook == Hook::Prerouting && packet.destination() != destination {
            packet.route = None;
        }
        match verdict {
            HookVerdict::Accept => Ok(Passage::GoesOn),
            HookVerdict::Drop(reason) => Err(reason.into()),
            HookVerdict::Reject { reason, code } => {
                if reason == DropReason::ConntrackTableFull && packet.route.is_none() {
                    // The error needs to know where the datagram would have gone.
                    packet.route =
                        self.router.route_input(&self.input_query(packet, packet.destination())).ok();
                }
                Err(Refusal::with(reason, Notice::unreachable(code)))
            }
            HookVerdict::Stolen => {
                let stolen = mem::take(&mut packet.octets);
                self.recycle(stolen);
                Ok(Passage::Ends)
            }
        }
    }
}

/// The earlier of two moments, where there are any.
fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
