//! The datagrams of a capture in order: link header off, filtered, with what to do about cut-off packets.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use super::error::CaptureError;
use super::input::{CaptureReader, CutOff};
use super::link::{self, Datagram, LinkClass};
use super::skip::SkipReason;

/// Octets of an IPv4 header without options.
const HEADER_LEN: usize = 20;
/// Octets of the longest IPv4 datagram. RFC 791 §3.1.
const LONGEST: usize = 65_535;

/// What to do with a datagram that the capture does not hold as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Truncated {
    /// Count it and go on.
    #[default]
    Skip,
    /// Put zeros where the missing octets were, up to the length on the link.
    ZeroFill,
}

/// Which packets of a capture are taken, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaptureOptions {
    /// Filter expression of libpcap.
    pub filter: Option<String>,
    /// What becomes of datagrams that were cut off by the snapshot length.
    pub truncated: Truncated,
}

/// A packet of the capture: the datagram in it, or the reason why there is none to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival<'a> {
    /// Number in the file, from 1.
    pub packet: u64,
    /// Nanoseconds since the epoch, if known.
    pub time_ns: Option<i64>,
    /// The datagram with whatever trailed it, or the skip.
    pub datagram: Result<Datagram<'a>, SkipReason>,
}

/// Reads the datagrams of one file.
pub struct DatagramReader {
    reader: CaptureReader,
    truncated: Truncated,
    filled: Vec<u8>,
}

impl DatagramReader {
    /// Opens `path`.
    ///
    /// # Errors
    /// As [`CaptureReader::open`].
    pub fn open(path: &Path, options: &CaptureOptions) -> Result<Self, CaptureError> {
        let reader = CaptureReader::open(path, options.filter.as_deref())?;
        Ok(Self { reader, truncated: options.truncated, filled: Vec::new() })
    }

    /// The next packet; `None` after the last whole one.
    ///
    /// # Errors
    /// As [`CaptureReader::next`].
    #[expect(clippy::should_implement_trait, reason = "a lending iterator; `for` cannot drive it")]
    pub fn next(&mut self) -> Result<Option<Arrival<'_>>, CaptureError> {
        let Some(packet) = self.reader.next()? else { return Ok(None) };
        let (number, time_ns) = (packet.number, packet.time_ns);
        let missing = packet.original_len.saturating_sub(packet.octets.len() as u64);
        let found = match packet.is_selected {
            true => link::datagram(packet.link_type, packet.octets),
            false => Err(SkipReason::Filtered),
        };
        let datagram = found.and_then(|datagram| {
            if missing == 0 || is_whole(datagram.octets) {
                return Ok(datagram);
            }
            match self.truncated {
                Truncated::Skip => Err(SkipReason::TruncatedBySnaplen),
                Truncated::ZeroFill => {
                    let missing = usize::try_from(missing).unwrap_or(usize::MAX);
                    let len = datagram.octets.len().saturating_add(missing);
                    if len > LONGEST {
                        return Err(SkipReason::TooLong);
                    }
                    self.filled.clear();
                    self.filled.extend_from_slice(datagram.octets);
                    self.filled.resize(len, 0);
                    Ok(Datagram { octets: &self.filled, class: datagram.class })
                }
            }
        });
        let datagram = datagram.and_then(|datagram| match datagram.octets.len() {
            0..=LONGEST => Ok(datagram),
            _ => Err(SkipReason::TooLong),
        });
        Ok(Some(Arrival { packet: number, time_ns, datagram }))
    }

    /// Whether the file is cut off; known after the end.
    pub fn cut_off(&self) -> Option<&CutOff> {
        self.reader.cut_off()
    }
}

/// Whether nothing but trailing octets can be missing behind `octets`: the total length says that the datagram ends
/// among them.
fn is_whole(octets: &[u8]) -> bool {
    Header::of(octets)
        .is_some_and(|header| (HEADER_LEN..=octets.len()).contains(&usize::from(header.total_length)))
}

/// The fields of an IPv4 header that decide where a datagram goes. Nothing is validated but version and length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) total_length: u16,
    pub(super) source: Ipv4Addr,
    pub(super) destination: Ipv4Addr,
}

impl Header {
    /// `None` if there are not 20 octets or the version is not 4.
    pub(super) fn of(octets: &[u8]) -> Option<Self> {
        let header = octets.first_chunk::<HEADER_LEN>()?;
        if header[0] >> 4 != 4 {
            return None;
        }
        Some(Self {
            total_length: u16::from_be_bytes([header[2], header[3]]),
            source: Ipv4Addr::new(header[12], header[13], header[14], header[15]),
            destination: Ipv4Addr::new(header[16], header[17], header[18], header[19]),
        })
    }
}

/// A file and how to read it, which the passes over it share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) options: CaptureOptions,
}

impl Source {
    pub(super) fn open(&self) -> Result<DatagramReader, CaptureError> {
        DatagramReader::open(&self.path, &self.options)
    }
}

/// Whether a frame of this class needs a link layer in the scenario to be told apart.
pub(super) fn needs_link(class: LinkClass) -> bool {
    class != LinkClass::Unicast
}
