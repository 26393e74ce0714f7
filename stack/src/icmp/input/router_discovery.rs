//! Router discovery: a router answers those who ask for one. RFC 1256, RFC 1812 §4.3.3.10.
//!
//! Advertisements that nobody asked for are not sent: they are for a daemon, which knows when to send them.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use crate::drop_reason::DropReason;
use crate::icmp::reply::append_message;
use crate::interface::InterfaceId;
use crate::ip::options::EchoedOptions;
use crate::ip::output::{HeaderChoice, IdentificationChoice};
use crate::outcome::Outcome;
use crate::packet::Packet;
use crate::sink::Sink;
use crate::stack::Stack;
use crate::wire::{IcmpView, Protocol};

const ROUTER_ADVERTISEMENT: u8 = 9;
/// Who learns of a router that was asked for by somebody without an address. RFC 1256 §4.1.
const ALL_HOSTS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
/// Words that an advertisement spends on an address. RFC 1256 §3.1.
const ADDRESS_WORDS: u8 = 2;
/// Seconds that the addresses are good for. RFC 1256 §4.1.
const LIFETIME_S: u16 = 1800;
/// Preference of an address: neither better nor worse than others. RFC 1256 §4.1.
const PREFERENCE: u32 = 0;

impl Stack {
    /// Answers a router solicitation with the addresses of the interface it came in by.
    pub(super) fn answer_solicitation<S: Sink>(
        &mut self,
        packet: &Packet,
        message: &IcmpView<'_>,
        sink: &mut S,
    ) -> Result<Outcome, DropReason> {
        let interface = packet.incoming.unwrap_or(InterfaceId::LOOPBACK);
        let Some(device) = self.router.device(interface) else { return Ok(Outcome::Delivered) };
        let source = packet.source();
        // RFC 1256 §4.3: other code, or a source that is neither zero nor a neighbor, makes it invalid.
        if message.code() != 0 || !(source.is_unspecified() || device.is_on_link(source, None)) {
            return Err(DropReason::IcmpBroadcastInvalid);
        }
        let addresses: Vec<Ipv4Addr> =
            device.primary_addresses().map(|own| own.prefix.address).take(usize::from(u8::MAX)).collect();
        let Some(own) = addresses.first().copied() else { return Ok(Outcome::Delivered) };
        let destination = if source.is_unspecified() { ALL_HOSTS } else { source };
        let Ok(way) = self.router.route_output_by(interface, destination, own) else {
            return Ok(Outcome::Delivered);
        };
        let choice = HeaderChoice {
            protocol: Protocol::Icmp,
            tos: 0,
            ttl: Some(1),
            dont_fragment: false,
            identification: IdentificationChoice::Hashed,
        };
        let body: Vec<u8> =
            addresses.iter().flat_map(|own| [own.to_bits(), PREFERENCE]).flat_map(u32::to_be_bytes).collect();
        let [high, low] = LIFETIME_S.to_be_bytes();
        let header = [ROUTER_ADVERTISEMENT, 0, 0, 0, addresses.len() as u8, ADDRESS_WORDS, high, low];
        let mut advertisement = self.make_packet(&way, &choice, &EchoedOptions::EMPTY, 8 + body.len());
        append_message(&mut advertisement, header, &body);
        self.count_icmp_out(ROUTER_ADVERTISEMENT);
        let _ = self.output_own(advertisement, sink);
        Ok(Outcome::Delivered)
    }
}
