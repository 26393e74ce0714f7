//! What the knobs of an interface come to once `conf.all` is taken into account: the one place that combines them.

use super::device::DeviceSysctls;

/// The combined knobs of one interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DevicePolicy {
    /// Forward what comes in here.
    pub forwarding: bool,
    /// Believe redirects.
    pub accept_redirects: bool,
    /// Without shared media, believe only redirects to a default gateway.
    pub secure_redirects: bool,
    /// Send redirects.
    pub send_redirects: bool,
    /// Several subnets share the link.
    pub shared_media: bool,
    /// Heed source routes.
    pub accept_source_route: bool,
    /// Accept own addresses as sources.
    pub accept_local: bool,
    /// 127.0.0.0/8 may be routed.
    pub route_localnet: bool,
    /// Reverse path filter.
    pub rp_filter: ReversePath,
    /// Forward directed broadcasts.
    pub bc_forwarding: bool,
    /// Forward multicast.
    pub mc_forwarding: bool,
    /// Discard unicast in link-layer broadcasts and multicasts.
    pub drop_unicast_in_l2_multicast: bool,
    /// IGMP version to answer in; 0 is that of the querier.
    pub force_igmp_version: u8,
}

/// Mode of the reverse path filter. RFC 3704 §2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReversePath {
    /// No check.
    #[default]
    Off,
    /// The best route back must use the interface. RFC 3704 §2.2.
    Strict,
    /// Any route back will do. RFC 3704 §2.4.
    Loose,
}

impl DevicePolicy {
    /// Combines `conf.all` with the knobs of an interface.
    pub fn of(all: &DeviceSysctls, device: &DeviceSysctls) -> Self {
        let and = |knob: fn(&DeviceSysctls) -> i64| knob(all) != 0 && knob(device) != 0;
        let or = |knob: fn(&DeviceSysctls) -> i64| knob(all) != 0 || knob(device) != 0;
        let forwarding = device.forwarding != 0;
        Self {
            forwarding,
            accept_redirects: if forwarding {
                and(|k| k.accept_redirects)
            } else {
                or(|k| k.accept_redirects)
            },
            secure_redirects: or(|k| k.secure_redirects),
            send_redirects: or(|k| k.send_redirects),
            shared_media: or(|k| k.shared_media),
            accept_source_route: and(|k| k.accept_source_route),
            accept_local: or(|k| k.accept_local),
            route_localnet: or(|k| k.route_localnet),
            rp_filter: match all.rp_filter.max(device.rp_filter) {
                0 => ReversePath::Off,
                1 => ReversePath::Strict,
                _ => ReversePath::Loose,
            },
            bc_forwarding: and(|k| k.bc_forwarding),
            mc_forwarding: and(|k| k.mc_forwarding),
            drop_unicast_in_l2_multicast: or(|k| k.drop_unicast_in_l2_multicast),
            force_igmp_version: if all.force_igmp_version != 0 {
                all.force_igmp_version
            } else {
                device.force_igmp_version
            }
            .clamp(0, 3) as u8,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn knobs(change: impl FnOnce(&mut DeviceSysctls)) -> DeviceSysctls {
        let mut knobs = DeviceSysctls::default();
        change(&mut knobs);
        knobs
    }

    #[test]
    fn source_routes_are_off_in_a_fresh_namespace() {
        let policy = DevicePolicy::of(&DeviceSysctls::all(), &DeviceSysctls::default());
        assert!(!policy.accept_source_route && policy.send_redirects && policy.accept_redirects);
    }

    #[rstest]
    #[case::router_needs_both(1, 0, 1, false)]
    #[case::router_with_both(1, 1, 1, true)]
    #[case::host_needs_either(0, 0, 1, true)]
    #[case::host_with_neither(0, 0, 0, false)]
    fn redirects_are_believed(
        #[case] forwarding: i64,
        #[case] all: i64,
        #[case] device: i64,
        #[case] believed: bool,
    ) {
        let all = knobs(|knobs| knobs.accept_redirects = all);
        let device = knobs(|knobs| {
            knobs.accept_redirects = device;
            knobs.forwarding = forwarding;
        });
        assert_eq!(DevicePolicy::of(&all, &device).accept_redirects, believed);
    }

    #[rstest]
    #[case(0, 0, ReversePath::Off)]
    #[case(1, 0, ReversePath::Strict)]
    #[case(1, 2, ReversePath::Loose)]
    #[case(0, 7, ReversePath::Loose)]
    fn the_larger_reverse_path_filter_wins(
        #[case] all: i64,
        #[case] device: i64,
        #[case] expected: ReversePath,
    ) {
        let policy =
            DevicePolicy::of(&knobs(|knobs| knobs.rp_filter = all), &knobs(|knobs| knobs.rp_filter = device));
        assert_eq!(policy.rp_filter, expected);
    }
}
