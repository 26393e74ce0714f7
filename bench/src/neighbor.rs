//! smoltcp behind a device in memory that hands in the same datagram again and again.

use std::hint::black_box;

use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

use crate::datagram::OWN;

/// A system on smoltcp.
pub(crate) struct Neighbor {
    device: Memory,
    interface: Interface,
    sockets: SocketSet<'static>,
    polls: i64,
}

struct Memory {
    datagram: Vec<u8>,
    is_there: bool,
    sent: Vec<u8>,
}

struct In<'a>(&'a [u8]);
struct Out<'a>(&'a mut Vec<u8>);

impl RxToken for In<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(black_box(self.0))
    }
}

impl TxToken for Out<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, fill: F) -> R {
        self.0.resize(len, 0);
        let result = fill(&mut self.0[..len]);
        black_box(&self.0);
        result
    }
}

impl Device for Memory {
    type RxToken<'a> = In<'a>;
    type TxToken<'a> = Out<'a>;

    fn receive(&mut self, _: Instant) -> Option<(In<'_>, Out<'_>)> {
        std::mem::take(&mut self.is_there).then_some((In(&self.datagram), Out(&mut self.sent)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Out<'_>> {
        Some(Out(&mut self.sent))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = 1500;
        capabilities
    }
}

impl Neighbor {
    /// One that gets `datagram`.
    pub(crate) fn new(datagram: Vec<u8>) -> Self {
        let mut device = Memory { datagram, is_there: false, sent: Vec::with_capacity(2048) };
        let mut interface = Interface::new(Config::new(HardwareAddress::Ip), &mut device, Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            let own = IpCidr::new(IpAddress::Ipv4(OWN), 24);
            assert!(addresses.push(own).is_ok(), "there is room for one address");
        });
        Self { device, interface, sockets: SocketSet::new(Vec::new()), polls: 0 }
    }

    /// Takes the datagram in once; what it sends is in [`Neighbor::sent`].
    pub(crate) fn poll(&mut self) {
        self.polls += 1;
        self.device.is_there = true;
        let now = Instant::from_micros(self.polls);
        self.interface.poll(now, &mut self.device, &mut self.sockets);
    }

    /// What it sent last.
    pub(crate) fn sent(&self) -> &[u8] {
        &self.device.sent
    }
}
