//! Extended echo: a question about an interface of this system. RFC 8335.

use crate::config::RouteKind;
use crate::drop_reason::DropReason;
use crate::icmp::reply::{EXTENDED_ECHO_REPLY, Reply};
use crate::ip::route::Device;
use crate::outcome::Outcome;
use crate::packet::Packet;
use crate::sink::Sink;
use crate::stack::Stack;
use crate::wire::extension::{self, ExtensionView, ObjectClass};
use crate::wire::{IcmpView, InterfaceIdentification};

/// Octets of the header of an extension object.
const OBJECT_HEADER_LEN: usize = 4;
/// Octets of the largest object: an IPv6 address with its header.
const MAX_OBJECT_LEN: usize = 24;

/// Codes of the reply. RFC 8335 §3.
const MALFORMED_QUERY: u8 = 1;
const NO_SUCH_INTERFACE: u8 = 2;
const NO_SUCH_TABLE_ENTRY: u8 = 3;
const MULTIPLE_INTERFACES: u8 = 4;

/// Bits of the status. RFC 8335 §3.
const ACTIVE: u8 = 4;
const HAS_IPV4: u8 = 2;
const HAS_IPV6: u8 = 1;
/// Where the state of a neighbor stands beside these bits.
const STATE_SHIFT: u8 = 5;

impl Stack {
    /// Answers an extended echo request, where that is allowed. Linux answers only if a local interface is meant (the L
    /// bit), the clause also if a neighbor is.
    pub(super) fn answer_extended_echo<S: Sink>(
        &mut self,
        packet: &Packet,
        message: &IcmpView<'_>,
        sink: &mut S,
    ) -> Result<Outcome, DropReason> {
        let sysctls = &self.config.sysctls;
        let is_group = packet
            .route
            .is_some_and(|route| matches!(route.kind, RouteKind::Broadcast | RouteKind::Multicast));
        if is_group && self.config.departures.extended_echo_to_group_is_dropped {
            return Err(DropReason::IcmpBroadcastInvalid);
        }
        let [a, b, sequence, flags] = message.word().to_be_bytes();
        let asks_about_local = flags & 1 == 1;
        let is_heeded = asks_about_local || self.config.departures.extended_echo_asks_neighbors;
        if sysctls.icmp_echo_enable_probe == 0 || sysctls.icmp_echo_ignore_all != 0 || !is_heeded {
            return Ok(Outcome::Delivered);
        }
        let answer = if asks_about_local {
            self.probed_interface(message.body()).map(|device| self.status_of(device))
        } else {
            self.probed_neighbor(message.body())
        };
        let (code, status) = match answer {
            Err(code) => (code, 0),
            Ok(status) if self.config.departures.extended_echo_code_tells => (0, status),
            Ok(status) => (message.code(), status),
        };
        let header = [EXTENDED_ECHO_REPLY, code, 0, 0, a, b, sequence, status];
        self.send_reply(packet, &Reply { header, body: message.body(), body_sum: None }, sink);
        Ok(Outcome::Delivered)
    }

    /// The interface that the extension structure names, or the code that says why there is none.
    fn probed_interface(&self, structure: &[u8]) -> Result<&Device, u8> {
        let wanted = self.identification(structure)?;
        let mut found = self.devices_of(wanted);
        let device = found.next().ok_or(NO_SUCH_INTERFACE)?;
        if self.config.departures.extended_echo_ambiguity_is_told && found.next().is_some() {
            return Err(MULTIPLE_INTERFACES);
        }
        Ok(device)
    }

    /// The state of the neighbor that the extension structure names by its address, or the code that says why there is
    /// none.
    fn probed_neighbor(&self, structure: &[u8]) -> Result<u8, u8> {
        match self.identification(structure)? {
            InterfaceIdentification::Name(_) | InterfaceIdentification::Index(_) => Err(MALFORMED_QUERY),
            InterfaceIdentification::Ipv4(address) => {
                let state = self.neighbors.state(address, self.now).ok_or(NO_SUCH_TABLE_ENTRY)?;
                Ok((state as u8) << STATE_SHIFT)
            }
            InterfaceIdentification::Ipv6(_) => Err(NO_SUCH_TABLE_ENTRY),
        }
    }

    /// What the extension structure names, or the code that says what is wrong with it.
    fn identification<'a>(&self, structure: &'a [u8]) -> Result<InterfaceIdentification<'a>, u8> {
        if self.config.departures.extended_echo_extension_is_checked {
            check_extension(structure)?;
        }
        if self.config.departures.extended_echo_object_is_alone
            && ExtensionView::new(structure).is_some_and(|view| view.objects().nth(1).is_some())
        {
            return Err(MALFORMED_QUERY);
        }
        let object = structure.get(extension::HEADER_LEN..).ok_or(MALFORMED_QUERY)?;
        let Some(&[high, low, _class, c_type]) = object.first_chunk::<OBJECT_HEADER_LEN>() else {
            return Err(MALFORMED_QUERY);
        };
        let len = usize::from(u16::from_be_bytes([high, low]));
        if len <= OBJECT_HEADER_LEN || len > MAX_OBJECT_LEN {
            return Err(MALFORMED_QUERY);
        }
        let data = object.get(OBJECT_HEADER_LEN..len).ok_or(MALFORMED_QUERY)?;
        InterfaceIdentification::new(c_type, data).ok_or(MALFORMED_QUERY)
    }

    /// The interfaces that are meant. One that has the address itself comes before one that a local route names.
    fn devices_of<'s>(&'s self, wanted: InterfaceIdentification<'_>) -> impl Iterator<Item = &'s Device> {
        let by_route = match wanted {
            InterfaceIdentification::Ipv4(address) if !self.router.is_own(address) => {
                self.router.interface_of(address).and_then(|id| self.router.device(id))
            }
            _ => None,
        };
        let is_meant = move |device: &&Device| match wanted {
            InterfaceIdentification::Name(name) => device.name.as_bytes() == name,
            InterfaceIdentification::Index(index) => u32::from(device.id.0) + 1 == index,
            InterfaceIdentification::Ipv4(address) => device.has_address(address),
            InterfaceIdentification::Ipv6(address) => device.ipv6_addresses.contains(&address),
        };
        self.router.devices().iter().filter(is_meant).chain(by_route)
    }

    fn status_of(&self, device: &Device) -> u8 {
        if !device.is_up && self.config.departures.extended_echo_down_has_no_protocols {
            return 0;
        }
        let mut status = 0;
        if device.is_up {
            status |= ACTIVE;
        }
        if device.has_ipv4() {
            status |= HAS_IPV4;
        }
        if device.has_ipv6 {
            status |= HAS_IPV6;
        }
        status
    }
}

/// RFC 8335 §2: version 2, a right checksum and an interface identification object.
fn check_extension(structure: &[u8]) -> Result<(), u8> {
    let view = ExtensionView::new(structure).ok_or(MALFORMED_QUERY)?;
    if view.version() != extension::VERSION || !view.is_checksum_valid() {
        return Err(MALFORMED_QUERY);
    }
    match view.objects().next() {
        Some(Ok(object)) if object.class == ObjectClass::InterfaceIdentification => Ok(()),
        _ => Err(MALFORMED_QUERY),
    }
}
