//! Files for tests: pcap and pcapng octets written by hand, and a file that removes itself.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A path in the folder for temporary files that nobody else has.
fn fresh_path() -> PathBuf {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("netassay-test-{}-{number}", std::process::id()))
}

/// A file in the folder for temporary files that is gone when the value is.
pub(crate) struct TestFile(PathBuf);

impl TestFile {
    pub(crate) fn new(octets: &[u8]) -> Self {
        let path = fresh_path();
        std::fs::write(&path, octets).expect("the folder for temporary files can be written");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A folder in the folder for temporary files that is gone with its contents when the value is.
pub(crate) struct TestFolder(PathBuf);

impl TestFolder {
    pub(crate) fn new() -> Self {
        let path = fresh_path();
        std::fs::create_dir(&path).expect("the folder for temporary files can be written");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TestFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Numbers in the byte order of the file under construction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub(crate) big: bool,
}

impl Order {
    pub(crate) fn word(self, value: u32) -> [u8; 4] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    pub(crate) fn half(self, value: u16) -> [u8; 2] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    /// A `.pcap` file header with the given magic number.
    pub(crate) fn pcap_header(self, magic: u32, link_type: u32) -> Vec<u8> {
        let mut file = self.word(magic).to_vec();
        file.extend(self.half(2));
        file.extend(self.half(4));
        for value in [0, 0, 262_144, link_type] {
            file.extend(self.word(value));
        }
        file
    }

    /// A `.pcap` packet.
    pub(crate) fn pcap_packet(
        self,
        seconds: u32,
        fraction: u32,
        octets: &[u8],
        original_len: u32,
    ) -> Vec<u8> {
        let mut packet = Vec::new();
        for value in [seconds, fraction, octets.len() as u32, original_len] {
            packet.extend(self.word(value));
        }
        packet.extend(octets);
        packet
    }

    /// A pcapng block around `body`, which is filled up to four octets.
    pub(crate) fn block(self, block_type: u32, body: &[u8]) -> Vec<u8> {
        let padded = body.len().next_multiple_of(4);
        let length = (padded + 12) as u32;
        let mut block = self.word(block_type).to_vec();
        block.extend(self.word(length));
        block.extend(body);
        block.resize(8 + padded, 0);
        block.extend(self.word(length));
        block
    }

    /// A pcapng section header.
    pub(crate) fn section(self) -> Vec<u8> {
        let mut body = self.word(0x1a2b_3c4d).to_vec();
        body.extend(self.half(1));
        body.extend(self.half(0));
        body.extend([0xff; 8]);
        self.block(0x0a0d_0d0a, &body)
    }

    /// A pcapng interface; `options` as (code, value).
    pub(crate) fn interface(self, link_type: u16, snaplen: u32, options: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = self.half(link_type).to_vec();
        body.extend(self.half(0));
        body.extend(self.word(snaplen));
        for (code, value) in options {
            body.extend(self.half(*code));
            body.extend(self.half(value.len() as u16));
            body.extend(*value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        self.block(1, &body)
    }

    /// A pcapng enhanced packet.
    pub(crate) fn enhanced(self, interface: u32, ticks: u64, octets: &[u8], original_len: u32) -> Vec<u8> {
        let mut body = Vec::new();
        for value in [interface, (ticks >> 32) as u32, ticks as u32, octets.len() as u32, original_len] {
            body.extend(self.word(value));
        }
        body.extend(octets);
        self.block(6, &body)
    }

    /// A pcapng simple packet.
    pub(crate) fn simple(self, octets: &[u8], original_len: u32) -> Vec<u8> {
        let mut body = self.word(original_len).to_vec();
        body.extend(octets);
        self.block(3, &body)
    }
}
