//! pcapng blocks as octets, little-endian.

use std::io::{self, Write};

/// Option codes of the blocks that are written.
pub(super) const COMMENT: u16 = 1;
pub(super) const USER_APPLICATION: u16 = 4;
pub(super) const INTERFACE_NAME: u16 = 2;
pub(super) const TIME_RESOLUTION: u16 = 9;
pub(super) const PACKET_FLAGS: u16 = 2;

/// Direction in the packet flags.
pub(super) const INBOUND: u32 = 1;
pub(super) const OUTBOUND: u32 = 2;

/// A block under construction; the buffer is reused.
#[derive(Debug, Default)]
pub(super) struct Block(Vec<u8>);

impl Block {
    /// Begins a block of this type.
    pub(super) fn begin(&mut self, block_type: u32) -> &mut Self {
        self.0.clear();
        // The length is filled in at the end.
        self.word(block_type).word(0)
    }

    pub(super) fn word(&mut self, value: u32) -> &mut Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(super) fn half(&mut self, value: u16) -> &mut Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    /// Octets, filled up to a multiple of four.
    pub(super) fn octets(&mut self, octets: &[u8]) -> &mut Self {
        self.0.extend_from_slice(octets);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// An option. Its value has at most 65535 octets, which the caller sees to.
    pub(super) fn option(&mut self, code: u16, value: &[u8]) -> &mut Self {
        self.half(code).half(value.len() as u16).octets(value)
    }

    /// Ends the options and writes the block out.
    pub(super) fn end(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.word(0);
        let length = self.0.len() as u32 + 4;
        self.0[4..8].copy_from_slice(&length.to_le_bytes());
        self.word(length);
        out.write_all(&self.0)
    }
}
