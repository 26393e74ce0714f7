//! Scripts from `arbitrary`: octets without structure become choices for the generators.

use arbitrary::{Arbitrary, Unstructured};

use super::{Script, drawn};
use crate::generate::Choice;

/// Decisions drawn from `arbitrary`'s source of structure. Dry, it gives zeros.
#[derive(Debug)]
pub struct Drawn<'a>(Unstructured<'a>);

impl<'a> Drawn<'a> {
    /// Decisions read from `octets`.
    pub fn new(octets: &'a [u8]) -> Self {
        Self(Unstructured::new(octets))
    }

    fn take<T: Arbitrary<'a> + Default>(&mut self) -> T {
        self.0.arbitrary().unwrap_or_default()
    }
}

impl Choice for Drawn<'_> {
    fn bits(&mut self) -> u32 {
        self.take()
    }

    fn is_exhausted(&self) -> bool {
        self.0.is_empty()
    }

    fn below(&mut self, bound: u32) -> u32 {
        match bound {
            0 | 1 => 0,
            2..=0x100 => u32::from(self.take::<u8>()) % bound,
            0x101..=0x1_0000 => u32::from(self.take::<u16>()) % bound,
            _ => self.bits() % bound,
        }
    }

    fn octet(&mut self) -> u8 {
        self.take()
    }

    fn word(&mut self) -> u16 {
        self.take()
    }
}

impl<'a> Arbitrary<'a> for Script {
    fn arbitrary(source: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let octets = source.bytes(source.len())?;
        Ok(drawn::script(&mut Drawn::new(octets)))
    }
}
