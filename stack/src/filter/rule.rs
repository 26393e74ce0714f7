//! One rule.

use super::view::View;
use crate::address::Prefix;
use crate::conntrack::{Relation, Tracking};
use crate::hook::Hook;
use crate::interface::InterfaceId;
use crate::nat::Binding;

/// A rule: where it stands, what must hold, what it does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// Where it stands.
    pub hook: Hook,
    /// What must hold.
    pub conditions: Conditions,
    /// What it does.
    pub action: Action,
}

/// What must hold for a rule to apply. All conditions given must.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Conditions {
    /// Interface it came in by.
    pub incoming: Option<InterfaceId>,
    /// Interface it leaves by.
    pub outgoing: Option<InterfaceId>,
    /// Source addresses.
    pub from: Option<Prefix>,
    /// Destination addresses.
    pub to: Option<Prefix>,
    /// Protocol number.
    pub protocol: Option<u8>,
    /// Source port: the first two octets behind the IP header, whatever the protocol.
    pub source_port: Option<u16>,
    /// Destination port: the two octets after those.
    pub destination_port: Option<u16>,
    /// ICMP type; the protocol must be ICMP.
    pub icmp_type: Option<u8>,
    /// Connection tracking states; none given means any.
    pub states: States,
}

impl Conditions {
    /// Whether all conditions hold. Fields that the packet is too short to have, or that a fragment other than the
    /// first cannot have, match nothing.
    pub fn hold(&self, view: &View<'_>) -> bool {
        fn is<T: PartialEq>(wanted: Option<T>, found: Option<T>) -> bool {
            wanted.is_none() || wanted == found
        }
        is(self.incoming, view.incoming)
            && is(self.outgoing, view.outgoing)
            && self.from.is_none_or(|prefix| prefix.contains(view.source()))
            && self.to.is_none_or(|prefix| prefix.contains(view.destination()))
            && is(self.protocol, Some(view.protocol()))
            && (self.source_port.is_none() || is(self.source_port, view.transport_u16(0)))
            && (self.destination_port.is_none() || is(self.destination_port, view.transport_u16(2)))
            && (self.icmp_type.is_none() || is(self.icmp_type, view.icmp_type()))
            && (self.states.is_empty() || self.states.contains(view.tracking))
    }
}

/// A set of connection tracking states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct States(u8);

impl States {
    /// No answer was seen yet.
    pub const NEW: Self = Self(1);
    /// An answer was seen.
    pub const ESTABLISHED: Self = Self(2);
    /// About a connection.
    pub const RELATED: Self = Self(4);
    /// Belongs to nothing.
    pub const INVALID: Self = Self(8);
    /// Not tracked.
    pub const UNTRACKED: Self = Self(16);

    /// The state that a rule language calls `name`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "new" => Some(Self::NEW),
            "established" => Some(Self::ESTABLISHED),
            "related" => Some(Self::RELATED),
            "invalid" => Some(Self::INVALID),
            "untracked" => Some(Self::UNTRACKED),
            _ => None,
        }
    }

    /// These states and those of `other`.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether no state is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether a packet tracked like that is in one of the states.
    pub const fn contains(self, tracking: Tracking) -> bool {
        let state = match tracking {
            Tracking::Invalid => Self::INVALID,
            Tracking::Untracked => Self::UNTRACKED,
            Tracking::Tracked(tracked) => match tracked.relation {
                Relation::New => Self::NEW,
                Relation::Established => Self::ESTABLISHED,
                Relation::Related => Self::RELATED,
            },
        };
        self.0 & state.0 != 0
    }
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    /// Lets it pass.
    Accept,
    /// Discards it silently.
    Drop,
    /// Discards it and answers Destination Unreachable with this code.
    Reject {
        /// The code.
        code: u8,
    },
    /// Leaves it out of connection tracking.
    Notrack,
    /// Has it tracked in a zone of its own.
    Zone(u16),
    /// Has its connection translated: the source at [`Hook::LocalIn`] and [`Hook::Postrouting`], the destination at
    /// [`Hook::Prerouting`] and [`Hook::LocalOut`].
    Translate(Binding),
}

/// The table that a rule stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Before connection tracking.
    Raw,
    /// Passes and discards.
    Filter,
    /// Translates; only first packets of connections come by.
    Nat,
}

impl Action {
    /// What it does, in a word.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Drop => "drop",
            Self::Reject { .. } => "reject",
            Self::Notrack => "notrack",
            Self::Zone(_) => "zone",
            Self::Translate(_) => "translate",
        }
    }

    /// The table that the rule stands in.
    pub const fn table(&self) -> Table {
        match self {
            Self::Notrack | Self::Zone(_) => Table::Raw,
            Self::Accept | Self::Drop | Self::Reject { .. } => Table::Filter,
            Self::Translate(_) => Table::Nat,
        }
    }
}
