//! Every datagram that a stack emits is well-formed: strict lengths, right checksums. RFC 1122 §1.2.2, RFC 1812 §4.2.2.
//!
//! Written against octets, not against the stack's own parser: no stack marks its own homework.

use std::net::Ipv4Addr;

use super::{Objection, checksum};

/// Judges one emitted datagram.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn judge(datagram: &[u8]) -> Result<(), Objection> {
    let header = judge_header(datagram)?;
    judge_options(&datagram[20..header])?;
    let word = u16::from_be_bytes([datagram[6], datagram[7]]);
    if word & 0x3fff != 0 {
        // A fragment: its transport checksum covers octets that are elsewhere.
        return judge_fragment(word, datagram.len() - header);
    }
    let (source, destination) = (address(datagram, 12), address(datagram, 16));
    let payload = &datagram[header..];
    match datagram[9] {
        1 => judge_icmp(payload),
        6 => judge_transport(source, destination, 6, payload, 20),
        17 => judge_udp(source, destination, payload),
        _ => Ok(()),
    }
}

/// Judges a datagram that was forwarded: only the header is the router's work. RFC 1812 §4.2.2.
///
/// # Errors
/// The first thing that is wrong with its header.
pub fn judge_forwarded(datagram: &[u8]) -> Result<(), Objection> {
    judge_header(datagram).map(drop)
}

/// Judges a datagram whose header an application made (`IP_HDRINCL`): lengths and checksum are filled in by the stack,
/// version and TTL are the application's.
///
/// # Errors
/// The first thing that is wrong with what was filled in.
pub fn judge_made_elsewhere(datagram: &[u8]) -> Result<(), Objection> {
    judge_lengths(datagram).map(drop)
}

fn judge_header(datagram: &[u8]) -> Result<usize, Objection> {
    let header = judge_lengths(datagram)?;
    let version = datagram[0] >> 4;
    if version != 4 {
        return Err(Objection::new("RFC 791 §3.1", format!("version {version}")));
    }
    if datagram[8] == 0 {
        return Err(Objection::new("RFC 1122 §3.2.1.7", "TTL is 0"));
    }
    Ok(header)
}

fn judge_lengths(datagram: &[u8]) -> Result<usize, Objection> {
    let objection = |what: String| Err(Objection::new("RFC 791 §3.1", what));
    if datagram.len() < 20 {
        return objection(format!("a datagram of {} octets has no whole header", datagram.len()));
    }
    let header = usize::from(datagram[0] & 15) * 4;
    let total = usize::from(u16::from_be_bytes([datagram[2], datagram[3]]));
    if header < 20 || header > datagram.len() {
        return objection(format!("header length {header} of {} octets", datagram.len()));
    }
    if total != datagram.len() {
        return objection(format!("total length says {total}, the datagram has {}", datagram.len()));
    }
    if !checksum::is_intact(&datagram[..header]) {
        return objection("the header checksum is wrong".to_owned());
    }
    Ok(header)
}

/// Options parse to their end: each length fits. RFC 791 §3.1.
fn judge_options(mut options: &[u8]) -> Result<(), Objection> {
    while let Some((&kind, rest)) = options.split_first() {
        match kind {
            0 => return Ok(()),
            1 => options = rest,
            _ => match rest.first().map(|len| usize::from(*len)) {
                Some(len) if len >= 2 && len <= options.len() => options = &options[len..],
                _ => {
                    return Err(Objection::new(
                        "RFC 791 §3.1",
                        format!("option {kind} has a length that does not fit"),
                    ));
                }
            },
        }
    }
    Ok(())
}

fn judge_fragment(word: u16, len: usize) -> Result<(), Objection> {
    if word & 0x2000 != 0 && !len.is_multiple_of(8) {
        return Err(Objection::new(
            "RFC 791 §3.2",
            format!("a fragment with more to come carries {len} octets"),
        ));
    }
    Ok(())
}

fn judge_icmp(message: &[u8]) -> Result<(), Objection> {
    if message.len() < 8 {
        return Err(Objection::new("RFC 792", format!("an ICMP message of {} octets", message.len())));
    }
    // A reply under identifier and sequence number 0 may be nothing but zeros. Whoever knows only one of the two zeros of
    // one's complement arithmetic, or updates a checksum (RFC 1624 §3), leaves 0 in its checksum as well.
    let is_nothing = message.iter().all(|octet| *octet == 0);
    if !checksum::is_intact(message) && !is_nothing {
        return Err(Objection::new("RFC 792", "the ICMP checksum is wrong"));
    }
    // An error that says that the total length is wrong quotes a datagram that is shorter than it claims.
    let is_about_length = message[..2] == [12, 0] && message[4] == 2;
    if matches!(message[0], 3 | 4 | 5 | 11 | 12)
        && !is_about_length
        && message.len() < 8 + 28
        && message.len() < 8 + quoted_len(&message[8..])
    {
        return Err(Objection::new("RFC 1122 §3.2.2", "an error quotes less than the header and 8 octets"));
    }
    Ok(())
}

/// How much of the quoted datagram an error must carry: header and 8 octets, or all if that is less.
fn quoted_len(quoted: &[u8]) -> usize {
    let header = quoted.first().map_or(20, |first| usize::from(first & 15) * 4).max(20);
    let total =
        quoted.get(2..4).map_or(header + 8, |octets| usize::from(u16::from_be_bytes([octets[0], octets[1]])));
    total.min(header + 8)
}

fn judge_udp(source: Ipv4Addr, destination: Ipv4Addr, payload: &[u8]) -> Result<(), Objection> {
    if payload.len() >= 8 && payload[6..8] == [0, 0] {
        return Ok(());
    }
    judge_transport(source, destination, 17, payload, 8)
}

fn judge_transport(
    source: Ipv4Addr,
    destination: Ipv4Addr,
    protocol: u8,
    segment: &[u8],
    least: usize,
) -> Result<(), Objection> {
    if segment.len() < least {
        return Err(Objection::new(
            "RFC 1122 §4",
            format!("protocol {protocol} with {} octets", segment.len()),
        ));
    }
    let mut pseudo = [0; 12];
    pseudo[..4].copy_from_slice(&source.octets());
    pseudo[4..8].copy_from_slice(&destination.octets());
    pseudo[9] = protocol;
    pseudo[10..].copy_from_slice(&(segment.len() as u16).to_be_bytes());
    if checksum::naive_behind(&pseudo, segment) == 0 {
        Ok(())
    } else {
        Err(Objection::new("RFC 1122 §4", format!("the checksum of protocol {protocol} is wrong")))
    }
}

fn address(datagram: &[u8], at: usize) -> Ipv4Addr {
    Ipv4Addr::new(datagram[at], datagram[at + 1], datagram[at + 2], datagram[at + 3])
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// An echo reply from 10.0.0.1 to 10.0.0.2, checksums by hand.
    const REPLY: [u8; 28] = [
        0x45, 0, 0, 28, 0, 1, 0, 0, 64, 1, 0x66, 0xde, 10, 0, 0, 1, 10, 0, 0, 2, 0, 0, 0xff, 0xfd, 0, 1, 0, 1,
    ];

    #[test]
    fn a_right_datagram_passes() {
        assert_eq!(judge(&REPLY), Ok(()));
    }

    #[test]
    fn only_a_message_of_zeros_has_no_checksum() {
        let mut datagram = REPLY;
        datagram[20..].fill(0);
        assert_eq!(judge(&datagram), Ok(()));
        for at in 20..28 {
            let mut datagram = datagram;
            datagram[at] = 1;
            assert!(judge(&datagram).is_err(), "octet {at}");
        }
    }

    #[rstest]
    #[case::version(0, 0x65)]
    #[case::header_length(0, 0x46)]
    #[case::total_length(3, 29)]
    #[case::header_checksum(11, 0xdf)]
    #[case::icmp_checksum(23, 0xfe)]
    #[case::icmp_data(27, 2)]
    fn one_wrong_octet_is_seen(#[case] at: usize, #[case] value: u8) {
        let mut datagram = REPLY;
        datagram[at] = value;
        assert!(judge(&datagram).is_err());
    }
}
