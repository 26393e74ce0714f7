//! The program's side of the protocol for any [`Dut`]: what runs inside another kernel, and what tests talk to.

use std::io;
use std::time::Duration;

use super::message::{self, Answer, Hello, Request, VERSION};
use super::transport::Transport;
use crate::dut::{Clock, Dut, DutError};
use crate::model::{Action, Counters, Observation, Step};

/// Serves `dut` over `transport` until the other side is gone.
///
/// # Errors
/// If the other side cannot be heard or told.
pub(in crate::dut) fn serve(dut: &mut dyn Dut, transport: &mut dyn Transport) -> io::Result<()> {
    let (mut datagram, mut observation) = (Vec::new(), Observation::default());
    while transport.receive(&mut datagram)? {
        observation.clear();
        let answer = respond(dut, &datagram, &mut observation);
        for frame in &observation.frames {
            let interface = u8::try_from(frame.interface).unwrap_or(u8::MAX);
            let mut datagram = message::frame_header(interface, Clock::default()).to_vec();
            datagram.extend_from_slice(&frame.octets);
            transport.send(&datagram)?;
        }
        transport.send(&answer)?;
        transport.flush()?;
    }
    Ok(())
}

/// Does what `datagram` asks for. Frames are left in `observation`.
fn respond(dut: &mut dyn Dut, datagram: &[u8], observation: &mut Observation) -> Vec<u8> {
    let answer = match message::parse_frame(datagram) {
        Some((interface, clock, octets)) => {
            let frame = octets.to_vec();
            let action = Action::Inject { interface: interface.into(), frame };
            step(dut, action, Duration::ZERO, clock, observation)
        }
        None => match serde_json::from_slice(datagram) {
            Ok(Request::Hello { .. }) => return json(&hello(dut)),
            Ok(request) => ask(dut, request, observation),
            Err(error) => Ok(Answer { unsupported: Some(error.to_string()), ..Answer::default() }),
        },
    };
    let answer = answer.unwrap_or_else(|error| match error {
        DutError::Unsupported(why) => Answer { unsupported: Some(why), ..Answer::default() },
        other => Answer { failed: Some(other.to_string()), ..Answer::default() },
    });
    json(&answer)
}

fn hello(dut: &dyn Dut) -> Hello {
    Hello {
        protocol: VERSION,
        name: dut.name(),
        version: dut.version(),
        dimensions: dut.dimensions().iter().collect(),
        cheap_counters: dut.counters_are_cheap(),
    }
}

fn ask(dut: &mut dyn Dut, request: Request, observation: &mut Observation) -> Result<Answer, DutError> {
    match request {
        Request::Hello { .. } => Ok(Answer::default()),
        Request::Open(scenario) => {
            dut.open(&scenario)?;
            Ok(Answer { clock: dut.clock().map(Into::into), ..Answer::default() })
        }
        Request::Advance { at_ns, clock } => {
            step(dut, Action::Advance, Duration::from_nanos(at_ns), clock.into(), observation)
        }
        Request::Socket { socket, clock, action } => {
            let action = Action::Socket { socket, action: action.into() };
            step(dut, action, Duration::ZERO, clock.into(), observation)
        }
        Request::Counters {} => {
            let mut counters = Counters::new();
            dut.counters(&mut counters)?;
            let counters = counters.iter().map(|(id, value)| (id.name(), value)).collect();
            Ok(Answer { counters: Some(counters), ..Answer::default() })
        }
        Request::Conntrack {} => dut.conntrack().map(|table| Answer::with_table(&table)),
    }
}

fn step(
    dut: &mut dyn Dut,
    action: Action,
    at: Duration,
    clock: Clock,
    observation: &mut Observation,
) -> Result<Answer, DutError> {
    let step = Step { at, action, packet: 0, comment: None };
    dut.step(&step, clock, observation)?;
    let clock = dut.clock().map(Into::into);
    Ok(Answer { clock, ..Answer::of(observation) })
}

fn json<T: serde::Serialize>(message: &T) -> Vec<u8> {
    // Nothing in a message can fail to be written, so this is for the type checker.
    serde_json::to_vec(message).unwrap_or_else(|error| error.to_string().into_bytes())
}
