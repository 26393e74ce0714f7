//! What connection tracking keeps with a packet, packed into the number that the packet carries.

use core::num::NonZeroU16;

use super::tuple::Direction;
use crate::packet::Attachment;

/// Names an entry of the table; a later entry in the same slot has another name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntryId {
    /// Slot.
    pub(crate) slot: u32,
    /// Tells users of the slot apart.
    pub(crate) generation: NonZeroU16,
}

/// Names an entry that is not in the table, see the module `pending`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PendingId(pub(crate) u64);

/// Where the entry of a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// In the table.
    Table(EntryId),
    /// Outside.
    Pending(PendingId),
}

/// What a packet is to its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Relation {
    /// The entry has not seen an answer yet.
    New,
    /// The entry has seen one, or this is it.
    Established,
    /// It is about the entry.
    Related,
}

impl Relation {
    /// The state as rules name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Established => "established",
            Self::Related => "related",
        }
    }
}

/// A packet that belongs to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tracked {
    /// Where the entry is.
    pub place: Place,
    /// What the packet is to it.
    pub relation: Relation,
    /// Which way the packet goes.
    pub direction: Direction,
}

/// What connection tracking says of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tracking {
    /// It was not looked at, or belongs to nothing: `ct state invalid`.
    Invalid,
    /// It is not to be looked at.
    Untracked,
    /// It belongs to an entry.
    Tracked(Tracked),
}

const UNTRACKED: u64 = 1;
const TABLE: u64 = 2;
const PENDING: u64 = 3;

impl Tracking {
    /// Packs it: two bits of kind, two of relation, one of direction, then the name of the entry.
    pub(crate) fn attach(self) -> Attachment {
        let tracked = match self {
            Self::Invalid => return Attachment::NONE,
            Self::Untracked => return Attachment(UNTRACKED),
            Self::Tracked(tracked) => tracked,
        };
        let relation = match tracked.relation {
            Relation::New => 0,
            Relation::Established => 1,
            Relation::Related => 2,
        };
        let (kind, name) = match tracked.place {
            Place::Table(id) => (TABLE, u64::from(id.slot) << 16 | u64::from(id.generation.get())),
            Place::Pending(id) => (PENDING, id.0),
        };
        let direction = tracked.direction.index() as u64;
        Attachment(kind | relation << 2 | direction << 4 | name << 5)
    }

    /// Unpacks what `Tracking::attach` packed.
    pub fn of(attachment: Attachment) -> Self {
        let packed = attachment.0;
        let name = packed >> 5;
        let place = match packed & 3 {
            UNTRACKED => return Self::Untracked,
            PENDING => Place::Pending(PendingId(name)),
            TABLE => match NonZeroU16::new(name as u16) {
                Some(generation) => Place::Table(EntryId { slot: (name >> 16) as u32, generation }),
                None => return Self::Invalid,
            },
            _ => return Self::Invalid,
        };
        let relation = match packed >> 2 & 3 {
            0 => Relation::New,
            1 => Relation::Established,
            _ => Relation::Related,
        };
        let direction = if packed & 16 == 0 { Direction::Original } else { Direction::Reply };
        Self::Tracked(Tracked { place, relation, direction })
    }

    /// What an ICMP error inherits that this system sends about the packet: the entry, the other way.
    /// Untracked and invalid packets have nothing to leave.
    pub fn inherited(attachment: Attachment) -> Attachment {
        match Self::of(attachment) {
            Self::Tracked(tracked) => Self::Tracked(Tracked {
                relation: Relation::Related,
                direction: tracked.direction.opposite(),
                ..tracked
            })
            .attach(),
            Self::Invalid | Self::Untracked => Attachment::NONE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_loses_nothing() {
        let table = Place::Table(EntryId { slot: u32::MAX, generation: NonZeroU16::MAX });
        for place in [table, Place::Pending(PendingId(u64::MAX >> 5))] {
            for relation in [Relation::New, Relation::Established, Relation::Related] {
                for direction in [Direction::Original, Direction::Reply] {
                    let tracking = Tracking::Tracked(Tracked { place, relation, direction });
                    assert_eq!(Tracking::of(tracking.attach()), tracking);
                }
            }
        }
        for tracking in [Tracking::Invalid, Tracking::Untracked] {
            assert_eq!(Tracking::of(tracking.attach()), tracking);
        }
        assert_eq!(Tracking::of(Attachment::NONE), Tracking::Invalid);
    }

    #[test]
    fn errors_about_untracked_packets_inherit_nothing() {
        assert_eq!(Tracking::inherited(Tracking::Untracked.attach()), Attachment::NONE);
        assert_eq!(Tracking::inherited(Attachment::NONE), Attachment::NONE);
    }
}
