//! `netassay send 'SPEC' --dut D …`: builds packets and shows what each stack answers, side by side.

mod build;
mod fields;
mod spec;
mod table;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use super::dut::{DutName, Made};
use super::failure::Failure;
use super::{ALL_WELL, FOUND_SOMETHING, output};
use crate::differential::pairing::virtual_clock;
use crate::dut::DutError;
use crate::model::{
    Action, Counters, Dimension, Interface, LinkKind, Observation, Scenario, Step, scenario_file,
};
use build::Defaults;
use table::{Answer, Table};

/// Build packets and show what each stack answers, side by side.
///
/// A SPEC is layers with `/` between them, outermost first; the packets are sent one after the other:
///
///   ipv4(src=,dst=,ttl=64,id=,tos=,df,mf,rf,offset=,options=,proto=,len=,ihl=,version=,sum=,pad=)
///   icmp(type=echo,code=0,id=,seq=,mtu=,gateway=,pointer=,word=,sum=)
///   udp(sport=40000,dport=9,len=,sum=)
///   tcp(sport=40000,dport=9,seq=,ack=,flags=S,window=,urgent=,offset=,options=0x…,sum=)
///   payload(56)  payload('text')  payload(0x0102)
///
/// options= takes, joined by `+`: nop, eol, ra, rr(slots), ts(slots), tsaddr(slots), tspre(address,…),
/// lsrr(address,…), ssrr(address,…), opt(kind,0xdata), 0xoctets. Numbers are decimal or 0x…. icmp types have names:
/// echo, echo-reply, unreachable, quench, redirect, time-exceeded, parameter-problem, timestamp, …. An `ipv4` inside
/// `icmp` is the datagram that an error quotes, one inside `ipv4` is tunneled. Lengths, checksums and protocol numbers
/// are computed unless given. Packets go from a neighbor to the stack unless src and dst say otherwise.
///
/// In the answer, `≠` marks what differs from the first stack, `~` what differs but may, by a rule of `list rules`.
/// Exit status: 0 if all answer alike, 1 if not.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "Examples:
  netassay send 'ipv4(ttl=0)/icmp/payload(56)'
  netassay send 'ipv4(options=rr(3))/icmp(id=1,seq=1)' --dut reference --dut linux --dut smoltcp
  netassay send 'ipv4(mf,id=7)/icmp(sum=0xdfdf)/payload(8)' 'ipv4(offset=16,id=7,proto=1)/payload(8)'
  netassay send 'ipv4(dst=10.1.0.9,ttl=1)/udp' --scenario router
  netassay send 'ipv4/icmp(type=unreachable,code=4,mtu=1400)/ipv4/udp'"
)]
pub(super) struct Args {
    /// What to send.
    #[arg(required = true, value_name = "SPEC")]
    specs: Vec<String>,
    /// Whom to ask; may be given more than once. `reference` and `linux` if not given.
    #[arg(long = "dut", value_name = "DUT")]
    duts: Vec<DutName>,
    /// World around the stacks, by name or file.
    #[arg(long, value_name = "NAME|FILE", default_value = "host")]
    scenario: String,
    /// Interface on which the packets come in; the first one if not given.
    #[arg(long, value_name = "NAME")]
    interface: Option<String>,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let scenario = scenario_file::find(&args.scenario).map_err(|error| Failure::Input(error.to_string()))?;
    let scenario = Arc::new(scenario);
    let index = interface_index(&scenario, args.interface.as_deref())?;
    let steps = args
        .specs
        .iter()
        .zip(1..)
        .map(|(spec, packet)| step(spec, packet, &scenario.interfaces[index], index))
        .collect::<Result<Vec<_>, _>>()?;
    let default = [DutName::Reference(netassay_stack::config::Profile::Linux), DutName::Linux];
    let names = if args.duts.is_empty() { &default[..] } else { &args.duts };
    let mut duts = names.iter().map(DutName::make).collect::<Result<Vec<_>, _>>()?;
    for made in &mut duts {
        made.dut.open(&scenario).map_err(|error| Failure::of_dut(&made.dut.name(), &error))?;
    }
    let mut table = Table::new(&scenario, &duts);
    let mut before = vec![Counters::new(); duts.len()];
    for (step, spec) in steps.iter().zip(&args.specs) {
        let answers = ask(&mut duts, step, &mut before)?;
        table.add(spec, step, &answers);
    }
    let (text, is_alike) = table.finish();
    output::print(&text);
    Ok(if is_alike { ALL_WELL } else { FOUND_SOMETHING })
}

fn interface_index(scenario: &Scenario, name: Option<&str>) -> Result<usize, Failure> {
    let Some(name) = name else { return Ok(0) };
    scenario.interfaces.iter().position(|interface| interface.name == name).ok_or_else(|| {
        let names: Vec<_> = scenario.interfaces.iter().map(|interface| &interface.name[..]).collect();
        let scenario = &scenario.name;
        Failure::Input(format!(
            "scenario `{scenario}` has no interface `{name}`; it has {}",
            names.join(", ")
        ))
    })
}

/// The step that sends what `spec` says in on `interface`.
fn step(spec: &str, packet: u64, interface: &Interface, index: usize) -> Result<Step, Failure> {
    let said = |error: spec::SpecError| Failure::Input(format!("{error}\n\n{}", error.under(spec)));
    let layers = spec::parse(spec).map_err(said)?;
    let datagram = build::packet(&layers, defaults(interface)).map_err(said)?;
    let frame = match interface.link {
        LinkKind::Ip => datagram,
        LinkKind::Ethernet => [&ethernet_header(interface)?[..], &datagram].concat(),
    };
    let action = Action::Inject { interface: index, frame };
    Ok(Step { at: Duration::from_millis(packet), action, packet, comment: None })
}

/// From a neighbor to the stack: its first address on the interface, and the one after that, or before the last.
fn defaults(interface: &Interface) -> Defaults {
    let own = interface.addresses.first().map_or(Ipv4Addr::new(10, 0, 0, 1), |prefix| prefix.address);
    let next = Ipv4Addr::from_bits(own.to_bits() ^ 3);
    Defaults { source: next, destination: own }
}

/// To the interface, from a unicast address that is locally administered.
fn ethernet_header(interface: &Interface) -> Result<[u8; 14], Failure> {
    let octets: Option<Vec<u8>> = interface
        .mac
        .as_ref()
        .and_then(|mac| mac.split(':').map(|octet| u8::from_str_radix(octet, 16).ok()).collect());
    let destination: [u8; 6] = octets.and_then(|octets| octets.try_into().ok()).ok_or_else(|| {
        Failure::Input(format!("interface `{}` carries Ethernet and has no `mac` to send to", interface.name))
    })?;
    let mut header = [0; 14];
    header[..6].copy_from_slice(&destination);
    header[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 0x99]);
    header[12..].copy_from_slice(&[8, 0]);
    Ok(header)
}

/// Has all take a step, those with a clock of their own first, whose time the others are given.
fn ask(duts: &mut [Made], step: &Step, before: &mut [Counters]) -> Result<Vec<Answer>, Failure> {
    let mut clock = virtual_clock(step.at);
    let mut order: Vec<usize> = (0..duts.len()).collect();
    order.sort_by_key(|index| duts[*index].dut.clock().is_none());
    let mut answers = vec![Answer::default(); duts.len()];
    for index in order {
        let dut = &mut *duts[index].dut;
        let mut seen = Observation::default();
        let taken = dut.step(step, clock, &mut seen).and_then(|()| {
            let mut counters = Counters::new();
            if dut.dimensions().contains(Dimension::Counters) {
                dut.counters(&mut counters)?;
            }
            Ok(counters)
        });
        clock = dut.clock().unwrap_or(clock);
        let counters = taken.map_err(|error: DutError| Failure::of_dut(&dut.name(), &error))?;
        let moved = counters.since(&before[index]);
        before[index] = counters;
        answers[index] = Answer { seen, counters: moved };
    }
    Ok(answers)
}
