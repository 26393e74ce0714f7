//! A result as one HTML file that opens from disk, without network, and is at home with 100 000 packets.
//!
//! The page is a shell (style, theme, keyboard, virtual lists), a script for the kind of report, and the data as JSON.
//! The script builds everything it shows with `textContent`, never from markup, and the JSON is embedded with `<`
//! spelled out: so nothing that comes from a capture is ever parsed as HTML. That one rule is why there is no template
//! library here: a template would escape the dozen words of the shell, and the other megabytes would pass it by.
//! A content security policy forbids the page every address, in case the rule is broken some day.

mod data;
pub mod matrix;

use std::borrow::Cow;

use serde::Serialize;

use super::text::printable;
use crate::model::RunResult;

const SHELL: &str = include_str!("assets/shell.html");
const SHELL_STYLE: &str = include_str!("assets/shell.css");
const SHELL_SCRIPT: &str = include_str!("assets/shell.js");

/// What makes a page of the shell: every report of netassay fills one.
struct Page<'a> {
    title: &'a str,
    /// After the shell's own.
    styles: &'a [&'a str],
    /// After the shell's own; the last one starts the page.
    scripts: &'a [&'a str],
    /// As JSON.
    data: &'a str,
}

/// The page for a comparison of two DUTs.
pub fn render(result: &RunResult) -> String {
    let title = format!("{} ⇄ {} – netassay", printable(&result.a), printable(&result.b));
    Page {
        title: &title,
        styles: &[include_str!("assets/diff.css")],
        scripts: &[
            include_str!("assets/ladder.js"),
            include_str!("assets/octets.js"),
            include_str!("assets/detail.js"),
            include_str!("assets/diff.js"),
        ],
        data: &json_for_script(&data::Data::new(result)),
    }
    .render()
}

impl Page<'_> {
    fn render(&self) -> String {
        let style = [&[SHELL_STYLE], self.styles].concat().join("\n");
        let script = [&[SHELL_SCRIPT], self.scripts].concat().join("\n");
        fill(SHELL, |name| match name {
            "title" => escape(self.title),
            "style" => Cow::Borrowed(&style),
            "script" => Cow::Borrowed(&script),
            "data" => Cow::Borrowed(self.data),
            _ => Cow::Borrowed(""),
        })
    }
}

/// Replaces each `{{name}}` of the template. What is filled in is not looked at again, so it may hold braces.
fn fill<'a>(template: &str, value: impl Fn(&str) -> Cow<'a, str>) -> String {
    let mut pieces = template.split("{{");
    let mut page = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once("}}").unwrap_or(("", piece));
        page.push_str(&value(name));
        page.push_str(rest);
    }
    page
}

/// JSON that neither ends its `<script>` element nor opens a comment in it: `<`, `>` and `&` can only stand in strings.
fn json_for_script(data: &impl Serialize) -> String {
    let json = serde_json::to_string(data).expect("maps have string keys and numbers are finite");
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['<', '>', '&', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    Cow::Owned(text.replace('"', "&quot;").replace('\'', "&#39;"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{HOSTILE_NAMES, Sample};

    /// The JSON as a browser would take it out of the page: up to the first end tag.
    fn embedded(page: &str) -> serde_json::Value {
        let (_, rest) = page.split_once(r#"<script type="application/json" id="data">"#).unwrap();
        let (json, _) = rest.split_once("</script").unwrap();
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn hostile_names_stay_data() {
        let mut result = Sample::default().result();
        result.a = HOSTILE_NAMES[0].to_owned();
        let page = render(&result);
        let data = embedded(&page);
        let captures: Vec<_> =
            data["captures"].as_array().unwrap().iter().map(|c| c.as_str().unwrap()).collect();
        assert!(HOSTILE_NAMES.iter().all(|name| captures.contains(name)));
        assert!(!page.contains("<script>document"));
        assert_eq!(page.matches("</script>").count(), 2, "the data's and the script's own end");
        assert!(page.contains("<title>&lt;/script&gt;"));
    }

    #[test]
    fn file_names_no_other_file_and_no_address() {
        let page = render(&Sample::default().result());
        let own = page.split(r#"<script type="application/json""#).next().unwrap();
        for outside in [" src=", " href=\"h", "@import", "url(", "fetch(", "XMLHttpRequest"] {
            assert!(!own.contains(outside), "{outside}");
        }
    }

    #[test]
    fn scripts_build_nodes_and_never_markup() {
        let page = render(&Sample::default().result());
        for markup in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
            assert!(!page.contains(markup), "{markup}");
        }
    }

    #[test]
    fn every_verdict_and_every_frame_is_in_the_data() {
        let result = Sample { verdicts: 3_000, causes: 40, captures: 12, seed: 9 }.result();
        let data = embedded(&render(&result));
        let rows = data["rows"].as_array().unwrap();
        for (row, expected) in rows.iter().zip(&result.captures) {
            let flat: Vec<u64> =
                row["verdicts"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
            let packets: Vec<u64> = flat
                .chunks(2)
                .scan(0, |at, pair| {
                    *at += pair[0];
                    Some(*at)
                })
                .collect();
            assert_eq!(packets, expected.verdicts.iter().map(|v| v.packet).collect::<Vec<_>>());
        }
        let example = &data["causes"][0]["examples"][0];
        let frame = &data["frames"][example["stimulus"].as_u64().unwrap() as usize];
        assert_eq!(frame["hex"], result.causes[0].examples[0].stimulus);
    }

    #[test]
    fn hundred_thousand_verdicts_take_little_room() {
        let page = render(&Sample { verdicts: 100_000, causes: 200, captures: 120, seed: 2 }.result());
        assert!(page.len() < 4 << 20, "{} octets", page.len());
    }

    #[test]
    fn template_values_are_not_filled_again() {
        let page =
            fill("{{data}}-{{title}}", |name| if name == "data" { "{{title}}".into() } else { "t".into() });
        assert_eq!(page, "{{title}}-t");
    }
}
