//! `.pcap` files, read by libpcap.

use std::path::{Path, PathBuf};

use pcap::{Capture, Offline, Precision};

use super::super::error::CaptureError;
use super::{CutOff, RawPacket, malformed};

/// Octets of the file header, and of the header before each packet.
const FILE_HEADER_LEN: u64 = 24;
const PACKET_HEADER_LEN: u64 = 16;

/// One open `.pcap` file.
pub(super) struct PcapFile {
    path: PathBuf,
    capture: Capture<Offline>,
    link_type: u32,
    /// Packets read so far.
    packets: u64,
    /// Offset of the next packet header, as the standard format lays packets out.
    offset: u64,
    cut_off: Option<CutOff>,
    has_failed: bool,
}

impl PcapFile {
    /// Opens `path`, whose magic number was seen to be one of pcap.
    pub(super) fn open(path: &Path) -> Result<Self, CaptureError> {
        let path = path.to_owned();
        let capture = Capture::from_file_with_precision(&path, Precision::Nano)
            .map_err(|error| malformed(&path, 0, 1, text(error)))?;
        let link_type = u32::try_from(capture.get_datalink().0).unwrap_or(u32::MAX);
        Ok(Self {
            path,
            capture,
            link_type,
            packets: 0,
            offset: FILE_HEADER_LEN,
            cut_off: None,
            has_failed: false,
        })
    }

    pub(super) fn next_packet(&mut self) -> Result<Option<RawPacket<'_>>, CaptureError> {
        if self.has_failed || self.cut_off.is_some() {
            return Ok(None);
        }
        let number = self.packets + 1;
        match self.capture.next_packet() {
            Ok(packet) => {
                self.packets = number;
                self.offset += PACKET_HEADER_LEN + u64::from(packet.header.caplen);
                // With nanosecond precision libpcap puts nanoseconds where the name says microseconds.
                let (seconds, nanoseconds) = (packet.header.ts.tv_sec, packet.header.ts.tv_usec);
                Ok(Some(RawPacket {
                    number,
                    link_type: self.link_type,
                    time_ns: Some(seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)),
                    octets: packet.data,
                    original_len: u64::from(packet.header.len),
                }))
            }
            Err(pcap::Error::NoMorePackets) => Ok(None),
            Err(error) => {
                let what = text(error);
                // libpcap has no error codes; this is how its two messages about a short file begin.
                if what.starts_with("truncated dump file") {
                    self.cut_off = Some(CutOff { offset: self.offset, packet: number, what });
                    return Ok(None);
                }
                self.has_failed = true;
                Err(malformed(&self.path, self.offset, number, what))
            }
        }
    }

    pub(super) fn cut_off(&self) -> Option<&CutOff> {
        self.cut_off.as_ref()
    }
}

/// libpcap's message without the wrapping of the crate.
fn text(error: pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(text) => text,
        other => other.to_string(),
    }
}
