//! Builders for tests and generators: they compute lengths and checksums unless told otherwise.
//!
//! ```
//! use netassay_stack::wire::build::{echo_request, ipv4};
//!
//! let datagram = ipv4().source([10, 0, 0, 2]).destination([10, 0, 0, 1]).ttl(0).header_checksum(0xbeef);
//! let octets = datagram.carry(echo_request().identifier(1).data(b"abcdefgh")).build();
//! assert_eq!((octets.len(), &octets[10..12]), (36, &[0xbe, 0xef][..]));
//! ```
//!
//! Nothing is checked: what does not fit into a field is cut to it, so that every odd datagram can be said.

mod extension;
mod icmp;
mod ipv4;
mod option;
mod tcp;
mod udp;

use alloc::vec::Vec;
use core::net::Ipv4Addr;

pub use extension::{
    ExtensionBuilder, extension, interface_by_address, interface_by_index, interface_by_name,
};
pub use icmp::{
    IcmpBuilder, address_mask_request, echo_reply, echo_request, extended_echo_reply, extended_echo_request,
    fragmentation_needed, icmp, information_request, parameter_problem, redirect, source_quench,
    time_exceeded, timestamp_reply, timestamp_request, unreachable,
};
pub use ipv4::{Ipv4Builder, ipv4};
pub use option::{OptionBuilder, options};
pub use tcp::{TcpBuilder, tcp};
pub use udp::{UdpBuilder, udp};

use super::Protocol;

/// What a datagram can carry.
pub trait Layer {
    /// Its protocol number.
    fn protocol(&self) -> Protocol;

    /// Appends its octets to `out`; the addresses are for the pseudo header.
    fn append(&self, source: Ipv4Addr, destination: Ipv4Addr, out: &mut Vec<u8>);
}

/// Octets as they are, for protocol 253, which is for experiments. RFC 3692 §2.1.
impl Layer for Vec<u8> {
    fn protocol(&self) -> Protocol {
        Protocol::Unknown(253)
    }

    fn append(&self, _source: Ipv4Addr, _destination: Ipv4Addr, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

/// Writes `value` at octet `at` of `out`, unless that is beyond the end.
fn put_u16(out: &mut [u8], at: usize, value: u16) {
    if let Some(place) = out.get_mut(at..at + 2) {
        place.copy_from_slice(&value.to_be_bytes());
    }
}
