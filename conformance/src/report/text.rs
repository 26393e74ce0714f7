//! Words and numbers as reports print them.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A number with a comma between groups of three digits.
pub(super) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 packet`, `2,000 packets`.
pub(super) fn count(value: u64, noun: &str) -> String {
    let plural = if value == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", number(value))
}

/// Milliseconds as people say them.
pub(super) fn elapsed(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
        _ => format!("{} h {} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

/// The text with everything that a terminal would obey, or that would turn the writing direction, spelled out: names
/// of captures come from anywhere.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    let is_dangerous = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(is_dangerous) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().fold(String::with_capacity(text.len() + 8), |mut safe, c| {
        let _ = if is_dangerous(c) { write!(safe, "{}", c.escape_unicode()) } else { write!(safe, "{c}") };
        safe
    }))
}

/// At most `width` characters; what is cut away at the end is shown by an ellipsis.
pub(super) fn fit(text: &str, width: usize) -> String {
    let safe = printable(text);
    if safe.chars().count() <= width {
        return safe.into_owned();
    }
    safe.chars().take(width.saturating_sub(1)).chain(std::iter::once('…').take(width)).collect()
}

/// At most `width` characters, the end kept: of a path that is the part that tells.
pub(super) fn fit_end(text: &str, width: usize) -> String {
    let safe = printable(text);
    let length = safe.chars().count();
    if length <= width {
        return safe.into_owned();
    }
    std::iter::once('…').take(width).chain(safe.chars().skip(length + 1 - width.max(1))).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, "0")]
    #[case(999, "999")]
    #[case(1_000, "1,000")]
    #[case(1_234_567, "1,234,567")]
    fn numbers_are_grouped(#[case] value: u64, #[case] expected: &str) {
        assert_eq!(number(value), expected);
    }

    #[rstest]
    #[case(999, "999 ms")]
    #[case(1_250, "1.2 s")]
    #[case(61_000, "1 min 1 s")]
    #[case(3_660_000, "1 h 1 min")]
    fn times_are_said(#[case] ms: u64, #[case] expected: &str) {
        assert_eq!(elapsed(ms), expected);
    }

    #[rstest]
    #[case("short", 5, "short", "short")]
    #[case("too long", 5, "too …", "…long")]
    #[case("any", 1, "…", "…")]
    #[case("any", 0, "", "")]
    fn long_text_is_cut(#[case] text: &str, #[case] width: usize, #[case] start: &str, #[case] end: &str) {
        assert_eq!((fit(text, width).as_str(), fit_end(text, width).as_str()), (start, end));
    }

    #[test]
    fn escape_sequences_and_direction_marks_are_spelled_out() {
        assert_eq!(printable("a\u{1b}[31m\u{202e}b"), r"a\u{1b}[31m\u{202e}b");
        assert_eq!(printable("Ünïcode → fine"), "Ünïcode → fine");
    }
}
