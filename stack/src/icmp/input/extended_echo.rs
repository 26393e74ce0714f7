//! Extended echo: a question about an interface of this system. RFC 8335.

use crate::config::RouteKind;
use crate::drop_reason::DropReason;
use crate::icmp::reply::Reply;
use crate::ip::route::Device;
use crate::outcome::Outcome;
use crate::packet::Packet;
use crate::sink::Sink;
use crate::stack::Stack;
use crate::wire::extension::{self, ExtensionView, ObjectClass};
use crate::wire::{IcmpView, InterfaceIdentification};

const EXTENDED_ECHO_REPLY: u8 = 43;
/// Octets of the header of an extension object.
const OBJECT_HEADER_LEN: usize = 4;
/// Octets of the largest object: an IPv6 address with its header.
const MAX_OBJECT_LEN: usize = 24;

/// Codes of the reply. RFC 8335 §3.
const MALFORMED_QUERY: u8 = 1;
const NO_SUCH_INTERFACE: u8 = 2;

/// Bits of the status. RFC 8335 §3.
const ACTIVE: u8 = 4;
const HAS_IPV4: u8 = 2;
const HAS_IPV6: u8 = 1;

impl Stack {
    /// Answers an extended echo request, where that is allowed and a local interface is meant (the L bit).
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
        if sysctls.icmp_echo_enable_probe == 0 || sysctls.icmp_echo_ignore_all != 0 || !asks_about_local {
            return Ok(Outcome::Delivered);
        }
        let (code, status) = match self.probed_interface(message.body()) {
            Err(code) => (code, 0),
            Ok(device) if self.config.departures.extended_echo_code_tells => (0, status_of(device)),
            Ok(device) => (message.code(), status_of(device)),
        };
        let header = [EXTENDED_ECHO_REPLY, code, 0, 0, a, b, sequence, status];
        self.send_reply(packet, &Reply { header, body: message.body(), body_sum: None }, sink);
        Ok(Outcome::Delivered)
    }

    /// The interface that the extension structure names, or the code that says why there is none.
    fn probed_interface(&self, structure: &[u8]) -> Result<&Device, u8> {
        if self.config.departures.extended_echo_extension_is_checked {
            check_extension(structure)?;
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
        let wanted = InterfaceIdentification::new(c_type, data).ok_or(MALFORMED_QUERY)?;
        self.find_device(wanted).ok_or(NO_SUCH_INTERFACE)
    }

    fn find_device(&self, wanted: InterfaceIdentification<'_>) -> Option<&Device> {
        if let InterfaceIdentification::Ipv4(address) = wanted {
            return self.router.device(self.router.interface_of(address)?);
        }
        self.router.devices().iter().find(|device| match wanted {
            InterfaceIdentification::Name(name) => device.name.as_bytes() == name,
            InterfaceIdentification::Index(index) => u32::from(device.id.0) + 1 == index,
            InterfaceIdentification::Ipv4(_) => false,
            InterfaceIdentification::Ipv6(address) => device.ipv6_addresses.contains(&address),
        })
    }
}

fn status_of(device: &Device) -> u8 {
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
