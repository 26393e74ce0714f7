//! What BPF programs tell of the kernel from inside: why packets were dropped, at which jiffy a frame came in, and
//! all MIB counters in about a microsecond.
//!
//! Needs the privilege to load tracing programs. Everything is found through the kernel's own type information.

mod assembler;
pub(super) mod btf;
mod mib;
mod queue;
mod witness;

use mib::MibReader;
pub(super) use queue::Queue;
use witness::Witness;

use std::io;

use super::sys::bpf::{self, SharedMap};
use assembler::{Assembler, Helper, R1, R2, R3, R7};
use btf::Btf;

/// All that BPF gives to one DUT.
#[derive(Debug)]
pub(super) struct Instruments {
    /// Drops and jiffies.
    pub(super) witness: Witness,
    /// Counters.
    pub(super) mib: MibReader,
    peek: Peek,
}

impl Instruments {
    /// Loads all programs; on failure says what stood in the way.
    pub(super) fn new() -> Result<Self, String> {
        let btf = btf::running_kernel()?;
        let peek = Peek::new().map_err(|error| format!("loading a BPF program: {error}"))?;
        Ok(Self { witness: Witness::new(btf)?, mib: MibReader::new(btf, &peek)?, peek })
    }

    /// From now on watches the network namespace of the calling thread, whose interfaces have numbers from
    /// `unique_index` on, if no others on this machine have those.
    pub(super) fn look_at_own_namespace(&mut self, unique_index: Option<u32>) -> Result<(), String> {
        let btf = btf::running_kernel()?;
        let namespace = self.peek.network_namespace(btf)?;
        self.witness.look_at(namespace, unique_index, btf, &self.peek)?;
        self.mib.look_at(namespace, &self.peek).map_err(|error| format!("reading kernel memory: {error}"))
    }
}

impl Instruments {
    /// From now on looks at `queues` whenever counters are copied. On failure, at none.
    pub(super) fn look_at_queues(&self, queues: &[Queue<'_>]) -> Result<(), String> {
        self.mib.look_at_queues(queues, btf::running_kernel()?, &self.peek)
    }

    /// When the counters were last read, in whole jiffies since boot.
    pub(super) fn counted_at(&self) -> std::time::Duration {
        self.witness.since_boot(self.mib.jiffies())
    }
}

/// Reads kernel memory word by word, on behalf of the calling thread.
#[derive(Debug)]
struct Peek {
    map: SharedMap,
    program: std::os::fd::OwnedFd,
}

impl Peek {
    const ADDRESS: usize = 0;
    const VALUE: usize = 8;
    const TASK: usize = 16;

    fn new() -> io::Result<Self> {
        let map = SharedMap::new(super::sys::process::page_size())?;
        let mut program = Assembler::default();
        program.map_value(R7, map.number(), 0).call(Helper::CurrentTask).store(R7, Self::TASK as i16, 0);
        program.load(R3, R7, Self::ADDRESS as i16).copy(R1, R7).add(R1, Self::VALUE as i32);
        program.set(R2, 8).call(Helper::ProbeReadKernel).end();
        let program = bpf::load(&program.finish())?;
        Ok(Self { map, program })
    }

    /// The word at the kernel address `address`.
    fn word(&self, address: u64) -> io::Result<u64> {
        self.map.store(Self::ADDRESS, address);
        bpf::run(&self.program)?;
        Ok(self.map.load(Self::VALUE))
    }

    /// What the file behind the descriptor `number` of this process is to those who made it.
    fn private_data(&self, number: i32, btf: &Btf) -> Result<u64, String> {
        let said = |error: io::Error| format!("reading kernel memory: {error}");
        bpf::run(&self.program).map_err(said)?;
        let follow = |at: u64, structure, member| {
            btf.offset(structure, member).and_then(|offset| self.word(at + offset as u64).map_err(said))
        };
        let files = follow(self.map.load(Self::TASK), "task_struct", "files")?;
        let descriptors = follow(follow(files, "files_struct", "fdt")?, "fdtable", "fd")?;
        let file = self.word(descriptors + u64::from(number.unsigned_abs()) * 8).map_err(said)?;
        follow(file, "file", "private_data")
    }

    /// Address of the network namespace of the calling thread.
    fn network_namespace(&self, btf: &Btf) -> Result<u64, String> {
        let said = |error: io::Error| format!("reading kernel memory: {error}");
        bpf::run(&self.program).map_err(said)?;
        let task = self.map.load(Self::TASK);
        let proxy = self.word(task + btf.offset("task_struct", "nsproxy")? as u64).map_err(said)?;
        self.word(proxy + btf.offset("nsproxy", "net_ns")? as u64).map_err(said)
    }
}
