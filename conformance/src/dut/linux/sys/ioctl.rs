//! Device control: making TUN and TAP devices, switching off offloads.
#![expect(unsafe_code, reason = "ioctl is not in the standard library")]

use std::ffi::{c_int, c_short, c_ulong};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// `TUNSETIFF`: makes a device of an open `/dev/net/tun`.
const TUNSETIFF: c_ulong = 0x4004_54ca;
/// `TUNSETIFINDEX`: which number the device is to get.
const TUNSETIFINDEX: c_ulong = 0x4004_54da;
/// `TUNSETSNDBUF`: how many octets may be on their way into the stack.
const TUNSETSNDBUF: c_ulong = 0x4004_54d4;
/// `SIOCETHTOOL`: one ethtool command.
const SIOCETHTOOL: c_ulong = 0x8946;

/// What a TUN/TAP device carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum TunMode {
    /// Datagrams, each after four octets of packet information, so that the EtherType is ours to say.
    TunWithPacketInformation,
    /// Ethernet frames.
    Tap,
}

/// `struct ifreq` with its union as plain octets.
#[repr(C)]
struct InterfaceRequest {
    name: [u8; libc::IFNAMSIZ],
    union: [u8; 24],
}

impl InterfaceRequest {
    fn new(name: &str) -> io::Result<Self> {
        let mut request = Self { name: [0; libc::IFNAMSIZ], union: [0; 24] };
        // One octet stays for the terminating zero.
        match request.name.get_mut(..name.len()) {
            Some(room) if name.len() < libc::IFNAMSIZ => room.copy_from_slice(name.as_bytes()),
            _ => return Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG)),
        }
        Ok(request)
    }
}

/// Turns `tun`, an open `/dev/net/tun`, into a device called `name` with the number `index` in the namespace in which it
/// was opened.
pub(in super::super) fn make_tun(
    tun: BorrowedFd<'_>,
    name: &str,
    index: u32,
    mode: TunMode,
) -> io::Result<()> {
    // SAFETY: TUNSETIFINDEX reads one unsigned int.
    check(unsafe { libc::ioctl(tun.as_raw_fd(), TUNSETIFINDEX, &raw const index) })?;
    let flags = match mode {
        TunMode::TunWithPacketInformation => libc::IFF_TUN,
        TunMode::Tap => libc::IFF_TAP | libc::IFF_NO_PI,
    };
    let mut request = InterfaceRequest::new(name)?;
    request.union[..2].copy_from_slice(&(flags as c_short).to_ne_bytes());
    // SAFETY: TUNSETIFF reads and writes one `struct ifreq`, which `request` is, and keeps no pointer to it.
    check(unsafe { libc::ioctl(tun.as_raw_fd(), TUNSETIFF, &raw mut request) })?;
    let no_limit = c_int::MAX;
    // SAFETY: TUNSETSNDBUF reads one int.
    check(unsafe { libc::ioctl(tun.as_raw_fd(), TUNSETSNDBUF, &raw const no_limit) })
}

/// Runs the ethtool command `command` (one of the `ETHTOOL_S…` that take a single number) on `name`, in the
/// namespace of `socket`.
pub(in super::super) fn ethtool_set(
    socket: BorrowedFd<'_>,
    name: &str,
    command: u32,
    value: u32,
) -> io::Result<()> {
    let mut arguments = [command, value];
    let mut request = InterfaceRequest::new(name)?;
    request.union[..size_of::<usize>()].copy_from_slice(&(&raw mut arguments as usize).to_ne_bytes());
    // SAFETY: SIOCETHTOOL reads one `struct ifreq` and, by the pointer in it, one `struct ethtool_value` of two u32,
    // both of which outlive the call.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL, &raw mut request) })
}

fn check(result: c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
