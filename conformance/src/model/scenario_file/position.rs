//! Where in a TOML text a value stands.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// One step from a table or an array to a value in it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part<'a> {
    /// Value of a key.
    Key(&'a str),
    /// Element of an array, from 0.
    Index(usize),
}

impl<'a> From<&'a str> for Part<'a> {
    fn from(key: &'a str) -> Self {
        Self::Key(key)
    }
}

impl From<usize> for Part<'_> {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// A TOML text and where each of its values stands.
pub(super) struct Position<'a> {
    text: &'a str,
    /// `None` if the text is no TOML, which the reader reports by itself.
    root: Option<toml::Spanned<DeTable<'a>>>,
}

impl<'a> Position<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, root: DeTable::parse(text).ok() }
    }

    /// Line and column of the value at `path`, or of the nearest value around it that the text has.
    pub(super) fn of(&self, path: &[Part<'_>]) -> (usize, usize) {
        line_and_column(self.text, self.span(path).start)
    }

    fn span(&self, path: &[Part<'_>]) -> Range<usize> {
        let Some(root) = &self.root else { return 0..0 };
        let mut span = 0..0;
        let mut table = Some(root.get_ref());
        let mut value: Option<&DeValue<'_>> = None;
        for part in path {
            let next = match (part, table, value) {
                (Part::Key(key), Some(table), _) => table.get(*key),
                (Part::Index(index), _, Some(DeValue::Array(array))) => array.get(*index),
                _ => None,
            };
            let Some(next) = next else { break };
            span = next.span();
            value = Some(next.get_ref());
            table = match next.get_ref() {
                DeValue::Table(table) => Some(table),
                _ => None,
            };
        }
        span
    }
}

/// Line and column, both from 1, of the character at octet `offset`.
pub(super) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
