//! M12 and M8: TCP as the tracker sees it: every short sequence of segments, every segment in every state, and errors
//! about a connection in every state.

use super::layout::{Layout, M, R, Seen, draft, icmp, segment};
use crate::generate::matrix::Case;

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const PSH: u8 = 8;
const ACK: u8 = 16;
const URG: u8 = 32;

/// Segments by flags: what an endpoint sends, and two that none should.
const KINDS: &[(&str, u8)] = &[
    ("S", SYN),
    ("SA", SYN | ACK),
    ("A", ACK),
    ("FA", FIN | ACK),
    ("R", RST),
    ("RA", RST | ACK),
    ("PA", PSH | ACK),
];

/// A connection, numbered as its endpoints would.
struct Wire<'w> {
    layout: &'w Layout,
    port: u16,
    /// Next sequence number of the opener and of the answerer.
    next: [u32; 2],
    frames: Vec<(usize, Vec<u8>)>,
}

impl<'w> Wire<'w> {
    fn new(layout: &'w Layout, n: usize) -> Self {
        Self { layout, port: 1024 + (n % 60_000) as u16, next: [1000, 700_000], frames: Vec::new() }
    }

    fn seen(&self, is_back: bool) -> Seen {
        if is_back { self.layout.far.unwrap_or(self.layout.near) } else { self.layout.near }
    }

    /// Sends a segment whose numbers are off by `off` in sequence and acknowledgment; data goes with PSH.
    fn send(&mut self, is_back: bool, flags: u8, off: (i32, i32)) {
        let seen = self.seen(is_back);
        let (own, peer) = (usize::from(is_back), usize::from(!is_back));
        let (source, destination) =
            if is_back { (seen.answerer, seen.opener) } else { (seen.opener, seen.answerer) };
        let ports = if is_back { [80, self.port] } else { [self.port, 80] };
        let ports: Vec<u8> = ports.iter().flat_map(|port| port.to_be_bytes()).collect();
        let sequence = self.next[own].wrapping_add_signed(off.0);
        let acknowledgment = if flags & ACK != 0 { self.next[peer].wrapping_add_signed(off.1) } else { 0 };
        let mut octets = segment(source, destination, 6, &ports, sequence, acknowledgment, flags);
        if flags & PSH != 0 {
            octets.extend(*b"data");
            octets[16..18].fill(0);
            let sum = crate::generate::datagram::transport_checksum(source, destination, 6, &octets);
            octets[16..18].copy_from_slice(&sum.to_be_bytes());
            self.next[own] = self.next[own].wrapping_add(4);
        }
        if off == (0, 0) {
            self.next[own] =
                self.next[own].wrapping_add(u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0));
        }
        self.frames.push((seen.interface, draft(source, destination, 6, octets).octets()));
    }

    /// An error about the last segment, quoting `len` octets of it as it was on the far link.
    fn error(&mut self, icmp_type: u8, code: u8, len: usize, is_back: bool) {
        let seen = self.seen(!is_back);
        let (source, destination) =
            if is_back { (seen.answerer, seen.opener) } else { (seen.opener, seen.answerer) };
        let ports = if is_back { [80, self.port] } else { [self.port, 80] };
        let ports: Vec<u8> = ports.iter().flat_map(|port| port.to_be_bytes()).collect();
        let (sequence, acknowledgment) = (self.next[usize::from(is_back)], self.next[usize::from(!is_back)]);
        let quoted = segment(source, destination, 6, &ports, sequence, acknowledgment, ACK);
        let mut quote = draft(source, destination, 6, quoted).octets();
        quote.truncate(20 + len);
        let sender = if seen.interface == super::layout::LAN { R } else { M };
        let message = icmp(icmp_type, code, [0, 0, 2, 0], &quote);
        self.frames.push((seen.interface, draft(sender, source, 1, message).octets()));
    }
}

/// Every sequence of `len` segments with the right numbers.
pub(super) fn sequences(layout: &Layout, len: u32, give: &mut dyn FnMut(Case)) {
    let choices = 2 * KINDS.len();
    for n in 0..choices.pow(len) {
        let mut wire = Wire::new(layout, n);
        let mut label = Vec::new();
        let mut rest = n;
        for _ in 0..len {
            let (is_back, (name, flags)) = (rest % choices >= KINDS.len(), KINDS[rest % KINDS.len()]);
            rest /= choices;
            wire.send(is_back, flags, (0, 0));
            label.push(format!("{}{name}", if is_back { '<' } else { '>' }));
        }
        give(Case::new(label.join(" "), wire.frames));
    }
}

/// Ways into each state of the tracker.
const STATES: &[(&str, &[(bool, u8)])] = &[
    ("NONE", &[]),
    ("SYN_SENT", &[(false, SYN)]),
    ("SYN_SENT2", &[(false, SYN), (true, SYN)]),
    ("SYN_RECV", &[(false, SYN), (true, SYN | ACK)]),
    ("ESTABLISHED", &[(false, SYN), (true, SYN | ACK), (false, ACK)]),
    ("PICKED_UP", &[(false, ACK), (true, ACK), (false, ACK)]),
    ("DATA", &[(false, SYN), (true, SYN | ACK), (false, ACK), (false, PSH | ACK), (true, ACK)]),
    ("FIN_WAIT", &[(false, SYN), (true, SYN | ACK), (false, ACK), (false, FIN | ACK)]),
    ("CLOSE_WAIT", &[(false, SYN), (true, SYN | ACK), (false, ACK), (false, FIN | ACK), (true, ACK)]),
    (
        "LAST_ACK",
        &[(false, SYN), (true, SYN | ACK), (false, ACK), (false, FIN | ACK), (true, ACK), (true, FIN | ACK)],
    ),
    (
        "TIME_WAIT",
        &[
            (false, SYN),
            (true, SYN | ACK),
            (false, ACK),
            (false, FIN | ACK),
            (true, ACK),
            (true, FIN | ACK),
            (false, ACK),
        ],
    ),
    (
        "CLOSED_BY_ANSWERER",
        &[
            (false, SYN),
            (true, SYN | ACK),
            (false, ACK),
            (true, FIN | ACK),
            (false, ACK),
            (false, FIN | ACK),
            (true, ACK),
        ],
    ),
    ("CLOSE", &[(false, SYN), (true, SYN | ACK), (false, ACK), (false, RST)]),
    ("CLOSE_BY_ANSWERER", &[(false, SYN), (true, SYN | ACK), (false, ACK), (true, RST | ACK)]),
];

/// Offsets from the right number: around it, around the window of 8192 and around the least acknowledgment window.
const OFFSETS: &[i32] = &[
    0,
    1,
    -1,
    4,
    -4,
    8191,
    8192,
    8193,
    -8191,
    -8192,
    -8193,
    65_999,
    66_000,
    -65_999,
    -66_000,
    -66_001,
    1 << 20,
    i32::MIN,
];

/// Every segment with every offset in every state, and what follows it.
pub(super) fn offsets(layout: &Layout, give: &mut dyn FnMut(Case)) {
    let mut made = 0;
    for (state, way) in STATES {
        for is_back in [false, true] {
            for &(name, flags) in KINDS.iter().chain(&[("FAU", FIN | ACK | URG), ("SAF", SYN | ACK | FIN)]) {
                for &sequence in OFFSETS {
                    for &ack in &[0, 1, -1, 8192, -66_000, -66_001, 1 << 20] {
                        if ack != 0 && sequence != 0 && sequence != 1 && (flags & ACK == 0 || ack != 1) {
                            continue;
                        }
                        let mut wire = Wire::new(layout, made);
                        made += 1;
                        way.iter().for_each(|&(is_back, flags)| wire.send(is_back, flags, (0, 0)));
                        wire.send(is_back, flags, (sequence, ack));
                        wire.send(!is_back, ACK, (0, 0));
                        wire.send(is_back, ACK, (0, 0));
                        let sign = if is_back { '<' } else { '>' };
                        let label = format!("{state} {sign}{name} sequence{sequence:+} ack{ack:+}");
                        give(Case::new(label, wire.frames));
                    }
                }
            }
        }
    }
}

/// Errors about a connection in every state, quoting little or much, and a segment afterwards.
pub(super) fn errors(layout: &Layout, give: &mut dyn FnMut(Case)) {
    let mut made = 0;
    for (state, way) in STATES {
        for is_back in [false, true] {
            for (icmp_type, code) in
                [(3, 0), (3, 1), (3, 2), (3, 3), (3, 4), (3, 13), (4, 0), (5, 1), (11, 0), (12, 0)]
            {
                for len in [0, 3, 4, 7, 8, 12, 17, 18, 19, 20] {
                    let mut wire = Wire::new(layout, made);
                    made += 1;
                    way.iter().for_each(|&(is_back, flags)| wire.send(is_back, flags, (0, 0)));
                    wire.error(icmp_type, code, len, is_back);
                    wire.send(is_back, ACK, (0, 0));
                    let sign = if is_back { '<' } else { '>' };
                    let label = format!("{state} about {sign} type={icmp_type} code={code} quote={len}");
                    give(Case::new(label, wire.frames));
                }
            }
        }
    }
}
