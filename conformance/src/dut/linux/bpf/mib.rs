//! All MIB counters of a namespace in one system call.
//!
//! A program copies the kernel's own counter blocks, those of every CPU, into memory that this process shares; that
//! takes about a microsecond, where formatting and parsing `/proc/net/snmp` and `netstat` takes fifty.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::OnceLock;

use super::super::sys::bpf::{self, SharedMap};
use super::Peek;
use super::assembler::{Assembler, Helper, R0, R1, R2, R3, R7, R8, R10};
use super::btf::Btf;
use super::queue::{self, Queue};
use crate::model::{CounterId, Counters};

/// With more CPUs than this a snapshot costs more than the packet it is about.
const CHEAP_CPUS: usize = 8;

/// A block of counters that exists once per CPU.
struct Source {
    /// Member of `struct net` and, inside it, the member that points to the block.
    members: (&'static str, &'static str, &'static str),
    /// Octets of one counter.
    width: usize,
    /// Names of the counters and of the enumerators or members that say where they are.
    counters: &'static [(&'static str, &'static str)],
}

const SOURCES: &[Source] = &[
    Source {
        members: ("mib", "netns_mib", "ip_statistics"),
        width: 8,
        counters: &[
            ("Ip.InReceives", "IPSTATS_MIB_INPKTS"),
            ("Ip.InHdrErrors", "IPSTATS_MIB_INHDRERRORS"),
            ("Ip.InAddrErrors", "IPSTATS_MIB_INADDRERRORS"),
            ("Ip.ForwDatagrams", "IPSTATS_MIB_OUTFORWDATAGRAMS"),
            ("Ip.InUnknownProtos", "IPSTATS_MIB_INUNKNOWNPROTOS"),
            ("Ip.InDiscards", "IPSTATS_MIB_INDISCARDS"),
            ("Ip.InDelivers", "IPSTATS_MIB_INDELIVERS"),
            ("Ip.OutRequests", "IPSTATS_MIB_OUTREQUESTS"),
            ("Ip.OutDiscards", "IPSTATS_MIB_OUTDISCARDS"),
            ("Ip.OutNoRoutes", "IPSTATS_MIB_OUTNOROUTES"),
            ("Ip.ReasmTimeout", "IPSTATS_MIB_REASMTIMEOUT"),
            ("Ip.ReasmReqds", "IPSTATS_MIB_REASMREQDS"),
            ("Ip.ReasmOKs", "IPSTATS_MIB_REASMOKS"),
            ("Ip.ReasmFails", "IPSTATS_MIB_REASMFAILS"),
            ("Ip.FragOKs", "IPSTATS_MIB_FRAGOKS"),
            ("Ip.FragFails", "IPSTATS_MIB_FRAGFAILS"),
            ("Ip.FragCreates", "IPSTATS_MIB_FRAGCREATES"),
            ("Ip.OutTransmits", "IPSTATS_MIB_OUTPKTS"),
            ("IpExt.InNoRoutes", "IPSTATS_MIB_INNOROUTES"),
            ("IpExt.InTruncatedPkts", "IPSTATS_MIB_INTRUNCATEDPKTS"),
            ("IpExt.InMcastPkts", "IPSTATS_MIB_INMCASTPKTS"),
            ("IpExt.OutMcastPkts", "IPSTATS_MIB_OUTMCASTPKTS"),
            ("IpExt.InBcastPkts", "IPSTATS_MIB_INBCASTPKTS"),
            ("IpExt.OutBcastPkts", "IPSTATS_MIB_OUTBCASTPKTS"),
            ("IpExt.InOctets", "IPSTATS_MIB_INOCTETS"),
            ("IpExt.OutOctets", "IPSTATS_MIB_OUTOCTETS"),
            ("IpExt.InMcastOctets", "IPSTATS_MIB_INMCASTOCTETS"),
            ("IpExt.OutMcastOctets", "IPSTATS_MIB_OUTMCASTOCTETS"),
            ("IpExt.InBcastOctets", "IPSTATS_MIB_INBCASTOCTETS"),
            ("IpExt.OutBcastOctets", "IPSTATS_MIB_OUTBCASTOCTETS"),
            ("IpExt.InCsumErrors", "IPSTATS_MIB_CSUMERRORS"),
            ("IpExt.InNoECTPkts", "IPSTATS_MIB_NOECTPKTS"),
            ("IpExt.InECT1Pkts", "IPSTATS_MIB_ECT1PKTS"),
            ("IpExt.InECT0Pkts", "IPSTATS_MIB_ECT0PKTS"),
            ("IpExt.InCEPkts", "IPSTATS_MIB_CEPKTS"),
            ("IpExt.ReasmOverlaps", "IPSTATS_MIB_REASM_OVERLAPS"),
        ],
    },
    Source {
        members: ("mib", "netns_mib", "icmp_statistics"),
        width: 8,
        counters: &[
            ("Icmp.InMsgs", "ICMP_MIB_INMSGS"),
            ("Icmp.InErrors", "ICMP_MIB_INERRORS"),
            ("Icmp.InCsumErrors", "ICMP_MIB_CSUMERRORS"),
            ("Icmp.OutMsgs", "ICMP_MIB_OUTMSGS"),
            ("Icmp.OutErrors", "ICMP_MIB_OUTERRORS"),
            ("Icmp.OutRateLimitGlobal", "ICMP_MIB_RATELIMITGLOBAL"),
            ("Icmp.OutRateLimitHost", "ICMP_MIB_RATELIMITHOST"),
        ],
    },
    Source {
        members: ("mib", "netns_mib", "tcp_statistics"),
        width: 8,
        counters: &[
            ("Tcp.ActiveOpens", "TCP_MIB_ACTIVEOPENS"),
            ("Tcp.PassiveOpens", "TCP_MIB_PASSIVEOPENS"),
            ("Tcp.AttemptFails", "TCP_MIB_ATTEMPTFAILS"),
            ("Tcp.EstabResets", "TCP_MIB_ESTABRESETS"),
            ("Tcp.InSegs", "TCP_MIB_INSEGS"),
            ("Tcp.OutSegs", "TCP_MIB_OUTSEGS"),
            ("Tcp.RetransSegs", "TCP_MIB_RETRANSSEGS"),
            ("Tcp.InErrs", "TCP_MIB_INERRS"),
            ("Tcp.OutRsts", "TCP_MIB_OUTRSTS"),
            ("Tcp.InCsumErrors", "TCP_MIB_CSUMERRORS"),
        ],
    },
    Source { members: ("mib", "netns_mib", "udp_statistics"), width: 8, counters: UDP },
    Source { members: ("mib", "netns_mib", "udplite_statistics"), width: 8, counters: UDP_LITE },
    Source {
        members: ("mib", "netns_mib", "net_statistics"),
        width: 8,
        counters: &[
            ("TcpExt.IPReversePathFilter", "LINUX_MIB_IPRPFILTER"),
            ("TcpExt.OutOfWindowIcmps", "LINUX_MIB_OUTOFWINDOWICMPS"),
            ("TcpExt.LockDroppedIcmps", "LINUX_MIB_LOCKDROPPEDICMPS"),
            ("TcpExt.ListenDrops", "LINUX_MIB_LISTENDROPS"),
        ],
    },
    Source {
        members: ("ct", "netns_ct", "stat"),
        width: 4,
        counters: &[
            ("Conntrack.found", "found"),
            ("Conntrack.invalid", "invalid"),
            ("Conntrack.insert", "insert"),
            ("Conntrack.insert_failed", "insert_failed"),
            ("Conntrack.drop", "drop"),
            ("Conntrack.early_drop", "early_drop"),
            ("Conntrack.icmp_error", "error"),
            ("Conntrack.clash_resolve", "clash_resolve"),
            ("Conntrack.chain_toolong", "chaintoolong"),
        ],
    },
];

const UDP: &[(&str, &str)] = &[
    ("Udp.InDatagrams", "UDP_MIB_INDATAGRAMS"),
    ("Udp.NoPorts", "UDP_MIB_NOPORTS"),
    ("Udp.InErrors", "UDP_MIB_INERRORS"),
    ("Udp.OutDatagrams", "UDP_MIB_OUTDATAGRAMS"),
    ("Udp.RcvbufErrors", "UDP_MIB_RCVBUFERRORS"),
    ("Udp.SndbufErrors", "UDP_MIB_SNDBUFERRORS"),
    ("Udp.InCsumErrors", "UDP_MIB_CSUMERRORS"),
    ("Udp.IgnoredMulti", "UDP_MIB_IGNOREDMULTI"),
    ("Udp.MemErrors", "UDP_MIB_MEMERRORS"),
];

const UDP_LITE: &[(&str, &str)] = &[
    ("UdpLite.InDatagrams", "UDP_MIB_INDATAGRAMS"),
    ("UdpLite.NoPorts", "UDP_MIB_NOPORTS"),
    ("UdpLite.InErrors", "UDP_MIB_INERRORS"),
    ("UdpLite.OutDatagrams", "UDP_MIB_OUTDATAGRAMS"),
    ("UdpLite.RcvbufErrors", "UDP_MIB_RCVBUFERRORS"),
    ("UdpLite.SndbufErrors", "UDP_MIB_SNDBUFERRORS"),
    ("UdpLite.InCsumErrors", "UDP_MIB_CSUMERRORS"),
    ("UdpLite.IgnoredMulti", "UDP_MIB_IGNOREDMULTI"),
    ("UdpLite.MemErrors", "UDP_MIB_MEMERRORS"),
];

/// One counter of one CPU in the copies.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// The counter's slot in [`Counters`].
    slot: usize,
    /// Octets from the start of the copies.
    offset: usize,
    /// Octets of the counter.
    width: usize,
}

/// Where a range of the kernel's memory starts, relative to what is known of a namespace.
#[derive(Debug)]
struct Origin {
    /// Offset in `struct net` of the pointer to the block.
    pointer: usize,
    /// To be added to that pointer.
    offset: u64,
}

/// Reads the counters of one namespace at a time.
#[derive(Debug)]
pub(in super::super) struct MibReader {
    map: SharedMap,
    program: OwnedFd,
    /// The tracepoint; the program runs as long as this lives.
    _link: OwnedFd,
    /// Every counter of every CPU.
    places: Vec<Place>,
    /// Where the copy of the counters by ICMP type starts.
    by_type: usize,
    /// Where to look in a namespace, in the order of the addresses in the map.
    origins: Vec<Origin>,
    cpus: usize,
    /// Where the entries of the queues are.
    queues: usize,
}

impl MibReader {
    /// Loads the program that takes the snapshots.
    pub(super) fn new(btf: &Btf, peek: &Peek) -> Result<Self, String> {
        let cpus = cpu_offsets(btf, peek)?;
        let mut plan = Plan::default();
        let mut places = Vec::new();
        for source in SOURCES {
            let (outer, structure, member) = source.members;
            // A kernel without this block has none of its counters.
            let Ok(inner) = btf.offset(structure, member) else { continue };
            let pointer = btf.offset("net", outer)? + inner;
            let known =
                |(name, at): &(&str, &str)| Some((CounterId::by_name(name)?, offset_of(btf, source, at)?));
            let counters: Vec<_> = source.counters.iter().filter_map(known).collect();
            let groups = neighbors(counters);
            // All of one CPU after all of the other: an address is looked up once for a pointer.
            for (cpu, counters) in cpus.iter().flat_map(|cpu| groups.iter().map(move |group| (cpu, group))) {
                let (first, end) = (counters[0].1, counters[counters.len() - 1].1 + source.width);
                let copy = plan.add(Origin { pointer, offset: cpu.wrapping_add(first as u64) }, end - first);
                places.extend(counters.iter().map(|(id, offset)| Place {
                    slot: id.slot(),
                    offset: copy + offset - first,
                    width: source.width,
                }));
            }
        }
        let messages =
            ["Icmp.InMsgs", "Icmp.OutMsgs"].map(|name| CounterId::by_name(name).map(CounterId::slot));
        let counts = places.iter().filter(|place| messages.contains(&Some(place.slot)));
        let pointer = btf.offset("net", "mib")? + btf.offset("netns_mib", "icmpmsg_statistics")?;
        let queues = plan.reserve(queue::LEN);
        let by_type = plan.add_last(pointer, counts.map(|place| place.offset).collect());
        let said = |error: io::Error| format!("loading a BPF program: {error}");
        let (map, program, origins) = plan.finish(queues).map_err(said)?;
        let said = |error: io::Error| format!("attaching to a tracepoint: {error}");
        let link = bpf::attach(&program, c"consume_skb").map_err(said)?;
        Ok(Self { _link: link, map, program, places, by_type, origins, cpus: cpus.len(), queues })
    }

    /// From now on reads the counters of the namespace at the kernel address `namespace`.
    pub(super) fn look_at(&mut self, namespace: u64, peek: &Peek) -> io::Result<()> {
        let mut known = None;
        for (number, origin) in self.origins.iter().enumerate() {
            let block = match known {
                Some((pointer, block)) if pointer == origin.pointer => block,
                _ => peek.word(namespace + origin.pointer as u64)?,
            };
            known = Some((origin.pointer, block));
            self.map.store(number * 8, block.wrapping_add(origin.offset));
        }
        // No sum of messages is this large, so the next snapshot has the counters by type as well.
        self.map.store(MESSAGES, u64::MAX);
        self.map.store(OF_HIGH_TYPES, u64::MAX);
        Ok(())
    }

    /// Whether a snapshot costs no more than a packet.
    pub(in super::super) fn is_cheap(&self) -> bool {
        self.cpus <= CHEAP_CPUS
    }

    /// Looks at `queues` from now on, whenever counters are copied.
    pub(super) fn look_at_queues(&self, queues: &[Queue<'_>], btf: &Btf, peek: &Peek) -> Result<(), String> {
        queue::look_at(&self.map, self.queues, queues, btf, peek)
    }

    /// How much waited in queue number `number` when counters were last copied. `None`: some.
    pub(in super::super) fn waiting(&self, number: usize) -> Option<usize> {
        queue::waiting(&self.map, self.queues, number)
    }

    /// Copies all counters as they are now, on behalf of the thread with this number, which calls.
    pub(in super::super) fn copy(&self, thread: u32) -> io::Result<()> {
        self.copy_when_freed(thread);
        bpf::run(&self.program)
    }

    /// Has all counters copied when the thread with this number next frees a packet: the one that it reads. That saves a
    /// call.
    pub(in super::super) fn copy_when_freed(&self, thread: u32) {
        self.map.store(THREAD, u64::from(thread));
    }

    /// Whether they were copied since one of the two was called.
    pub(in super::super) fn is_copied(&self) -> bool {
        self.map.load(THREAD) == 0
    }

    /// Tells all counters since the namespace was made, as they were last copied.
    pub(in super::super) fn tell(&self, counters: &mut Counters) {
        let first = CounterId::icmp_in_type(0).slot();
        let slots = counters.slots_mut();
        slots[..first].fill(0);
        for place in &self.places {
            slots[place.slot] += self.value(place) as i64;
        }
        self.map.load_all(self.by_type, &mut slots[first..first + BY_TYPE / 8]);
    }

    /// The jiffy at which they were last read.
    pub(super) fn jiffies(&self) -> u64 {
        self.map.load(JIFFIES)
    }

    fn value(&self, place: &Place) -> u64 {
        let word = self.map.load(place.offset & !7);
        // The half that a narrow counter is in depends on the machine's order of octets.
        match (place.width, place.offset.is_multiple_of(8) == cfg!(target_endian = "little")) {
            (8, _) => word,
            (_, true) => word & 0xffff_ffff,
            (_, false) => word >> 32,
        }
    }
}

/// Octets between two counters from which on it is cheaper to copy them one by one.
const WIDE: usize = 128;

/// Counters, in the order of their offsets, in groups with nothing wide between them.
fn neighbors(mut counters: Vec<(CounterId, usize)>) -> Vec<Vec<(CounterId, usize)>> {
    counters.sort_by_key(|(_, offset)| *offset);
    counters.chunk_by(|(_, one), (_, next)| next - one <= WIDE).map(<[_]>::to_vec).collect()
}

/// Offset in its block of the counter that `at` names: an enumerator, or a member where the block is a structure.
fn offset_of(btf: &Btf, source: &Source, at: &str) -> Option<usize> {
    match source.width {
        4 => btf.offset("ip_conntrack_stat", at).ok(),
        width => usize::try_from(btf.enumerator(at)?).ok().map(|number| number * width),
    }
}

/// Layout of the map in octets: addresses, eight for each of 510 CPUs; the thread that has them copied, 0 once they are;
/// how many of the ICMP messages were of no low type
/// when the counters of the others were last copied; the jiffy at which the copies were made; the ICMP messages that were
/// counted when the counters by type were last copied; the copies.
const THREAD: usize = (1 << 15) - 32;
const OF_HIGH_TYPES: usize = (1 << 15) - 24;
const JIFFIES: usize = (1 << 15) - 16;
const MESSAGES: usize = (1 << 15) - 8;
const COPIES: usize = 1 << 15;

/// Octets of the counters by ICMP type: 256 each way.
const BY_TYPE: usize = 512 * 8;
/// Octets of the low types among them, each way: all that stacks send and most of what comes in.
const LOW: usize = 24 * 8;

/// What the program is to copy.
#[derive(Default)]
struct Plan {
    /// From where, how many octets, to where.
    ranges: Vec<(Origin, usize, usize)>,
    /// Octets of copies so far.
    len: usize,
    /// Where the copied numbers of ICMP messages are.
    counts: Vec<usize>,
}

impl Plan {
    /// Adds a range of `len` octets and returns where its copy will be.
    fn add(&mut self, origin: Origin, len: usize) -> usize {
        let copy = COPIES + self.len;
        self.ranges.push((origin, len, copy));
        self.len += len.next_multiple_of(8);
        copy
    }

    /// Makes room for `len` octets that are no copies of counters, and returns where it is.
    fn reserve(&mut self, len: usize) -> usize {
        self.len += len;
        COPIES + self.len - len
    }

    /// Adds the counters by ICMP type, those of the low types each way first. They are copied only when one of the numbers
    /// of messages at `counts` has changed, because they are longer than all the others together.
    fn add_last(&mut self, pointer: usize, counts: Vec<usize>) -> usize {
        self.counts = counts;
        let at = |offset: usize| Origin { pointer, offset: offset as u64 };
        let copy = COPIES + self.len;
        self.ranges.push((at(0), LOW, copy));
        self.ranges.push((at(BY_TYPE / 2), LOW, copy + BY_TYPE / 2));
        self.add(at(0), BY_TYPE)
    }

    /// The map for addresses and copies, the program that copies, and the origins in the order of their addresses.
    fn finish(self, queues: usize) -> io::Result<(SharedMap, OwnedFd, Vec<Origin>)> {
        if self.ranges.len() * 8 > THREAD {
            return Err(io::Error::other("too many CPUs"));
        }
        let map = SharedMap::new(COPIES + self.len)?;
        let mut program = Assembler::default();
        let out = program.label();
        program.call(Helper::CurrentThread).copy_low(R0, R0).map_value(R7, map.number(), THREAD);
        program.load(R1, R7, 0).jump_unless_equal(R0, R1, out).set(R1, 0).store(R7, 0, R1);
        program.call(Helper::Jiffies).map_value(R7, map.number(), JIFFIES).store(R7, 0, R0);
        queue::add_look(&mut program, &map, queues);
        let (always, by_type) = self.ranges.split_at(self.ranges.len() - 3);
        for (number, (_, len, copy)) in always.iter().enumerate() {
            add_copy(&mut program, &map, number, *len, *copy);
        }
        program.set(R8, 0);
        for count in &self.counts {
            program.map_value(R7, map.number(), *count).load(R1, R7, 0).add_register(R8, R1);
        }
        program.map_value(R7, map.number(), MESSAGES).load(R1, R7, 0);
        program.jump_if_equal(R1, R8, out).store(R7, 0, R8);
        let (low, all) = by_type.split_at(2);
        for (number, (_, len, copy)) in (always.len()..).zip(low) {
            add_copy(&mut program, &map, number, *len, *copy);
        }
        // A message is counted by its type once at most. If as many as before are of no low type, no other type's
        // counter has moved.
        for (_, len, copy) in low {
            program.map_value(R7, map.number(), *copy);
            for offset in (0..*len).step_by(8) {
                program.load(R1, R7, offset as i16).subtract_register(R8, R1);
            }
        }
        program.map_value(R7, map.number(), OF_HIGH_TYPES).load(R1, R7, 0);
        program.jump_if_equal(R1, R8, out).store(R7, 0, R8);
        for (number, (_, len, copy)) in (always.len() + low.len()..).zip(all) {
            add_copy(&mut program, &map, number, *len, *copy);
        }
        program.place(out).end();
        let program = bpf::load(&program.finish())?;
        Ok((map, program, self.ranges.into_iter().map(|(origin, ..)| origin).collect()))
    }
}

/// Copies `len` octets from the address with this number in the map to `copy` there.
fn add_copy(program: &mut Assembler, map: &SharedMap, number: usize, len: usize, copy: usize) {
    program.map_value(R7, map.number(), number * 8).load(R3, R7, 0);
    program.map_value(R1, map.number(), copy).set(R2, len as i32).call(Helper::ProbeReadKernel);
}

/// For every CPU, how far its copy of per-CPU data lies from the address that pointers to such data hold.
///
/// The kernel keeps these numbers to itself, but they follow from a map with one value per CPU: the address of each
/// CPU's value, less the pointer that the map holds.
fn cpu_offsets(btf: &Btf, peek: &Peek) -> Result<Vec<u64>, String> {
    // They are the same for as long as the machine runs.
    static OFFSETS: OnceLock<Vec<u64>> = OnceLock::new();
    if let Some(known) = OFFSETS.get() {
        return Ok(known.clone());
    }
    let pointers = btf.offset("bpf_array", "pptrs")? as u64;
    let found =
        find_cpu_offsets(pointers, peek).map_err(|error| format!("finding the CPUs' data: {error}"))?;
    Ok(OFFSETS.get_or_init(|| found).clone())
}

fn find_cpu_offsets(pointers: u64, peek: &Peek) -> io::Result<Vec<u64>> {
    const MAP: usize = 0;
    const VALUE: usize = 8;
    let per_cpu = bpf::per_cpu_map()?;
    let map = SharedMap::new(super::super::sys::process::page_size())?;
    let mut offsets = Vec::new();
    for cpu in online_cpus() {
        let mut program = Assembler::default();
        program.map_value(R7, map.number(), 0).map(R1, per_cpu.as_raw_fd()).store(R7, MAP as i16, R1);
        // The key, which is 0, on the stack.
        program.store_number(R10, -4, 0).copy(R2, R10).add(R2, -4).set(R3, cpu).call(Helper::MapLookupPerCpu);
        program.store(R7, VALUE as i16, R0).end();
        bpf::run(&bpf::load(&program.finish())?)?;
        let pointer = peek.word(map.load(MAP) + pointers)?;
        offsets.push(map.load(VALUE).wrapping_sub(pointer));
    }
    Ok(offsets)
}

/// Numbers of the CPUs that are running, from a list such as `0-3,8`.
fn online_cpus() -> Vec<i32> {
    let text = std::fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_else(|_| "0".to_owned());
    let mut cpus = Vec::new();
    for part in text.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.parse::<i32>(), last.parse::<i32>()) {
            cpus.extend(first..=last);
        }
    }
    cpus
}
