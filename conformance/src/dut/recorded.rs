//! Recorded behaviors: a DUT that replays what another one was seen to do, and the recorder that stores it.
//!
//! A record is a trace file with observations (see [`crate::capture::trace_file`]). The record to replay is found by
//! the scenario and the steps, so the DUT needs no hint what trace is to come: of the records of a scenario those
//! stay in the running whose steps have been the ones asked for.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::capture::CaptureError;
use crate::capture::trace_file::{Observed, RecordedDut, TraceHeader, TraceReader, TraceWriter, TracedStep};
use crate::dut::{Clock, Dut, DutError};
use crate::model::{
    Action, ConntrackEntry, Counters, Dimension, Dimensions, Observation, Scenario, Step, scenario_file,
};

/// Replays recorded behaviors from the trace files of a folder.
pub struct Recorded {
    name: String,
    /// In the order of their paths.
    records: Vec<Record>,
    /// Records by scenario and first step.
    by_start: BTreeMap<(u64, u64), Vec<usize>>,
    dimensions: Dimensions,
    version: String,
    playing: Playing,
}

/// One file.
struct Record {
    path: PathBuf,
    /// Scenario that it was made in.
    scenario: u64,
    /// Whether it holds times of the DUT's own clock.
    has_clock: bool,
}

/// Where in which records the replay is.
#[derive(Default)]
struct Playing {
    scenario: u64,
    /// Whether the records of the scenario hold times.
    has_clock: bool,
    has_begun: bool,
    candidates: Vec<Candidate>,
    /// Counters since the beginning.
    counters: Counters,
    /// What was recorded of the last step.
    last: Option<Observed>,
    /// The table as it last changed.
    conntrack: Vec<ConntrackEntry>,
}

/// A record that fits so far.
struct Candidate {
    record: usize,
    steps: TraceReader,
}

impl Recorded {
    /// Looks at all trace files with observations in `path`, a folder or one file. What else is there is passed over.
    ///
    /// # Errors
    /// If there is no record, or one cannot be read.
    pub fn new(path: &Path) -> Result<Self, DutError> {
        let mut files = Vec::new();
        collect_files(path, &mut files)
            .map_err(|source| DutError::Io { what: path.display().to_string(), source })?;
        files.sort();
        let mut recorded = Self {
            name: format!("recorded:{}", path.display()),
            records: Vec::new(),
            by_start: BTreeMap::new(),
            dimensions: Dimensions::ALL,
            version: String::new(),
            playing: Playing::default(),
        };
        for file in files {
            recorded.add(file)?;
        }
        if recorded.records.is_empty() {
            return Err(DutError::Environment {
                what: "a recorded behavior".to_owned(),
                why: format!("{} holds no trace file with observations", path.display()),
            });
        }
        Ok(recorded)
    }

    fn add(&mut self, path: PathBuf) -> Result<(), DutError> {
        let Some(mut reader) = TraceReader::open(&path).map_err(record_error)? else { return Ok(()) };
        let header = reader.header().clone();
        let Some(recorded) = header.recorded else { return Ok(()) };
        let first = reader.next().transpose().map_err(record_error)?;
        let start = first.as_ref().map_or(0, |first| digest(&first.step.action));
        let has_clock = first.and_then(|first| first.observed?.clock).is_some();
        self.dimensions = self.dimensions.both(recorded.dimensions);
        let version = format!("{} {}", recorded.dut, recorded.version);
        if !self.version.split(", ").any(|known| known == version) {
            if !self.version.is_empty() {
                self.version.push_str(", ");
            }
            self.version.push_str(&version);
        }
        let scenario = scenario_digest(&header.scenario);
        self.by_start.entry((scenario, start)).or_default().push(self.records.len());
        self.records.push(Record { path, scenario, has_clock });
        Ok(())
    }

    /// The record whose observations the last step gave.
    pub fn playing(&self) -> Option<&Path> {
        self.playing.candidates.first().map(|candidate| self.records[candidate.record].path.as_path())
    }

    /// Opens the records that begin with this step.
    fn begin(&mut self, step: &Step) -> Result<(), DutError> {
        self.playing.has_begun = true;
        let start = (self.playing.scenario, digest(&step.action));
        for record in self.by_start.get(&start).into_iter().flatten() {
            if let Some(steps) = TraceReader::open(&self.records[*record].path).map_err(record_error)? {
                self.playing.candidates.push(Candidate { record: *record, steps });
            }
        }
        Ok(())
    }

    /// Takes `step` in all records in the running, and drops those that go on otherwise.
    fn advance(&mut self, step: &Step) -> Result<Observed, DutError> {
        let mut first = None;
        let mut mismatch = None;
        let mut candidates = std::mem::take(&mut self.playing.candidates);
        let mut failure = None;
        candidates.retain_mut(|candidate| match candidate.steps.next() {
            Some(Ok(traced)) if is_same(&traced.step, step) => {
                first = first.take().or(Some(traced));
                true
            }
            Some(Err(error)) => {
                failure = Some(error);
                false
            }
            other => {
                let traced = other.and_then(Result::ok);
                mismatch = Some((self.records[candidate.record].path.clone(), traced));
                false
            }
        });
        self.playing.candidates = candidates;
        match (first, failure) {
            (Some(traced), _) => Ok(traced.observed.unwrap_or_default()),
            (None, Some(error)) => Err(record_error(error)),
            (None, None) => Err(DutError::Record(explain(step, mismatch))),
        }
    }
}

impl Dut for Recorded {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn version(&self) -> String {
        self.version.clone()
    }

    fn dimensions(&self) -> Dimensions {
        self.dimensions
    }

    fn open(&mut self, scenario: &Scenario) -> Result<(), DutError> {
        let digest = scenario_digest(scenario);
        if !self.by_start.keys().any(|(known, _)| *known == digest) {
            return Err(DutError::Record(format!(
                "nothing was recorded in scenario `{}`, or it was changed since",
                scenario.name
            )));
        }
        let has_clock = self.records.iter().any(|record| record.scenario == digest && record.has_clock);
        self.playing = Playing { scenario: digest, has_clock, ..Playing::default() };
        Ok(())
    }

    fn step(&mut self, step: &Step, _clock: Clock, observation: &mut Observation) -> Result<(), DutError> {
        if !self.playing.has_begun {
            self.begin(step)?;
        }
        let mut observed = self.advance(step)?;
        if let Some(moved) = &observed.counters {
            for (id, amount) in moved.iter() {
                self.playing.counters.add(id, amount);
            }
        }
        if let Some(table) = &observed.conntrack {
            self.playing.conntrack.clone_from(table);
        }
        let seen = std::mem::take(&mut observed.observation);
        observation.frames.extend(seen.frames);
        observation.deliveries.extend(seen.deliveries);
        observation.socket_errors.extend(seen.socket_errors);
        observation.drops.extend(seen.drops);
        observation.conntrack_events.extend(seen.conntrack_events);
        observation.refused = seen.refused.or(observation.refused.take());
        self.playing.last = Some(observed);
        Ok(())
    }

    fn clock(&self) -> Option<Clock> {
        match &self.playing.last {
            Some(last) => last.clock,
            // Whoever pairs DUTs asks before the first step, to know whose clock counts.
            None => self.playing.has_clock.then(Clock::default),
        }
    }

    fn counters(&mut self, counters: &mut Counters) -> Result<(), DutError> {
        if self.playing.last.as_ref().is_some_and(|last| last.counters.is_none()) {
            return Err(DutError::Record("the counters were not read after this step".to_owned()));
        }
        counters.clone_from(&self.playing.counters);
        Ok(())
    }

    fn counters_are_cheap(&self) -> bool {
        true
    }

    fn conntrack(&mut self) -> Result<Vec<ConntrackEntry>, DutError> {
        if !self.dimensions.contains(Dimension::Conntrack) {
            return Err(DutError::Record("connection tracking was not recorded".to_owned()));
        }
        Ok(self.playing.conntrack.clone())
    }
}

/// Whether a recorded step is the one that is asked for. What it is called and where it came from does not matter.
fn is_same(recorded: &Step, asked: &Step) -> bool {
    recorded.action == asked.action && recorded.at == asked.at
}

/// Why no record has `step` next.
fn explain(step: &Step, mismatch: Option<(PathBuf, Option<TracedStep>)>) -> String {
    let asked = match step.packet {
        0 => format!("the step at {:?}", step.at),
        packet => format!("packet {packet} at {:?}", step.at),
    };
    match mismatch {
        None => format!("{asked} begins no record of this scenario"),
        Some((path, None)) => format!("{asked} comes after the end of {}", path.display()),
        Some((path, Some(traced))) => format!(
            "{asked} is not what was recorded in {}: there packet {} at {:?} comes next",
            path.display(),
            traced.step.packet,
            traced.step.at
        ),
    }
}

fn record_error(error: CaptureError) -> DutError {
    DutError::Record(error.to_string())
}

/// Equal for equal scenarios. Only compared within one process.
fn scenario_digest(scenario: &Scenario) -> u64 {
    let mut hasher = DefaultHasher::new();
    scenario_file::to_toml(scenario).hash(&mut hasher);
    hasher.finish()
}

/// Equal for equal actions. Only compared within one process.
fn digest(action: &Action) -> u64 {
    let mut hasher = DefaultHasher::new();
    match action {
        Action::Inject { interface, frame } => (1, interface, frame).hash(&mut hasher),
        Action::Advance => 2.hash(&mut hasher),
        Action::Socket { socket, action } => (3, socket, format!("{action:?}")).hash(&mut hasher),
    }
    hasher.finish()
}

/// All pcapng files in `path` and the folders below, or `path` itself.
fn collect_files(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        // Whether the file is there is found out here, not when it is its turn.
        File::open(path)?;
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        if path.is_dir() || path.extension().is_some_and(|extension| extension == "pcapng") {
            collect_files(&path, files)?;
        }
    }
    Ok(())
}

/// Stores what a DUT does with a trace, step by step.
pub struct Recorder<W: Write> {
    writer: TraceWriter<W>,
    dimensions: Dimensions,
    /// Counters when they were last read.
    before: Counters,
    now: Counters,
    /// The tracking table as last stored; it is stored only when it changed.
    table: Option<Vec<ConntrackEntry>>,
}

impl Recorder<BufWriter<File>> {
    /// Begins the file `path`; folders on the way are made.
    ///
    /// # Errors
    /// If the file cannot be written, or the DUT does not open.
    pub fn create(path: &Path, name: &str, scenario: &Scenario, dut: &mut dyn Dut) -> Result<Self, DutError> {
        let written = |source| DutError::Io { what: path.display().to_string(), source };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(written)?;
        }
        let file = File::create(path).map_err(written)?;
        Self::new(BufWriter::new(file), name, scenario, dut)
    }
}

impl<W: Write> Recorder<W> {
    /// Opens `dut` in `scenario` and begins the record of the trace called `name`.
    ///
    /// # Errors
    /// If the DUT does not open or `out` cannot be written.
    pub fn new(out: W, name: &str, scenario: &Scenario, dut: &mut dyn Dut) -> Result<Self, DutError> {
        dut.open(scenario)?;
        let dimensions = dut.dimensions();
        let header = TraceHeader {
            name: name.to_owned(),
            scenario: std::sync::Arc::new(scenario.clone()),
            recorded: Some(RecordedDut { dut: dut.name(), version: dut.version(), dimensions }),
        };
        let mut before = Counters::new();
        if dimensions.contains(Dimension::Counters) {
            dut.counters(&mut before)?;
        }
        let writer = TraceWriter::new(out, &header).map_err(write_error)?;
        Ok(Self { writer, dimensions, now: before.clone(), before, table: None })
    }

    /// Has `dut` take `step` and stores everything it lets out, which is also given back.
    ///
    /// # Errors
    /// If the DUT fails or the file cannot be written.
    pub fn step(&mut self, dut: &mut dyn Dut, step: &Step, clock: Clock) -> Result<Observed, DutError> {
        let mut observed = Observed::default();
        dut.step(step, clock, &mut observed.observation)?;
        observed.clock = dut.clock();
        if self.dimensions.contains(Dimension::Counters) {
            dut.counters(&mut self.now)?;
            observed.counters = Some(self.now.since(&self.before));
            self.before.clone_from(&self.now);
        }
        if self.dimensions.contains(Dimension::Conntrack) {
            let table = dut.conntrack()?;
            if self.table.as_ref() != Some(&table) {
                self.table = Some(table.clone());
                observed.conntrack = Some(table);
            }
        }
        self.writer.step(step, Some(&observed)).map_err(write_error)?;
        Ok(observed)
    }

    /// Ends the record.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn finish(self) -> Result<W, DutError> {
        self.writer.finish().map_err(write_error)
    }
}

fn write_error(source: io::Error) -> DutError {
    DutError::Io { what: "writing a record".to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::capture::test_file::TestFolder;
    use crate::model::{CounterId, EmittedFrame};

    /// Sends every frame back and counts it; has a clock of its own.
    struct Echo {
        counters: Counters,
        clock: Clock,
    }

    impl Dut for Echo {
        fn name(&self) -> String {
            "echo".to_owned()
        }
        fn version(&self) -> String {
            "7.1".to_owned()
        }
        fn dimensions(&self) -> Dimensions {
            Dimensions::NONE.with(Dimension::Frames).with(Dimension::Counters)
        }
        fn open(&mut self, _: &Scenario) -> Result<(), DutError> {
            self.counters.clear();
            Ok(())
        }
        fn step(&mut self, step: &Step, clock: Clock, observation: &mut Observation) -> Result<(), DutError> {
            self.clock = Clock { monotonic: clock.monotonic + Duration::from_secs(81), midnight_ms: 5 };
            if let Action::Inject { interface, frame } = &step.action {
                observation.frames.push(EmittedFrame { interface: *interface, octets: frame.clone() });
                self.counters.add(CounterId::icmp_in_type(8), 1);
            }
            Ok(())
        }
        fn clock(&self) -> Option<Clock> {
            Some(self.clock)
        }
        fn counters(&mut self, counters: &mut Counters) -> Result<(), DutError> {
            counters.clone_from(&self.counters);
            Ok(())
        }
        fn conntrack(&mut self) -> Result<Vec<ConntrackEntry>, DutError> {
            Err(DutError::Unsupported("no tracking".to_owned()))
        }
    }

    fn host() -> Scenario {
        scenario_file::by_name("host").expect("is built in").scenario()
    }

    fn inject(packet: u64, octet: u8) -> Step {
        let action = Action::Inject { interface: 0, frame: vec![octet; 3] };
        Step { at: Duration::from_secs(packet), action, packet, comment: None }
    }

    fn record(path: &Path, steps: &[Step]) {
        let mut dut = Echo { counters: Counters::new(), clock: Clock::default() };
        let mut recorder = Recorder::create(path, "a", &host(), &mut dut).expect("can be written");
        for step in steps {
            let clock = Clock { monotonic: step.at, midnight_ms: 0 };
            recorder.step(&mut dut, step, clock).expect("can be written");
        }
        recorder.finish().expect("can be written");
    }

    fn take(dut: &mut Recorded, step: &Step) -> Result<Observation, DutError> {
        let mut observation = Observation::default();
        dut.step(step, Clock::default(), &mut observation).map(|()| observation)
    }

    #[test]
    fn what_was_recorded_is_replayed() {
        let folder = TestFolder::new();
        let steps = [inject(1, 0x45), inject(2, 0x46)];
        record(&folder.path().join("sub/one.pcapng"), &steps);
        let mut dut = Recorded::new(folder.path()).unwrap();
        assert_eq!(dut.version(), "echo 7.1");
        assert_eq!(dut.dimensions(), Dimensions::NONE.with(Dimension::Frames).with(Dimension::Counters));
        for _ in 0..2 {
            dut.open(&host()).unwrap();
            let mut counters = Counters::new();
            for (number, step) in steps.iter().enumerate() {
                let observation = take(&mut dut, step).unwrap();
                assert_eq!(observation.frames[0].octets, vec![0x45 + number as u8; 3]);
                assert_eq!(dut.clock().unwrap().monotonic, step.at + Duration::from_secs(81));
                dut.counters(&mut counters).unwrap();
                assert_eq!(counters.value(CounterId::icmp_in_type(8)), number as i64 + 1);
            }
            assert!(matches!(dut.conntrack(), Err(DutError::Record(_))));
        }
    }

    #[test]
    fn the_record_is_found_by_its_steps() {
        let folder = TestFolder::new();
        record(&folder.path().join("a.pcapng"), &[inject(1, 1), inject(2, 2)]);
        record(&folder.path().join("b.pcapng"), &[inject(1, 1), inject(2, 3)]);
        let mut dut = Recorded::new(folder.path()).unwrap();
        dut.open(&host()).unwrap();
        take(&mut dut, &inject(1, 1)).unwrap();
        let observation = take(&mut dut, &inject(2, 3)).unwrap();
        assert_eq!(observation.frames[0].octets, [3; 3]);
        assert!(dut.playing().unwrap().ends_with("b.pcapng"));
    }

    #[test]
    fn steps_that_were_not_recorded_are_named() {
        let folder = TestFolder::new();
        let path = folder.path().join("a.pcapng");
        record(&path, &[inject(1, 1), inject(2, 2)]);
        let mut dut = Recorded::new(&path).unwrap();
        let texts = [
            vec![inject(1, 9)],
            vec![inject(1, 1), inject(7, 2)],
            vec![inject(1, 1), inject(2, 2), inject(3, 3)],
        ]
        .map(|steps| {
            dut.open(&host()).unwrap();
            let error = steps.iter().find_map(|step| take(&mut dut, step).err());
            error.expect("does not fit").to_string()
        });
        assert!(texts[0].contains("packet 1 at 1s begins no record"), "{}", texts[0]);
        assert!(texts[1].contains("packet 7 at 7s is not what was recorded"), "{}", texts[1]);
        assert!(texts[1].contains("packet 2 at 2s comes next"), "{}", texts[1]);
        assert!(texts[2].contains("packet 3 at 3s comes after the end"), "{}", texts[2]);
    }

    #[test]
    fn a_changed_scenario_and_an_empty_folder_are_refused() {
        let folder = TestFolder::new();
        assert!(matches!(Recorded::new(folder.path()), Err(DutError::Environment { .. })));
        record(&folder.path().join("a.pcapng"), &[inject(1, 1)]);
        let mut changed = host();
        changed.interfaces[0].mtu = 1400;
        let text = Recorded::new(folder.path()).unwrap().open(&changed).unwrap_err().to_string();
        assert!(text.contains("nothing was recorded in scenario `host`"), "{text}");
    }
}
