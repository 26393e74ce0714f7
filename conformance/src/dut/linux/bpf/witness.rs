//! Two small programs that note what happens in the kernel while a step is taken: every IPv4 packet that is dropped,
//! with reason and place, and the jiffy at which the first frame came in.
//!
//! A drop is ours if it happens in the thread that takes the step, or to a packet of our namespace in any context (a
//! timer). A packet that belongs to another namespace never is, though our thread may be the one that was interrupted
//! for it. Fragments that wait for others lose their device, but they keep the number of the interface they came in by,
//! which is why interfaces have numbers that no other world has. Where they have not, because a datagram could ask for
//! them, fragments that waited too long are not seen.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use super::super::sys::bpf::{self, SharedMap};
use super::super::sys::process;
use super::Peek;
use super::assembler::{Assembler, Helper, R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10};
use super::btf::Btf;
use crate::model::Drop as PacketDrop;

/// Layout of the shared map in octets.
const THREAD: usize = 0;
const NAMESPACE: usize = 8;
const OPERATIONS: usize = 16;
const COUNT: usize = 24;
const JIFFIES: usize = 32;
const LOCATION: usize = 40;
const FIRST_INDEX: usize = 48;
const SYMBOL: usize = 64;
const SYMBOL_LEN: usize = 192;
const RING: usize = 256;
/// In place of a number that only our interfaces have, where they have none.
const NO_INDEX: u64 = 0;
/// The number of `lo` in every namespace.
const LOOPBACK_INDEX: i32 = 1;
/// Drops that fit: more than the fragments of the largest datagram.
const SLOTS: usize = 16 * 1024;

/// Watches the kernel on behalf of one DUT.
#[derive(Debug)]
pub(in super::super) struct Witness {
    map: SharedMap,
    /// Programs that run on request: the present jiffy, the name of a place.
    now: OwnedFd,
    symbol: OwnedFd,
    /// The tracepoints; the programs run as long as these live.
    _links: [OwnedFd; 2],
    /// The format string of `symbol`.
    _format: OwnedFd,
    /// Names of reasons by number.
    reasons: HashMap<u64, &'static str>,
    /// Names of places that were asked for.
    places: HashMap<u64, Option<&'static str>>,
    /// Drops taken so far.
    taken: u64,
    /// No step was taken in this namespace yet.
    is_fresh: bool,
    /// `INITIAL_JIFFIES`: what the kernel's counter started from.
    first_jiffy: u64,
    jiffy: std::time::Duration,
}

impl Witness {
    /// Loads the programs and lets them run. They see nothing until [`Witness::look_at`].
    pub(super) fn new(btf: &Btf) -> Result<Self, String> {
        let map = SharedMap::new(RING + SLOTS * 16).map_err(|error| format!("making a BPF map: {error}"))?;
        let said = |error: io::Error| format!("loading a BPF program: {error}");
        let drops = bpf::load(&drop_program(&map, btf)?).map_err(said)?;
        let frames = bpf::load(&frame_program(&map)).map_err(said)?;
        let format = bpf::constant_map(c"%ps").map_err(said)?;
        let symbol = bpf::load(&symbol_program(&map, &format)).map_err(said)?;
        let now = bpf::load(&now_program(&map)).map_err(said)?;
        let said = |error: io::Error| format!("attaching to a tracepoint: {error}");
        let links = [
            bpf::attach(&drops, c"kfree_skb").map_err(said)?,
            bpf::attach(&frames, c"netif_receive_skb").map_err(said)?,
        ];
        let jiffy = process::clock_resolution(libc::CLOCK_MONOTONIC_COARSE);
        let per_second = 1_000_000_000 / u64::from(jiffy.subsec_nanos().max(1));
        let reasons = btf
            .enumerators("SKB_DROP_REASON_")
            // Subsystems have small numbers of their own, in another enumeration.
            .filter(|(name, _)| !name.starts_with("SUBSYS_"))
            .map(|(name, value)| (value as u64, kept(name)));
        Ok(Self {
            now,
            symbol,
            _links: links,
            _format: format,
            reasons: reasons.collect(),
            places: HashMap::new(),
            taken: 0,
            is_fresh: true,
            // The counter starts five minutes before its lower half wraps around.
            first_jiffy: u64::from((300 * per_second as u32).wrapping_neg()),
            jiffy,
            map,
        })
    }

    /// From now on watches the network namespace at the kernel address `namespace`, whose interfaces have numbers from
    /// `unique_index` on, a multiple of 256. Without it, fragments that time out in the context of others are not seen.
    pub(super) fn look_at(
        &mut self,
        namespace: u64,
        unique_index: Option<u32>,
        btf: &Btf,
        peek: &Peek,
    ) -> Result<(), String> {
        let operations = namespace + (btf.offset("net", "ns")? + btf.offset("ns_common", "ops")?) as u64;
        let operations = peek.word(operations).map_err(|error| format!("reading kernel memory: {error}"))?;
        self.map.store(FIRST_INDEX, unique_index.map_or(NO_INDEX, u64::from));
        self.map.store(NAMESPACE, namespace);
        self.map.store(OPERATIONS, operations);
        self.is_fresh = true;
        Ok(())
    }

    /// A step of the calling thread begins. A timer may fire between two steps: what it drops belongs to the later one, as
    /// the frames that it sends do. Only what setting up the namespace dropped is forgotten.
    pub(in super::super) fn begin(&mut self, thread: u32) {
        if std::mem::take(&mut self.is_fresh) {
            self.taken = self.map.load(COUNT);
        }
        self.map.store(JIFFIES, 0);
        self.map.store(THREAD, u64::from(thread));
    }

    /// Whether there are drops to be taken.
    pub(in super::super) fn has_dropped(&self) -> bool {
        self.map.load(COUNT) != self.taken
    }

    /// The step is over: what the thread does now is no concern of the DUT.
    pub(in super::super) fn end(&self) {
        self.map.store(THREAD, 0);
    }

    /// Appends the drops since the last call, or since the first step in this namespace. Returns how many more there were than fit.
    pub(in super::super) fn take_drops(&mut self, drops: &mut Vec<PacketDrop>) -> u64 {
        let count = self.map.load(COUNT);
        let lost = (count - self.taken).saturating_sub(SLOTS as u64);
        self.taken += lost;
        while self.taken < count {
            let slot = RING + (self.taken as usize % SLOTS) * 16;
            let (place, reason) = (self.map.load(slot), self.map.load(slot + 8));
            let known = self.reasons.get(&reason).copied();
            let reason = known.map_or_else(|| Cow::Owned(reason.to_string()), Cow::Borrowed);
            drops.push(PacketDrop { reason, location: self.place(place).map(Cow::Borrowed) });
            self.taken += 1;
        }
        lost
    }

    /// The kernel function that `address` lies in.
    fn place(&mut self, address: u64) -> Option<&'static str> {
        if let Some(known) = self.places.get(&address) {
            return *known;
        }
        self.map.store(LOCATION, address);
        let name = bpf::run(&self.symbol).ok().map(|()| {
            let words = (SYMBOL..SYMBOL + SYMBOL_LEN).step_by(8).map(|offset| self.map.load(offset));
            let octets: Vec<u8> = words.flat_map(u64::to_ne_bytes).take_while(|octet| *octet != 0).collect();
            kept(&String::from_utf8_lossy(&octets))
        });
        self.places.insert(address, name);
        name
    }

    /// The time at which the first frame of this step came in, in whole jiffies since boot; `None` if none did.
    pub(in super::super) fn frame_time(&self) -> Option<std::time::Duration> {
        let jiffies = self.map.load(JIFFIES);
        (jiffies != 0).then(|| self.since_boot(jiffies))
    }

    /// The present in whole jiffies since boot.
    pub(in super::super) fn now(&self) -> io::Result<std::time::Duration> {
        self.map.store(JIFFIES, 0);
        bpf::run(&self.now)?;
        Ok(self.since_boot(self.map.load(JIFFIES)))
    }

    /// The time that the kernel's counter stands for, since boot.
    pub(super) fn since_boot(&self, jiffies: u64) -> std::time::Duration {
        let count = jiffies.saturating_sub(self.first_jiffy);
        std::time::Duration::from_nanos(count * u64::from(self.jiffy.subsec_nanos()))
    }
}

/// `name`, kept until the process ends: the kernel has few names, and the same for every DUT.
fn kept(name: &str) -> &'static str {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    // A set of names stays whole whatever happened to the thread that held it.
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.get(name) {
        return known;
    }
    let name: &'static str = Box::leak(name.into());
    names.insert(name);
    name
}

/// Notes (place, reason) of every dropped packet that is ours, on `kfree_skb(skb, location, reason, …)`.
fn drop_program(map: &SharedMap, btf: &Btf) -> Result<Vec<u64>, String> {
    let device = btf.offset("sk_buff", "dev")? as i32;
    let protocol = btf.offset("sk_buff", "protocol")? as i32;
    let came_in_by = btf.offset("sk_buff", "skb_iif")? as i32;
    let socket = btf.offset("sk_buff", "sk")? as i32;
    let namespace_of_socket =
        (btf.offset("sock", "__sk_common")? + btf.offset("sock_common", "skc_net")?) as i32;
    let namespace_of_device = btf.offset("net_device", "nd_net")? as i32;
    let operations = (btf.offset("net", "ns")? + btf.offset("ns_common", "ops")?) as i32;
    let mut reasons = btf.enumerators("SKB_DROP_REASON_");
    let time_out =
        reasons.find(|(name, _)| *name == "FRAG_REASM_TIMEOUT").map_or(-1, |(_, value)| value as i32);

    let mut program = Assembler::default();
    let [other_thread, small, any, no_socket, no_device, ours, out] = [(); 7].map(|()| program.label());
    program.copy(R6, R1).map_value(R7, map.number(), 0).load(R8, R6, 0);
    // R9: whether this is the thread that takes the step.
    program.call(Helper::CurrentThread).copy_low(R0, R0).load(R1, R7, THREAD as i16).set(R9, 0);
    program.jump_unless_equal(R0, R1, other_thread).set(R9, 1).place(other_thread);
    // The upper 24 bits of the number of the interface it came in by, where there are any, are ours or not.
    program.copy(R3, R8).add(R3, came_in_by).peek(-8, 4).load_word(R1, R10, -8).and(R1, !0xff);
    program.jump_if_is(R1, 0, small).load(R2, R7, FIRST_INDEX as i16).jump_if_equal(R1, R2, ours);
    program.jump_if_equal(R1, R1, out).place(small);
    // Small numbers are those of the loopback device, of which every namespace has its own, and of the machine's devices:
    // TCP takes the device away from what it drops.
    program.load(R2, R7, FIRST_INDEX as i16).jump_if_is(R2, NO_INDEX as i32, any);
    program.load_word(R1, R10, -8).jump_if_is(R1, 0, any).jump_unless_is(R1, LOOPBACK_INDEX, out).place(any);
    // Fragments without such a number may be those of any world that ends now.
    program.load(R3, R6, 16).jump_if_is(R3, time_out, out);
    // A socket that is closed purges what it has not read. What waits for one has no device any more, UDP keeps other
    // things in its place; the socket has a namespace.
    program.copy(R3, R8).add(R3, socket).peek(-8, 8).load(R3, R10, -8).jump_if_is(R3, 0, no_socket);
    program.add(R3, namespace_of_socket).peek(-8, 8).jump_unless_is(R0, 0, no_socket);
    program.load(R3, R10, -8).load(R1, R7, NAMESPACE as i16).jump_if_equal(R3, R1, ours);
    program.add(R3, operations).peek(-8, 8).jump_unless_is(R0, 0, no_socket);
    program.load(R1, R10, -8).load(R2, R7, OPERATIONS as i16).jump_if_equal(R1, R2, out);
    program.place(no_socket);
    // The packet's device, and the device's namespace.
    program.copy(R3, R8).add(R3, device).peek(-8, 8).load(R3, R10, -8).jump_if_is(R3, 0, no_device);
    program.add(R3, namespace_of_device).peek(-8, 8).jump_unless_is(R0, 0, no_device);
    program.load(R3, R10, -8).load(R1, R7, NAMESPACE as i16).jump_if_equal(R3, R1, ours);
    // Another namespace, or a word that is no device: only the former has a namespace's operations.
    program.add(R3, operations).peek(-8, 8).jump_unless_is(R0, 0, no_device);
    program.load(R1, R10, -8).load(R2, R7, OPERATIONS as i16).jump_if_equal(R1, R2, out);
    program.place(no_device).jump_if_is(R9, 0, out).place(ours);
    // Only IPv4; the field is in network byte order.
    program.copy(R3, R8).add(R3, protocol).peek(-8, 2).load_short(R1, R10, -8);
    program.jump_unless_is(R1, i32::from(0x0800u16.to_be()), out);
    program.set(R1, 1).fetch_add(R7, COUNT as i16, R1).and(R1, SLOTS as i32 - 1).shift_left(R1, 4);
    program.copy(R2, R7).add_register(R2, R1);
    program.load(R3, R6, 8).store(R2, RING as i16, R3).load(R3, R6, 16).store(R2, RING as i16 + 8, R3);
    program.place(out).end();
    Ok(program.finish())
}

/// Notes the jiffy of the first frame of a step, on `netif_receive_skb(skb)`.
fn frame_program(map: &SharedMap) -> Vec<u64> {
    let mut program = Assembler::default();
    let out = program.label();
    program.map_value(R7, map.number(), 0).call(Helper::CurrentThread).copy_low(R0, R0);
    program.load(R1, R7, THREAD as i16).jump_unless_equal(R0, R1, out);
    program.load(R1, R7, JIFFIES as i16).jump_unless_is(R1, 0, out);
    program.call(Helper::Jiffies).store(R7, JIFFIES as i16, R0).place(out).end();
    program.finish()
}

/// Notes the present jiffy.
fn now_program(map: &SharedMap) -> Vec<u64> {
    let mut program = Assembler::default();
    program.map_value(R7, map.number(), 0).call(Helper::Jiffies).store(R7, JIFFIES as i16, R0).end();
    program.finish()
}

/// Writes the name of the function at `LOCATION` to `SYMBOL`, as the kernel spells it.
fn symbol_program(map: &SharedMap, format: &OwnedFd) -> Vec<u64> {
    let mut program = Assembler::default();
    program.map_value(R1, map.number(), SYMBOL).set(R2, SYMBOL_LEN as i32);
    program.map_value(R3, format.as_raw_fd(), 0).map_value(R4, map.number(), LOCATION).set(R5, 8);
    program.call(Helper::Format).end();
    program.finish()
}
