//! Initial sequence numbers of local TCP endpoints.

use std::collections::HashMap;

use super::checksum::{self, Covered};
use super::{Context, FramePair, RuleInfo};
use crate::differential::layout::{Layout, protocol};
use crate::model::SocketKind;

/// What `netassay list rules` says.
pub const INFO: RuleInfo = RuleInfo {
    name: "tcp-initial-sequence",
    applies_to: "sequence number of segments that a local TCP socket of the scenario sends",
    demands: "a SYN comes first, and the distance between the two sides stays what it was in that SYN",
    clause: "RFC 9293 §3.4.1",
};

const SYN: u8 = 0x02;
const RST: u8 = 0x04;

/// Addresses and ports, as they stand in the frame.
type Flow = ([u8; 8], [u8; 4]);

/// Distances between the initial sequence numbers of the two sides.
#[derive(Debug, Default)]
pub struct TcpSequence(HashMap<Flow, u32>);

impl TcpSequence {
    /// Masks the sequence number of a segment from a local socket if it fits the SYN's.
    pub fn apply(&mut self, context: &Context<'_>, pair: &mut FramePair<'_>) {
        let layout = pair.layout;
        let Some((at, sum)) = place(context, pair.a, &layout) else { return };
        let segment = layout.payload();
        let (a, b) = pair.u32(at);
        let flags = pair.a[segment + 13];
        let distance = b.wrapping_sub(a);
        let mut flow: Flow = Default::default();
        flow.0.copy_from_slice(&pair.a[layout.ip + 12..layout.ip + 20]);
        flow.1.copy_from_slice(&pair.a[segment..segment + 4]);
        let fits = match flags & (SYN | RST) {
            // A retransmitted SYN has the number of the first.
            SYN => *self.0.entry(flow).or_insert(distance) == distance,
            _ => self.0.get(&flow) == Some(&distance),
        };
        if fits && distance != 0 {
            pair.mask(at..at + 4, sum);
        }
    }
}

/// Masks the sequence number of one frame if it comes from a local socket.
pub(super) fn blank(context: &Context<'_>, frame: &mut [u8], layout: &Layout) {
    if let Some((at, sum)) = place(context, frame, layout)
        && frame[layout.payload() + 13] & RST == 0
    {
        checksum::mask(frame, at..at + 4, sum);
    }
}

/// Where the sequence number of a segment from a local socket is, and the checksum over it.
fn place(context: &Context<'_>, frame: &[u8], layout: &Layout) -> Option<(usize, Covered)> {
    let segment = layout.payload();
    let is_from_socket = layout.protocol(frame) == protocol::TCP
        && layout.end >= segment + 20
        && layout.fragment_offset(frame) == 0
        && context.scenario.sockets.iter().any(|socket| socket.kind == SocketKind::Tcp)
        && context.is_local(layout.source(frame));
    is_from_socket.then(|| (segment + 4, Covered::new(segment, segment + 16)))
}

#[cfg(test)]
mod tests {
    use super::super::tests_support::{World, identified};
    use crate::model::SocketKind;

    fn segment(sequence: u32, flags: u8) -> Vec<u8> {
        let mut segment = vec![0, 80, 0, 81];
        segment.extend(sequence.to_be_bytes());
        segment.extend([0, 0, 0, 1, 0x50, flags, 1, 0]);
        // Right checksums of two segments differ by their sequence numbers only.
        let share = (sequence >> 16) + (sequence & 0xffff);
        let checksum = !(((share & 0xffff) + (share >> 16)) as u16);
        segment.extend(checksum.to_be_bytes());
        segment.extend([0, 0]);
        identified(6, 0, 0x4000, &segment)
    }

    #[test]
    fn distance_of_the_syn_is_kept() {
        let mut world = World::default().with_socket(SocketKind::Tcp);
        assert!(world.equal(&segment(1000, 0x02), &segment(70_000, 0x02)));
        assert!(world.equal(&segment(1001, 0x10), &segment(70_001, 0x10)));
        assert!(!world.equal(&segment(1001, 0x10), &segment(70_002, 0x10)));
    }

    #[test]
    fn without_a_socket_the_number_is_exact() {
        assert!(!World::default().equal(&segment(1000, 0x02), &segment(70_000, 0x02)));
    }
}
