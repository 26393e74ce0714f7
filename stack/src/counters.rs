//! MIB counters under the names of `/proc/net/snmp` and `/proc/net/netstat`: one flat array.
//!
//! Named ICMP fields such as `Icmp.InEchos` are views of the per-type arrays in Linux, so only the arrays are kept.

use core::fmt;

use crate::drop_reason::DropReason;

macro_rules! counters {
    ($($variant:ident = $name:literal,)*) => {
        /// A scalar MIB counter.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum Counter {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl Counter {
            /// Every scalar counter, in the order of its slot.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Group and field as the kernel spells them: `Ip.InReceives`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

counters! {
    IpInReceives = "Ip.InReceives",
    IpInHdrErrors = "Ip.InHdrErrors",
    IpInAddrErrors = "Ip.InAddrErrors",
    IpForwDatagrams = "Ip.ForwDatagrams",
    IpInUnknownProtos = "Ip.InUnknownProtos",
    IpInDiscards = "Ip.InDiscards",
    IpInDelivers = "Ip.InDelivers",
    IpOutRequests = "Ip.OutRequests",
    IpOutDiscards = "Ip.OutDiscards",
    IpOutNoRoutes = "Ip.OutNoRoutes",
    IpReasmTimeout = "Ip.ReasmTimeout",
    IpReasmReqds = "Ip.ReasmReqds",
    IpReasmOKs = "Ip.ReasmOKs",
    IpReasmFails = "Ip.ReasmFails",
    IpFragOKs = "Ip.FragOKs",
    IpFragFails = "Ip.FragFails",
    IpFragCreates = "Ip.FragCreates",
    IpOutTransmits = "Ip.OutTransmits",
    IcmpInMsgs = "Icmp.InMsgs",
    IcmpInErrors = "Icmp.InErrors",
    IcmpInCsumErrors = "Icmp.InCsumErrors",
    IcmpOutMsgs = "Icmp.OutMsgs",
    IcmpOutErrors = "Icmp.OutErrors",
    IcmpOutRateLimitGlobal = "Icmp.OutRateLimitGlobal",
    IcmpOutRateLimitHost = "Icmp.OutRateLimitHost",
    TcpActiveOpens = "Tcp.ActiveOpens",
    TcpPassiveOpens = "Tcp.PassiveOpens",
    TcpAttemptFails = "Tcp.AttemptFails",
    TcpEstabResets = "Tcp.EstabResets",
    TcpInSegs = "Tcp.InSegs",
    TcpOutSegs = "Tcp.OutSegs",
    TcpRetransSegs = "Tcp.RetransSegs",
    TcpInErrs = "Tcp.InErrs",
    TcpOutRsts = "Tcp.OutRsts",
    TcpInCsumErrors = "Tcp.InCsumErrors",
    UdpInDatagrams = "Udp.InDatagrams",
    UdpNoPorts = "Udp.NoPorts",
    UdpInErrors = "Udp.InErrors",
    UdpOutDatagrams = "Udp.OutDatagrams",
    UdpRcvbufErrors = "Udp.RcvbufErrors",
    UdpSndbufErrors = "Udp.SndbufErrors",
    UdpInCsumErrors = "Udp.InCsumErrors",
    UdpIgnoredMulti = "Udp.IgnoredMulti",
    UdpMemErrors = "Udp.MemErrors",
    UdpLiteInDatagrams = "UdpLite.InDatagrams",
    UdpLiteNoPorts = "UdpLite.NoPorts",
    UdpLiteInErrors = "UdpLite.InErrors",
    UdpLiteOutDatagrams = "UdpLite.OutDatagrams",
    UdpLiteRcvbufErrors = "UdpLite.RcvbufErrors",
    UdpLiteSndbufErrors = "UdpLite.SndbufErrors",
    UdpLiteInCsumErrors = "UdpLite.InCsumErrors",
    UdpLiteIgnoredMulti = "UdpLite.IgnoredMulti",
    UdpLiteMemErrors = "UdpLite.MemErrors",
    IpExtInNoRoutes = "IpExt.InNoRoutes",
    IpExtInTruncatedPkts = "IpExt.InTruncatedPkts",
    IpExtInMcastPkts = "IpExt.InMcastPkts",
    IpExtOutMcastPkts = "IpExt.OutMcastPkts",
    IpExtInBcastPkts = "IpExt.InBcastPkts",
    IpExtOutBcastPkts = "IpExt.OutBcastPkts",
    IpExtInOctets = "IpExt.InOctets",
    IpExtOutOctets = "IpExt.OutOctets",
    IpExtInMcastOctets = "IpExt.InMcastOctets",
    IpExtOutMcastOctets = "IpExt.OutMcastOctets",
    IpExtInBcastOctets = "IpExt.InBcastOctets",
    IpExtOutBcastOctets = "IpExt.OutBcastOctets",
    IpExtInCsumErrors = "IpExt.InCsumErrors",
    IpExtInNoECTPkts = "IpExt.InNoECTPkts",
    IpExtInECT1Pkts = "IpExt.InECT1Pkts",
    IpExtInECT0Pkts = "IpExt.InECT0Pkts",
    IpExtInCEPkts = "IpExt.InCEPkts",
    IpExtReasmOverlaps = "IpExt.ReasmOverlaps",
    TcpExtIPReversePathFilter = "TcpExt.IPReversePathFilter",
    TcpExtOutOfWindowIcmps = "TcpExt.OutOfWindowIcmps",
    TcpExtLockDroppedIcmps = "TcpExt.LockDroppedIcmps",
    TcpExtListenDrops = "TcpExt.ListenDrops",
    ConntrackFound = "Conntrack.found",
    ConntrackInvalid = "Conntrack.invalid",
    ConntrackInsert = "Conntrack.insert",
    ConntrackInsertFailed = "Conntrack.insert_failed",
    ConntrackDrop = "Conntrack.drop",
    ConntrackEarlyDrop = "Conntrack.early_drop",
    ConntrackIcmpError = "Conntrack.icmp_error",
    ConntrackClashResolve = "Conntrack.clash_resolve",
    ConntrackChainToolong = "Conntrack.chain_toolong",
}

const SCALARS: usize = Counter::ALL.len();
const IN_TYPE: usize = SCALARS;
const OUT_TYPE: usize = IN_TYPE + 256;

/// All counters. The slots are the scalars in the order of [`Counter::ALL`], then `IcmpMsg.InType0` to `InType255`,
/// then `IcmpMsg.OutType0` to `OutType255`.
#[derive(Clone, PartialEq, Eq)]
pub struct Counters([u64; Self::COUNT]);

impl Default for Counters {
    fn default() -> Self {
        Self([0; Self::COUNT])
    }
}

impl Counters {
    /// How many slots there are.
    pub const COUNT: usize = OUT_TYPE + 256;

    /// The value of `counter`.
    pub fn value(&self, counter: Counter) -> u64 {
        self.0[counter as usize]
    }

    /// `IcmpMsg.InType<icmp_type>`.
    pub fn icmp_in_type(&self, icmp_type: u8) -> u64 {
        self.0[IN_TYPE + usize::from(icmp_type)]
    }

    /// `IcmpMsg.OutType<icmp_type>`.
    pub fn icmp_out_type(&self, icmp_type: u8) -> u64 {
        self.0[OUT_TYPE + usize::from(icmp_type)]
    }

    /// Adds one.
    pub fn bump(&mut self, counter: Counter) {
        self.add(counter, 1);
    }

    /// Adds `amount`; wraps as the kernel's counters do.
    pub fn add(&mut self, counter: Counter, amount: u64) {
        let slot = &mut self.0[counter as usize];
        *slot = slot.wrapping_add(amount);
    }

    /// Adds one to `IcmpMsg.InType<icmp_type>`.
    pub fn bump_icmp_in(&mut self, icmp_type: u8) {
        let slot = &mut self.0[IN_TYPE + usize::from(icmp_type)];
        *slot = slot.wrapping_add(1);
    }

    /// Adds one to `IcmpMsg.OutType<icmp_type>`.
    pub fn bump_icmp_out(&mut self, icmp_type: u8) {
        let slot = &mut self.0[OUT_TYPE + usize::from(icmp_type)];
        *slot = slot.wrapping_add(1);
    }

    /// All slots, in slot order.
    pub fn slots(&self) -> &[u64] {
        &self.0
    }

    /// Name and value of every counter that is not zero, in slot order.
    pub fn nonzero(&self) -> impl Iterator<Item = (CounterName, u64)> + '_ {
        self.0
            .iter()
            .enumerate()
            .filter(|(_, value)| **value != 0)
            .map(|(slot, value)| (CounterName::of_slot(slot), *value))
    }
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.nonzero()).finish()
    }
}

/// The counters that a datagram discarded for `reason` moves. Those that depend on more than the reason (the
/// transport protocol, the state of a reassembly queue) are moved where that is known.
pub(crate) const fn of_drop(reason: DropReason) -> &'static [Counter] {
    match reason {
        DropReason::HeaderTruncated
        | DropReason::WrongVersion
        | DropReason::HeaderLengthBelowMinimum
        | DropReason::HeaderBeyondDatagram
        | DropReason::TotalLengthBelowHeader
        | DropReason::OptionMalformed
        | DropReason::TtlExceeded => &[Counter::IpInHdrErrors],
        DropReason::HeaderChecksumWrong => &[Counter::IpInHdrErrors, Counter::IpExtInCsumErrors],
        DropReason::DatagramTruncated => &[Counter::IpExtInTruncatedPkts],
        DropReason::SourceFailsReversePath => &[Counter::TcpExtIPReversePathFilter],
        DropReason::NotForUs => &[Counter::IpInAddrErrors],
        DropReason::NoRoute => &[Counter::IpExtInNoRoutes],
        DropReason::ProtocolUnknown => &[Counter::IpInUnknownProtos],
        DropReason::TcpHeaderLengthInvalid => &[Counter::TcpInErrs],
        DropReason::TcpChecksumWrong => &[Counter::TcpInCsumErrors, Counter::TcpInErrs],
        DropReason::IcmpChecksumWrong => &[Counter::IcmpInCsumErrors, Counter::IcmpInErrors],
        DropReason::IcmpHeaderTruncated
        | DropReason::IcmpBroadcastIgnored
        | DropReason::IcmpBroadcastInvalid
        | DropReason::IcmpUnknownType
        | DropReason::IcmpTimestampTruncated
        | DropReason::IcmpErrorQuoteTruncated
        | DropReason::IcmpErrorQuoteHeaderInvalid
        | DropReason::RedirectQuoteTruncated => &[Counter::IcmpInErrors],
        DropReason::FragmentationNeeded | DropReason::OutputFragmentationNeeded => &[Counter::IpFragFails],
        _ => &[],
    }
}

/// The name of a slot of [`Counters`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CounterName {
    /// A scalar.
    Scalar(Counter),
    /// `IcmpMsg.InType<N>`.
    IcmpInType(u8),
    /// `IcmpMsg.OutType<N>`.
    IcmpOutType(u8),
}

impl CounterName {
    fn of_slot(slot: usize) -> Self {
        match Counter::ALL.get(slot) {
            Some(counter) => Self::Scalar(*counter),
            None if slot < OUT_TYPE => Self::IcmpInType((slot - IN_TYPE) as u8),
            None => Self::IcmpOutType((slot - OUT_TYPE) as u8),
        }
    }
}

impl fmt::Display for CounterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(counter) => f.write_str(counter.name()),
            Self::IcmpInType(icmp_type) => write!(f, "IcmpMsg.InType{icmp_type}"),
            Self::IcmpOutType(icmp_type) => write!(f, "IcmpMsg.OutType{icmp_type}"),
        }
    }
}

impl fmt::Debug for CounterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::vec::Vec;

    use super::*;

    #[test]
    fn scalars_stand_in_the_order_of_their_slots() {
        for (slot, counter) in Counter::ALL.iter().enumerate() {
            assert_eq!(*counter as usize, slot);
        }
    }

    #[test]
    fn nonzero_names_what_was_bumped() {
        let mut counters = Counters::default();
        counters.bump(Counter::IpInReceives);
        counters.bump_icmp_in(8);
        counters.bump_icmp_out(255);
        let seen: Vec<_> = counters.nonzero().map(|(name, value)| format!("{name}+{value}")).collect();
        assert_eq!(seen, ["Ip.InReceives+1", "IcmpMsg.InType8+1", "IcmpMsg.OutType255+1"]);
    }
}
