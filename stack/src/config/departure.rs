//! Where Linux departs from the RFCs: one named knob each, in one table.

use core::fmt;

/// Which of the two to follow where they differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Linux 6.18.
    #[default]
    Linux,
    /// The RFCs.
    Rfc,
}

impl Profile {
    /// The knobs of the profile.
    pub const fn departures(self) -> Departures {
        match self {
            Self::Linux => Departures::LINUX,
            Self::Rfc => Departures::RFC,
        }
    }

    /// The name used on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Linux => "linux",
            Self::Rfc => "rfc",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One row of the table: a knob, its clause, and what either side does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Departure {
    /// Name of the field in [`Departures`].
    pub name: &'static str,
    /// The clause that Linux departs from.
    pub clause: &'static str,
    /// What the stack does when the knob is on.
    pub rfc: &'static str,
    /// What it does when the knob is off.
    pub linux: &'static str,
}

macro_rules! departures {
    ($($field:ident, $clause:literal, $rfc:literal, $linux:literal;)*) => {
        /// One knob for each departure of Linux from the RFCs: on follows the clause, off follows Linux.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Departures {
            $(#[doc = concat!($clause, ": ", $rfc, ". Linux: ", $linux, ".")] pub $field: bool,)*
        }

        /// The table of departures, in the order of the fields.
        pub const DEPARTURES: &[Departure] =
            &[$(Departure { name: stringify!($field), clause: $clause, rfc: $rfc, linux: $linux },)*];

        impl Departures {
            /// Follow Linux everywhere.
            pub const LINUX: Self = Self { $($field: false,)* };
            /// Follow the RFCs everywhere.
            pub const RFC: Self = Self { $($field: true,)* };

            /// The knob called `name`.
            pub fn knob(&mut self, name: &str) -> Option<&mut bool> {
                match name {
                    $(stringify!($field) => Some(&mut self.$field),)*
                    _ => None,
                }
            }
        }
    };
}

departures! {
    broadcast_source_is_invalid, "RFC 1122 §3.2.1.3",
        "a datagram whose source is a broadcast address is discarded",
        "it is accepted while the reverse path filter is off, and answered";
    no_error_to_broadcast, "RFC 1122 §3.2.2",
        "no ICMP error goes to a source that does not name a single host",
        "errors go to broadcast sources, as broadcasts";
    reserved_source_is_invalid, "RFC 1812 §5.3.7",
        "sources in 240.0.0.0/4 are discarded",
        "240.0.0.0/4 is ordinary unicast";
    this_network_source_is_invalid, "RFC 1122 §3.2.1.3",
        "sources in 0.0.0.0/8 are discarded",
        "only 0.0.0.0 itself is special";
    unicast_in_link_multicast_is_dropped, "RFC 1122 §3.3.6",
        "unicast in a link-layer broadcast or multicast is discarded",
        "it is delivered unless drop_unicast_in_l2_multicast is set";
    martian_sources_are_counted, "RFC 4293 §5",
        "a source or destination that is impossible counts in Ip.InAddrErrors",
        "no counter moves";
    timestamp_request_is_whole, "RFC 792 \"Timestamp or Timestamp Reply Message\"",
        "a timestamp request has 20 octets",
        "12 octets suffice and more are ignored";
    cut_timestamp_reply_keeps_times, "RFC 792 \"Timestamp or Timestamp Reply Message\"",
        "the fragments of a timestamp reply carry its times",
        "behind the cut stand octets of the request's header, and the checksum covers both";
    reply_of_zeros_is_summed, "RFC 792 \"Echo or Echo Reply Message\"",
        "an echo reply of nothing but zeros has the checksum ffff",
        "its checksum is 0000, and whoever receives it discards it";
    reply_code_is_zero, "RFC 792 \"Echo or Echo Reply Message\"",
        "the code of an echo reply is 0",
        "it is that of the request";
    extended_echo_code_tells, "RFC 8335 §3",
        "the code of an extended echo reply is 0 when the interface was found",
        "it is that of the request";
    extended_echo_to_group_is_dropped, "RFC 8335 §4",
        "an extended echo request to a broadcast or multicast address is discarded",
        "it is answered";
    extended_echo_extension_is_checked, "RFC 8335 §4",
        "version, checksum and class of the extension structure are verified",
        "none of them is looked at";
    error_is_not_ect, "RFC 3168 §5",
        "the ECN field of an ICMP error is Not-ECT",
        "the upper bit of the offending ECN field is copied";
    error_type_is_counted, "RFC 4293 §5",
        "timestamp and extended echo replies are counted under their own type",
        "they are counted as echo replies";
    bad_option_length_is_pointed_at, "RFC 792 \"Parameter Problem Message\"",
        "the pointer of a parameter problem names the length octet that is wrong",
        "it names the type octet";
    foreign_option_error_is_silent, "RFC 1122 §3.2.1.3",
        "a host is silent about a malformed option in a datagram that is not for it",
        "it sends a parameter problem";
    source_route_refusal_is_told, "RFC 1812 §5.2.4.1",
        "refusing a source route is answered with Source Route Failed",
        "it is silent";
    strict_transit_is_source_route_failed, "RFC 1812 §5.2.4.1",
        "a strict source route in transit is answered with Source Route Failed",
        "it is answered with a parameter problem pointing at the destination";
    timestamp_overflow_is_counted, "RFC 791 \"Internet Timestamp\"",
        "a full timestamp option with prespecified addresses counts the overflow",
        "it is left alone";
    quote_is_original, "RFC 1812 §4.3.2.3",
        "an ICMP error quotes the datagram as it was received",
        "the quote has processed options under the old header checksum, and a decremented TTL in redirects";
    fragment_overlap_is_merged, "RFC 791 §3.2",
        "overlapping fragments are merged",
        "an overlap discards the whole datagram";
    ttl_goes_before_routing, "RFC 1812 §5.3.1",
        "a datagram whose TTL is used up is answered with Time Exceeded even without a route",
        "an error route answers first";
    path_mtu_plateau, "RFC 1191 §7",
        "Fragmentation Needed without an MTU steps down the plateau table",
        "it locks the path MTU at min_pmtu";
    fragmentation_needed_needs_df, "RFC 1191 §3",
        "Fragmentation Needed about a datagram without DF is ignored",
        "it is believed";
    redirect_code_is_checked, "RFC 792 \"Redirect Message\"",
        "redirects with a code above 3 are ignored",
        "only the low three bits of the code are looked at";
    redirect_without_socket, "RFC 1122 §3.2.2.2",
        "a host believes a redirect even if no socket sent the datagram",
        "some socket must match the quoted datagram";
    atomic_identification_is_free, "RFC 6864 §4",
        "a datagram with DF and no fragmentation has identification 0",
        "unconnected sockets count identifications even with DF";
    error_route_is_charged_once, "RFC 1812 §4.3.2.8",
        "an unreachable message is charged to one limit",
        "it is charged twice, and icmp_ratelimit = 0 starves it";
    global_bucket_refills, "RFC 1812 §4.3.2.8",
        "the limit of all messages refills while credit is left",
        "it refills only once it is used up";
    this_network_destination_is_invalid, "RFC 1122 §3.2.1.3",
        "nothing is sent to 0.0.0.0/8, and what comes for it is discarded",
        "only 0.0.0.0 itself is special";
    reserved_destination_is_invalid, "RFC 1812 §5.3.7",
        "nothing is sent to 240.0.0.0/4, and what comes for it is discarded",
        "240.0.0.0/4 is ordinary unicast";
    link_local_stays_on_its_link, "RFC 3927 §7",
        "a datagram from or to 169.254.0.0/16 is not forwarded",
        "169.254.0.0/16 is forwarded like any other prefix";
    zero_form_is_broadcast, "RFC 1812 §4.2.3.1",
        "the address of a subnet with all host bits zero is a broadcast address, which routers discard",
        "it is that of a host";
    directed_broadcast_needs_leave, "RFC 2644 §3",
        "a router receives a directed broadcast only where bc_forwarding is set",
        "it receives those of its own links";
    directed_broadcast_is_delivered_too, "RFC 1812 §5.2.3",
        "a directed broadcast that is forwarded to another link is delivered here as well",
        "it is forwarded only";
    directed_broadcast_draws_no_error, "RFC 1812 §4.3.2.7",
        "no ICMP error goes out about a directed broadcast for another link",
        "it counts as unicast while it is forwarded";
    timestamp_names_outgoing_interface, "RFC 1812 §4.2.2.2",
        "a router writes the address of the outgoing interface into a timestamp option",
        "it does so only if it also follows a source route, and else writes the one towards the source";
    unroutable_source_route_is_told, "RFC 1812 §5.2.4.3",
        "a source route whose next hop cannot be reached is answered with Source Route Failed",
        "it is dropped without a word";
    truncation_is_pointed_at, "RFC 1812 §5.2.2",
        "a router points at the total length of a datagram that is shorter than it says",
        "it is dropped without a word";
    reserved_flag_is_copied, "RFC 1812 §5.2.5",
        "the reserved flag is copied into every fragment",
        "fragments have it clear";
    redirect_needs_common_subnet, "RFC 1812 §5.2.7.2",
        "a redirect needs a source on the subnet of the better gateway",
        "shared_media, which is on by default, does without";
    forwarding_needs_both_links, "RFC 1812 §5.3.11",
        "a datagram is forwarded only if the outgoing interface forwards as well",
        "only the incoming interface is asked";
    router_solicitation_is_answered, "RFC 1812 §4.3.3.10",
        "a router answers router solicitations",
        "that is left to a daemon";
    option_shapes_are_checked, "RFC 6274 §3.13.2",
        "lengths and pointers of options fit their slots, timestamps have a known flag, and Router Alert 4 octets",
        "they are looked at only so far that what is read and written lies within the option";
    cipso_is_left_alone, "RFC 7126 §4.14.5",
        "a CIPSO option passes unread",
        "it is refused, even in transit, as none is configured";
    quoted_sequence_is_in_flight, "RFC 5927 §4.1",
        "an ICMP error counts for a TCP connection only if it quotes octets that are in flight",
        "the sequence number that comes next will do as well";
    ragged_fragment_is_dropped, "RFC 6274 §3.7",
        "a fragment with more to come whose length is no multiple of 8 is dropped",
        "it is trimmed";
    query_mapping_lives_a_minute, "RFC 5508 §3.2",
        "a tracked ICMP query lives for 60 seconds at least",
        "it lives for nf_conntrack_icmp_timeout, 30 seconds by default";
    quoted_checksum_is_verified, "RFC 5508 §4.1",
        "a tracker drops an ICMP error that quotes a header with a wrong checksum",
        "the quoted checksum is not looked at";
    unmapped_error_is_dropped, "RFC 5508 §4.2.2",
        "a translator drops an ICMP error about a datagram it has no mapping for",
        "the error passes untranslated";
    full_table_is_told, "RFC 5508 §6",
        "a flow that cannot be tracked is answered with code 13",
        "it is dropped without a word";
    source_quench_is_filtered, "RFC 6633 §8",
        "a tracker drops Source Quench",
        "it passes as an error about a known flow";
    translation_renews_identification, "RFC 6864 §5.3.1",
        "a datagram that is not atomic gets a new identification when its source is translated",
        "the identification stays";
    extended_echo_object_is_alone, "RFC 8335 §4.1",
        "an extended echo request with two objects is malformed",
        "what follows the first object is not looked at";
    extended_echo_ambiguity_is_told, "RFC 8335 §4.1",
        "an address that several interfaces have is answered with code 4",
        "the first of them is meant";
    extended_echo_down_has_no_protocols, "RFC 8335 §4",
        "the protocol bits of an interface that is down are clear",
        "they tell whether it has addresses";
    extended_echo_reply_header_is_fixed, "RFC 8335 §4",
        "an extended echo reply has DF, TTL 255 and codepoint CS0",
        "its header is that of any reply, with the type of service of the request";
    extended_echo_is_limited, "RFC 8335 §8",
        "extended echo replies are limited as errors are",
        "they are not among the types that icmp_ratemask can name";
    extended_echo_asks_neighbors, "RFC 8335 §4",
        "a request without the L bit asks about a neighbor, and is answered",
        "it is dropped without a word";
}

impl Default for Departures {
    fn default() -> Self {
        Self::LINUX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_has_its_knob() {
        let mut departures = Departures::LINUX;
        for row in DEPARTURES {
            *departures.knob(row.name).unwrap() = true;
        }
        assert_eq!(departures, Departures::RFC);
    }
}
