//! The bpf system call: maps shared with this process, programs, raw tracepoints, test runs.
#![expect(unsafe_code, reason = "bpf and mmap are not in the standard library")]

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

const MAP_CREATE: i32 = 0;
const MAP_UPDATE_ELEM: i32 = 2;
const PROG_LOAD: i32 = 5;
const PROG_TEST_RUN: i32 = 10;
const RAW_TRACEPOINT_OPEN: i32 = 17;
const MAP_FREEZE: i32 = 22;

const MAP_TYPE_ARRAY: u32 = 2;
const MAP_TYPE_PERCPU_ARRAY: u32 = 6;
const PROG_TYPE_RAW_TRACEPOINT: u32 = 17;
/// Programs cannot write the map.
const F_RDONLY_PROG: u32 = 1 << 7;
/// The map can be mapped into a process.
const F_MMAPABLE: u32 = 1 << 10;

/// An argument block of the system call: `N` octets, filled by offset.
struct Arguments<const N: usize>([u8; N]);

impl<const N: usize> Arguments<N> {
    fn new() -> Self {
        Self([0; N])
    }

    fn with(mut self, offset: usize, value: &[u8]) -> Self {
        self.0[offset..offset + value.len()].copy_from_slice(value);
        self
    }

    fn u32(self, offset: usize, value: u32) -> Self {
        self.with(offset, &value.to_ne_bytes())
    }

    fn pointer<T: ?Sized>(self, offset: usize, value: *const T) -> Self {
        self.with(offset, &(value.cast::<u8>() as u64).to_ne_bytes())
    }

    /// # Safety
    /// Every pointer in the block must be valid for what `command` does with it.
    unsafe fn call(mut self, command: i32) -> io::Result<i32> {
        // SAFETY: the block is as long as it says; the caller vouches for the pointers in it.
        let result = unsafe { libc::syscall(libc::SYS_bpf, command, self.0.as_mut_ptr(), N) };
        i32::try_from(result).ok().filter(|result| *result >= 0).ok_or_else(io::Error::last_os_error)
    }

    /// Like [`Arguments::call`] for the commands that give a descriptor.
    ///
    /// # Safety
    /// As for [`Arguments::call`].
    unsafe fn open(self, command: i32) -> io::Result<OwnedFd> {
        // SAFETY: the caller vouches for the pointers; the descriptor is new, so nobody else owns it.
        unsafe { self.call(command).map(|fd| OwnedFd::from_raw_fd(fd)) }
    }
}

fn create_map(kind: u32, len: usize, flags: u32) -> io::Result<OwnedFd> {
    let len = u32::try_from(len).map_err(io::Error::other)?;
    let arguments = Arguments::<72>::new().u32(0, kind).u32(4, 4).u32(8, len).u32(12, 1).u32(16, flags);
    // SAFETY: MAP_CREATE takes no pointer here.
    unsafe { arguments.open(MAP_CREATE) }
}

/// An array map of one value that programs and this process share.
#[derive(Debug)]
pub(in super::super) struct SharedMap {
    fd: OwnedFd,
    memory: NonNull<AtomicU64>,
    words: usize,
}

// SAFETY: the memory is only touched through atomic operations and stays mapped as long as the value lives.
unsafe impl Send for SharedMap {}
// SAFETY: as above.
unsafe impl Sync for SharedMap {}

impl SharedMap {
    /// A map of `len` octets, a multiple of 8, all zero.
    pub(in super::super) fn new(len: usize) -> io::Result<Self> {
        let fd = create_map(MAP_TYPE_ARRAY, len, F_MMAPABLE)?;
        // SAFETY: a new mapping at an address that the kernel chooses touches no memory of ours.
        let memory = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                fd.as_raw_fd(),
                0,
            )
        };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let memory = NonNull::new(memory.cast()).ok_or_else(|| io::Error::other("mapped at address zero"))?;
        Ok(Self { fd, memory, words: len / 8 })
    }

    /// The descriptor number that instructions name the map by.
    pub(in super::super) fn number(&self) -> i32 {
        self.fd.as_raw_fd()
    }

    fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8) && offset / 8 < self.words, "offset {offset} is not in the map");
        // SAFETY: the word lies inside the mapping, which is page aligned and lives as long as `self`.
        unsafe { self.memory.add(offset / 8).as_ref() }
    }

    /// The number at `offset` octets, a multiple of 8.
    ///
    /// # Panics
    /// If `offset` lies outside the map.
    pub(in super::super) fn load(&self, offset: usize) -> u64 {
        self.word(offset).load(Ordering::Acquire)
    }

    /// Copies the numbers from `offset` octets on, a multiple of 8, into `numbers`. Programs that write them must have
    /// ended, so that a plain copy will do: one by one they take longer than the packet they are about.
    ///
    /// # Panics
    /// If they do not all lie inside the map.
    pub(in super::super) fn load_all(&self, offset: usize, numbers: &mut [i64]) {
        let first = offset / 8;
        assert!(
            offset.is_multiple_of(8) && first + numbers.len() <= self.words,
            "offset {offset} is not in the map"
        );
        let words = self.memory.as_ptr().cast_const().cast::<i64>().wrapping_add(first);
        // SAFETY: all of these words lie inside the mapping, which is page aligned and lives as long as `self`, and
        // `numbers` is no part of it. No reference to the words exists; what writes them has ended.
        unsafe { std::ptr::copy_nonoverlapping(words, numbers.as_mut_ptr(), numbers.len()) };
    }

    /// Sets the number at `offset` octets, a multiple of 8.
    ///
    /// # Panics
    /// If `offset` lies outside the map.
    pub(in super::super) fn store(&self, offset: usize, value: u64) {
        self.word(offset).store(value, Ordering::Release);
    }
}

impl Drop for SharedMap {
    fn drop(&mut self) {
        // SAFETY: this mapping was made by `new` with this length, and no reference into it outlives `self`.
        unsafe { libc::munmap(self.memory.as_ptr().cast(), self.words * 8) };
    }
}

/// A map with one word for each CPU.
pub(in super::super) fn per_cpu_map() -> io::Result<OwnedFd> {
    create_map(MAP_TYPE_PERCPU_ARRAY, 8, 0)
}

/// A map that holds `text` for ever: the only place from which programs take format strings.
pub(in super::super) fn constant_map(text: &CStr) -> io::Result<OwnedFd> {
    let value = text.to_bytes_with_nul();
    let map = create_map(MAP_TYPE_ARRAY, value.len(), F_RDONLY_PROG)?;
    let key = 0u32;
    let number = map.as_raw_fd().unsigned_abs();
    let update = Arguments::<32>::new().u32(0, number).pointer(8, &raw const key).pointer(16, value.as_ptr());
    // SAFETY: the key has 4 octets and the value as many as the map's values.
    unsafe { update.call(MAP_UPDATE_ELEM)? };
    // SAFETY: MAP_FREEZE takes no pointer.
    unsafe { Arguments::<4>::new().u32(0, number).call(MAP_FREEZE)? };
    Ok(map)
}

/// Loads a raw tracepoint program. An error carries the verifier's last lines.
pub(in super::super) fn load(code: &[u64]) -> io::Result<OwnedFd> {
    let license = c"GPL";
    let arguments = || {
        Arguments::<120>::new()
            .u32(0, PROG_TYPE_RAW_TRACEPOINT)
            .u32(4, code.len() as u32)
            .pointer(8, code.as_ptr())
            .pointer(16, license.as_ptr())
    };
    // SAFETY: the instructions and the license live through the call; the kernel only reads them.
    let error = match unsafe { arguments().open(PROG_LOAD) } {
        Ok(program) => return Ok(program),
        Err(error) => error,
    };
    let mut log = vec![0u8; 1 << 16];
    let verbose = arguments().u32(24, 1).u32(28, log.len() as u32).pointer(32, log.as_mut_ptr());
    // SAFETY: as above, and the kernel writes at most `log.len()` octets to `log`.
    if let Ok(program) = unsafe { verbose.open(PROG_LOAD) } {
        return Ok(program);
    }
    let text = String::from_utf8_lossy(&log);
    let text = text.trim_end_matches('\0').trim_end();
    if text.is_empty() {
        return Err(error);
    }
    let lines: Vec<_> = text.lines().rev().take(5).collect();
    let lines: Vec<_> = lines.into_iter().rev().collect();
    Err(io::Error::new(error.kind(), format!("{error}: {}", lines.join("; "))))
}

/// Runs `program` whenever the raw tracepoint `name` is passed, as long as what this returns lives.
pub(in super::super) fn attach(program: &OwnedFd, name: &CStr) -> io::Result<OwnedFd> {
    let number = program.as_raw_fd().unsigned_abs();
    let arguments = Arguments::<24>::new().pointer(0, name.as_ptr()).u32(8, number);
    // SAFETY: `name` is a C string that lives through the call.
    unsafe { arguments.open(RAW_TRACEPOINT_OPEN) }
}

/// Runs `program` once, in the calling thread.
pub(in super::super) fn run(program: &OwnedFd) -> io::Result<()> {
    let arguments = Arguments::<80>::new().u32(0, program.as_raw_fd().unsigned_abs());
    // SAFETY: without context or data there is no pointer.
    unsafe { arguments.call(PROG_TEST_RUN) }.map(drop)
}
