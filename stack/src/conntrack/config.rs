//! The knobs of connection tracking, settable by the names that Linux gives them.

/// Knobs of connection tracking. The defaults are those of Linux 6.18 with more than 4 GB of memory.
/// Time-outs are in seconds and are read at the moment of the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConntrackConfig {
    /// Most entries there may be; 0 for no limit.
    pub max: u32,
    /// Hash buckets of the modeled kernel: they decide how many entries early drop looks at.
    pub buckets: u32,
    /// Whether checksums of arriving packets are verified.
    pub checksum: bool,
    /// Which protocol's invalid packets are logged: 0 none, 255 all. Kept for completeness: reasons are always reported.
    pub log_invalid: u8,
    /// Whether new entries count packets and octets.
    pub accounting: bool,
    /// Whether new entries remember when they began. Kept for completeness: nothing shows it.
    pub timestamp: bool,
    /// Which entries report events.
    pub events: EventMode,
    /// Most expectations there may be. Kept for completeness: there are no helpers.
    pub expect_max: u32,
    /// ICMP queries.
    pub icmp_timeout: u32,
    /// ICMPv6, which is never valid over IPv4.
    pub icmpv6_timeout: u32,
    /// UDP before it becomes a stream.
    pub udp_timeout: u32,
    /// UDP streams: packets both ways later than two seconds after the first.
    pub udp_timeout_stream: u32,
    /// GRE seen one way only.
    pub gre_timeout: u32,
    /// GRE seen both ways.
    pub gre_timeout_stream: u32,
    /// Every other protocol.
    pub generic_timeout: u32,
    /// TCP.
    pub tcp: TcpConfig,
}

/// Knobs of the TCP tracker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpConfig {
    /// Whether connections are picked up in their middle.
    pub loose: bool,
    /// Whether segments outside of the window are accepted.
    pub be_liberal: bool,
    /// Whether a reset below the highest acknowledgment is accepted.
    pub ignore_invalid_rst: bool,
    /// Repetitions of a pure acknowledgment after which the time-out falls to `max_retrans_timeout`.
    pub max_retrans: u8,
    /// After the first SYN.
    pub syn_sent: u32,
    /// After the SYN-ACK.
    pub syn_recv: u32,
    /// After the handshake.
    pub established: u32,
    /// After the first FIN.
    pub fin_wait: u32,
    /// After the first FIN was acknowledged.
    pub close_wait: u32,
    /// After the second FIN.
    pub last_ack: u32,
    /// After both FINs were acknowledged.
    pub time_wait: u32,
    /// After a reset.
    pub close: u32,
    /// While an acknowledgment repeats or the window is closed.
    pub max_retrans_timeout: u32,
    /// While data is not acknowledged.
    pub unacknowledged: u32,
}

/// Which entries report events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventMode {
    /// None.
    Never,
    /// All.
    Always,
    /// Those created while somebody listens.
    #[default]
    Listened,
}

impl Default for ConntrackConfig {
    fn default() -> Self {
        Self {
            max: 262_144,
            buckets: 262_144,
            checksum: true,
            log_invalid: 0,
            accounting: false,
            timestamp: false,
            events: EventMode::Listened,
            expect_max: 4096,
            icmp_timeout: 30,
            icmpv6_timeout: 30,
            udp_timeout: 30,
            udp_timeout_stream: 120,
            gre_timeout: 30,
            gre_timeout_stream: 180,
            generic_timeout: 600,
            tcp: TcpConfig::default(),
        }
    }
}

impl Default for TcpConfig {
    fn default() -> Self {
        Self {
            loose: true,
            be_liberal: false,
            ignore_invalid_rst: false,
            max_retrans: 3,
            syn_sent: 120,
            syn_recv: 60,
            established: 432_000,
            fin_wait: 120,
            close_wait: 60,
            last_ack: 30,
            time_wait: 120,
            close: 10,
            max_retrans_timeout: 300,
            unacknowledged: 300,
        }
    }
}

/// Why a knob was not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnobError {
    /// There is no knob of that name.
    Unknown,
    /// The value is outside of the knob's range.
    Range {
        /// Least value.
        min: i64,
        /// Greatest value.
        max: i64,
    },
    /// The knob only shows something.
    ReadOnly,
}

impl core::fmt::Display for KnobError {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Unknown => formatter.write_str("no knob of that name"),
            Self::Range { min, max } => write!(formatter, "outside of {min} to {max}"),
            Self::ReadOnly => formatter.write_str("read-only"),
        }
    }
}

impl core::error::Error for KnobError {}

/// Greatest time-out in seconds that Linux accepts where a jiffy is 4 ms.
const MAX_SECONDS: i64 = i32::MAX as i64 / 250;

/// A knob: its name below `net.netfilter.`, its greatest value, how it is read and written.
struct Knob {
    name: &'static str,
    max: i64,
    read: fn(&ConntrackConfig) -> i64,
    write: fn(&mut ConntrackConfig, u32),
}

macro_rules! seconds {
    ($name:literal, $($field:ident).+) => {
        Knob { name: $name, max: MAX_SECONDS, read: |c| i64::from(c.$($field).+), write: |c, v| c.$($field).+ = v }
    };
}

macro_rules! switch {
    ($name:literal, $($field:ident).+) => {
        Knob { name: $name, max: 1, read: |c| i64::from(c.$($field).+), write: |c, v| c.$($field).+ = v != 0 }
    };
}

macro_rules! number {
    ($name:literal, $max:expr, $type:ty, $($field:ident).+) => {
        Knob { name: $name, max: $max, read: |c| i64::from(c.$($field).+), write: |c, v| c.$($field).+ = v as $type }
    };
}

/// Every knob that can be set, by name below `net.netfilter.`.
const KNOBS: &[Knob] = &[
    number!("nf_conntrack_max", i32::MAX as i64, u32, max),
    number!("nf_conntrack_buckets", i32::MAX as i64, u32, buckets),
    switch!("nf_conntrack_checksum", checksum),
    number!("nf_conntrack_log_invalid", 255, u8, log_invalid),
    switch!("nf_conntrack_acct", accounting),
    switch!("nf_conntrack_timestamp", timestamp),
    Knob { name: "nf_conntrack_events", max: 2, read: |c| c.events as i64, write: set_events },
    number!("nf_conntrack_expect_max", i32::MAX as i64, u32, expect_max),
    switch!("nf_conntrack_tcp_loose", tcp.loose),
    switch!("nf_conntrack_tcp_be_liberal", tcp.be_liberal),
    switch!("nf_conntrack_tcp_ignore_invalid_rst", tcp.ignore_invalid_rst),
    number!("nf_conntrack_tcp_max_retrans", 255, u8, tcp.max_retrans),
    seconds!("nf_conntrack_icmp_timeout", icmp_timeout),
    seconds!("nf_conntrack_icmpv6_timeout", icmpv6_timeout),
    seconds!("nf_conntrack_udp_timeout", udp_timeout),
    seconds!("nf_conntrack_udp_timeout_stream", udp_timeout_stream),
    seconds!("nf_conntrack_gre_timeout", gre_timeout),
    seconds!("nf_conntrack_gre_timeout_stream", gre_timeout_stream),
    seconds!("nf_conntrack_generic_timeout", generic_timeout),
    seconds!("nf_conntrack_tcp_timeout_syn_sent", tcp.syn_sent),
    seconds!("nf_conntrack_tcp_timeout_syn_recv", tcp.syn_recv),
    seconds!("nf_conntrack_tcp_timeout_established", tcp.established),
    seconds!("nf_conntrack_tcp_timeout_fin_wait", tcp.fin_wait),
    seconds!("nf_conntrack_tcp_timeout_close_wait", tcp.close_wait),
    seconds!("nf_conntrack_tcp_timeout_last_ack", tcp.last_ack),
    seconds!("nf_conntrack_tcp_timeout_time_wait", tcp.time_wait),
    seconds!("nf_conntrack_tcp_timeout_close", tcp.close),
    seconds!("nf_conntrack_tcp_timeout_max_retrans", tcp.max_retrans_timeout),
    seconds!("nf_conntrack_tcp_timeout_unacknowledged", tcp.unacknowledged),
];

fn set_events(config: &mut ConntrackConfig, value: u32) {
    config.events = match value {
        0 => EventMode::Never,
        1 => EventMode::Always,
        _ => EventMode::Listened,
    };
}

/// Strips what may stand before a knob's own name.
fn own_name(name: &str) -> Option<&str> {
    match name {
        "net.nf_conntrack_max" => Some("nf_conntrack_max"),
        _ => name.strip_prefix("net.netfilter."),
    }
}

impl ConntrackConfig {
    /// Names of all knobs that [`Self::set`] takes, with their greatest value; the least is 0.
    pub fn knobs() -> impl Iterator<Item = (&'static str, i64)> {
        KNOBS.iter().map(|knob| (knob.name, knob.max))
    }

    /// Sets a knob by its full kernel name, such as `net.netfilter.nf_conntrack_udp_timeout`.
    ///
    /// # Errors
    /// [`KnobError`] when there is no such knob, it cannot be set, or the value is outside of its range.
    pub fn set(&mut self, name: &str, value: i64) -> Result<(), KnobError> {
        let name = own_name(name).ok_or(KnobError::Unknown)?;
        if name == "nf_conntrack_count" {
            return Err(KnobError::ReadOnly);
        }
        let knob = KNOBS.iter().find(|knob| knob.name == name).ok_or(KnobError::Unknown)?;
        let value = u32::try_from(value)
            .ok()
            .filter(|&value| i64::from(value) <= knob.max)
            .ok_or(KnobError::Range { min: 0, max: knob.max })?;
        (knob.write)(self, value);
        Ok(())
    }

    /// Value of a knob by its full kernel name.
    pub fn get(&self, name: &str) -> Option<i64> {
        let name = own_name(name)?;
        KNOBS.iter().find(|knob| knob.name == name).map(|knob| (knob.read)(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn every_knob_takes_its_bounds_and_nothing_beyond() {
        for (name, max) in ConntrackConfig::knobs() {
            let full = format!("net.netfilter.{name}");
            for value in [0, 1.min(max), max] {
                let mut config = ConntrackConfig::default();
                assert_eq!(config.set(&full, value), Ok(()), "{name}");
                assert_eq!(config.get(&full), Some(value), "{name}");
            }
            for value in [-1, max + 1] {
                let mut config = ConntrackConfig::default();
                assert_eq!(config.set(&full, value), Err(KnobError::Range { min: 0, max }), "{name}");
                assert_eq!(config, ConntrackConfig::default());
            }
        }
    }

    /// What still fits a signed number of jiffies of 4 ms.
    #[test]
    fn longest_time_out() {
        let longest = ConntrackConfig::knobs().find(|(name, _)| *name == "nf_conntrack_udp_timeout");
        assert_eq!(longest, Some(("nf_conntrack_udp_timeout", 8_589_934)));
    }

    #[test]
    fn names_outside_are_unknown() {
        let mut config = ConntrackConfig::default();
        assert_eq!(config.set("net.ipv4.ip_forward", 1), Err(KnobError::Unknown));
        assert_eq!(config.set("net.netfilter.nf_conntrack_nonsense", 1), Err(KnobError::Unknown));
        assert_eq!(config.set("net.netfilter.nf_conntrack_count", 1), Err(KnobError::ReadOnly));
        assert_eq!(config.set("net.nf_conntrack_max", 9), Ok(()));
        assert_eq!(config.max, 9);
    }
}
