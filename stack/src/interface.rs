//! Interfaces as the running stack knows them.

/// An interface: 0 is the loopback interface, `n` the `n`-th interface of the configuration, counted from 1.
///
/// The number plus one is the interface index that RFC 8335 probes may name, as in a fresh Linux namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceId(pub u16);

impl InterfaceId {
    /// The loopback interface.
    pub const LOOPBACK: Self = Self(0);

    /// The interface that stands at `position`, counted from 0, in [`crate::config::Config::interfaces`].
    pub const fn configured(position: u16) -> Self {
        Self(position.saturating_add(1))
    }

    /// Position in [`crate::config::Config::interfaces`]; `None` for the loopback interface.
    pub const fn position(self) -> Option<usize> {
        match self.0 {
            0 => None,
            n => Some(n as usize - 1),
        }
    }

    /// Place in tables that have the loopback interface first.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// How a frame was addressed at the link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LinkClass {
    /// To this station.
    #[default]
    Host,
    /// To all stations.
    Broadcast,
    /// To a group of stations.
    Multicast,
    /// To another station.
    Otherhost,
}
