//! What reception found in the options of a datagram.

use core::net::Ipv4Addr;

/// Where the options are that later steps care for, and what those steps have to do.
///
/// Offsets count octets from the start of the header: 20 to 59.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OptionRecord {
    /// The record route option.
    pub record_route: Option<u8>,
    /// This stack put its address into the record route option.
    pub record_route_stamped: bool,
    /// The timestamp option.
    pub timestamp: Option<u8>,
    /// This stack put a time into the timestamp option.
    pub timestamp_stamped: bool,
    /// It put its address there as well.
    pub timestamp_addressed: bool,
    /// The loose or strict source route.
    pub source_route: Option<SourceRoute>,
    /// The commercial security option.
    pub cipso: Option<u8>,
    /// The datagram asks every router to look at it. RFC 2113 §2.1.
    pub router_alert: bool,
    /// The header no longer matches its checksum.
    pub changed: bool,
}

/// A source route option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceRoute {
    /// Where it is.
    pub offset: u8,
    /// Strict rather than loose.
    pub is_strict: bool,
    /// This stack was named in the route, and this is the next hop to forward to.
    pub next_hop: Option<Ipv4Addr>,
}

impl OptionRecord {
    /// A datagram without options.
    pub const NONE: Self = Self {
        record_route: None,
        record_route_stamped: false,
        timestamp: None,
        timestamp_stamped: false,
        timestamp_addressed: false,
        source_route: None,
        cipso: None,
        router_alert: false,
        changed: false,
    };

    /// Whether a source route sends the datagram on from here.
    pub fn next_hop(&self) -> Option<Ipv4Addr> {
        self.source_route.and_then(|route| route.next_hop)
    }
}
