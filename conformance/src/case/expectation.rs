//! What must, may and must not come of a step, in every dimension.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::history::History;
use super::pattern::Pattern;
use super::profile::Profile;
use crate::model::{ConntrackEntry, CounterId, Delivery, Dimension, SocketError};

/// What is expected of a step in one dimension.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// For every profile that is not named below.
    pub outlook: Outlook,
    /// For single profiles.
    pub by_profile: Vec<(Profile, Outlook)>,
    /// Whether it is passed over, not `unsupported`, where the DUT does not offer the dimension.
    pub if_offered: bool,
    /// Whether it is a condition of the rest: a DUT that does not meet it cannot sit the case.
    pub is_condition: bool,
}

/// What is expected in one dimension.
#[derive(Clone)]
pub enum Outlook {
    /// One of these sets of frames, and no other frame. Several are several ways to be right.
    Frames(Vec<Alternative>),
    /// A frame like this among whatever else.
    Some(Pattern),
    /// No frame like this, whatever else (forbidden).
    Never(Pattern),
    /// Exactly these deliveries, in order.
    Deliveries(Vec<Wanted<Delivery>>),
    /// Exactly these socket errors, in order.
    SocketErrors(Vec<Wanted<SocketError>>),
    /// How far counters moved in the step.
    Counters(Vec<(CounterId, RangeInclusive<i64>)>),
    /// Drop reasons, in order, as `skb:kfree_skb` prints them.
    Drops(Vec<String>),
    /// How many entries like this the tracking table has after the step.
    Tracked(Wanted<ConntrackEntry>, RangeInclusive<usize>),
    /// A law over all that was seen so far.
    Law {
        /// The law in words.
        what: String,
        /// What it looks at.
        dimension: Dimension,
        /// Says what breaks it.
        check: Law,
    },
}

/// Says what breaks a law.
pub type Law = Arc<dyn Fn(&History) -> Result<(), String> + Send + Sync>;

/// One way to be right.
#[derive(Clone, Debug)]
pub struct Alternative {
    /// The clause that permits it, where it is not the only way.
    pub clause: Option<&'static str>,
    /// The frames, in any order.
    pub frames: Vec<Pattern>,
}

/// What something that is not a frame must be, in words and as a condition.
#[derive(Clone)]
pub struct Wanted<T> {
    what: String,
    condition: Arc<dyn Fn(&T) -> bool + Send + Sync>,
}

impl<T> Wanted<T> {
    /// Whatever fulfils `condition`, which `what` says in words.
    pub fn new(what: impl Into<String>, condition: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        Self { what: what.into(), condition: Arc::new(condition) }
    }

    /// Narrows it down.
    #[must_use]
    pub fn and(self, what: &str, condition: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self
    where
        T: 'static,
    {
        let before = self.condition;
        Self::new(format!("{}, {what}", self.what), move |it| before(it) && condition(it))
    }

    /// Whether `it` is such.
    pub fn is(&self, it: &T) -> bool {
        (self.condition)(it)
    }
}

impl<T> fmt::Display for Wanted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl<T> fmt::Debug for Wanted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl fmt::Debug for Outlook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// No frame.
pub fn silence() -> Outlook {
    frames([])
}

/// Exactly one frame.
pub fn answer(pattern: Pattern) -> Outlook {
    frames([pattern])
}

/// Exactly these frames, in any order.
pub fn frames(patterns: impl IntoIterator<Item = Pattern>) -> Outlook {
    Outlook::Frames(vec![Alternative { clause: None, frames: patterns.into_iter().collect() }])
}

impl Outlook {
    /// Another way to be right, permitted by `clause`.
    #[must_use]
    pub fn or(mut self, clause: &'static str, patterns: impl IntoIterator<Item = Pattern>) -> Self {
        if let Self::Frames(alternatives) = &mut self {
            let frames = patterns.into_iter().collect();
            alternatives.push(Alternative { clause: Some(clause), frames });
        }
        self
    }

    /// The dimension it speaks of.
    pub fn dimension(&self) -> Dimension {
        match self {
            Self::Frames(_) | Self::Some(_) | Self::Never(_) => Dimension::Frames,
            Self::Deliveries(_) => Dimension::Deliveries,
            Self::SocketErrors(_) => Dimension::SocketErrors,
            Self::Counters(_) => Dimension::Counters,
            Self::Drops(_) => Dimension::Drops,
            Self::Tracked(..) => Dimension::Conntrack,
            Self::Law { dimension, .. } => *dimension,
        }
    }

    /// Whether a dead DUT would meet it.
    pub fn accepts_silence(&self) -> bool {
        match self {
            Self::Frames(alternatives) => alternatives.iter().any(|it| it.frames.is_empty()),
            Self::Some(_) => false,
            Self::Never(_) | Self::Law { .. } => true,
            Self::Deliveries(wanted) => wanted.is_empty(),
            Self::SocketErrors(wanted) => wanted.is_empty(),
            Self::Drops(wanted) => wanted.is_empty(),
            Self::Counters(wanted) => wanted.iter().all(|(_, range)| range.contains(&0)),
            Self::Tracked(_, count) => count.contains(&0),
        }
    }
}

impl fmt::Display for Outlook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frames(alternatives) => {
                for (index, alternative) in alternatives.iter().enumerate() {
                    let or = if index > 0 { ", or " } else { "" };
                    write!(f, "{or}{}", list(&alternative.frames, "silence"))?;
                    if let Some(clause) = alternative.clause {
                        write!(f, " ({clause})")?;
                    }
                }
                Ok(())
            }
            Self::Some(pattern) => write!(f, "among others {pattern}"),
            Self::Never(pattern) => write!(f, "never {pattern}"),
            Self::Deliveries(wanted) => f.write_str(&list(wanted, "nothing delivered")),
            Self::SocketErrors(wanted) => f.write_str(&list(wanted, "no socket error")),
            Self::Counters(wanted) => {
                let texts: Vec<_> = wanted.iter().map(|(id, range)| counter_text(*id, range)).collect();
                f.write_str(&list(&texts, "no counter"))
            }
            Self::Drops(wanted) if wanted.is_empty() => f.write_str("no drop"),
            Self::Drops(wanted) => write!(f, "dropped as {}", wanted.join(", ")),
            Self::Tracked(wanted, count) => write!(f, "{} of {wanted} tracked", range_text(count)),
            Self::Law { what, .. } => f.write_str(what),
        }
    }
}

fn counter_text(id: CounterId, range: &RangeInclusive<i64>) -> String {
    let sign = if *range.start() >= 0 { "+" } else { "" };
    format!("{} {sign}{}", id.name(), range_text(range))
}

fn range_text<T: PartialEq + fmt::Display>(range: &RangeInclusive<T>) -> String {
    if range.start() == range.end() {
        range.start().to_string()
    } else {
        format!("{} to {}", range.start(), range.end())
    }
}

fn list<T: fmt::Display>(items: &[T], none: &str) -> String {
    if items.is_empty() {
        return none.to_owned();
    }
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Expectation {
    /// The same for every profile.
    pub fn new(outlook: Outlook) -> Self {
        Self { outlook, by_profile: Vec::new(), if_offered: false, is_condition: false }
    }

    /// What `profile` expects.
    pub fn under(&self, profile: Profile) -> &Outlook {
        self.by_profile.iter().find(|(it, _)| *it == profile).map_or(&self.outlook, |(_, outlook)| outlook)
    }

    /// All there is, whatever the profile.
    pub fn outlooks(&self) -> impl Iterator<Item = &Outlook> {
        std::iter::once(&self.outlook).chain(self.by_profile.iter().map(|(_, outlook)| outlook))
    }
}
