//! Netlink: messages as octets, requests with their acknowledgments, dumps.
//!
//! A page of code serves rtnetlink and ctnetlink alike; the crates that wrap rtnetlink bring an async runtime and
//! hundreds of message types for the dozen that a scenario needs.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::sys::socket;

/// `NLM_F_REQUEST`.
const REQUEST: u16 = 0x001;
/// `NLM_F_ACK`.
const ACKNOWLEDGE: u16 = 0x004;
/// `NLM_F_DUMP`.
const DUMP: u16 = 0x300;
/// `NLM_F_CREATE | NLM_F_EXCL`: make it, and fail if it is there.
pub(super) const CREATE: u16 = 0x600;
/// `NLMSG_ERROR`.
const ERROR: u16 = 2;
/// `NLMSG_DONE`.
const DONE: u16 = 3;
/// Octets of `struct nlmsghdr`.
const HEADER: usize = 16;

/// A message being written: header, the family's own header, attributes.
#[derive(Clone, Debug)]
pub(super) struct Message(Vec<u8>);

impl Message {
    /// A message of type `kind` that starts with the family's header `body`.
    pub(super) fn new(kind: u16, flags: u16, body: &[u8]) -> Self {
        let mut octets = vec![0; HEADER];
        octets[4..6].copy_from_slice(&kind.to_ne_bytes());
        octets[6..8].copy_from_slice(&(flags | REQUEST).to_ne_bytes());
        octets.extend_from_slice(body);
        Self(octets)
    }

    /// Adds an attribute.
    #[must_use]
    pub(super) fn attribute(mut self, kind: u16, data: &[u8]) -> Self {
        self.0.extend_from_slice(&((4 + data.len()) as u16).to_ne_bytes());
        self.0.extend_from_slice(&kind.to_ne_bytes());
        self.0.extend_from_slice(data);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// Adds a text attribute with its terminating zero.
    #[must_use]
    pub(super) fn text(self, kind: u16, text: &str) -> Self {
        let mut octets = text.as_bytes().to_vec();
        octets.push(0);
        self.attribute(kind, &octets)
    }

    /// Adds an attribute that holds what `fill` adds.
    #[must_use]
    pub(super) fn nest(self, kind: u16, fill: impl FnOnce(Self) -> Self) -> Self {
        let start = self.0.len();
        let mut message = fill(self.attribute(kind, &[]));
        let len = (message.0.len() - start) as u16;
        message.0[start..start + 2].copy_from_slice(&len.to_ne_bytes());
        message
    }

    /// Adds octets that are no attribute.
    #[must_use]
    pub(super) fn raw(mut self, octets: &[u8]) -> Self {
        self.0.extend_from_slice(octets);
        self
    }

    /// The finished message, numbered and with more flags.
    fn finish(mut self, sequence: u32, flags: u16) -> Vec<u8> {
        let all = u16::from_ne_bytes([self.0[6], self.0[7]]) | flags;
        self.0[6..8].copy_from_slice(&all.to_ne_bytes());
        let len = self.0.len() as u32;
        self.0[..4].copy_from_slice(&len.to_ne_bytes());
        self.0[8..12].copy_from_slice(&sequence.to_ne_bytes());
        self.0
    }
}

/// A netlink socket.
#[derive(Debug)]
pub(super) struct Netlink {
    socket: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Netlink {
    /// Wraps an open netlink socket.
    pub(super) fn new(socket: OwnedFd) -> Self {
        Self { socket, sequence: 0, buffer: vec![0; 1 << 16] }
    }

    /// Sends `message` and waits for the kernel's acknowledgment.
    pub(super) fn request(&mut self, message: Message) -> io::Result<()> {
        self.exchange(message, ACKNOWLEDGE, |_| ())
    }

    /// Sends `message` and hands every message of the answer to `each`.
    pub(super) fn query(&mut self, message: Message, each: impl FnMut(Part<'_>)) -> io::Result<()> {
        self.exchange(message, ACKNOWLEDGE, each)
    }

    /// Like [`Netlink::query`] for a whole table.
    pub(super) fn dump(&mut self, message: Message, each: impl FnMut(Part<'_>)) -> io::Result<()> {
        self.exchange(message, DUMP, each)
    }

    /// Sends `message`, to which there is one message as an answer, and gives back what `read` makes of it; `None` if what it
    /// asks for is not there.
    pub(super) fn ask<T>(
        &mut self,
        message: Message,
        read: impl FnOnce(Part<'_>) -> Option<T>,
    ) -> io::Result<Option<T>> {
        self.sequence += 1;
        let octets = message.finish(self.sequence, 0);
        socket::send(&self.socket, &octets, &[])?;
        loop {
            let len = socket::receive(&self.socket, &mut self.buffer, 0)?;
            let sequence = self.sequence;
            let Some(part) = Messages(&self.buffer[..len]).find(|part| part.sequence == sequence) else {
                continue;
            };
            return match part.kind {
                ERROR => match acknowledgment(part.body) {
                    Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
                    outcome => outcome.map(|()| None),
                },
                _ => Ok(read(part)),
            };
        }
    }

    fn exchange(&mut self, message: Message, flags: u16, mut each: impl FnMut(Part<'_>)) -> io::Result<()> {
        self.sequence += 1;
        let octets = message.finish(self.sequence, flags);
        socket::send(&self.socket, &octets, &[])?;
        loop {
            let len = socket::receive(&self.socket, &mut self.buffer, 0)?;
            for part in Messages(&self.buffer[..len]) {
                if part.sequence != self.sequence {
                    continue;
                }
                match part.kind {
                    ERROR | DONE => return acknowledgment(part.body),
                    _ => each(part),
                }
            }
        }
    }

    /// Hands the messages of one datagram that is already there to `each`; false if there is none.
    pub(super) fn receive_now(&mut self, each: impl FnMut(Part<'_>)) -> io::Result<bool> {
        match socket::receive(&self.socket, &mut self.buffer, libc::MSG_DONTWAIT) {
            Ok(len) => {
                Messages(&self.buffer[..len]).for_each(each);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// The error number at the start of an `NLMSG_ERROR` or `NLMSG_DONE` message; 0 says all is well.
fn acknowledgment(body: &[u8]) -> io::Result<()> {
    match body.first_chunk::<4>().map(|number| i32::from_ne_bytes(*number)) {
        None | Some(0) => Ok(()),
        Some(number) => Err(io::Error::from_raw_os_error(-number)),
    }
}

/// One message that the kernel sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    /// Type.
    pub(super) kind: u16,
    /// Flags.
    pub(super) flags: u16,
    sequence: u32,
    /// Octets after the header.
    pub(super) body: &'a [u8],
}

/// Splits a datagram into its messages.
struct Messages<'a>(&'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let header = self.0.first_chunk::<HEADER>()?;
        let len = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let kind = u16::from_ne_bytes([header[4], header[5]]);
        let flags = u16::from_ne_bytes([header[6], header[7]]);
        let sequence = u32::from_ne_bytes([header[8], header[9], header[10], header[11]]);
        let body = self.0.get(HEADER..len)?;
        self.0 = self.0.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some(Part { kind, flags, sequence, body })
    }
}

/// The attributes in `octets`: (type without its flags, data).
pub(super) fn attributes(mut octets: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let header = octets.first_chunk::<4>()?;
        let len = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        // The two top bits say "nested" and "network byte order".
        let kind = u16::from_ne_bytes([header[2], header[3]]) & 0x3fff;
        let data = octets.get(4..len)?;
        octets = octets.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, data))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_come_back_as_written() {
        let message = Message::new(16, 0, &[7; 4])
            .attribute(1, &[1, 2, 3])
            .nest(0x8002, |nested| nested.text(3, "lo").attribute(4, &[]))
            .finish(9, ACKNOWLEDGE);
        let part = Messages(&message).next().unwrap();
        assert_eq!((part.kind, part.sequence), (16, 9));
        let top: Vec<_> = attributes(&part.body[4..]).collect();
        assert_eq!(top[0], (1, &[1u8, 2, 3][..]));
        assert_eq!(top[1].0, 2);
        assert_eq!(attributes(top[1].1).collect::<Vec<_>>(), [(3, &b"lo\0"[..]), (4, &[][..])]);
    }

    #[test]
    fn cut_off_messages_end_the_iteration() {
        let message = Message::new(16, 0, &[0; 16]).attribute(1, &[1; 8]).finish(1, 0);
        for len in 0..message.len() {
            assert!(Messages(&message[..len]).next().is_none(), "{len}");
            attributes(&message[..len]).for_each(drop);
        }
    }
}
