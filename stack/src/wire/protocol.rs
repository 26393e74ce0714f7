//! Protocol numbers of the IPv4 header.

open_enum! {
    /// What an IPv4 datagram carries. RFC 791 §3.1 "Protocol".
    Protocol {
        /// Internet Control Message Protocol.
        Icmp = 1,
        /// Internet Group Management Protocol.
        Igmp = 2,
        /// IPv4 in IPv4.
        IpIp = 4,
        /// Transmission Control Protocol.
        Tcp = 6,
        /// User Datagram Protocol.
        Udp = 17,
        /// Datagram Congestion Control Protocol.
        Dccp = 33,
        /// IPv6 in IPv4.
        Ipv6 = 41,
        /// Generic Routing Encapsulation.
        Gre = 47,
        /// Encapsulating Security Payload.
        Esp = 50,
        /// Authentication Header.
        Ah = 51,
        /// Protocol Independent Multicast.
        Pim = 103,
        /// Stream Control Transmission Protocol.
        Sctp = 132,
        /// Lightweight User Datagram Protocol.
        UdpLite = 136,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_survives_the_round_trip() {
        for number in 0..=255u8 {
            assert_eq!(u8::from(Protocol::from(number)), number);
        }
    }
}
