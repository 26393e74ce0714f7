//! Reads the lines of packet comments.

use std::str::{FromStr, Split};
use std::time::Duration;

use super::super::Observed;
use crate::dut::Clock;
use crate::model::observation::{ConntrackEventKind, QueuedError, TrackedTuple};
use crate::model::{
    ConntrackEntry, ConntrackEvent, CounterId, Counters, Delivery, Drop, SocketAction, SocketError,
};

/// What the comments of a packet say.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in super::super) struct Parsed {
    pub(in super::super) packet: u64,
    pub(in super::super) comment: Option<String>,
    /// The moment of an `advance:` line.
    pub(in super::super) advance: Option<Duration>,
    pub(in super::super) socket: Option<(usize, SocketAction)>,
    pub(in super::super) observed: Observed,
    /// Whether any line tells of an observation.
    pub(in super::super) is_observed: bool,
    /// How many octets of `data:` lines are still to come, and for what.
    missing: usize,
    receiver: Receiver,
    /// How many `counter:` and `entry:` lines were announced.
    counters: usize,
    entries: usize,
}

/// What `data:` lines belong to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Receiver {
    #[default]
    Nothing,
    Send,
    Delivery,
    Error,
}

/// Reads all lines of a packet.
///
/// # Errors
/// The line that is wrong, and how.
pub(in super::super) fn parse<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Parsed, String> {
    let mut parsed = Parsed::default();
    for line in lines {
        parsed.line(line).map_err(|what| format!("comment `{line}`: {what}"))?;
    }
    parsed.finish()?;
    Ok(parsed)
}

impl Parsed {
    fn line(&mut self, line: &str) -> Result<(), String> {
        let (key, rest) = line.split_once(": ").ok_or("it has no `key: value`")?;
        if key != "data" && self.missing > 0 {
            return Err(format!("{} octets of data are missing before it", self.missing));
        }
        let mut words = Words(rest.split(' '));
        match key {
            "packet" => self.packet = words.number()?,
            "note" => self.comment = Some(unescape(rest)?),
            "advance" => self.advance = Some(words.seconds()?),
            "socket" => self.socket_line(&mut words)?,
            "data" => return self.data_line(rest),
            _ => {
                self.is_observed = true;
                return self.observation_line(key, rest, words);
            }
        }
        if key == "note" { Ok(()) } else { words.end() }
    }

    fn observation_line(&mut self, key: &str, rest: &str, mut words: Words<'_>) -> Result<(), String> {
        let observed = &mut self.observed;
        match key {
            "refused" => {
                observed.observation.refused = Some(unescape(rest)?);
                return Ok(());
            }
            "verdict" => {
                observed.verdicts.push(unescape(rest)?);
                return Ok(());
            }
            "clock" => {
                let monotonic = words.seconds()?;
                observed.clock = Some(Clock { monotonic, midnight_ms: words.number()? });
            }
            "delivery" => {
                let socket = words.number()?;
                words.expect("from")?;
                let delivery = Delivery { socket, source: words.number()?, data: Vec::new() };
                observed.observation.deliveries.push(delivery);
                self.expect_data(Receiver::Delivery, &mut words)?;
            }
            "error" => self.error_line(&mut words)?,
            "drop" => {
                let reason = unescape(words.next()?)?.into();
                let location = if words.skip("at") { Some(unescape(words.next()?)?.into()) } else { None };
                observed.observation.drops.push(Drop { reason, location });
            }
            "conntrack" => {
                let kind = match words.next()? {
                    "new" => ConntrackEventKind::New,
                    "update" => ConntrackEventKind::Update,
                    "destroy" => ConntrackEventKind::Destroy,
                    other => return Err(format!("`{other}` is no event")),
                };
                let event = ConntrackEvent { kind, entry: words.entry()? };
                observed.observation.conntrack_events.push(event);
            }
            "counters" => {
                self.counters = words.number()?;
                observed.counters = Some(Counters::new());
            }
            "counter" => self.counter_line(&mut words)?,
            "table" => {
                self.entries = words.number()?;
                observed.conntrack = Some(Vec::new());
            }
            "entry" => {
                let table = observed.conntrack.as_mut().ok_or("no `table:` line before it")?;
                table.push(words.entry()?);
            }
            other => return Err(format!("`{other}` is no known key")),
        }
        words.end()
    }

    fn socket_line(&mut self, words: &mut Words<'_>) -> Result<(), String> {
        let socket = words.number()?;
        let action = match words.next()? {
            "send" => {
                let to = if words.skip("to") { Some(words.number()?) } else { None };
                self.socket = Some((socket, SocketAction::Send { to, data: Vec::new() }));
                return self.expect_data(Receiver::Send, words);
            }
            "connect" => SocketAction::Connect { to: words.number()? },
            "set" => {
                let name = unescape(words.next()?)?;
                SocketAction::SetOption { name, value: words.number()? }
            }
            "close" => SocketAction::Close,
            other => return Err(format!("`{other}` is no operation")),
        };
        self.socket = Some((socket, action));
        Ok(())
    }

    fn error_line(&mut self, words: &mut Words<'_>) -> Result<(), String> {
        let socket = words.number()?;
        let errno = unescape(words.next()?)?;
        let queued = if words.skip("queue") {
            let queued = QueuedError {
                origin: words.number()?,
                icmp_type: words.number()?,
                icmp_code: words.number()?,
                info: words.number()?,
                data: words.number()?,
                offender: words.number()?,
                name: words.number()?,
                payload: Vec::new(),
            };
            self.expect_data(Receiver::Error, words)?;
            Some(queued)
        } else {
            None
        };
        self.observed.observation.socket_errors.push(SocketError { socket, errno, queued });
        Ok(())
    }

    fn counter_line(&mut self, words: &mut Words<'_>) -> Result<(), String> {
        let name = words.next()?;
        let id = CounterId::by_name(name).ok_or_else(|| format!("there is no counter `{name}`"))?;
        let moved = words.number()?;
        self.observed.counters.as_mut().ok_or("no `counters:` line before it")?.set(id, moved);
        Ok(())
    }

    fn expect_data(&mut self, receiver: Receiver, words: &mut Words<'_>) -> Result<(), String> {
        words.expect("length")?;
        self.missing = words.number()?;
        self.receiver = receiver;
        Ok(())
    }

    fn data_line(&mut self, digits: &str) -> Result<(), String> {
        let octets = from_hex(digits).ok_or("it is not hexadecimal")?;
        self.missing = self.missing.checked_sub(octets.len()).ok_or("more octets than announced")?;
        let observation = &mut self.observed.observation;
        let data = match self.receiver {
            Receiver::Nothing => None,
            Receiver::Send => match &mut self.socket {
                Some((_, SocketAction::Send { data, .. })) => Some(data),
                _ => None,
            },
            Receiver::Delivery => observation.deliveries.last_mut().map(|delivery| &mut delivery.data),
            Receiver::Error => observation
                .socket_errors
                .last_mut()
                .and_then(|error| error.queued.as_mut())
                .map(|queued| &mut queued.payload),
        };
        data.ok_or("nothing before it takes data")?.extend(octets);
        Ok(())
    }

    /// What was announced has to be there.
    fn finish(&self) -> Result<(), String> {
        if self.missing > 0 {
            return Err(format!("{} octets of data are missing", self.missing));
        }
        let counters = self.observed.counters.as_ref().map_or(0, |counters| counters.iter().count());
        if counters != self.counters {
            return Err(format!("{counters} counters, but {} were announced", self.counters));
        }
        let entries = self.observed.conntrack.as_ref().map_or(0, Vec::len);
        if entries != self.entries {
            return Err(format!("{entries} entries, but {} were announced", self.entries));
        }
        Ok(())
    }
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok()).collect()
}

/// Text without the escapes that [`super::text`] and [`super::word`] put in.
pub(in super::super) fn unescape(text: &str) -> Result<String, String> {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        match characters.next() {
            Some('\\') => plain.push('\\'),
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some('s') => plain.push(' '),
            Some('e') => {}
            other => return Err(format!("`\\{}` is no escape", other.unwrap_or(' '))),
        }
    }
    Ok(plain)
}

/// The words of a line, one space between two.
struct Words<'a>(Split<'a, char>);

impl<'a> Words<'a> {
    fn next(&mut self) -> Result<&'a str, String> {
        self.0.next().filter(|word| !word.is_empty()).ok_or_else(|| "a word is missing".to_owned())
    }

    /// The next word as whatever it is to be.
    fn number<T: FromStr>(&mut self) -> Result<T, String> {
        let word = self.next()?;
        word.parse().map_err(|_| format!("`{word}` is not what belongs there"))
    }

    fn expect(&mut self, expected: &str) -> Result<(), String> {
        if self.next()? == expected { Ok(()) } else { Err(format!("`{expected}` is missing")) }
    }

    /// Passes over `expected` if it comes next.
    fn skip(&mut self, expected: &str) -> bool {
        let is_next = self.0.clone().next() == Some(expected);
        if is_next {
            self.0.next();
        }
        is_next
    }

    fn end(&mut self) -> Result<(), String> {
        self.0.next().map_or(Ok(()), |word| Err(format!("`{word}` is too much")))
    }

    /// Seconds with nine places.
    fn seconds(&mut self) -> Result<Duration, String> {
        let word = self.next()?;
        let wrong = || format!("`{word}` is not a time in seconds with nine places");
        let (whole, fraction) = word.split_once('.').ok_or_else(wrong)?;
        let nanoseconds = if fraction.len() == 9 { fraction.parse().ok() } else { None };
        match (whole.parse(), nanoseconds) {
            (Ok(whole), Some(nanoseconds)) if nanoseconds < 1_000_000_000 => {
                Ok(Duration::new(whole, nanoseconds))
            }
            _ => Err(wrong()),
        }
    }

    fn tuple(&mut self) -> Result<TrackedTuple, String> {
        let (source, source_id) = self.end_point()?;
        self.expect(">")?;
        let (destination, destination_id) = self.end_point()?;
        Ok(TrackedTuple { source, destination, source_id, destination_id })
    }

    fn end_point(&mut self) -> Result<(std::net::Ipv4Addr, u16), String> {
        let end: std::net::SocketAddrV4 = self.number()?;
        Ok((*end.ip(), end.port()))
    }

    fn entry(&mut self) -> Result<ConntrackEntry, String> {
        let protocol = self.number()?;
        let original = self.tuple()?;
        self.expect("reply")?;
        let reply = self.tuple()?;
        self.expect("status")?;
        let status = self.next()?;
        let status = status.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let status = status.ok_or("the status is not hexadecimal")?;
        self.expect("zone")?;
        let zone = self.number()?;
        let timeout_s = if self.skip("timeout") { Some(self.number()?) } else { None };
        let tcp_state = if self.skip("state") { Some(unescape(self.next()?)?) } else { None };
        let accounting = if self.skip("packets") {
            Some([(self.number()?, self.number()?), (self.number()?, self.number()?)])
        } else {
            None
        };
        Ok(ConntrackEntry { protocol, original, reply, timeout_s, status, tcp_state, zone, accounting })
    }
}
