//! The connection tracker: says of each packet which connection it belongs to, and keeps the table.

use super::attachment::{EntryId, PendingId, Place, Relation, Tracked, Tracking};
use super::config::{ConntrackConfig, EventMode};
use super::entry::{Account, Detached, Detail, Entry, HZ, Jiffies, Snapshot, Status};
use super::event::{Event, EventKind, Events};
use super::hash::HashKey;
use super::judgment::{Invalidity, Judgment, Progress};
use super::pending::{Pending, PendingEntries};
use super::statistics::Statistics;
use super::table::Table;
use super::tcp::{self, Segment, TcpContext, TcpRecord};
use super::tuple::{Direction, Located, Tuple, extract, locate, protocol};
use super::{error, gre, icmp, udp};
use crate::packet::Attachment;
use crate::time::Instant;
use crate::wire::Protocol;

/// Most entries that a table without limit may hold.
pub const MAX_ENTRIES: u32 = 1 << 24;

/// Where a packet enters connection tracking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entrance {
    /// It arrived. Its checksums are verified if the configuration says so.
    Prerouting,
    /// It was made here.
    LocalOut,
}

/// What connection tracking says of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Classification {
    /// It was looked at before, or is not to be looked at.
    Skipped,
    /// It belongs to an entry.
    Tracked(Tracked),
    /// It belongs to none; it goes on all the same.
    Invalid(Invalidity),
    /// It has to be discarded: there is no room for its entry.
    TableFull,
}

/// What becomes of a packet when its entry is to enter the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// It goes on.
    Accept,
    /// It has to be discarded: another entry has one of the tuples.
    Clash,
}

/// The connection tracker.
#[derive(Clone, Debug)]
pub struct Conntrack {
    /// Knobs. They may change at any time.
    pub config: ConntrackConfig,
    /// Whether somebody listens to events, see [`EventMode::Listened`].
    pub has_listener: bool,
    /// What was counted.
    pub statistics: Statistics,
    pub(super) table: Table,
    pub(super) pending: PendingEntries,
    pub(super) events: Events,
    pub(super) collector: super::collect::Collector,
}

/// A packet that is being looked at.
#[derive(Clone, Copy, Debug)]
struct Subject<'a> {
    now: Jiffies,
    datagram: &'a [u8],
    at: Located,
    tuple: Tuple,
    zone: u16,
    verify: bool,
}

impl<'a> Subject<'a> {
    fn transport(&self) -> &'a [u8] {
        self.datagram.get(self.at.transport..).unwrap_or(&[])
    }
}

/// How far a classification got.
enum Attempt {
    Done(Classification),
    /// The entry it belonged to is over: look again.
    Again,
}

impl Conntrack {
    /// A tracker with an empty table. Whoever does not know `key` cannot choose tuples that fall together.
    pub fn new(config: ConntrackConfig, key: HashKey) -> Self {
        Self {
            config,
            has_listener: false,
            statistics: Statistics::default(),
            table: Table::new(key),
            pending: PendingEntries::default(),
            events: Events::default(),
            collector: super::collect::Collector::default(),
        }
    }

    /// Number of entries, expired ones included until somebody notices: `nf_conntrack_count`.
    pub const fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is no entry.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entry that waits longest to be told about.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// How many events nobody fetched in time.
    pub const fn lost_events(&self) -> u64 {
        self.events.lost()
    }

    /// Finds out which connection a whole datagram belongs to and attaches the answer.
    pub fn classify(
        &mut self,
        now: Instant,
        entrance: Entrance,
        datagram: &[u8],
        zone: u16,
        attachment: &mut Attachment,
    ) -> Classification {
        if *attachment != Attachment::NONE {
            return Classification::Skipped;
        }
        let verify = self.config.checksum && entrance == Entrance::Prerouting;
        let classification = match self.look(now.jiffies(), datagram, zone, verify) {
            Ok(classification) => classification,
            Err(why) => self.invalid(why),
        };
        if let Classification::Tracked(tracked) = classification {
            *attachment = Tracking::Tracked(tracked).attach();
        }
        classification
    }

    /// Counts a packet that belongs to nothing.
    fn invalid(&mut self, why: Invalidity) -> Classification {
        match why {
            Invalidity::IcmpShort
            | Invalidity::IcmpChecksum
            | Invalidity::IcmpType
            | Invalidity::QuoteUnusable
            | Invalidity::QuoteUnknown
            | Invalidity::QuoteMisdirected => self.statistics.icmp_error += 1,
            _ => self.statistics.invalid += 1,
        }
        Classification::Invalid(why)
    }

    fn look(
        &mut self,
        now: Jiffies,
        datagram: &[u8],
        zone: u16,
        verify: bool,
    ) -> Result<Classification, Invalidity> {
        let at = locate(datagram, 0).ok_or(Invalidity::NoTransport)?;
        if at.protocol == protocol::ICMP {
            let message = datagram.get(at.transport..).unwrap_or(&[]);
            let icmp_type = icmp::precheck(message, verify).map_err(|refusal| match refusal {
                icmp::Refusal::Short => Invalidity::IcmpShort,
                icmp::Refusal::Checksum => Invalidity::IcmpChecksum,
                icmp::Refusal::Type => Invalidity::IcmpType,
            })?;
            if icmp::is_error(icmp_type) {
                return error::relate(self, now, datagram, at, zone).map(Classification::Tracked);
            }
        }
        let tuple = extract(datagram, at).ok_or(Invalidity::NoTuple)?;
        let subject = Subject { now, datagram, at, tuple, zone, verify };
        // Reopening removes the entry in the way, so the second attempt finds none.
        for _ in 0..2 {
            match self.attempt(subject)? {
                Attempt::Done(classification) => return Ok(classification),
                Attempt::Again => {}
            }
        }
        Err(Invalidity::TcpState)
    }

    fn attempt(&mut self, subject: Subject<'_>) -> Result<Attempt, Invalidity> {
        let Some((id, direction)) = self.find(subject.now, subject.tuple, subject.zone) else {
            return self.begin(subject).map(Attempt::Done);
        };
        self.follow(subject, id, direction)
    }

    /// Finds a living entry; removes an expired one in its place.
    pub(super) fn find(&mut self, now: Jiffies, tuple: Tuple, zone: u16) -> Option<(EntryId, Direction)> {
        loop {
            let (id, direction) = self.table.find(tuple, zone)?;
            if !self.table.get(id)?.is_expired(now) {
                return Some((id, direction));
            }
            self.expire(now, id);
        }
    }

    /// A packet of no entry: makes one, outside of the table.
    fn begin(&mut self, subject: Subject<'_>) -> Result<Classification, Invalidity> {
        let reply = subject.tuple.invert().ok_or(Invalidity::NotInvertible)?;
        if !self.make_room(subject.now, subject.tuple, subject.zone) {
            self.statistics.drop += 1;
            return Ok(Classification::TableFull);
        }
        let mut entry = Entry::new(subject.tuple, reply, subject.zone);
        entry.reports = match self.config.events {
            EventMode::Never => false,
            EventMode::Always => true,
            EventMode::Listened => self.has_listener,
        };
        entry.accounted = self.config.accounting;
        let segment = examine(subject)?;
        let mut record = self.open(subject, segment.as_ref(), &mut entry)?;
        let state = (&entry, record.as_mut(), Direction::Original);
        let progress = match judge(&self.config, subject, segment.as_ref(), state) {
            Judgment::Accept(progress) => progress,
            Judgment::Invalid(why) | Judgment::Shorten { why, .. } => return Err(why),
            Judgment::Reopen => return Err(Invalidity::TcpState),
        };
        let mut detached = Detached { entry, tcp: record, accounts: [Account::default(); 2] };
        apply(&mut detached.entry, subject.now, progress);
        if progress.refresh.is_some() && detached.entry.accounted {
            detached.accounts[0] = Account { packets: 1, octets: subject.datagram.len() as u64 };
        }
        let place = Place::Pending(self.pending.keep(detached));
        Ok(Classification::Tracked(Tracked {
            place,
            relation: Relation::New,
            direction: Direction::Original,
        }))
    }

    /// What a protocol keeps in a new entry; for TCP, the record that begins with this segment.
    fn open(
        &self,
        subject: Subject<'_>,
        segment: Option<&Segment<'_>>,
        entry: &mut Entry,
    ) -> Result<Option<TcpRecord>, Invalidity> {
        match subject.tuple.protocol {
            protocol::UDP | protocol::UDPLITE => {
                entry.detail = Detail::stream_after(subject.now.saturating_add(udp::STREAM_DELAY));
            }
            protocol::GRE => {
                entry.detail = Detail::timeouts(self.config.gre_timeout, self.config.gre_timeout_stream);
            }
            _ => {}
        }
        segment.map(|segment| tcp::open(&self.config.tcp, segment)).transpose()
    }

    /// A packet of an entry of the table.
    fn follow(
        &mut self,
        subject: Subject<'_>,
        id: EntryId,
        direction: Direction,
    ) -> Result<Attempt, Invalidity> {
        let segment = examine(subject)?;
        let Some((entry, record)) = self.table.parts_mut(id) else {
            return Err(Invalidity::NoTuple);
        };
        let had_reply = entry.status.contains(Status::SEEN_REPLY);
        let state = (&*entry, record, direction);
        let progress = match judge(&self.config, subject, segment.as_ref(), state) {
            Judgment::Accept(progress) => progress,
            Judgment::Invalid(why) => return Err(why),
            Judgment::Shorten { seconds, why } => {
                if let Some(entry) = self.table.get_mut(id) {
                    entry.refresh(subject.now, u64::from(seconds) * HZ);
                }
                return Err(why);
            }
            Judgment::Reopen => {
                self.remove(subject.now, id);
                return Ok(Attempt::Again);
            }
        };
        let relation = match direction {
            Direction::Original if !had_reply => Relation::New,
            _ => Relation::Established,
        };
        let place = self.progress(subject, id, direction, progress);
        Ok(Attempt::Done(Classification::Tracked(Tracked { place, relation, direction })))
    }

    /// Writes down what an accepted packet did to its entry.
    fn progress(
        &mut self,
        subject: Subject<'_>,
        id: EntryId,
        direction: Direction,
        progress: Progress,
    ) -> Place {
        if progress.refresh.is_some() || progress.ends {
            self.table.count(id, direction, subject.datagram.len());
        }
        if let Some(entry) = self.table.get_mut(id) {
            apply(entry, subject.now, progress);
        }
        if progress.ends {
            return self.detach(subject.now, id);
        }
        let Some(entry) = self.table.get_mut(id) else { return Place::Table(id) };
        if direction == Direction::Reply && !entry.status.contains(Status::SEEN_REPLY) {
            entry.status |= Status::SEEN_REPLY;
            entry.changed = true;
            if entry.status.contains(Status::NAT_CLASH) {
                return self.detach(subject.now, id);
            }
        }
        Place::Table(id)
    }

    /// Puts the entry of a packet that has come through into the table, and tells what has changed.
    pub fn confirm(&mut self, now: Instant, attachment: &mut Attachment) -> Confirmation {
        let Tracking::Tracked(tracked) = Tracking::of(*attachment) else { return Confirmation::Accept };
        let place = match (tracked.place, tracked.direction) {
            (Place::Pending(id), direction) => match self.pending.get(id) {
                Some(Pending::Confirmed(confirmed)) => Place::Table(*confirmed),
                Some(Pending::Here(detached))
                    if direction == Direction::Original && !detached.entry.status.contains(Status::DYING) =>
                {
                    match self.settle(now.jiffies(), id) {
                        Some(confirmed) => Place::Table(confirmed),
                        None => return Confirmation::Clash,
                    }
                }
                _ => return Confirmation::Accept,
            },
            (place, _) => place,
        };
        *attachment = Tracking::Tracked(Tracked { place, ..tracked }).attach();
        if let Place::Table(id) = place {
            self.report_changes(now.jiffies(), id);
        }
        Confirmation::Accept
    }

    /// Moves an entry from outside into the table, unless another has one of its tuples and the clash cannot be
    /// resolved.
    fn settle(&mut self, now: Jiffies, id: PendingId) -> Option<EntryId> {
        let Some(Pending::Here(detached)) = self.pending.get(id) else { return None };
        let mut detached = detached.clone();
        let (original, reply, zone) = (detached.entry.original, detached.entry.reply, detached.entry.zone);
        let by_original = self.find(now, original, zone).map(|(other, _)| other);
        let by_reply = self.find(now, reply, zone).map(|(other, _)| other);
        let settled = if by_original.is_none() && by_reply.is_none() {
            detached.entry.expires = now.saturating_add(detached.entry.expires);
            detached.entry.status |= Status::CONFIRMED;
            let settled = self.table.insert(detached);
            self.collector.start(now);
            self.report(now, settled, EventKind::New);
            settled
        } else {
            let resolved = self.resolve_clash(now, detached, by_original, by_reply);
            let counter = match resolved {
                Some(_) => &mut self.statistics.clash_resolve,
                None => &mut self.statistics.drop,
            };
            *counter += 1;
            if resolved.is_none() {
                self.statistics.insert_failed += 1;
            }
            resolved?
        };
        if let Some(pending) = self.pending.get_mut(id) {
            *pending = Pending::Confirmed(settled);
        }
        Some(settled)
    }

    /// Resolves a clash between datagrams that raced: the packet joins the entry that was first, or its own entry is
    /// found by its answers only, for a second.
    fn resolve_clash(
        &mut self,
        now: Jiffies,
        mut loser: Detached,
        by_original: Option<EntryId>,
        by_reply: Option<EntryId>,
    ) -> Option<EntryId> {
        if !matches!(loser.entry.protocol(), protocol::UDP | protocol::UDPLITE | protocol::GRE) {
            return None;
        }
        let tuples = (loser.entry.original, loser.entry.reply);
        let winner = by_original.or(by_reply)?;
        let entry = self.table.get(winner)?;
        if tuples == (entry.original, entry.reply) || tuples == (entry.reply, entry.original) {
            return Some(winner);
        }
        if by_reply.is_some() {
            return None;
        }
        loser.entry.status |= Status::CONFIRMED | Status::NAT_CLASH | Status::FIXED_TIMEOUT;
        loser.entry.expires = now.saturating_add(HZ);
        loser.entry.reports = false;
        Some(self.table.insert(loser))
    }

    /// The entry of a packet, in the table or outside.
    pub fn entry(&self, tracked: Tracked) -> Option<&Entry> {
        match tracked.place {
            Place::Table(id) => self.table.get(id),
            Place::Pending(id) => match self.pending.get(id)? {
                Pending::Here(detached) => Some(&detached.entry),
                Pending::Confirmed(confirmed) => self.table.get(*confirmed),
            },
        }
    }

    /// What the entry of a packet looks like.
    pub fn snapshot_of(&self, now: Instant, tracked: Tracked) -> Option<Snapshot> {
        let id = match tracked.place {
            Place::Table(id) => id,
            Place::Pending(id) => match self.pending.get(id)? {
                Pending::Confirmed(confirmed) => *confirmed,
                Pending::Here(detached) => {
                    let Detached { entry, tcp, accounts } = detached;
                    return Some(Snapshot::of(entry, tcp.as_ref(), *accounts, now.jiffies()));
                }
            },
        };
        self.table.get(id)?;
        self.table.snapshot(id.slot, now.jiffies())
    }
}

/// Verifies what must hold for every packet of the protocol; reads the segment if it is TCP.
fn examine(subject: Subject<'_>) -> Result<Option<Segment<'_>>, Invalidity> {
    let transport = subject.transport();
    match subject.tuple.protocol {
        protocol::UDP => udp::check(subject.tuple, transport, subject.verify)?,
        protocol::UDPLITE => udp::check_lite(subject.tuple, transport, subject.verify)?,
        protocol::TCP => return sane_segment(subject).map(Some),
        protocol::ICMPV6 => return Err(Invalidity::Icmpv6),
        protocol::SCTP => return Err(Invalidity::Sctp),
        _ => {}
    }
    Ok(None)
}

/// Whether the checksum over the whole transport part of a datagram is summed up where it comes in, if that is verified
/// at all: what it is to be part of fits, and there is a checksum. That of UDP-Lite covers less in general, and what
/// tracking found out about it is forgotten.
pub(crate) fn is_summed(datagram: &[u8]) -> bool {
    let Some(at) = locate(datagram, 0) else { return false };
    let transport = datagram.get(at.transport..).unwrap_or(&[]);
    match at.protocol {
        protocol::ICMP => icmp::precheck(transport, false) != Err(icmp::Refusal::Short),
        protocol::TCP => Segment::new(transport).is_some(),
        protocol::UDP => udp::has_checksum(transport),
        _ => false,
    }
}

/// Reads a TCP segment and verifies what must hold for every one.
fn sane_segment(subject: Subject<'_>) -> Result<Segment<'_>, Invalidity> {
    let transport = subject.transport();
    let segment = Segment::new(transport).ok_or(Invalidity::TcpMalformed)?;
    let is_intact = || udp::is_sum_intact(subject.tuple, Protocol::Tcp, transport, transport.len());
    if subject.verify && !is_intact() {
        return Err(Invalidity::TcpChecksum);
    }
    if segment.has_sane_flags() { Ok(segment) } else { Err(Invalidity::TcpFlags) }
}

/// Asks the protocol's tracker about a packet of the entry. Nothing but the TCP record is changed.
fn judge(
    config: &ConntrackConfig,
    subject: Subject<'_>,
    segment: Option<&Segment<'_>>,
    (entry, record, direction): (&Entry, Option<&mut TcpRecord>, Direction),
) -> Judgment {
    match (subject.tuple.protocol, segment, record) {
        (protocol::TCP, Some(segment), Some(record)) => {
            tcp::track(record, segment, tcp_context(config, entry, direction, subject.now))
        }
        (protocol::ICMP, ..) => {
            let [query, _] = entry.original.destination_id.to_be_bytes();
            if icmp::is_query(query) {
                Judgment::Accept(Progress::lives(config.icmp_timeout))
            } else {
                Judgment::Invalid(Invalidity::UnsolicitedAnswer)
            }
        }
        (protocol::UDP, ..) => udp::track(entry, subject.now, config),
        (protocol::UDPLITE, ..) => udp::track_lite(entry, config),
        (protocol::GRE, ..) => gre::track(entry),
        _ => Judgment::Accept(Progress::lives(config.generic_timeout)),
    }
}

fn tcp_context<'a>(
    config: &'a ConntrackConfig,
    entry: &Entry,
    direction: Direction,
    now: Jiffies,
) -> TcpContext<'a> {
    TcpContext {
        config: &config.tcp,
        direction,
        seen_reply: entry.status.contains(Status::SEEN_REPLY),
        assured: entry.status.contains(Status::ASSURED),
        fixed: entry.status.contains(Status::FIXED_TIMEOUT),
        remaining: entry.remaining(now),
    }
}

/// Writes down in an entry what an accepted packet did.
fn apply(entry: &mut Entry, now: Jiffies, progress: Progress) {
    if let Some(seconds) = progress.refresh {
        entry.refresh(now, u64::from(seconds) * HZ);
    }
    if progress.assured {
        entry.status |= Status::ASSURED;
    }
    entry.changed |= progress.changed || progress.new_state;
    entry.new_state |= progress.new_state;
}
