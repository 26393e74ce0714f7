//! IPv4 options as Linux processes them: on reception, in source routing, in replies, on forwarding and in fragments.
//!
//! Everything works in place on the octets of a header and on an [`OptionRecord`] of what reception found. Routing
//! belongs to the caller; what has to be asked of it stands in [`OptionContext`].
//! CIPSO is never accepted: without a domain of interpretation configured every one is unknown.

mod blank;
mod echo;
mod forward;
mod receive;
mod record;
mod source_route;

use core::net::Ipv4Addr;

pub use blank::blank_for_later_fragments;
pub use echo::{EchoRefused, EchoedOptions, echo};
pub use forward::forward;
pub use receive::{BadOption, OptionRules, receive};
pub use record::{OptionRecord, SourceRoute};
pub use source_route::{SourceRouteStep, SourceRouteWalk};

/// What option processing asks of the stack around it.
pub trait OptionContext {
    /// The address that this stack records for itself: the destination of a unicast datagram that is for it, else
    /// the source address it would use towards the datagram's source.
    fn recorded_address(&self) -> Ipv4Addr;

    /// Whether the routing tables call `address` unicast, which none of its own addresses is.
    fn is_unicast(&self, address: Ipv4Addr) -> bool;

    /// Milliseconds since midnight UTC.
    fn milliseconds_since_midnight(&self) -> u32;
}

/// The address that stands at `at`.
fn address_at(octets: &[u8], at: usize) -> Option<Ipv4Addr> {
    octets.get(at..)?.first_chunk::<4>().map(|octets| Ipv4Addr::from(*octets))
}

/// Writes `octets` at `at`, if they fit.
fn put<const N: usize>(place: &mut [u8], at: usize, octets: [u8; N]) {
    if let Some(place) = place.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<N>()) {
        *place = octets;
    }
}

#[cfg(test)]
mod testing {
    use core::net::Ipv4Addr;
    use std::vec::Vec;

    use super::OptionContext;

    /// The time all stamps show.
    pub(super) const STAMP: u32 = 0x02b5_d5f2;

    /// A host at 10.0.0.1/24 with a default route, as in the probes of the specification's appendix A.
    pub(super) struct Host;

    impl OptionContext for Host {
        fn recorded_address(&self) -> Ipv4Addr {
            Ipv4Addr::new(10, 0, 0, 1)
        }

        fn is_unicast(&self, address: Ipv4Addr) -> bool {
            let is_special = address.is_multicast() || address.is_broadcast() || address.is_unspecified();
            !is_special && address != Ipv4Addr::new(10, 0, 0, 1) && address != Ipv4Addr::new(10, 0, 0, 255)
        }

        fn milliseconds_since_midnight(&self) -> u32 {
            STAMP
        }
    }

    /// The octets that a row of the appendix spells in hexadecimal.
    pub(super) fn hex(text: &str) -> Vec<u8> {
        (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
    }

    /// A header from 10.0.0.2 to 10.0.0.1 with the options of a row.
    pub(super) fn header(options: &str) -> Vec<u8> {
        let mut octets = std::vec![0u8; 20];
        octets[12..16].copy_from_slice(&[10, 0, 0, 2]);
        octets[16..20].copy_from_slice(&[10, 0, 0, 1]);
        octets.extend(hex(options));
        octets.resize(octets.len().next_multiple_of(4), 0);
        octets[0] = 0x40 | (octets.len() / 4) as u8;
        octets
    }
}
