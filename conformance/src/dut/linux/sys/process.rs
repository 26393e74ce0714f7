//! Namespaces, waiting and clocks.
#![expect(unsafe_code, reason = "unshare, setns, ppoll and clock_gettime are not in the standard library")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

/// Moves the calling thread into a new, empty network namespace.
pub(in super::super) fn unshare_network() -> io::Result<()> {
    // SAFETY: unshare takes no pointer, and CLONE_NEWNET concerns the calling thread alone.
    check(unsafe { libc::unshare(libc::CLONE_NEWNET) })
}

/// Moves the calling thread into the namespace that `namespace` refers to.
fn enter(namespace: RawFd) -> io::Result<()> {
    // SAFETY: setns takes no pointer; a descriptor that is not a namespace is refused.
    check(unsafe { libc::setns(namespace, 0) })
}

/// Has `command` enter `namespaces`, in order, before it becomes the program it names.
pub(in super::super) fn enter_before_exec(command: &mut Command, namespaces: Vec<OwnedFd>) {
    let enter_all = move || namespaces.iter().try_for_each(|namespace| enter(namespace.as_raw_fd()));
    // SAFETY: between fork and exec the closure makes only system calls.
    unsafe { command.pre_exec(enter_all) };
}

/// Has `command` keep `files` open in the program it becomes, under the numbers that they have here.
pub(in crate::dut) fn keep_open_in(command: &mut Command, files: Vec<OwnedFd>) {
    let keep = move || {
        files.iter().try_for_each(|file| {
            // SAFETY: fcntl with F_SETFD takes no pointer; the descriptor is open as long as the closure lives.
            check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFD, 0) })
        })
    };
    // SAFETY: between fork and exec the closure makes only system calls.
    unsafe { command.pre_exec(keep) };
}

/// The kernel's number of the calling thread.
pub(in super::super) fn thread_id() -> u32 {
    // SAFETY: gettid takes nothing and cannot fail.
    let id = unsafe { libc::gettid() };
    id.unsigned_abs()
}

/// Effective user and group number of this process.
pub(in super::super) fn effective_ids() -> (u32, u32) {
    // SAFETY: both take nothing and cannot fail.
    unsafe { (libc::geteuid(), libc::getegid()) }
}

/// Time shown by a kernel clock (`CLOCK_MONOTONIC`, …).
pub(in super::super) fn clock(id: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: clock_gettime writes one timespec. The clocks asked for always exist, so the result is not looked at.
    unsafe { libc::clock_gettime(id, &raw mut time) };
    to_duration(time)
}

/// Resolution of a kernel clock; of the coarse clocks it is one jiffy.
pub(in super::super) fn clock_resolution(id: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: clock_getres writes one timespec.
    unsafe { libc::clock_getres(id, &raw mut time) };
    to_duration(time)
}

fn to_duration(time: libc::timespec) -> Duration {
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// What [`poll`] is to watch, and what it saw.
pub(in super::super) type PollEntry = libc::pollfd;

/// An entry that watches `fd` for anything to read and for errors.
pub(in super::super) fn poll_entry(fd: BorrowedFd<'_>) -> PollEntry {
    PollEntry { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 }
}

/// Waits until one of `entries` has something to read or an error, at most for `timeout` (`None`: as long as it
/// takes). Returns how many have; 0 when the time is over.
pub(in super::super) fn poll(entries: &mut [PollEntry], timeout: Option<Duration>) -> io::Result<usize> {
    let limit = timeout.map(|time| libc::timespec {
        tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: time.subsec_nanos().into(),
    });
    let limit = limit.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: `entries` and `limit` live through the call and have the lengths and types that ppoll expects.
    let count =
        unsafe { libc::ppoll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, limit, std::ptr::null()) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

/// Ends every process of the group that process `leader`, a child of ours that was not waited for yet, is the first of.
pub(in crate::dut) fn kill_group(leader: u32) {
    let Ok(group) = libc::pid_t::try_from(leader) else { return };
    // SAFETY: kill takes no pointer. A group that is gone already is no error worth telling.
    unsafe { libc::kill(-group, libc::SIGKILL) };
}

/// Octets in a page of memory.
pub(in super::super) fn page_size() -> usize {
    // SAFETY: sysconf takes no pointer.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

fn check(result: i32) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
