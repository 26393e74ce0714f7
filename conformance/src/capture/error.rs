//! What can be wrong with a capture file. Never a statement about a packet's contents.

use std::io;
use std::path::PathBuf;

/// Why a capture cannot be read, or not any further.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file cannot be opened or read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// How it failed.
        source: io::Error,
    },
    /// The file is neither pcap nor pcapng.
    #[error("{}: neither a pcap nor a pcapng file: it begins with {begins}", path.display())]
    NotACapture {
        /// The file.
        path: PathBuf,
        /// Its first octets in hexadecimal, or `nothing`.
        begins: String,
    },
    /// The file is no trace file of netassay.
    #[error("{}: not a trace file of netassay", path.display())]
    NotATrace {
        /// The file.
        path: PathBuf,
    },
    /// The file breaks its format. Packets before this one were whole.
    #[error("{}: offset {offset}, packet {packet}: {what}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where in the file, in octets from its start.
        offset: u64,
        /// The packet that cannot be read, counted from 1.
        packet: u64,
        /// What is wrong.
        what: String,
    },
    /// The packet filter is not one, or not for this link type.
    #[error("filter `{filter}` for link type {link_type}: {why}")]
    Filter {
        /// The filter as given.
        filter: String,
        /// Link type it was to be compiled for.
        link_type: u32,
        /// What libpcap says.
        why: String,
    },
}
