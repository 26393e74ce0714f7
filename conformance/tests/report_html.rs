//! The HTML report in a browser: 100 000 packets and 200 causes, opened from disk, filtered, walked with the keyboard.
//!
//! Without a Chromium the tests are reported as ignored, with the reason. `NETASSAY_SCREENSHOTS=DIR` keeps pictures.

mod browser;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::{Arguments, Trial};
use netassay::model::{Dimension, RunResult, Verdict};
use netassay::report::html;
use netassay::report::sample::{HOSTILE_NAMES, Sample};
use serde_json::json;

use browser::Browser;

/// The numbers that the issue asks the report to be usable with.
const LARGE: Sample = Sample { verdicts: 100_000, causes: 200, captures: 120, seed: 7 };

/// A browser and a result that is written where it opens it.
struct Desk {
    browser: Browser,
    result: RunResult,
    file: PathBuf,
}

type Test = fn(&mut Desk);

const TESTS: [(&str, Test); 12] = [
    ("opens_from_disk_without_complaint_or_network", opens_from_disk_without_complaint_or_network),
    ("totals_are_those_of_the_result", totals_are_those_of_the_result),
    ("filters_show_what_they_say", filters_show_what_they_say),
    ("keyboard_reaches_everything", keyboard_reaches_everything),
    ("only_visible_rows_are_drawn", only_visible_rows_are_drawn),
    ("divergence_shows_both_answers", divergence_shows_both_answers),
    ("matrix_opens_a_capture_and_its_packets", matrix_opens_a_capture_and_its_packets),
    ("hostile_names_are_text", hostile_names_are_text),
    ("light_dark_and_narrow_are_legible", light_dark_and_narrow_are_legible),
    ("print_shows_all_tables", print_shows_all_tables),
    ("verdicts_that_are_not_listed_are_said_to_be", verdicts_that_are_not_listed_are_said_to_be),
    ("agreement_and_emptiness_are_said_plainly", agreement_and_emptiness_are_said_plainly),
];

fn main() {
    let arguments = Arguments::from_args();
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let program = browser::find();
    let desk: Arc<Mutex<Option<Desk>>> = Arc::default();
    let trials = TESTS.map(|(name, test)| {
        let (desk, program, folder) = (desk.clone(), program.clone(), folder.clone());
        let trial = Trial::test(name, move || {
            let program = program.ok_or("no Chromium on the search path")?;
            // Each test opens the page anew, so a test that failed before leaves nothing behind but its poison.
            let mut desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
            let desk = desk.get_or_insert_with(|| Desk::new(&program, &folder));
            desk.browser.look(1280, 900, "light");
            desk.browser.open(&desk.file);
            test(desk);
            assert_eq!(desk.browser.problems(), [""; 0]);
            Ok(())
        });
        match browser::find() {
            Some(_) => trial,
            None => trial.with_kind("no Chromium: run `ci/setup test`").with_ignored_flag(true),
        }
    });
    let conclusion = libtest_mimic::run(&arguments, trials.into());
    drop(desk);
    conclusion.exit();
}

impl Desk {
    fn new(program: &Path, folder: &Path) -> Self {
        let result = LARGE.result();
        let file = folder.join("report-large.html");
        std::fs::write(&file, html::render(&result)).expect("the folder for temporary files is writable");
        Self { browser: Browser::start(program, folder), result, file }
    }

    fn text(&mut self, selector: &str) -> String {
        let text = self.browser.eval(&format!("document.querySelector({})?.textContent", json!(selector)));
        text.as_str().unwrap_or_else(|| panic!("{selector} is not there")).to_owned()
    }

    fn count(&mut self, selector: &str) -> u64 {
        let count = self.browser.eval(&format!("document.querySelectorAll({}).length", json!(selector)));
        count.as_u64().expect("a number")
    }

    /// The first number of `12 of 200 causes`.
    fn found(&mut self) -> u64 {
        let text = self.text("#found");
        text.split(' ').next().unwrap().replace(',', "").parse().expect("a number")
    }

    /// The identity of what has the keyboard.
    fn focus(&mut self) -> String {
        self.browser.eval("document.activeElement?.id ?? ''").as_str().expect("text").to_owned()
    }

    fn search(&mut self, text: &str) {
        self.browser.press("/");
        self.browser.type_text(text);
    }

    fn choose(&mut self, select: &str, value: &str) {
        self.browser.eval(&format!(
            "(() => {{ const s = document.getElementById('{select}'); s.value = '{value}'; s.dispatchEvent(new Event('change')); }})()"
        ));
        self.browser.settle();
    }

    fn verdicts(&self) -> impl Iterator<Item = (&str, u64, &Verdict)> {
        self.result
            .captures
            .iter()
            .flat_map(|row| row.verdicts.iter().map(|v| (row.scenario.as_str(), v.packet, &v.verdict)))
    }
}

fn opens_from_disk_without_complaint_or_network(desk: &mut Desk) {
    assert_eq!(desk.browser.eval("location.protocol"), "file:");
    assert!(desk.count("#causes .grid-row") > 5);
    desk.browser.picture("causes-light.png");
}

fn totals_are_those_of_the_result(desk: &mut Desk) {
    let tiles = desk.browser.eval(
        "[...document.querySelectorAll('.tile dd')].map((d) => d.firstChild.textContent.replaceAll(',', ''))",
    );
    let totals = &desk.result.totals;
    let expected =
        [totals.traces, totals.packets, totals.agree, totals.explained, totals.diverge, totals.skipped];
    assert_eq!(tiles, json!(expected.map(|n| n.to_string())));
    assert!(totals.explained + totals.diverge > 99_000, "the sample is as large as it should be");
    let unexplained = desk.result.causes.iter().filter(|cause| cause.ledger.is_empty()).count();
    assert!(desk.text(".lede").contains(&format!("for {unexplained} causes")));
}

fn filters_show_what_they_say(desk: &mut Desk) {
    let causes = desk.result.causes.clone();
    assert_eq!(desk.found(), causes.len() as u64);
    desk.browser.click("#chip-explained");
    assert_eq!(desk.found(), causes.iter().filter(|cause| cause.ledger.is_empty()).count() as u64);
    desk.choose("dimension", "counters");
    let in_counters = causes.iter().filter(|cause| cause.examples[0].dimension == Dimension::Counters);
    assert_eq!(desk.found(), in_counters.count() as u64);
    desk.choose("dimension", "");

    desk.browser.press("3");
    let diverging = desk.verdicts().filter(|(.., verdict)| matches!(verdict, Verdict::Diverge(_))).count();
    assert_eq!(desk.found(), diverging as u64);
    desk.choose("scenario", "1");
    let scenario = desk.text("#scenario option:nth-child(3)");
    let of_scenario =
        |verdict: &(&str, u64, &Verdict)| verdict.0 == scenario && matches!(verdict.2, Verdict::Diverge(_));
    let expected = desk.verdicts().filter(of_scenario).count() as u64;
    assert_eq!(desk.found(), expected);
    desk.search("closed port");
    let ports: Vec<_> = causes
        .iter()
        .filter(|cause| cause.title.contains("closed port"))
        .map(|cause| cause.fingerprint.clone())
        .collect();
    let shows_port = |verdict: &Verdict| matches!(verdict, Verdict::Diverge(ids) if ids.iter().any(|id| ports.contains(id)));
    let expected = desk.verdicts().filter(of_scenario).filter(|v| shows_port(v.2)).count() as u64;
    assert!(expected > 0);
    assert_eq!(desk.found(), expected);
    desk.browser.picture("packets-filtered.png");

    desk.browser.type_text(" no such thing");
    assert_eq!(desk.found(), 0);
    assert_eq!(desk.count("#panel-packets .empty:not([hidden])"), 1);
}

fn keyboard_reaches_everything(desk: &mut Desk) {
    desk.browser.press("/");
    assert_eq!(desk.focus(), "search");
    desk.browser.type_text("redirect");
    let redirects = desk.result.causes.iter().filter(|cause| cause.title.contains("redirect")).count() as u64;
    assert_eq!(desk.found(), redirects);
    desk.browser.press("Escape");
    assert_eq!(desk.found(), desk.result.causes.len() as u64, "the first Escape clears the search");
    desk.browser.press("Escape");
    assert_eq!(desk.focus(), "causes", "the second leaves it");

    desk.browser.press("j");
    desk.browser.press("ArrowDown");
    desk.browser.press("k");
    let active = desk.browser.eval("document.getElementById('causes').getAttribute('aria-activedescendant')");
    assert_eq!(active, "causes-1");
    assert_eq!(desk.count("#causes-1.active"), 1);
    desk.browser.press("Enter");
    assert_eq!(desk.text("dialog[open] h2"), desk.result.causes[1].title);
    desk.browser.press("j");
    assert_eq!(desk.text("dialog[open] h2"), desk.result.causes[2].title);
    desk.browser.press("Escape");
    assert_eq!(desk.count("dialog[open]"), 0);
    assert_eq!(desk.focus(), "causes", "focus goes back to where it came from");

    for (key, panel) in [("2", "captures"), ("3", "packets"), ("4", "rest"), ("1", "causes")] {
        desk.browser.press(key);
        assert_eq!(desk.count(&format!("#panel-{panel}:not([hidden])")), 1);
        assert_eq!(desk.count(".panel:not([hidden])"), 1);
    }
    desk.browser.press("?");
    assert_eq!(desk.count("dialog.help[open]"), 1);
    desk.browser.press("Escape");
    tab_order_shows_focus(desk);
}

/// Tab goes through the controls in reading order, and each shows that it has the keyboard.
fn tab_order_shows_focus(desk: &mut Desk) {
    desk.browser.eval("(document.activeElement.blur(), scrollTo(0, 0), getSelection().removeAllRanges())");
    desk.browser.open(&desk.file.clone());
    let mut tops = Vec::new();
    for _ in 0..9 {
        desk.browser.press("Tab");
        let state = desk.browser.eval(
            "(() => { const e = document.activeElement; const shown = document.getElementById(e.getAttribute('aria-activedescendant')) ?? e; const s = getComputedStyle(shown); \
             return {top: e.getBoundingClientRect().top, outline: parseFloat(s.outlineWidth), style: s.outlineStyle, of: e.id || e.outerText}; })()",
        );
        assert!(
            state["outline"].as_f64().unwrap() >= 1.0 && state["style"] != "none",
            "no visible focus: {state}"
        );
        tops.push(state["top"].as_f64().unwrap());
    }
    assert!(tops.is_sorted_by(|one, other| one <= &(other + 20.0)), "{tops:?}");
}

fn only_visible_rows_are_drawn(desk: &mut Desk) {
    desk.browser.press("3");
    let packets = desk.verdicts().count() as u64;
    assert_eq!(desk.found(), packets);
    assert!(desk.count("#packets .grid-row") < 80);
    desk.browser.press("End");
    assert!(desk.count("#packets .grid-row") < 80);
    let last = packets - 1;
    assert_eq!(desk.count(&format!("#packets-{last}.active")), 1, "the last row is drawn");
    let (_, packet, _) = desk.verdicts().last().unwrap();
    let number = desk.text(&format!("#packets-{last} > :first-child")).replace(',', "");
    assert_eq!(number, packet.to_string());
    let visible = desk.browser.eval(&format!(
        "(() => {{ const b = document.getElementById('packets-{last}').getBoundingClientRect(); return b.top >= 0 && b.bottom <= innerHeight; }})()"
    ));
    assert_eq!(visible, true);
    let in_order = desk.browser.eval("[...document.querySelectorAll('#packets .grid-row')].every((row, at, all) => at === 0 || Number(row.dataset.index) === Number(all[at - 1].dataset.index) + 1)");
    assert_eq!(in_order, true, "document order is reading order");
    desk.browser.press("Home");
    assert_eq!(desk.count("#packets-0.active"), 1);
}

fn divergence_shows_both_answers(desk: &mut Desk) {
    let echo =
        desk.result.causes.iter().position(|cause| cause.title.starts_with("TTL of the echo reply")).unwrap();
    open_cause(desk, echo);
    let example = desk.result.causes[echo].examples[0].clone();
    assert_eq!(desk.count("dialog svg.ladder .arrow.in"), 2, "the stimulus goes to both");
    assert_eq!(desk.count("dialog svg.ladder .arrow.differs"), 2, "both answers come back");
    let ttl = desk.browser.eval("[...document.querySelectorAll('dialog .fields tr.differs')].map((row) => row.innerText.split(/\\s+/)[0])");
    assert_eq!(ttl, json!(["TTL", "checksum"]));
    assert_eq!(desk.text("dialog .fields tr.differs td.a"), "255");
    let marked = desk.browser.eval("[...document.querySelectorAll('dialog .dump')].slice(0, 1).map((d) => [...d.querySelectorAll('mark[data-at=\"8\"]')].map((m) => m.textContent)[0])");
    assert_eq!(marked, json!(["ff"]), "the octet of the TTL is marked");
    let counters = desk.text("dialog .compare.narrow");
    assert!(example.counters_a.keys().all(|name| counters.contains(name)), "{counters}");
    assert_eq!(desk.text("dialog .copy code"), example.command);
    desk.browser.picture("detail-light-top.png");
    desk.browser.eval("document.querySelector('dialog .frames').scrollIntoView()");
    desk.browser.settle();
    desk.browser.picture("detail-light-fields.png");
    desk.browser.click("dialog .copy button");
    let said = desk.text("dialog .copy button");
    assert!(said == "Copied" || said == "Selected", "{said}");

    let quoting =
        desk.result.causes.iter().position(|cause| cause.title.starts_with("octets quoted")).unwrap();
    open_cause(desk, quoting);
    let ledger = &desk.result.causes[quoting].ledger[0];
    let reason = desk.result.ledger[ledger].reason.clone();
    assert!(desk.text("dialog .ledger").contains(&reason));
    let layers =
        desk.browser.eval("[...document.querySelectorAll('dialog .layer-name')].map((n) => n.textContent)");
    assert!(layers.as_array().unwrap().contains(&json!("quoted UDP")), "{layers}");
    desk.browser.picture("detail-explained.png");
    let silent = desk.result.causes.iter().position(|cause| cause.title.starts_with("drop reason")).unwrap();
    open_cause(desk, silent);
    assert!(desk.text("dialog svg.ladder").contains("no answer"));
    assert!(desk.text("dialog svg.ladder").contains("IP_LOCAL_SOURCE"));
    let two = desk.result.causes.iter().position(|cause| cause.title.starts_with("redirect")).unwrap();
    open_cause(desk, two);
    assert_eq!(desk.count("dialog svg.ladder .arrow.same"), 2);
    assert!(desk.text("dialog svg.ladder").contains("nothing"));
    desk.browser.picture("detail-redirect.png");
}

/// Opens a cause through its link, as a colleague would send it.
fn open_cause(desk: &mut Desk, index: usize) {
    let fingerprint = desk.result.causes[index].fingerprint.clone();
    desk.browser.open(&desk.file.clone());
    desk.search(&fingerprint);
    assert_eq!(desk.found(), 1);
    desk.browser.press("Enter");
    desk.browser.press("Enter");
    assert_eq!(desk.text("dialog[open] h2"), desk.result.causes[index].title);
}

fn matrix_opens_a_capture_and_its_packets(desk: &mut Desk) {
    desk.browser.press("2");
    let words = desk.browser.eval("[...new Set([...document.querySelectorAll('#captures .cell-word')].map((w) => w.textContent.slice(2)))].sort()");
    assert!(words.as_array().unwrap().contains(&json!("diverge")), "{words}");
    desk.browser.picture("matrix-light.png");
    desk.browser.press("ArrowRight");
    desk.browser.press("Enter");
    let row = desk.result.captures[1].clone();
    assert_eq!(desk.text("dialog[open] h2"), row.capture);
    assert!(desk.text("dialog .parts").contains(&format!("{}", row.agree % 1000)));
    let causes = desk.browser.eval("[...document.querySelectorAll('dialog .linkish .soft')].map((b) => Number(/([\\d,]+) packet/.exec(b.textContent)[1].replace(',', ''))).reduce((a, b) => a + b)");
    assert_eq!(causes, row.explained + row.diverge, "each packet of the sample has one cause or entry");
    desk.browser.picture("capture.png");
    desk.browser.click("dialog .actions button");
    assert_eq!(desk.found(), row.explained + row.diverge);
    assert_eq!(desk.focus(), "packets");
}

fn hostile_names_are_text(desk: &mut Desk) {
    assert!(desk.browser.eval("document.title").as_str().unwrap().starts_with(&desk.result.a));
    desk.browser.press("2");
    desk.search("script");
    assert_eq!(desk.found(), 1);
    assert_eq!(desk.text("#captures .capture"), HOSTILE_NAMES[0]);
    desk.browser.press("Escape");
    desk.browser.type_text("bell");
    assert_eq!(desk.text("#captures .capture"), "esc\\u{1b}[31m bell\\u{7} line\\u{a}break\\u{202e}pacp.tel");
}

fn light_dark_and_narrow_are_legible(desk: &mut Desk) {
    for (width, scheme) in [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")] {
        desk.browser.look(width, 844, scheme);
        for (key, panel) in [("1", "causes"), ("2", "captures"), ("3", "packets"), ("4", "rest")] {
            desk.browser.press(key);
            desk.browser.picture(&format!("{panel}-{width}-{scheme}.png"));
            let overflow = desk
                .browser
                .eval("document.documentElement.scrollWidth - document.documentElement.clientWidth");
            assert_eq!(overflow, 0, "{panel} at {width}");
            assert_contrast(desk, scheme);
        }
        desk.browser.press("1");
        desk.browser.press("j");
        desk.browser.press("Enter");
        desk.browser.picture(&format!("detail-{width}-{scheme}.png"));
        let overflow = desk.browser.eval("(() => { const d = document.querySelector('dialog[open]'); return d.scrollWidth - d.clientWidth; })()");
        assert_eq!(overflow, 0, "detail at {width}");
        desk.browser.press("Escape");
    }
}

/// Text stands out from its ground by 4.5 to 1 (WCAG 2.2 §1.4.3).
fn assert_contrast(desk: &mut Desk, scheme: &str) {
    let poor = desk.browser.eval(
        r#"(() => {
          const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
          const rgba = (color) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
          const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
          const ground = (e) => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] > 250) return c; } return [255, 255, 255]; };
          const poor = [];
          for (const e of document.querySelectorAll('h1 span, .lede, .tile dt, .tile dd, .tile small, .tabs button, .chip, .grid-head > *, .grid-row .soft, .tag, .cell-word, .cell-count, footer span, .rest dd')) {
            if (!e.offsetParent) continue;
            const [text, back] = [light(rgba(getComputedStyle(e).color)), light(ground(e))];
            const ratio = (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05);
            if (ratio < 4.5) poor.push(`${e.className || e.tagName} ${e.textContent.slice(0, 20)} ${ratio.toFixed(2)}`);
          }
          return [...new Set(poor)];
        })()"#,
    );
    assert_eq!(poor, json!([]), "{scheme}");
}

/// Opens another result than the large one.
fn open_other(desk: &mut Desk, name: &str, result: &RunResult) {
    let file = desk.file.with_file_name(name);
    std::fs::write(&file, html::render(result)).expect("the folder for temporary files is writable");
    desk.browser.open(&file);
}

fn verdicts_that_are_not_listed_are_said_to_be(desk: &mut Desk) {
    let mut result = Sample::default().result();
    let row = result.captures.iter_mut().find(|row| row.diverge > 0).unwrap();
    let not_listed = row.verdicts.len();
    row.verdicts.clear();
    open_other(desk, "report-not-listed.html", &result);
    desk.browser.press("3");
    assert!(desk.text("#not-listed").starts_with(&format!("{not_listed} more packets differ")));
    desk.browser.press("2");
    desk.browser.press("Enter");
    assert!(desk.text("dialog .note").contains("0 are listed"));
}

fn agreement_and_emptiness_are_said_plainly(desk: &mut Desk) {
    open_other(desk, "report-agree.html", &Sample { verdicts: 0, causes: 3, captures: 2, seed: 1 }.result());
    assert!(desk.text(".lede").starts_with("No unexplained difference in"));
    assert_eq!(desk.count("#panel-causes .empty:not([hidden])"), 1);
    desk.browser.picture("agree.png");
    open_other(desk, "report-empty.html", &Sample { verdicts: 0, causes: 0, captures: 0, seed: 1 }.result());
    assert!(desk.text(".lede").starts_with("Nothing was compared."));
}

fn print_shows_all_tables(desk: &mut Desk) {
    desk.browser.call("Emulation.setEmulatedMedia", json!({"media": "print"}));
    desk.browser.eval("dispatchEvent(new Event('beforeprint'))");
    desk.browser.settle();
    let causes = desk.result.causes.len() as u64;
    assert_eq!(desk.count("#causes .grid-row"), causes, "all causes are printed");
    let shown = desk.browser.eval("['causes', 'captures', 'packets', 'rest'].map((id) => document.getElementById(`panel-${id}`).offsetHeight > 0)");
    assert_eq!(shown, json!([true, true, false, true]));
    assert_eq!(desk.browser.eval("document.querySelector('.toolbar').offsetHeight"), 0);
    desk.browser.call("Emulation.setEmulatedMedia", json!({"media": ""}));
}
