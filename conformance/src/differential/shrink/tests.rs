use super::*;
use crate::differential::layout::Layout;
use crate::differential::rule::tests_support::{
    icmp, identified, inject, scenario, with_checksum, with_options,
};
use crate::model::LinkKind;

fn frame(step: &Step) -> &[u8] {
    match &step.action {
        Action::Inject { frame, .. } => frame,
        _ => &[],
    }
}

fn one(frame: Vec<u8>, shows: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let steps = shrink(&scenario(), vec![inject(0, frame)], &mut |steps| shows(self::frame(&steps[0])));
    self::frame(&steps[0]).to_vec()
}

#[test]
fn only_the_steps_that_matter_stay() {
    let steps: Vec<Step> = (0..100).map(|ms| inject(ms, identified(17, 1, 0, &[0; 8]))).collect();
    let mut asked = 0;
    let small = shrink(&scenario(), steps, &mut |steps| {
        asked += 1;
        [17, 63].iter().all(|ms| steps.iter().any(|step| step.at.as_millis() == *ms))
    });
    let left: Vec<_> = small.iter().map(|step| step.at.as_millis()).collect();
    assert_eq!(left, [17, 63]);
    assert!(asked < 200, "{asked} candidates for two of a hundred steps");
}

#[test]
fn datagram_becomes_plain_and_keeps_right_checksums() {
    let mut message = vec![8, 0, 0, 0, 0x12, 0x34, 0, 7];
    message.extend([0xaa; 500]);
    let mut frame = with_options(&[7, 7, 4, 0, 0, 0, 0, 0], &message[..100]);
    frame[8] = 3;
    let frame = with_checksum(frame);
    let has_message =
        |frame: &[u8]| Layout::of(frame, LinkKind::Ip).is_some_and(|it| it.end - it.payload() >= 8);
    let small = one(frame, |frame| has_message(frame) && frame[8] == 3);
    assert_eq!(small, {
        let mut plain = icmp(&[0; 8]);
        plain[4..6].copy_from_slice(&[0, 1]);
        plain[8] = 3;
        with_checksum(plain)
    });
}

#[test]
fn wrong_checksum_stays_wrong() {
    let mut frame = icmp(&[8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
    frame[11] ^= 0x55;
    let small = one(frame, |frame| frame.len() >= 20 && Layout::of(frame, LinkKind::Ip).is_some());
    let sum: u32 = small[..20].chunks(2).map(|word| u32::from(word[0]) << 8 | u32::from(word[1])).sum();
    assert_ne!((sum & 0xffff) + (sum >> 16), 0xffff);
}

#[test]
fn shrinking_ends() {
    let steps: Vec<Step> = (0..3).map(|ms| inject(ms, identified(1, 1, 0, &[7; 200]))).collect();
    let mut asked = 0;
    shrink(&scenario(), steps, &mut |_| {
        asked += 1;
        true
    });
    assert!(asked <= CANDIDATES);
}
