//! Datagrams over a stream, such as the serial line of a machine.

use std::io::{self, Read, Write};

use super::transport::{Transport, retry};

/// What begins a message in a stream.
const MARK: [u8; 4] = *b"NAm\n";

/// A stream of octets, where each message has a mark and its length before it.
///
/// What comes before the first mark is passed over: a console may have said something before.
pub(in crate::dut) struct Stream<R, W> {
    reader: R,
    writer: W,
    pending: Vec<u8>,
    unread: Vec<u8>,
    /// How much of `unread` was taken.
    taken: usize,
}

impl<R: Read, W: Write> Stream<R, W> {
    pub(in crate::dut) fn new(reader: R, writer: W) -> Self {
        Self { reader, writer, pending: Vec::new(), unread: Vec::new(), taken: 0 }
    }

    /// Reads on; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        let mut part = [0; 1 << 14];
        let len = retry(|| self.reader.read(&mut part))?;
        self.unread.extend_from_slice(&part[..len]);
        Ok(len > 0)
    }

    /// Takes a message if a whole one has come.
    fn message(&mut self, buffer: &mut Vec<u8>) -> bool {
        let unread = &self.unread[self.taken..];
        let Some(start) = unread.windows(MARK.len()).position(|octets| octets == MARK) else {
            return false;
        };
        let Some((len, rest)) = unread[start + MARK.len()..].split_first_chunk::<4>() else { return false };
        let Some(message) = rest.get(..u32::from_be_bytes(*len) as usize) else { return false };
        buffer.clear();
        buffer.extend_from_slice(message);
        self.taken += start + MARK.len() + 4 + message.len();
        if self.taken == self.unread.len() {
            self.unread.clear();
            self.taken = 0;
        }
        true
    }
}

impl<R: Read, W: Write> Transport for Stream<R, W> {
    fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        let len = u32::try_from(datagram.len()).map_err(io::Error::other)?;
        self.pending.extend_from_slice(&MARK);
        self.pending.extend_from_slice(&len.to_be_bytes());
        self.pending.extend_from_slice(datagram);
        Ok(())
    }

    fn receive(&mut self, buffer: &mut Vec<u8>) -> io::Result<bool> {
        while !self.message(buffer) {
            if !self.fill()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.write_all(&self.pending)?;
        self.pending.clear();
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_keeps_boundaries_and_passes_over_what_was_said_before() {
        let mut there = Stream::new(io::empty(), Vec::new());
        for message in [&b"one"[..], b"", b"three"] {
            there.send(message).unwrap();
        }
        there.flush().unwrap();
        let octets = [b"Booting...\r\nNA", &there.writer[..]].concat();
        // One octet at a time, as a slow line gives them.
        let slow = octets.iter().fold(Box::new(io::empty()) as Box<dyn Read>, |before, octet| {
            Box::new(before.chain(io::Cursor::new(vec![*octet])))
        });
        for reader in [Box::new(&octets[..]) as Box<dyn Read>, slow] {
            let mut here = Stream::new(reader, io::sink());
            let (mut buffer, mut received) = (Vec::new(), Vec::new());
            while here.receive(&mut buffer).unwrap() {
                received.push(buffer.clone());
            }
            assert_eq!(received, [&b"one"[..], b"", b"three"]);
        }
    }
}
