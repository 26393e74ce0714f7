//! No stale octets: what stood behind a datagram in its buffer is never seen again.

use super::{Objection, hold};
use crate::model::Observation;

/// Judges that no frame, delivery or queued error holds `mark`, octets that only stood behind datagrams.
///
/// # Errors
/// Where the mark is.
pub fn judge(mark: &[u8], observation: &Observation) -> Result<(), Objection> {
    let frames = observation.frames.iter().map(|frame| &frame.octets);
    let deliveries = observation.deliveries.iter().map(|delivery| &delivery.data);
    let queued = observation.socket_errors.iter().filter_map(|error| error.queued.as_ref());
    let mut all = frames.chain(deliveries).chain(queued.map(|queued| &queued.payload));
    let found = all.find(|octets| contains(octets, mark));
    hold("RFC 791 §3.1", "octets behind the datagram are not part of it", found.is_none(), || {
        format!("{found:02x?}")
    })
}

/// Whether `mark`, at least 4 octets, stands anywhere in `octets`.
fn contains(octets: &[u8], mark: &[u8]) -> bool {
    let Some((&first, _)) = mark.split_first() else { return false };
    let mut from = 0;
    while let Some(at) = octets[from..].iter().position(|octet| *octet == first) {
        if octets[from + at..].starts_with(mark) {
            return true;
        }
        from += at + 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EmittedFrame;

    #[test]
    fn a_mark_in_a_frame_is_seen() {
        let mark = [9, 8, 7, 6];
        let mut observation = Observation::default();
        observation.frames.push(EmittedFrame { interface: 0, octets: vec![9, 9, 8, 7, 5] });
        assert_eq!(judge(&mark, &observation), Ok(()));
        observation.frames.push(EmittedFrame { interface: 0, octets: vec![1, 9, 9, 8, 7, 6, 2] });
        assert!(judge(&mark, &observation).is_err());
    }
}
