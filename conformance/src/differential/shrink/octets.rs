//! Smaller and plainer datagrams. What is right stays right: lengths and checksums that fit are made to fit again.

use crate::differential::layout::{Layout, protocol};
use crate::model::{Action, LinkKind, Scenario, Step};

/// Simplifies the frame of step `index` as far as `shows` allows.
pub(super) fn simplify(
    scenario: &Scenario,
    steps: &mut [Step],
    index: usize,
    shows: &mut dyn FnMut(&[Step]) -> bool,
) {
    let Action::Inject { interface, frame } = &steps[index].action else { return };
    let (interface, mut frame) = (*interface, frame.clone());
    let link = scenario.interfaces.get(interface).map_or(LinkKind::Ip, |interface| interface.link);
    let mut try_frame = |candidate: &[u8], steps: &mut [Step]| {
        let action = Action::Inject { interface, frame: candidate.to_vec() };
        let known = std::mem::replace(&mut steps[index].action, action);
        let holds = shows(steps);
        if !holds {
            steps[index].action = known;
        }
        holds
    };
    shorten(&mut frame, link, &mut |candidate| try_frame(candidate, steps));
    for candidate in plainer(&frame, link) {
        // Each is made from what the ones before it left.
        let Some(candidate) = candidate.apply(&frame, link) else { continue };
        if candidate != frame && try_frame(&candidate, steps) {
            frame = candidate;
        }
    }
}

/// Cuts octets off the end, half of what is left first.
fn shorten(frame: &mut Vec<u8>, link: LinkKind, holds: &mut dyn FnMut(&[u8]) -> bool) {
    let Some(layout) = Layout::of(frame, link) else { return };
    let mut cut = (layout.end - layout.payload()).next_power_of_two();
    while cut > 0 {
        let Some(layout) = Layout::of(frame, link) else { return };
        let room = layout.end - layout.payload();
        if cut <= room {
            let mut candidate = frame[..layout.end - cut].to_vec();
            let total_len = (candidate.len() - layout.ip) as u16;
            if is_length_right(frame, &layout) {
                candidate[layout.ip + 2..layout.ip + 4].copy_from_slice(&total_len.to_be_bytes());
            }
            repair(frame, &mut candidate, link);
            if holds(&candidate) {
                *frame = candidate;
                continue;
            }
        }
        cut /= 2;
    }
}

/// One way to make a datagram plainer.
#[derive(Clone, Copy, Debug)]
enum Change {
    /// These octets of the header become this value.
    Header { at: usize, value: u8 },
    /// The options go.
    NoOptions,
    /// Octets of the payload from here to the end, or this many of them, become zero.
    ZeroPayload { from: usize, len: usize },
}

/// All changes to try, in order.
fn plainer(frame: &[u8], link: LinkKind) -> Vec<Change> {
    let Some(layout) = Layout::of(frame, link) else { return Vec::new() };
    let mut changes = vec![
        Change::NoOptions,
        Change::Header { at: 1, value: 0 },
        Change::Header { at: 4, value: 0 },
        Change::Header { at: 5, value: 1 },
        Change::Header { at: 6, value: 0 },
        Change::Header { at: 7, value: 0 },
        Change::Header { at: 8, value: 64 },
    ];
    let payload = layout.end - layout.payload();
    changes.push(Change::ZeroPayload { from: 8, len: payload });
    let mut len = payload.next_power_of_two() / 2;
    // Single octets only near the front, where headers are.
    while len >= 1 {
        let until = if len < 8 { payload.min(96) } else { payload };
        changes.extend((0..until).step_by(len).map(|from| Change::ZeroPayload { from, len }));
        len /= 2;
    }
    changes
}

impl Change {
    /// The frame so changed; `None` where it does not apply.
    fn apply(self, frame: &[u8], link: LinkKind) -> Option<Vec<u8>> {
        let layout = Layout::of(frame, link)?;
        let mut changed = frame.to_vec();
        match self {
            Self::Header { at, value } => changed[layout.ip + at] = value,
            Self::NoOptions => {
                (layout.header_len > 20).then_some(())?;
                changed.drain(layout.ip + 20..layout.payload());
                changed[layout.ip] = 0x45;
                if is_length_right(frame, &layout) {
                    let total_len = (changed.len() - layout.ip) as u16;
                    changed[layout.ip + 2..layout.ip + 4].copy_from_slice(&total_len.to_be_bytes());
                }
            }
            Self::ZeroPayload { from, len } => {
                let from = layout.payload() + from;
                let until = (from + len).min(layout.end);
                changed.get_mut(from..until)?.fill(0);
            }
        }
        repair(frame, &mut changed, link);
        Some(changed)
    }
}

fn is_length_right(frame: &[u8], layout: &Layout) -> bool {
    usize::from(u16::from_be_bytes([frame[layout.ip + 2], frame[layout.ip + 3]])) == frame.len() - layout.ip
}

/// Makes those checksums of `changed` right that are right in `original`.
fn repair(original: &[u8], changed: &mut [u8], link: LinkKind) {
    for (before, after) in sums(original, link).into_iter().zip(sums(changed, link)) {
        if let (Some(before), Some(after)) = (before, after)
            && before.value(original) == 0
        {
            changed[after.at..after.at + 2].fill(0);
            let value = after.value(changed);
            changed[after.at..after.at + 2].copy_from_slice(&value.to_be_bytes());
        }
    }
}

/// A checksum: where it is, what it covers and what a pseudo header adds.
#[derive(Clone, Debug)]
struct Sum {
    at: usize,
    range: std::ops::Range<usize>,
    pseudo: u32,
}

impl Sum {
    /// What the checksum field would have to be if it were zero now; zero if the field is right as it stands.
    fn value(&self, frame: &[u8]) -> u16 {
        let words = frame[self.range.clone()].chunks(2);
        let mut sum: u32 =
            words.map(|word| u32::from(word[0]) << 8 | word.get(1).map_or(0, |low| u32::from(*low))).sum();
        sum += self.pseudo;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }
}

/// The checksums of IP header and transport header, in this order, where they are in the frame.
fn sums(frame: &[u8], link: LinkKind) -> [Option<Sum>; 2] {
    let Some(layout) = Layout::of(frame, link) else { return [None, None] };
    let header = Sum { at: layout.ip + 10, range: layout.header(), pseudo: 0 };
    let payload = layout.payload();
    let is_fragment = layout.more_fragments(frame) || layout.fragment_offset(frame) > 0;
    let protocol = layout.protocol(frame);
    let place = match protocol {
        _ if is_fragment => None,
        protocol::ICMP => Some((2, 8)),
        protocol::UDP => Some((6, 8)),
        protocol::TCP => Some((16, 20)),
        _ => None,
    };
    let transport = place.filter(|(_, least)| layout.end - payload >= *least).map(|(at, _)| {
        let addresses = frame[layout.ip + 12..layout.ip + 20].chunks(2);
        let pseudo: u32 = addresses.map(|word| u32::from(word[0]) << 8 | u32::from(word[1])).sum();
        let pseudo = pseudo + u32::from(protocol) + (layout.end - payload) as u32;
        let pseudo = if protocol == protocol::ICMP { 0 } else { pseudo };
        Sum { at: payload + at, range: payload..layout.end, pseudo }
    });
    [Some(header), transport]
}
