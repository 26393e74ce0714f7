//! Octets from a packet specification: what layers there are, with which fields.
//!
//! Lengths, checksums and protocol numbers are computed unless given; everything else has a default. What is given is
//! taken as it is, however wrong.

use std::net::Ipv4Addr;

use netassay_stack::wire::build::{self, Ipv4Builder, Layer, OptionBuilder, options};
use netassay_stack::wire::{OptionKind, Protocol};

use super::fields::Fields;
use super::spec::{Call, SpecError, Value};

/// Where a packet goes unless it says otherwise.
#[derive(Clone, Copy, Debug)]
pub(super) struct Defaults {
    pub(super) source: Ipv4Addr,
    pub(super) destination: Ipv4Addr,
}

/// Octets of a layer and all that it carries, for the layer above.
enum Built {
    Icmp(build::IcmpBuilder),
    Udp(build::UdpBuilder),
    Tcp(build::TcpBuilder),
    /// A whole datagram: quoted in an ICMP error, or tunneled (RFC 2003 §3.1).
    Datagram(Vec<u8>),
    Octets(Vec<u8>),
}

impl Layer for Built {
    fn protocol(&self) -> Protocol {
        match self {
            Self::Icmp(layer) => layer.protocol(),
            Self::Udp(layer) => layer.protocol(),
            Self::Tcp(layer) => layer.protocol(),
            Self::Datagram(_) => Protocol::from(4),
            Self::Octets(octets) => octets.protocol(),
        }
    }

    fn append(&self, source: Ipv4Addr, destination: Ipv4Addr, out: &mut Vec<u8>) {
        match self {
            Self::Icmp(layer) => layer.append(source, destination, out),
            Self::Udp(layer) => layer.append(source, destination, out),
            Self::Tcp(layer) => layer.append(source, destination, out),
            Self::Datagram(octets) | Self::Octets(octets) => out.extend_from_slice(octets),
        }
    }
}

/// The layers that can be named.
const LAYERS: [&str; 5] = ["ipv4", "icmp", "udp", "tcp", "payload"];

/// The octets of a packet: a datagram, or whatever `payload` says if that comes first.
pub(super) fn packet(layers: &[Call], defaults: Defaults) -> Result<Vec<u8>, SpecError> {
    match layers.first() {
        Some(first) if !["ipv4", "payload"].contains(&&first.name.it[..]) => {
            let what = format!(
                "a packet begins with `ipv4` (or `payload`, for octets as they are), not with {}",
                first.name.it
            );
            Err(SpecError::new((first.name.column, first.name.len), what))
        }
        _ => Ok(octets(built(layers, defaults)?, defaults)),
    }
}

/// As what another layer carries without a pseudo header.
fn octets(built: Built, defaults: Defaults) -> Vec<u8> {
    let mut octets = Vec::new();
    built.append(defaults.source, defaults.destination, &mut octets);
    octets
}

fn built(layers: &[Call], defaults: Defaults) -> Result<Built, SpecError> {
    let Some((layer, rest)) = layers.split_first() else { return Ok(Built::Octets(Vec::new())) };
    let mut fields = Fields::of(layer);
    let built = match &layer.name.it[..] {
        "ipv4" => Built::Datagram(datagram(&mut fields, rest, defaults)?),
        "icmp" => Built::Icmp(message(&mut fields, rest, defaults)?),
        "udp" => Built::Udp(udp(&mut fields, carried(rest, defaults)?)?),
        "tcp" => Built::Tcp(tcp(&mut fields, carried(rest, defaults)?)?),
        "payload" => {
            let mut octets = payload(&mut fields)?;
            octets.extend(carried(rest, defaults)?);
            Built::Octets(octets)
        }
        _ => return Err(fields.unknown_layer(&LAYERS)),
    };
    fields.finish()?;
    Ok(built)
}

fn carried(rest: &[Call], defaults: Defaults) -> Result<Vec<u8>, SpecError> {
    built(rest, defaults).map(|built| octets(built, defaults))
}

fn datagram(fields: &mut Fields<'_>, rest: &[Call], defaults: Defaults) -> Result<Vec<u8>, SpecError> {
    let source = fields.address("src")?.unwrap_or(defaults.source);
    let destination = fields.address("dst")?.unwrap_or(defaults.destination);
    let mut header: Ipv4Builder<Built> = build::ipv4().carry(built(rest, Defaults { source, destination })?);
    header = header.source(source).destination(destination);
    for (given, set) in [
        (fields.u8("version")?, Ipv4Builder::version as fn(_, u8) -> _),
        (fields.u8("ihl")?, Ipv4Builder::ihl),
        (fields.u8("tos")?, Ipv4Builder::tos),
        (fields.u8("ttl")?, Ipv4Builder::ttl),
    ] {
        header = given.into_iter().fold(header, set);
    }
    if let Some(protocol) = fields.u8("proto")? {
        header = header.protocol(protocol);
    }
    for (given, set) in [
        (fields.u16("len")?, Ipv4Builder::total_length as fn(_, u16) -> _),
        (fields.u16("id")?, Ipv4Builder::identification),
        (fields.u16("sum")?, Ipv4Builder::header_checksum),
    ] {
        header = given.into_iter().fold(header, set);
    }
    if let Some(offset) = fields.offset("offset")? {
        header = header.fragment_offset(offset);
    }
    for (flag, set) in [
        ("df", Ipv4Builder::dont_fragment as fn(_) -> _),
        ("mf", Ipv4Builder::more_fragments),
        ("rf", Ipv4Builder::reserved_flag),
    ] {
        if fields.flag(flag) {
            header = set(header);
        }
    }
    if let Some(padding) = fields.u16("pad")? {
        header = header.padding(usize::from(padding));
    }
    if let Some(values) = fields.values("options") {
        let all = values.iter().try_fold(options(), option)?.build();
        if all.len() > 40 {
            let what = format!("the options have {} octets; a header holds 40", all.len());
            return Err(SpecError::new(values[0].place(), what));
        }
        header = header.options(all);
    }
    Ok(header.build())
}

/// The options that can be named.
const OPTIONS: [&str; 10] = ["eol", "nop", "rr", "ts", "tsaddr", "tspre", "lsrr", "ssrr", "ra", "opt"];

/// Appends one option.
fn option(all: OptionBuilder, value: &Value) -> Result<OptionBuilder, SpecError> {
    let bare;
    let call = match value {
        Value::Call(call) => call,
        Value::Word(word) if word.it.starts_with("0x") => return Ok(all.raw(super::fields::hex(word)?)),
        Value::Word(word) => {
            bare = Call { name: word.clone(), arguments: Vec::new() };
            &bare
        }
        Value::Text(_) => {
            return Err(SpecError::new(value.place(), "an option is a name or octets such as 0x0101"));
        }
    };
    let mut fields = Fields::of(call);
    let all = match &call.name.it[..] {
        "eol" => all.end_of_list(),
        "nop" => all.no_operation(),
        "ra" => all.router_alert(),
        "rr" => all.record_route(fields.positional("slots", 9)?),
        "ts" => all.timestamp(0, fields.positional("slots", 9)?),
        "tsaddr" => all.timestamp(1, fields.positional("slots", 4)?),
        "tspre" => all.prespecified_timestamp(&fields.addresses()?),
        "lsrr" => all.loose_source_route(&fields.addresses()?),
        "ssrr" => all.strict_source_route(&fields.addresses()?),
        "opt" => {
            let kind = fields.positional("kind", 255)? as u8;
            all.option(OptionKind::from(kind), fields.octets()?.unwrap_or_default())
        }
        _ => return Err(fields.unknown("option", &OPTIONS)),
    };
    fields.finish()?;
    Ok(all)
}

/// ICMP types by name.
const TYPES: [(&str, u8); 12] = [
    ("echo", 8),
    ("echo-reply", 0),
    ("unreachable", 3),
    ("quench", 4),
    ("redirect", 5),
    ("time-exceeded", 11),
    ("parameter-problem", 12),
    ("timestamp", 13),
    ("timestamp-reply", 14),
    ("mask", 17),
    ("ext-echo", 42),
    ("ext-echo-reply", 43),
];

fn message(
    fields: &mut Fields<'_>,
    rest: &[Call],
    defaults: Defaults,
) -> Result<build::IcmpBuilder, SpecError> {
    let icmp_type = fields.named("type", &TYPES)?.unwrap_or(8);
    let mut message = build::icmp(icmp_type, fields.u8("code")?.unwrap_or(0));
    if let Some(word) = fields.u32("word")? {
        message = message.word(word);
    }
    if let Some(gateway) = fields.address("gateway")? {
        message = message.word(gateway.to_bits());
    }
    if let Some(pointer) = fields.u8("pointer")? {
        message = message.word(u32::from(pointer) << 24);
    }
    if let Some(mtu) = fields.u16("mtu")? {
        message = message.word(u32::from(mtu));
    }
    if let Some(identifier) = fields.u16("id")? {
        message = message.identifier(identifier);
    }
    if let Some(sequence_number) = fields.u16("seq")? {
        message = message.sequence_number(sequence_number);
    }
    if let Some(checksum) = fields.u16("sum")? {
        message = message.checksum(checksum);
    }
    // A datagram in an error is one that the stack sent, so by default it goes the other way.
    let turned = Defaults { source: defaults.destination, destination: defaults.source };
    Ok(message.data(carried(rest, turned)?))
}

fn udp(fields: &mut Fields<'_>, data: Vec<u8>) -> Result<build::UdpBuilder, SpecError> {
    let mut udp = build::udp().source_port(fields.u16("sport")?.unwrap_or(40_000));
    udp = udp.destination_port(fields.u16("dport")?.unwrap_or(9)).data(data);
    if let Some(length) = fields.u16("len")? {
        udp = udp.length(length);
    }
    if let Some(checksum) = fields.u16("sum")? {
        udp = udp.checksum(checksum);
    }
    Ok(udp)
}

/// TCP flags by letter, as packetdrill and tcpdump abbreviate them.
const TCP_FLAGS: &str = "FSRPAUEC";

fn tcp(fields: &mut Fields<'_>, data: Vec<u8>) -> Result<build::TcpBuilder, SpecError> {
    let mut tcp = build::tcp().source_port(fields.u16("sport")?.unwrap_or(40_000));
    tcp = tcp.destination_port(fields.u16("dport")?.unwrap_or(9)).data(data);
    tcp = tcp.flags(fields.letters("flags", TCP_FLAGS)?.unwrap_or(0x02));
    tcp = tcp.sequence_number(fields.u32("seq")?.unwrap_or(0));
    tcp = tcp.acknowledgment_number(fields.u32("ack")?.unwrap_or(0));
    tcp = tcp.window(fields.u16("window")?.unwrap_or(65_535));
    if let Some(urgent) = fields.u16("urgent")? {
        tcp = tcp.urgent_pointer(urgent);
    }
    if let Some(words) = fields.u8("offset")? {
        tcp = tcp.data_offset(words);
    }
    if let Some(checksum) = fields.u16("sum")? {
        tcp = tcp.checksum(checksum);
    }
    if let Some([Value::Word(word)]) = fields.values("options") {
        tcp = tcp.options(super::fields::hex(word)?);
    }
    Ok(tcp)
}

/// `payload(56)`, `payload('text')`, `payload(0x0102)`.
fn payload(fields: &mut Fields<'_>) -> Result<Vec<u8>, SpecError> {
    fields
        .octets()?
        .ok_or_else(|| fields.error("it takes a number of octets, a 'text', or octets such as 0x0102"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::spec::parse;
    use super::*;

    const DEFAULTS: Defaults =
        Defaults { source: Ipv4Addr::new(10, 0, 0, 2), destination: Ipv4Addr::new(10, 0, 0, 1) };

    fn octets_of(spec: &str) -> Vec<u8> {
        packet(&parse(spec).unwrap(), DEFAULTS).unwrap_or_else(|error| panic!("{}", error.under(spec)))
    }

    /// Octets as they were computed by hand.
    #[rstest]
    #[case::echo(
        "ipv4/icmp(id=1,seq=2)/payload(0x6162)",
        "4500001e00000000400166dd0a0000020a000001",
        "080096 9a0001 0002 6162"
    )]
    #[case::everything_given(
        "ipv4(version=5,ihl=6,tos=1,len=2,id=3,df,mf,rf,offset=8,ttl=0,proto=9,sum=0xbeef,src=1.2.3.4,dst=5.6.7.8)",
        "56010002 0003e001 0009beef 01020304 05060708",
        ""
    )]
    #[case::options(
        "ipv4(proto=1,sum=0,options=nop+rr(1)+opt(200,0xaa)+0x01+eol)",
        "4900 0024 0000 0000 4001 0000 0a000002 0a000001",
        "01 07070400000000 c803aa 01 00 000000"
    )]
    #[case::error_quotes_what_was_sent(
        "ipv4(sum=0)/icmp(type=unreachable,code=4,mtu=1400,sum=0)/ipv4(sum=0)/udp(sport=1,dport=2,sum=0)",
        "45000038 00000000 40010000 0a000002 0a000001 0304 0000 00000578",
        "4500001c 00000000 40110000 0a000001 0a000002 0001 0002 0008 0000"
    )]
    #[case::tcp(
        "ipv4(sum=0)/tcp(sport=1,dport=2,seq=3,ack=4,flags=SA,window=5,urgent=6,sum=7)",
        "45000028 00000000 40060000 0a000002 0a000001",
        "0001 0002 00000003 00000004 5012 0005 0007 0006"
    )]
    #[case::text("payload('a b')", "61 20 62", "")]
    fn specifications_become_octets(#[case] spec: &str, #[case] first: &str, #[case] rest: &str) {
        let expected: String = [first, rest].concat().replace(' ', "");
        let found: String = octets_of(spec).iter().map(|octet| format!("{octet:02x}")).collect();
        assert_eq!(found, expected);
    }

    #[rstest]
    #[case::not_a_packet("icmp", 0, "a packet begins with `ipv4`")]
    #[case::layer("ipv4/imcp", 5, "did you mean `icmp`?")]
    #[case::key("ipv4(ttf=1)", 5, "did you mean `ttl`?")]
    #[case::too_large("ipv4(ttl=256)", 9, "0 to 255")]
    #[case::no_number("ipv4(id=x)", 8, "0 to 65535")]
    #[case::address("ipv4(dst=10.0.0)", 9, "an address")]
    #[case::twice("ipv4(ttl=1,ttl=2)", 11, "given before")]
    #[case::offset("ipv4(offset=7)", 12, "a multiple of 8")]
    #[case::option("ipv4(options=rt(3))", 13, "did you mean `rr`?")]
    #[case::slots("ipv4(options=rr(10))", 16, "0 to 9")]
    #[case::long("ipv4(options=rr(9)+rr(9))", 13, "78 octets; a header holds 40")]
    #[case::flags("ipv4/tcp(flags=SX)", 15, "FSRPAUEC")]
    #[case::type_name("ipv4/icmp(type=ehco)", 15, "did you mean `echo`?")]
    #[case::payload("ipv4/payload", 5, "a number of octets")]
    #[case::no_key("ipv4(7)", 5, "no `key=value`")]
    fn errors_point_at_what_is_wrong(#[case] spec: &str, #[case] column: usize, #[case] what: &str) {
        let error = packet(&parse(spec).unwrap(), DEFAULTS).unwrap_err();
        assert_eq!(error.column, column, "{}", error.under(spec));
        assert!(error.what.contains(what), "{}", error.under(spec));
    }
}
