//! The arguments of one layer or option, taken one by one; what is left over is an error.

use std::net::Ipv4Addr;

use super::spec::{Argument, At, Call, SpecError, Value};

/// The longest payload that fits into a datagram.
const LONGEST: usize = 65_515;

/// Arguments that have not been asked for yet.
pub(super) struct Fields<'c> {
    call: &'c Call,
    taken: Vec<bool>,
    /// Everything that was asked for: what an unknown key can have meant.
    known: Vec<&'static str>,
}

impl<'c> Fields<'c> {
    pub(super) fn of(call: &'c Call) -> Self {
        Self { call, taken: vec![false; call.arguments.len()], known: Vec::new() }
    }

    /// An error that is about the layer as a whole.
    pub(super) fn error(&self, what: &str) -> SpecError {
        let name = &self.call.name;
        SpecError::new((name.column, name.len), format!("{}: {what}", name.it))
    }

    pub(super) fn unknown_layer(&self, known: &[&str]) -> SpecError {
        self.unknown("layer", known)
    }

    /// The name of the call is none of `known`.
    pub(super) fn unknown(&self, kind: &str, known: &[&str]) -> SpecError {
        let name = &self.call.name;
        SpecError::new((name.column, name.len), unknown(kind, &name.it, known))
    }

    /// The values of `key`, if given.
    pub(super) fn values(&mut self, key: &'static str) -> Option<&'c [Value]> {
        self.known.push(key);
        let is_asked = |argument: &Argument| argument.key.as_ref().is_some_and(|found| found.it == key);
        let position = self.call.arguments.iter().position(is_asked)?;
        self.taken[position] = true;
        Some(&self.call.arguments[position].values)
    }

    /// Whether the bare word `flag` stands among the arguments.
    pub(super) fn flag(&mut self, flag: &'static str) -> bool {
        self.known.push(flag);
        let is_flag = |argument: &Argument| {
            argument.key.is_none() && matches!(&argument.values[..], [Value::Word(word)] if word.it == flag)
        };
        let position = self.call.arguments.iter().position(is_flag);
        position.inspect(|position| self.taken[*position] = true).is_some()
    }

    /// The only value of `key` as `read` reads it, which says what it had to be if it is not.
    fn value<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, SpecError> {
        let Some(values) = self.values(key) else { return Ok(None) };
        match values {
            [Value::Word(word)] => match read(&word.it) {
                Some(value) => Ok(Some(value)),
                None => Err(SpecError::new((word.column, word.len), format!("{key} is {expected}"))),
            },
            _ => Err(SpecError::new(values[0].place(), format!("{key} is {expected}"))),
        }
    }

    fn number(&mut self, key: &'static str, largest: u32) -> Result<Option<u32>, SpecError> {
        self.value(key, &format!("a number, 0 to {largest}"), |word| number(word).filter(|it| *it <= largest))
    }

    pub(super) fn u8(&mut self, key: &'static str) -> Result<Option<u8>, SpecError> {
        Ok(self.number(key, u8::MAX.into())?.map(|it| it as u8))
    }

    pub(super) fn u16(&mut self, key: &'static str) -> Result<Option<u16>, SpecError> {
        Ok(self.number(key, u16::MAX.into())?.map(|it| it as u16))
    }

    pub(super) fn u32(&mut self, key: &'static str) -> Result<Option<u32>, SpecError> {
        self.number(key, u32::MAX)
    }

    pub(super) fn address(&mut self, key: &'static str) -> Result<Option<Ipv4Addr>, SpecError> {
        self.value(key, "an address such as 10.0.0.1", |word| word.parse().ok())
    }

    /// A fragment offset in octets.
    pub(super) fn offset(&mut self, key: &'static str) -> Result<Option<usize>, SpecError> {
        let is_offset = |it: &u32| *it <= 65_528 && it.is_multiple_of(8);
        self.value(key, "a multiple of 8, 0 to 65528", |word| {
            number(word).filter(is_offset).map(|it| it as usize)
        })
    }

    /// A number from 0 to 255, or one of the names.
    pub(super) fn named(&mut self, key: &'static str, names: &[(&str, u8)]) -> Result<Option<u8>, SpecError> {
        let Some(values) = self.values(key) else { return Ok(None) };
        let [Value::Word(word)] = values else {
            return Err(SpecError::new(values[0].place(), format!("{key} is a number or a name")));
        };
        let by_name = names.iter().find(|(name, _)| *name == word.it).map(|(_, value)| *value);
        let by_number = || number(&word.it).and_then(|it| u8::try_from(it).ok());
        by_name.or_else(by_number).map(Some).ok_or_else(|| {
            let known: Vec<_> = names.iter().map(|(name, _)| *name).collect();
            SpecError::new(
                (word.column, word.len),
                unknown(key, &word.it, &known) + ", or a number, 0 to 255",
            )
        })
    }

    /// Bits by their letters, the first one being bit 0; or a number.
    pub(super) fn letters(&mut self, key: &'static str, letters: &str) -> Result<Option<u8>, SpecError> {
        let read = |word: &str| {
            let bit = |letter: char| letters.find(letter).map(|position| 1u8 << position);
            let bits = word.chars().try_fold(0, |all, letter| Some(all | bit(letter)?));
            bits.or_else(|| number(word).and_then(|it| u8::try_from(it).ok()))
        };
        self.value(key, &format!("letters of {letters}, or a number, 0 to 255"), read)
    }

    /// The first bare value, a number up to `largest`.
    pub(super) fn positional(&mut self, what: &str, largest: u32) -> Result<usize, SpecError> {
        let expected = format!("{what} is a number, 0 to {largest}");
        match self.next_bare() {
            Some([Value::Word(word)]) => number(&word.it)
                .filter(|it| *it <= largest)
                .map(|it| it as usize)
                .ok_or_else(|| SpecError::new((word.column, word.len), expected)),
            Some(values) => Err(SpecError::new(values[0].place(), expected)),
            None => Err(self.error(&format!("{expected}, and is missing"))),
        }
    }

    /// All bare values as addresses.
    pub(super) fn addresses(&mut self) -> Result<Vec<Ipv4Addr>, SpecError> {
        let mut addresses = Vec::new();
        while let Some(values) = self.next_bare() {
            for value in values {
                let address = match value {
                    Value::Word(word) => word.it.parse().ok(),
                    _ => None,
                };
                addresses
                    .push(address.ok_or_else(|| SpecError::new(value.place(), "an address belongs here"))?);
            }
        }
        Ok(addresses)
    }

    /// The first bare value as octets: so many, a text, or in hexadecimal.
    pub(super) fn octets(&mut self) -> Result<Option<Vec<u8>>, SpecError> {
        let Some(values) = self.next_bare() else { return Ok(None) };
        let mut octets = Vec::new();
        for value in values {
            match value {
                Value::Text(text) => octets.extend_from_slice(text.it.as_bytes()),
                Value::Word(word) if word.it.starts_with("0x") => octets.extend(hex(word)?),
                Value::Word(word) => {
                    let len = number(&word.it).map(|it| it as usize).filter(|len| *len <= LONGEST);
                    let what = format!(
                        "a number of octets, 0 to {LONGEST}, a 'text', or octets such as 0x0102, belongs here"
                    );
                    let len = len.ok_or_else(|| SpecError::new(value.place(), what))?;
                    // Each octet tells where it stood.
                    octets.extend((0..len).map(|position| position as u8));
                }
                Value::Call(_) => return Err(SpecError::new(value.place(), "octets belong here")),
            }
        }
        Ok(Some(octets))
    }

    fn next_bare(&mut self) -> Option<&'c [Value]> {
        let arguments = self.call.arguments.iter().zip(&self.taken);
        let position =
            arguments.into_iter().position(|(argument, taken)| argument.key.is_none() && !taken)?;
        self.taken[position] = true;
        Some(&self.call.arguments[position].values)
    }

    /// Nothing may be left.
    pub(super) fn finish(self) -> Result<(), SpecError> {
        let left = self.call.arguments.iter().zip(&self.taken).find(|(_, taken)| !**taken);
        let Some((argument, _)) = left else { return Ok(()) };
        let name = &self.call.name.it;
        match (&argument.key, &argument.values[0]) {
            (Some(key), _) if self.known.contains(&&key.it[..]) => {
                Err(SpecError::new((key.column, key.len), format!("{} was given before", key.it)))
            }
            (Some(key), _) => Err(SpecError::new(
                (key.column, key.len),
                unknown(&format!("field of {name}"), &key.it, &self.known),
            )),
            (None, Value::Word(word)) if word.it.parse::<u32>().is_err() => Err(SpecError::new(
                (word.column, word.len),
                unknown(&format!("field of {name}"), &word.it, &self.known),
            )),
            (None, value) => {
                Err(SpecError::new(value.place(), format!("no `key=value`, as {name} takes them")))
            }
        }
    }
}

/// A number, decimal or hexadecimal.
fn number(word: &str) -> Option<u32> {
    match word.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    }
}

/// The octets of `0x…`.
pub(super) fn hex(word: &At<String>) -> Result<Vec<u8>, SpecError> {
    let digits = word.it.strip_prefix("0x").unwrap_or(&word.it);
    let pairs =
        digits.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    let octets: Option<Vec<u8>> = pairs.collect();
    let octets = octets.filter(|octets| octets.len() * 2 == digits.len());
    octets.ok_or_else(|| {
        SpecError::new((word.column, word.len), "octets are 0x and two hexadecimal digits each")
    })
}

/// `name` is none of `known`; says which one is meant if one is near.
fn unknown(kind: &str, name: &str, known: &[&str]) -> String {
    let nearest =
        known.iter().min_by_key(|known| distance(name, known)).filter(|known| distance(name, known) <= 2);
    match nearest {
        Some(nearest) => format!("`{name}` is no {kind}; did you mean `{nearest}`?"),
        None => format!("`{name}` is no {kind}; there are {}", known.join(", ")),
    }
}

/// How many letters have to be put in, taken out, changed or swapped with the next to get from one word to the other.
fn distance(one: &str, other: &str) -> usize {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut rows = vec![vec![0; other.len() + 1]; one.len() + 1];
    for i in 0..=one.len() {
        for j in 0..=other.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let changed = rows[i - 1][j - 1] + usize::from(one[i - 1] != other[j - 1]);
                let mut least = changed.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                    least = least.min(rows[i - 2][j - 2] + 1);
                }
                least
            };
        }
    }
    rows[one.len()][other.len()]
}
