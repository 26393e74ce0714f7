//! pcapng files: sections of either byte order, several interfaces, enhanced, simple and obsolete packet blocks.
//!
//! Blocks are framed here, one at a time, so that a file that lies about a length costs no memory and every error has
//! its offset; `pcap-parser` decodes what stands inside a block.

use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use pcap_parser::pcapng::{Block, InterfaceDescriptionBlock, OptionCode, parse_block_be, parse_block_le};
use pcap_parser::traits::PcapNGPacketBlock;

use super::super::error::CaptureError;
use super::{CutOff, RawPacket, malformed};

/// A block longer than this cannot be a packet or an interface and is passed over.
const LARGEST_BLOCK: u64 = 16 << 20;
/// Block type, length at both ends.
const SMALLEST_BLOCK: u64 = 12;
/// More interfaces in one section than this is taken for garbage.
const MOST_INTERFACES: usize = 65_536;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
const OBSOLETE_PACKET: u32 = 2;

/// Frames and decodes the blocks of a pcapng file.
pub(crate) struct BlockReader<R> {
    path: PathBuf,
    source: BufReader<R>,
    block: Vec<u8>,
    /// Offset of the block to come.
    offset: u64,
    /// Packets seen so far; the user of the blocks counts them.
    packets: u64,
    is_big_endian: bool,
    cut_off: Option<CutOff>,
    has_failed: bool,
}

impl<R: Read> BlockReader<R> {
    pub(crate) fn new(path: &Path, source: R) -> Self {
        Self {
            path: path.to_owned(),
            source: BufReader::with_capacity(1 << 16, source),
            block: Vec::new(),
            offset: 0,
            packets: 0,
            is_big_endian: false,
            cut_off: None,
            has_failed: false,
        }
    }

    /// The next block; `None` after the last whole one.
    pub(crate) fn next_block(&mut self) -> Result<Option<Block<'_>>, CaptureError> {
        if self.has_failed || self.cut_off.is_some() {
            return Ok(None);
        }
        match self.frame_block() {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) => {
                self.has_failed = true;
                return Err(error);
            }
        }
        let start = self.offset - self.block.len() as u64;
        let parsed =
            if self.is_big_endian { parse_block_be(&self.block) } else { parse_block_le(&self.block) };
        match parsed {
            Ok((_, block)) => Ok(Some(block)),
            Err(_) => {
                self.has_failed = true;
                Err(malformed(
                    &self.path,
                    start,
                    self.packets + 1,
                    "the block's contents do not fit its length",
                ))
            }
        }
    }

    /// Reads one block of a size that is looked at into the buffer. False at the end of the file.
    fn frame_block(&mut self) -> Result<bool, CaptureError> {
        loop {
            self.block.clear();
            if !self.fill(8)? {
                return Ok(false);
            }
            let is_section = u32::from_be_bytes(self.array(0)) == SECTION_HEADER;
            if is_section {
                if !self.fill(12)? {
                    return Ok(false);
                }
                self.is_big_endian = match u32::from_be_bytes(self.array(8)) {
                    BYTE_ORDER_MAGIC => true,
                    magic if magic.swap_bytes() == BYTE_ORDER_MAGIC => false,
                    magic => return Err(self.broken(format!("{magic:#010x} is not a byte-order magic"))),
                };
            } else if self.offset == 0 {
                return Err(self.broken("the file does not begin with a section header"));
            }
            let length = u64::from(self.number(4));
            if length < SMALLEST_BLOCK || length % 4 != 0 {
                return Err(self.broken(format!("a block of {length} octets")));
            }
            if length > LARGEST_BLOCK {
                if !self.pass_over(length)? {
                    return Ok(false);
                }
                continue;
            }
            if !self.fill(length)? {
                return Ok(false);
            }
            let trailer = u64::from(self.number(self.block.len() - 4));
            if trailer != length {
                return Err(self.broken(format!("a block of {length} octets that ends as one of {trailer}")));
            }
            self.offset += length;
            return Ok(true);
        }
    }

    /// Reads until the buffer holds `len` octets. False if the file ends before; then the loss is noted.
    fn fill(&mut self, len: u64) -> Result<bool, CaptureError> {
        let missing = len - self.block.len() as u64;
        let read = self.source.by_ref().take(missing).read_to_end(&mut self.block);
        let read = read.map_err(|source| CaptureError::Io { path: self.path.clone(), source })? as u64;
        if read < missing && !self.block.is_empty() {
            self.note_cut_off(len, self.block.len() as u64);
        }
        Ok(read == missing)
    }

    /// Leaves a huge block unread, if it cannot be a packet. False if the file ends inside it.
    fn pass_over(&mut self, length: u64) -> Result<bool, CaptureError> {
        let block_type = self.number(0);
        if matches!(block_type, SECTION_HEADER | 1 | OBSOLETE_PACKET | 3 | 6) {
            return Err(self.broken(format!("a block of type {block_type} with {length} octets")));
        }
        let missing = length - self.block.len() as u64;
        let passed = io::copy(&mut self.source.by_ref().take(missing), &mut io::sink());
        let passed = passed.map_err(|source| CaptureError::Io { path: self.path.clone(), source })?;
        if passed < missing {
            self.note_cut_off(length, length - missing + passed);
            return Ok(false);
        }
        self.offset += length;
        Ok(true)
    }

    fn note_cut_off(&mut self, needed: u64, available: u64) {
        let what = format!("{needed} octets of a block are needed, {available} are there");
        self.cut_off = Some(CutOff { offset: self.offset, packet: self.packets + 1, what });
    }

    /// The error for the block that begins at the current offset, or that was the last. Nothing is read after it.
    pub(crate) fn broken(&mut self, what: impl Into<String>) -> CaptureError {
        self.has_failed = true;
        malformed(&self.path, self.offset, self.packets + 1, what)
    }

    fn array(&self, at: usize) -> [u8; 4] {
        // Callers filled the buffer beyond `at + 4` before.
        [self.block[at], self.block[at + 1], self.block[at + 2], self.block[at + 3]]
    }

    fn number(&self, at: usize) -> u32 {
        if self.is_big_endian {
            u32::from_be_bytes(self.array(at))
        } else {
            u32::from_le_bytes(self.array(at))
        }
    }

    /// Tells how many packets were taken from the blocks, for messages.
    pub(crate) fn set_packets(&mut self, packets: u64) {
        self.packets = packets;
    }

    pub(crate) fn cut_off(&self) -> Option<&CutOff> {
        self.cut_off.as_ref()
    }
}

/// What is remembered of an interface.
#[derive(Clone, Copy, Debug)]
struct InterfaceInfo {
    link_type: u32,
    snaplen: u32,
    ticks: Ticks,
}

/// How an interface counts time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ticks {
    per_second: u128,
    offset_s: i64,
}

impl Ticks {
    /// `ticks` as nanoseconds since the epoch, as far as 64 bits reach.
    fn nanoseconds(self, high: u32, low: u32) -> i64 {
        let ticks = u128::from(high) << 32 | u128::from(low);
        let nanoseconds = ticks * 1_000_000_000 / self.per_second;
        let nanoseconds = i64::try_from(nanoseconds).unwrap_or(i64::MAX);
        self.offset_s.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
    }
}

/// One open pcapng file.
pub(super) struct PcapngFile<R> {
    blocks: BlockReader<R>,
    /// Those of the current section.
    interfaces: Vec<InterfaceInfo>,
    packets: u64,
    packet: Vec<u8>,
}

/// The header of a packet whose octets are in the buffer.
struct PacketHeader {
    interface: usize,
    ticks: Option<(u32, u32)>,
    original_len: u64,
}

impl<R: Read> PcapngFile<R> {
    pub(super) fn new(path: &Path, source: R) -> Self {
        Self {
            blocks: BlockReader::new(path, source),
            interfaces: Vec::new(),
            packets: 0,
            packet: Vec::new(),
        }
    }

    pub(super) fn next_packet(&mut self) -> Result<Option<RawPacket<'_>>, CaptureError> {
        loop {
            self.blocks.set_packets(self.packets);
            let is_big_endian = self.blocks.is_big_endian;
            // `pcap-parser` leaves the type of a block it does not know in little-endian order.
            let obsolete = if is_big_endian { OBSOLETE_PACKET.swap_bytes() } else { OBSOLETE_PACKET };
            let Some(block) = self.blocks.next_block()? else { return Ok(None) };
            let header = match block {
                Block::SectionHeader(_) => {
                    self.interfaces.clear();
                    continue;
                }
                Block::InterfaceDescription(interface) => {
                    // An option's octets are in the order of the section, which is known before its first interface.
                    self.interfaces.push(interface_info(&interface, is_big_endian));
                    if self.interfaces.len() > MOST_INTERFACES {
                        return Err(self.blocks.broken("more interfaces than a capture has"));
                    }
                    continue;
                }
                Block::EnhancedPacket(packet) => {
                    self.packet.clear();
                    self.packet.extend_from_slice(packet.packet_data());
                    PacketHeader {
                        interface: packet.if_id as usize,
                        ticks: Some((packet.ts_high, packet.ts_low)),
                        original_len: u64::from(packet.origlen),
                    }
                }
                Block::SimplePacket(packet) => {
                    let snaplen = self.interfaces.first().map_or(0, |interface| interface.snaplen);
                    simple_packet(packet.data, packet.origlen, snaplen, &mut self.packet)
                }
                Block::Unknown(block) if block.block_type == obsolete => {
                    match obsolete_packet(block.data, is_big_endian, &mut self.packet) {
                        Some(header) => header,
                        None => return Err(self.blocks.broken("an obsolete packet block that is too short")),
                    }
                }
                _ => continue,
            };
            return self.finish(&header).map(Some);
        }
    }

    fn finish(&mut self, header: &PacketHeader) -> Result<RawPacket<'_>, CaptureError> {
        let Some(interface) = self.interfaces.get(header.interface) else {
            let what = format!(
                "a packet of interface {}, but the section has {}",
                header.interface,
                self.interfaces.len()
            );
            return Err(self.blocks.broken(what));
        };
        self.packets += 1;
        Ok(RawPacket {
            number: self.packets,
            link_type: interface.link_type,
            time_ns: header.ticks.map(|(high, low)| interface.ticks.nanoseconds(high, low)),
            octets: &self.packet,
            original_len: header.original_len,
        })
    }

    pub(super) fn cut_off(&self) -> Option<&CutOff> {
        self.blocks.cut_off()
    }
}

/// A simple packet block has no captured length: it follows from the snapshot length of the first interface.
fn simple_packet(data: &[u8], original_len: u32, snaplen: u32, packet: &mut Vec<u8>) -> PacketHeader {
    let limit = if snaplen == 0 { u32::MAX } else { snaplen };
    let captured = (original_len.min(limit) as usize).min(data.len());
    packet.clear();
    packet.extend_from_slice(&data[..captured]);
    PacketHeader { interface: 0, ticks: None, original_len: u64::from(original_len) }
}

/// The packet block that the enhanced one replaced: interface, drop count, time, lengths, octets.
fn obsolete_packet(data: &[u8], is_big_endian: bool, packet: &mut Vec<u8>) -> Option<PacketHeader> {
    let (header, octets) = data.split_first_chunk::<20>()?;
    let word = |at: usize| {
        let octets = [header[at], header[at + 1], header[at + 2], header[at + 3]];
        if is_big_endian { u32::from_be_bytes(octets) } else { u32::from_le_bytes(octets) }
    };
    let interface = [header[0], header[1]];
    let interface = if is_big_endian { u16::from_be_bytes(interface) } else { u16::from_le_bytes(interface) };
    packet.clear();
    packet.extend_from_slice(octets.get(..word(12) as usize)?);
    Some(PacketHeader {
        interface: usize::from(interface),
        ticks: Some((word(4), word(8))),
        original_len: u64::from(word(16)),
    })
}

fn interface_info(block: &InterfaceDescriptionBlock<'_>, is_big_endian: bool) -> InterfaceInfo {
    let mut ticks = Ticks { per_second: 1_000_000, offset_s: 0 };
    for option in &block.options {
        let Ok(value) = option.as_bytes() else { continue };
        match (option.code, value) {
            (OptionCode::IfTsresol, [resolution, ..]) => ticks.per_second = ticks_per_second(*resolution),
            (OptionCode::IfTsoffset, value) => {
                if let Some(octets) = value.first_chunk::<8>() {
                    let offset =
                        if is_big_endian { i64::from_be_bytes(*octets) } else { i64::from_le_bytes(*octets) };
                    ticks.offset_s = offset;
                }
            }
            _ => {}
        }
    }
    InterfaceInfo { link_type: block.linktype.0.cast_unsigned(), snaplen: block.snaplen, ticks }
}

/// The `if_tsresol` option: a negative power of ten, or of two where the highest bit is set. Powers that no clock has
/// are taken as the largest that is computed with.
fn ticks_per_second(resolution: u8) -> u128 {
    match resolution & 0x7f {
        power if resolution & 0x80 != 0 => 1 << power.min(64),
        power => 10_u128.pow(u32::from(power.min(19))),
    }
}
