//! Sockets of any family, addresses and options as octets.
#![expect(
    unsafe_code,
    reason = "the standard library has no netlink, packet, raw or ICMP sockets and no recvmsg"
)]

use std::ffi::c_int;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

/// Opens a socket, closed on `exec`.
pub(in super::super) fn open(family: c_int, kind: c_int, protocol: c_int) -> io::Result<OwnedFd> {
    // SAFETY: socket takes no pointer.
    let fd = unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, protocol) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just gave us this descriptor, so nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Binds to `address`, a `struct sockaddr_…` as octets.
pub(in super::super) fn bind(socket: &impl AsFd, address: &[u8]) -> io::Result<()> {
    // SAFETY: the pointer and the length describe `address`, which the kernel only reads.
    check(unsafe {
        libc::bind(socket.as_fd().as_raw_fd(), address.as_ptr().cast(), address.len() as libc::socklen_t)
    })
}

/// Connects to `address`, a `struct sockaddr_…` as octets.
pub(in super::super) fn connect(socket: &impl AsFd, address: &[u8]) -> io::Result<()> {
    // SAFETY: the pointer and the length describe `address`, which the kernel only reads.
    check(unsafe {
        libc::connect(socket.as_fd().as_raw_fd(), address.as_ptr().cast(), address.len() as libc::socklen_t)
    })
}

/// Makes a bound TCP socket accept connections.
pub(in super::super) fn listen(socket: &impl AsFd, backlog: c_int) -> io::Result<()> {
    // SAFETY: listen takes no pointer.
    check(unsafe { libc::listen(socket.as_fd().as_raw_fd(), backlog) })
}

/// Ends both directions of a connection, or the listening of a socket that listens.
pub(in super::super) fn shut_down(socket: &impl AsFd) -> io::Result<()> {
    // SAFETY: shutdown takes no pointer.
    check(unsafe { libc::shutdown(socket.as_fd().as_raw_fd(), libc::SHUT_RDWR) })
}

/// Takes one connection that is waiting on a listening socket, without blocking; its peer's address comes with it.
pub(in super::super) fn accept(socket: &impl AsFd) -> io::Result<(OwnedFd, SocketAddrV4)> {
    let mut address = [0u8; 16];
    let mut len = address.len() as libc::socklen_t;
    // SAFETY: the kernel writes at most `len` octets to `address` and the length to `len`.
    let fd = unsafe {
        libc::accept4(
            socket.as_fd().as_raw_fd(),
            address.as_mut_ptr().cast(),
            &raw mut len,
            libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK,
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just gave us this descriptor, so nobody else owns it.
    Ok((unsafe { OwnedFd::from_raw_fd(fd) }, from_internet(&address)))
}

/// Sets a socket option to `value` as octets.
pub(in super::super) fn set_option(
    socket: &impl AsFd,
    level: c_int,
    name: c_int,
    value: &[u8],
) -> io::Result<()> {
    // SAFETY: the pointer and the length describe `value`, which the kernel only reads.
    check(unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            name,
            value.as_ptr().cast(),
            value.len() as libc::socklen_t,
        )
    })
}

/// Makes room for `size` octets of incoming messages: with privilege beyond the system's limit, otherwise up to it.
pub(in super::super) fn enlarge_buffer(socket: &impl AsFd, size: i32) -> io::Result<()> {
    let size = size.to_ne_bytes();
    set_option(socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &size)
        .or_else(|_| set_option(socket, libc::SOL_SOCKET, libc::SO_RCVBUF, &size))
}

/// Reads a socket option into `value` as octets and returns how many there are.
pub(in super::super) fn option(
    socket: &impl AsFd,
    level: c_int,
    name: c_int,
    value: &mut [u8],
) -> io::Result<usize> {
    let mut len = value.len() as libc::socklen_t;
    // SAFETY: the kernel writes at most `len` octets to `value` and the length to `len`.
    check(unsafe {
        libc::getsockopt(socket.as_fd().as_raw_fd(), level, name, value.as_mut_ptr().cast(), &raw mut len)
    })?;
    Ok(len as usize)
}

/// The error waiting on a socket (`SO_ERROR`), which this takes off it; 0 if there is none.
pub(in super::super) fn take_error(socket: &impl AsFd) -> io::Result<i32> {
    let mut value = [0u8; 4];
    option(socket, libc::SOL_SOCKET, libc::SO_ERROR, &mut value)?;
    Ok(i32::from_ne_bytes(value))
}

/// Sends `data`, to `address` (a `struct sockaddr_…` as octets) unless that is empty, without blocking.
pub(in super::super) fn send(socket: &impl AsFd, data: &[u8], address: &[u8]) -> io::Result<usize> {
    let to = if address.is_empty() { std::ptr::null() } else { address.as_ptr() };
    // SAFETY: the pointers and lengths describe `data` and `address`, which the kernel only reads.
    let sent = unsafe {
        libc::sendto(
            socket.as_fd().as_raw_fd(),
            data.as_ptr().cast(),
            data.len(),
            libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
            to.cast(),
            address.len() as libc::socklen_t,
        )
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Receives one message into `buffer` and returns its length, with `MSG_TRUNC` the length before cutting.
pub(in super::super) fn receive(socket: &impl AsFd, buffer: &mut [u8], flags: c_int) -> io::Result<usize> {
    // SAFETY: the kernel writes at most `buffer.len()` octets to `buffer`.
    let received =
        unsafe { libc::recv(socket.as_fd().as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), flags) };
    usize::try_from(received).map_err(|_| io::Error::last_os_error())
}

/// What [`receive_message`] found.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Received {
    /// Octets of data.
    pub(in super::super) len: usize,
    /// Source, as `struct sockaddr_in`; all zero when there is none.
    pub(in super::super) source: [u8; 16],
    /// Octets of control messages.
    pub(in super::super) control_len: usize,
}

/// Receives one message with its source and its control messages, without blocking.
pub(in super::super) fn receive_message(
    socket: &impl AsFd,
    data: &mut [u8],
    control: &mut [u8],
    flags: c_int,
) -> io::Result<Received> {
    let mut source = [0u8; 16];
    let mut part = libc::iovec { iov_base: data.as_mut_ptr().cast(), iov_len: data.len() };
    // SAFETY: a msghdr of zeros is valid: null pointers with zero lengths.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_name = source.as_mut_ptr().cast();
    header.msg_namelen = source.len() as libc::socklen_t;
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = control.len() as _;
    // SAFETY: all pointers in `header` point to buffers that live through the call, with their own lengths.
    let received =
        unsafe { libc::recvmsg(socket.as_fd().as_raw_fd(), &raw mut header, flags | libc::MSG_DONTWAIT) };
    let len = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
    Ok(Received { len, source, control_len: header.msg_controllen as usize })
}

/// `struct sockaddr_in` of `address`.
pub(in super::super) fn internet(address: SocketAddrV4) -> [u8; 16] {
    let mut octets = [0; 16];
    octets[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
    octets[2..4].copy_from_slice(&address.port().to_be_bytes());
    octets[4..8].copy_from_slice(&address.ip().octets());
    octets
}

/// The address in a `struct sockaddr_in`; 0.0.0.0:0 when it is all zero.
pub(in super::super) fn from_internet(octets: &[u8; 16]) -> SocketAddrV4 {
    let [_, _, port_high, port_low, a, b, c, d, ..] = *octets;
    SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([port_high, port_low]))
}

/// `struct sockaddr_nl` with the multicast groups `groups` (bit n is group n + 1).
pub(in super::super) fn netlink_address(groups: u32) -> [u8; 12] {
    let mut octets = [0; 12];
    octets[..2].copy_from_slice(&(libc::AF_NETLINK as u16).to_ne_bytes());
    octets[8..].copy_from_slice(&groups.to_ne_bytes());
    octets
}

/// `struct sockaddr_ll` for all protocols on the interface with number `index`.
pub(in super::super) fn packet_address(index: u32) -> [u8; 20] {
    let mut octets = [0; 20];
    octets[..2].copy_from_slice(&(libc::AF_PACKET as u16).to_ne_bytes());
    octets[2..4].copy_from_slice(&(libc::ETH_P_ALL as u16).to_be_bytes());
    octets[4..8].copy_from_slice(&index.to_ne_bytes());
    octets
}

fn check(result: c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internet_address_survives_the_round_trip() {
        let address = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 0x1234);
        assert_eq!(from_internet(&internet(address)), address);
    }
}
