//! The connection tracking table and its events, by ctnetlink.

use std::collections::HashSet;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, BorrowedFd};

use super::error::Doing;
use super::inside::Inside;
use super::netlink::{Message, Netlink, Part, attributes};
use super::sys::socket;
use crate::dut::DutError;
use crate::model::observation::TrackedTuple;
use crate::model::{ConntrackEntry, ConntrackEvent, ConntrackEventKind};

/// `NFNL_SUBSYS_CTNETLINK`, in the upper octet of a message's type.
const CTNETLINK: u16 = 1 << 8;
/// `IPCTNL_MSG_CT_NEW`.
const NEW: u16 = CTNETLINK;
/// `IPCTNL_MSG_CT_GET`.
const GET: u16 = CTNETLINK | 1;
/// `IPCTNL_MSG_CT_DELETE`.
const DELETE: u16 = CTNETLINK | 2;
/// `IPCTNL_MSG_CT_GET_STATS`.
const GET_STATISTICS: u16 = CTNETLINK | 5;
/// `NLM_F_CREATE`, by which a new entry is told from a changed one.
const CREATED: u16 = 0x400;
/// Octets of `struct nfgenmsg`.
const HEADER: usize = 4;
/// The one of all IPv4.
const FAMILY: [u8; HEADER] = [libc::AF_INET as u8, 0, 0, 0];
/// Multicast groups of new, changed and ended entries.
const GROUPS: u32 = 0b111;
/// Octets of events that may wait: one mass run without reading.
const EVENT_BUFFER: i32 = 64 << 20;

/// `CTA_TUPLE_ORIG` and `CTA_ZONE`, by which the kernel finds an entry.
const KEY: [u16; 2] = [1, 18];
/// Asking for so many entries one by one takes less time than walking the kernel's whole hash table.
const FEW: usize = 2000;

/// Two netlink sockets of one namespace: one to ask, one that listens.
#[derive(Debug)]
pub(super) struct Conntrack {
    requests: Netlink,
    events: Netlink,
    /// The entries that there are by the events so far, by their attributes in the order of [`KEY`].
    present: HashSet<[Vec<u8>; 2]>,
}

impl Conntrack {
    /// Opens both; events from now on are kept until they are read.
    pub(super) fn open(inside: &Inside) -> Result<Self, DutError> {
        let what = || "opening ctnetlink".to_owned();
        let requests = inside.netlink(libc::NETLINK_NETFILTER).doing(what)?;
        let events = inside.netlink(libc::NETLINK_NETFILTER).doing(what)?;
        socket::enlarge_buffer(&events, EVENT_BUFFER).doing(what)?;
        socket::bind(&events, &socket::netlink_address(GROUPS))
            .doing(|| "listening to connection tracking events".to_owned())?;
        Ok(Self { requests, events, present: HashSet::new() })
    }

    /// What to watch for events.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }

    /// The IPv4 part of the table, sorted.
    pub(super) fn table(&mut self) -> io::Result<Vec<ConntrackEntry>> {
        let mut entries = match self.few_entries()? {
            Some(entries) => entries,
            None => self.whole_table()?,
        };
        entries.sort();
        Ok(entries)
    }

    /// The table, for which the kernel walks its whole hash table: that takes 9 ms.
    fn whole_table(&mut self) -> io::Result<Vec<ConntrackEntry>> {
        let mut entries = Vec::new();
        self.requests.dump(Message::new(GET, 0, &FAMILY), |part| entries.extend(entry(part.body)))?;
        Ok(entries)
    }

    /// The table entry by entry, where it is small and known to be complete: the namespace has as many as the events told
    /// of. One that is gone, or whose time is over, the kernel does not find, nor would it show it in the whole table.
    fn few_entries(&mut self) -> io::Result<Option<Vec<ConntrackEntry>>> {
        if self.present.len() > FEW {
            return Ok(None);
        }
        let count = self.requests.ask(Message::new(GET_STATISTICS, 0, &FAMILY), |part| {
            part.body.get(HEADER..).and_then(|body| find(body, 1)).and_then(number)
        })?;
        if count.is_none_or(|count| count as usize != self.present.len()) {
            return Ok(None);
        }
        let mut entries = Vec::with_capacity(self.present.len());
        for key in &self.present {
            let attributes = KEY.into_iter().zip(key).filter(|(_, data)| !data.is_empty());
            let message = attributes
                .fold(Message::new(GET, 0, &FAMILY), |message, (kind, data)| message.attribute(kind, data));
            let found =
                self.requests.ask(message, |part| Some((key_of(part.body)? == *key, entry(part.body)?)))?;
            match found {
                None => {}
                Some((true, entry)) => entries.push(entry),
                // Found by its other direction: the one that was meant is not to be had like this.
                Some((false, _)) => return Ok(None),
            }
        }
        Ok(Some(entries))
    }

    /// Appends the events in the next `count` datagrams, or those that are there, in order.
    pub(super) fn take_some_events(
        &mut self,
        count: usize,
        events: &mut Vec<ConntrackEvent>,
    ) -> io::Result<()> {
        let mut left = count;
        while left > 0 && self.take_one(events)? {
            left -= 1;
        }
        Ok(())
    }

    /// Appends the events since the last call, in order.
    pub(super) fn take_events(&mut self, events: &mut Vec<ConntrackEvent>) -> io::Result<()> {
        while self.take_one(events)? {}
        Ok(())
    }

    /// Appends the events of one datagram; false if there is none.
    fn take_one(&mut self, events: &mut Vec<ConntrackEvent>) -> io::Result<bool> {
        let present = &mut self.present;
        self.events.receive_now(|part| {
            let Some(event) = event(&part) else { return };
            match (event.kind, key_of(part.body)) {
                (ConntrackEventKind::New, Some(key)) => drop(present.insert(key)),
                (ConntrackEventKind::Destroy, Some(key)) => drop(present.remove(&key)),
                _ => {}
            }
            events.push(event);
        })
    }
}

/// The attributes that say which entry it is, in the order of [`KEY`]; empty if there is none.
fn key_of(body: &[u8]) -> Option<[Vec<u8>; 2]> {
    let body = body.get(HEADER..)?;
    Some(KEY.map(|kind| find(body, kind).unwrap_or_default().to_vec()))
}

fn event(part: &Part<'_>) -> Option<ConntrackEvent> {
    let kind = match part.kind {
        NEW if part.flags & CREATED != 0 => ConntrackEventKind::New,
        NEW => ConntrackEventKind::Update,
        DELETE => ConntrackEventKind::Destroy,
        _ => return None,
    };
    Some(ConntrackEvent { kind, entry: entry(part.body)? })
}

/// Reads an entry from the octets after the netlink header; `None` if it is not of IPv4.
fn entry(body: &[u8]) -> Option<ConntrackEntry> {
    let (header, body) = body.split_at_checked(HEADER)?;
    if header[0] != libc::AF_INET as u8 {
        return None;
    }
    let (protocol, original) = tuple(find(body, 1)?)?;
    let (_, reply) = tuple(find(body, 2)?)?;
    let accounting = match (find(body, 9).and_then(amounts), find(body, 10).and_then(amounts)) {
        (Some(original), Some(reply)) => Some([original, reply]),
        _ => None,
    };
    Some(ConntrackEntry {
        protocol,
        original,
        reply,
        timeout_s: find(body, 7).and_then(number),
        status: find(body, 3).and_then(number).unwrap_or(0),
        tcp_state: find(body, 4).and_then(tcp_state),
        zone: find(body, 18).and_then(short).unwrap_or(0),
        accounting,
    })
}

/// Protocol and addresses of one direction.
fn tuple(octets: &[u8]) -> Option<(u8, TrackedTuple)> {
    let (addresses, transport) = (find(octets, 1)?, find(octets, 2)?);
    let address = |kind| find(addresses, kind)?.try_into().ok().map(|octets: [u8; 4]| Ipv4Addr::from(octets));
    let octet = |kind| find(transport, kind)?.first().copied();
    // ICMP has an identifier (4), a type (5) and a code (6) where the others have ports (2 and 3).
    let (source_id, destination_id) = match find(transport, 4).and_then(short) {
        Some(identifier) => (identifier, u16::from_be_bytes([octet(5)?, octet(6)?])),
        None => {
            let port = |kind| find(transport, kind).and_then(short).unwrap_or(0);
            (port(2), port(3))
        }
    };
    Some((
        octet(1)?,
        TrackedTuple { source: address(1)?, destination: address(2)?, source_id, destination_id },
    ))
}

/// Packets and octets.
fn amounts(octets: &[u8]) -> Option<(u64, u64)> {
    let amount = |kind| find(octets, kind)?.try_into().ok().map(u64::from_be_bytes);
    Some((amount(1)?, amount(2)?))
}

/// The state by its name in the kernel's tracker.
fn tcp_state(octets: &[u8]) -> Option<String> {
    const NAMES: [&str; 10] = [
        "NONE",
        "SYN_SENT",
        "SYN_RECV",
        "ESTABLISHED",
        "FIN_WAIT",
        "CLOSE_WAIT",
        "LAST_ACK",
        "TIME_WAIT",
        "CLOSE",
        "SYN_SENT2",
    ];
    let state = *find(find(octets, 1)?, 1)?.first()?;
    Some(NAMES.get(usize::from(state)).map_or_else(|| state.to_string(), |name| (*name).to_owned()))
}

fn find(octets: &[u8], wanted: u16) -> Option<&[u8]> {
    attributes(octets).find(|(kind, _)| *kind == wanted).map(|(_, data)| data)
}

fn number(octets: &[u8]) -> Option<u32> {
    octets.try_into().ok().map(u32::from_be_bytes)
}

fn short(octets: &[u8]) -> Option<u16> {
    octets.try_into().ok().map(u16::from_be_bytes)
}
