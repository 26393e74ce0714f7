//! `netassay diff` takes captures of any length in bounded memory: what is measured is the most that the whole command
//! held resident, as the kernel tells it when the command has ended.
//!
//! `NETASSAY_CAPTURE_MIB=1024` makes the larger of the two captures that large.
#![expect(unsafe_code, reason = "what a process took is told by wait4, which is not in the standard library")]

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use netassay_stack::wire::build::{echo_request, ipv4, udp, unreachable};
use netassay_stack::wire::icmp::UnreachableCode;

const MIB: u64 = 1 << 20;
/// The most that may be resident, however long the capture is.
const MOST: u64 = 150 * MIB;
/// The most by which a longer capture may make it grow.
const MOST_GROWTH: u64 = 24 * MIB;

/// Numbers that look random and are always the same.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// A capture file that is removed in the end.
struct Capture(PathBuf);

impl Capture {
    /// A capture of `len` octets or a little more: echo requests, UDP in one piece and in two, errors, of all lengths,
    /// from hundreds of addresses to few.
    fn of(len: u64) -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let capture = Self(std::env::temp_dir().join(format!("netassay-memory-{process}-{count}.pcap")));
        let mut file = BufWriter::new(File::create(&capture.0)?);
        // Microseconds, snap length 65535, link type RAW.
        for word in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65_535, 101] {
            file.write_all(&word.to_ne_bytes())?;
        }
        let mut numbers = Numbers(7);
        let (mut written, mut at) = (24, 0u64);
        while written < len {
            for octets in datagrams(&mut numbers) {
                at += 50;
                let seconds = [(at / 1_000_000) as u32, (at % 1_000_000) as u32];
                for word in seconds.into_iter().chain([octets.len() as u32; 2]) {
                    file.write_all(&word.to_ne_bytes())?;
                }
                file.write_all(&octets)?;
                written += 16 + octets.len() as u64;
            }
        }
        file.flush()?;
        Ok(capture)
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// One or two datagrams that belong together. Connections are tracked as long as they live, and there are few
/// thousand of them, so that a longer capture does not have more.
fn datagrams(numbers: &mut Numbers) -> Vec<Vec<u8>> {
    let source = [10, 1, numbers.below(4) as u8, numbers.below(64) as u8 + 1];
    let destination = [10, 2, 0, numbers.below(4) as u8 + 1];
    let data = vec![numbers.below(256) as u8; numbers.below(1400) as usize];
    let header = ipv4().source(source).destination(destination).identification(numbers.below(65_536) as u16);
    let segment = udp().source_port(numbers.below(4) as u16 + 1).destination_port(9).data(&data);
    match numbers.below(4) {
        0 => {
            let request = echo_request().identifier(numbers.below(4) as u16).data(&data);
            vec![header.carry(request).build()]
        }
        1 => {
            let quoted = ipv4().source(destination).destination(source).carry(segment).build();
            vec![header.carry(unreachable(UnreachableCode::Port).quote(quoted)).build()]
        }
        2 => vec![header.carry(segment).build()],
        _ => {
            let mut octets = vec![0x5a; 1200];
            octets[..8].copy_from_slice(&[0x13, 0x88, 0, 9, 0x04, 0xb0, 0, 0]);
            let first = header.clone().protocol(17).more_fragments().payload(&octets[..800]);
            let last = header.protocol(17).fragment_offset(800).payload(&octets[800..]);
            vec![first.build(), last.build()]
        }
    }
}

/// Exit status of `netassay diff` on `capture`, and the most that it held resident, in octets.
fn diff(capture: &Path, options: &[&str]) -> io::Result<(i32, u64)> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netassay"));
    command.args(["diff", "--quiet"]).args(options).arg(capture);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let mut status = 0;
    // SAFETY: rusage is a structure of numbers, for which all zero is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to values that outlive the call; the child is ours and nobody else waits for it.
    let waited = unsafe { libc::wait4(child.id() as i32, &raw mut status, 0, &raw mut usage) };
    if waited < 0 {
        return Err(io::Error::last_os_error());
    }
    let code = if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -1 };
    Ok((code, usage.ru_maxrss as u64 * 1024))
}

/// Runs a short and a long capture and compares what they took.
fn check(options: &[&str]) {
    let wished = std::env::var("NETASSAY_CAPTURE_MIB").ok().and_then(|mib| mib.parse::<u64>().ok());
    let long = wished.unwrap_or(48);
    let peaks = [long / 4, long].map(|mib| {
        let capture = Capture::of(mib * MIB).expect("there is room for the capture");
        let (code, peak) = diff(&capture.0, options).expect("the command starts");
        if code == 3 {
            println!("not measured: this machine lacks what {options:?} needs");
            return 0;
        }
        // Nobody asks here whether the stacks agree.
        assert!(matches!(code, 0 | 1), "exit status {code}");
        println!("{options:?}: {mib} MiB take {:.1} MiB", peak as f64 / MIB as f64);
        assert!(peak <= MOST, "{peak} octets for {mib} MiB, {options:?}");
        peak
    });
    assert!(peaks[1] <= peaks[0] + MOST_GROWTH, "{peaks:?} for {} and {long} MiB, {options:?}", long / 4);
}

#[test]
fn reference_and_reference_take_bounded_memory() {
    check(&["--b", "reference", "--scenario", "host", "--scenario", "nat"]);
}

#[test]
fn reference_and_linux_take_bounded_memory() {
    check(&["--scenario", "router"]);
}
