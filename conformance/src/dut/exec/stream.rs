//! Datagrams over a stream, such as the serial line of a machine.

use std::io::{self, Read, Write};

use super::transport::{Transport, retry};

/// What begins a message in a stream.
const MARK: [u8; 4] = *b"NAm\n";

/// How far one side may be ahead of the other on a line that loses its way when much comes at once: a terminal holds
/// but so much, and User-mode Linux does not always wake up again after it was full.
const CREDIT: usize = 1024;
/// What the receiver says each time it has read as much.
const ON: u8 = b'+';

/// Who waits for whom on a slow line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dut) enum Pace {
    /// What is sent is taken at any speed.
    #[cfg(test)]
    Free,
    /// This side waits for the other after each [`CREDIT`] octets.
    Waits,
    /// This side tells the other to go on.
    Tells,
}

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
    pace: Pace,
    /// Octets that passed in the paced direction.
    passed: usize,
}

impl<R: Read, W: Write> Stream<R, W> {
    pub(in crate::dut) fn new(reader: R, writer: W, pace: Pace) -> Self {
        Self { reader, writer, pending: Vec::new(), unread: Vec::new(), taken: 0, pace, passed: 0 }
    }

    /// Reads on; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        let mut part = [0; 1 << 14];
        let len = retry(|| self.reader.read(&mut part))?;
        self.unread.extend_from_slice(&part[..len]);
        if self.pace == Pace::Tells {
            let before = self.passed / CREDIT;
            self.passed += len;
            for _ in before..self.passed / CREDIT {
                self.writer.write_all(&[ON])?;
            }
            self.writer.flush()?;
        }
        Ok(len > 0)
    }

    /// Waits until the other side has read all that was sent.
    fn await_credit(&mut self) -> io::Result<()> {
        let mut octet = [0];
        while octet[0] != ON {
            if retry(|| self.reader.read(&mut octet))? == 0 {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
        }
        Ok(())
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
        let pending = std::mem::take(&mut self.pending);
        let mut rest = &pending[..];
        while !rest.is_empty() {
            let room = if self.pace == Pace::Waits { CREDIT - self.passed % CREDIT } else { rest.len() };
            let (now, later) = rest.split_at(room.min(rest.len()));
            self.writer.write_all(now)?;
            self.writer.flush()?;
            rest = later;
            if self.pace == Pace::Waits {
                self.passed += now.len();
                if self.passed.is_multiple_of(CREDIT) {
                    self.await_credit()?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_keeps_boundaries_and_passes_over_what_was_said_before() {
        let mut there = Stream::new(io::empty(), Vec::new(), Pace::Free);
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
            let mut here = Stream::new(reader, io::sink(), Pace::Free);
            let (mut buffer, mut received) = (Vec::new(), Vec::new());
            while here.receive(&mut buffer).unwrap() {
                received.push(buffer.clone());
            }
            assert_eq!(received, [&b"one"[..], b"", b"three"]);
        }
    }

    #[test]
    fn nobody_is_ever_far_ahead_on_a_paced_line() {
        use std::os::unix::net::UnixStream;
        let (here, there) = UnixStream::pair().unwrap();
        let other = std::thread::spawn(move || {
            let mut stream = Stream::new(there.try_clone().unwrap(), there, Pace::Tells);
            let mut buffer = Vec::new();
            while stream.receive(&mut buffer).unwrap() {
                stream.send(&buffer).unwrap();
                stream.flush().unwrap();
            }
        });
        let mut stream = Stream::new(here.try_clone().unwrap(), here, Pace::Waits);
        let mut buffer = Vec::new();
        for len in [0, 1, CREDIT - 9, CREDIT - 8, CREDIT, 5 * CREDIT, 65_535] {
            let message: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            stream.send(&message).unwrap();
            stream.flush().unwrap();
            assert!(stream.receive(&mut buffer).unwrap());
            assert_eq!(buffer, message);
        }
        drop(stream);
        other.join().unwrap();
    }
}
