//! Hostile replies: what our own readers make of frames that a DUT emits. They may be anything.
//!
//! The decoder of reports and the comparison of observations read them; neither may fail, and each has laws.

use std::time::Duration;

use super::{Objection, hold, same};
use crate::differential::compare::Comparison;
use crate::differential::rule::{self, Context};
use crate::model::{Dimensions, EmittedFrame, LinkKind, Observation, Scenario, Step};
use crate::report::dissect::{Layer, dissect};

/// The clause of every rule here.
const CLAUSE: &str = "RFC 1122 §1.2.2";

/// Whether a decoded frame is made of what is in it, on either kind of link.
///
/// # Errors
/// The first field that lies elsewhere.
pub fn is_decoded_in_place(octets: &[u8]) -> Result<(), Objection> {
    for link in [LinkKind::Ip, LinkKind::Ethernet] {
        dissect(link, octets).layers.iter().try_for_each(|layer| lies_inside(layer, octets.len()))?;
    }
    Ok(())
}

fn lies_inside(layer: &Layer, len: usize) -> Result<(), Objection> {
    hold(CLAUSE, "a layer begins inside the frame", layer.offset <= len, || format!("{layer:?}"))?;
    let stray = layer.fields.iter().find(|field| field.offset + field.len > len);
    hold(CLAUSE, "a field lies inside the frame", stray.is_none(), || format!("{stray:?} of {len}"))
}

/// Whether comparing frames with themselves finds nothing, with others does not fail, and blanking what is free keeps
/// their length and needs to be done once only.
///
/// # Errors
/// The first law that is broken.
pub fn is_compared_by_law(
    scenario: &Scenario,
    step: &Step,
    frames: &[EmittedFrame],
) -> Result<(), Objection> {
    let context = Context::new(scenario, step, Duration::ZERO);
    let observation = Observation { frames: frames.to_vec(), ..Observation::default() };
    let mut comparison = Comparison::default();
    comparison.reset(scenario, Dimensions::ALL);
    let mut differences = Vec::new();
    comparison.observations(&context, &observation, &observation, &mut differences);
    hold(CLAUSE, "frames are equal to themselves", differences.is_empty(), || format!("{differences:?}"))?;
    for frame in frames {
        let once = rule::blank(&context, frame);
        same(CLAUSE, "what is blanked stays as long", once.len(), frame.octets.len())?;
    }
    let mut other = observation.clone();
    other.frames.rotate_left(frames.len() / 2);
    other.frames.iter_mut().for_each(|frame| {
        let half = frame.octets.len() / 2;
        if let Some(octet) = frame.octets.get_mut(half) {
            *octet ^= 1;
        }
    });
    comparison.observations(&context, &observation, &other, &mut differences);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::{Seeded, datagram};
    use crate::model::{Action, scenario_file};
    use crate::report::dissect::Field;

    fn step(frame: Vec<u8>) -> Step {
        Step { at: Duration::ZERO, action: Action::Inject { interface: 0, frame }, packet: 1, comment: None }
    }

    #[test]
    fn generated_replies_keep_the_laws() {
        let scenario = scenario_file::by_name("host").expect("the scenario is there").scenario();
        for seed in 0..1_000 {
            let mut choice = Seeded::new(seed);
            let stimulus = step(datagram::datagram(&mut choice, &[]));
            let octets = datagram::datagram(&mut choice, &[]);
            assert_eq!(is_decoded_in_place(&octets), Ok(()), "seed {seed}");
            let frames = [EmittedFrame { interface: 0, octets }];
            assert_eq!(is_compared_by_law(&scenario, &stimulus, &frames), Ok(()), "seed {seed}");
        }
    }

    #[test]
    fn a_field_outside_is_seen() {
        let field = Field { name: "type".into(), value: String::new(), offset: 9, len: 2 };
        let layer = Layer { name: "ICMP", depth: 0, offset: 0, fields: vec![field] };
        assert!(lies_inside(&layer, 11).is_ok());
        assert!(lies_inside(&layer, 10).is_err());
    }
}
