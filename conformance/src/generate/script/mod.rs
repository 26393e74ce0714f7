//! Scripts: a world and what happens in it, in a binary form that never changes and that every octet string decodes to.
//!
//! A script is what fuzzers mutate and corpora keep. Frames stand in it literally, so that a corpus does not age with
//! the generators; what depends on the stack's answers (an error about something it sent, a reply to it) stands in it
//! as an instruction that [`Player`] carries out when the answers are known.
//!
//! The form, version 1: the 4 octets [`MAGIC`], then records of 1 octet kind, 2 octets length, and that many octets of
//! content, all numbers in network order. Decoding is total: a kind without a meaning is taken modulo the kinds there
//! are, a length beyond the end is cut to what is left, content that is missing reads as zeros, content that is too
//! long is passed over, a value out of range is brought into it. Octets without the magic are choices for the
//! generators instead ([`Script::decode`]), so that a fuzzer may start from nothing.
//!
//! Version 2 would have another magic and another set of kinds; records of version 1 keep their meaning.

mod arbitrary;
mod crafted;
mod decode;
mod drawn;
mod encode;
mod mutate;
mod play;
mod record;
mod repair;
mod seed;
mod smaller;
mod world;

use std::net::SocketAddrV4;
use std::time::Duration;

use netassay_stack::config::Profile;

use crate::model::Scenario;

pub use arbitrary::Drawn;
pub use crafted::crafted;
pub use mutate::{Flavor, OctetMutator, cross_over, mutate};
pub use play::{MARK, Player};
pub use seed::{from_trace, to_trace};
pub use smaller::smaller;
pub use world::plain as plain_world;

/// How a script of version 1 begins.
pub const MAGIC: [u8; 4] = *b"nas1";

/// The longest script that is decoded, in octets; what is behind is passed over.
pub const LONGEST: usize = 1 << 20;

/// The most moves that are played of a script, repetitions not counted.
pub const MOST_MOVES: usize = 4096;

/// A world and what happens in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// Whom the stack follows.
    pub profile: Profile,
    /// Whether frames carry marked octets behind the datagram, which nobody may ever see again.
    pub marks: bool,
    /// The world.
    pub scenario: Scenario,
    /// What happens, in order.
    pub moves: Vec<Move>,
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// A datagram comes in.
    Datagram {
        /// By this interface.
        interface: u8,
        /// In a frame to whom, if the link has addresses.
        link: LinkTarget,
        /// What is left broken in it.
        broken: Broken,
        /// From the IP header on.
        octets: Vec<u8>,
    },
    /// A frame comes in as it is, link header included.
    Frame {
        /// By this interface.
        interface: u8,
        /// As on the link.
        octets: Vec<u8>,
    },
    /// Time passes.
    Advance {
        /// That much.
        by: Duration,
    },
    /// An ICMP error about something that the stack sent.
    ErrorAbout(ErrorAbout),
    /// An answer to something that the stack sent.
    Answer(Answer),
    /// A local socket is used.
    Socket {
        /// Which.
        socket: u8,
        /// How.
        action: SocketMove,
    },
    /// The frame before comes in again.
    Repeat {
        /// That often, at most [`MOST_REPEATS`].
        times: u8,
    },
}

/// Most repetitions that one move asks for.
pub const MOST_REPEATS: u8 = 64;

/// To whom a frame is addressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkTarget {
    /// The stack.
    #[default]
    Own,
    /// Everybody.
    Broadcast,
    /// The group of all hosts.
    Multicast,
    /// Somebody else.
    Other,
}

impl LinkTarget {
    /// All of them; the encoding is the place.
    pub const ALL: [Self; 4] = [Self::Own, Self::Broadcast, Self::Multicast, Self::Other];
}

/// Layers whose lengths or checksums are left as they are. What is not named here is repaired before it is handed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Broken(pub u8);

impl Broken {
    /// Nothing is.
    pub const NOTHING: Self = Self(0);
    /// The header checksum.
    pub const HEADER_CHECKSUM: Self = Self(1);
    /// The checksum of ICMP, TCP or UDP.
    pub const TRANSPORT_CHECKSUM: Self = Self(2);
    /// Version, header length and total length, and the length of UDP.
    pub const LENGTHS: Self = Self(4);
    /// All of it.
    pub const EVERYTHING: Self = Self(7);

    /// Whether `layer` is left alone.
    pub const fn has(self, layer: Self) -> bool {
        self.0 & layer.0 != 0
    }

    /// Both.
    #[must_use]
    pub const fn with(self, layer: Self) -> Self {
        Self(self.0 | layer.0)
    }
}

/// Who sends an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sender {
    /// The destination of what is quoted.
    #[default]
    Destination,
    /// A router on the way.
    Router,
    /// A neighbor on the same link that has nothing to do with it.
    Neighbor,
    /// Somebody far away.
    Remote,
    /// The stack itself.
    Own,
    /// The broadcast address of a subnet.
    Broadcast,
    /// A group.
    Multicast,
    /// A loopback address.
    Loopback,
    /// 0.0.0.0.
    Nobody,
}

impl Sender {
    /// All of them; the encoding is the place.
    pub const ALL: [Self; 9] = [
        Self::Destination,
        Self::Router,
        Self::Neighbor,
        Self::Remote,
        Self::Own,
        Self::Broadcast,
        Self::Multicast,
        Self::Loopback,
        Self::Nobody,
    ];
}

/// A part of a quoted datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Version and header length.
    VersionAndIhl,
    /// Total length.
    TotalLength,
    /// Identification.
    Identification,
    /// Flags and fragment offset.
    Fragment,
    /// Time to live.
    Ttl,
    /// Protocol.
    Protocol,
    /// Header checksum.
    Checksum,
    /// Lower half of the source.
    Source,
    /// Lower half of the destination.
    Destination,
    /// Source port; type and code of ICMP.
    SourcePort,
    /// Destination port; checksum of ICMP.
    DestinationPort,
    /// Length of UDP, upper half of the sequence number of TCP, identifier of ICMP.
    FifthOctet,
    /// Checksum of UDP, lower half of the sequence number of TCP, sequence number of ICMP.
    SeventhOctet,
}

impl Field {
    /// All of them; the encoding is the place.
    pub const ALL: [Self; 13] = [
        Self::VersionAndIhl,
        Self::TotalLength,
        Self::Identification,
        Self::Fragment,
        Self::Ttl,
        Self::Protocol,
        Self::Checksum,
        Self::Source,
        Self::Destination,
        Self::SourcePort,
        Self::DestinationPort,
        Self::FifthOctet,
        Self::SeventhOctet,
    ];
}

/// How one field of a quote differs from what was sent: the number is combined with what is there by exclusive or.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deviation {
    /// Where.
    pub field: Field,
    /// By what; fields of one octet take the lower half.
    pub by: u16,
}

/// Most deviations of one quote.
pub const MOST_DEVIATIONS: usize = 3;

/// An ICMP error about something that the stack sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorAbout {
    /// Which of the last datagrams, counted back from the latest.
    pub which: u8,
    /// By which interface it comes; `None` is the one that the datagram left by.
    pub interface: Option<u8>,
    /// Who sends it.
    pub sender: Sender,
    /// ICMP type.
    pub icmp_type: u8,
    /// ICMP code.
    pub code: u8,
    /// The word behind the checksum.
    pub word: u32,
    /// Where the quote differs, at most [`MOST_DEVIATIONS`] places.
    pub deviations: Vec<Deviation>,
    /// Octets that are quoted, at most.
    pub keep: u16,
    /// What is left broken in the message.
    pub broken: Broken,
    /// The extension structure of RFC 4884 behind the quote, if there is one.
    pub extension: Option<Extension>,
}

/// An extension structure. RFC 4884 §7.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extension {
    /// Whether the message says where it begins.
    pub is_announced: bool,
    /// Whether the quote is padded to 128 octets before it.
    pub is_padded: bool,
    /// Whether its checksum is wrong.
    pub is_damaged: bool,
    /// The objects.
    pub objects: Vec<u8>,
}

/// An answer to something that the stack sent: addresses and ports swapped, the conversation carried on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Which of the last datagrams, counted back from the latest.
    pub which: u8,
    /// Flags of a TCP answer.
    pub flags: u8,
    /// What is added to the sequence number of a TCP answer.
    pub shift: i16,
    /// What it carries instead of what it answers, if anything.
    pub data: Option<Vec<u8>>,
}

/// What is done with a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketMove {
    /// Sends.
    Send {
        /// To whom, unless connected.
        to: Option<SocketAddrV4>,
        /// What.
        data: Vec<u8>,
    },
    /// Connects.
    Connect {
        /// To whom.
        to: SocketAddrV4,
    },
    /// Sets the option of this place in [`OPTIONS`].
    SetOption {
        /// Place in the list.
        option: u8,
        /// Value.
        value: i32,
    },
    /// Closes.
    Close,
}

/// Socket options by the place that stands for them.
pub const OPTIONS: [&str; 12] = [
    "recverr",
    "recverr-rfc4884",
    "pmtudisc",
    "ttl",
    "tos",
    "hdrincl",
    "router-alert",
    "icmp-filter",
    "broadcast",
    "multicast-ttl",
    "multicast-loop",
    "nodefrag",
];

impl Script {
    /// The script that `octets` stand for; every octet string stands for one.
    pub fn decode(octets: &[u8]) -> Self {
        match octets.strip_prefix(&MAGIC) {
            Some(records) => decode::script(&records[..records.len().min(LONGEST)]),
            None => drawn::script(&mut Drawn::new(octets)),
        }
    }

    /// The octets that stand for it.
    pub fn encode(&self) -> Vec<u8> {
        encode::script(self)
    }

    /// Gives up parts of the world until `can_be` takes it: sockets, rules, knobs, routes, and last everything. Tells
    /// whether it was taken; it was asked of last as it stays.
    pub fn settle(&mut self, mut can_be: impl FnMut(&Scenario) -> bool) -> bool {
        let give_up: [fn(&mut Scenario); 5] = [
            |scenario| scenario.sockets.clear(),
            |scenario| scenario.rules.clear(),
            |scenario| {
                scenario.sysctl.clear();
                scenario.interfaces.iter_mut().for_each(|interface| interface.sysctl.clear());
            },
            |scenario| scenario.routes.clear(),
            |scenario| *scenario = world::plain(scenario.role, scenario.limits),
        ];
        for give_up in give_up {
            if can_be(&self.scenario) {
                return true;
            }
            give_up(&mut self.scenario);
        }
        can_be(&self.scenario)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::{Choice, Seeded};

    /// Octets that look like a script: the magic, then anything.
    fn magical(octets: &[u8]) -> Vec<u8> {
        [&MAGIC, octets].concat()
    }

    quickcheck::quickcheck! {
        fn every_octet_string_decodes_and_is_stable(octets: Vec<u8>) -> bool {
            [Script::decode(&octets), Script::decode(&magical(&octets))]
                .iter()
                .all(|script| Script::decode(&script.encode()) == *script)
        }
    }

    #[test]
    fn drawn_scripts_survive_the_encoding() {
        for seed in 0..500 {
            let mut source = Seeded::new(seed);
            let octets: Vec<u8> = (0..600).map(|_| source.octet()).collect();
            let script = Script::decode(&octets);
            assert_eq!(Script::decode(&script.encode()), script, "seed {seed}");
        }
    }

    #[test]
    fn the_form_of_version_1_is_frozen() {
        let octets = magical(&[
            1, 0, 4, 1, 1, 1, 1, // RFC profile, router, default limits, marks
            0x20, 0, 7, 2, 1, 5, 0x45, 0, 0,
            20, // a datagram on interface 2, broadcast, two things broken
            0x22, 0, 4, 0, 0, 3, 0xe8, // a second passes
            0x26, 0, 1, 200, // repeated, clamped
        ]);
        let script = Script::decode(&octets);
        assert_eq!((script.profile, script.marks), (Profile::Rfc, true));
        assert_eq!(
            script.moves,
            [
                Move::Datagram {
                    interface: 2,
                    link: LinkTarget::Broadcast,
                    broken: Broken(5),
                    octets: vec![0x45, 0, 0, 20],
                },
                Move::Advance { by: Duration::from_secs(1) },
                Move::Repeat { times: MOST_REPEATS },
            ]
        );
    }

    #[test]
    fn a_world_that_cannot_be_is_given_up_in_parts() {
        let mut script = Script::decode(&MAGIC);
        let mut asked = 0;
        let is_taken = script.settle(|_| {
            asked += 1;
            false
        });
        assert_eq!((asked, is_taken), (6, false));
        assert_eq!(script.scenario, world::plain(script.scenario.role, script.scenario.limits));
    }
}
