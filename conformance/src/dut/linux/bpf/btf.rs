//! The kernel's own type information: where the members of its structures are and what its enumerators are worth.
//!
//! Every running kernel with `/sys/kernel/btf/vmlinux` tells, so that nothing here depends on one version.

use std::collections::HashMap;
use std::sync::OnceLock;

/// Where the kernel keeps it.
pub(in super::super) const PATH: &str = "/sys/kernel/btf/vmlinux";

const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;
const KIND_ENUM: u32 = 6;
const KIND_ENUM64: u32 = 19;

/// Names that begin like this are kept when the enumerators are read.
const ENUMERATORS: &[&str] =
    &["IPSTATS_MIB_", "ICMP_MIB_", "TCP_MIB_", "UDP_MIB_", "LINUX_MIB_", "SKB_DROP_REASON_"];

/// What the kernel told, indexed once.
#[derive(Debug)]
pub(super) struct Btf {
    octets: Vec<u8>,
    /// Offset of the names.
    names: usize,
    /// Offset of each type, by its number less one.
    types: Vec<u32>,
    /// Number of each named structure.
    structures: HashMap<String, u32>,
    enumerators: HashMap<String, i64>,
}

/// The type information of the running kernel, read once per process.
pub(super) fn running_kernel() -> Result<&'static Btf, String> {
    static BTF: OnceLock<Result<Btf, String>> = OnceLock::new();
    let read = || {
        let octets = std::fs::read(PATH).map_err(|error| format!("reading {PATH}: {error}"))?;
        Btf::new(octets).ok_or_else(|| format!("{PATH} is not in the expected form"))
    };
    BTF.get_or_init(read).as_ref().map_err(Clone::clone)
}

impl Btf {
    /// Indexes `octets`; `None` if they are not BTF.
    fn new(octets: Vec<u8>) -> Option<Self> {
        let word = |at: usize| word(&octets, at);
        let header = word(4)? as usize;
        let start = header + word(8)? as usize;
        let end = start + word(12)? as usize;
        let names = header + word(16)? as usize;
        let mut btf = Self {
            names,
            types: Vec::new(),
            structures: HashMap::new(),
            enumerators: HashMap::new(),
            octets: Vec::new(),
        };
        let mut at = start;
        while at < end {
            let info = word(at + 4)?;
            let (kind, count) = (info >> 24 & 31, (info & 0xffff) as usize);
            btf.types.push(at as u32);
            if kind == KIND_STRUCT && count > 0 {
                let name = text(&octets, names + word(at)? as usize)?;
                btf.structures.entry(name.to_owned()).or_insert(btf.types.len() as u32);
            }
            if kind == KIND_ENUM || kind == KIND_ENUM64 {
                btf.keep_enumerators(&octets, at, kind, count)?;
            }
            at += 12 + trailing(kind, count);
        }
        btf.octets = octets;
        Some(btf)
    }

    fn keep_enumerators(&mut self, octets: &[u8], at: usize, kind: u32, count: usize) -> Option<()> {
        let step = if kind == KIND_ENUM { 8 } else { 12 };
        for member in (0..count).map(|number| at + 12 + step * number) {
            let name = text(octets, self.names + word(octets, member)? as usize)?;
            if ENUMERATORS.iter().any(|prefix| name.starts_with(prefix)) {
                self.enumerators.insert(name.to_owned(), i64::from(word(octets, member + 4)?));
            }
        }
        Some(())
    }

    /// The value of an enumerator whose name begins with one of [`ENUMERATORS`].
    pub(super) fn enumerator(&self, name: &str) -> Option<i64> {
        self.enumerators.get(name).copied()
    }

    /// All enumerators with this prefix: (rest of the name, value).
    pub(super) fn enumerators<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, i64)> {
        self.enumerators.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, *value)))
    }

    /// Offset in octets of `member` in `structure`, through unnamed structures and unions inside it.
    pub(super) fn offset(&self, structure: &str, member: &str) -> Result<usize, String> {
        let found = self.structures.get(structure).and_then(|number| self.bits(*number, member));
        found.map(|bits| bits / 8).ok_or_else(|| format!("the kernel has no {structure}.{member}"))
    }

    fn bits(&self, number: u32, wanted: &str) -> Option<usize> {
        let at = *self.types.get(number.checked_sub(1)? as usize)? as usize;
        let info = word(&self.octets, at + 4)?;
        let (kind, count, has_bit_fields) = (info >> 24 & 31, (info & 0xffff) as usize, info >> 31 == 1);
        if kind != KIND_STRUCT && kind != KIND_UNION {
            return None;
        }
        for member in (0..count).map(|number| at + 12 + 12 * number) {
            let name = text(&self.octets, self.names + word(&self.octets, member)? as usize)?;
            let offset = word(&self.octets, member + 8)?;
            // With bit fields the upper octet holds the width.
            let offset = if has_bit_fields { offset & 0xff_ffff } else { offset } as usize;
            if name == wanted {
                return Some(offset);
            }
            if name.is_empty()
                && let Some(inner) = self.bits(word(&self.octets, member + 4)?, wanted)
            {
                return Some(offset + inner);
            }
        }
        None
    }
}

/// Octets that follow the 12 which every type has.
fn trailing(kind: u32, count: usize) -> usize {
    match kind {
        1 | 14 | 17 => 4,
        3 => 12,
        KIND_STRUCT | KIND_UNION | 15 | KIND_ENUM64 => 12 * count,
        KIND_ENUM | 13 => 8 * count,
        _ => 0,
    }
}

fn word(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

fn text(octets: &[u8], at: usize) -> Option<&str> {
    let rest = octets.get(at..)?;
    let end = rest.iter().position(|octet| *octet == 0)?;
    std::str::from_utf8(&rest[..end]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `struct outer { int a; union { int b; int c; }; }; enum { ICMP_MIB_X = 5, OTHER = 6 };`
    fn sample() -> Vec<u8> {
        let names = b"\0outer\0a\0b\0c\0ICMP_MIB_X\0OTHER\0";
        let types: Vec<u32> = [
            [1, 4 << 24 | 2, 8].as_slice(),
            &[7, 3, 0],
            &[0, 2, 32],
            &[0, 5 << 24 | 2, 4],
            &[9, 3, 0],
            &[11, 3, 0],
            &[0, 1 << 24, 4],
            &[32],
            &[0, 6 << 24 | 2, 4],
            &[13, 5],
            &[24, 6],
        ]
        .concat();
        let header = [0x0001_eb9f, 24, 0, types.len() as u32 * 4, types.len() as u32 * 4, names.len() as u32];
        let mut octets: Vec<u8> = header.iter().chain(&types).flat_map(|word| word.to_ne_bytes()).collect();
        octets.extend_from_slice(names);
        octets
    }

    #[test]
    fn members_are_found_through_unnamed_unions() {
        let btf = Btf::new(sample()).unwrap();
        assert_eq!(btf.offset("outer", "a"), Ok(0));
        assert_eq!(btf.offset("outer", "c"), Ok(4));
        assert!(btf.offset("outer", "d").is_err());
        assert!(btf.offset("inner", "a").is_err());
    }

    #[test]
    fn only_known_enumerators_are_kept() {
        let btf = Btf::new(sample()).unwrap();
        assert_eq!(btf.enumerator("ICMP_MIB_X"), Some(5));
        assert_eq!(btf.enumerator("OTHER"), None);
        assert_eq!(btf.enumerators("ICMP_MIB_").collect::<Vec<_>>(), [("X", 5)]);
    }

    #[test]
    fn cut_off_octets_are_refused() {
        let whole = sample();
        for len in 0..24 {
            assert!(Btf::new(whole[..len].to_vec()).is_none(), "{len}");
        }
    }
}
