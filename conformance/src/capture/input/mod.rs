//! Streaming readers for capture files: `.pcap` through libpcap, pcapng through `pcap-parser`.
//!
//! One packet is held at a time, so memory does not grow with the file. A file that ends inside a packet gives all
//! packets before it, and [`CaptureReader::cut_off`] says what is lost; octets that break the format are an error
//! that names the packet and the offset.

mod filter;
mod pcap_file;
pub(crate) mod pcapng;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::error::CaptureError;
use filter::Filter;
use pcap_file::PcapFile;
use pcapng::PcapngFile;

/// One packet of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Its number in the file, counted from 1 as Wireshark does.
    pub number: u64,
    /// Link type of the interface it was captured on, by its number in capture files.
    pub link_type: u32,
    /// Nanoseconds since the epoch, as far as 64 bits reach; `None` where the file does not tell (a Simple Packet Block).
    pub time_ns: Option<i64>,
    /// The octets that were captured.
    pub octets: &'a [u8],
    /// How many octets the packet had on the link. Files may claim less than was captured; that is no truncation.
    pub original_len: u64,
    /// Whether the packet filter selects it; true without a filter.
    pub is_selected: bool,
}

/// Where and how a file ends before its last packet is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutOff {
    /// Offset in octets at which the incomplete part begins.
    pub offset: u64,
    /// Number of the packet that would have come next.
    pub packet: u64,
    /// What is missing.
    pub what: String,
}

impl std::fmt::Display for CutOff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the file is cut off at offset {} before packet {} is whole: {}",
            self.offset, self.packet, self.what
        )
    }
}

enum Format {
    Pcap(PcapFile),
    Pcapng(PcapngFile<Box<dyn Read>>),
}

/// Reads the packets of one capture file in order.
pub struct CaptureReader {
    format: Format,
    filter: Option<Filter>,
}

/// What a format reader takes from a file, before the filter.
struct RawPacket<'a> {
    number: u64,
    link_type: u32,
    time_ns: Option<i64>,
    octets: &'a [u8],
    original_len: u64,
}

impl CaptureReader {
    /// Opens `path` and recognizes its format by its first octets.
    ///
    /// `filter` is a libpcap filter expression (`icmp or udp port 53`). Packets it does not select are read all the
    /// same and marked, so that packet numbers stay those of the file.
    ///
    /// # Errors
    /// If the file cannot be read or is no capture. A filter is compiled at the first packet of each link type.
    pub fn open(path: &Path, filter: Option<&str>) -> Result<Self, CaptureError> {
        let io = |source| CaptureError::Io { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(io)?;
        let mut magic = Vec::with_capacity(4);
        file.by_ref().take(4).read_to_end(&mut magic).map_err(io)?;
        let format = match magic[..] {
            [0x0a, 0x0d, 0x0d, 0x0a] => {
                let octets = std::io::Cursor::new(magic).chain(file);
                Format::Pcapng(PcapngFile::new(path, Box::new(octets)))
            }
            _ if is_pcap(&magic) => Format::Pcap(PcapFile::open(path)?),
            _ => {
                return Err(CaptureError::NotACapture {
                    path: path.to_owned(),
                    begins: hex_or_nothing(&magic),
                });
            }
        };
        Ok(Self { format, filter: filter.map(Filter::new) })
    }

    /// The next packet; `None` after the last whole one.
    ///
    /// # Errors
    /// If the file breaks its format or the filter cannot be compiled. There is no next packet then.
    // Not an iterator: the packet borrows the reader's buffer.
    #[expect(clippy::should_implement_trait, reason = "a lending iterator; `for` cannot drive it")]
    pub fn next(&mut self) -> Result<Option<Packet<'_>>, CaptureError> {
        let raw = match &mut self.format {
            Format::Pcap(file) => file.next_packet()?,
            Format::Pcapng(file) => file.next_packet()?,
        };
        let Some(RawPacket { number, link_type, time_ns, octets, original_len }) = raw else {
            return Ok(None);
        };
        let is_selected = match &mut self.filter {
            Some(filter) => filter.selects(link_type, octets)?,
            None => true,
        };
        Ok(Some(Packet { number, link_type, time_ns, octets, original_len, is_selected }))
    }

    /// Whether the file turned out to be cut off. Known once [`CaptureReader::next`] gave `None`.
    pub fn cut_off(&self) -> Option<&CutOff> {
        match &self.format {
            Format::Pcap(file) => file.cut_off(),
            Format::Pcapng(file) => file.cut_off(),
        }
    }
}

/// The magic numbers that libpcap takes: microseconds, nanoseconds, and two modified formats, in both byte orders.
fn is_pcap(magic: &[u8]) -> bool {
    let Some(magic) = magic.first_chunk::<4>() else { return false };
    let number = u32::from_be_bytes(*magic);
    [number, number.swap_bytes()]
        .iter()
        .any(|number| matches!(number, 0xa1b2_c3d4 | 0xa1b2_3c4d | 0xa1b2_cd34))
}

/// What stands in an error message about a file that begins so.
fn hex_or_nothing(octets: &[u8]) -> String {
    match octets {
        [] => return "nothing".to_owned(),
        [0x1f, 0x8b, ..] => return "the magic number of gzip; unpack it first".to_owned(),
        _ => {}
    }
    octets.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join(" ")
}

/// The error for a broken format.
fn malformed(path: &Path, offset: u64, packet: u64, what: impl Into<String>) -> CaptureError {
    CaptureError::Malformed { path: path.to_owned(), offset, packet, what: what.into() }
}

#[cfg(test)]
mod tests;
