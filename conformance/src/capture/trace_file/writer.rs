//! Writes trace files.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::lines;
use super::octets::{self, Block, invalid};
use super::{OWN_INTERFACE, Observed, SCHEMA, TraceHeader};
use crate::model::scenario_file;
use crate::model::{Action, Step, Trace};

/// Writes one trace file, step by step.
pub struct TraceWriter<W: Write> {
    out: W,
    block: Block,
    interfaces: usize,
}

impl<W: Write> TraceWriter<W> {
    /// Begins a file with everything before the first step.
    ///
    /// # Errors
    /// If `out` does.
    pub fn new(mut out: W, header: &TraceHeader) -> io::Result<Self> {
        let mut block = Block::default();
        block.section();
        let mut first = format!("netassay trace {SCHEMA}\nname: {}", lines::text(&header.name));
        if let Some(recorded) = &header.recorded {
            first += &format!(
                "\ndut: {}\nversion: {}\ndimensions: {}",
                lines::text(&recorded.dut),
                lines::text(&recorded.version),
                recorded.dimensions.iter().map(|dimension| dimension.name()).collect::<Vec<_>>().join(" ")
            );
        }
        block.comments("", first.lines())?;
        block.comments("scenario:\n", scenario_file::to_toml(&header.scenario).lines())?;
        block.option(octets::USER_APPLICATION, concat!("netassay ", env!("CARGO_PKG_VERSION")).as_bytes());
        block.end(&mut out)?;
        for interface in &header.scenario.interfaces {
            block.interface(octets::link_type(interface), &interface.name).end(&mut out)?;
        }
        block.interface(octets::USER_0, OWN_INTERFACE).end(&mut out)?;
        Ok(Self { out, block, interfaces: header.scenario.interfaces.len() })
    }

    /// Writes a step and what was observed, if anything was.
    ///
    /// # Errors
    /// If the output does, if the step names an interface that the scenario has not, or if a line of text does not fit
    /// into a comment.
    pub fn step(&mut self, step: &Step, observed: Option<&Observed>) -> io::Result<()> {
        let mut text = Vec::new();
        lines::write_step(step, &mut text);
        if let Some(observed) = observed {
            lines::write_observed(observed, &mut text);
        }
        let ticks = u64::try_from(step.at.as_nanos()).map_err(|_| invalid("a time beyond 584 years"))?;
        match &step.action {
            Action::Inject { interface, frame } => {
                self.check_interface(*interface)?;
                self.packet(*interface, ticks, frame, octets::INBOUND, &text)?;
            }
            Action::Advance | Action::Socket { .. } => {
                self.packet(self.interfaces, ticks, &[], octets::INBOUND, &text)?;
            }
        }
        for frame in observed.iter().flat_map(|observed| &observed.observation.frames) {
            self.check_interface(frame.interface)?;
            self.packet(frame.interface, ticks, &frame.octets, octets::OUTBOUND, &[])?;
        }
        Ok(())
    }

    fn check_interface(&self, interface: usize) -> io::Result<()> {
        if interface < self.interfaces {
            Ok(())
        } else {
            Err(invalid("an interface that the scenario has not"))
        }
    }

    fn packet(
        &mut self,
        interface: usize,
        ticks: u64,
        frame: &[u8],
        direction: u32,
        text: &[String],
    ) -> io::Result<()> {
        let block = self.block.packet(interface, ticks, frame, direction)?;
        block.comments("", text.iter().map(String::as_str))?.end(&mut self.out)
    }

    /// Ends the file and gives the output back.
    ///
    /// # Errors
    /// If the output cannot be flushed.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

/// Writes a whole trace, stimuli only. Folders of `path` are made.
///
/// # Errors
/// If the file cannot be written.
pub fn write_trace(path: &Path, trace: &Trace) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let header = TraceHeader { name: trace.name.clone(), scenario: trace.scenario.clone(), recorded: None };
    let mut writer = TraceWriter::new(BufWriter::new(File::create(path)?), &header)?;
    for step in &trace.steps {
        writer.step(step, None)?;
    }
    writer.finish().map(|_| ())
}
