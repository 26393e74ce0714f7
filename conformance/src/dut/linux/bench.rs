//! The least that the kernel takes for a packet, to measure everything else against.

use std::time::Duration;

use super::sys::process;
use super::{LinuxDut, not_open};
use crate::dut::DutError;
use crate::dut::linux::error::Doing;

/// CPU time that the calling thread has used: what other processes take does not count.
pub fn thread_time() -> Duration {
    process::clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

impl LinuxDut {
    /// Writes `frame` to interface number `into` and reads one frame from `out_of`, looking at neither. Tells whether
    /// there was one.
    ///
    /// # Errors
    /// When the DUT is not open, has no such interface, or its devices fail.
    pub fn pass_bare(&mut self, into: usize, out_of: usize, frame: &[u8]) -> Result<bool, DutError> {
        let ports = &mut self.world.as_mut().ok_or_else(not_open)?.ports;
        let no_interface =
            |number: usize| DutError::Unsupported(format!("there is no interface number {number}"));
        let port = ports.get_mut(into).ok_or_else(|| no_interface(into))?;
        port.inject(frame, &mut self.scratch).doing(|| "writing a frame".to_owned())?;
        let port = ports.get_mut(out_of).ok_or_else(|| no_interface(out_of))?;
        Ok(port.take(&mut self.buffer).doing(|| "reading a frame".to_owned())?.is_some())
    }
}
