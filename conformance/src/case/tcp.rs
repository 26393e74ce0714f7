//! TCP connections for cases about what ICMP does to them.

use netassay_stack::wire::build::{TcpBuilder, tcp};

use super::datagram::Datagram;
use super::history::History;
use super::packet::Packet;
use super::pattern::seen;
use super::script::{Script, send};
use super::world::{PEER_PORT, World};

/// The control bits. RFC 9293 §3.1.
#[expect(missing_docs, reason = "the names of the RFC")]
pub mod flags {
    pub const FIN: u8 = 1;
    pub const SYN: u8 = 2;
    pub const RST: u8 = 4;
    pub const PSH: u8 = 8;
    pub const ACK: u8 = 16;
}

/// First sequence number of the peer.
pub const PEER_SEQUENCE: u32 = 1_000_000;

fn segment(from: u16, to: u16, bits: u8) -> TcpBuilder {
    tcp().source_port(from).destination_port(to).flags(bits).window(65_000)
}

/// A connection that the peer opens to a listener of the DUT on `port`: three steps, and a fourth can follow.
pub fn accepted(w: &World, port: u16) -> Script {
    let syn = segment(PEER_PORT, port, flags::SYN).sequence_number(PEER_SEQUENCE);
    send(w.ip(syn)).some(seen::tcp(flags::SYN | flags::ACK).ports(port, PEER_PORT)).react(move |seen| {
        let (sequence, _) = numbers(seen)?;
        let ack = segment(PEER_PORT, port, flags::ACK)
            .sequence_number(PEER_SEQUENCE + 1)
            .acknowledgment_number(sequence.wrapping_add(1));
        Ok(Packet::back_to(seen.last()?, ack))
    })
}

/// A connection that socket `socket` of the DUT opens to `port` of the peer: two steps, and a third can follow.
pub fn connected(w: &World, socket: usize, port: u16) -> Script {
    Script::default().connect(socket, w.peer, port).some(seen::tcp(flags::SYN)).react(answer_syn).some(
        // The ACK of the handshake, unless data rides on it already.
        seen::protocol(6)
            .that("tcp.flags", "ACK without SYN", |it| it.tcp_flags().is_some_and(|it| it & 18 == 16)),
    )
}

/// The peer's answer to the SYN that was seen last.
///
/// # Errors
/// If the last frame is no TCP segment.
pub fn answer_syn(seen: &History) -> Result<Packet, String> {
    let (sequence, _) = numbers(seen)?;
    let out = seen.last()?;
    let (from, to) = out.ports().ok_or("no ports")?;
    let answer = segment(to, from, flags::SYN | flags::ACK)
        .sequence_number(PEER_SEQUENCE)
        .acknowledgment_number(sequence.wrapping_add(1));
    Ok(Packet::back_to(out, answer))
}

/// Sequence and acknowledgment number of the TCP segment that was seen last.
///
/// # Errors
/// If there was none.
pub fn numbers(seen: &History) -> Result<(u32, u32), String> {
    seen.datagrams()
        .rev()
        .find_map(Datagram::tcp_numbers)
        .ok_or_else(|| "there is no TCP segment yet".to_owned())
}
