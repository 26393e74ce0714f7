//! What an ICMP error may do to local sockets: only the one that it quotes is told, and told what it says.

use std::net::Ipv4Addr;

use super::{Objection, hold, same};
use crate::model::observation::QueuedError;
use crate::model::{Observation, Scenario, SocketKind};

/// The clause of every rule here.
const CLAUSE: &str = "RFC 1122 §3.2.2.1";

/// Origin of a queued error that an ICMP message made.
const ICMP: u8 = 2;

/// Judges the errors that sockets report of `datagram`, which starts at the IP header.
///
/// # Errors
/// The first socket that was told what the datagram does not say.
pub fn judge(scenario: &Scenario, datagram: &[u8], observation: &Observation) -> Result<(), Objection> {
    let error = IcmpError::of(datagram);
    for reported in &observation.socket_errors {
        let Some(queued) = reported.queued.as_ref().filter(|queued| queued.origin == ICMP) else { continue };
        let Some(error) = &error else {
            if is_fragment(datagram) {
                // The message was whole only with what came before.
                continue;
            }
            return Err(Objection::new(CLAUSE, format!("{reported:?} although no error came in")));
        };
        error.is_what_is_told(queued)?;
        let socket = &scenario.sockets.get(reported.socket);
        let protocol = socket.map(|socket| match socket.kind {
            SocketKind::Udp => 17,
            SocketKind::Tcp => 6,
            SocketKind::Ping => 1,
            SocketKind::Raw => socket.protocol.unwrap_or(255),
        });
        let is_its_own = protocol.is_none_or(|protocol| protocol == error.quote[9]);
        hold(CLAUSE, "an error is for the protocol that it quotes", is_its_own, || {
            format!("{protocol:?} told about {}", error.quote[9])
        })?;
        let local = socket.and_then(|socket| socket.local).map(|local| *local.ip());
        let is_bound =
            local.filter(|local| !local.is_unspecified() && !local.is_multicast() && !local.is_broadcast());
        hold(
            CLAUSE,
            "an error is for who sent what it quotes",
            is_bound.is_none_or(|local| local == error.sender()),
            || format!("{local:?} told about {}", error.sender()),
        )?;
    }
    Ok(())
}

fn is_fragment(datagram: &[u8]) -> bool {
    datagram.get(6..8).is_some_and(|word| u16::from_be_bytes([word[0], word[1]]) & 0x3fff != 0)
}

/// An ICMP error: its source, its head, and what it quotes.
struct IcmpError<'d> {
    source: Ipv4Addr,
    icmp_type: u8,
    code: u8,
    quote: &'d [u8],
}

impl<'d> IcmpError<'d> {
    fn of(datagram: &'d [u8]) -> Option<Self> {
        let header = usize::from(datagram.first()? & 15) * 4;
        let message = datagram.get(header..)?;
        let source = datagram.get(12..16)?.first_chunk::<4>().copied()?.into();
        let is_error = datagram[9] == 1 && matches!(message.first()?, 3 | 4 | 5 | 11 | 12);
        let quote = message.get(8..).filter(|quote| quote.len() >= 20 && is_error)?;
        Some(Self { source, icmp_type: message[0], code: message[1], quote })
    }

    fn sender(&self) -> Ipv4Addr {
        Ipv4Addr::new(self.quote[12], self.quote[13], self.quote[14], self.quote[15])
    }

    fn is_what_is_told(&self, queued: &QueuedError) -> Result<(), Objection> {
        let told = (queued.icmp_type, queued.icmp_code, queued.offender);
        same(
            CLAUSE,
            "type, code and source are those of the error",
            told,
            (self.icmp_type, self.code, self.source),
        )?;
        let destination = Ipv4Addr::new(self.quote[16], self.quote[17], self.quote[18], self.quote[19]);
        same(CLAUSE, "the peer is the destination quoted", *queued.name.ip(), destination)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::model::{SocketError, scenario_file};

    /// An error from 10.0.0.9 about a datagram of `protocol` from `sender` to 10.0.0.2.
    fn error(icmp_type: u8, protocol: u8, sender: [u8; 4]) -> Vec<u8> {
        let mut octets = vec![0x45, 0, 0, 56, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 9, 10, 0, 0, 1];
        octets.extend([icmp_type, 3, 0, 0, 0, 0, 0, 0]);
        octets.extend([0x45, 0, 0, 28, 0, 0, 0, 0, 64, protocol, 0, 0]);
        octets.extend(sender);
        octets.extend([10, 0, 0, 2, 0, 53, 0, 7, 0, 8, 0, 0]);
        octets
    }

    #[rstest]
    #[case::as_quoted(error(3, 17, [10, 0, 0, 1]), true)]
    #[case::another_type(error(11, 17, [10, 0, 0, 1]), false)]
    #[case::another_protocol(error(3, 6, [10, 0, 0, 1]), false)]
    #[case::another_sender(error(3, 17, [10, 0, 0, 5]), false)]
    #[case::no_error(error(0, 17, [10, 0, 0, 1]), false)]
    fn reports(#[case] datagram: Vec<u8>, #[case] is_right: bool) {
        let mut scenario = scenario_file::by_name("host").expect("the scenario is there").scenario();
        scenario.sockets = toml::from_str::<Scenario>(
            "name = 'one'\nrole = 'host'\n[[interface]]\nname = 't0'\n\
             [[socket]]\nkind = 'udp'\nlocal = '10.0.0.1:53'\n",
        )
        .unwrap()
        .sockets;
        let queued = QueuedError {
            origin: ICMP,
            icmp_type: 3,
            icmp_code: 3,
            info: 0,
            data: 0,
            offender: [10, 0, 0, 9].into(),
            name: "10.0.0.2:7".parse().unwrap(),
            payload: Vec::new(),
        };
        let mut observation = Observation::default();
        observation.socket_errors.push(SocketError {
            socket: 0,
            errno: "ECONNREFUSED".to_owned(),
            queued: Some(queued),
        });
        let verdict = judge(&scenario, &datagram, &observation);
        assert_eq!(verdict.is_ok(), is_right, "{verdict:?}");
    }
}
