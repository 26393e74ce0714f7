//! `netassay serve --tun NAME`: the reference stack behind TUN devices, for ping, traceroute, nmap and whatever else.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use netassay_stack::config::Profile;

use super::failure::Failure;
use super::{ALL_WELL, interrupt, output};
use crate::dut::linux::ServedDevice;
use crate::dut::reference::ReferenceDut;
use crate::dut::{Clock, Dut as _, DutError};
use crate::model::{Action, Interface, Observation, Prefix, Scenario, Step, scenario_file};

/// Serve the reference stack on TUN devices, until Ctrl-C.
///
/// Each --tun makes a device for one interface of the scenario, in order; interfaces without one are cut off. This
/// machine is the stack's neighbor on each: it gets an address in the subnet, the device is up, and programs of this
/// machine reach the stack at the scenario's addresses. The devices go away at the end. That takes the right to make
/// them: root, or a namespace of one's own (`unshare --user --map-root-user --net`).
///
/// Once all is ready a line for each device is printed; at the end, how many datagrams went which way.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Name of a device to make; may be given more than once.
    #[arg(long, value_name = "NAME", required = true)]
    tun: Vec<String>,
    /// World around the stack, by name or file.
    #[arg(long, value_name = "NAME|FILE", default_value = "host")]
    scenario: String,
    /// Follow the RFCs where Linux departs from them.
    #[arg(long)]
    rfc: bool,
    /// Give this machine no addresses; somebody else does.
    #[arg(long)]
    no_address: bool,
}

/// How long it may take until a wish to end is noticed if the signal comes right before waiting.
const STOP_WITHIN: Duration = Duration::from_millis(200);
/// Datagrams taken from one device before the others have their turn.
const BURST: usize = 64;

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let scenario = scenario_file::find(&args.scenario).map_err(|error| Failure::Input(error.to_string()))?;
    if args.tun.len() > scenario.interfaces.len() {
        let (devices, interfaces) = (args.tun.len(), scenario.interfaces.len());
        let what = format!("{devices} devices, but scenario `{}` has {interfaces} interfaces", scenario.name);
        return Err(Failure::Input(what));
    }
    let stop = interrupt::flag();
    let failed = |error: DutError| Failure::of_dut("serving", &error);
    let mut server = Server::new(args, &scenario).map_err(failed)?;
    output::print(&server.welcome(&scenario));
    let outcome = server.serve(&stop);
    output::print(&server.farewell());
    outcome.map_err(failed).map(|()| ALL_WELL)
}

struct Server {
    stack: ReferenceDut,
    devices: Vec<ServedDevice>,
    seen: Observation,
    step: Step,
    started: Instant,
    received: u64,
    sent: u64,
    /// For interfaces that have no device.
    lost: u64,
}

impl Server {
    fn new(args: &Args, scenario: &Scenario) -> Result<Self, DutError> {
        let mut stack = ReferenceDut::new(if args.rfc { Profile::Rfc } else { Profile::Linux });
        stack.open(scenario)?;
        let devices = args.tun.iter().zip(&scenario.interfaces).map(|(name, interface)| {
            let neighbor = if args.no_address { None } else { neighbor(interface) };
            ServedDevice::new(name, interface, neighbor)
        });
        Ok(Self {
            stack,
            devices: devices.collect::<Result<_, _>>()?,
            seen: Observation::default(),
            step: Step { at: Duration::ZERO, action: Action::Advance, packet: 0, comment: None },
            started: Instant::now(),
            received: 0,
            sent: 0,
            lost: 0,
        })
    }

    fn welcome(&self, scenario: &Scenario) -> String {
        let lines = self.devices.iter().zip(&scenario.interfaces).map(|(device, interface)| {
            let addresses: Vec<_> = interface.addresses.iter().map(ToString::to_string).collect();
            let (name, addresses) = (device.name(), addresses.join(", "));
            let neighbor =
                neighbor(interface).map_or(String::new(), |it| format!(", seen from {}", it.address));
            format!("{name}: {} of scenario {} at {addresses}{neighbor}\n", interface.name, scenario.name)
        });
        lines.collect()
    }

    fn farewell(&self) -> String {
        let seconds = self.started.elapsed().as_secs_f64();
        let lost = if self.lost > 0 { format!(", {} for no device", self.lost) } else { String::new() };
        format!("{} datagrams received, {} sent{lost} in {seconds:.1} s\n", self.received, self.sent)
    }

    fn serve(&mut self, stop: &AtomicBool) -> Result<(), DutError> {
        while !stop.load(Ordering::Relaxed) {
            let mut is_idle = true;
            for index in 0..self.devices.len() {
                is_idle &= !self.burst(index)?;
            }
            let due = self.until_timer();
            if due == Some(Duration::ZERO) {
                self.take(Action::Advance)?;
            } else if is_idle {
                ServedDevice::wait(&self.devices, due.unwrap_or(STOP_WITHIN).min(STOP_WITHIN))?;
            }
        }
        Ok(())
    }

    /// Lets the stack have what came on a device; whether anything did.
    fn burst(&mut self, index: usize) -> Result<bool, DutError> {
        for count in 0..BURST {
            // The buffer of the step before is used again.
            let mut frame = match std::mem::replace(&mut self.step.action, Action::Advance) {
                Action::Inject { frame, .. } => frame,
                _ => Vec::new(),
            };
            let Some(datagram) = self.devices[index].receive()? else { return Ok(count > 0) };
            frame.clear();
            frame.extend_from_slice(datagram);
            self.received += 1;
            self.take(Action::Inject { interface: index, frame })?;
        }
        Ok(true)
    }

    /// Has the stack do something now, and sends what it lets out.
    fn take(&mut self, action: Action) -> Result<(), DutError> {
        self.step.at = self.started.elapsed();
        self.step.action = action;
        let clock = Clock { monotonic: self.step.at, midnight_ms: midnight_ms() };
        self.seen.clear();
        self.stack.step(&self.step, clock, &mut self.seen)?;
        for frame in &self.seen.frames {
            match self.devices.get_mut(frame.interface) {
                Some(device) => {
                    device.send(&frame.octets)?;
                    self.sent += 1;
                }
                None => self.lost += 1,
            }
        }
        Ok(())
    }

    /// How long until the stack has something to do of its own accord.
    fn until_timer(&self) -> Option<Duration> {
        let due = self.stack.stack()?.poll_timeout()?;
        let due = due.since(netassay_stack::time::Instant::ZERO);
        Some(due.saturating_sub(self.started.elapsed()))
    }
}

/// The address for this machine on the link: another one in the interface's subnet.
fn neighbor(interface: &Interface) -> Option<Prefix> {
    let own = interface.addresses.first()?;
    let candidates = (1..=3).map(|other| Ipv4Addr::from_bits(own.address.to_bits() ^ other));
    let is_host = |address: &Ipv4Addr| {
        own.contains(*address)
            && ![own.network(), own.broadcast()].contains(address)
            && interface.addresses.iter().all(|it| it.address != *address)
    };
    candidates.rev().find(is_host).map(|address| Prefix::new(address, own.length))
}

fn midnight_ms() -> u32 {
    const DAY_MS: u128 = 24 * 3600 * 1000;
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    (since.as_millis() % DAY_MS) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_neighbor_is_another_host_of_the_subnet() {
        let of = |addresses: &str| {
            let text =
                format!("name = 't'\nrole = 'host'\n[[interface]]\nname = 't0'\naddresses = {addresses}");
            let scenario: Scenario = toml::from_str(&text).unwrap();
            neighbor(&scenario.interfaces[0]).map(|it| it.to_string())
        };
        assert_eq!(of("['10.0.0.1/24']").as_deref(), Some("10.0.0.2/24"));
        assert_eq!(of("['10.0.0.1/24', '10.0.0.2/24']").as_deref(), Some("10.0.0.3/24"));
        assert_eq!(of("['10.0.0.2/30']").as_deref(), Some("10.0.0.1/30"));
        assert_eq!(of("['10.0.0.1/32']"), None);
        assert_eq!(of("[]"), None);
    }
}
