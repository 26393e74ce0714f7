//! IGMP: reports the groups that interfaces have joined when a querier asks. RFC 2236 §3, RFC 3376 §5.

use alloc::vec::Vec;
use core::net::Ipv4Addr;
use core::time::Duration;

use crate::address;
use crate::drop_reason::DropReason;
use crate::interface::{InterfaceId, LinkClass};
use crate::ip::options::EchoedOptions;
use crate::ip::output::{HeaderChoice, IdentificationChoice};
use crate::outcome::{Outcome, Refusal};
use crate::packet::{Packet, PacketLink};
use crate::sink::Sink;
use crate::stack::Stack;
use crate::time::{Instant, MICROS_PER_JIFFY};
use crate::wire::igmp::{self, IgmpType, RecordType};
use crate::wire::{IgmpView, Protocol};

/// The group of all hosts, which is never reported. RFC 2236 §6.
const ALL_HOSTS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
/// Octets of the shortest version 3 query. RFC 3376 §4.1.
const V3_QUERY_LEN: usize = 12;
/// Where version 3 reports go. RFC 3376 §4.2.14.
const ALL_V3_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 22);
/// Reports that may be due at one time; more are not scheduled, and the querier asks again.
const MAX_SCHEDULED: usize = 1024;
/// How long a host may take to answer a version 1 query. RFC 1112 Appendix I.
const V1_DELAY: Duration = Duration::from_secs(10);
/// Query interval and query response interval that are assumed of a querier. RFC 2236 §8.2, §8.3.
const QUERY_INTERVAL_S: u64 = 125;
const QUERY_RESPONSE_INTERVAL_S: u64 = 10;

/// What one interface knows of its querier and owes it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Membership {
    /// Until when version 1 is spoken.
    v1_until: Option<Instant>,
    /// Until when version 2 is spoken.
    v2_until: Option<Instant>,
    /// When all groups are reported at once, in version 3.
    general: Option<Instant>,
    /// When single groups are reported.
    reports: Vec<(Instant, Ipv4Addr)>,
}

impl Membership {
    /// The version to speak now. RFC 2236 §4, RFC 3376 §7.2.1.
    fn version(&self, forced: u8, now: Instant) -> u8 {
        let is_seen = |until: Option<Instant>| until.is_some_and(|until| now < until);
        match forced {
            0 if is_seen(self.v1_until) => 1,
            0 if is_seen(self.v2_until) => 2,
            0 => 3,
            forced => forced,
        }
    }

    fn due(&self) -> Option<Instant> {
        self.reports.iter().map(|(due, _)| *due).chain(self.general).min()
    }
}

impl Stack {
    /// Takes in an IGMP message.
    pub(crate) fn input_igmp<S: Sink>(
        &mut self,
        packet: &mut Packet,
        sink: &mut S,
    ) -> Result<Outcome, Refusal> {
        let Some(message) = IgmpView::new(packet.payload()) else {
            return Err(DropReason::IgmpTruncated.into());
        };
        if !message.is_checksum_valid() {
            return Err(DropReason::IgmpChecksumWrong.into());
        }
        let incoming = packet.incoming.unwrap_or(InterfaceId::LOOPBACK);
        match message.igmp_type() {
            IgmpType::Query => {
                self.hear_query(incoming, &message)?;
                self.handle_igmp_timeout(sink);
                Ok(Outcome::Delivered)
            }
            IgmpType::ReportV1 | IgmpType::ReportV2 if is_from_the_link(packet) => {
                self.hear_report(incoming, message.group());
                Ok(Outcome::Delivered)
            }
            _ => Err(DropReason::IgmpUnhandled.into()),
        }
    }

    /// Plans the answer to a query. RFC 2236 §3, RFC 3376 §5.2.
    fn hear_query(&mut self, incoming: InterfaceId, message: &IgmpView<'_>) -> Result<(), DropReason> {
        let forced = self.router.device(incoming).map_or(0, |device| device.policy.force_igmp_version);
        let now = self.now;
        let robustness = u64::try_from(self.config.sysctls.igmp_qrv).unwrap_or(2);
        let querier_life = Duration::from_secs(robustness * QUERY_INTERVAL_S + QUERY_RESPONSE_INTERVAL_S);
        let (code, len) = (message.max_response_code(), message.octets().len());
        let membership = self.membership(incoming);
        let mut group = message.group();
        let longest = if len == igmp::HEADER_LEN {
            membership.general = None;
            if code == 0 {
                membership.v1_until = Some(now + querier_life);
                group = Ipv4Addr::UNSPECIFIED;
                V1_DELAY
            } else {
                membership.v2_until = Some(now + querier_life);
                tenths(code.into())
            }
        } else if len < V3_QUERY_LEN {
            return Err(DropReason::IgmpTruncated);
        } else {
            match membership.version(forced, now) {
                1 => {
                    group = Ipv4Addr::UNSPECIFIED;
                    V1_DELAY
                }
                2 => tenths(code.into()),
                _ if !holds_its_sources(message) => return Err(DropReason::IgmpTruncated),
                _ if group.is_unspecified() => return self.plan_general_report(incoming, message),
                _ => v3_delay(code),
            }
        };
        self.plan_reports(incoming, group, longest);
        Ok(())
    }

    fn membership(&mut self, interface: InterfaceId) -> &mut Membership {
        if self.memberships.len() <= interface.index() {
            self.memberships.resize_with(interface.index() + 1, Membership::default);
        }
        &mut self.memberships[interface.index()]
    }

    /// All groups are reported at once, at a random moment. RFC 3376 §5.2.
    fn plan_general_report(
        &mut self,
        incoming: InterfaceId,
        message: &IgmpView<'_>,
    ) -> Result<(), DropReason> {
        let has_sources = message.octets().get(10..12).is_some_and(|count| count != [0, 0]);
        if has_sources {
            return Err(DropReason::IgmpUnhandled);
        }
        let due = self.random_moment(v3_delay(message.max_response_code()));
        let membership = self.membership(incoming);
        if membership.general.is_none_or(|planned| due < planned) {
            membership.general = Some(due);
        }
        Ok(())
    }

    /// Each group asked about is reported on its own, at a random moment within `longest`.
    fn plan_reports(&mut self, incoming: InterfaceId, asked: Ipv4Addr, longest: Duration) {
        let reports_link_local = self.config.sysctls.igmp_link_local_mcast_reports != 0;
        let groups: Vec<Ipv4Addr> = self
            .router
            .device(incoming)
            .map_or(&[][..], |device| device.groups())
            .iter()
            .filter(|group| asked.is_unspecified() || asked == **group)
            .filter(|group| {
                **group != ALL_HOSTS && (reports_link_local || !address::is_local_multicast(**group))
            })
            .copied()
            .collect();
        for group in groups {
            let due = self.random_moment(longest);
            let latest = self.now + longest;
            let reports = &mut self.membership(incoming).reports;
            if let Some((planned, _)) = reports.iter_mut().find(|(_, planned)| *planned == group) {
                if *planned >= latest {
                    *planned = due;
                }
            } else if reports.len() < MAX_SCHEDULED {
                reports.push((due, group));
            }
        }
    }

    /// Some jiffies from now, up to `longest` and two.
    fn random_moment(&mut self, longest: Duration) -> Instant {
        let jiffy = Duration::from_micros(MICROS_PER_JIFFY);
        let jiffies = u32::try_from(longest.as_micros() / jiffy.as_micros()).unwrap_or(u32::MAX);
        self.now + jiffy * self.random.below(jiffies.max(1)) + 2 * jiffy
    }

    /// Another member's report makes ours superfluous. RFC 2236 §3.
    fn hear_report(&mut self, incoming: InterfaceId, group: Ipv4Addr) {
        self.membership(incoming).reports.retain(|(_, planned)| *planned != group);
    }

    /// When the next report is due.
    pub(crate) fn igmp_timeout(&self) -> Option<Instant> {
        self.memberships.iter().filter_map(Membership::due).min()
    }

    /// Sends the reports that are due.
    pub(crate) fn handle_igmp_timeout<S: Sink>(&mut self, sink: &mut S) {
        let now = self.now;
        for place in 0..self.memberships.len() {
            let interface = InterfaceId(u16::try_from(place).unwrap_or(0));
            let membership = self.membership(interface);
            let is_general_due = membership.general.take_if(|due| *due <= now).is_some();
            let mut due = Vec::new();
            membership.reports.retain(|(moment, group)| {
                let is_due = *moment <= now;
                if is_due {
                    due.push(*group);
                }
                !is_due
            });
            if is_general_due {
                self.send_general_report(interface, sink);
            }
            for group in due {
                self.send_report(interface, group, sink);
            }
        }
    }

    fn send_report<S: Sink>(&mut self, interface: InterfaceId, group: Ipv4Addr, sink: &mut S) {
        let forced = self.router.device(interface).map_or(0, |device| device.policy.force_igmp_version);
        let now = self.now;
        match self.membership(interface).version(forced, now) {
            1 => self.send_igmp(interface, group, &igmp::message(IgmpType::ReportV1, 0, group), sink),
            2 => self.send_igmp(interface, group, &igmp::message(IgmpType::ReportV2, 0, group), sink),
            _ => {
                let records = [(RecordType::ModeIsExclude, group)];
                self.send_igmp(interface, ALL_V3_ROUTERS, &igmp::report_v3(&records), sink);
            }
        }
    }

    fn send_general_report<S: Sink>(&mut self, interface: InterfaceId, sink: &mut S) {
        let groups = self.router.device(interface).map_or(&[][..], |device| device.groups());
        let records: Vec<(RecordType, Ipv4Addr)> = groups
            .iter()
            .filter(|group| **group != ALL_HOSTS)
            .map(|group| (RecordType::ModeIsExclude, *group))
            .collect();
        if !records.is_empty() {
            self.send_igmp(interface, ALL_V3_ROUTERS, &igmp::report_v3(&records), sink);
        }
    }

    fn send_igmp<S: Sink>(&mut self, interface: InterfaceId, to: Ipv4Addr, message: &[u8], sink: &mut S) {
        let Ok(way) = self.router.route_output_by(interface, to, Ipv4Addr::UNSPECIFIED) else {
            return;
        };
        let choice = HeaderChoice {
            protocol: Protocol::Igmp,
            tos: 0xc0,
            ttl: Some(1),
            dont_fragment: true,
            identification: IdentificationChoice::Given(0),
        };
        let mut packet = self.make_packet(&way, &choice, &EchoedOptions::ROUTER_ALERT, message.len());
        packet.octets.extend_from_slice(message);
        let _ = self.output_uncounted(packet, sink);
    }
}

/// Whether the packet came as a link-layer multicast: neither a copy of ours nor a report to us alone.
const fn is_from_the_link(packet: &Packet) -> bool {
    matches!(packet.link, PacketLink::Frame(LinkClass::Multicast | LinkClass::Broadcast))
}

const fn tenths(count: u64) -> Duration {
    Duration::from_millis(100 * count)
}

/// How long the answer to a version 3 query may wait. RFC 3376 §4.1.1.
const fn v3_delay(code: u8) -> Duration {
    let code = code as u64;
    if code < 128 { tenths(code) } else { tenths(((code & 0x0f) | 0x10) << ((code >> 4 & 7) + 3)) }
}
/// Whether a version 3 query is as long as the number of its sources says. RFC 3376 §4.1.8.
fn holds_its_sources(message: &IgmpView<'_>) -> bool {
    let octets = message.octets();
    match octets.get(10..V3_QUERY_LEN) {
        Some(&[high, low]) => octets.len() >= V3_QUERY_LEN + 4 * usize::from(u16::from_be_bytes([high, low])),
        _ => false,
    }
}
