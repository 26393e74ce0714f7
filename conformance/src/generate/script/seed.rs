//! Scripts from traces and back: captures and probes seed a fuzzer, and what it finds becomes a trace.

use std::sync::Arc;
use std::time::Duration;

use netassay_stack::config::Profile;

use super::play::link_target;
use super::{Move, OPTIONS, Script, SocketMove, repair};
use crate::model::{Action, LinkKind, Scenario, SocketAction, Step, Trace};

/// Hardware address of an interface that is given none.
const DEFAULT_ADDRESS: [u8; 6] = [2, 0, 0, 0, 0, 1];

/// The script that does what `trace` does. What the form has no room for (names of scenarios, more than
/// [`super::MOST_MOVES`] steps) is left out.
pub fn from_trace(trace: &Trace, profile: Profile) -> Script {
    let mut moves = Vec::new();
    let mut at = Duration::ZERO;
    for step in &trace.steps {
        let by = step.at.saturating_sub(at);
        if by >= Duration::from_millis(1) {
            at = step.at;
            moves.push(Move::Advance { by: Duration::from_millis(by.as_millis() as u64) });
        }
        moves.extend(one_move(&trace.scenario, &step.action));
    }
    let mut scenario = Scenario::clone(&trace.scenario);
    scenario.interfaces.iter_mut().for_each(|interface| interface.mac = None);
    // What the form cannot say is brought into what it can.
    Script::decode(&Script { profile, marks: false, scenario, moves }.encode())
}

/// A trace of steps that were played.
pub fn to_trace(name: String, scenario: Arc<Scenario>, steps: Vec<Step>) -> Trace {
    Trace { name, scenario, steps }
}

fn one_move(scenario: &Scenario, action: &Action) -> Option<Move> {
    Some(match action {
        Action::Inject { interface, frame } => inject(scenario, *interface, frame),
        Action::Advance => return None,
        Action::Socket { socket, action } => {
            Move::Socket { socket: *socket as u8, action: socket_move(action)? }
        }
    })
}

fn inject(scenario: &Scenario, interface: usize, frame: &[u8]) -> Move {
    let number = interface as u8;
    let described = &scenario.interfaces[interface];
    let datagram = match described.link {
        LinkKind::Ip => Some((Default::default(), frame)),
        LinkKind::Ethernet => frame.split_first_chunk::<14>().and_then(|(header, datagram)| {
            let own = described.mac.as_deref().and_then(hardware_address).unwrap_or(DEFAULT_ADDRESS);
            (header[12..] == [8, 0]).then_some(())?;
            Some((link_target(&header[..6], &own)?, datagram))
        }),
    };
    match datagram {
        Some((link, octets)) => Move::Datagram {
            interface: number,
            link,
            broken: repair::broken_in(octets),
            octets: octets.to_vec(),
        },
        None => Move::Frame { interface: number, octets: frame.to_vec() },
    }
}

fn hardware_address(text: &str) -> Option<[u8; 6]> {
    let octets: Option<Vec<u8>> = text.split(':').map(|octet| u8::from_str_radix(octet, 16).ok()).collect();
    octets?.try_into().ok()
}

fn socket_move(action: &SocketAction) -> Option<SocketMove> {
    Some(match action {
        SocketAction::Send { to, data } => SocketMove::Send { to: *to, data: data.clone() },
        SocketAction::Connect { to } => SocketMove::Connect { to: *to },
        SocketAction::SetOption { name, value } => SocketMove::SetOption {
            option: OPTIONS.iter().position(|option| option == name)? as u8,
            value: *value as i32,
        },
        SocketAction::Close => SocketMove::Close,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::script::Player;
    use crate::generate::{Seeded, datagram};
    use crate::model::scenario_file;

    #[test]
    fn a_script_from_a_trace_does_the_same() {
        for name in ["host-sockets", "router-ethernet", "nat-port-forward"] {
            let scenario = Arc::new(scenario_file::by_name(name).unwrap().scenario());
            let steps: Vec<_> = (0..100)
                .map(|seed| {
                    let mut frame = datagram::datagram(&mut Seeded::new(seed), &[]);
                    let interface = seed as usize % scenario.interfaces.len();
                    if scenario.interfaces[interface].link == LinkKind::Ethernet {
                        frame = [&DEFAULT_ADDRESS[..], &[2, 0, 0, 0, 0, 2, 8, 0], &frame].concat();
                    }
                    let action = Action::Inject { interface, frame };
                    Step { at: Duration::ZERO, action, packet: seed + 1, comment: None }
                })
                .collect();
            let trace = to_trace(name.to_owned(), Arc::clone(&scenario), steps);
            let script = from_trace(&trace, Profile::Linux);
            assert_eq!(script.scenario.interfaces.len(), scenario.interfaces.len());
            assert_eq!(
                (&script.scenario.rules, &script.scenario.routes),
                (&scenario.rules, &scenario.routes)
            );
            let mut player = Player::new(&script);
            let played: Vec<_> =
                std::iter::from_fn(|| player.step().map(|step| step.action.clone())).collect();
            let expected: Vec<_> = trace.steps.into_iter().map(|step| step.action).collect();
            assert_eq!(played, expected);
        }
    }
}
