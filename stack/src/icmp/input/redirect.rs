//! Redirects. RFC 1122 §3.2.2.2.

use super::errors::ErrorReport;
use crate::drop_reason::DropReason;
use crate::interface::InterfaceId;
use crate::outcome::Outcome;
use crate::packet::Packet;
use crate::sink::Sink;
use crate::stack::Stack;
use crate::wire::IcmpView;
use crate::wire::icmp::IcmpType;

impl Stack {
    /// Takes in a redirect: some socket must have sent what it quotes.
    pub(super) fn input_redirect<S: Sink>(
        &mut self,
        packet: &Packet,
        message: &IcmpView<'_>,
        sink: &mut S,
    ) -> Result<Outcome, DropReason> {
        let Some(quoted) = message.quoted() else { return Err(DropReason::RedirectQuoteTruncated) };
        let report = ErrorReport {
            icmp_type: IcmpType::Redirect,
            code: message.code(),
            info: message.gateway().to_bits(),
            offender: packet.source(),
            recipient: packet.destination(),
            incoming: packet.incoming.unwrap_or(InterfaceId::LOOPBACK),
            quoted,
            message: *message,
        };
        if self.config.departures.redirect_without_socket {
            self.learn_from(&report);
        }
        self.report_error(&report, sink);
        Ok(Outcome::Delivered)
    }
}
