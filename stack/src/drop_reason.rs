//! Every reason to discard a datagram: one variant per clause, so that the name is the diagnosis.

use core::fmt;

macro_rules! drop_reasons {
    ($($variant:ident, $linux:expr, $clause:literal, $text:literal;)*) => {
        /// Why a datagram was discarded.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum DropReason {
            $(#[doc = concat!($text, ". ", $clause, ".")] $variant,)*
        }

        impl DropReason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The variant's name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)* }
            }

            /// The reason that the tracepoint `skb:kfree_skb` of Linux 6.18 prints; `None` where the kernel frees
            /// the packet without that event.
            pub const fn linux_name(self) -> Option<&'static str> {
                match self { $(Self::$variant => $linux,)* }
            }

            /// The clause that asks for it, or that it comes closest to.
            pub const fn clause(self) -> &'static str {
                match self { $(Self::$variant => $clause,)* }
            }

            /// What was wrong, in one line.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

impl DropReason {
    /// Whether source or destination is impossible where the datagram came in. RFC 1812 §5.3.7.
    pub const fn is_martian(self) -> bool {
        matches!(
            self,
            Self::SourceIsMulticast
                | Self::SourceIsLimitedBroadcast
                | Self::SourceIsZero
                | Self::SourceIsZeroToMulticast
                | Self::SourceIsBroadcast
                | Self::SourceIsReserved
                | Self::SourceIsThisNetwork
                | Self::SourceIsLoopback
                | Self::SourceIsOwn
                | Self::DestinationIsZero
                | Self::DestinationIsLoopback
                | Self::DestinationIsThisNetwork
                | Self::DestinationIsReserved
        )
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

const NOT_SPECIFIED: Option<&str> = Some("NOT_SPECIFIED");
const IP_INHDR: Option<&str> = Some("IP_INHDR");
const IP_INVALID_SOURCE: Option<&str> = Some("IP_INVALID_SOURCE");
const IP_INVALID_DEST: Option<&str> = Some("IP_INVALID_DEST");
const IP_LOCALNET: Option<&str> = Some("IP_LOCALNET");
const IP_LOCAL_SOURCE: Option<&str> = Some("IP_LOCAL_SOURCE");
const PKT_TOO_SMALL: Option<&str> = Some("PKT_TOO_SMALL");
const PKT_TOO_BIG: Option<&str> = Some("PKT_TOO_BIG");
const NO_SOCKET: Option<&str> = Some("NO_SOCKET");
const INVALID_PROTO: Option<&str> = Some("INVALID_PROTO");
const UDP_CSUM: Option<&str> = Some("UDP_CSUM");
/// Freed as consumed or together with its queue: no event.
const NO_EVENT: Option<&str> = None;

drop_reasons! {
    // Receive validation.
    OtherHost, Some("OTHERHOST"), "RFC 1122 §2.5", "the frame is addressed to another station";
    HeaderTruncated, IP_INHDR, "RFC 791 §3.1", "fewer than 20 octets";
    WrongVersion, IP_INHDR, "RFC 1122 §3.2.1.1", "the version is not 4";
    HeaderLengthBelowMinimum, IP_INHDR, "RFC 791 §3.1", "the header length is below 5 words";
    HeaderBeyondDatagram, IP_INHDR, "RFC 791 §3.1", "the header is longer than what was received";
    HeaderChecksumWrong, Some("IP_CSUM"), "RFC 1122 §3.2.1.2", "the header checksum is wrong";
    DatagramTruncated, PKT_TOO_SMALL, "RFC 1812 §5.2.2", "the total length exceeds what was received";
    TotalLengthBelowHeader, IP_INHDR, "RFC 1812 §5.2.2", "the total length is below the header length";
    UnicastInLinkMulticast, Some("UNICAST_IN_L2_MULTICAST"), "RFC 1122 §3.3.6", "a unicast datagram came in a link-layer broadcast or multicast";
    // Addresses.
    MulticastNotJoined, NOT_SPECIFIED, "RFC 1122 §3.2.1.3", "the interface has not joined the multicast group";
    SourceIsMulticast, IP_INVALID_SOURCE, "RFC 1122 §3.2.1.3", "the source is a multicast address";
    SourceIsLimitedBroadcast, IP_INVALID_SOURCE, "RFC 1122 §3.2.1.3", "the source is 255.255.255.255";
    SourceIsZero, IP_INVALID_SOURCE, "RFC 1122 §3.2.1.3", "the source is 0.0.0.0";
    SourceIsZeroToMulticast, IP_INVALID_SOURCE, "RFC 1122 §3.2.1.3", "the source is 0.0.0.0 and the group is not link-local";
    SourceIsBroadcast, IP_INVALID_SOURCE, "RFC 1812 §5.3.7", "the source is a broadcast address";
    SourceIsReserved, IP_INVALID_SOURCE, "RFC 1812 §5.3.7", "the source lies in 240.0.0.0/4";
    SourceIsThisNetwork, IP_INVALID_SOURCE, "RFC 1122 §3.2.1.3", "the source lies in 0.0.0.0/8";
    SourceIsLoopback, IP_LOCALNET, "RFC 1122 §3.2.1.3", "the source lies in 127.0.0.0/8";
    SourceIsOwn, IP_LOCAL_SOURCE, "RFC 1812 §5.3.8", "the source is an address of this system";
    SourceFailsReversePath, Some("IP_RPFILTER"), "RFC 1812 §5.3.8", "the source is not reachable by the interface it came in on";
    DestinationIsZero, IP_INVALID_DEST, "RFC 1122 §3.2.1.3", "the destination is 0.0.0.0";
    DestinationIsLoopback, IP_LOCALNET, "RFC 1122 §3.2.1.3", "the destination lies in 127.0.0.0/8";
    DestinationIsThisNetwork, IP_INVALID_DEST, "RFC 1122 §3.2.1.3", "the destination lies in 0.0.0.0/8";
    DestinationIsReserved, IP_INVALID_DEST, "RFC 1812 §5.3.7", "the destination lies in 240.0.0.0/4";
    DestinationIsZeroForm, IP_INVALID_DEST, "RFC 1812 §4.2.3.1", "all host bits of the destination are zero";
    DestinationIsDirectedBroadcast, IP_INVALID_DEST, "RFC 2644 §3", "a router does not take directed broadcasts";
    LinkLocalForwarded, IP_INVALID_DEST, "RFC 3927 §7", "source or destination lies in 169.254.0.0/16 and would be forwarded";
    DestinationRouteNotUnicast, IP_INVALID_DEST, "RFC 1812 §5.2.1", "the route to the destination is of no kind that forwards";
    // Error routes.
    NotForUs, Some("IP_INADDRERRORS"), "RFC 1122 §3.2.1.3", "the destination is not ours and this system does not forward";
    NoRoute, Some("IP_INNOROUTES"), "RFC 1812 §5.2.7.1", "no route to the destination";
    RouteUnreachable, NOT_SPECIFIED, "RFC 1812 §5.2.7.1", "the route says unreachable";
    RouteProhibited, NOT_SPECIFIED, "RFC 1812 §5.2.7.1", "the route says prohibited";
    RouteBlackhole, NOT_SPECIFIED, "RFC 1812 §5.2.7.1", "the route says discard";
    // Options.
    OptionMalformed, IP_INHDR, "RFC 1122 §3.2.1.8", "an option is malformed";
    SourceRouteRefused, NOT_SPECIFIED, "RFC 7126 §4.3", "source routes are not accepted";
    SourceRouteInLinkMulticast, NOT_SPECIFIED, "RFC 1122 §3.3.6", "a source-routed datagram came in a link-layer broadcast or multicast";
    SourceRouteStrictTransit, NOT_SPECIFIED, "RFC 791 §3.1", "a strict source route reached a system it does not name";
    SourceRouteToBroadcast, NOT_SPECIFIED, "RFC 1812 §5.3.13.4", "a source-routed datagram is addressed to neither a host nor us";
    SourceRouteSlotTruncated, NOT_SPECIFIED, "RFC 791 §3.1", "the pointer of a source route leaves no room for an address";
    SourceRouteHopUnusable, NOT_SPECIFIED, "RFC 1812 §5.3.13.4", "the next hop of a source route cannot be reached";
    SourceRouteGatewayInStrict, NOT_SPECIFIED, "RFC 792 \"Destination Unreachable Message\"", "a strict source route would need a gateway";
    // Reassembly.
    ReassemblyMemoryFull, NOT_SPECIFIED, "RFC 791 §3.2", "the memory for reassembly is used up";
    FragmentDuplicate, Some("DUP_FRAG"), "RFC 791 §3.2", "all of the fragment is there already";
    FragmentOverlaps, NOT_SPECIFIED, "RFC 5722 §4", "the fragment overlaps another; its datagram is given up";
    FragmentRagged, NOT_SPECIFIED, "RFC 6274 §3.7", "more is to come and the length is no multiple of 8";
    FragmentEmpty, NOT_SPECIFIED, "RFC 791 §3.2", "the fragment carries nothing; its datagram is given up";
    FragmentEndsContradict, NOT_SPECIFIED, "RFC 791 §3.2", "the last fragment ends before data already held; its datagram is given up";
    FragmentLastMoved, NOT_SPECIFIED, "RFC 791 §3.2", "two last fragments end in different places; their datagram is given up";
    FragmentBeyondEnd, NOT_SPECIFIED, "RFC 791 §3.2", "the fragment ends after the last one; its datagram is given up";
    FragmentTooFar, Some("FRAG_TOO_FAR"), "RFC 6864 §5.3", "too many fragments of other datagrams came between";
    ReassemblyEcnContradicts, NO_EVENT, "RFC 3168 §5.3", "fragments disagree on ECN capability";
    ReassemblyOversized, NO_EVENT, "RFC 791 §3.2", "the reassembled datagram exceeds 65535 octets";
    ReassemblyTimeout, Some("FRAG_REASM_TIMEOUT"), "RFC 1122 §3.3.2", "the datagram was not complete in time";
    // Local delivery.
    ProtocolUnknown, Some("IP_NOPROTO"), "RFC 1122 §3.2.2.1", "no handler and no raw socket for the protocol";
    UdpHeaderTruncated, NOT_SPECIFIED, "RFC 768 \"Fields\"", "fewer than 8 octets of UDP";
    UdpLengthBeyondDatagram, PKT_TOO_SMALL, "RFC 768 \"Fields\"", "the UDP length exceeds the datagram";
    UdpLengthBelowHeader, PKT_TOO_SMALL, "RFC 768 \"Fields\"", "the UDP length is below 8";
    UdpChecksumWrong, UDP_CSUM, "RFC 1122 §4.1.3.4", "the UDP checksum is wrong";
    UdpLiteCoverageInvalid, UDP_CSUM, "RFC 3828 §3.1", "the checksum covers less than the UDP-Lite header";
    UdpLiteCoverageBeyondDatagram, PKT_TOO_SMALL, "RFC 3828 §3.1", "the checksum coverage is beyond the UDP-Lite datagram";
    UdpLiteChecksumZero, UDP_CSUM, "RFC 3828 §3.1", "the UDP-Lite checksum is zero";
    UdpNoSocket, NO_SOCKET, "RFC 1122 §4.1.3.1", "no socket has the UDP port";
    UdpNoMulticastSocket, NOT_SPECIFIED, "RFC 1122 §3.2.2", "no socket wants the broadcast or multicast datagram";
    TcpInLinkMulticast, NOT_SPECIFIED, "RFC 1122 §4.2.3.10", "a TCP segment came in a link-layer broadcast or multicast";
    TcpHeaderTruncated, NOT_SPECIFIED, "RFC 9293 §3.1", "fewer than 20 octets of TCP";
    TcpHeaderLengthInvalid, PKT_TOO_SMALL, "RFC 9293 §3.1", "the TCP data offset is below 5";
    TcpHeaderBeyondSegment, NOT_SPECIFIED, "RFC 9293 §3.1", "the TCP header is longer than the segment";
    TcpChecksumWrong, Some("TCP_CSUM"), "RFC 9293 §3.1", "the TCP checksum is wrong";
    TcpNoSocket, NO_SOCKET, "RFC 9293 §3.10.7.1", "no socket for the TCP segment";
    TcpBacklogFull, NOT_SPECIFIED, "RFC 9293 §3.10.7.2", "too many connections wait at the listening socket";
    TcpUnexpectedSegment, NOT_SPECIFIED, "RFC 9293 §3.10.7", "the TCP endpoint does not accept the segment";
    IgmpTruncated, NOT_SPECIFIED, "RFC 2236 §2.5", "the IGMP message is too short";
    IgmpChecksumWrong, NOT_SPECIFIED, "RFC 2236 §2.3", "the IGMP checksum is wrong";
    IgmpUnhandled, NOT_SPECIFIED, "RFC 2236 §2.1", "an IGMP message that needs no action";
    PimUnhandled, NOT_SPECIFIED, "RFC 7761 §4.9", "a PIM message that needs no action";
    // ICMP input.
    IcmpChecksumWrong, Some("ICMP_CSUM"), "RFC 792 \"Message Formats\"", "the ICMP checksum is wrong";
    IcmpHeaderTruncated, NOT_SPECIFIED, "RFC 792 \"Message Formats\"", "fewer than 8 octets of ICMP";
    IcmpBroadcastIgnored, INVALID_PROTO, "RFC 1122 §3.2.2.6", "an echo or timestamp request to a broadcast or multicast address is ignored";
    IcmpBroadcastInvalid, INVALID_PROTO, "RFC 1122 §3.2.2", "this ICMP type is not accepted by broadcast or multicast";
    IcmpUnknownType, Some("UNHANDLED_PROTO"), "RFC 1122 §3.2.2", "the ICMP type is unknown";
    IcmpNoSocket, NO_SOCKET, "RFC 1122 §3.2.2.6", "no socket waits for the echo reply";
    IcmpTimestampTruncated, PKT_TOO_SMALL, "RFC 792 \"Timestamp or Timestamp Reply Message\"", "the timestamp request has no originate timestamp";
    IcmpErrorQuoteTruncated, NOT_SPECIFIED, "RFC 792 \"Message Formats\"", "the ICMP error quotes less than an IP header";
    IcmpErrorQuoteHeaderInvalid, IP_INHDR, "RFC 792 \"Message Formats\"", "the quoted header length is below 5 words";
    RedirectQuoteTruncated, PKT_TOO_SMALL, "RFC 792 \"Redirect Message\"", "the redirect quotes less than an IP header";
    // Forwarding.
    ForwardInLinkMulticast, NOT_SPECIFIED, "RFC 1812 §5.3.4", "a datagram to forward came in a link-layer broadcast or multicast";
    TtlExceeded, IP_INHDR, "RFC 1812 §5.3.1", "the TTL does not let it go on";
    FragmentationNeeded, PKT_TOO_BIG, "RFC 1812 §4.3.3.4", "too big for the link and DF is set";
    // Output.
    OutputFragmentationNeeded, NOT_SPECIFIED, "RFC 1191 §4", "a datagram of ours is too big for the path and DF is set";
    OutputHeaderInvalid, NOT_SPECIFIED, "RFC 791 §3.1", "the header length that a socket wrote does not fit";
    OutputNoRoute, Some("NETFILTER_DROP"), "RFC 1122 §3.3.1.1", "a rewritten datagram of ours has no route";
    MulticastStaysHere, NOT_SPECIFIED, "RFC 1112 §6.1", "a multicast with TTL 0 does not leave this system";
    InterfaceDown, NOT_SPECIFIED, "RFC 1122 §2.4", "the interface is down";
    BacklogFull, Some("CPU_BACKLOG"), "RFC 1122 §3.2.1.3", "too many datagrams wait to be looped back";
    // Packet filter, connection tracking, NAT.
    FilterDropped, Some("NETFILTER_DROP"), "RFC 2979 §1", "a filter rule drops it";
    ConntrackTableFull, Some("NETFILTER_DROP"), "RFC 6888 §3", "the connection tracking table is full";
    ConntrackClash, Some("NETFILTER_DROP"), "RFC 4787 §4.1", "another connection took the tuple first";
    SourceQuenchFiltered, Some("NETFILTER_DROP"), "RFC 6633 §8", "a source quench";
    QuoteChecksumWrong, Some("NETFILTER_DROP"), "RFC 5508 §4.1", "the ICMP error quotes a header with a wrong checksum";
    ErrorWithoutMapping, Some("NETFILTER_DROP"), "RFC 5508 §4.2.2", "the ICMP error is about nothing that is translated";
    NatUntranslatable, Some("NETFILTER_DROP"), "RFC 5508 §4", "the translator cannot rewrite it";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_every_clause_is_given() {
        let names: BTreeSet<_> = DropReason::ALL.iter().map(|reason| reason.name()).collect();
        assert_eq!(names.len(), DropReason::ALL.len());
        assert!(DropReason::ALL.iter().all(|reason| reason.clause().starts_with("RFC ")));
    }
}
