//! UDP datagrams.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::super::Protocol;
use super::super::udp::{self, HEADER_LEN};
use super::{Layer, put_u16};

/// An empty datagram from port 0 to port 0.
pub const fn udp() -> UdpBuilder {
    UdpBuilder { source_port: 0, destination_port: 0, length: None, checksum: None, data: Vec::new() }
}

/// Builds a UDP datagram.
#[derive(Clone, Debug)]
pub struct UdpBuilder {
    source_port: u16,
    destination_port: u16,
    length: Option<u16>,
    checksum: Option<u16>,
    data: Vec<u8>,
}

impl UdpBuilder {
    /// Sets the source port.
    pub fn source_port(mut self, source_port: u16) -> Self {
        self.source_port = source_port;
        self
    }

    /// Sets the destination port.
    pub fn destination_port(mut self, destination_port: u16) -> Self {
        self.destination_port = destination_port;
        self
    }

    /// Sets the length instead of computing it.
    pub fn length(mut self, length: u16) -> Self {
        self.length = Some(length);
        self
    }

    /// Sets the checksum instead of computing it; 0 says there is none.
    pub fn checksum(mut self, checksum: u16) -> Self {
        self.checksum = Some(checksum);
        self
    }

    /// Sets what follows the header.
    pub fn data(mut self, octets: impl AsRef<[u8]>) -> Self {
        self.data = octets.as_ref().to_vec();
        self
    }
}

impl Layer for UdpBuilder {
    fn protocol(&self) -> Protocol {
        Protocol::Udp
    }

    fn append(&self, source: Ipv4Addr, destination: Ipv4Addr, out: &mut Vec<u8>) {
        let start = out.len();
        let length = self.length.unwrap_or((HEADER_LEN + self.data.len()) as u16);
        out.extend(self.source_port.to_be_bytes());
        out.extend(self.destination_port.to_be_bytes());
        out.extend(length.to_be_bytes());
        out.extend([0, 0]);
        out.extend_from_slice(&self.data);
        let datagram = &mut out[start..];
        // A receiver sums as much as the length claims.
        let claimed = match usize::from(length) {
            length if length < HEADER_LEN => datagram.len(),
            length => length.min(datagram.len()),
        };
        let sum = self.checksum.unwrap_or_else(|| udp::checksum(source, destination, &datagram[..claimed]));
        put_u16(datagram, 6, sum);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Ipv4View, UdpView};
    use super::super::ipv4;
    use super::*;

    #[test]
    fn what_is_built_is_read() {
        let datagram = udp().source_port(1000).destination_port(53).data(b"query");
        let octets = ipv4().source([10, 0, 0, 2]).destination([10, 0, 0, 1]).carry(datagram).build();
        let outer = Ipv4View::verified(&octets).unwrap();
        let view = UdpView::new(outer.payload()).unwrap();
        assert_eq!(
            (outer.protocol(), view.source_port(), view.destination_port()),
            (Protocol::Udp, 1000, 53)
        );
        assert!(view.checksum() != 0 && view.is_checksum_valid(outer.source(), outer.destination()));
    }

    #[test]
    fn the_checksum_covers_what_the_length_claims() {
        let sum = |datagram: UdpBuilder| {
            let octets = ipv4().carry(datagram).build();
            [octets[26], octets[27]]
        };
        assert_eq!(sum(udp().length(8).data(b"xy")), sum(udp().length(8)));
        assert_ne!(sum(udp().length(7).data(b"xy")), sum(udp().length(7)));
    }

    #[test]
    fn what_is_told_is_not_computed() {
        let octets = ipv4().carry(udp().length(7).checksum(0x1234)).build();
        assert_eq!(octets[24..28], [0, 7, 0x12, 0x34]);
    }
}
