//! MIB counters under the names of `/proc/net/snmp` and `/proc/net/netstat`.
//!
//! Named ICMP fields such as `Icmp.InEchos` are views of the per-type arrays in Linux, so only the arrays
//! (`IcmpMsg.InType8`, …) are kept here: 256 slots each way.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Every scalar counter, in the order of its slot. The per-type arrays follow after the last of them.
const SCALARS: &[&str] = &[
    "Ip.InReceives",
    "Ip.InHdrErrors",
    "Ip.InAddrErrors",
    "Ip.ForwDatagrams",
    "Ip.InUnknownProtos",
    "Ip.InDiscards",
    "Ip.InDelivers",
    "Ip.OutRequests",
    "Ip.OutDiscards",
    "Ip.OutNoRoutes",
    "Ip.ReasmTimeout",
    "Ip.ReasmReqds",
    "Ip.ReasmOKs",
    "Ip.ReasmFails",
    "Ip.FragOKs",
    "Ip.FragFails",
    "Ip.FragCreates",
    "Ip.OutTransmits",
    "Icmp.InMsgs",
    "Icmp.InErrors",
    "Icmp.InCsumErrors",
    "Icmp.OutMsgs",
    "Icmp.OutErrors",
    "Icmp.OutRateLimitGlobal",
    "Icmp.OutRateLimitHost",
    "Tcp.ActiveOpens",
    "Tcp.PassiveOpens",
    "Tcp.AttemptFails",
    "Tcp.EstabResets",
    "Tcp.InSegs",
    "Tcp.OutSegs",
    "Tcp.RetransSegs",
    "Tcp.InErrs",
    "Tcp.OutRsts",
    "Tcp.InCsumErrors",
    "Udp.InDatagrams",
    "Udp.NoPorts",
    "Udp.InErrors",
    "Udp.OutDatagrams",
    "Udp.RcvbufErrors",
    "Udp.SndbufErrors",
    "Udp.InCsumErrors",
    "Udp.IgnoredMulti",
    "Udp.MemErrors",
    "UdpLite.InDatagrams",
    "UdpLite.NoPorts",
    "UdpLite.InErrors",
    "UdpLite.OutDatagrams",
    "UdpLite.RcvbufErrors",
    "UdpLite.SndbufErrors",
    "UdpLite.InCsumErrors",
    "UdpLite.IgnoredMulti",
    "UdpLite.MemErrors",
    "IpExt.InNoRoutes",
    "IpExt.InTruncatedPkts",
    "IpExt.InMcastPkts",
    "IpExt.OutMcastPkts",
    "IpExt.InBcastPkts",
    "IpExt.OutBcastPkts",
    "IpExt.InOctets",
    "IpExt.OutOctets",
    "IpExt.InMcastOctets",
    "IpExt.OutMcastOctets",
    "IpExt.InBcastOctets",
    "IpExt.OutBcastOctets",
    "IpExt.InCsumErrors",
    "IpExt.InNoECTPkts",
    "IpExt.InECT1Pkts",
    "IpExt.InECT0Pkts",
    "IpExt.InCEPkts",
    "IpExt.ReasmOverlaps",
    "TcpExt.IPReversePathFilter",
    "TcpExt.OutOfWindowIcmps",
    "TcpExt.LockDroppedIcmps",
    "TcpExt.ListenDrops",
    "Conntrack.found",
    "Conntrack.invalid",
    "Conntrack.insert",
    "Conntrack.insert_failed",
    "Conntrack.drop",
    "Conntrack.early_drop",
    "Conntrack.icmp_error",
    "Conntrack.clash_resolve",
    "Conntrack.chain_toolong",
];

const IN_TYPE: usize = SCALARS.len();
const OUT_TYPE: usize = IN_TYPE + 256;
const COUNT: usize = OUT_TYPE + 256;

/// Slot numbers by name.
static BY_NAME: LazyLock<BTreeMap<String, CounterId>> = LazyLock::new(|| {
    (0..COUNT).map(|slot| (CounterId::from_slot(slot).name(), CounterId::from_slot(slot))).collect()
});

/// One MIB counter, such as `Ip.InReceives` or `IcmpMsg.OutType3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterId(u16);

impl CounterId {
    /// How many counters there are; slots run from 0 to `COUNT - 1`.
    pub const COUNT: usize = COUNT;

    /// The counter in `slot`.
    ///
    /// # Panics
    /// If `slot` is not below [`CounterId::COUNT`].
    pub fn from_slot(slot: usize) -> Self {
        assert!(slot < COUNT, "no counter in slot {slot}");
        Self(slot as u16)
    }

    /// The slot of the counter in a [`Counters`].
    pub const fn slot(self) -> usize {
        self.0 as usize
    }

    /// `IcmpMsg.InType<N>`: ICMP messages of type `icmp_type` received.
    pub const fn icmp_in_type(icmp_type: u8) -> Self {
        Self((IN_TYPE + icmp_type as usize) as u16)
    }

    /// `IcmpMsg.OutType<N>`: ICMP messages of type `icmp_type` sent.
    pub const fn icmp_out_type(icmp_type: u8) -> Self {
        Self((OUT_TYPE + icmp_type as usize) as u16)
    }

    /// The counter called `name` (`Ip.InReceives`, `IcmpMsg.InType8`, …).
    pub fn by_name(name: &str) -> Option<Self> {
        BY_NAME.get(name).copied()
    }

    /// The name, group and field as `/proc/net/snmp` and `/proc/net/netstat` spell them.
    pub fn name(self) -> String {
        match self.slot() {
            slot if slot < IN_TYPE => SCALARS[slot].to_owned(),
            slot if slot < OUT_TYPE => format!("IcmpMsg.InType{}", slot - IN_TYPE),
            slot => format!("IcmpMsg.OutType{}", slot - OUT_TYPE),
        }
    }
}

/// A value for every counter: totals since some start, or differences between two moments.
#[derive(PartialEq, Eq)]
pub struct Counters(Box<[i64; COUNT]>);

impl Default for Counters {
    fn default() -> Self {
        Self(Box::new([0; COUNT]))
    }
}

impl Clone for Counters {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }

    /// Into the place that is there: readings follow each other at every step.
    fn clone_from(&mut self, other: &Self) {
        self.0.copy_from_slice(&other.0[..]);
    }
}

impl std::fmt::Debug for Counters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter().map(|(id, value)| (id.name(), value))).finish()
    }
}

impl Counters {
    /// All zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of `id`.
    pub fn value(&self, id: CounterId) -> i64 {
        self.0[id.slot()]
    }

    /// Sets the value of `id`.
    pub fn set(&mut self, id: CounterId, value: i64) {
        self.0[id.slot()] = value;
    }

    /// Adds `amount` to `id`.
    pub fn add(&mut self, id: CounterId, amount: i64) {
        self.0[id.slot()] += amount;
    }

    /// All slots, in slot order.
    pub fn slots(&self) -> &[i64] {
        &self.0[..]
    }

    /// All slots, to be written directly, in slot order.
    pub fn slots_mut(&mut self) -> &mut [i64] {
        &mut self.0[..]
    }

    /// Sets everything to zero.
    pub fn clear(&mut self) {
        self.0.fill(0);
    }

    /// `self - earlier`, slot by slot.
    pub fn since(&self, earlier: &Self) -> Self {
        let mut difference = Self::new();
        difference.set_to_difference(self, earlier);
        difference
    }

    /// Becomes `later - earlier`, slot by slot.
    pub fn set_to_difference(&mut self, later: &Self, earlier: &Self) {
        let readings = later.0.iter().zip(earlier.0.iter());
        for (difference, (later, earlier)) in self.0.iter_mut().zip(readings) {
            *difference = later - earlier;
        }
    }

    /// The counters that are not zero, in slot order.
    pub fn iter(&self) -> impl Iterator<Item = (CounterId, i64)> + '_ {
        self.0
            .iter()
            .enumerate()
            .filter(|(_, value)| **value != 0)
            .map(|(slot, value)| (CounterId::from_slot(slot), *value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_slot() {
        for slot in 0..CounterId::COUNT {
            let id = CounterId::from_slot(slot);
            assert_eq!(CounterId::by_name(&id.name()), Some(id));
        }
    }

    #[test]
    fn difference_keeps_only_what_moved() {
        let mut before = Counters::new();
        before.add(CounterId::icmp_in_type(8), 3);
        let mut after = before.clone();
        after.add(CounterId::icmp_in_type(8), 2);
        let moved: Vec<_> = after.since(&before).iter().map(|(id, n)| (id.name(), n)).collect();
        assert_eq!(moved, [("IcmpMsg.InType8".to_owned(), 2)]);
    }
}
