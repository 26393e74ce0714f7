//! How much waits to be read from devices and sockets, found out along with the counters.
//!
//! Asking each of them by a read that finds nothing takes longer than a look at all of them from inside. Where the kernel
//! keeps its queues otherwise than expected, nothing is known, and they are read until they are empty.

use std::os::fd::{AsRawFd, BorrowedFd};

use super::super::sys::bpf::SharedMap;
use super::Peek;
use super::assembler::{Assembler, Helper, R1, R2, R3, R7};
use super::btf::Btf;

/// Queues that can be looked at.
const MOST: usize = 8;

/// Layout of an entry in octets: two addresses in the kernel, and the 32-bit numbers that were found there.
const ENTRY: usize = 32;
const ADDRESSES: [usize; 2] = [0, 8];
const NUMBERS: [usize; 2] = [16, 24];

/// Octets of all entries.
pub(super) const LEN: usize = MOST * ENTRY;

/// Something that is read from.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Queue<'fd> {
    /// A TUN or TAP device that holds so many frames.
    Device(BorrowedFd<'fd>, u32),
    /// A socket.
    Socket(BorrowedFd<'fd>),
}

/// Looks at `queues`, whose entries are at `entries` in `map`, from now on. `Err` says why that cannot be done.
pub(super) fn look_at(
    map: &SharedMap,
    entries: usize,
    queues: &[Queue<'_>],
    btf: &Btf,
    peek: &Peek,
) -> Result<(), String> {
    (0..LEN).step_by(8).for_each(|offset| map.store(entries + offset, 0));
    if queues.len() > MOST {
        return Err("more queues than are looked at".to_owned());
    }
    let addresses: Result<Vec<_>, String> = queues.iter().map(|queue| find(*queue, btf, peek)).collect();
    for (number, found) in addresses?.into_iter().enumerate() {
        for (at, address) in ADDRESSES.into_iter().zip(found) {
            map.store(entries + number * ENTRY + at, address);
        }
    }
    Ok(())
}

/// Where the kernel counts what goes in and what comes out; of a socket, what is in there, and nothing.
fn find(queue: Queue<'_>, btf: &Btf, peek: &Peek) -> Result<[u64; 2], String> {
    let said = |error: std::io::Error| format!("reading kernel memory: {error}");
    match queue {
        Queue::Device(fd, len) => {
            let ring = peek.private_data(fd.as_raw_fd(), btf)? + btf.offset("tun_file", "tx_ring")? as u64;
            let at = |member| btf.offset("ptr_ring", member).map(|offset| ring + offset as u64);
            let size = peek.word(at("size")?).map_err(said)?;
            if low_half(size) != len {
                return Err("a device's queue is not where it is looked for".to_owned());
            }
            Ok([at("producer")?, at("consumer_head")?])
        }
        Queue::Socket(fd) => {
            let socket = peek.private_data(fd.as_raw_fd(), btf)?;
            let socket = peek.word(socket + btf.offset("socket", "sk")? as u64).map_err(said)?;
            let queue = btf.offset("sock", "sk_receive_queue")? + btf.offset("sk_buff_head", "qlen")?;
            Ok([socket + queue as u64, 0])
        }
    }
}

/// Notes the numbers of all entries.
pub(super) fn add_look(program: &mut Assembler, map: &SharedMap, entries: usize) {
    let none = program.label();
    for number in 0..MOST {
        let one = program.label();
        program.map_value(R7, map.number(), entries + number * ENTRY);
        for (nothing, (address, found)) in [none, one].into_iter().zip(ADDRESSES.into_iter().zip(NUMBERS)) {
            program.load(R3, R7, address as i16).jump_if_is(R3, 0, nothing);
            program.copy(R1, R7).add(R1, found as i32).set(R2, 4).call(Helper::ProbeReadKernel);
        }
        program.place(one);
    }
    program.place(none);
}

/// How much waited in queue number `number`. `None`: some, and possibly more than one.
///
/// A device's ring that is full looks empty, but no step fills it, which [`Queue::Device`] is told the length of.
pub(super) fn waiting(map: &SharedMap, entries: usize, number: usize) -> Option<usize> {
    let [into, out_of] = NUMBERS.map(|at| low_half(map.load(entries + number * ENTRY + at)));
    // A ring begins again at its end.
    into.checked_sub(out_of).map(|count| count as usize)
}

/// The 32 bits that a word in memory begins with.
fn low_half(word: u64) -> u32 {
    if cfg!(target_endian = "little") { word as u32 } else { (word >> 32) as u32 }
}
