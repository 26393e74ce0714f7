//! The second pass: the packets of a capture as steps.

use std::time::Duration;

use super::super::datagrams::DatagramReader;
use super::super::error::CaptureError;
use super::super::input::CutOff;
use super::super::link::LinkClass;
use super::super::skip::Skips;
use super::plan::Plan;
use crate::model::{Action, LinkKind, Step};

/// The station that all frames of a capture seem to come from on an Ethernet scenario.
const PEER: [u8; 6] = [0x02, 0, 0, 0, 0, 0xfe];
/// The hardware address of an interface that has none given.
const DEFAULT_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x01];
const ETHER_TYPE_IPV4: [u8; 2] = [0x08, 0x00];

/// Yields the steps of a planned capture. Use it as an iterator, or with [`Replay::next_into`] to reuse one step.
///
/// At any time, [`Replay::packets`] = [`Replay::steps`] + the total of [`Replay::skips`].
pub struct Replay {
    reader: DatagramReader,
    plan: Plan,
    /// Hardware address of each interface, where it is Ethernet.
    macs: Vec<Option<[u8; 6]>>,
    first_ns: Option<i64>,
    at: Duration,
    packets: u64,
    steps: u64,
    skips: Skips,
    turned_back: u64,
    readdressed: u64,
    has_ended: bool,
}

impl Replay {
    pub(super) fn new(reader: DatagramReader, plan: Plan) -> Self {
        let macs = plan.scenario().interfaces.iter().map(|interface| match interface.link {
            LinkKind::Ip => None,
            LinkKind::Ethernet => Some(interface.mac.as_deref().and_then(mac_octets).unwrap_or(DEFAULT_MAC)),
        });
        let macs = macs.collect();
        Self {
            reader,
            plan,
            macs,
            first_ns: None,
            at: Duration::ZERO,
            packets: 0,
            steps: 0,
            skips: Skips::default(),
            turned_back: 0,
            readdressed: 0,
            has_ended: false,
        }
    }

    /// Writes the next step over `step`, whose buffer is reused. False at the end.
    ///
    /// # Errors
    /// If the file breaks its format. There is no next step then; what was read stands.
    pub fn next_into(&mut self, step: &mut Step) -> Result<bool, CaptureError> {
        while !self.has_ended {
            let arrival = match self.reader.next() {
                Ok(Some(arrival)) => arrival,
                Ok(None) => break,
                Err(error) => {
                    self.has_ended = true;
                    return Err(error);
                }
            };
            self.packets += 1;
            if let Some(time) = arrival.time_ns {
                // A capture's clock may have been set back; a step's time never goes back.
                let since = time.saturating_sub(*self.first_ns.get_or_insert(time));
                let since = Duration::from_nanos(u64::try_from(since).unwrap_or(0));
                self.turned_back += u64::from(since < self.at);
                self.at = self.at.max(since);
            }
            let steered =
                arrival.datagram.and_then(|datagram| Ok((datagram, self.plan.steer(datagram.octets)?)));
            match steered {
                Ok((datagram, interface)) => {
                    self.steps += 1;
                    let mut frame = take_buffer(&mut step.action);
                    if let Some(mac) = self.macs[interface] {
                        frame.extend(destination(datagram.class, mac, datagram.octets));
                        frame.extend(PEER);
                        frame.extend(ETHER_TYPE_IPV4);
                    }
                    let header_len = frame.len();
                    frame.extend_from_slice(datagram.octets);
                    self.readdressed += u64::from(self.plan.readdress(interface, &mut frame[header_len..]));
                    step.action = Action::Inject { interface, frame };
                    step.at = self.at;
                    step.packet = arrival.packet;
                    step.comment = None;
                    return Ok(true);
                }
                Err(reason) => self.skips.add(reason),
            }
        }
        self.has_ended = true;
        Ok(false)
    }

    /// Packets read so far.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Steps given so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Packets that became no step so far, by reason.
    pub fn skips(&self) -> &Skips {
        &self.skips
    }

    /// Packets whose time lay before that of an earlier one; they were taken at the earlier one's.
    pub fn turned_back(&self) -> u64 {
        self.turned_back
    }

    /// Packets that were re-addressed to the outside address of a NAT router.
    pub fn readdressed(&self) -> u64 {
        self.readdressed
    }

    /// Whether the file is cut off; known after the last step.
    pub fn cut_off(&self) -> Option<&CutOff> {
        self.reader.cut_off()
    }

    /// The plan it follows.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }
}

impl Iterator for Replay {
    type Item = Result<Step, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut step = Step { at: Duration::ZERO, action: Action::Advance, packet: 0, comment: None };
        match self.next_into(&mut step) {
            Ok(true) => Some(Ok(step)),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

/// The buffer of an earlier injection, emptied.
fn take_buffer(action: &mut Action) -> Vec<u8> {
    match std::mem::replace(action, Action::Advance) {
        Action::Inject { mut frame, .. } => {
            frame.clear();
            frame
        }
        Action::Advance | Action::Socket { .. } => Vec::new(),
    }
}

/// The Ethernet destination for a frame of this class: the DUT, all, or the group of the IPv4 destination (RFC 1112
/// §6.4; that of all systems where the destination is no group).
fn destination(class: LinkClass, mac: [u8; 6], datagram: &[u8]) -> [u8; 6] {
    match (class, datagram.get(16..20)) {
        (LinkClass::Unicast, _) => mac,
        (LinkClass::Broadcast, _) => [0xff; 6],
        (LinkClass::Multicast, Some([224..=239, b, c, d])) => [0x01, 0, 0x5e, b & 0x7f, *c, *d],
        (LinkClass::Multicast, _) => [0x01, 0, 0x5e, 0, 0, 1],
    }
}

/// The octets of `02:00:00:00:00:01`.
fn mac_octets(text: &str) -> Option<[u8; 6]> {
    let mut octets = [0; 6];
    let mut parts = text.split(':');
    for octet in &mut octets {
        *octet = u8::from_str_radix(parts.next()?, 16).ok()?;
    }
    parts.next().is_none().then_some(octets)
}
