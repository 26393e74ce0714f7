//! Where things are in a frame, read leniently: comparing needs positions, not proofs.
//!
//! Nothing is verified: a stack under test may emit anything. What cannot be located is compared octet by octet.

use std::net::Ipv4Addr;
use std::ops::Range;

use crate::model::LinkKind;

/// Protocol numbers that comparing knows.
pub mod protocol {
    /// ICMP.
    pub const ICMP: u8 = 1;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
}

/// Length of an Ethernet header without tags.
const ETHERNET_HEADER: usize = 14;

/// Where an IPv4 datagram lies in a frame and how it is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Offset of the IPv4 header in the frame.
    pub ip: usize,
    /// Length of the IPv4 header, options included: 20 to 60 octets, all of them in the frame.
    pub header_len: usize,
    /// End of the datagram in the frame: by its total length, or the frame's end if that comes first.
    pub end: usize,
}

impl Layout {
    /// Finds the datagram of a frame as it stands on a link; `None` if there is no whole IPv4 header.
    pub fn of(frame: &[u8], link: LinkKind) -> Option<Self> {
        match link {
            LinkKind::Ip => Self::at(frame, 0),
            LinkKind::Ethernet if frame.get(12..14) == Some(&[0x08, 0x00]) => {
                Self::at(frame, ETHERNET_HEADER)
            }
            LinkKind::Ethernet => None,
        }
    }

    /// Finds the datagram that begins at offset `ip`; `None` if there is no whole IPv4 header.
    pub fn at(octets: &[u8], ip: usize) -> Option<Self> {
        let datagram = octets.get(ip..)?;
        let version_and_length = *datagram.first()?;
        let header_len = usize::from(version_and_length & 0x0f) * 4;
        if version_and_length >> 4 != 4 || header_len < 20 || datagram.len() < header_len {
            return None;
        }
        let total_len = usize::from(u16::from_be_bytes([datagram[2], datagram[3]]));
        Some(Self { ip, header_len, end: ip + total_len.clamp(header_len, datagram.len()) })
    }

    /// Offset of what follows the header.
    pub const fn payload(&self) -> usize {
        self.ip + self.header_len
    }

    /// The header's octets in the frame.
    pub const fn header(&self) -> Range<usize> {
        self.ip..self.payload()
    }

    /// The protocol field.
    pub fn protocol(&self, frame: &[u8]) -> u8 {
        frame[self.ip + 9]
    }

    /// The identification field.
    pub fn identification(&self, frame: &[u8]) -> u16 {
        u16::from_be_bytes([frame[self.ip + 4], frame[self.ip + 5]])
    }

    /// Whether the DF bit is set.
    pub fn dont_fragment(&self, frame: &[u8]) -> bool {
        frame[self.ip + 6] & 0x40 != 0
    }

    /// Whether the MF bit is set.
    pub fn more_fragments(&self, frame: &[u8]) -> bool {
        frame[self.ip + 6] & 0x20 != 0
    }

    /// The fragment offset in octets.
    pub fn fragment_offset(&self, frame: &[u8]) -> usize {
        usize::from(u16::from_be_bytes([frame[self.ip + 6] & 0x1f, frame[self.ip + 7]])) * 8
    }

    /// The TTL field.
    pub fn ttl(&self, frame: &[u8]) -> u8 {
        frame[self.ip + 8]
    }

    /// The source address.
    pub fn source(&self, frame: &[u8]) -> Ipv4Addr {
        address(frame, self.ip + 12)
    }

    /// The destination address.
    pub fn destination(&self, frame: &[u8]) -> Ipv4Addr {
        address(frame, self.ip + 16)
    }

    /// The ICMP type, if the datagram holds the beginning of an ICMP message.
    pub fn icmp_type(&self, frame: &[u8]) -> Option<u8> {
        if self.protocol(frame) != protocol::ICMP || self.fragment_offset(frame) != 0 {
            return None;
        }
        frame.get(self.payload()..self.end)?.first().copied()
    }

    /// Where the datagram quoted by an ICMP error is, though the quote may end within its header: what is before `end` is
    /// there.
    pub fn quote_start(&self, frame: &[u8]) -> Option<Self> {
        matches!(self.icmp_type(frame)?, 3 | 4 | 5 | 11 | 12).then_some(())?;
        let ip = self.payload() + 8;
        let header_len = usize::from(frame.get(ip..self.end)?.first()? & 0x0f) * 4;
        (header_len >= 20 && ip + 20 <= self.end).then_some(Self { ip, header_len, end: self.end })
    }

    /// The datagram quoted by an ICMP error, if it has a whole header. Its `end` is that of the quoting datagram.
    pub fn quote(&self, frame: &[u8]) -> Option<Self> {
        matches!(self.icmp_type(frame)?, 3 | 4 | 5 | 11 | 12).then_some(())?;
        Self::at(frame.get(..self.end)?, self.payload() + 8)
    }
}

fn address(octets: &[u8], at: usize) -> Ipv4Addr {
    Ipv4Addr::new(octets[at], octets[at + 1], octets[at + 2], octets[at + 3])
}

/// An IP option of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionAt {
    /// Its type octet.
    pub kind: u8,
    /// Where its type octet is in the frame.
    pub at: usize,
    /// Its length in octets; 1 for padding and end of list.
    pub len: usize,
}

/// The options of the header that `layout` describes, up to the first that cannot be.
pub fn options<'f>(frame: &'f [u8], layout: &Layout) -> impl Iterator<Item = OptionAt> + 'f {
    let end = layout.payload();
    let mut next = layout.ip + 20;
    std::iter::from_fn(move || {
        let at = next;
        let kind = *frame.get(at).filter(|_| at < end)?;
        let len = match kind {
            0 | 1 => 1,
            _ => usize::from(*frame.get(at + 1).filter(|len| at + 1 < end && **len >= 2)?),
        };
        next = if kind == 0 { end } else { at + len };
        (at + len <= end).then_some(OptionAt { kind, at, len })
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const ERROR_HEADER: [u8; 20] = [0x45, 0xc0, 0, 56, 7, 8, 0, 0, 64, 1, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];

    #[rstest]
    #[case::empty(&[])]
    #[case::version_6(&[0x65; 40])]
    #[case::header_length_4(&[0x44; 40])]
    #[case::header_cut_off(&ERROR_HEADER[..19])]
    fn no_whole_header_has_no_layout(#[case] octets: &[u8]) {
        assert_eq!(Layout::of(octets, LinkKind::Ip), None);
    }

    #[test]
    fn quoted_datagram_is_found() {
        let mut frame = ERROR_HEADER.to_vec();
        frame.extend([3, 3, 0, 0, 0, 0, 0, 0]);
        frame.extend(ERROR_HEADER);
        frame.extend([1, 2, 3, 4, 5, 6, 7, 8]);
        let layout = Layout::of(&frame, LinkKind::Ip).unwrap();
        assert_eq!(layout.quote(&frame).map(|quote| (quote.ip, quote.end)), Some((28, 56)));
    }

    #[test]
    fn options_end_where_one_is_impossible() {
        let mut frame = ERROR_HEADER.to_vec();
        frame[0] = 0x48;
        frame.extend([1, 7, 7, 4, 0, 0, 0, 0, 68, 12, 0, 0]);
        let layout = Layout::of(&frame, LinkKind::Ip).unwrap();
        let found: Vec<_> =
            options(&frame, &layout).map(|option| (option.kind, option.at, option.len)).collect();
        assert_eq!(found, [(1, 20, 1), (7, 21, 7)]);
    }
}
