//! Command lines as a shell takes them.

/// The command of `words`, ready to be pasted into a shell.
pub(super) fn line(words: &[String]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(quoted("a/b-c.pcap"), "a/b-c.pcap");
        assert_eq!(quoted("icmp and host 10.0.0.1"), "'icmp and host 10.0.0.1'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
