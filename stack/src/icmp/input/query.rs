//! Echo and timestamp requests. RFC 1122 §3.2.2.6, §3.2.2.8.

use crate::drop_reason::DropReason;
use crate::icmp::reply::Reply;
use crate::outcome::Outcome;
use crate::packet::{Packet, PacketLink};
use crate::sink::Sink;
use crate::stack::Stack;
use crate::wire::{IcmpView, Sum};

const ECHO_REPLY: u8 = 0;
const TIMESTAMP_REPLY: u8 = 14;

impl Stack {
    /// Answers an echo request with the same data. RFC 792 "Echo or Echo Reply Message", RFC 1122 §3.2.2.6.
    #[inline(always)]
    pub(super) fn answer_echo<S: Sink>(
        &mut self,
        packet: &Packet,
        message: &IcmpView<'_>,
        sink: &mut S,
    ) -> Outcome {
        if self.config.sysctls.icmp_echo_ignore_all == 0 {
            let code = if self.config.departures.reply_code_is_zero { 0 } else { message.code() };
            let [a, b, c, d] = message.word().to_be_bytes();
            let header = [ECHO_REPLY, code, 0, 0, a, b, c, d];
            // The request is intact, so what its header lacks is the sum of the body; of what looped back nobody knows. Beside
            // a header of zeros the two ways to write zero would tell.
            let is_derivable = header != [0; 8] && packet.link != PacketLink::LoopedBack;
            let body_sum = is_derivable.then(|| Sum::of(message.header()).rest_of_intact());
            self.send_reply(packet, &Reply { header, body: message.body(), body_sum }, sink);
        }
        Outcome::Delivered
    }

    /// Answers a timestamp request with the time of day. RFC 1122 §3.2.2.8.
    pub(super) fn answer_timestamp<S: Sink>(
        &mut self,
        packet: &Packet,
        message: &IcmpView<'_>,
        sink: &mut S,
    ) -> Result<Outcome, DropReason> {
        let Some(originate) = message.body().first_chunk::<4>() else {
            return Err(DropReason::IcmpTimestampTruncated);
        };
        if self.config.departures.timestamp_request_is_whole && message.body().len() < 12 {
            return Err(DropReason::IcmpTimestampTruncated);
        }
        let mut body = [0; 12];
        let (stamps, _) = body.as_chunks_mut::<4>();
        for (stamp, value) in stamps.iter_mut().zip([
            *originate,
            self.midnight_ms.to_be_bytes(),
            self.midnight_ms.to_be_bytes(),
        ]) {
            *stamp = value;
        }
        let [a, b, c, d] = message.word().to_be_bytes();
        let reply = Reply { header: [TIMESTAMP_REPLY, 0, 0, 0, a, b, c, d], body: &body, body_sum: None };
        self.send_reply(packet, &reply, sink);
        Ok(Outcome::Delivered)
    }
}
