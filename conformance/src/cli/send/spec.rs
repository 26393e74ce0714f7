//! The words of a packet specification, before they mean anything.
//!
//! ```text
//! spec   = layer *( "/" layer )
//! layer  = name [ "(" [ argument *( "," argument ) ] ")" ]
//! argument = [ key "=" ] value *( "+" value )
//! value  = word | "'" text "'" | layer
//! ```
//!
//! Spaces count only inside quotes. What names, keys and values there are is known to [`super::build`].

use std::fmt;

/// Something written at a column of the specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct At<T> {
    /// Where, in characters from 0.
    pub(super) column: usize,
    /// How many characters.
    pub(super) len: usize,
    pub(super) it: T,
}

/// `name(argument, …)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) name: At<String>,
    pub(super) arguments: Vec<Argument>,
}

/// `key=value+value`, or values without a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Argument {
    pub(super) key: Option<At<String>>,
    pub(super) values: Vec<Value>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// A number, an address, a name.
    Word(At<String>),
    /// Text in quotes.
    Text(At<String>),
    /// Something with arguments of its own.
    Call(Call),
}

impl Value {
    /// Where it stands, and how long what names it is.
    pub(super) fn place(&self) -> (usize, usize) {
        match self {
            Self::Word(word) | Self::Text(word) => (word.column, word.len),
            Self::Call(call) => (call.name.column, call.name.len),
        }
    }
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SpecError {
    pub(super) column: usize,
    pub(super) len: usize,
    pub(super) what: String,
}

impl SpecError {
    pub(super) fn new((column, len): (usize, usize), what: impl Into<String>) -> Self {
        Self { column, len, what: what.into() }
    }

    /// The error under the specification that it is about.
    pub(super) fn under(&self, spec: &str) -> String {
        format!("{spec}\n{}{} {}", " ".repeat(self.column), "^".repeat(self.len.max(1)), self.what)
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column + 1, self.what)
    }
}

/// How deep calls may stand in calls.
const DEPTH: usize = 8;

/// Reads a specification.
pub(super) fn parse(spec: &str) -> Result<Vec<Call>, SpecError> {
    let mut reader = Reader { characters: spec.chars().collect(), at: 0 };
    let mut layers = vec![reader.layer()?];
    while reader.takes('/') {
        layers.push(reader.layer()?);
    }
    match reader.peek() {
        None => Ok(layers),
        Some(_) => Err(reader.error("a `/` and another layer, or the end, belongs here")),
    }
}

struct Reader {
    characters: Vec<char>,
    at: usize,
}

impl Reader {
    fn peek(&mut self) -> Option<char> {
        while self.characters.get(self.at) == Some(&' ') {
            self.at += 1;
        }
        self.characters.get(self.at).copied()
    }

    fn takes(&mut self, expected: char) -> bool {
        let is_next = self.peek() == Some(expected);
        self.at += usize::from(is_next);
        is_next
    }

    fn error(&self, what: &str) -> SpecError {
        SpecError::new((self.at, 1), what)
    }

    fn word(&mut self, what: &str) -> Result<At<String>, SpecError> {
        self.peek();
        let column = self.at;
        let is_of_word = |c: &char| c.is_ascii_alphanumeric() || ".-_:".contains(*c);
        let it: String = self.characters[column..].iter().take_while(|c| is_of_word(c)).collect();
        self.at += it.len();
        if it.is_empty() {
            return Err(self.error(&format!("{what} belongs here")));
        }
        Ok(At { column, len: it.len(), it })
    }

    fn layer(&mut self) -> Result<Call, SpecError> {
        let name = self.word("the name of a layer, such as `ipv4` or `icmp`,")?;
        let arguments = if self.takes('(') { self.arguments(1)? } else { Vec::new() };
        Ok(Call { name, arguments })
    }

    /// Everything up to the closing parenthesis.
    fn arguments(&mut self, depth: usize) -> Result<Vec<Argument>, SpecError> {
        let mut arguments = Vec::new();
        if self.takes(')') {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.argument(depth)?);
            if self.takes(')') {
                return Ok(arguments);
            }
            if !self.takes(',') {
                return Err(self.error("a `,` or a `)` belongs here"));
            }
        }
    }

    fn argument(&mut self, depth: usize) -> Result<Argument, SpecError> {
        let first = self.value(depth)?;
        let (key, first) = match first {
            Value::Word(key) if self.takes('=') => (Some(key), self.value(depth)?),
            other => (None, other),
        };
        let mut values = vec![first];
        while self.takes('+') {
            values.push(self.value(depth)?);
        }
        Ok(Argument { key, values })
    }

    fn value(&mut self, depth: usize) -> Result<Value, SpecError> {
        if self.takes('\'') {
            return self.text();
        }
        let word = self.word("a value")?;
        if !self.takes('(') {
            return Ok(Value::Word(word));
        }
        if depth == DEPTH {
            return Err(SpecError::new((word.column, word.len), "this is nested too deeply"));
        }
        let arguments = self.arguments(depth + 1)?;
        Ok(Value::Call(Call { name: word, arguments }))
    }

    fn text(&mut self) -> Result<Value, SpecError> {
        let column = self.at - 1;
        let it: String = self.characters[self.at..].iter().take_while(|c| **c != '\'').collect();
        self.at += it.chars().count();
        if !self.takes('\'') {
            return Err(SpecError::new((column, 1), "this quote is never closed"));
        }
        Ok(Value::Text(At { column, len: self.at - column, it }))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn layers_arguments_and_values_are_told_apart() {
        let layers = parse("ipv4( ttl=0, options=rr(9)+nop )/payload('a b')").unwrap();
        assert_eq!(layers.len(), 2);
        let [ttl, options] = &layers[0].arguments[..] else { panic!("{layers:?}") };
        assert_eq!(ttl.key.as_ref().map(|key| (&key.it[..], key.column)), Some(("ttl", 6)));
        assert!(matches!(&options.values[..], [Value::Call(rr), Value::Word(_)] if rr.name.it == "rr"));
        assert!(matches!(&layers[1].arguments[0].values[..], [Value::Text(text)] if text.it == "a b"));
    }

    #[rstest]
    #[case::empty("", 0, "the name of a layer")]
    #[case::no_layer("ipv4/", 5, "the name of a layer")]
    #[case::no_end("ipv4(ttl=1", 10, "a `,` or a `)`")]
    #[case::no_value("ipv4(ttl=)", 9, "a value")]
    #[case::rest("ipv4)icmp", 4, "a `/` and another layer")]
    #[case::quote("payload('a)", 8, "never closed")]
    #[case::not_ascii("ipv4(ttl=é)", 9, "a value")]
    #[case::deep("a(a(a(a(a(a(a(a(a(a(", 16, "nested too deeply")]
    fn errors_point_at_the_column(#[case] spec: &str, #[case] column: usize, #[case] what: &str) {
        let error = parse(spec).unwrap_err();
        assert_eq!(error.column, column, "{error}");
        assert!(error.what.contains(what), "{error}");
    }
}
