//! ICMP messages.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::super::extension::MIN_QUOTED_LEN;
use super::super::icmp::{
    HEADER_LEN, IcmpType, ParameterProblemCode, RedirectCode, TimeExceededCode, UnreachableCode,
};
use super::super::{Protocol, checksum};
use super::{ExtensionBuilder, Layer, put_u16};

/// A message of any type and code, all else zero.
pub fn icmp(icmp_type: impl Into<IcmpType>, code: u8) -> IcmpBuilder {
    IcmpBuilder {
        icmp_type: icmp_type.into(),
        code,
        word: 0,
        body: Vec::new(),
        checksum: None,
        extension: None,
    }
}

/// An Echo.
pub fn echo_request() -> IcmpBuilder {
    icmp(IcmpType::Echo, 0)
}

/// An Echo Reply.
pub fn echo_reply() -> IcmpBuilder {
    icmp(IcmpType::EchoReply, 0)
}

/// A Timestamp of 20 octets with all times zero.
pub fn timestamp_request() -> IcmpBuilder {
    icmp(IcmpType::Timestamp, 0).timestamps([0; 3])
}

/// A Timestamp Reply of 20 octets with all times zero.
pub fn timestamp_reply() -> IcmpBuilder {
    icmp(IcmpType::TimestampReply, 0).timestamps([0; 3])
}

/// An Information Request.
pub fn information_request() -> IcmpBuilder {
    icmp(IcmpType::InformationRequest, 0)
}

/// An Address Mask Request of 12 octets.
pub fn address_mask_request() -> IcmpBuilder {
    icmp(IcmpType::AddressMaskRequest, 0).data([0; 4])
}

/// An Extended Echo Request with the L bit set.
pub fn extended_echo_request() -> IcmpBuilder {
    icmp(IcmpType::ExtendedEchoRequest, 0).word(1)
}

/// An Extended Echo Reply.
pub fn extended_echo_reply() -> IcmpBuilder {
    icmp(IcmpType::ExtendedEchoReply, 0)
}

/// A Destination Unreachable about nothing yet: see [`IcmpBuilder::quote`].
pub fn unreachable(code: UnreachableCode) -> IcmpBuilder {
    icmp(IcmpType::DestinationUnreachable, code.into())
}

/// A Destination Unreachable, Fragmentation Needed, with the next-hop MTU of RFC 1191.
pub fn fragmentation_needed(mtu: u16) -> IcmpBuilder {
    unreachable(UnreachableCode::FragmentationNeeded).word(u32::from(mtu))
}

/// A Source Quench.
pub fn source_quench() -> IcmpBuilder {
    icmp(IcmpType::SourceQuench, 0)
}

/// A Redirect to `gateway`.
pub fn redirect(code: RedirectCode, gateway: impl Into<Ipv4Addr>) -> IcmpBuilder {
    icmp(IcmpType::Redirect, code.into()).word(gateway.into().to_bits())
}

/// A Time Exceeded.
pub fn time_exceeded(code: TimeExceededCode) -> IcmpBuilder {
    icmp(IcmpType::TimeExceeded, code.into())
}

/// A Parameter Problem that points at octet `pointer`.
pub fn parameter_problem(pointer: u8) -> IcmpBuilder {
    icmp(IcmpType::ParameterProblem, ParameterProblemCode::Pointer.into()).word(u32::from(pointer) << 24)
}

/// Builds an ICMP message.
#[derive(Clone, Debug)]
pub struct IcmpBuilder {
    icmp_type: IcmpType,
    code: u8,
    word: u32,
    body: Vec<u8>,
    checksum: Option<u16>,
    extension: Option<ExtensionBuilder>,
}

impl IcmpBuilder {
    /// Sets the code.
    pub fn code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }

    /// Sets the checksum instead of computing it.
    pub fn checksum(mut self, checksum: u16) -> Self {
        self.checksum = Some(checksum);
        self
    }

    /// Sets the four octets after the checksum.
    pub fn word(mut self, word: u32) -> Self {
        self.word = word;
        self
    }

    /// Sets the identifier of a query.
    pub fn identifier(mut self, identifier: u16) -> Self {
        self.word = self.word & 0xffff | u32::from(identifier) << 16;
        self
    }

    /// Sets the sequence number of a query: all 16 bits.
    pub fn sequence_number(mut self, sequence_number: u16) -> Self {
        self.word = self.word & 0xffff_0000 | u32::from(sequence_number);
        self
    }

    /// Sets the sequence number of an extended echo message: 8 bits, the flags stay. RFC 8335 §2.
    pub fn extended_sequence_number(mut self, sequence_number: u8) -> Self {
        self.word = self.word & 0xffff_00ff | u32::from(sequence_number) << 8;
        self
    }

    /// Sets the flags of an extended echo message: the L bit of a request, state and flags of a reply. RFC 8335 §2, §3.
    pub fn extended_flags(mut self, flags: u8) -> Self {
        self.word = self.word & 0xffff_ff00 | u32::from(flags);
        self
    }

    /// Sets what follows the 8 octets.
    pub fn data(mut self, octets: impl AsRef<[u8]>) -> Self {
        self.body = octets.as_ref().to_vec();
        self
    }

    /// Sets originate, receive and transmit timestamp.
    pub fn timestamps(mut self, times: [u32; 3]) -> Self {
        self.body = times.iter().flat_map(|time| time.to_be_bytes()).collect();
        self
    }

    /// Quotes `datagram`, all of it that is handed in.
    pub fn quote(self, datagram: impl AsRef<[u8]>) -> Self {
        self.data(datagram)
    }

    /// Quotes the first `len` octets of `datagram`.
    pub fn quote_of(self, datagram: impl AsRef<[u8]>, len: usize) -> Self {
        let datagram = datagram.as_ref();
        self.data(&datagram[..len.min(datagram.len())])
    }

    /// Appends an extension structure. Behind a quote, that is padded to words and to at least 128 octets, and the
    /// length field is set; an extended echo request carries it as it is. RFC 4884 §4, RFC 8335 §2.
    pub fn extension(mut self, extension: ExtensionBuilder) -> Self {
        self.extension = Some(extension);
        self
    }

    /// The message.
    pub fn build(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_LEN + self.body.len());
        self.append(Ipv4Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED, &mut out);
        out
    }
}

impl Layer for IcmpBuilder {
    fn protocol(&self) -> Protocol {
        Protocol::Icmp
    }

    fn append(&self, _source: Ipv4Addr, _destination: Ipv4Addr, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend([self.icmp_type.into(), self.code, 0, 0]);
        out.extend(self.word.to_be_bytes());
        out.extend_from_slice(&self.body);
        if let Some(extension) = &self.extension {
            if self.icmp_type.is_error() {
                let len = self.body.len().next_multiple_of(4).max(MIN_QUOTED_LEN);
                out.resize(start + HEADER_LEN + len, 0);
                out[start + 5] = (len / 4) as u8;
            }
            extension.append_to(out);
        }
        let message = &mut out[start..];
        let sum = self.checksum.unwrap_or_else(|| checksum::checksum(message));
        put_u16(message, 2, sum);
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::super::{ExtensionView, IcmpView};
    use super::super::{extension, ipv4};
    use super::*;

    #[rstest]
    #[case::echo(echo_request().identifier(1).sequence_number(2).data(b"ab"), &[8, 0, 0, 1, 0, 2, b'a', b'b'])]
    #[case::reply(echo_reply().code(5), &[0, 5, 0, 0, 0, 0])]
    #[case::unreachable(unreachable(UnreachableCode::Port), &[3, 3, 0, 0, 0, 0])]
    #[case::fragmentation_needed(fragmentation_needed(1400), &[3, 4, 0, 0, 0x05, 0x78])]
    #[case::redirect(redirect(RedirectCode::Host, [10, 0, 0, 9]), &[5, 1, 10, 0, 0, 9])]
    #[case::time_exceeded(time_exceeded(TimeExceededCode::Reassembly), &[11, 1, 0, 0, 0, 0])]
    #[case::parameter_problem(parameter_problem(22), &[12, 0, 22, 0, 0, 0])]
    #[case::extended_echo(extended_echo_request().identifier(1).extended_sequence_number(7), &[42, 0, 0, 1, 7, 1])]
    fn all_but_the_checksum(#[case] message: IcmpBuilder, #[case] expected: &[u8]) {
        let octets = message.build();
        assert_eq!([&octets[..2], &octets[4..]].concat(), expected);
        assert!(IcmpView::new(&octets).unwrap().is_checksum_valid());
    }

    #[test]
    fn extension_follows_the_padded_quote() {
        let octets = time_exceeded(TimeExceededCode::Transit)
            .quote(ipv4().payload(*b"12345678").build())
            .extension(extension().object(1, 1, [0; 4]))
            .build();
        let message = IcmpView::new(&octets).unwrap();
        assert_eq!((octets.len(), message.quoted_words()), (8 + 128 + 12, 32));
        let found = ExtensionView::of_error(&message).unwrap();
        assert!(found.is_checksum_valid() && found.objects().count() == 1 && message.is_checksum_valid());
    }
}
