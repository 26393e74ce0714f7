//! IGMP: reports the groups that interfaces have joined when a querier asks. RFC 2236 §3, RFC 3376 §5.

use alloc::vec::Vec;
use core::net::Ipv4Addr;
use core::time::Duration;

use crate::drop_reason::DropReason;
use crate::interface::InterfaceId;
use crate::ip::options::EchoedOptions;
use crate::ip::output::{HeaderChoice, IdentificationChoice};
use crate::outcome::{Outcome, Refusal};
use crate::packet::Packet;
use crate::sink::Sink;
use crate::stack::Stack;
use crate::time::Instant;
use crate::wire::igmp::{self, IgmpType, RecordType};
use crate::wire::{IgmpView, Protocol};

/// The group of all hosts, which is never reported. RFC 2236 §6.
const ALL_HOSTS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
/// Where version 3 reports go. RFC 3376 §4.2.14.
const ALL_V3_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 22);
/// Reports that may be due at one time; more are not scheduled, and the querier asks again.
const MAX_SCHEDULED: usize = 1024;

/// A report that is due.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScheduledReport {
    due: Instant,
    interface: InterfaceId,
    group: Ipv4Addr,
    version: u8,
}

impl Stack {
    /// Takes in an IGMP message.
    pub(crate) fn input_igmp<S: Sink>(
        &mut self,
        packet: &mut Packet,
        sink: &mut S,
    ) -> Result<Outcome, Refusal> {
        let Some(message) = IgmpView::new(packet.payload()) else {
            return Err(DropReason::IgmpUnhandled.into());
        };
        if !message.is_checksum_valid() {
            return Err(DropReason::IgmpChecksumWrong.into());
        }
        match message.igmp_type() {
            IgmpType::Query => {
                self.schedule_reports(packet, &message);
                self.handle_igmp_timeout(sink);
                Ok(Outcome::Delivered)
            }
            IgmpType::ReportV1 | IgmpType::ReportV2 => {
                self.hear_report(packet, message.group());
                Ok(Outcome::Delivered)
            }
            IgmpType::ReportV3 | IgmpType::Leave => Ok(Outcome::Delivered),
            IgmpType::Unknown(_) => Err(DropReason::IgmpUnhandled.into()),
        }
    }

    /// Plans an answer for each group asked about, at a random moment within the time allowed. RFC 2236 §3.
    fn schedule_reports(&mut self, packet: &Packet, message: &IgmpView<'_>) {
        let incoming = packet.incoming.unwrap_or(InterfaceId::LOOPBACK);
        let Some(device) = self.router.device(incoming) else { return };
        let forced = device.policy.force_igmp_version;
        let version = if forced != 0 { forced } else { message.query_version() };
        let longest = longest_delay(message, version);
        let asked = message.group();
        for group in device.groups() {
            let is_asked = asked.is_unspecified() || asked == *group;
            if *group == ALL_HOSTS || !is_asked || self.reports.len() >= MAX_SCHEDULED {
                continue;
            }
            let jiffies = u64::from(
                self.random.below(u32::try_from(longest.as_millis() / 4).unwrap_or(u32::MAX).max(1)),
            );
            let due = self.now + Duration::from_millis(4 * jiffies);
            match self
                .reports
                .iter_mut()
                .find(|report| report.interface == incoming && report.group == *group)
            {
                Some(report) => report.due = report.due.min(due),
                None => {
                    self.reports.push(ScheduledReport { due, interface: incoming, group: *group, version })
                }
            }
        }
    }

    /// Another member's report makes ours superfluous. RFC 2236 §3.
    fn hear_report(&mut self, packet: &Packet, group: Ipv4Addr) {
        let incoming = packet.incoming.unwrap_or(InterfaceId::LOOPBACK);
        let is_ours = matches!(packet.link, crate::packet::PacketLink::LoopedBack);
        if !is_ours {
            self.reports.retain(|report| report.interface != incoming || report.group != group);
        }
    }

    /// When the next report is due.
    pub(crate) fn igmp_timeout(&self) -> Option<Instant> {
        self.reports.iter().map(|report| report.due).min()
    }

    /// Sends the reports that are due.
    pub(crate) fn handle_igmp_timeout<S: Sink>(&mut self, sink: &mut S) {
        let now = self.now;
        let due: Vec<ScheduledReport> =
            self.reports.iter().filter(|report| report.due <= now).copied().collect();
        self.reports.retain(|report| report.due > now);
        for report in due {
            self.send_report(&report, sink);
        }
    }

    fn send_report<S: Sink>(&mut self, report: &ScheduledReport, sink: &mut S) {
        match report.version {
            1 => self.send_igmp(
                report,
                report.group,
                &igmp::message(IgmpType::ReportV1, 0, report.group),
                sink,
            ),
            2 => self.send_igmp(
                report,
                report.group,
                &igmp::message(IgmpType::ReportV2, 0, report.group),
                sink,
            ),
            _ => {
                let records = [(RecordType::ModeIsExclude, report.group)];
                self.send_igmp(report, ALL_V3_ROUTERS, &igmp::report_v3(&records), sink);
            }
        }
    }

    fn send_igmp<S: Sink>(&mut self, report: &ScheduledReport, to: Ipv4Addr, message: &[u8], sink: &mut S) {
        let Ok(way) = self.router.route_output_by(report.interface, to, Ipv4Addr::UNSPECIFIED) else {
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
        let _ = self.output_own(packet, sink);
    }
}

/// How long the answer to a query may wait. RFC 2236 §2.2, RFC 3376 §4.1.1.
fn longest_delay(message: &IgmpView<'_>, version: u8) -> Duration {
    let code = message.max_response_code();
    let tenths = match version {
        1 => 100,
        3 if code >= 128 => (u64::from(code & 0x0f) | 0x10) << ((code >> 4 & 7) + 3),
        _ => u64::from(code.max(1)),
    };
    Duration::from_millis(100 * tenths)
}
