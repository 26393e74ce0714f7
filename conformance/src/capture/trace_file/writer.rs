//! Writes trace files.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::lines;
use super::octets::{self, Block};
use super::{OWN_INTERFACE, Observed, SCHEMA, TraceHeader};
use crate::model::scenario_file;
use crate::model::{Action, LinkKind, Step, Trace};

/// Octets of a comment beyond which the next one is begun. A comment has at most 65535.
const FULL_COMMENT: usize = 60_000;
const LONGEST_COMMENT: usize = 65_535;

/// Link types of the interfaces.
const ETHERNET: u16 = 1;
const RAW_IP: u16 = 101;
/// For private use; nothing decodes the empty packets of our own interface.
const USER_0: u16 = 147;

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
        block.begin(0x0a0d_0d0a).word(0x1a2b_3c4d).half(1).half(0).word(u32::MAX).word(u32::MAX);
        let mut first = format!("netassay trace {SCHEMA}\nname: {}", lines::text(&header.name));
        if let Some(recorded) = &header.recorded {
            first += &format!(
                "\ndut: {}\nversion: {}\ndimensions: {}",
                lines::text(&recorded.dut),
                lines::text(&recorded.version),
                recorded.dimensions.iter().map(|dimension| dimension.name()).collect::<Vec<_>>().join(" ")
            );
        }
        comments(&mut block, "", first.lines())?;
        comments(&mut block, "scenario:\n", scenario_file::to_toml(&header.scenario).lines())?;
        block.option(octets::USER_APPLICATION, concat!("netassay ", env!("CARGO_PKG_VERSION")).as_bytes());
        block.end(&mut out)?;
        let own = (OWN_INTERFACE, USER_0);
        let of_scenario = header.scenario.interfaces.iter().map(|interface| {
            let link_type = match interface.link {
                LinkKind::Ip => RAW_IP,
                LinkKind::Ethernet => ETHERNET,
            };
            (interface.name.as_str(), link_type)
        });
        for (name, link_type) in of_scenario.chain([own]) {
            block.begin(1).half(link_type).half(0).word(0);
            block.option(octets::INTERFACE_NAME, name.as_bytes());
            block.option(octets::TIME_RESOLUTION, &[9]).end(&mut out)?;
        }
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
        let len = u32::try_from(frame.len()).map_err(|_| invalid("a frame of more than 4 GiB"))?;
        self.block.begin(6).word(interface as u32).word((ticks >> 32) as u32).word(ticks as u32);
        self.block.word(len).word(len).octets(frame);
        self.block.option(octets::PACKET_FLAGS, &direction.to_le_bytes());
        comments(&mut self.block, "", text.iter().map(String::as_str))?;
        self.block.end(&mut self.out)
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

/// Writes lines as few comments, each beginning with `prefix`.
fn comments<'a>(block: &mut Block, prefix: &str, lines: impl Iterator<Item = &'a str>) -> io::Result<()> {
    let mut comment = String::new();
    for line in lines {
        if prefix.len() + line.len() > LONGEST_COMMENT {
            return Err(invalid("a line of text that no comment can hold"));
        }
        if !comment.is_empty() && comment.len() + 1 + line.len() > FULL_COMMENT {
            block.option(octets::COMMENT, comment.as_bytes());
            comment.clear();
        }
        comment.push_str(if comment.is_empty() { prefix } else { "\n" });
        comment.push_str(line);
    }
    if !comment.is_empty() {
        block.option(octets::COMMENT, comment.as_bytes());
    }
    Ok(())
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("a trace file cannot hold {what}"))
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
