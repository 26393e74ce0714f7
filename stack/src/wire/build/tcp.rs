//! TCP segments.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::super::Protocol;
use super::super::tcp::{self, HEADER_LEN, TcpHeader};
use super::{Layer, put_u16};

/// A segment without flags from port 0 to port 0, window 8192.
pub fn tcp() -> TcpBuilder {
    let header = TcpHeader { window: 8192, ..TcpHeader::default() };
    TcpBuilder { header, data_offset: None, checksum: None, options: Vec::new(), data: Vec::new() }
}

/// Builds a TCP segment.
#[derive(Clone, Debug)]
pub struct TcpBuilder {
    header: TcpHeader,
    data_offset: Option<u8>,
    checksum: Option<u16>,
    options: Vec<u8>,
    data: Vec<u8>,
}

impl TcpBuilder {
    /// Sets the source port.
    pub fn source_port(mut self, source_port: u16) -> Self {
        self.header.source_port = source_port;
        self
    }

    /// Sets the destination port.
    pub fn destination_port(mut self, destination_port: u16) -> Self {
        self.header.destination_port = destination_port;
        self
    }

    /// Sets the sequence number.
    pub fn sequence_number(mut self, sequence_number: u32) -> Self {
        self.header.sequence_number = sequence_number;
        self
    }

    /// Sets the acknowledgment number; the flag is set apart.
    pub fn acknowledgment_number(mut self, acknowledgment_number: u32) -> Self {
        self.header.acknowledgment_number = acknowledgment_number;
        self
    }

    /// Sets the flags: [`SYN`](tcp::SYN), [`ACK`](tcp::ACK), ….
    pub fn flags(mut self, flags: u8) -> Self {
        self.header.flags = flags;
        self
    }

    /// Sets the four bits between data offset and flags.
    pub fn reserved(mut self, reserved: u8) -> Self {
        self.header.reserved = reserved;
        self
    }

    /// Sets the window.
    pub fn window(mut self, window: u16) -> Self {
        self.header.window = window;
        self
    }

    /// Sets the urgent pointer.
    pub fn urgent_pointer(mut self, urgent_pointer: u16) -> Self {
        self.header.urgent_pointer = urgent_pointer;
        self
    }

    /// Sets the header length in words instead of computing it.
    pub fn data_offset(mut self, words: u8) -> Self {
        self.data_offset = Some(words);
        self
    }

    /// Sets the checksum instead of computing it.
    pub fn checksum(mut self, checksum: u16) -> Self {
        self.checksum = Some(checksum);
        self
    }

    /// Sets the options; they are padded with zeros to a multiple of 4 octets.
    pub fn options(mut self, options: impl Into<Vec<u8>>) -> Self {
        self.options = options.into();
        self.options.resize(self.options.len().next_multiple_of(4), 0);
        self
    }

    /// Sets what follows the header.
    pub fn data(mut self, octets: impl AsRef<[u8]>) -> Self {
        self.data = octets.as_ref().to_vec();
        self
    }
}

impl Layer for TcpBuilder {
    fn protocol(&self) -> Protocol {
        Protocol::Tcp
    }

    fn append(&self, source: Ipv4Addr, destination: Ipv4Addr, out: &mut Vec<u8>) {
        let start = out.len();
        let words = ((HEADER_LEN + self.options.len()) / 4).min(15) as u8;
        let header = TcpHeader { data_offset: self.data_offset.unwrap_or(words), checksum: 0, ..self.header };
        out.extend(header.octets());
        out.extend_from_slice(&self.options);
        out.extend_from_slice(&self.data);
        let segment = &mut out[start..];
        let sum = self.checksum.unwrap_or_else(|| tcp::checksum(source, destination, segment));
        put_u16(segment, 16, sum);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tcp::{SYN, TcpOption};
    use super::super::super::{Ipv4View, TcpView};
    use super::super::ipv4;
    use super::*;

    #[test]
    fn what_is_built_is_read() {
        let segment =
            tcp().destination_port(80).sequence_number(100).flags(SYN).options([3, 3, 7]).data(b"x");
        let octets = ipv4().source([10, 0, 0, 2]).destination([10, 0, 0, 1]).carry(segment).build();
        let outer = Ipv4View::verified(&octets).unwrap();
        let view = TcpView::new(outer.payload()).unwrap();
        assert_eq!((view.destination_port(), view.sequence_number(), view.window()), (80, 100, 8192));
        assert_eq!((view.segment_len(), view.data_offset(), view.payload()), (2, 6, &b"x"[..]));
        assert_eq!(view.option_list().next(), Some(TcpOption::WindowScale(7)));
        assert!(view.is_checksum_valid(outer.source(), outer.destination()));
    }
}
