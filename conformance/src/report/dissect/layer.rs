//! What a decoded frame is made of, and the cursor that the decoders read through.

use std::borrow::Cow;
use std::ops::Range;

/// One field of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The RFC's word for it.
    pub name: Cow<'static, str>,
    /// Its value for people.
    pub value: String,
    /// Where it starts, in octets from the start of the frame.
    pub offset: usize,
    /// How many octets it touches; a field of some bits counts the octets it lies in.
    pub len: usize,
}

/// One header of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Protocol.
    pub name: &'static str,
    /// 0 for the frame itself, 1 for the datagram quoted in an ICMP error, and so on.
    pub depth: u8,
    /// Where it starts, in octets from the start of the frame.
    pub offset: usize,
    /// Its fields in wire order.
    pub fields: Vec<Field>,
}

/// Part of a frame that remembers where in the frame it lies.
pub(super) struct Cursor<'a> {
    octets: &'a [u8],
    start: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(octets: &'a [u8]) -> Self {
        Self { octets, start: 0 }
    }

    pub(super) fn start(&self) -> usize {
        self.start
    }

    pub(super) fn len(&self) -> usize {
        self.octets.len()
    }

    /// Everything from `at`; empty if there is nothing.
    pub(super) fn rest(&self, at: usize) -> Cursor<'a> {
        let at = at.min(self.octets.len());
        Cursor { octets: &self.octets[at..], start: self.start + at }
    }

    /// At most the first `len` octets.
    pub(super) fn first(&self, len: usize) -> Cursor<'a> {
        Cursor { octets: &self.octets[..len.min(self.octets.len())], start: self.start }
    }

    pub(super) fn octets(&self) -> &'a [u8] {
        self.octets
    }

    pub(super) fn read_u8(&self, at: usize) -> Option<u8> {
        self.octets.get(at).copied()
    }

    pub(super) fn read_u16(&self, at: usize) -> Option<u16> {
        let octets = self.octets.get(at..at.checked_add(2)?)?;
        Some(u16::from_be_bytes([octets[0], octets[1]]))
    }
}

impl Layer {
    pub(super) fn new(name: &'static str, depth: u8, offset: usize) -> Self {
        Self { name, depth, offset, fields: Vec::new() }
    }

    /// Adds a field of any width, if it is there.
    pub(super) fn octets(
        &mut self,
        from: &Cursor<'_>,
        name: impl Into<Cow<'static, str>>,
        range: Range<usize>,
        show: impl FnOnce(&[u8]) -> String,
    ) {
        if let Some(octets) = from.octets().get(range.clone()) {
            let offset = from.start() + range.start;
            self.fields.push(Field { name: name.into(), value: show(octets), offset, len: octets.len() });
        }
    }

    /// Adds a field of one octet or less.
    pub(super) fn u8(
        &mut self,
        from: &Cursor<'_>,
        name: &'static str,
        at: usize,
        show: impl FnOnce(u8) -> String,
    ) {
        self.octets(from, name, at..at + 1, |octets| show(octets[0]));
    }

    /// Adds a field of two octets or some bits of them.
    pub(super) fn u16(
        &mut self,
        from: &Cursor<'_>,
        name: &'static str,
        at: usize,
        show: impl FnOnce(u16) -> String,
    ) {
        self.octets(from, name, at..at + 2, |octets| show(u16::from_be_bytes([octets[0], octets[1]])));
    }

    /// Adds a field of four octets.
    pub(super) fn u32(
        &mut self,
        from: &Cursor<'_>,
        name: &'static str,
        at: usize,
        show: impl FnOnce(u32) -> String,
    ) {
        self.octets(from, name, at..at + 4, |octets| {
            show(u32::from_be_bytes([octets[0], octets[1], octets[2], octets[3]]))
        });
    }

    /// Says so if fewer than `needed` octets were there.
    pub(super) fn close(&mut self, from: &Cursor<'_>, needed: usize) {
        if from.len() < needed {
            let value = format!("after {} of {needed} octets", from.len());
            let offset = from.start() + from.len();
            self.fields.push(Field { name: "cut off".into(), value, offset, len: 0 });
        }
    }
}
