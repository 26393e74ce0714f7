//! The device of one interface: frames in, frames out, nothing waits.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::time::Instant;

use crate::dut::foreign::ETHERNET;
use crate::model::{LinkKind, Prefix};

/// EtherType of ARP.
const ARP: [u8; 2] = [0x08, 0x06];
/// Hardware type Ethernet, protocol type IPv4, with the lengths of their addresses. RFC 826.
const ARP_FOR_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];
/// Octets of an ARP message for IPv4 on Ethernet.
const ARP_LEN: usize = 28;

/// A device whose queues the harness fills and empties.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) kind: LinkKind,
    pub(super) mac: [u8; 6],
    mtu: usize,
    /// What the stack will receive.
    pub(super) incoming: VecDeque<Vec<u8>>,
    outgoing: Vec<Vec<u8>>,
}

impl Link {
    pub(super) fn new(kind: LinkKind, mac: [u8; 6], mtu: u32) -> Self {
        Self { kind, mac, mtu: mtu as usize, incoming: VecDeque::new(), outgoing: Vec::new() }
    }

    /// Takes what the stack sent. ARP is no IPv4: requests are answered here, so that the stack may go on.
    pub(super) fn take(&mut self) -> Vec<Vec<u8>> {
        let mut frames = std::mem::take(&mut self.outgoing);
        if self.kind == LinkKind::Ethernet {
            frames.retain(|frame| {
                let is_arp = frame.get(12..ETHERNET) == Some(&ARP[..]);
                if is_arp {
                    self.incoming.extend(answer(frame, self.mac));
                }
                !is_arp
            });
        }
        frames
    }

    /// Tells the stack the hardware address of `neighbor` before it asks: a stack that has to ask drops the datagram
    /// that made it ask. Every neighbor has the interface's own address, as where a Linux interface has no ARP.
    pub(super) fn introduce(&mut self, neighbor: Ipv4Addr, own: Prefix) {
        if self.kind == LinkKind::Ethernet {
            self.incoming.push_back(reply(self.mac, neighbor, own.address));
        }
    }
}

/// The answer to the ARP request in `frame`; `None` if it is something else.
fn answer(frame: &[u8], mac: [u8; 6]) -> Option<Vec<u8>> {
    let message = frame.get(ETHERNET..ETHERNET + ARP_LEN)?;
    let address = |at: usize| <[u8; 4]>::try_from(message.get(at..at + 4)?).ok().map(Ipv4Addr::from);
    let is_request = message[..6] == ARP_FOR_IPV4 && message[6..8] == [0, 1];
    if !is_request {
        return None;
    }
    Some(reply(mac, address(24)?, address(14)?))
}

/// An ARP reply that says to `own` that `neighbor` is at `mac`. RFC 826.
fn reply(mac: [u8; 6], neighbor: Ipv4Addr, own: Ipv4Addr) -> Vec<u8> {
    [&mac[..], &mac, &ARP, &ARP_FOR_IPV4, &[0, 2], &mac, &neighbor.octets(), &mac, &own.octets()].concat()
}

impl Device for Link {
    type RxToken<'a> = Incoming;
    type TxToken<'a> = Outgoing<'a>;

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        (capabilities.medium, capabilities.max_transmission_unit) = match self.kind {
            LinkKind::Ip => (Medium::Ip, self.mtu),
            LinkKind::Ethernet => (Medium::Ethernet, self.mtu + ETHERNET),
        };
        capabilities
    }

    fn receive(&mut self, _: Instant) -> Option<(Incoming, Outgoing<'_>)> {
        let frame = self.incoming.pop_front()?;
        Some((Incoming(frame), Outgoing(&mut self.outgoing)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Outgoing<'_>> {
        Some(Outgoing(&mut self.outgoing))
    }
}

/// A frame on its way in.
pub(super) struct Incoming(Vec<u8>);

impl phy::RxToken for Incoming {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

/// Room for a frame on its way out.
pub(super) struct Outgoing<'a>(&'a mut Vec<Vec<u8>>);

impl phy::TxToken for Outgoing<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        self.0.push(frame);
        result
    }
}
