//! Routing: which way a datagram goes, and whether its addresses may be.

use core::net::Ipv4Addr;

use crate::config::{Config, ConfigError, RouteKind};
use crate::interface::InterfaceId;

/// What is done with a datagram on a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Given to a local protocol.
    Deliver,
    /// Sent on.
    Forward,
    /// Sent; it was made here.
    Output,
    /// Refused, and the source perhaps told.
    Refuse(RouteError),
}

/// Why a route refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RouteError {
    /// No route, or one that throws.
    Unreachable,
    /// Says unreachable, or this system does not forward.
    HostUnreachable,
    /// Says prohibited.
    Prohibited,
    /// Says discard.
    Blackhole,
}

/// The way a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Kind of the destination.
    pub kind: RouteKind,
    /// What is done.
    pub disposition: Disposition,
    /// Interface it leaves by.
    pub outgoing: InterfaceId,
    /// Gateway; without one the destination is on the link.
    pub gateway: Option<Ipv4Addr>,
    /// Preferred source address for it.
    pub source: Ipv4Addr,
    /// Largest datagram on it, learned path MTU included.
    pub mtu: u32,
    /// Whether that is the last word (`mtu lock`).
    pub mtu_locked: bool,
    /// TTL for it, if not the default.
    pub hoplimit: Option<u8>,
    /// Whether its source should be told of a better way.
    pub redirects: bool,
    /// Whether a copy of what is sent comes back.
    pub loops_back: bool,
}

/// Addresses, routes and what was learned about destinations.
#[derive(Clone, Debug, Default)]
pub struct Router {}

impl Router {
    /// The routes of `config`: those given and those that its addresses bring.
    ///
    /// # Errors
    /// If a route cannot be installed.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        let _ = config;
        Ok(Self {})
    }
}
