//! Seeds for the fuzz targets from captures and traces, and traces from what fuzzers found.
//!
//! `fuzz_seeds seeds CORPUS OUT` writes into `OUT/<target>/` what the captures and traces below `CORPUS` and a few
//! seeded runs give each target to begin with; `ci/fuzz-seeds` minimizes that into `corpus/<target>/`.
//! `fuzz_seeds trace TARGET INPUT OUT.pcapng` writes the steps that a script comes to in a target as a trace.
//! `fuzz_seeds live INPUT OUT.pcapng` writes the steps that `linux_differential` makes of an input, for `netassay diff`.
//! `fuzz_seeds show TARGET INPUT` prints a script as a target plays it.
//! `fuzz_seeds smaller TARGET INPUT OUT` leaves out of a script what is not needed for what the target objects to.
//! `fuzz_seeds run TARGET INPUT…` runs one target on inputs and names those that it objects to.
//! `fuzz_seeds check CORPUS` runs every target on its inputs and names those that it objects to.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use netassay::capture::{CaptureOptions, Plan, RoleChoice, Survey, read_trace, write_trace};
use netassay::dut::reference::ReferenceDut;
use netassay::dut::{Clock, Dut};
use netassay::fuzz_target::{TARGETS, Target, live_trace};
use netassay::generate::script::{Player, Script, crafted, from_trace, to_trace};
use netassay::generate::{Choice, Seeded, datagram, fragment, script};
use netassay::model::{Action, Limits, LinkKind, Observation, Role, Scenario, Step, Trace, scenario_file};
use netassay_stack::config::Profile;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Seeds for each target that come from a seed of ours.
const SEEDED: u64 = 200;
/// The longest datagram and the longest script that becomes a seed, in octets.
const LONGEST_DATAGRAM: usize = 600;
const LONGEST_SCRIPT: usize = 48 << 10;
/// Steps of a capture that are taken.
const MOST_STEPS: usize = 300;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["seeds", corpus, out] => seeds(Path::new(corpus), Path::new(out)),
        ["trace", target, input, out] => {
            played(target, Path::new(input)).and_then(|script| trace(script, Path::new(out)))
        }
        ["live", input, out] => live(Path::new(input), Path::new(out)),
        ["run", name, ref inputs @ ..] => run(name, inputs),
        ["smaller", target, input, out] => smaller(target, Path::new(input), Path::new(out)),
        ["show", target, input] => played(target, Path::new(input)).map(|script| println!("{script:#?}")),
        ["check", corpus] => check(Path::new(corpus)),
        _ => {
            Err("usage: fuzz_seeds seeds CORPUS OUT | trace TARGET INPUT OUT.pcapng | live INPUT OUT.pcapng \
                 | show TARGET INPUT | smaller TARGET INPUT OUT | run TARGET INPUT… | check CORPUS"
                .into())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fuzz_seeds: {error}");
            ExitCode::from(2)
        }
    }
}

/// Inputs by target; each once, named by its place.
#[derive(Default)]
struct Inputs(BTreeMap<&'static str, Vec<Vec<u8>>>);

impl Inputs {
    fn add(&mut self, target: &'static str, octets: &[u8]) {
        let inputs = self.0.entry(target).or_default();
        if !inputs.iter().any(|input| input == octets) {
            inputs.push(octets.to_vec());
        }
    }
}

fn seeds(corpus: &Path, out: &Path) -> Outcome<()> {
    let mut inputs = Inputs::default();
    let folders = ["captures", "probes", "regressions"].map(|folder| corpus.join(folder));
    let paths = folders.iter().filter(|folder| folder.is_dir()).map(|folder| captures(folder));
    for path in paths.collect::<Outcome<Vec<_>>>()?.concat() {
        let trace = load(&path)?;
        add_datagrams(&mut inputs, &trace);
        for profile in [Profile::Linux, Profile::Rfc] {
            let script = from_trace(&trace, profile).encode();
            if script.len() > LONGEST_SCRIPT {
                continue;
            }
            inputs.add("stack_sequence", &script);
            match trace.scenario.role {
                Role::Conntrack => inputs.add("conntrack_sequence", &script),
                Role::Nat => inputs.add("nat_sequence", &script),
                Role::Host | Role::Router if !trace.scenario.sockets.is_empty() => {
                    inputs.add("icmp_error_about", &script);
                }
                Role::Host | Role::Router => {}
            }
        }
        let octets = std::fs::read(&path)?;
        if octets.len() < 4096 {
            inputs.add("trace_file", &octets);
        }
    }
    (0..SEEDED).for_each(|seed| add_seeded(&mut inputs, seed));
    crafted().iter().for_each(|script| inputs.add(target_of(&script.scenario), &script.encode()));
    for (target, inputs) in &inputs.0 {
        let folder = out.join(target);
        std::fs::create_dir_all(&folder)?;
        for (number, octets) in inputs.iter().enumerate() {
            std::fs::write(folder.join(format!("{number:05}")), octets)?;
        }
        println!("{target}: {}", inputs.len());
    }
    Ok(())
}

/// The target that a script in `scenario` is made for.
const fn target_of(scenario: &Scenario) -> &'static str {
    match scenario.role {
        Role::Conntrack => "conntrack_sequence",
        Role::Nat => "nat_sequence",
        Role::Host | Role::Router => "stack_sequence",
    }
}

/// Every capture and trace below `folder`, in the order of their paths.
fn captures(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(captures(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "pcap" || extension == "pcapng") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// A trace as it is; a capture in the world that suits it.
fn load(path: &Path) -> Outcome<Trace> {
    if let Ok(trace) = read_trace(path) {
        return Ok(trace);
    }
    let survey = Survey::of(path, &CaptureOptions::default())?;
    let plan = Plan::new(&survey, RoleChoice::Auto, Limits::Open);
    let mut replay = plan.replay()?;
    let mut step = Step { at: Duration::ZERO, action: Action::Advance, packet: 0, comment: None };
    let mut steps = Vec::new();
    while steps.len() < MOST_STEPS && replay.next_into(&mut step)? {
        steps.push(step.clone());
    }
    Ok(to_trace("capture".to_owned(), Arc::clone(plan.scenario()), steps))
}

/// What is inside the frames of a trace, for the targets that read one datagram, message or quote.
fn add_datagrams(inputs: &mut Inputs, trace: &Trace) {
    for step in &trace.steps {
        let Action::Inject { interface, frame } = &step.action else { continue };
        let datagram = match trace.scenario.interfaces[*interface].link {
            LinkKind::Ip => &frame[..],
            LinkKind::Ethernet => frame.get(14..).unwrap_or_default(),
        };
        if datagram.len() > LONGEST_DATAGRAM {
            continue;
        }
        add_datagram(inputs, datagram);
    }
}

fn add_datagram(inputs: &mut Inputs, datagram: &[u8]) {
    for target in ["ipv4_header", "parser_agreement", "client_reply"] {
        inputs.add(target, datagram);
    }
    let header = usize::from(datagram.first().map_or(0, |first| first & 15)) * 4;
    let Some(payload) = datagram.get(header.max(20)..) else { return };
    if header > 20 {
        inputs.add("ipv4_options", &datagram[20..header.min(datagram.len())]);
    }
    if datagram[9] == 1 {
        inputs.add("icmp_message", payload);
        if let (Some(3 | 4 | 5 | 11 | 12), Some(quote)) = (payload.first(), payload.get(8..)) {
            inputs.add("icmp_error_inner", quote);
        }
    }
}

/// What a seed gives: octets for the targets that make choices of them, random scripts for the others.
fn add_seeded(inputs: &mut Inputs, seed: u64) {
    let mut choice = Seeded::part(seed, 77);
    for target in TARGETS {
        let len = choice.between(8, 400);
        let octets: Vec<u8> = (0..len).map(|_| choice.octet()).collect();
        match target.flavor {
            Some(_) => inputs.add(target.name, &Script::decode(&octets).encode()),
            None => inputs.add(target.name, &octets),
        }
    }
    let whole = datagram::datagram(&mut choice, &[]);
    add_datagram(inputs, &whole);
    fragment::train(&mut choice, &whole).iter().for_each(|piece| add_datagram(inputs, piece));
}

/// Runs every target on its inputs below `corpus`.
fn check(corpus: &Path) -> Outcome<()> {
    let mut objections = 0;
    for target in TARGETS {
        let Ok(folder) = std::fs::read_dir(corpus.join(target.name)) else { continue };
        for entry in folder {
            objections += usize::from(is_objected_to(target, &entry?.path())?);
        }
    }
    if objections == 0 { Ok(()) } else { Err(format!("{objections} inputs are objected to").into()) }
}

/// Runs the target called `name` on `inputs`.
fn run(name: &str, inputs: &[&str]) -> Outcome<()> {
    let target = Target::by_name(name).ok_or_else(|| format!("`{name}` is no target"))?;
    let mut objections = 0;
    for input in inputs {
        objections += usize::from(is_objected_to(target, Path::new(input))?);
    }
    if objections == 0 { Ok(()) } else { Err(format!("{objections} inputs are objected to").into()) }
}

/// Whether `target` objects to the input in `path`, and why in one line.
fn is_objected_to(target: &Target, path: &Path) -> Outcome<bool> {
    let what = objection(target, &std::fs::read(path)?);
    if let Some(what) = &what {
        println!("{}: {what}", path.display());
    }
    Ok(what.is_some())
}

/// Why `target` objects to `octets`, if it does.
fn objection(target: &Target, octets: &[u8]) -> Option<String> {
    match std::panic::catch_unwind(|| (target.run)(octets)) {
        Ok(Ok(())) => None,
        Ok(Err(finding)) => Some(finding.to_string()),
        Err(_) => Some("it panics".to_owned()),
    }
}

/// Writes what of the script in `input` is needed for what the target called `name` objects to. Which step it is at, and
/// with which numbers, does not matter.
fn smaller(name: &str, input: &Path, out: &Path) -> Outcome<()> {
    let target = Target::by_name(name).ok_or_else(|| format!("`{name}` is no target"))?;
    let octets = std::fs::read(input)?;
    let kind = |octets: &[u8]| {
        let what = objection(target, octets)?;
        let line = what.lines().next().unwrap_or_default();
        Some(line.chars().filter(|letter| !letter.is_ascii_digit()).collect::<String>())
    };
    let wanted = kind(&octets).ok_or_else(|| format!("{name} does not object to {}", input.display()))?;
    std::panic::set_hook(Box::new(|_| ()));
    let small = script::smaller(&octets, |octets| kind(octets).as_ref() == Some(&wanted));
    Ok(std::fs::write(out, small)?)
}

/// Writes the steps that `linux_differential` makes of `input`.
fn live(input: &Path, out: &Path) -> Outcome<()> {
    let (scenario, steps) = live_trace(&std::fs::read(input)?).ok_or("the world cannot be")?;
    let name = out.file_stem().map_or_else(|| "found".to_owned(), |name| name.to_string_lossy().into_owned());
    Ok(write_trace(out, &to_trace(name, scenario, steps))?)
}

/// The script in `input` as the target called `target` plays it.
fn played(target: &str, input: &Path) -> Outcome<Script> {
    let target = Target::by_name(target).ok_or_else(|| format!("`{target}` is no target"))?;
    let script = target.script(&std::fs::read(input)?);
    Ok(script.ok_or_else(|| format!("{} plays no scripts", target.name))?)
}

/// Writes the steps that `script` comes to on the reference.
fn trace(mut script: Script, out: &Path) -> Outcome<()> {
    scenario_file::tidy(&mut script.scenario);
    let mut dut = ReferenceDut::new(script.profile);
    if !script.settle(|scenario| dut.open(scenario).is_ok()) {
        return Err("the world cannot be".into());
    }
    let mut player = Player::new(&script);
    let (mut steps, mut observation) = (Vec::new(), Observation::default());
    while let Some(step) = player.step() {
        observation.clear();
        let midnight_ms = (step.at.as_millis() % 86_400_000) as u32;
        dut.step(step, Clock { monotonic: step.at, midnight_ms }, &mut observation)?;
        steps.push(step.clone());
        observation.frames.iter().for_each(|frame| player.hear(frame));
    }
    let name = out.file_stem().map_or_else(|| "found".to_owned(), |name| name.to_string_lossy().into_owned());
    let trace = to_trace(name, Arc::new(script.scenario), steps);
    Ok(write_trace(out, &trace)?)
}
