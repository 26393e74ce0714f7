//! What local sockets received and which errors they reported.

use super::{Comparison, Difference};
use crate::differential::field::hex_shortened;
use crate::differential::rule::Context;
use crate::model::{Delivery, Dimension, LinkKind, Observation, SocketError, SocketKind};

impl Comparison {
    pub(super) fn deliveries(
        &mut self,
        context: &Context<'_>,
        a: &Observation,
        b: &Observation,
        out: &mut Vec<Difference>,
    ) {
        for index in 0..a.deliveries.len().max(b.deliveries.len()) {
            match (a.deliveries.get(index), b.deliveries.get(index)) {
                (Some(a), Some(b)) if a == b => {}
                (Some(a), Some(b)) => self.delivery(context, index, a, b, out),
                (a, b) => {
                    let text = |side: Option<&Delivery>| {
                        side.map_or(String::new(), |delivery| {
                            format!("socket {}: {}", delivery.socket, hex_shortened(&delivery.data))
                        })
                    };
                    let class = if a.is_some() { "only A" } else { "only B" };
                    out.push(difference(format!("deliveries[{index}]"), text(a), text(b), class));
                }
            }
        }
    }

    fn delivery(
        &mut self,
        context: &Context<'_>,
        index: usize,
        a: &Delivery,
        b: &Delivery,
        out: &mut Vec<Difference>,
    ) {
        let place = |field: &str| format!("deliveries[{index}].{field}");
        if a.socket != b.socket {
            out.push(difference(place("socket"), a.socket.to_string(), b.socket.to_string(), ""));
        }
        if !self.rules.nat_port().sources(a.source, b.source) {
            out.push(difference(place("source"), a.source.to_string(), b.source.to_string(), ""));
        }
        let receives_datagrams =
            context.scenario.sockets.get(a.socket).is_some_and(|socket| socket.kind == SocketKind::Raw);
        if receives_datagrams {
            self.datagrams(context, (&a.data, &b.data), LinkKind::Ip, |path, a, b, class| {
                out.push(Difference::new(Dimension::Deliveries, place(&path), a, b, class));
            });
        } else if a.data != b.data {
            out.push(difference(place("data"), hex_shortened(&a.data), hex_shortened(&b.data), ""));
        }
    }
}

fn difference(place: String, a: String, b: String, class: &str) -> Difference {
    Difference::new(Dimension::Deliveries, place, a, b, class.to_owned())
}

pub(super) fn socket_errors(a: &Observation, b: &Observation, out: &mut Vec<Difference>) {
    for index in 0..a.socket_errors.len().max(b.socket_errors.len()) {
        let (a, b) = (a.socket_errors.get(index), b.socket_errors.get(index));
        if a != b {
            let text = |side: Option<&SocketError>| {
                side.map_or(String::new(), |error| match &error.queued {
                    Some(queued) => format!("socket {}: {} {queued:?}", error.socket, error.errno),
                    None => format!("socket {}: {}", error.socket, error.errno),
                })
            };
            let name = |side: Option<&SocketError>| side.map_or("none", |error| &error.errno).to_owned();
            let class = format!("{} {}", name(a), name(b));
            let place = format!("socket-errors[{index}]");
            out.push(Difference::new(Dimension::SocketErrors, place, text(a), text(b), class));
        }
    }
}
