//! One entry of the ledger and what it speaks of.

use serde::Deserialize;

use super::Duts;
use crate::differential::compare::Difference;
use crate::differential::fingerprint::without_positions;
use crate::differential::stimulus::{AddressClass, Fragment, Stimulus};
use crate::model::{Dimension, Limits, Role};

/// A difference that is explained.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Entry {
    /// Unique among all files; stands in reports.
    pub id: String,
    /// Names of the two DUTs, in either order.
    pub duts: [String; 2],
    /// Versions of the DUT named last, as prefixes: `6.18` holds for 6.18.44. Any version if there are none.
    #[serde(default)]
    pub versions: Vec<String>,
    /// Where the difference shows.
    pub dimension: Dimension,
    /// Paths of the fields that differ, `*` for any position in a list and at the end for anything that follows.
    pub fields: Vec<String>,
    /// What is told of the values, if not all are meant: the class of the difference (`only A icmp 3/3`).
    #[serde(default)]
    pub class: Option<String>,
    /// Roles of the scenario; all if none is named.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// Rate limits of the scenario; either if not given.
    #[serde(default)]
    pub limits: Option<Limits>,
    /// The stimuli it speaks of.
    pub stimulus: StimulusPredicate,
    /// Why this is no defect of the reference stack.
    pub reason: String,
    /// The clause that permits or forbids it, or where the behavior is described.
    pub clause: String,
    /// A trace that shows it, below `corpus/`.
    pub example: String,
}

/// A condition on stimuli. All that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StimulusPredicate {
    /// No datagram but a frame without a whole IPv4 header.
    #[serde(default)]
    pub malformed: Option<bool>,
    /// The passing of time.
    #[serde(default)]
    pub advance: Option<bool>,
    /// Something done on a socket, by its words (`udp send`).
    #[serde(default)]
    pub socket: Option<String>,
    /// Protocol numbers.
    #[serde(default)]
    pub protocol: Vec<u8>,
    /// ICMP types.
    #[serde(default)]
    pub icmp_type: Vec<u8>,
    /// ICMP codes.
    #[serde(default)]
    pub icmp_code: Vec<u8>,
    /// Protocol numbers of the datagram that an ICMP error quotes.
    #[serde(default)]
    pub quoted_protocol: Vec<u8>,
    /// TCP flags that must all be set.
    #[serde(default)]
    pub tcp_flags: Option<u8>,
    /// Parts of a datagram.
    #[serde(default)]
    pub fragment: Vec<Fragment>,
    /// IP options of which one must be there.
    #[serde(default)]
    pub options: Vec<u8>,
    /// Classes of the source.
    #[serde(default)]
    pub source: Vec<AddressClass>,
    /// Classes of the destination.
    #[serde(default)]
    pub destination: Vec<AddressClass>,
    /// TTLs.
    #[serde(default)]
    pub ttl: Vec<u8>,
    /// Whether the header checksum is right.
    #[serde(default)]
    pub checksum_is_right: Option<bool>,
    /// Whether the total length fits the frame.
    #[serde(default)]
    pub length_is_right: Option<bool>,
}

/// What the ledger is asked about: one divergence in one dimension.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'s> {
    /// Role of the scenario.
    pub role: Role,
    /// Rate limits of the scenario.
    pub limits: Limits,
    /// Where it shows.
    pub dimension: Dimension,
    /// What caused it.
    pub stimulus: &'s Stimulus,
    /// What differs.
    pub differences: &'s [Difference],
}

impl Entry {
    /// Whether the entry is about these two DUTs.
    pub fn holds_for(&self, duts: Duts<'_>) -> bool {
        let [first, second] = &self.duts;
        let fits = |one: (&str, &str), other: (&str, &str)| {
            is_named(first, one.0)
                && is_named(second, other.0)
                && (self.versions.is_empty()
                    || self.versions.iter().any(|version| is_version(version, other.1)))
        };
        fits(duts.a, duts.b) || fits(duts.b, duts.a)
    }

    /// Whether the entry is about such a divergence, whatever its fields.
    pub fn speaks_of(&self, subject: &Subject<'_>) -> bool {
        self.dimension == subject.dimension
            && (self.roles.is_empty() || self.roles.contains(&subject.role))
            && self.limits.is_none_or(|limits| limits == subject.limits)
            && self.stimulus.holds(subject.stimulus)
    }

    /// Whether the entry explains this one field.
    pub fn covers(&self, difference: &Difference) -> bool {
        let path = without_positions(&difference.field.field);
        self.fields.iter().any(|pattern| matches(pattern, &path))
            && self.class.as_ref().is_none_or(|class| *class == difference.class)
    }
}

impl StimulusPredicate {
    /// Whether a stimulus is meant.
    pub fn holds(&self, stimulus: &Stimulus) -> bool {
        let is_about_others = self.malformed.is_some() || self.advance.is_some() || self.socket.is_some();
        match stimulus {
            Stimulus::Malformed => self.malformed == Some(true),
            Stimulus::Advance => self.advance == Some(true),
            Stimulus::Stretch => false,
            Stimulus::Socket(what) => self.socket.as_ref() == Some(what),
            Stimulus::Datagram(_) if is_about_others => false,
            Stimulus::Datagram(datagram) => {
                let any = |wanted: &[u8], found: Option<u8>| {
                    wanted.is_empty() || found.is_some_and(|found| wanted.contains(&found))
                };
                let class = |wanted: &[AddressClass], found| wanted.is_empty() || wanted.contains(&found);
                any(&self.protocol, Some(datagram.protocol))
                    && any(&self.icmp_type, datagram.icmp.map(|(icmp_type, _)| icmp_type))
                    && any(&self.icmp_code, datagram.icmp.map(|(_, code)| code))
                    && any(&self.quoted_protocol, datagram.quoted_protocol)
                    && any(&self.ttl, Some(datagram.ttl))
                    && self
                        .tcp_flags
                        .is_none_or(|flags| datagram.tcp_flags.is_some_and(|set| set & flags == flags))
                    && (self.fragment.is_empty() || self.fragment.contains(&datagram.fragment))
                    && (self.options.is_empty()
                        || self.options.iter().any(|kind| datagram.options.contains(kind)))
                    && class(&self.source, datagram.source)
                    && class(&self.destination, datagram.destination)
                    && self.checksum_is_right.is_none_or(|right| right == datagram.checksum_is_right)
                    && self.length_is_right.is_none_or(|right| right == datagram.length_is_right)
            }
        }
    }

    /// Whether every stimulus is meant: an entry that says nothing of them is not narrow.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether `name` is that of a DUT as a command line names it; `recorded` holds for every record.
fn is_named(name: &str, dut: &str) -> bool {
    name == dut || dut.strip_prefix(name).is_some_and(|rest| rest.starts_with(':') && name != "reference")
}

/// Whether `version` is a prefix of one of the words of `found`, at a boundary.
fn is_version(version: &str, found: &str) -> bool {
    found.split(|c: char| c.is_whitespace() || c == '(' || c == ')').any(|word| {
        word.strip_prefix(version).is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit()))
    })
}

/// Whether `path` fits `pattern`; a `*` at the end stands for anything.
fn matches(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix(".*") {
        Some(start) => path.strip_prefix(start).is_some_and(|rest| rest.starts_with(['.', '['])),
        None => pattern == path,
    }
}
