//! `net.ipv4.*`: the knobs of a namespace, settable by their kernel names, with the ranges the kernel enforces.

use alloc::string::String;

use super::{Config, ConfigError};
use crate::conntrack::KnobError;

/// The groups that may open ping sockets, first and last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PingGroupRange {
    /// Lowest group.
    pub first: u32,
    /// Highest group; below `first` nobody may.
    pub last: u32,
}

macro_rules! sysctls {
    ($($field:ident, $name:literal, $default:expr, $low:expr, $high:expr, $text:literal;)*) => {
        /// `net.ipv4.*` of a namespace. A new one equals what a fresh Linux 6.18 namespace has.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Sysctls {
            $(#[doc = concat!("`net.ipv4.", $name, "`: ", $text, ". Default ", stringify!($default), ", from ", stringify!($low), " to ", stringify!($high), ".")]
            pub $field: i64,)*
            /// `net.ipv4.ping_group_range`: who may open ping sockets. Default `1 0`, nobody.
            pub ping_group_range: PingGroupRange,
        }

        impl Default for Sysctls {
            fn default() -> Self {
                Self { $($field: $default,)* ping_group_range: PingGroupRange { first: 1, last: 0 } }
            }
        }

        impl Sysctls {
            /// Every knob of one number: name after `net.ipv4.`, default, lowest and highest value, what it does.
            pub const TABLE: &'static [(&'static str, i64, i64, i64, &'static str)] =
                &[$(($name, $default, $low, $high, $text),)*];

            fn slot(&mut self, name: &str) -> Option<(&mut i64, i64, i64)> {
                match name {
                    $($name => Some((&mut self.$field, $low, $high)),)*
                    _ => None,
                }
            }
        }
    };
}

const INT_MIN: i64 = i32::MIN as i64;
const INT_MAX: i64 = i32::MAX as i64;

sysctls! {
    icmp_echo_ignore_all, "icmp_echo_ignore_all", 0, 0, 1, "answer no echo request";
    icmp_echo_enable_probe, "icmp_echo_enable_probe", 0, 0, 1, "answer extended echo requests";
    icmp_echo_ignore_broadcasts, "icmp_echo_ignore_broadcasts", 1, 0, 1, "ignore echo and timestamp requests to broadcast and multicast";
    icmp_ignore_bogus_error_responses, "icmp_ignore_bogus_error_responses", 1, 0, 1, "0 discards errors about datagrams to a broadcast address";
    icmp_errors_use_inbound_ifaddr, "icmp_errors_use_inbound_ifaddr", 0, 0, 1, "errors come from an address of the incoming interface";
    icmp_ratelimit, "icmp_ratelimit", 1000, 0, INT_MAX, "milliseconds between errors to one destination, rounded up to jiffies";
    icmp_ratemask, "icmp_ratemask", 6168, INT_MIN, INT_MAX, "ICMP types that are limited, one bit each";
    icmp_msgs_per_sec, "icmp_msgs_per_sec", 1000, 0, INT_MAX, "limited messages per second in all";
    icmp_msgs_burst, "icmp_msgs_burst", 50, 0, INT_MAX, "limited messages in a burst";
    ip_default_ttl, "ip_default_ttl", 64, 1, 255, "TTL where no route has a hop limit";
    ip_no_pmtu_disc, "ip_no_pmtu_disc", 0, 0, 255, "0 path MTU discovery, 1 learned MTU is the minimum, 2 ignored, 3 only validated";
    ip_forward, "ip_forward", 0, INT_MIN, INT_MAX, "forwarding; a change sets all interfaces";
    ip_forward_use_pmtu, "ip_forward_use_pmtu", 0, 0, 255, "forwarding heeds learned path MTUs";
    ip_forward_update_priority, "ip_forward_update_priority", 1, 0, 1, "priority from TOS when forwarding";
    ip_early_demux, "ip_early_demux", 1, 0, 255, "sockets may supply the route";
    tcp_early_demux, "tcp_early_demux", 1, 0, 255, "the same for TCP";
    udp_early_demux, "udp_early_demux", 1, 0, 255, "the same for UDP";
    ip_nonlocal_bind, "ip_nonlocal_bind", 0, 0, 255, "sockets may bind to foreign addresses";
    fwmark_reflect, "fwmark_reflect", 0, 0, 255, "replies carry the mark of the request";
    ipfrag_time, "ipfrag_time", 30, INT_MIN, INT_MAX, "seconds until an incomplete datagram is given up";
    ipfrag_high_thresh, "ipfrag_high_thresh", 4_194_304, 0, i64::MAX, "octets that reassembly may hold";
    ipfrag_low_thresh, "ipfrag_low_thresh", 3_145_728, 0, i64::MAX, "lower bound of the former; no other effect";
    ipfrag_max_dist, "ipfrag_max_dist", 64, 0, INT_MAX, "fragments of other datagrams between two of one; 0 is any";
    igmp_max_memberships, "igmp_max_memberships", 20, INT_MIN, INT_MAX, "groups per socket";
    igmp_max_msf, "igmp_max_msf", 10, INT_MIN, INT_MAX, "sources per group and socket";
    igmp_qrv, "igmp_qrv", 2, 1, INT_MAX, "robustness variable";
    igmp_link_local_mcast_reports, "igmp_link_local_mcast_reports", 1, 0, 255, "report groups of 224.0.0.0/24";
    raw_l3mdev_accept, "raw_l3mdev_accept", 1, 0, 1, "raw sockets work across VRFs";
    fib_multipath_hash_policy, "fib_multipath_hash_policy", 0, 0, 3, "what chooses among several next hops";
    route_min_pmtu, "route.min_pmtu", 552, 68, INT_MAX, "smallest path MTU that is believed";
    route_mtu_expires, "route.mtu_expires", 600, INT_MIN, INT_MAX, "seconds a learned path MTU lives";
    route_min_adv_mss, "route.min_adv_mss", 256, INT_MIN, INT_MAX, "smallest MSS that is advertised";
    route_error_cost, "route.error_cost", 250, INT_MIN, INT_MAX, "jiffies that an unreachable message costs";
    route_error_burst, "route.error_burst", 1250, INT_MIN, INT_MAX, "jiffies that may be saved up for them";
    route_redirect_load, "route.redirect_load", 5, INT_MIN, INT_MAX, "jiffies after the first redirect";
    route_redirect_number, "route.redirect_number", 9, INT_MIN, INT_MAX, "redirects until silence";
    route_redirect_silence, "route.redirect_silence", 5120, INT_MIN, INT_MAX, "jiffies without redirects that forgive";
    route_gc_timeout, "route.gc_timeout", 300, INT_MIN, INT_MAX, "seconds a redirect lives";
}

impl Config {
    /// Writes `value` to the sysctl `name`, as the kernel would take it: `net.ipv4.<name>`,
    /// `net.ipv4.conf.{all,default,lo,<interface>}.<name>` or `net.netfilter.<name>`.
    ///
    /// # Errors
    /// If there is no such sysctl or interface, or the kernel would refuse the value.
    pub fn set_sysctl(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        let unknown = || ConfigError::UnknownSysctl(String::from(name));
        if name.starts_with("net.netfilter.") || name == "net.nf_conntrack_max" {
            return self.set_netfilter_sysctl(name, value);
        }
        let rest = name.strip_prefix("net.ipv4.").ok_or_else(unknown)?;
        if let Some(rest) = rest.strip_prefix("conf.") {
            let (interface, knob) = rest.rsplit_once('.').ok_or_else(unknown)?;
            return self.set_device_sysctl(interface, knob, name, value);
        }
        let refused = || ConfigError::SysctlValue { name: name.into(), value: value.into() };
        if rest == "ping_group_range" {
            self.sysctls.ping_group_range = ping_group_range(value).ok_or_else(refused)?;
            return Ok(());
        }
        let (_, low, high) = self.sysctls.slot(rest).ok_or_else(unknown)?;
        let number = number(value).filter(|number| (low..=high).contains(number)).ok_or_else(refused)?;
        match rest {
            "ipfrag_high_thresh" if number < self.sysctls.ipfrag_low_thresh => return Err(refused()),
            "ipfrag_low_thresh" if number > self.sysctls.ipfrag_high_thresh => return Err(refused()),
            "ip_forward" => self.set_forwarding(number),
            _ => {}
        }
        if let Some((slot, ..)) = self.sysctls.slot(rest) {
            *slot = number;
        }
        Ok(())
    }

    fn set_netfilter_sysctl(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        let refused = || ConfigError::SysctlValue { name: name.into(), value: value.into() };
        let number = number(value).ok_or_else(refused)?;
        self.netfilter.conntrack.set(name, number).map_err(|error| match error {
            KnobError::Unknown => ConfigError::UnknownSysctl(name.into()),
            KnobError::Range { .. } => refused(),
            KnobError::ReadOnly => ConfigError::ReadOnlySysctl(name.into()),
        })
    }

    /// `net.ipv4.ip_forward`: a change reaches every interface and turns `conf.all.accept_redirects` the other way.
    fn set_forwarding(&mut self, value: i64) {
        if self.sysctls.ip_forward == value {
            return;
        }
        self.all.forwarding = value;
        self.default.forwarding = value;
        self.loopback.forwarding = value;
        self.all.accept_redirects = i64::from(value == 0);
        for interface in &mut self.interfaces {
            interface.sysctls.forwarding = value;
        }
    }

    fn set_device_sysctl(
        &mut self,
        interface: &str,
        knob: &str,
        name: &str,
        value: &str,
    ) -> Result<(), ConfigError> {
        let refused = || ConfigError::SysctlValue { name: name.into(), value: value.into() };
        let number = number(value).ok_or_else(refused)?;
        let device = match interface {
            "all" => &mut self.all,
            "default" => &mut self.default,
            "lo" => &mut self.loopback,
            _ => match self.interfaces.iter_mut().find(|candidate| candidate.name == interface) {
                Some(found) => &mut found.sysctls,
                None => return Err(ConfigError::UnknownInterface(interface.into())),
            },
        };
        let (slot, low, high) = device.slot(knob).ok_or_else(|| ConfigError::UnknownSysctl(name.into()))?;
        if knob == "mc_forwarding" {
            return Err(ConfigError::ReadOnlySysctl(name.into()));
        }
        if !(low..=high).contains(&number) {
            return Err(refused());
        }
        let before = core::mem::replace(slot, number);
        if knob == "forwarding" && before != number {
            self.follow_forwarding(interface, number);
        }
        Ok(())
    }

    /// What else a write to `conf.{all,default}.forwarding` changes: `all` is `ip_forward` under another name, and
    /// `default` reaches the interfaces that come later.
    fn follow_forwarding(&mut self, interface: &str, value: i64) {
        if interface == "all" {
            self.set_forwarding(value);
            self.sysctls.ip_forward = value;
        }
    }
}

/// A number as the kernel reads it: decimal, octal with a leading 0, hexadecimal with 0x, blanks around it.
fn number(text: &str) -> Option<i64> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let magnitude = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hexadecimal) => i64::from_str_radix(hexadecimal, 16).ok()?,
        None if digits.len() > 1 && digits.starts_with('0') => i64::from_str_radix(digits, 8).ok()?,
        None => digits.parse().ok()?,
    };
    Some(if negative { magnitude.checked_neg()? } else { magnitude })
}

fn ping_group_range(text: &str) -> Option<PingGroupRange> {
    let mut fields = text.split_whitespace().map(|field| field.parse::<u32>().ok());
    let range = PingGroupRange { first: fields.next()??, last: fields.next()?? };
    fields.next().is_none().then_some(range)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::config::Profile;

    #[rstest]
    #[case::plain("net.ipv4.icmp_ratelimit", "0", true)]
    #[case::hexadecimal("net.ipv4.icmp_ratemask", "0x1818", true)]
    #[case::negative_mask("net.ipv4.icmp_ratemask", "-1", true)]
    #[case::below("net.ipv4.icmp_ratelimit", "-1", false)]
    #[case::above("net.ipv4.ip_default_ttl", "256", false)]
    #[case::zero_ttl("net.ipv4.ip_default_ttl", "0", false)]
    #[case::not_a_number("net.ipv4.ip_default_ttl", "many", false)]
    #[case::two_levels("net.ipv4.route.min_pmtu", "68", true)]
    #[case::pair("net.ipv4.ping_group_range", "0 2147483647", true)]
    #[case::half_a_pair("net.ipv4.ping_group_range", "0", false)]
    #[case::device("net.ipv4.conf.t0.rp_filter", "2", true)]
    #[case::all("net.ipv4.conf.all.rp_filter", "1", true)]
    #[case::no_such_device("net.ipv4.conf.t9.rp_filter", "1", false)]
    #[case::read_only("net.ipv4.conf.all.mc_forwarding", "1", false)]
    #[case::unknown("net.ipv4.nonsense", "1", false)]
    #[case::other_family("net.ipv6.conf.all.forwarding", "1", false)]
    #[case::high_below_low("net.ipv4.ipfrag_high_thresh", "1000", false)]
    #[case::tracking("net.netfilter.nf_conntrack_udp_timeout", "10", true)]
    #[case::tracking_max("net.nf_conntrack_max", "10", true)]
    #[case::tracking_out_of_range("net.netfilter.nf_conntrack_checksum", "2", false)]
    #[case::tracking_read_only("net.netfilter.nf_conntrack_count", "2", false)]
    #[case::low_above_high("net.ipv4.ipfrag_low_thresh", "5000000", false)]
    fn writes_follow_the_kernel(#[case] name: &str, #[case] value: &str, #[case] accepted: bool) {
        let mut config = Config::new(Profile::Linux);
        config.add_interface("t0", []).unwrap();
        assert_eq!(config.set_sysctl(name, value).is_ok(), accepted);
    }

    #[test]
    fn forwarding_reaches_every_interface_and_turns_redirects_off() {
        let mut config = Config::new(Profile::Linux);
        config.add_interface("t0", []).unwrap();
        config.set_sysctl("net.ipv4.ip_forward", "1").unwrap();
        config.add_interface("t1", []).unwrap();
        assert!(config.interfaces.iter().all(|interface| interface.sysctls.forwarding == 1));
        assert_eq!((config.all.accept_redirects, config.interfaces[0].sysctls.accept_redirects), (0, 1));
    }
}
