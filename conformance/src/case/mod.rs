//! Conformance cases: what the RFCs demand, by RFC and section, and how it is found out on any stack.
//!
//! # How to write a case
//!
//! A case is a line of facts and a script. It stands in the file of its section, so that the file reads like a table of
//! contents:
//!
//! ```
//! use netassay::case::prelude::*;
//!
//! pub fn sections() -> Vec<Section> {
//!     vec![
//!         section("rfc1122/3.2.2.6").on(host()).cases([
//!             case("reply-returns-all-data", ["rfc1122-3.2.2.6-5"], |w| {
//!                 let request = w.ip(echo_request().identifier(7).data(octets(1000)));
//!                 send(request.clone()).answer(seen::reply_to(&request))
//!             })
//!             .alias("tc8/ICMPv4_TYPE_09"),
//!             case("broadcast-request-may-be-ignored", ["rfc1122-3.2.2.6-3"], |w| {
//!                 let request = w.echo().destination(w.broadcast);
//!                 send(request).may_answer("RFC 1122 §3.2.2.6", seen::echo_reply().source(w.dut))
//!             }),
//!         ])
//!         // A family: one named case for each value.
//!         .cases((0..5u8).map(|ihl| {
//!             case(format!("ihl-{ihl}"), ["rfc0791-3.1-2"], move |w| send(w.echo().ihl(ihl)).silence())
//!         })),
//!     ]
//! }
//! # assert!(netassay::case::registry::problems(
//! #     &sections().into_iter().flat_map(Section::into_cases).collect::<Vec<_>>()).is_empty());
//! ```
//!
//! * **Id**: section path and name: `rfc1122/3.2.2.6/reply-returns-all-data`. The name states the fact. Further names go
//!   into `.alias(…)`: `tc8/…`, `idea/A03`, `bug/ping-of-death`; several cases may share one. Never rename or reuse an id.
//! * **Requirements**: ids of the catalogue; level and clause follow from them. A case without any needs an alias.
//! * **Scenario**: `host()`, `router()`, `nat()` or [`setting::scenario`]`("router-narrow")`, with changes such as
//!   `.sysctl(…)`, `.mtu(1, 576)`, `.udp(7)`, given to the section or, with `.on(…)`, to the case.
//! * **Addresses** come from the [`world::World`] `w`, never from a literal: `w.dut`, `w.peer`, `w.other`, `w.broadcast`,
//!   `w.out`, `w.next`, `w.far`. `w.ip(body)` goes from peer to DUT, `w.transit(body)` from peer to `far`,
//!   `w.inbound(body)` from `far` to peer by interface 1; `w.echo()`, `w.closed()`, `w.passing()` are ready-made.
//! * **Stimuli** are a [`packet::Packet`] around a builder of `stack::wire::build`; it is right in everything that you do
//!   not make wrong: `.ttl(0)`, `.wrong_header_checksum()`, `.options(options().record_route(3))`, `.fragment(0..24)`,
//!   `.octet(at, value)`, `.cut(len)`, `.link_broadcast()`.
//! * **Steps** ([`script::Script`]): `send`, `send_all`, `send_quietly`, `advance(seconds(30))`, `socket_send`, `connect`,
//!   `set_option`, and `react(|seen| …)` for a packet that depends on what came (a translated port, a sequence number).
//!   `accepted(w, 80)` and `connected(w, 0, 80)` begin with a TCP connection, opened by the peer or by socket 0.
//! * **Expectations** follow their step. Frames: `.answer(p)`, `.answers([…])` and `.silence()` account for *all* frames of
//!   the step; `.or(clause, [p])`, `.or_silence(clause)`, `.may_answer(clause, p)` add ways to be right; `.never(p)` forbids;
//!   `.some(p)` wants one among others. Then `.delivers(socket, data)`, `.reports(socket, "ECONNREFUSED")`,
//!   `.counts("Ip.InHdrErrors", 1)`, `.tracks(entry(17).and(…))`, `.drops(["IP_CSUM"])` and `.law(…)` over all that was seen.
//!   A step without expectation may bring anything. `.provided()` makes the expectation just said a condition: a DUT that
//!   does not meet it is `unsupported` (an error must be made at all before a rule can withhold it).
//! * **Patterns** ([`pattern::seen`]) compare only the fields that are named, and the checksum of what they name:
//!   `seen::unreachable(3).source(w.dut).quotes(&stimulus)`, `seen::forwarded(&stimulus)`. Write what the *clause* says, and
//!   leave out what it does not: two correct stacks can differ. Expected octets come from the RFC and from the independent
//!   reader [`datagram`], never from `stack::wire`.
//! * **Silence proves nothing by itself**: wherever a dead stack would pass, the player probes it before and after.
//! * **Dimensions**: an expectation in a dimension that the DUT lacks makes the case `unsupported`. Keep counters, sockets
//!   and tables in cases of their own, or add `.if_offered()` where frames alone suffice.
//! * **Profiles**: where RFCs contradict each other, `.under(Profile::Rfc1812, silence())` behind an expectation, or
//!   `.only([Profile::Tc8])` for the whole case. That Linux differs is no reason: it then fails the case, and its file of
//!   expected results says why.
//! * **Time** is virtual, but a live kernel waits in earnest: where the length of a timer is not the point, make it short
//!   by a knob, and never wait longer than the case needs.
//!
//! Try it: `cargo test -p netassay --lib case::` checks all cases, `netassay run rfc1122/3.2.2.6 --dut reference` plays,
//! `netassay coverage rfc1122-3.2` tells what is missing. Play on `linux` as well: if the two differ, one of them is wrong.
//! A case that Linux fails goes into `conformance/expected/linux.toml` (which speaks for the reference too) in the order of
//! the RFCs, with a reason and evidence; a MUST that `reference:rfc` fails is a defect. A requirement that no case can cover
//! goes into `conformance/requirements/excuses/requirements.toml` with a reason.

pub mod checklist;
pub mod coverage;
pub mod datagram;
pub mod definition;
pub mod expectation;
pub mod expected;
pub mod history;
pub mod judge;
pub mod packet;
pub mod pattern;
pub mod play;
pub mod profile;
pub mod registry;
pub mod requirement;
pub mod script;
pub mod setting;
pub mod suite;
pub mod tcp;
pub mod world;

mod conntrack;
mod historic;
mod rfc0791;
mod rfc0792;
mod rfc0815;
mod rfc0950;
mod rfc1122;
mod rfc1191;
mod rfc1812;
mod rfc1858;
mod rfc2113;
mod rfc2474;
mod rfc2644;
mod rfc3021;
mod rfc3128;
mod rfc3168;
mod rfc3704;
mod rfc4787;
mod rfc4884;
mod rfc5508;
mod rfc5927;
mod rfc6274;
mod rfc6398;
mod rfc6633;
mod rfc6814;
mod rfc6864;
mod rfc6918;
mod rfc7126;
mod rfc8335;
mod rfc8900;
mod tc8;
mod topic;

use definition::Section;

/// What the file of a section needs.
pub mod prelude {
    pub use netassay_stack::wire::OptionKind;
    pub use netassay_stack::wire::build::{
        address_mask_request, echo_reply, echo_request, extended_echo_reply, extended_echo_request,
        extension, fragmentation_needed, icmp, information_request, interface_by_address, interface_by_index,
        interface_by_name, options, parameter_problem, redirect, source_quench, tcp, time_exceeded,
        timestamp_reply, timestamp_request, udp, unreachable,
    };
    pub use netassay_stack::wire::icmp::{RedirectCode, TimeExceededCode, UnreachableCode};

    pub use super::datagram::Datagram;
    pub use super::definition::{Case, Section, case, section};
    pub use super::expectation::{Outlook, Wanted, answer, frames, silence};
    pub use super::history::History;
    pub use super::packet::{LinkDestination, Packet};
    pub use super::pattern::{Pattern, seen};
    pub use super::profile::Profile;
    pub use super::requirement::Level;
    pub use super::script::{Probe, Script, advance, entry, seconds, send, send_all, socket, socket_send};
    pub use super::setting::{Setting, host, nat, router, rule, scenario, source_routing};
    pub use super::tcp::{accepted, connected, flags};
    pub use super::world::{CLOSED_PORT, ECHO_IDENTIFIER, PEER_PORT, World, octets, request, to_port};
    pub use crate::model::{
        Action, ConntrackEntry, Delivery, Dimension, Hook, Role, RouteKind, Rule, RuleAction, SocketAction,
        SocketError, SocketKind,
    };
}

/// All sections, in the order of the RFCs.
fn sections() -> Vec<Section> {
    [
        rfc0791::sections(),
        rfc0792::sections(),
        rfc0815::sections(),
        rfc0950::sections(),
        rfc1122::sections(),
        rfc1191::sections(),
        rfc1812::sections(),
        rfc1858::sections(),
        rfc2113::sections(),
        rfc2474::sections(),
        rfc2644::sections(),
        rfc3021::sections(),
        rfc3128::sections(),
        rfc3168::sections(),
        rfc3704::sections(),
        rfc4787::sections(),
        rfc4884::sections(),
        rfc5508::sections(),
        rfc5927::sections(),
        rfc6274::sections(),
        rfc6398::sections(),
        rfc6633::sections(),
        rfc6814::sections(),
        rfc6864::sections(),
        rfc6918::sections(),
        rfc7126::sections(),
        rfc8335::sections(),
        rfc8900::sections(),
        topic::sections(),
        conntrack::sections(),
        historic::sections(),
        tc8::sections(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
