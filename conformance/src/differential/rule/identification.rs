//! Identifications that a stack takes from generators of its own.
//!
//! Linux numbers what it makes without a connected peer from counters whose start is random and whose steps grow with
//! the time that passed (spec/linux-ipv4-icmp.md §10.3). Two stacks never agree on such a number; they must agree on
//! whether there is one, and on which fragments belong to one datagram.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use super::checksum::{self, Covered};
use super::{Context, FramePair, RuleInfo};
use crate::differential::layout::{Layout, protocol};
use crate::model::{Action, Role, SocketAction, SocketKind};

/// What `netassay list rules` says.
pub const INFO: RuleInfo = RuleInfo {
    name: "ip-identification-hashed",
    applies_to: "identification of ICMP replies and errors that the DUT makes, under whatever address, of what its unconnected \
                 sockets send, and of either in an error that the DUT sends to itself about it; as a constant distance, of what its \
                 connected UDP and TCP sockets send",
    demands: "fragments share an identification on one side where they do on the other; one side has no more zeros than chance brings \
              once in 10^9 traces",
    clause: "RFC 6864 §4; spec/linux-ipv4-icmp.md §10.3",
};

/// One number in so many is zero where numbers are drawn.
const NUMBERS: f64 = 65_536.0;
/// Logarithm of how seldom zeros must come by chance to be a habit: once in 10^9 traces.
const HABIT: f64 = 20.7;

/// Datagrams with the same flow draw from the same counter.
type Flow = (Ipv4Addr, Ipv4Addr, u8);

/// What is remembered over a trace.
#[derive(Debug, Default)]
pub struct Identification {
    /// Pairs of identifications seen at this step, both ways.
    forth: HashMap<(Flow, u16), u16>,
    back: HashMap<(Flow, u16), u16>,
    /// How many numbers were compared, and how many of them were zero on one side only.
    numbers: u64,
    zeros: [u64; 2],
    /// Distance between the two private counters of a connected socket.
    distances: HashMap<(Flow, [u8; 4]), u16>,
}

impl Identification {
    /// A new step begins: renaming starts afresh.
    pub fn next_step(&mut self) {
        if !self.forth.is_empty() {
            self.forth.clear();
            self.back.clear();
        }
    }

    /// Masks the identification if both sides drew it and the two numbers fit what was seen before.
    pub fn apply(&mut self, context: &Context<'_>, pair: &mut FramePair<'_>) {
        mask_quoted(context, pair);
        let at = pair.layout.ip + 4;
        let (a, b) = pair.u16(at);
        let source = match is_later_message(pair) {
            // What a later fragment carries does not tell who made it; its first fragment came right before.
            true if self.continues(pair, a) => Source::Hashed,
            true => Source::Elsewhere,
            false => source_of_number(context, pair.a, &pair.layout, [a, b]),
        };
        let fits = match source {
            Source::Elsewhere => return,
            Source::Hashed => self.renames(pair, a, b) && self.zeros_are_rare(pair, a, b),
            Source::Connection => self.keeps_distance(pair, a, b),
        };
        if fits && a != b {
            let ip = pair.layout.ip;
            pair.mask(at..at + 2, Covered::new(ip, ip + 10));
        }
    }

    /// Whether `a` and `b` stand for each other throughout the step. Only fragments share a number within a step.
    fn renames(&mut self, pair: &FramePair<'_>, a: u16, b: u16) -> bool {
        let layout = pair.layout;
        if !layout.more_fragments(pair.a) && layout.fragment_offset(pair.a) == 0 {
            return true;
        }
        let flow = flow(pair);
        *self.forth.entry((flow, a)).or_insert(b) == b && *self.back.entry((flow, b)).or_insert(a) == a
    }

    /// Whether a datagram of the step that begins with number `a` on one side was found to be made by the DUT.
    fn continues(&self, pair: &FramePair<'_>, a: u16) -> bool {
        self.forth.contains_key(&(flow(pair), a))
    }

    /// Whether zeros are not too many on either side; the fragments of a datagram have one number.
    fn zeros_are_rare(&mut self, pair: &FramePair<'_>, a: u16, b: u16) -> bool {
        let is_drawn = pair.layout.fragment_offset(pair.a) == 0;
        self.numbers += u64::from(is_drawn);
        let side = match (a, b) {
            (0, 1..) => 0,
            (1.., 0) => 1,
            _ => return true,
        };
        self.zeros[side] += u64::from(is_drawn);
        !is_habit(self.zeros[side], self.numbers)
    }

    fn keeps_distance(&mut self, pair: &FramePair<'_>, a: u16, b: u16) -> bool {
        if pair.layout.fragment_offset(pair.a) != 0 {
            // Its number is that of the first fragment, which has the ports.
            return self.forth.get(&(flow(pair), a)) == Some(&b);
        }
        if !self.renames(pair, a, b) {
            return false;
        }
        let payload = pair.layout.payload();
        let Some(&[p0, p1, p2, p3]) = pair.a.get(payload..payload + 4) else { return false };
        let distance = b.wrapping_sub(a);
        *self.distances.entry((flow(pair), [p0, p1, p2, p3])).or_insert(distance) == distance
    }
}

/// Whether so many zeros among so many drawn numbers are no chance, by Chernoff's bound on the tail of Poisson's law.
fn is_habit(zeros: u64, numbers: u64) -> bool {
    let (zeros, expected) = (zeros as f64, numbers.max(1) as f64 / NUMBERS);
    zeros > expected && zeros * ((zeros / expected).ln() - 1.0) + expected > HABIT
}

fn flow(pair: &FramePair<'_>) -> Flow {
    (pair.layout.source(pair.a), pair.layout.destination(pair.a), pair.layout.protocol(pair.a))
}

/// Whether both frames are later fragments of an ICMP message.
fn is_later_message(pair: &FramePair<'_>) -> bool {
    pair.layout.protocol(pair.a) == protocol::ICMP && pair.layout.fragment_offset(pair.a) != 0
}

/// Who chose an identification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// Not the DUT, or the DUT without freedom: compared exactly.
    Elsewhere,
    /// The hashed generator.
    Hashed,
    /// The counter of a connected socket.
    Connection,
}

/// Masks the number of a datagram that the DUT made for itself, in the error that a raw socket reads of it. The sum of the
/// quoted header goes along, so that the message around it adds up to the same.
fn mask_quoted(context: &Context<'_>, pair: &mut FramePair<'_>) {
    let Some(quote) = pair.layout.quote(pair.a).filter(|quote| pair.layout.quote(pair.b) == Some(*quote))
    else {
        return;
    };
    let at = quote.ip + 4;
    let (a, b) = pair.u16(at);
    if a != b
        && context.is_local(quote.source(pair.a))
        && context.is_local(quote.destination(pair.a))
        && source_of_number(context, pair.a, &quote, [a, b]) == Source::Hashed
    {
        pair.mask(at..at + 2, Covered::new(quote.ip, quote.ip + 10));
    }
}

/// Masks the identification of one frame if its sender was free to choose it.
pub(super) fn blank(context: &Context<'_>, frame: &mut [u8], layout: &Layout) {
    let number = layout.identification(frame);
    if source_of_number(context, frame, layout, [number; 2]) != Source::Elsewhere {
        checksum::mask(frame, layout.ip + 4..layout.ip + 6, Covered::new(layout.ip, layout.ip + 10));
    }
}

/// Who chose the identification of `frame`, which is one of `numbers`.
fn source_of_number(context: &Context<'_>, frame: &[u8], layout: &Layout, numbers: [u16; 2]) -> Source {
    if !context.is_local(layout.source(frame)) {
        // Without an address of its own, or on behalf of one that it translates, a stack sends errors from others. So
        // are replies where it redirects to itself what was meant for others.
        let is_own = quotes_stimulus(context, frame, layout) || is_made_for_another(context, frame, layout);
        return if is_own && !layout.dont_fragment(frame) { Source::Hashed } else { Source::Elsewhere };
    }
    match (&context.step.action, layout.protocol(frame)) {
        (Action::Socket { socket, action }, _) => of_socket(context, *socket, action),
        (_, protocol::ICMP) if !layout.dont_fragment(frame) && is_made_here(context, frame, layout) => {
            Source::Hashed
        }
        // Segments of local connections; RST and SYN-ACK have DF and identification zero on both sides.
        (_, protocol::TCP) if !context.scenario.sockets.is_empty() && numbers[0] != 0 => Source::Connection,
        _ => Source::Elsewhere,
    }
}

fn of_socket(context: &Context<'_>, index: usize, action: &SocketAction) -> Source {
    let Some(socket) = context.scenario.sockets.get(index) else { return Source::Elsewhere };
    let to_peer = matches!(action, SocketAction::Send { to: None, .. } | SocketAction::Connect { .. });
    match socket.kind {
        SocketKind::Tcp => Source::Connection,
        SocketKind::Udp if to_peer || socket.peer.is_some() => Source::Connection,
        // With its own header, a raw socket chooses the number itself.
        SocketKind::Raw if socket.options.get("hdrincl").is_some_and(|value| *value != 0) => {
            Source::Elsewhere
        }
        _ => Source::Hashed,
    }
}

/// Whether a frame is an ICMP error about the datagram that was just handed in, which nobody else can have made.
fn quotes_stimulus(context: &Context<'_>, frame: &[u8], layout: &Layout) -> bool {
    let (Some((stimulus, arrived)), Some(quote)) = (context.stimulus, layout.quote(frame)) else {
        return false;
    };
    let named = |octets: &[u8], layout: &Layout| {
        (layout.source(octets), layout.protocol(octets), layout.identification(octets))
    };
    let (sent_to, quoted_to) = (arrived.destination(stimulus), quote.destination(frame));
    // A translator may name another destination, from which the error comes then.
    let is_same_destination =
        sent_to == quoted_to || (context.scenario.role == Role::Nat && layout.source(frame) == quoted_to);
    named(frame, &quote) == named(stimulus, &arrived) && is_same_destination
}

/// Whether an ICMP message from a local address was made by the DUT and not forwarded under a translated address.
fn is_made_here(context: &Context<'_>, frame: &[u8], layout: &Layout) -> bool {
    let Some((stimulus, arrived)) = context.stimulus else { return true };
    match layout.icmp_type(frame) {
        // Of a later fragment nothing more can be told from itself.
        None => true,
        // Errors are never about errors (RFC 1122 §3.2.2), so one that answers an error was forwarded.
        Some(sent @ (3 | 5 | 11 | 12)) => arrived.icmp_type(stimulus) != Some(sent),
        // The last fragment of a request may be the one that causes the reply.
        Some(sent) => request_of(sent)
            .is_some_and(|request| arrived.icmp_type(stimulus).is_none_or(|kind| kind == request)),
    }
}

/// The type of request that a stack itself answers by `reply`.
const fn request_of(reply: u8) -> Option<u8> {
    match reply {
        0 => Some(8),
        14 => Some(13),
        43 => Some(42),
        _ => None,
    }
}

/// Whether a translating stack made an ICMP message under the address of another: a reply to the query that was just
/// handed in, or an error when what was handed in is none. Nothing that is forwarded becomes one or the other on the way.
fn is_made_for_another(context: &Context<'_>, frame: &[u8], layout: &Layout) -> bool {
    let Some((stimulus, arrived)) = context.stimulus.filter(|_| context.scenario.role == Role::Nat) else {
        return false;
    };
    if layout.protocol(frame) != protocol::ICMP {
        return false;
    }
    let came = arrived.icmp_type(stimulus);
    let was_icmp = arrived.protocol(stimulus) == protocol::ICMP;
    match layout.icmp_type(frame) {
        Some(3 | 5 | 11 | 12) => !was_icmp || came.is_some_and(|kind| !matches!(kind, 3..=5 | 11 | 12)),
        // The last fragment of a request may be the one that causes the reply.
        Some(sent) => was_icmp && request_of(sent).is_some_and(|asked| came.is_none_or(|kind| kind == asked)),
        // Of a later fragment nothing more can be told from itself.
        None => layout.identification(frame) != arrived.identification(stimulus),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::tests_support::{World, identified, with_checksum};
    use crate::model::{Role, SocketKind};

    const REPLY: &[u8] = &[0, 0, 0, 0, 0, 1, 0, 1];
    const ECHO: &[u8] = &[8, 0, 0, 0, 0, 1, 0, 1];
    const RST: &[u8] = &[0, 80, 0, 81, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 4, 0, 0, 0, 0, 0, 0];

    #[rstest]
    #[case::reply(1, 0, REPLY, true)]
    #[case::reply_with_df(1, 0x4000, REPLY, false)]
    #[case::forwarded_request(1, 0, ECHO, false)]
    #[case::reset(6, 0x4000, RST, false)]
    fn free_only_where_the_stack_draws(
        #[case] protocol: u8,
        #[case] flags: u16,
        #[case] payload: &[u8],
        #[case] equal: bool,
    ) {
        let frame = |id| identified(protocol, id, flags, payload);
        assert_eq!(World::default().equal(&frame(7), &frame(9999)), equal);
    }

    #[test]
    fn header_checksum_must_follow_the_number() {
        let mut wrong = identified(1, 9, 0, REPLY);
        wrong[11] ^= 1;
        assert!(!World::default().equal(&identified(1, 7, 0, REPLY), &wrong));
    }

    #[test]
    fn fragments_share_a_number_on_both_sides_or_on_none() {
        let fragment = |id, flags| identified(1, id, flags, REPLY);
        let mut world = World::default();
        assert!(world.equal(&fragment(7, 0x2000), &fragment(100, 0x2000)));
        assert!(world.equal(&fragment(7, 0x2001), &fragment(100, 0x2001)));
        assert!(!world.equal(&fragment(7, 0x0002), &fragment(101, 0x0002)), "B numbers the last one anew");
        assert!(!world.equal(&fragment(8, 0x0002), &fragment(100, 0x0002)), "A numbers the last one anew");
    }

    #[test]
    fn zero_may_happen_but_is_no_habit() {
        let mut world = World::default();
        let frame = |id| identified(1, id, 0, REPLY);
        let agreed = (0..10).filter(|_| world.equal(&frame(7), &frame(0))).count();
        assert_eq!(agreed, 2);
    }

    #[test]
    fn fragments_of_one_datagram_are_one_zero() {
        let mut world = World::default();
        let fragment = |id, flags| identified(1, id, flags, REPLY);
        assert!(
            (0..9).all(|offset| world.equal(&fragment(7, 0x2000 + offset), &fragment(0, 0x2000 + offset)))
        );
    }

    #[rstest]
    #[case::first_number(1, 1, false)]
    #[case::two_of_two(2, 2, false)]
    #[case::three_of_ten(3, 10, true)]
    #[case::some_in_a_long_trace(5, 8192, false)]
    #[case::many_in_a_long_trace(8, 8192, true)]
    #[case::as_many_as_expected(20, 20 * 65_536, false)]
    fn habits(#[case] zeros: u64, #[case] numbers: u64, #[case] expected: bool) {
        assert_eq!(super::is_habit(zeros, numbers), expected);
    }

    /// Linux without any address answers from 192.0.0.8, and NAT has it answer from addresses of others.
    #[rstest]
    #[case::about_the_stimulus(3, true)]
    #[case::about_another_datagram(4, false)]
    fn errors_from_addresses_of_others(#[case] quoted: u16, #[case] equal: bool) {
        let error = |id| {
            let mut message = vec![11, 0, 0, 0, 0, 0, 0, 0];
            message.extend(identified(1, quoted, 0, &[]));
            let mut frame = identified(1, id, 0, &message);
            frame[12..16].copy_from_slice(&[192, 0, 0, 8]);
            with_checksum(frame)
        };
        assert_eq!(World::default().equal(&error(7), &error(8)), equal, "the stimulus has identification 3");
    }

    /// A request that NAT redirects to the stack itself is answered under the address that was asked.
    #[rstest]
    #[case::reply(Role::Nat, 8, REPLY, true)]
    #[case::forwarded_reply(Role::Nat, 0, REPLY, false)]
    #[case::other_reply(Role::Nat, 13, REPLY, false)]
    #[case::forwarded_request(Role::Nat, 8, ECHO, false)]
    #[case::nobody_translates(Role::Router, 8, REPLY, false)]
    fn replies_from_addresses_of_others(
        #[case] role: Role,
        #[case] asked: u8,
        #[case] sent: &[u8],
        #[case] equal: bool,
    ) {
        let request = identified(1, 3, 0, &[asked, 0, 0, 0, 0, 1, 0, 1]);
        let frame = |id, flags, payload: &[u8]| {
            let mut frame = identified(1, id, flags, payload);
            frame[12..16].copy_from_slice(&[10, 0, 0, 77]);
            with_checksum(frame)
        };
        let mut world = World::default().with_role(role).with_stimulus(request);
        assert_eq!(world.equal(&frame(7, 0x2000, sent), &frame(8, 0x2000, sent)), equal);
        assert_eq!(world.equal(&frame(7, 1, REPLY), &frame(8, 1, REPLY)), equal, "the second piece");
        assert!(!world.equal(&frame(9, 1, REPLY), &frame(10, 1, REPLY)), "a piece of another datagram");
    }

    /// A raw socket reads what the stack said about a datagram that the stack had numbered.
    #[rstest]
    #[case::own([10, 0, 0, 1], 4, true)]
    #[case::sum_does_not_follow([10, 0, 0, 1], 5, false)]
    #[case::of_another([10, 0, 0, 77], 4, false)]
    fn errors_to_itself_quote_its_number(
        #[case] source: [u8; 4],
        #[case] changed: usize,
        #[case] equal: bool,
    ) {
        let error = |number: u16| {
            let mut quoted = identified(253, 0, 0, &[1, 2, 3, 4]);
            quoted[12..16].copy_from_slice(&source);
            quoted[16..20].copy_from_slice(&[10, 0, 0, 1]);
            quoted[changed] ^= number as u8;
            let mut message = vec![3, 2, 0, 0, 0, 0, 0, 0];
            message.extend(if changed == 4 { with_checksum(quoted) } else { quoted });
            identified(1, 0, 0x4000, &message)
        };
        let mut world = World::default().with_socket(SocketKind::Raw).with_sending();
        assert_eq!(world.equal(&error(7), &error(9)), equal);
        assert!(
            !World::default().with_socket(SocketKind::Raw).equal(&error(7), &error(9)),
            "nobody sent it now"
        );
    }

    /// A forged request draws a reply to the stack itself, which may draw an error.
    #[rstest]
    #[case::reply(8, REPLY, true)]
    #[case::request_that_came(8, ECHO, false)]
    #[case::reply_to_something_else(13, REPLY, false)]
    fn errors_to_itself_quote_the_number_of_its_reply(
        #[case] asked: u8,
        #[case] quoted: &[u8],
        #[case] equal: bool,
    ) {
        let own = |number, payload: &[u8]| {
            let mut datagram = identified(1, number, 0, payload);
            datagram[16..20].copy_from_slice(&[10, 0, 0, 1]);
            with_checksum(datagram)
        };
        let error = |number| {
            let mut message = vec![12, 0, 0, 0, 20, 0, 0, 0];
            message.extend(own(number, quoted));
            identified(1, 0, 0x4000, &message)
        };
        let mut world = World::default().with_stimulus(own(3, &[asked, 0, 0, 0, 0, 1, 0, 1]));
        assert_eq!(world.equal(&error(7), &error(9)), equal);
    }

    #[test]
    fn number_of_another_source_is_exact() {
        let frame = |id| {
            let mut frame = identified(1, id, 0, REPLY);
            frame[12..16].copy_from_slice(&[10, 0, 0, 77]);
            with_checksum(frame)
        };
        assert!(!World::default().equal(&frame(7), &frame(8)));
        let mut owner = World::default().with_local_route("10.0.0.64/26");
        assert!(owner.equal(&frame(7), &frame(8)), "a local route makes the source the DUT's own");
    }
}
