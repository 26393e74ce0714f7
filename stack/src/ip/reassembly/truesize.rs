//! What Linux charges for a fragment.

/// Octets that Linux charges for a datagram of `total_length` octets written to a TUN device.
///
/// A head of 64 octets of headroom and up to 3712 octets of data is rounded up to an allocation, and the rest lies in
/// whole pages; measured by `/proc/net/sockstat` on 6.18.44.
pub const fn tun_truesize(total_length: usize) -> usize {
    const BUFFER: usize = 256;
    const PAGE: usize = 4096;
    const MAX_HEAD: usize = 3712;
    let in_pages = total_length.saturating_sub(MAX_HEAD).div_ceil(PAGE) * PAGE;
    let head = match total_length {
        0..=192 => 576,
        193..=640 => 1024,
        641..=1664 => 2048,
        _ => 4096,
    };
    BUFFER + head + in_pages
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::QUEUE_COST;
    use super::*;

    /// Rows are §4.7: octets of payload, memory in use with one fragment in one queue.
    #[rstest]
    #[case(8, 1032)]
    #[case(128, 1032)]
    #[case(256, 1480)]
    #[case(512, 1480)]
    #[case(800, 2504)]
    #[case(1480, 2504)]
    #[case(2000, 4552)]
    #[case(3000, 4552)]
    #[case(4000, 8648)]
    #[case(8000, 12744)]
    #[case(16000, 20936)]
    #[case(32000, 33224)]
    #[case(60000, 61896)]
    fn memory_of_one_fragment(#[case] payload_len: usize, #[case] expected: usize) {
        assert_eq!(QUEUE_COST + tun_truesize(20 + payload_len), expected);
    }
}
