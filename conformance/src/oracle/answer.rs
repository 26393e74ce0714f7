//! Which answers are forbidden. RFC 1122 §3.2.2 and RFC 1812 §4.3.2.7: about what an ICMP error is never sent.

use super::Objection;

/// The clause of every rule here.
const CLAUSE: &str = "RFC 1122 §3.2.2 (MUST NOT)";

/// Judges `answer`, a datagram emitted because of `stimulus`; both start at the IPv4 header.
///
/// Only ICMP errors are judged, and only by what the two datagrams show: whether the stimulus came as a link-layer
/// broadcast is told in `link_broadcast`.
///
/// # Errors
/// The rule that forbids the answer.
pub fn judge(stimulus: &[u8], link_broadcast: bool, answer: &[u8]) -> Result<(), Objection> {
    if !is_icmp_error(answer) || stimulus.len() < 20 {
        return Ok(());
    }
    let object = |what: &str| Err(Objection::new(CLAUSE, what));
    if is_icmp_error(stimulus) {
        return object("an ICMP error about an ICMP error");
    }
    if link_broadcast {
        return object("an ICMP error about a link-layer broadcast");
    }
    if u16::from_be_bytes([stimulus[6], stimulus[7]]) & 0x1fff != 0 {
        return object("an ICMP error about a fragment other than the first");
    }
    if is_group(&stimulus[16..20]) {
        return object("an ICMP error about a datagram to a multicast or broadcast address");
    }
    if is_group(&stimulus[12..16]) || stimulus[12] == 127 || stimulus[12..16] == [0; 4] {
        return object("an ICMP error to a source that is no single host");
    }
    Ok(())
}

/// Whether `datagram` is an ICMP error that is not a later fragment. RFC 1122 §3.2.2.
pub fn is_icmp_error(datagram: &[u8]) -> bool {
    let header = datagram.first().map_or(0, |first| usize::from(first & 15) * 4);
    let whole_type = datagram.len() > header && header >= 20;
    whole_type
        && datagram[9] == 1
        && u16::from_be_bytes([datagram[6], datagram[7]]) & 0x1fff == 0
        && matches!(datagram[header], 3 | 4 | 5 | 11 | 12)
}

/// Multicast or limited broadcast.
fn is_group(address: &[u8]) -> bool {
    address[0] & 0xf0 == 0xe0 || address == [255; 4]
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn datagram(source: [u8; 4], destination: [u8; 4], offset: u8, icmp_type: u8) -> Vec<u8> {
        let mut octets = vec![0x45, 0, 0, 28, 0, 0, 0, offset, 64, 1, 0, 0];
        octets.extend(source);
        octets.extend(destination);
        octets.extend([icmp_type, 0, 0, 0, 0, 0, 0, 0]);
        octets
    }

    const HOST: [u8; 4] = [10, 0, 0, 2];
    const OWN: [u8; 4] = [10, 0, 0, 1];

    #[rstest]
    #[case::echo(HOST, OWN, 0, 8, false, true)]
    #[case::about_an_error(HOST, OWN, 0, 3, false, false)]
    #[case::later_fragment(HOST, OWN, 1, 8, false, false)]
    #[case::link_broadcast(HOST, OWN, 0, 8, true, false)]
    #[case::multicast(HOST, [224, 0, 0, 1], 0, 8, false, false)]
    #[case::from_nobody([0; 4], OWN, 0, 8, false, false)]
    fn errors_are_forbidden(
        #[case] source: [u8; 4],
        #[case] destination: [u8; 4],
        #[case] offset: u8,
        #[case] icmp_type: u8,
        #[case] link_broadcast: bool,
        #[case] allowed: bool,
    ) {
        let answer = datagram(OWN, source, 0, 3);
        let stimulus = datagram(source, destination, offset, icmp_type);
        assert_eq!(judge(&stimulus, link_broadcast, &answer).is_ok(), allowed);
    }
}
