//! What the first process of a machine does: mount, load modules, make a line raw, switch off.
#![expect(unsafe_code, reason = "the standard library does none of this")]

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Mounts a new file system of `kind` on the folder `target`.
pub(in crate::dut) fn mount(kind: &str, target: &str) -> io::Result<()> {
    let text = |text: &str| CString::new(text).map_err(io::Error::other);
    let (kind, target) = (text(kind)?, text(target)?);
    // SAFETY: the pointers are C strings that live through the call; no data is given.
    check(i64::from(unsafe {
        libc::mount(kind.as_ptr(), target.as_ptr(), kind.as_ptr(), 0, std::ptr::null())
    }))
}

/// Loads the kernel module in `file`.
pub(in crate::dut) fn load_module(file: &File) -> io::Result<()> {
    // SAFETY: finit_module reads the descriptor and an empty C string.
    check(unsafe { libc::syscall(libc::SYS_finit_module, file.as_raw_fd(), c"".as_ptr(), 0) })
}

/// Makes `line` carry octets as they are, with no echo and no signals.
pub(in crate::dut) fn make_raw(line: &impl AsFd) -> io::Result<()> {
    let fd = line.as_fd().as_raw_fd();
    // SAFETY: a termios of zeros is valid, and tcgetattr fills it.
    let mut settings: libc::termios = unsafe { std::mem::zeroed() };
    // SAFETY: both calls work on the one termios, which lives through them.
    check(i64::from(unsafe { libc::tcgetattr(fd, &raw mut settings) }))?;
    // SAFETY: cfmakeraw changes the termios in place, and tcsetattr reads it.
    check(i64::from(unsafe {
        libc::cfmakeraw(&raw mut settings);
        libc::tcsetattr(fd, libc::TCSANOW, &raw const settings)
    }))
}

/// Switches the machine off. Returns only if that may not be done.
pub(in crate::dut) fn power_off() -> io::Error {
    // SAFETY: sync takes nothing and reboot one number.
    unsafe {
        libc::sync();
        libc::reboot(libc::RB_POWER_OFF);
    }
    io::Error::last_os_error()
}

fn check(result: i64) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
