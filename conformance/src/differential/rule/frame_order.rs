//! Frames of one interface are compared in order; between interfaces there is no order.

use super::RuleInfo;
use crate::model::EmittedFrame;

/// What `netassay list rules` says.
pub const INFO: RuleInfo = RuleInfo {
    name: "frame-order-across-interfaces",
    applies_to: "frames emitted at one step",
    demands: "each interface emits the same frames in the same order; which of two interfaces was first is not compared",
    clause: "RFC 791 §2.2: links are independent of each other",
};

/// Fills `order` with the indices of `frames` by interface, keeping the order within each.
pub fn by_interface(frames: &[EmittedFrame], order: &mut Vec<usize>) {
    order.clear();
    order.extend(0..frames.len());
    if !frames.is_sorted_by_key(|frame| frame.interface) {
        order.sort_by_key(|index| (frames[*index].interface, *index));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_within_an_interface_is_kept() {
        let frame = |interface| EmittedFrame { interface, octets: Vec::new() };
        let mut order = vec![9];
        by_interface(&[frame(1), frame(0), frame(1), frame(0)], &mut order);
        assert_eq!(order, [1, 3, 0, 2]);
    }
}
