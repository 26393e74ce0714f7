//! pcapng blocks as octets, little-endian. Annotated captures are made of them as well as trace files.

use std::io::{self, Write};

use crate::model::{Interface, LinkKind};

/// Option codes of the blocks that are written.
pub(crate) const COMMENT: u16 = 1;
pub(crate) const USER_APPLICATION: u16 = 4;
const INTERFACE_NAME: u16 = 2;
#[cfg(feature = "command")]
pub(crate) const INTERFACE_DESCRIPTION: u16 = 3;
const TIME_RESOLUTION: u16 = 9;
pub(crate) const PACKET_FLAGS: u16 = 2;

/// Octets of a comment beyond which the next one is begun. A comment has at most 65535.
const FULL_COMMENT: usize = 60_000;
const LONGEST_COMMENT: usize = 65_535;

/// Link types of interfaces.
const ETHERNET: u16 = 1;
const RAW_IP: u16 = 101;
/// For private use; nothing decodes the empty packets of an interface that carries steps that are no frames.
pub(crate) const USER_0: u16 = 147;

/// Direction in the packet flags.
pub(crate) const INBOUND: u32 = 1;
pub(crate) const OUTBOUND: u32 = 2;

/// A block under construction; the buffer is reused.
#[derive(Debug, Default)]
pub(crate) struct Block(Vec<u8>);

impl Block {
    /// Begins the block that opens a file.
    pub(crate) fn section(&mut self) -> &mut Self {
        self.begin(0x0a0d_0d0a).word(0x1a2b_3c4d).half(1).half(0).word(u32::MAX).word(u32::MAX)
    }

    /// Begins an interface with times in nanoseconds.
    pub(crate) fn interface(&mut self, link_type: u16, name: &str) -> &mut Self {
        self.begin(1).half(link_type).half(0).word(0);
        self.option(INTERFACE_NAME, name.as_bytes()).option(TIME_RESOLUTION, &[9])
    }

    /// Begins a packet that passed the `interface`th interface `ticks` nanoseconds into the trace.
    pub(crate) fn packet(
        &mut self,
        interface: usize,
        ticks: u64,
        frame: &[u8],
        direction: u32,
    ) -> io::Result<&mut Self> {
        let len = u32::try_from(frame.len()).map_err(|_| invalid("a frame of more than 4 GiB"))?;
        self.begin(6).word(interface as u32).word((ticks >> 32) as u32).word(ticks as u32);
        self.word(len).word(len).octets(frame);
        Ok(self.option(PACKET_FLAGS, &direction.to_le_bytes()))
    }

    /// Adds lines as few comments, each beginning with `prefix`.
    pub(crate) fn comments<'a>(
        &mut self,
        prefix: &str,
        lines: impl Iterator<Item = &'a str>,
    ) -> io::Result<&mut Self> {
        let mut comment = String::new();
        for line in lines {
            if prefix.len() + line.len() > LONGEST_COMMENT {
                return Err(invalid("a line of text that no comment can hold"));
            }
            if !comment.is_empty() && comment.len() + 1 + line.len() > FULL_COMMENT {
                self.option(COMMENT, comment.as_bytes());
                comment.clear();
            }
            comment.push_str(if comment.is_empty() { prefix } else { "\n" });
            comment.push_str(line);
        }
        if !comment.is_empty() {
            self.option(COMMENT, comment.as_bytes());
        }
        Ok(self)
    }

    /// Begins a block of this type.
    pub(crate) fn begin(&mut self, block_type: u32) -> &mut Self {
        self.0.clear();
        // The length is filled in at the end.
        self.word(block_type).word(0)
    }

    pub(crate) fn word(&mut self, value: u32) -> &mut Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn half(&mut self, value: u16) -> &mut Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    /// Octets, filled up to a multiple of four.
    pub(crate) fn octets(&mut self, octets: &[u8]) -> &mut Self {
        self.0.extend_from_slice(octets);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// An option. Its value has at most 65535 octets, which the caller sees to.
    pub(crate) fn option(&mut self, code: u16, value: &[u8]) -> &mut Self {
        self.half(code).half(value.len() as u16).octets(value)
    }

    /// Ends the options and writes the block out.
    pub(crate) fn end(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.word(0);
        let length = self.0.len() as u32 + 4;
        self.0[4..8].copy_from_slice(&length.to_le_bytes());
        self.word(length);
        out.write_all(&self.0)
    }
}

/// The link type of an interface of a scenario.
pub(crate) fn link_type(interface: &Interface) -> u16 {
    match interface.link {
        LinkKind::Ip => RAW_IP,
        LinkKind::Ethernet => ETHERNET,
    }
}

pub(crate) fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("a trace file cannot hold {what}"))
}
