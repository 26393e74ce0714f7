//! The reference stack with one fault: what goes in, what comes out or what is told of it is warped.

use netassay::dut::reference::ReferenceDut;
use netassay::dut::{Clock, Dut, DutError};
use netassay::model::{
    Action, ConntrackEntry, Counters, Dimensions, EmittedFrame, LinkKind, Observation, Scenario, Step,
};
use netassay::oracle::checksum::naive;
use netassay_stack::config::Profile;

/// What is wrong.
#[derive(Clone, Copy)]
pub(crate) enum Warp {
    /// Each datagram that is emitted, before it leaves.
    Emitted(fn(&mut Vec<u8>)),
    /// Each datagram that arrives, before the stack sees it; `false` loses it.
    Arriving(fn(&mut Memory, &mut Vec<u8>) -> bool),
    /// Each frame that arrives, link header included.
    Frame(fn(&mut Vec<u8>)),
    /// A datagram that is sent about one that arrived, besides what the stack does.
    Besides(fn(&mut Memory, &[u8]) -> Option<Vec<u8>>),
    /// The scenario as the stack understands it.
    Scenario(fn(&mut Scenario)),
    /// All that is seen of a step.
    Seen(fn(&Step, &mut Observation)),
    /// The counters.
    Counters(fn(&mut Counters)),
    /// The tracking table.
    Table(fn(&mut Vec<ConntrackEntry>)),
    /// The stack dies of a datagram.
    Dies(fn(&mut Memory, &[u8]) -> bool),
}

/// What a fault remembers of earlier datagrams.
#[derive(Default)]
pub(crate) struct Memory {
    /// The last first fragment.
    pub(crate) first: Option<Vec<u8>>,
    /// How many datagrams came.
    pub(crate) count: usize,
    /// Fragments that came.
    pub(crate) fragments: Vec<Vec<u8>>,
}

impl Memory {
    /// Takes note of a datagram.
    fn note(&mut self, datagram: &[u8]) {
        self.count += 1;
        if is_fragment(datagram) {
            self.fragments.push(datagram.to_vec());
        }
    }

    /// Fragments before this one that have its identification.
    pub(crate) fn mates<'m>(&'m self, datagram: &'m [u8]) -> impl Iterator<Item = &'m Vec<u8>> {
        let before = self.fragments.len().saturating_sub(1);
        self.fragments[..before].iter().filter(|it| it[4..6] == datagram[4..6])
    }
}

/// The faulty stack.
pub(crate) struct Faulty {
    inner: ReferenceDut,
    warp: Warp,
    memory: Memory,
    links: Vec<LinkKind>,
    is_dead: bool,
}

impl Faulty {
    pub(crate) fn new(warp: Warp) -> Self {
        Self {
            inner: ReferenceDut::new(Profile::Linux),
            warp,
            memory: Memory::default(),
            links: Vec::new(),
            is_dead: false,
        }
    }

    fn header(&self, interface: usize) -> usize {
        if self.links.get(interface) == Some(&LinkKind::Ethernet) { 14 } else { 0 }
    }

    /// Warps what arrives; `false` if it is lost.
    fn arrive(&mut self, interface: usize, frame: &mut Vec<u8>) -> bool {
        let header = self.header(interface).min(frame.len());
        match self.warp {
            Warp::Arriving(warp) => {
                let mut datagram = frame.split_off(header);
                if datagram.len() >= 20 {
                    self.memory.note(&datagram);
                }
                let is_kept = datagram.len() < 20 || warp(&mut self.memory, &mut datagram);
                frame.append(&mut datagram);
                is_kept
            }
            Warp::Frame(warp) => {
                warp(frame);
                true
            }
            Warp::Dies(of) => {
                if frame.len() >= header + 20 {
                    self.memory.note(&frame[header..]);
                    self.is_dead |= of(&mut self.memory, &frame[header..]);
                }
                true
            }
            _ => true,
        }
    }
}

impl Dut for Faulty {
    fn name(&self) -> String {
        "faulty".to_owned()
    }

    fn version(&self) -> String {
        self.inner.version()
    }

    fn dimensions(&self) -> Dimensions {
        self.inner.dimensions()
    }

    fn open(&mut self, scenario: &Scenario) -> Result<(), DutError> {
        let mut scenario = scenario.clone();
        if let Warp::Scenario(warp) = self.warp {
            warp(&mut scenario);
        }
        self.links = scenario.interfaces.iter().map(|it| it.link).collect();
        self.memory = Memory::default();
        self.is_dead = false;
        self.inner.open(&scenario)
    }

    fn step(&mut self, step: &Step, clock: Clock, observation: &mut Observation) -> Result<(), DutError> {
        let mut step = step.clone();
        if let Action::Inject { interface, frame } = &mut step.action {
            if !self.arrive(*interface, frame) {
                return Ok(());
            }
            if self.is_dead {
                return Err(DutError::Gone("it crashed".to_owned()));
            }
        }
        self.inner.step(&step, clock, observation)?;
        match (self.warp, &step.action) {
            (Warp::Emitted(warp), _) => {
                for frame in &mut observation.frames {
                    let header = self.header(frame.interface);
                    let mut datagram = frame.octets.split_off(header);
                    warp(&mut datagram);
                    frame.octets.append(&mut datagram);
                }
            }
            (Warp::Besides(make), Action::Inject { interface, frame }) => {
                let header = self.header(*interface);
                let datagram = frame.get(header..).filter(|it| it.len() >= 20);
                let answer = datagram.and_then(|it| {
                    self.memory.note(it);
                    make(&mut self.memory, it)
                });
                if let Some(mut answer) = answer {
                    let mut octets = frame[..header].to_vec();
                    octets.append(&mut answer);
                    observation.frames.push(EmittedFrame { interface: *interface, octets });
                }
            }
            (Warp::Seen(warp), _) => warp(&step, observation),
            _ => {}
        }
        Ok(())
    }

    fn counters(&mut self, counters: &mut Counters) -> Result<(), DutError> {
        self.inner.counters(counters)?;
        if let Warp::Counters(warp) = self.warp {
            warp(counters);
        }
        Ok(())
    }

    fn conntrack(&mut self) -> Result<Vec<ConntrackEntry>, DutError> {
        let mut table = self.inner.conntrack()?;
        if let Warp::Table(warp) = self.warp {
            warp(&mut table);
        }
        Ok(table)
    }
}

/// Octets of the header of a datagram, as far as they are there.
pub(crate) fn header_len(datagram: &[u8]) -> usize {
    (usize::from(datagram[0] & 15) * 4).clamp(20, datagram.len())
}

/// Makes the header checksum of a datagram right again.
pub(crate) fn seal_header(datagram: &mut [u8]) {
    let len = header_len(datagram);
    datagram[10..12].fill(0);
    let sum = naive(&datagram[..len]);
    datagram[10..12].copy_from_slice(&sum.to_be_bytes());
}

/// Makes the sums of a datagram right again: header and, for a whole ICMP message, ICMP.
pub(crate) fn seal(datagram: &mut [u8]) {
    let len = header_len(datagram);
    seal_header(datagram);
    if is_icmp(datagram) {
        datagram[len + 2..len + 4].fill(0);
        let sum = naive(&datagram[len..]);
        datagram[len + 2..len + 4].copy_from_slice(&sum.to_be_bytes());
    }
}

/// Whether a datagram carries a whole ICMP message.
pub(crate) fn is_icmp(datagram: &[u8]) -> bool {
    datagram.len() >= 28
        && datagram[9] == 1
        && !is_fragment(datagram)
        && datagram.len() >= header_len(datagram) + 8
}

/// Whether a datagram is a fragment.
pub(crate) fn is_fragment(datagram: &[u8]) -> bool {
    datagram[6] & 0x3f != 0 || datagram[7] != 0
}

/// Whether its offset is not zero.
pub(crate) fn is_later_fragment(datagram: &[u8]) -> bool {
    datagram[6] & 0x1f != 0 || datagram[7] != 0
}

/// Type and code of an ICMP message.
pub(crate) fn icmp_type(datagram: &[u8]) -> Option<(u8, u8)> {
    let at = header_len(datagram);
    is_icmp(datagram).then(|| (datagram[at], datagram[at + 1]))
}

/// Whether a datagram is an ICMP error.
pub(crate) fn is_error(datagram: &[u8]) -> bool {
    matches!(icmp_type(datagram), Some((3 | 4 | 5 | 11 | 12, _)))
}

/// An ICMP message about `datagram` to its source, from `10.0.0.1`.
pub(crate) fn answer(datagram: &[u8], icmp_type: u8, code: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![0x45, 0, 0, 0, 0, 7, 0, 0, 64, 1, 0, 0, 10, 0, 0, 1];
    out.extend_from_slice(&datagram[12..16]);
    out.extend([icmp_type, code, 0, 0, 0, 0, 0, 0]);
    out.extend_from_slice(body);
    let len = out.len() as u16;
    out[2..4].copy_from_slice(&len.to_be_bytes());
    seal(&mut out);
    out
}

/// Payload octets from where to where a fragment carries.
pub(crate) fn range(datagram: &[u8]) -> (usize, usize) {
    let start = usize::from(u16::from_be_bytes([datagram[6], datagram[7]]) & 0x1fff) * 8;
    let total = usize::from(u16::from_be_bytes([datagram[2], datagram[3]])).min(datagram.len());
    (start, start + total.saturating_sub(header_len(datagram)))
}

/// Whether more fragments follow.
pub(crate) fn has_more(datagram: &[u8]) -> bool {
    datagram[6] & 0x20 != 0
}

/// The options of a datagram, one after the other, as far as their lengths lead: kind, length octet, place.
pub(crate) fn options(datagram: &[u8]) -> Vec<(u8, usize, usize)> {
    let (mut at, end) = (20, header_len(datagram));
    let mut found = Vec::new();
    while at < end {
        let kind = datagram[at];
        if kind == 0 {
            break;
        }
        let len = if kind == 1 { 1 } else { datagram.get(at + 1).map_or(0, |it| usize::from(*it)) };
        found.push((kind, len, at));
        at += if kind == 1 { 1 } else { len.max(2) };
    }
    found
}

/// The quoted datagram of an ICMP error.
pub(crate) fn quote(datagram: &[u8]) -> Option<&[u8]> {
    is_error(datagram).then(|| &datagram[header_len(datagram) + 8..])
}
