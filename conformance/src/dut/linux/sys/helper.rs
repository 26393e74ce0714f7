//! A helper process inside namespaces of its own, which opens files and sockets there and hands them over.
//!
//! Only a process with a single thread may make a user namespace, and nobody else may enter one later. So the helper
//! is forked; from then on it makes nothing but system calls, because after a fork of a process with threads no lock
//! is sure to be free. It ends when it is told to, when its socket is closed, or when its parent dies.
#![expect(unsafe_code, reason = "fork, and system calls without any library in between")]

use std::ffi::{CStr, CString, c_int, c_ulong};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use super::process::effective_ids;

/// What the helper is asked for. Fixed size, so that a message is never cut.
#[repr(C)]
#[derive(Clone, Copy)]
struct Request {
    operation: c_int,
    numbers: [c_int; 3],
    path: [u8; 256],
}

const OPEN: c_int = 1;
const SOCKET: c_int = 2;
const UNSHARE: c_int = 3;
const QUIT: c_int = 4;

/// What the helper answers: 0 or an error number, and which stage of starting up failed.
#[repr(C)]
#[derive(Clone, Copy)]
struct Answer {
    error: c_int,
    stage: c_int,
}

/// What starting up does, in order.
const STAGES: [&str; 3] =
    ["making a user namespace", "mapping our user and group into it", "making a network namespace in it"];

/// A running helper.
#[derive(Debug)]
pub(in super::super) struct Helper {
    socket: OwnedFd,
    process: libc::pid_t,
}

/// Texts for the helper, made before the fork because it cannot allocate.
struct Maps {
    user: CString,
    group: CString,
}

impl Helper {
    /// Starts a helper in a new user namespace, where it is root, and a new network namespace. An error says at which
    /// stage it came up.
    pub(in super::super) fn start() -> Result<Self, (&'static str, io::Error)> {
        const STARTING: &str = "starting a helper process";
        let (ours, theirs) = socket_pair().map_err(|error| (STARTING, error))?;
        let (user, group) = effective_ids();
        let text =
            |id: u32| CString::new(format!("0 {id} 1")).map_err(|error| (STARTING, io::Error::other(error)));
        let maps = Maps { user: text(user)?, group: text(group)? };
        // SAFETY: the child calls nothing but `serve`, which makes only system calls and never returns.
        let process = unsafe { libc::fork() };
        match process {
            -1 => Err((STARTING, io::Error::last_os_error())),
            0 => serve(theirs.as_raw_fd(), &maps),
            process => {
                let helper = Self { socket: ours, process };
                drop(theirs);
                match helper.answer() {
                    Ok((Answer { error: 0, .. }, _)) => Ok(helper),
                    Ok((answer, _)) => {
                        let stage = usize::try_from(answer.stage).ok().and_then(|stage| STAGES.get(stage));
                        Err((stage.unwrap_or(&STARTING), io::Error::from_raw_os_error(answer.error)))
                    }
                    Err(error) => Err((STARTING, error)),
                }
            }
        }
    }

    /// Opens `path` with `flags` inside.
    pub(in super::super) fn open(&self, path: &str, flags: c_int) -> io::Result<OwnedFd> {
        let mut request = Request { operation: OPEN, numbers: [flags, 0, 0], path: [0; 256] };
        // One octet stays for the terminating zero.
        let room = request.path.get_mut(..path.len()).filter(|_| path.len() < 256);
        room.ok_or_else(|| io::Error::from_raw_os_error(libc::ENAMETOOLONG))?
            .copy_from_slice(path.as_bytes());
        self.ask(&request)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Opens a socket inside.
    pub(in super::super) fn socket(
        &self,
        family: c_int,
        kind: c_int,
        protocol: c_int,
    ) -> io::Result<OwnedFd> {
        let numbers = [family, kind | libc::SOCK_CLOEXEC, protocol];
        let request = Request { operation: SOCKET, numbers, path: [0; 256] };
        self.ask(&request)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Moves the helper on into another new network namespace of the same user namespace.
    pub(in super::super) fn unshare_network(&self) -> io::Result<()> {
        self.ask(&Request { operation: UNSHARE, numbers: [0; 3], path: [0; 256] }).map(drop)
    }

    fn ask(&self, request: &Request) -> io::Result<Option<OwnedFd>> {
        send(self.socket.as_raw_fd(), request)?;
        match self.answer()? {
            (Answer { error: 0, .. }, fd) => Ok(fd),
            (answer, _) => Err(io::Error::from_raw_os_error(answer.error)),
        }
    }

    fn answer(&self) -> io::Result<(Answer, Option<OwnedFd>)> {
        let mut answer = Answer { error: 0, stage: 0 };
        let mut part = libc::iovec { iov_base: (&raw mut answer).cast(), iov_len: size_of::<Answer>() };
        let mut control = [0u64; 4];
        let mut header = message(&mut part, &mut control);
        loop {
            // SAFETY: `header` points to buffers that live through the call, with their own lengths.
            match unsafe { libc::recvmsg(self.socket.as_raw_fd(), &raw mut header, libc::MSG_CMSG_CLOEXEC) } {
                -1 if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
                -1 => return Err(io::Error::last_os_error()),
                len if len as usize == size_of::<Answer>() => break,
                _ => return Err(io::Error::from_raw_os_error(libc::EPIPE)),
            }
        }
        if header.msg_controllen as usize >= control_len() {
            // The descriptor stands after the control message's header of two words.
            let fd = control[2].to_ne_bytes();
            let fd = RawFd::from_ne_bytes([fd[0], fd[1], fd[2], fd[3]]);
            // SAFETY: the kernel put this descriptor into our table with the message, so nobody else owns it.
            return Ok((answer, Some(unsafe { OwnedFd::from_raw_fd(fd) })));
        }
        Ok((answer, None))
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // If it is gone already there is nobody to tell.
        let _ = send(self.socket.as_raw_fd(), &Request { operation: QUIT, numbers: [0; 3], path: [0; 256] });
        // SAFETY: waits for our own child; a null pointer means that its status is of no interest.
        while unsafe { libc::waitpid(self.process, std::ptr::null_mut(), 0) } == -1
            && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
        {}
    }
}

/// A pair of connected sockets that keep the boundaries of what is sent, and tell when the other end is closed.
pub(in crate::dut) fn socket_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds = [0; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    // SAFETY: the kernel writes two descriptors to `fds`.
    if unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, fds.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: both are new, so nobody else owns them.
    Ok(unsafe { (OwnedFd::from_raw_fd(fds[0]), OwnedFd::from_raw_fd(fds[1])) })
}

fn send(socket: RawFd, request: &Request) -> io::Result<()> {
    // SAFETY: the pointer and the length describe `request`, which the kernel only reads.
    let sent = unsafe {
        libc::send(socket, std::ptr::from_ref(request).cast(), size_of::<Request>(), libc::MSG_NOSIGNAL)
    };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

const _: () =
    assert!(size_of::<usize>() == 8, "the layout of control messages here is that of 64-bit machines");

/// Octets of a control message that carries one descriptor: its header and four octets.
const fn control_len() -> usize {
    2 * size_of::<u64>() + size_of::<RawFd>()
}

/// A message header over one part and a control buffer.
fn message(part: &mut libc::iovec, control: &mut [u64; 4]) -> libc::msghdr {
    // SAFETY: a msghdr of zeros is valid: null pointers with zero lengths.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = part;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = size_of_val(control) as _;
    header
}

// ---- From here on: the helper. No allocation, no lock, no panic; only system calls.

fn errno() -> c_int {
    // SAFETY: the C library gives a valid pointer to the thread's error number.
    unsafe { *libc::__errno_location() }
}

/// The helper's life.
fn serve(socket: RawFd, maps: &Maps) -> ! {
    const SOCKET_HERE: RawFd = 3;
    // SAFETY: none of these calls takes a pointer. Copying the socket to a known number and closing all others keeps
    // descriptors of other threads from living on here.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as c_ulong, 0, 0, 0);
        // Otherwise the files below `/proc/self` belong to root in a process that has changed its user.
        libc::prctl(libc::PR_SET_DUMPABLE, 1 as c_ulong, 0, 0, 0);
        if libc::dup2(socket, SOCKET_HERE) < 0 {
            libc::_exit(1);
        }
        libc::syscall(libc::SYS_close_range, SOCKET_HERE + 1, c_int::MAX, 0);
    }
    let (stage, error) = settle(maps);
    answer(SOCKET_HERE, error, stage, -1);
    if error == 0 {
        while serve_one(SOCKET_HERE) {}
    }
    // SAFETY: ends this process without running anything of the parent's.
    unsafe { libc::_exit(0) }
}

/// Makes the namespaces. Returns the stage that failed and the error number, or 0.
fn settle(maps: &Maps) -> (c_int, c_int) {
    // SAFETY: unshare takes no pointer.
    if unsafe { libc::unshare(libc::CLONE_NEWUSER) } != 0 {
        return (0, errno());
    }
    // Without this the group may not be mapped by the unprivileged.
    let _ = write_file(c"/proc/self/setgroups", c"deny");
    for (path, text) in [(c"/proc/self/uid_map", &maps.user), (c"/proc/self/gid_map", &maps.group)] {
        match write_file(path, text) {
            0 => {}
            error => return (1, error),
        }
    }
    // SAFETY: as above.
    if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 { (2, errno()) } else { (0, 0) }
}

/// Writes `text` to the file `path` and returns the error number, or 0.
fn write_file(path: &CStr, text: &CStr) -> c_int {
    // SAFETY: both are C strings; the descriptor is closed by the one who opened it.
    unsafe {
        let fd = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        if fd < 0 {
            return errno();
        }
        let written = libc::write(fd, text.as_ptr().cast(), text.count_bytes());
        let error = if written < 0 { errno() } else { 0 };
        libc::close(fd);
        error
    }
}

/// Carries out one request; false when there will be no more.
fn serve_one(socket: RawFd) -> bool {
    let mut request = Request { operation: 0, numbers: [0; 3], path: [0; 256] };
    // SAFETY: the kernel writes at most one `Request`, for which any octets are valid.
    let len = unsafe { libc::recv(socket, (&raw mut request).cast(), size_of::<Request>(), 0) };
    if len < 0 && errno() == libc::EINTR {
        return true;
    }
    if len as usize != size_of::<Request>() {
        return false;
    }
    let [a, b, c] = request.numbers;
    // The path ends with a zero whatever was sent.
    request.path[255] = 0;
    let result = match request.operation {
        // SAFETY: the path is a C string inside `request`.
        OPEN => unsafe { libc::open(request.path.as_ptr().cast(), a | libc::O_CLOEXEC) },
        // SAFETY: socket takes no pointer.
        SOCKET => unsafe { libc::socket(a, b, c) },
        // SAFETY: unshare takes no pointer.
        UNSHARE => unsafe { libc::unshare(libc::CLONE_NEWNET) },
        _ => return false,
    };
    let error = if result < 0 { errno() } else { 0 };
    let fd = if request.operation == UNSHARE { -1 } else { result };
    answer(socket, error, 0, fd);
    if fd >= 0 {
        // SAFETY: the descriptor is ours and now also the parent's.
        unsafe { libc::close(fd) };
    }
    true
}

/// Sends an answer with the descriptor `fd`, unless that is negative.
fn answer(socket: RawFd, error: c_int, stage: c_int, fd: RawFd) {
    let mut answer = Answer { error, stage };
    let mut part = libc::iovec { iov_base: (&raw mut answer).cast(), iov_len: size_of::<Answer>() };
    // `struct cmsghdr` on a 64-bit machine: length, then level and type, then the descriptor.
    let kind = [libc::SOL_SOCKET.to_ne_bytes(), libc::SCM_RIGHTS.to_ne_bytes()];
    let [[a, b, c, d], [e, f, g, h]] = kind;
    let [i, j, k, l] = fd.to_ne_bytes();
    let mut control = [
        control_len() as u64,
        u64::from_ne_bytes([a, b, c, d, e, f, g, h]),
        u64::from_ne_bytes([i, j, k, l, 0, 0, 0, 0]),
        0,
    ];
    let mut header = message(&mut part, &mut control);
    header.msg_controllen = if fd < 0 { 0 } else { (3 * size_of::<u64>()) as _ };
    // SAFETY: `header` points to buffers that live through the call, with their own lengths.
    unsafe { libc::sendmsg(socket, &raw const header, libc::MSG_NOSIGNAL) };
}
