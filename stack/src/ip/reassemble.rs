//! Reassembly at its three places: local delivery, router alert, hooks; and what its timer does. RFC 1122 §3.3.2.

use core::mem;
use core::time::Duration;

use alloc::boxed::Box;

use super::reassembly::{
    Expired, Fate, FragmentUser, Killed, OverlapPolicy, Reassembled as Whole, ReassemblyConfig, Unfit,
    tun_truesize,
};
use crate::config::{Config, RouteKind};
use crate::counters::Counter;
use crate::decision::Detail;
use crate::drop_reason::DropReason;
use crate::hook::{DefragmentZone, Hook};
use crate::interface::InterfaceId;
use crate::ip::options::OptionRecord;
use crate::ip::route::Route;
use crate::outcome::{Notice, Refusal};
use crate::packet::{Attachment, Packet, PacketLink, Reassembled};
use crate::sink::Sink;
use crate::stack::{Passage, Stack};
use crate::time::Instant;
use crate::wire::Ipv4View;

/// What is kept with a fragment besides its octets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FragmentContext {
    incoming: Option<InterfaceId>,
    link: PacketLink,
    route: Option<Route>,
    options: OptionRecord,
    conntrack: Attachment,
    zone: u16,
}

/// The knobs of reassembly that `config` sets.
pub(crate) fn reassembly_config(config: &Config) -> ReassemblyConfig {
    let sysctls = &config.sysctls;
    ReassemblyConfig {
        timeout: Duration::from_secs(u64::try_from(sysctls.ipfrag_time).unwrap_or(0)),
        high_threshold: usize::try_from(sysctls.ipfrag_high_thresh).unwrap_or(0),
        max_distance: u32::try_from(sysctls.ipfrag_max_dist).unwrap_or(0),
        overlap: if config.departures.fragment_overlap_is_merged {
            OverlapPolicy::KeepLast
        } else {
            OverlapPolicy::DiscardDatagram
        },
    }
}

impl Stack {
    /// Puts a datagram for this system together. RFC 1122 §3.3.2 (MUST).
    pub(crate) fn reassemble_for_delivery<S: Sink>(
        &mut self,
        packet: &mut Packet,
        sink: &mut S,
    ) -> Result<Passage, Refusal> {
        self.reassemble(packet, FragmentUser::LocalDelivery, sink)
    }

    /// The same for a datagram with a router alert.
    pub(crate) fn reassemble_for_router_alert<S: Sink>(
        &mut self,
        packet: &mut Packet,
        sink: &mut S,
    ) -> Result<Passage, Refusal> {
        self.reassemble(packet, FragmentUser::RouterAlert, sink)
    }

    /// The same for connection tracking, after which the datagram may be fragmented again whatever its DF says.
    pub(crate) fn reassemble_for_hook<S: Sink>(
        &mut self,
        packet: &mut Packet,
        hook: Hook,
        zone: DefragmentZone,
        sink: &mut S,
    ) -> Result<Passage, Refusal> {
        let user = match hook {
            Hook::LocalOut => FragmentUser::ConntrackOut(zone.0),
            _ => FragmentUser::ConntrackIn(zone.0),
        };
        let passage = match self.reassemble(packet, user, sink) {
            // Who sends a fragment that is refused here is not told, any more than of one that is held.
            Err(refusal) if hook == Hook::LocalOut => {
                self.count_drop(refusal.reason);
                self.log(sink, refusal.reason.name(), refusal.reason.clause(), || Detail::None);
                sink.discard(refusal.reason, &packet.octets);
                Passage::Ends
            }
            passage => passage?,
        };
        packet.ignore_df = passage == Passage::GoesOn;
        Ok(passage)
    }

    fn reassemble<S: Sink>(
        &mut self,
        packet: &mut Packet,
        user: FragmentUser,
        sink: &mut S,
    ) -> Result<Passage, Refusal> {
        self.counters.bump(Counter::IpReasmReqds);
        // A socket that makes its own headers may write any version into them.
        let Ok(fragment) = Ipv4View::of_any_version(&packet.octets) else {
            return Err(DropReason::TotalLengthBelowHeader.into());
        };
        let is_ragged = fragment.more_fragments() && !fragment.payload().len().is_multiple_of(8);
        if is_ragged && self.config.departures.ragged_fragment_is_dropped {
            self.counters.bump(Counter::IpReasmFails);
            return Err(DropReason::FragmentRagged.into());
        }
        let context = FragmentContext {
            incoming: packet.incoming,
            link: packet.link,
            route: packet.route,
            options: packet.options,
            conntrack: packet.conntrack,
            zone: packet.zone,
        };
        let truesize = tun_truesize(packet.octets.len());
        let addition = self.reassembly.add(self.now, user, &fragment, truesize, context);
        if let Some(dropped) = addition.too_far {
            self.counters.bump(Counter::IpReasmFails);
            (0..dropped).for_each(|_| sink.discard(DropReason::FragmentTooFar, &[]));
        }
        if addition.fate.is_failure() {
            self.counters.bump(Counter::IpReasmFails);
        }
        match addition.fate {
            Fate::Held => {
                self.log(sink, "fragment held", "RFC 791 §3.2", || Detail::None);
                Ok(Passage::Ends)
            }
            Fate::Duplicate => Err(DropReason::FragmentDuplicate.into()),
            Fate::Refused => Err(DropReason::ReassemblyMemoryFull.into()),
            Fate::Killed(reason) => Err(self.kill_reason(reason).into()),
            Fate::Unfit(Unfit::EcnMixture) => Err(DropReason::ReassemblyEcnContradicts.into()),
            Fate::Unfit(Unfit::Oversized) => Err(DropReason::ReassemblyOversized.into()),
            Fate::Complete(whole) => {
                self.counters.bump(Counter::IpReasmOKs);
                self.become_whole(packet, *whole);
                self.log(sink, "reassembled", "RFC 791 §3.2", || Detail::Number(packet.octets.len() as u32));
                Ok(Passage::GoesOn)
            }
        }
    }

    fn kill_reason(&mut self, reason: Killed) -> DropReason {
        match reason {
            Killed::EndBelowData => DropReason::FragmentEndsContradict,
            Killed::EndMoved => DropReason::FragmentLastMoved,
            Killed::BeyondEnd => DropReason::FragmentBeyondEnd,
            Killed::Empty => DropReason::FragmentEmpty,
            Killed::Overlap => {
                self.counters.bump(Counter::IpExtReasmOverlaps);
                DropReason::FragmentOverlaps
            }
        }
    }

    /// The packet that completed a datagram becomes it: all but the interface is that of the first fragment.
    fn become_whole(&mut self, packet: &mut Packet, whole: Whole<FragmentContext>) {
        let fragment = mem::replace(&mut packet.octets, whole.octets);
        self.recycle(fragment);
        // As it was received, it was a fragment; what an error is about from here on is the whole.
        packet.original = None;
        packet.incoming = whole.last.incoming;
        packet.link = whole.first.link;
        packet.route = whole.first.route;
        packet.options = whole.first.options;
        packet.conntrack = whole.first.conntrack;
        packet.zone = whole.first.zone;
        packet.reassembled = Some(Box::new(Reassembled {
            largest_fragment: whole.largest_fragment,
            largest_had_df: whole.largest_had_df,
            layout: whole.layout,
        }));
    }

    /// When the next datagram is given up.
    pub(crate) fn reassembly_timeout(&self) -> Option<Instant> {
        self.reassembly.next_timeout()
    }

    /// Gives up the datagrams whose time is over.
    pub(crate) fn expire_reassembly<S: Sink>(&mut self, sink: &mut S) {
        while let Some(expired) = self.reassembly.expire(self.now) {
            self.counters.bump(Counter::IpReasmFails);
            self.counters.bump(Counter::IpReasmTimeout);
            (0..expired.fragments).for_each(|_| sink.discard(DropReason::ReassemblyTimeout, &[]));
            self.tell_timeout(expired, sink);
        }
    }

    /// Tells the source, if the first fragment is there and its route still stands. RFC 792 "Time Exceeded Message".
    fn tell_timeout<S: Sink>(&mut self, expired: Expired<FragmentContext>, sink: &mut S) {
        let (Some((octets, first)), Some(last)) = (expired.first, expired.last) else { return };
        let mut packet = Packet {
            octets,
            incoming: last.incoming,
            link: first.link,
            options: first.options,
            conntrack: first.conntrack,
            ..Packet::default()
        };
        let Ok(route) = self.router.route_input(&self.input_query(&packet, packet.destination())) else {
            return;
        };
        let is_tracked =
            matches!(expired.key.user, FragmentUser::ConntrackIn(_) | FragmentUser::ConntrackOut(_));
        if is_tracked && route.kind != RouteKind::Local {
            return;
        }
        packet.route = Some(route);
        if let Err(rule) = self.send_error(&packet, Notice::REASSEMBLY_TIMEOUT, sink) {
            self.log(sink, rule.name(), rule.clause(), || Detail::Icmp { icmp_type: 11, code: 1 });
        }
    }
}
