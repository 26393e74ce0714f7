//! `net.ipv4.conf.*`: the knobs of one interface, of all, and of those to come.

macro_rules! device_sysctls {
    ($($field:ident, $default:expr, $combination:ident, $text:literal;)*) => {
        /// `net.ipv4.conf.{all,default,<interface>}.*`. How the value of `all` and that of the interface combine stands
        /// with each; [`super::policy`] does it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct DeviceSysctls {
            $(#[doc = concat!("`", stringify!($field), "`: ", $text, ". Default ", stringify!($default), "; combined by ", stringify!($combination), ".")]
            pub $field: i64,)*
        }

        impl Default for DeviceSysctls {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl DeviceSysctls {
            /// Every knob: name, default of an interface, combination, what it does.
            pub const TABLE: &'static [(&'static str, i64, Combination, &'static str)] =
                &[$((stringify!($field), $default, Combination::$combination, $text),)*];

            pub(super) fn slot(&mut self, name: &str) -> Option<(&mut i64, i64, i64)> {
                match name {
                    $(stringify!($field) => Some((&mut self.$field, i64::from(i32::MIN), i64::from(i32::MAX))),)*
                    _ => None,
                }
            }
        }
    };
}

/// How the value of `conf.all` and that of an interface make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combination {
    /// Both must be set.
    And,
    /// Either suffices.
    Or,
    /// The larger one.
    Max,
    /// That of the interface alone.
    Dev,
    /// Both must be set where the interface forwards, either suffices where it does not.
    AndIfForwarding,
}

device_sysctls! {
    forwarding, 0, Dev, "forward what comes in here";
    accept_redirects, 1, AndIfForwarding, "believe redirects";
    secure_redirects, 1, Or, "without shared media, believe only redirects to a default gateway";
    send_redirects, 1, Or, "send redirects";
    shared_media, 1, Or, "several subnets share the link";
    accept_source_route, 1, And, "heed source routes";
    accept_local, 0, Or, "accept own addresses as sources";
    route_localnet, 0, Or, "127.0.0.0/8 may be routed";
    rp_filter, 0, Max, "reverse path filter: 1 strict, 2 loose";
    log_martians, 0, Or, "log impossible addresses";
    bc_forwarding, 0, And, "forward directed broadcasts";
    mc_forwarding, 0, And, "forward multicast; read-only";
    drop_unicast_in_l2_multicast, 0, Or, "discard unicast in link-layer broadcasts and multicasts";
    src_valid_mark, 0, Or, "the mark takes part in source validation";
    promote_secondaries, 0, Or, "a secondary address takes over from a deleted primary one";
    proxy_arp, 0, Or, "answer ARP for others";
    proxy_arp_pvlan, 0, Dev, "the same within a private VLAN";
    tag, 0, Dev, "a number without effect";
    medium_id, 0, Dev, "identifies the medium for proxy ARP";
    bootp_relay, 0, And, "accept 0.b.c.d; without effect";
    disable_policy, 0, Dev, "no IPsec policy";
    disable_xfrm, 0, Dev, "no IPsec transformation";
    ignore_routes_with_linkdown, 0, Or, "skip routes whose link is down";
    force_igmp_version, 0, Or, "answer IGMP in this version";
    igmpv2_unsolicited_report_interval, 10_000, Dev, "milliseconds between reports";
    igmpv3_unsolicited_report_interval, 1_000, Dev, "milliseconds between reports";
    arp_accept, 0, Max, "learn from unsolicited ARP";
    arp_announce, 0, Max, "source address of ARP requests";
    arp_filter, 0, Or, "answer ARP only where the route leads back";
    arp_ignore, 0, Max, "which ARP requests to answer";
    arp_notify, 0, Max, "announce address changes";
    arp_evict_nocarrier, 1, And, "forget neighbors when the carrier goes";
    drop_gratuitous_arp, 0, Or, "discard gratuitous ARP";
}

impl DeviceSysctls {
    /// `net.ipv4.conf.all` of a fresh namespace.
    pub fn all() -> Self {
        Self { accept_source_route: 0, ..Self::default() }
    }
}
