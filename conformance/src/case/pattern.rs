//! What a frame must look like: only the fields that are named are compared.

use std::fmt;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::datagram::Datagram;
use super::packet::Packet;
use show::{Show, show};

mod show;

/// Looks at one field; says what it saw if that is not as it must be.
type Look = Arc<dyn Fn(&Datagram) -> Result<(), String> + Send + Sync>;

/// One field of a pattern.
#[derive(Clone)]
struct Check {
    field: &'static str,
    expected: String,
    look: Look,
}

/// What a frame must look like.
#[derive(Clone)]
pub struct Pattern {
    what: String,
    checks: Vec<Check>,
}

/// A field in which a frame differs from a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Which field.
    pub field: &'static str,
    /// What it must be.
    pub expected: String,
    /// What it is.
    pub seen: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} instead of {}", self.field, self.seen, self.expected)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        let mut fields = self.checks.iter().filter(|check| !is_implied(check.field)).peekable();
        if fields.peek().is_some() {
            f.write_str(" with ")?;
        }
        for (index, check) in fields.enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{} {}", check.field, check.expected)?;
        }
        Ok(())
    }
}

/// Whether a field goes without saying in a description.
fn is_implied(field: &str) -> bool {
    matches!(field, "icmp.type" | "icmp.checksum" | "transport.checksum" | "ipv4.protocol")
}

/// Patterns to begin with.
pub mod seen {
    use super::*;

    /// Any IPv4 datagram.
    pub fn datagram() -> Pattern {
        Pattern { what: "a datagram".to_owned(), checks: Vec::new() }
    }

    /// A datagram of a protocol.
    pub fn protocol(protocol: u8) -> Pattern {
        named(format!("a datagram of protocol {protocol}")).protocol(protocol)
    }

    /// An ICMP message of a type and code, its checksum right.
    pub fn icmp(icmp_type: u8, code: u8) -> Pattern {
        named(format!("ICMP {icmp_type}/{code}"))
            .field("icmp.type", format!("{icmp_type}/{code}"), move |it| {
                same(it.icmp_type_and_code(), Some((icmp_type, code)))
            })
            .field("icmp.checksum", "right", |it| same(it.icmp_checksum_is_right(), Some(true)))
    }

    /// An ICMP message of a type, with any code.
    pub fn icmp_type(icmp_type: u8) -> Pattern {
        named(format!("ICMP {icmp_type}"))
            .field("icmp.type", icmp_type, move |it| {
                same(it.icmp_type_and_code().map(|both| both.0), Some(icmp_type))
            })
            .field("icmp.checksum", "right", |it| same(it.icmp_checksum_is_right(), Some(true)))
    }

    /// An Echo Reply.
    pub fn echo_reply() -> Pattern {
        icmp(0, 0).called("an Echo Reply")
    }

    /// The Echo Reply to `request`: addresses swapped, identifier, sequence number and data as they came.
    pub fn reply_to(request: &Packet) -> Pattern {
        let asked = Datagram::of(&request.build());
        let data = asked.icmp_data().unwrap_or_default().to_vec();
        echo_reply()
            .source(asked.destination())
            .destination(asked.source())
            .interface(request.interface())
            .identifier(asked.identifier().unwrap_or_default())
            .sequence_number(asked.sequence_number().unwrap_or_default())
            .data(data)
    }

    /// A Destination Unreachable.
    pub fn unreachable(code: u8) -> Pattern {
        icmp(3, code).called(format!("Destination Unreachable code {code}"))
    }

    /// A Time Exceeded.
    pub fn time_exceeded(code: u8) -> Pattern {
        icmp(11, code).called(format!("Time Exceeded code {code}"))
    }

    /// A Parameter Problem that points at an octet.
    pub fn parameter_problem(pointer: u8) -> Pattern {
        icmp(12, 0).called("Parameter Problem").field("icmp.pointer", pointer, move |it| {
            same(it.icmp_word().map(|word| (word >> 24) as u8), Some(pointer))
        })
    }

    /// A Redirect to a gateway.
    pub fn redirect(code: u8, gateway: Ipv4Addr) -> Pattern {
        icmp(5, code).called(format!("Redirect code {code}")).field("icmp.gateway", gateway, move |it| {
            same(it.icmp_word().map(Ipv4Addr::from_bits), Some(gateway))
        })
    }

    /// Any ICMP error: types 3, 4, 5, 11 and 12.
    pub fn icmp_error() -> Pattern {
        named("an ICMP error").field("icmp.type", "one of 3, 4, 5, 11, 12", |it| {
            holds(it.icmp_type_and_code().is_some_and(|(it, _)| matches!(it, 3 | 4 | 5 | 11 | 12)), || {
                show(it.icmp_type_and_code())
            })
        })
    }

    /// A UDP datagram, its checksum right.
    pub fn udp(source_port: u16, destination_port: u16) -> Pattern {
        named("a UDP datagram")
            .protocol(17)
            .field("ports", format!("{source_port} to {destination_port}"), move |it| {
                same(it.ports(), Some((source_port, destination_port)))
            })
            .field("transport.checksum", "right", |it| same(it.transport_checksum_is_right(), Some(true)))
    }

    /// A TCP segment with exactly these flags, its checksum right.
    pub fn tcp(flags: u8) -> Pattern {
        named("a TCP segment")
            .protocol(6)
            .field("tcp.flags", format!("{flags:#04x}"), move |it| same(it.tcp_flags(), Some(flags)))
            .field("transport.checksum", "right", |it| same(it.transport_checksum_is_right(), Some(true)))
    }

    /// `packet` as a router sends it on: one hop less to live, header checksum anew, all else as it came.
    ///
    /// A later call may change what is expected of a field, such as the source behind a translator.
    pub fn forwarded(packet: &Packet) -> Pattern {
        let came = Datagram::of(&packet.build());
        let payload = came.payload().to_vec();
        named("the datagram sent on")
            .tos(came.tos())
            .identification(came.identification())
            .flags(came.reserved_flag(), came.dont_fragment(), came.more_fragments())
            .fragment_offset(came.fragment_offset())
            .ttl(came.ttl().saturating_sub(1))
            .protocol(came.protocol())
            .source(came.source())
            .destination(came.destination())
            .options(came.options().to_vec())
            .payload(payload)
    }

    /// `packet` as a translator sends it on from `source`: what it carries is rewritten, and its identification may be.
    ///
    /// A rewriting device "MUST ensure that the IPv4 ID field" of what it sends "complies" as if it were the source
    /// (RFC 6864 §5.3.1): keeping the identification is no duty, and with two senders behind one address no right.
    pub fn translated(packet: &Packet, source: Ipv4Addr) -> Pattern {
        forwarded(packet).source(source).any("ipv4.payload").any("ipv4.identification")
    }

    fn named(what: impl Into<String>) -> Pattern {
        datagram().called(what)
    }
}

impl Pattern {
    /// Changes what the frame is called.
    #[must_use]
    pub fn called(mut self, what: impl Into<String>) -> Self {
        self.what = what.into();
        self
    }

    /// Expects something of a field; `look` returns what it saw if that is wrong. Replaces an earlier expectation of
    /// the same field.
    #[must_use]
    pub fn field(
        mut self,
        field: &'static str,
        expected: impl fmt::Display,
        look: impl Fn(&Datagram) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        let check = Check { field, expected: expected.to_string(), look: Arc::new(look) };
        match self.checks.iter_mut().find(|check| check.field == field) {
            Some(place) => *place = check,
            None => self.checks.push(check),
        }
        self
    }

    /// Expects whatever `condition` says, where no field of this type has a method; `field` names it.
    #[must_use]
    pub fn that(
        self,
        field: &'static str,
        expected: impl fmt::Display,
        condition: impl Fn(&Datagram) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.field(field, expected, move |it| holds(condition(it), || "something else".to_owned()))
    }

    /// Expects nothing of a field any more.
    #[must_use]
    pub fn any(mut self, field: &'static str) -> Self {
        self.checks.retain(|check| check.field != field);
        self
    }

    /// The interface it leaves by.
    #[must_use]
    pub fn interface(self, interface: usize) -> Self {
        self.field("interface", interface, move |it| same(it.interface, interface))
    }

    /// The hardware address it is sent to.
    #[must_use]
    pub fn link_destination(self, address: [u8; 6]) -> Self {
        self.field("link.destination", format!("{address:02x?}"), move |it| {
            same(it.link_destination, Some(address))
        })
    }

    /// Octets of the header.
    #[must_use]
    pub fn header_len(self, len: usize) -> Self {
        self.field("ipv4.header_len", len, move |it| same(it.header_len(), len))
    }

    /// Type of service, all eight bits.
    #[must_use]
    pub fn tos(self, tos: u8) -> Self {
        self.field("ipv4.tos", format!("{tos:#04x}"), move |it| same_hex(it.tos(), tos))
    }

    /// The two bits of ECN.
    #[must_use]
    pub fn ecn(self, ecn: u8) -> Self {
        self.field("ipv4.ecn", ecn, move |it| same(it.tos() & 3, ecn))
    }

    /// The three bits of precedence.
    #[must_use]
    pub fn precedence(self, precedence: u8) -> Self {
        self.field("ipv4.precedence", precedence, move |it| same(it.tos() >> 5, precedence))
    }

    /// Total length.
    #[must_use]
    pub fn total_length(self, len: usize) -> Self {
        self.field("ipv4.total_length", len, move |it| same(usize::from(it.total_length()), len))
    }

    /// Total length, at most.
    #[must_use]
    pub fn at_most(self, len: usize) -> Self {
        self.field("ipv4.total_length", format!("at most {len}"), move |it| {
            holds(usize::from(it.total_length()) <= len, || it.total_length().to_string())
        })
    }

    /// Identification.
    #[must_use]
    pub fn identification(self, identification: u16) -> Self {
        self.field("ipv4.identification", format!("{identification:#06x}"), move |it| {
            same_hex(it.identification(), identification)
        })
    }

    /// Reserved flag, don't fragment and more fragments.
    #[must_use]
    pub fn flags(self, reserved: bool, dont_fragment: bool, more_fragments: bool) -> Self {
        self.field("ipv4.reserved_flag", reserved, move |it| same(it.reserved_flag(), reserved))
            .dont_fragment(dont_fragment)
            .more_fragments(more_fragments)
    }

    /// Don't fragment.
    #[must_use]
    pub fn dont_fragment(self, is_set: bool) -> Self {
        self.field("ipv4.dont_fragment", is_set, move |it| same(it.dont_fragment(), is_set))
    }

    /// More fragments.
    #[must_use]
    pub fn more_fragments(self, is_set: bool) -> Self {
        self.field("ipv4.more_fragments", is_set, move |it| same(it.more_fragments(), is_set))
    }

    /// Fragment offset in octets.
    #[must_use]
    pub fn fragment_offset(self, octets: usize) -> Self {
        self.field("ipv4.fragment_offset", octets, move |it| same(it.fragment_offset(), octets))
    }

    /// Time to live.
    #[must_use]
    pub fn ttl(self, ttl: u8) -> Self {
        self.field("ipv4.ttl", ttl, move |it| same(it.ttl(), ttl))
    }

    /// Time to live, within a range.
    #[must_use]
    pub fn ttl_within(self, range: RangeInclusive<u8>) -> Self {
        self.field("ipv4.ttl", format!("{range:?}"), move |it| {
            holds(range.contains(&it.ttl()), || it.ttl().to_string())
        })
    }

    /// Protocol number.
    #[must_use]
    pub fn protocol(self, protocol: u8) -> Self {
        self.field("ipv4.protocol", protocol, move |it| same(it.protocol(), protocol))
    }

    /// Source address.
    #[must_use]
    pub fn source(self, source: Ipv4Addr) -> Self {
        self.field("ipv4.source", source, move |it| same(it.source(), source))
    }

    /// Source address, any of some.
    #[must_use]
    pub fn source_among(self, sources: &[Ipv4Addr]) -> Self {
        let sources = sources.to_vec();
        self.field("ipv4.source", format!("one of {sources:?}"), move |it| {
            holds(sources.contains(&it.source()), || it.source().to_string())
        })
    }

    /// Destination address.
    #[must_use]
    pub fn destination(self, destination: Ipv4Addr) -> Self {
        self.field("ipv4.destination", destination, move |it| same(it.destination(), destination))
    }

    /// All options, padding included.
    #[must_use]
    pub fn options(self, options: impl Into<Vec<u8>>) -> Self {
        let mut options = options.into();
        options.resize(options.len().next_multiple_of(4), 0);
        self.field("ipv4.options", hex(&options), move |it| same_octets(it.options(), &options))
    }

    /// Everything behind the header.
    #[must_use]
    pub fn payload(self, payload: impl Into<Vec<u8>>) -> Self {
        let payload = payload.into();
        self.field("ipv4.payload", hex(&payload), move |it| same_octets(it.payload(), &payload))
    }

    /// Octets behind the header.
    #[must_use]
    pub fn payload_len(self, len: usize) -> Self {
        self.field("ipv4.payload_len", len, move |it| same(it.payload().len(), len))
    }

    /// The four octets after the ICMP checksum.
    #[must_use]
    pub fn word(self, word: u32) -> Self {
        self.field("icmp.word", format!("{word:#010x}"), move |it| {
            holds(it.icmp_word() == Some(word), || {
                it.icmp_word().map_or("nothing".to_owned(), |word| format!("{word:#010x}"))
            })
        })
    }

    /// Identifier of an ICMP query.
    #[must_use]
    pub fn identifier(self, identifier: u16) -> Self {
        self.field("icmp.identifier", identifier, move |it| same(it.identifier(), Some(identifier)))
    }

    /// Sequence number of an ICMP query.
    #[must_use]
    pub fn sequence_number(self, number: u16) -> Self {
        self.field("icmp.sequence_number", number, move |it| same(it.sequence_number(), Some(number)))
    }

    /// What follows the 8 octets of an ICMP message.
    #[must_use]
    pub fn data(self, data: impl Into<Vec<u8>>) -> Self {
        let data = data.into();
        self.field("icmp.data", hex(&data), move |it| same_octets(it.icmp_data().unwrap_or_default(), &data))
    }

    /// Next-hop MTU of a Fragmentation Needed. RFC 1191 §4.
    #[must_use]
    pub fn mtu(self, mtu: u16) -> Self {
        self.field("icmp.mtu", mtu, move |it| same(it.sequence_number(), Some(mtu)))
    }

    /// What follows the header of UDP.
    #[must_use]
    pub fn udp_data(self, data: impl Into<Vec<u8>>) -> Self {
        let data = data.into();
        self.field("udp.data", hex(&data), move |it| same_octets(it.udp_data().unwrap_or_default(), &data))
    }

    /// Source and destination port of UDP or TCP.
    #[must_use]
    pub fn ports(self, source: u16, destination: u16) -> Self {
        self.field("ports", format!("{source} to {destination}"), move |it| {
            same(it.ports(), Some((source, destination)))
        })
    }

    /// Quotes `packet` as it came: its header and at least 8 octets more, or all of it if it is shorter.
    #[must_use]
    pub fn quotes(self, packet: &Packet) -> Self {
        let least = Datagram::of(&packet.build()).header_len() + 8;
        self.quotes_at_least(packet, least)
    }

    /// Quotes at least the first `least` octets of `packet` as it came, or all of it if it is shorter.
    #[must_use]
    pub fn quotes_at_least(self, packet: &Packet, least: usize) -> Self {
        let came = whole(packet);
        let least = least.min(came.len());
        self.field("icmp.quote", format!("the first {least} octets or more of the stimulus"), move |it| {
            judge_quote(it, &came, least..=came.len())
        })
    }

    /// Quotes exactly the first `len` octets of `packet` as it came.
    #[must_use]
    pub fn quotes_exactly(self, packet: &Packet, len: usize) -> Self {
        let came = whole(packet);
        self.field("icmp.quote", format!("the first {len} octets of the stimulus"), move |it| {
            judge_quote(it, &came, len..=len)
        })
    }

    /// Quotes `packet` as [`Pattern::quotes`] does, but TTL and header checksum may be as on the way out.
    #[must_use]
    pub fn quotes_but_ttl(self, packet: &Packet) -> Self {
        self.quotes_but(packet, "the stimulus, whatever its TTL", &[8, 10, 11])
    }

    /// The same about a datagram that a translator sent on, perhaps with another identification: see
    /// [`seen::translated`].
    #[must_use]
    pub fn quotes_translated(self, packet: &Packet) -> Self {
        self.quotes_but(packet, "the stimulus, whatever its TTL and identification", &[4, 5, 8, 10, 11])
    }

    /// Quotes `packet` as [`Pattern::quotes`] does, but for the octets at `free`.
    fn quotes_but(self, packet: &Packet, expected: &str, free: &'static [usize]) -> Self {
        let came = whole(packet);
        let least = (Datagram::of(&came).header_len() + 8).min(came.len());
        self.field("icmp.quote", expected, move |it| {
            let mut quote = it.quote().unwrap_or_default().to_vec();
            for &at in free {
                if let (Some(place), Some(octet)) = (quote.get_mut(at), came.get(at)) {
                    *place = *octet;
                }
            }
            judge_octets(&quote, &came, least..=came.len())
        })
    }

    /// Where a frame differs from the pattern.
    pub fn mismatches(&self, datagram: &Datagram) -> Vec<Mismatch> {
        let looked = self.checks.iter().map(|check| (check, (check.look)(datagram)));
        looked
            .filter_map(|(check, result)| {
                let seen = result.err()?;
                Some(Mismatch { field: check.field, expected: check.expected.clone(), seen })
            })
            .collect()
    }

    /// Whether the pattern speaks of a protocol that goes on in the background, and so asks for its frames.
    pub(super) fn asks_for(&self, protocol: u8) -> bool {
        self.checks
            .iter()
            .any(|check| check.field == "ipv4.protocol" && check.expected == protocol.to_string())
    }
}

/// The datagram of `packet` without what the link adds.
fn whole(packet: &Packet) -> Vec<u8> {
    let mut octets = packet.build();
    let total = usize::from(Datagram::of(&octets).total_length());
    if total >= 20 {
        octets.truncate(total);
    }
    octets
}

fn judge_quote(it: &Datagram, came: &[u8], len: RangeInclusive<usize>) -> Result<(), String> {
    judge_octets(it.quote().ok_or("no quote")?, came, len)
}

fn judge_octets(quote: &[u8], came: &[u8], len: RangeInclusive<usize>) -> Result<(), String> {
    if !len.contains(&quote.len()) {
        return Err(format!("{} octets of quote", quote.len()));
    }
    match quote.iter().zip(came).position(|(a, b)| a != b) {
        Some(at) => Err(format!("octet {at} is {:#04x} and was {:#04x}", quote[at], came[at])),
        None => Ok(()),
    }
}

fn holds(condition: bool, seen: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(seen()) }
}

fn same<T: PartialEq + Show>(seen: T, expected: T) -> Result<(), String> {
    holds(seen == expected, || show(seen))
}

fn same_hex<T: PartialEq + fmt::LowerHex>(seen: T, expected: T) -> Result<(), String> {
    holds(seen == expected, || format!("{seen:#x}"))
}

fn same_octets(seen: &[u8], expected: &[u8]) -> Result<(), String> {
    if seen == expected {
        return Ok(());
    }
    match seen.iter().zip(expected).position(|(a, b)| a != b) {
        Some(at) => Err(format!("{} (octet {at} is {:#04x})", hex(seen), seen[at])),
        None => Err(format!("{} ({} octets)", hex(seen), seen.len())),
    }
}

/// A few octets in hexadecimal, the rest as a number.
fn hex(octets: &[u8]) -> String {
    use std::fmt::Write as _;
    const SHOWN: usize = 24;
    let mut text = octets.iter().take(SHOWN).fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    });
    if octets.len() > SHOWN {
        let _ = write!(text, "… of {}", octets.len());
    }
    if octets.is_empty() { "nothing".to_owned() } else { text }
}
