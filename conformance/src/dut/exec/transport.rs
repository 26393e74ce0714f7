//! Datagrams to and from a program.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// Room for the longest datagram that a socket carries.
const LONGEST: usize = 1 << 18;

/// Carries datagrams.
pub(in crate::dut) trait Transport {
    /// Sends `datagram`.
    fn send(&mut self, datagram: &[u8]) -> io::Result<()>;

    /// Receives the next datagram into `buffer`, which it fills exactly; false when the other side is gone. Fails
    /// with [`io::ErrorKind::WouldBlock`] when nothing came in the time allowed.
    fn receive(&mut self, buffer: &mut Vec<u8>) -> io::Result<bool>;

    /// Sends what was kept back to be sent at once.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One end of a pair of sockets that keep boundaries.
#[derive(Debug)]
pub(in crate::dut) struct Packets {
    socket: UnixDatagram,
    room: Vec<u8>,
}

impl Packets {
    /// The end `socket`, which waits for the other side for `limit` at most; `None`: as long as it takes.
    pub(in crate::dut) fn new(socket: OwnedFd, limit: Option<Duration>) -> io::Result<Self> {
        let socket = UnixDatagram::from(socket);
        socket.set_read_timeout(limit)?;
        socket.set_write_timeout(limit)?;
        Ok(Self { socket, room: vec![0; LONGEST] })
    }
}

impl Transport for Packets {
    fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        retry(|| self.socket.send(datagram)).map(drop)
    }

    fn receive(&mut self, buffer: &mut Vec<u8>) -> io::Result<bool> {
        let len = retry(|| self.socket.recv(&mut self.room))?;
        buffer.clear();
        buffer.extend_from_slice(&self.room[..len]);
        // A socket of this kind gives nothing at all when the other side is closed.
        Ok(len > 0)
    }
}

/// Repeats `call` as long as only a signal kept it from being done.
pub(super) fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
