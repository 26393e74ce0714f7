//! Reads trace files.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pcap_parser::pcapng::{Block, EnhancedPacketBlock, OptionCode, PcapNGOption};
use pcap_parser::traits::PcapNGPacketBlock;

use super::super::error::CaptureError;
use super::super::input::pcapng::BlockReader;
use super::octets;
use super::{OWN_INTERFACE, Observed, RecordedDut, SCHEMA, TraceHeader, TracedStep, lines, trace_of};
use crate::model::scenario_file;
use crate::model::{Action, Dimension, Dimensions, EmittedFrame, LinkKind, Scenario, Step, Trace};

/// Reads one trace file, step by step.
pub struct TraceReader {
    blocks: BlockReader<Box<dyn Read>>,
    header: TraceHeader,
    /// Packets of the file read so far.
    packets: u64,
    /// The step whose outbound packets may still follow.
    pending: Option<TracedStep>,
    /// Time of the last step.
    at: Duration,
}

impl TraceReader {
    /// Opens `path` if it is a trace file of netassay; `None` if it is something else, such as a capture.
    ///
    /// # Errors
    /// If the file cannot be read, or if it is a trace file and its header is wrong.
    pub fn open(path: &Path) -> Result<Option<Self>, CaptureError> {
        let io = |source| CaptureError::Io { path: path.to_owned(), source };
        Self::from_source(path, File::open(path).map_err(io)?)
    }

    /// As [`TraceReader::open`], from octets that need not be in a file; `path` names them in errors.
    ///
    /// # Errors
    /// If it is a trace file and its header is wrong.
    pub fn from_source(path: &Path, source: impl Read + 'static) -> Result<Option<Self>, CaptureError> {
        let source: Box<dyn Read> = Box::new(source);
        let mut blocks = BlockReader::new(path, source);
        // What is not even pcapng is no trace file, and whoever reads captures says what is wrong with it.
        let Ok(Some(Block::SectionHeader(section))) = blocks.next_block() else { return Ok(None) };
        let Some(comments) = trace_comments(&section.options) else { return Ok(None) };
        let (first, scenario) = comments;
        let header = header(path, &first, &scenario).map_err(|what| blocks.broken(what))?;
        let mut reader = Self { blocks, header, packets: 0, pending: None, at: Duration::ZERO };
        reader.read_interfaces()?;
        Ok(Some(reader))
    }

    /// What the file says before its first step.
    pub fn header(&self) -> &TraceHeader {
        &self.header
    }

    /// The interfaces have to be those of the scenario, and our own.
    fn read_interfaces(&mut self) -> Result<(), CaptureError> {
        let expected = expected_interfaces(&self.header.scenario);
        for (name, link_type) in &expected {
            let found = match self.blocks.next_block()? {
                Some(Block::InterfaceDescription(block)) => {
                    let name = block.if_name().and_then(Result::ok).unwrap_or_default().to_owned();
                    Some((name, block.linktype.0, block.if_tsresol))
                }
                _ => None,
            };
            let is_right = found.as_ref().is_some_and(|(found, number, resolution)| {
                found == name && *number == *link_type && *resolution == 9
            });
            if !is_right {
                let what =
                    format!("an interface `{name}` of link type {link_type} with nanoseconds is missing");
                return Err(self.blocks.broken(what));
            }
        }
        Ok(())
    }

    fn next_traced(&mut self) -> Result<Option<TracedStep>, CaptureError> {
        loop {
            self.blocks.set_packets(self.packets);
            let read = match self.blocks.next_block()? {
                None => {
                    if let Some(cut_off) = self.blocks.cut_off() {
                        let what = cut_off.what.clone();
                        return Err(self.blocks.broken(format!("the file is cut off: {what}")));
                    }
                    return Ok(self.pending.take());
                }
                Some(Block::EnhancedPacket(packet)) => Ok(ReadPacket::of(&packet)),
                Some(Block::InterfaceDescription(_) | Block::SectionHeader(_)) => {
                    Err("a trace has its interfaces before its first step, and one section")
                }
                Some(_) => continue,
            };
            let packet = read.and_then(|packet| packet).map_err(|what| self.blocks.broken(what))?;
            self.packets += 1;
            let finished = if packet.is_outbound {
                self.add_frame(packet).map(|()| None)
            } else {
                self.begin_step(packet)
            };
            match finished {
                Ok(None) => {}
                Ok(Some(step)) => return Ok(Some(step)),
                Err(what) => {
                    // The packet in question was counted already.
                    self.blocks.set_packets(self.packets - 1);
                    return Err(self.blocks.broken(what));
                }
            }
        }
    }

    /// A frame that the DUT emitted in the pending step.
    fn add_frame(&mut self, packet: ReadPacket) -> Result<(), String> {
        if packet.interface >= self.header.scenario.interfaces.len() {
            return Err("an outbound packet on no interface of the scenario".to_owned());
        }
        let step = self.pending.as_mut().ok_or("an outbound packet before the first step")?;
        let observed = step.observed.get_or_insert_with(Observed::default);
        observed.observation.frames.push(EmittedFrame { interface: packet.interface, octets: packet.octets });
        Ok(())
    }

    /// Begins the step of an inbound packet. Returns the one before, which is complete now.
    fn begin_step(&mut self, packet: ReadPacket) -> Result<Option<TracedStep>, String> {
        let parsed = lines::parse(packet.comments.iter().flat_map(|comment| comment.lines()))?;
        if packet.at < self.at {
            return Err("time goes back".to_owned());
        }
        self.at = packet.at;
        let interfaces = self.header.scenario.interfaces.len();
        let action = match (packet.interface, parsed.advance, parsed.socket) {
            (interface, None, None) if interface < interfaces => {
                Action::Inject { interface, frame: packet.octets }
            }
            (interface, Some(until), None) if interface == interfaces => {
                if until != packet.at {
                    return Err("the moment of `advance:` is not that of the packet".to_owned());
                }
                Action::Advance
            }
            (interface, None, Some((socket, action))) if interface == interfaces => {
                if socket >= self.header.scenario.sockets.len() {
                    return Err(format!("the scenario has no socket {socket}"));
                }
                Action::Socket { socket, action }
            }
            _ => return Err("the packet and its comment are not one step".to_owned()),
        };
        let is_observed = parsed.is_observed || self.header.recorded.is_some();
        let step = Step { at: packet.at, action, packet: parsed.packet, comment: parsed.comment };
        let traced = TracedStep { step, observed: is_observed.then_some(parsed.observed) };
        Ok(self.pending.replace(traced))
    }
}

impl Iterator for TraceReader {
    type Item = Result<TracedStep, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_traced().transpose()
    }
}

/// A packet of the file, its octets copied.
struct ReadPacket {
    interface: usize,
    at: Duration,
    octets: Vec<u8>,
    is_outbound: bool,
    comments: Vec<String>,
}

impl ReadPacket {
    fn of(packet: &EnhancedPacketBlock<'_>) -> Result<Self, &'static str> {
        let flags = packet.options.iter().find(|option| option.code.0 == octets::PACKET_FLAGS);
        let flags = flags.and_then(|option| option.as_bytes().ok()?.first_chunk().copied());
        let flags = flags.map_or(octets::INBOUND, u32::from_le_bytes);
        Ok(Self {
            interface: packet.if_id as usize,
            at: Duration::from_nanos(u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low)),
            octets: packet.packet_data().to_vec(),
            is_outbound: flags & 3 == octets::OUTBOUND,
            comments: comments(&packet.options)?,
        })
    }
}

fn comments(options: &[PcapNGOption<'_>]) -> Result<Vec<String>, &'static str> {
    let comments = options.iter().filter(|option| option.code == OptionCode::Comment);
    comments.map(|option| option.as_str().map(str::to_owned).map_err(|_| "a comment is not UTF-8")).collect()
}

/// The header lines and the scenario file in the comments of a section, if it is that of a trace file.
fn trace_comments(options: &[PcapNGOption<'_>]) -> Option<(String, String)> {
    let comments = comments(options).ok()?;
    let (first, rest) = comments.split_first()?;
    if !first.starts_with("netassay trace ") {
        return None;
    }
    let parts: Vec<_> = rest.iter().filter_map(|comment| comment.strip_prefix("scenario:\n")).collect();
    Some((first.clone(), parts.join("\n")))
}

fn header(path: &Path, first: &str, scenario: &str) -> Result<TraceHeader, String> {
    let mut lines = first.lines();
    let schema = lines.next().and_then(|line| line.strip_prefix("netassay trace ")).unwrap_or_default();
    if schema != SCHEMA.to_string() {
        return Err(format!("a trace file of schema {schema}; this netassay reads {SCHEMA}"));
    }
    let (mut name, mut dut, mut version, mut dimensions) = (None, None, None, None);
    for line in lines {
        let (key, value) =
            line.split_once(": ").or(line.strip_suffix(':').map(|key| (key, ""))).unwrap_or((line, ""));
        match key {
            "name" => name = Some(lines::unescape(value)?),
            "dut" => dut = Some(lines::unescape(value)?),
            "version" => version = Some(lines::unescape(value)?),
            "dimensions" => dimensions = Some(parse_dimensions(value)?),
            _ => return Err(format!("`{line}` is no line of a trace file's header")),
        }
    }
    let recorded = match (dut, version, dimensions) {
        (Some(dut), Some(version), Some(dimensions)) => Some(RecordedDut { dut, version, dimensions }),
        (None, None, None) => None,
        _ => return Err("of `dut:`, `version:` and `dimensions:` some are missing".to_owned()),
    };
    let file = format!("{} (scenario)", path.display());
    let scenario = scenario_file::parse(&file, scenario).map_err(|error| error.to_string())?;
    let name = name.ok_or("the trace has no name")?;
    Ok(TraceHeader { name, scenario: Arc::new(scenario), recorded })
}

fn parse_dimensions(names: &str) -> Result<Dimensions, String> {
    names.split_ascii_whitespace().try_fold(Dimensions::NONE, |all, name| {
        let found = Dimension::ALL.into_iter().find(|dimension| dimension.name() == name);
        found.map(|dimension| all.with(dimension)).ok_or_else(|| format!("`{name}` is no dimension"))
    })
}

fn expected_interfaces(scenario: &Scenario) -> Vec<(String, i32)> {
    let of_scenario = scenario.interfaces.iter().map(|interface| {
        let link_type = if interface.link == LinkKind::Ip { 101 } else { 1 };
        (interface.name.clone(), link_type)
    });
    of_scenario.chain([(OWN_INTERFACE.to_owned(), 147)]).collect()
}

/// Reads a whole trace without what was observed.
///
/// # Errors
/// If the file is no trace file, or breaks off.
pub fn read_trace(path: &Path) -> Result<Trace, CaptureError> {
    let Some(reader) = TraceReader::open(path)? else {
        let path = PathBuf::from(path);
        return Err(CaptureError::NotATrace { path });
    };
    let header = reader.header().clone();
    let steps = reader.collect::<Result<Vec<_>, _>>()?;
    Ok(trace_of(&header, steps))
}
