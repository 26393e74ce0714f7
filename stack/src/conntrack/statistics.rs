//! What connection tracking counts, under the names of `/proc/net/stat/nf_conntrack`.

/// Counters of connection tracking and NAT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Tuples that NAT considered and found in use.
    pub found: u64,
    /// Packets judged invalid, other than refused ICMP.
    pub invalid: u64,
    /// Entries inserted by hand. The stack never does it.
    pub insert: u64,
    /// Entries that could not be inserted.
    pub insert_failed: u64,
    /// Packets dropped: the table was full, or a clash could not be resolved.
    pub drop: u64,
    /// Entries evicted to make room.
    pub early_drop: u64,
    /// ICMP messages refused.
    pub icmp_error: u64,
    /// Clashes resolved when an entry was confirmed.
    pub clash_resolve: u64,
    /// Insertions refused for a long hash chain. The keyed index has none.
    pub chain_toolong: u64,
}

impl Statistics {
    /// Every counter with its name below `Conntrack.`, in a fixed order.
    pub const fn named(&self) -> [(&'static str, u64); 9] {
        [
            ("found", self.found),
            ("invalid", self.invalid),
            ("insert", self.insert),
            ("insert_failed", self.insert_failed),
            ("drop", self.drop),
            ("early_drop", self.early_drop),
            ("icmp_error", self.icmp_error),
            ("clash_resolve", self.clash_resolve),
            ("chain_toolong", self.chain_toolong),
        ]
    }
}
