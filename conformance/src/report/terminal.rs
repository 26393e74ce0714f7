//! A result on a terminal: what has to be looked at first, then what is known, then the sums.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::IsTerminal as _;

use super::text::{count, elapsed, fit, fit_end, number, printable};
use crate::model::{Cause, Dimension, Divergence, RunResult};

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether colors are wanted.
    pub color: bool,
    /// Columns of the terminal; lines are cut to it.
    pub width: usize,
}

impl Style {
    /// What suits standard output: colors on a terminal unless `NO_COLOR` is set, its width or 100 columns elsewhere.
    pub fn of_stdout() -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        Self {
            color: is_terminal && !is_dumb && !is_set("NO_COLOR"),
            width: width.filter(|_| is_terminal).unwrap_or(100).max(40),
        }
    }

    pub(super) fn paint(self, ink: Ink, text: &str) -> String {
        if self.color { format!("\u{1b}[{}m{text}\u{1b}[0m", ink as u8) } else { text.to_owned() }
    }
}

/// SGR codes.
#[derive(Clone, Copy)]
pub(super) enum Ink {
    Bold = 1,
    Faint = 2,
    Red = 31,
    Green = 32,
    Yellow = 33,
    Blue = 34,
}

/// The whole report, ending in a line feed.
pub fn render(result: &RunResult, style: Style) -> String {
    let mut page = Page { text: String::new(), style };
    page.headline(result);
    page.unexplained(result);
    page.explained(result);
    page.not_compared(result);
    page.ended_early(result);
    page.stale(result);
    page.totals(result);
    page.text
}

struct Page {
    text: String,
    style: Style,
}

impl Page {
    fn line(&mut self, text: &str) {
        let _ = writeln!(self.text, "{text}");
    }

    fn heading(&mut self, text: &str) {
        let painted = self.style.paint(Ink::Bold, text);
        let _ = write!(self.text, "\n{painted}\n");
    }

    /// A line that is cut to the terminal.
    fn cut(&mut self, text: &str) {
        let line = fit(text, self.style.width);
        self.line(&line);
    }

    fn headline(&mut self, result: &RunResult) {
        let (word, ink) = match (result.totals.diverge, result.totals.explained) {
            (0, 0) => ("AGREE", Ink::Green),
            (0, _) => ("AGREE, EXPLAINED", Ink::Green),
            _ => ("DIVERGE", Ink::Red),
        };
        let names = format!("  {} ⇄ {}", result.a, result.b);
        let names = fit(&names, self.style.width.saturating_sub(word.len()));
        let word = self.style.paint(ink, word);
        self.line(&format!("{word}{names}"));
    }

    fn unexplained(&mut self, result: &RunResult) {
        let causes: Vec<_> = result.causes.iter().filter(|cause| cause.ledger.is_empty()).collect();
        if causes.is_empty() {
            return;
        }
        self.heading(&format!(
            "{}, {}",
            count(causes.len() as u64, "unexplained cause"),
            count(result.totals.diverge, "packet")
        ));
        let layout = Layout::new(&causes, self.style.width);
        for cause in causes {
            let line = layout.line(cause, self.style);
            self.line(&line);
        }
    }

    fn explained(&mut self, result: &RunResult) {
        // By cause and not by verdict: a large run counts all verdicts but does not list them all.
        let mut packets: BTreeMap<&str, u64> = BTreeMap::new();
        for cause in &result.causes {
            for id in &cause.ledger {
                *packets.entry(id).or_default() += cause.count;
            }
        }
        if packets.is_empty() {
            return;
        }
        self.heading(&format!("Explained by the ledger, {}", count(result.totals.explained, "packet")));
        for (id, packets) in packets {
            let note = result.ledger.get(id);
            let why = note.map(|note| format!("  {} ({})", note.reason, note.clause)).unwrap_or_default();
            self.cut(&format!("{:>9}  {id}{why}", number(packets)));
        }
    }

    fn not_compared(&mut self, result: &RunResult) {
        let mut skips: BTreeMap<&str, u64> = BTreeMap::new();
        for skip in result.captures.iter().flat_map(|row| &row.skips) {
            *skips.entry(&skip.reason).or_default() += skip.packets;
        }
        let mut skips: Vec<_> = skips.into_iter().collect();
        skips.sort_by_key(|(reason, packets)| (std::cmp::Reverse(*packets), *reason));
        if skips.is_empty() && result.missing.is_empty() {
            return;
        }
        self.heading("Not compared");
        for (reason, packets) in skips {
            self.cut(&format!("{:>9}  {reason}", number(packets)));
        }
        for (dimension, why) in &result.missing {
            self.cut(&format!("{:>9}  {dimension}: {why}", "all"));
        }
    }

    fn ended_early(&mut self, result: &RunResult) {
        let failed = result.captures.iter().filter_map(|row| Some((row, row.error.as_deref()?)));
        // What stops one trace often stops all of its kind.
        let mut reasons: Vec<(&str, String, u64)> = Vec::new();
        for (row, error) in failed {
            match reasons.iter_mut().find(|(reason, ..)| *reason == error) {
                Some((_, _, others)) => *others += 1,
                None => {
                    let place = format!("{} under {}", printable(&row.capture), printable(&row.scenario));
                    reasons.push((error, place, 0));
                }
            }
        }
        if !reasons.is_empty() {
            self.heading("Ended early");
        }
        for (error, place, others) in reasons {
            let more = if others == 0 { String::new() } else { format!(" and {}", count(others, "other")) };
            // Not cut: this is what somebody has to mend before the rest means anything.
            let line = format!("  {place}{more}: {}", printable(error));
            self.line(&self.style.paint(Ink::Yellow, &line));
        }
    }

    fn stale(&mut self, result: &RunResult) {
        if result.stale_ledger.is_empty() {
            return;
        }
        self.heading("Ledger entries that nothing matched");
        for id in &result.stale_ledger {
            self.cut(&format!("  {id}"));
        }
    }

    fn totals(&mut self, result: &RunResult) {
        let totals = &result.totals;
        let paint = |ink, value: u64, word: &str| {
            let text = format!("{} {word}", number(value));
            if value == 0 { text } else { self.style.paint(ink, &text) }
        };
        let verdicts = [
            paint(Ink::Green, totals.agree, "agree"),
            paint(Ink::Blue, totals.explained, "explained"),
            paint(Ink::Red, totals.diverge, "diverge"),
            paint(Ink::Faint, totals.skipped, "skipped"),
        ];
        let head = format!("{}, {}", count(totals.traces, "trace"), count(totals.packets, "packet"));
        let line = format!("\n{head}: {} in {}", verdicts.join(", "), elapsed(result.elapsed_ms));
        self.line(&line);
    }
}

/// Columns of the table of causes.
struct Layout {
    packets: usize,
    dimension: usize,
    title: usize,
    place: usize,
}

impl Layout {
    fn new(causes: &[&Cause], width: usize) -> Self {
        let widest = |of: &dyn Fn(&Cause) -> usize| causes.iter().map(|cause| of(cause)).max().unwrap_or(0);
        let packets = widest(&|cause| number(cause.count).len()).max(7);
        let dimension = widest(&|cause| dimension(cause).len());
        let room = width.saturating_sub(2 + packets + 2 + dimension + 2 + 2);
        let title = widest(&|cause| printable(&cause.title).chars().count())
            .min((room * 3 / 5).max(room.saturating_sub(28)));
        Self { packets, dimension, title, place: room - title.min(room) }
    }

    fn line(&self, cause: &Cause, style: Style) -> String {
        let packets = format!("{:>1$}", number(cause.count), self.packets);
        let dimension = format!("{:1$}", dimension(cause), self.dimension);
        let title = format!("{:1$}", fit(&cause.title, self.title), self.title);
        let place = cause.examples.first().map(place).unwrap_or_default();
        let (packets, dimension) = (style.paint(Ink::Red, &packets), style.paint(Ink::Faint, &dimension));
        let place = style.paint(Ink::Faint, &fit_end(&place, self.place));
        format!("  {packets}  {dimension}  {title}  {place}").trim_end().to_owned()
    }
}

fn dimension(cause: &Cause) -> &'static str {
    cause.examples.first().map_or("", |example| Dimension::name(example.dimension))
}

/// Where to look: `CAPTURE:N` is what `netassay explain` takes.
fn place(example: &Divergence) -> String {
    format!("{} {}:{}", example.scenario, example.capture, example.packet)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::Sample;

    const PLAIN: Style = Style { color: false, width: 100 };

    #[test]
    fn sample_reads_as_recorded() {
        let text = render(&Sample::default().result(), PLAIN);
        assert_eq!(text, include_str!("snapshots/terminal.txt"), "now:\n{text}");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_none_breaks_out() {
        let mut result = Sample::default().result();
        result.captures.iter_mut().for_each(|row| row.error = None);
        for width in [40, 60, 80, 200] {
            let text = render(&result, Style { color: false, width });
            let body = text.trim_end().rsplit_once('\n').unwrap().0; // The sums are never cut.
            for line in body.lines() {
                assert!(
                    line.chars().count() <= width,
                    "{} columns for {width}: {line}",
                    line.chars().count()
                );
            }
            assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
        }
    }

    #[test]
    fn colors_only_surround_what_plain_text_shows() {
        let result = Sample::default().result();
        let colored = render(&result, Style { color: true, ..PLAIN });
        assert!(colored.contains("\u{1b}[31mDIVERGE\u{1b}[0m"));
        let mut plain = String::new();
        for (position, piece) in colored.split('\u{1b}').enumerate() {
            plain.push_str(if position == 0 { piece } else { piece.split_once('m').unwrap().1 });
        }
        assert_eq!(plain, render(&result, PLAIN));
    }

    #[test]
    fn agreement_is_short() {
        let result = Sample { verdicts: 0, causes: 1, captures: 1, seed: 1 }.result();
        let text = render(&result, PLAIN);
        assert!(text.starts_with("AGREE  reference"), "{text}");
        assert!(!text.contains("unexplained"));
    }
}
