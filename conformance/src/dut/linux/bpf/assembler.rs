//! BPF instructions by hand: the handful of short programs here need no compiler on the machine.

/// Registers: `R0` results, `R1` to `R5` arguments, `R6` to `R9` kept across calls, `R10` end of the stack.
pub(super) type Register = u8;
pub(super) const R0: Register = 0;
pub(super) const R1: Register = 1;
pub(super) const R2: Register = 2;
pub(super) const R3: Register = 3;
pub(super) const R4: Register = 4;
pub(super) const R5: Register = 5;
pub(super) const R6: Register = 6;
pub(super) const R7: Register = 7;
pub(super) const R8: Register = 8;
pub(super) const R9: Register = 9;
pub(super) const R10: Register = 10;

/// The kernel's helper functions by number.
#[derive(Clone, Copy, Debug)]
#[repr(i32)]
pub(super) enum Helper {
    CurrentThread = 14,
    CurrentTask = 35,
    ProbeReadKernel = 113,
    Jiffies = 118,
    Format = 165,
    MapLookupPerCpu = 195,
}

/// A place in the program to jump to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Label(usize);

/// A program being written.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    code: Vec<u64>,
    /// Where each label is, once it is placed.
    labels: Vec<Option<usize>>,
    /// Jumps to be completed: place of the instruction, target.
    jumps: Vec<(usize, Label)>,
}

impl Assembler {
    fn emit(&mut self, operation: u8, to: Register, from: Register, offset: i16, number: i32) -> &mut Self {
        self.code.push(
            u64::from(operation)
                | u64::from(to) << 8
                | u64::from(from) << 12
                | u64::from(offset as u16) << 16
                | u64::from(number as u32) << 32,
        );
        self
    }

    /// `to = number`
    pub(super) fn set(&mut self, to: Register, number: i32) -> &mut Self {
        self.emit(0xb7, to, 0, 0, number)
    }

    /// `to = from`
    pub(super) fn copy(&mut self, to: Register, from: Register) -> &mut Self {
        self.emit(0xbf, to, from, 0, 0)
    }

    /// `to = lower 32 bits of from`
    pub(super) fn copy_low(&mut self, to: Register, from: Register) -> &mut Self {
        self.emit(0xbc, to, from, 0, 0)
    }

    /// `to += number`
    pub(super) fn add(&mut self, to: Register, number: i32) -> &mut Self {
        self.emit(0x07, to, 0, 0, number)
    }

    /// `to += from`
    pub(super) fn add_register(&mut self, to: Register, from: Register) -> &mut Self {
        self.emit(0x0f, to, from, 0, 0)
    }

    /// `to -= from`
    pub(super) fn subtract_register(&mut self, to: Register, from: Register) -> &mut Self {
        self.emit(0x1f, to, from, 0, 0)
    }

    /// `to &= number`
    pub(super) fn and(&mut self, to: Register, number: i32) -> &mut Self {
        self.emit(0x57, to, 0, 0, number)
    }

    /// `to <<= number`
    pub(super) fn shift_left(&mut self, to: Register, number: i32) -> &mut Self {
        self.emit(0x67, to, 0, 0, number)
    }

    /// `to = 64 bits at from + offset`
    pub(super) fn load(&mut self, to: Register, from: Register, offset: i16) -> &mut Self {
        self.emit(0x79, to, from, offset, 0)
    }

    /// `to = 32 bits at from + offset`
    pub(super) fn load_word(&mut self, to: Register, from: Register, offset: i16) -> &mut Self {
        self.emit(0x61, to, from, offset, 0)
    }

    /// `to = 16 bits at from + offset`
    pub(super) fn load_short(&mut self, to: Register, from: Register, offset: i16) -> &mut Self {
        self.emit(0x69, to, from, offset, 0)
    }

    /// `64 bits at to + offset = from`
    pub(super) fn store(&mut self, to: Register, offset: i16, from: Register) -> &mut Self {
        self.emit(0x7b, to, from, offset, 0)
    }

    /// `32 bits at to + offset = number`
    pub(super) fn store_number(&mut self, to: Register, offset: i16, number: i32) -> &mut Self {
        self.emit(0x62, to, 0, offset, number)
    }

    /// `from = 64 bits at to + offset`, and adds the old `from` to them, in one indivisible step
    pub(super) fn fetch_add(&mut self, to: Register, offset: i16, from: Register) -> &mut Self {
        self.emit(0xdb, to, from, offset, 1)
    }

    /// `to = address of octet offset of the value of the array map number map`
    pub(super) fn map_value(&mut self, to: Register, map: i32, offset: usize) -> &mut Self {
        self.emit(0x18, to, 2, 0, map).emit(0, 0, 0, 0, offset as i32)
    }

    /// `to = the map number map itself`
    pub(super) fn map(&mut self, to: Register, map: i32) -> &mut Self {
        self.emit(0x18, to, 1, 0, map).emit(0, 0, 0, 0, 0)
    }

    /// Calls a helper function.
    pub(super) fn call(&mut self, helper: Helper) -> &mut Self {
        self.emit(0x85, 0, 0, 0, helper as i32)
    }

    /// A new label, not placed yet.
    pub(super) fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// Puts `label` here.
    pub(super) fn place(&mut self, label: Label) -> &mut Self {
        self.labels[label.0] = Some(self.code.len());
        self
    }

    /// Goes to `target` if `register == number`.
    pub(super) fn jump_if_is(&mut self, register: Register, number: i32, target: Label) -> &mut Self {
        self.jumps.push((self.code.len(), target));
        self.emit(0x15, register, 0, 0, number)
    }

    /// Goes to `target` if `register != number`.
    pub(super) fn jump_unless_is(&mut self, register: Register, number: i32, target: Label) -> &mut Self {
        self.jumps.push((self.code.len(), target));
        self.emit(0x55, register, 0, 0, number)
    }

    /// Goes to `target` if `one == other`.
    pub(super) fn jump_if_equal(&mut self, one: Register, other: Register, target: Label) -> &mut Self {
        self.jumps.push((self.code.len(), target));
        self.emit(0x1d, one, other, 0, 0)
    }

    /// Goes to `target` if `one != other`.
    pub(super) fn jump_unless_equal(&mut self, one: Register, other: Register, target: Label) -> &mut Self {
        self.jumps.push((self.code.len(), target));
        self.emit(0x5d, one, other, 0, 0)
    }

    /// Reads `len` octets of kernel memory at the address in `R3` to `R10 + stack`. `R0` is 0 if that went well.
    pub(super) fn peek(&mut self, stack: i16, len: i32) -> &mut Self {
        self.copy(R1, R10).add(R1, stack.into()).set(R2, len).call(Helper::ProbeReadKernel)
    }

    /// Ends with result 0, which is what the caller sees nothing of.
    pub(super) fn end(&mut self) -> &mut Self {
        self.set(R0, 0).emit(0x95, 0, 0, 0, 0)
    }

    /// The program with all jumps completed.
    ///
    /// # Panics
    /// If a label was jumped to but never placed.
    pub(super) fn finish(mut self) -> Vec<u64> {
        for (at, target) in self.jumps {
            let place = self.labels[target.0].expect("every label that is jumped to is placed");
            let distance = place as i64 - (at as i64 + 1);
            self.code[at] |= u64::from(distance as i16 as u16) << 16;
        }
        self.code
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jumps_count_instructions_from_the_next_one() {
        let mut assembler = Assembler::default();
        let end = assembler.label();
        assembler.jump_if_is(R1, 7, end).set(R2, 1).set(R3, -1).place(end).end();
        let code = assembler.finish();
        assert_eq!(code[0], 0x0000_0007_0002_0115);
        assert_eq!(code[2], 0xffff_ffff_0000_03b7);
        assert_eq!(code[4], 0x95);
    }
}
