//! The stack: octets and time in, effects out.

use core::net::SocketAddrV4;

use crate::config::{Config, ConfigError};
use crate::counters::Counters;
use crate::errno::Errno;
use crate::hook::Hooks;
use crate::interface::{InterfaceId, LinkClass};
use crate::ip::route::Router;
use crate::random::Random;
use crate::sink::Sink;
use crate::socket::{SocketConfig, SocketId, SocketOption};
use crate::time::Instant;

/// An IPv4 and ICMP stack.
#[derive(Clone, Debug)]
pub struct Stack {
    config: Config,
    counters: Counters,
    router: Router,
    hooks: Hooks,
    random: Random,
    now: Instant,
}

impl Stack {
    /// A stack in the world of `config`. Equal seeds and equal inputs give equal outputs.
    ///
    /// # Errors
    /// If the configuration contradicts itself.
    pub fn new(config: Config, seed: u64) -> Result<Self, ConfigError> {
        let router = Router::new(&config)?;
        Ok(Self {
            config,
            counters: Counters::default(),
            router,
            hooks: Hooks::default(),
            random: Random::new(seed),
            now: Instant::ZERO,
        })
    }

    /// Takes in a datagram that came by `interface` in a frame addressed as `link` says.
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
    ) {
        self.now = now.max(self.now);
        let _ = (midnight_ms, interface, link, datagram, sink);
    }

    /// When to call [`Stack::handle_timeout`] next. Changes with every other call.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.hooks.poll_timeout()
    }

    /// Handles every timer that is due at `now`.
    pub fn handle_timeout<S: Sink>(&mut self, now: Instant, midnight_ms: u32, sink: &mut S) {
        self.now = now.max(self.now);
        let _ = (midnight_ms, sink);
    }

    /// Opens a socket, sets its options, binds and connects it.
    ///
    /// # Errors
    /// What the call that failed would return.
    pub fn open_socket<S: Sink>(
        &mut self,
        now: Instant,
        socket: &SocketConfig,
        sink: &mut S,
    ) -> Result<SocketId, Errno> {
        let _ = (now, socket, sink);
        Err(Errno::NotSupported)
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
        let _ = (now, midnight_ms, socket, to, data, sink);
        Err(Errno::NotSupported)
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
        let _ = (now, midnight_ms, socket, to, sink);
        Err(Errno::NotSupported)
    }

    /// Sets an option of a socket.
    ///
    /// # Errors
    /// What `setsockopt` would return.
    pub fn set_option(&mut self, socket: SocketId, option: SocketOption) -> Result<(), Errno> {
        let _ = (socket, option);
        Err(Errno::NotSupported)
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
        let _ = (now, midnight_ms, socket, sink);
        Err(Errno::NotSupported)
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

    /// Addresses and routes.
    pub const fn router(&self) -> &Router {
        &self.router
    }

    /// The randomness that the stack draws from.
    pub const fn random_mut(&mut self) -> &mut Random {
        &mut self.random
    }
}
