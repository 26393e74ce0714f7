//! How fast steps are, against the least that the kernel takes for the same packet.

use std::time::Duration;

use super::sys::process;
use super::{LinuxDut, not_open};
use crate::dut::linux::error::Doing;
use crate::dut::{Clock, Dut, DutError};
use crate::model::{Action, Counters, Observation, Step};

/// CPU time of the calling thread per packet, the median of some rounds.
///
/// The three are measured in turns within one run, so their ratios hold even where the machine's speed changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speed {
    /// Nothing but writing the frame to the device and reading what comes back.
    pub floor: Duration,
    /// A whole step: frames, drop reasons, clock, sockets and events as the scenario has them.
    pub step: Duration,
    /// A step, and all counters after it.
    pub step_with_counters: Duration,
}

impl LinuxDut {
    /// Measures how long it takes to inject `frame` on interface number `interface`, in `rounds` rounds of `packets`
    /// packets each. The DUT must be open; its state is that of so many packets afterwards.
    ///
    /// # Errors
    /// Those of [`Dut::step`] and [`Dut::counters`].
    pub fn measure(
        &mut self,
        interface: usize,
        frame: &[u8],
        rounds: usize,
        packets: u32,
    ) -> Result<Speed, DutError> {
        let action = Action::Inject { interface, frame: frame.to_vec() };
        let step = Step { at: Duration::ZERO, action, packet: 0, comment: None };
        let mut observation = Observation::default();
        let mut counters = Counters::new();
        let mut times = [const { Vec::new() }; 3];
        for _ in 0..rounds {
            times[0].push(per_packet(packets, || self.bare(interface, frame))?);
            let mut take = |dut: &mut Self| {
                observation.clear();
                dut.step(&step, Clock::default(), &mut observation)
            };
            times[1].push(per_packet(packets, || take(self))?);
            times[2].push(per_packet(packets, || {
                take(self)?;
                self.counters(&mut counters)
            })?);
        }
        let [floor, step, step_with_counters] = times.map(median);
        Ok(Speed { floor, step, step_with_counters })
    }

    /// Writes `frame` and reads one answer, looking at nothing.
    fn bare(&mut self, interface: usize, frame: &[u8]) -> Result<(), DutError> {
        let port = self.world.as_mut().ok_or_else(not_open)?.ports.get_mut(interface);
        let port = port.ok_or_else(|| DutError::Unsupported(format!("there is no interface {interface}")))?;
        port.inject(frame, &mut self.scratch).doing(|| "writing a frame".to_owned())?;
        port.take(&mut self.buffer).doing(|| "reading a frame".to_owned()).map(drop)
    }
}

fn per_packet(packets: u32, mut once: impl FnMut() -> Result<(), DutError>) -> Result<Duration, DutError> {
    let start = process::clock(libc::CLOCK_THREAD_CPUTIME_ID);
    for _ in 0..packets {
        once()?;
    }
    Ok((process::clock(libc::CLOCK_THREAD_CPUTIME_ID) - start) / packets.max(1))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_is_the_one_in_the_middle() {
        assert_eq!(median([9, 1, 4].map(Duration::from_nanos).to_vec()), Duration::from_nanos(4));
        assert_eq!(median(Vec::new()), Duration::ZERO);
    }
}
